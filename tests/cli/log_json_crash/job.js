export default [() => nowhere];
