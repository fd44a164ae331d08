export default [() => { throw new Error('one\ntwo\u001b[31m'); }];
