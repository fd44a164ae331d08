export default [() => ({ ok: true })];
