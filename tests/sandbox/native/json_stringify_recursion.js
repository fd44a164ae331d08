// ends: fail RuntimeError
// why: toJSON calls JSON.stringify, which calls toJSON.
fn(() => {
  const value = { toJSON: () => JSON.stringify(value) };
  return { ok: JSON.stringify(value) };
});
