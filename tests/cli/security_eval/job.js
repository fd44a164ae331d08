export default [() => eval('1 + 1')];
