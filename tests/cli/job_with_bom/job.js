export default [s => ({ ok: true })];
