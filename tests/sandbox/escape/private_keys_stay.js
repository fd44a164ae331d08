// ends: success
// output: {"data":{},"seen":false}
// why: private keys of a step are not in the run's result, whatever hides them.
fn((state) => ({ ...state, _token: "secret" }));
// --- next step
fn((state) => {
  const seen = JSON.stringify(Object.keys(state)).includes("secret");
  return Object.create(null, {
    data: { value: state.data, enumerable: true },
    _token: { value: state._token, enumerable: true },
    seen: { value: seen, enumerable: true },
  });
});
