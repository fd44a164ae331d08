export default [() => { throw "just text"; }];
