export default [s => s];
