// input: {"a":{"x":1}}
// ends: success | fail StateEncodeError
// why: the state is put into itself.
fn((state) => {
  state.a.self = state;
  state.self = state;
  state.list = [state, state.a];
  return state;
});
