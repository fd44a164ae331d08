export default [() => new Promise(() => {})];
