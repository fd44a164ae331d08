export default [s => ({ ...s, one: 1 })];
