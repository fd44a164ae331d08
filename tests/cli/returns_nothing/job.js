export default [() => undefined];
