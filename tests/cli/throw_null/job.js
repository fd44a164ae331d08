export default [() => { throw null; }];
