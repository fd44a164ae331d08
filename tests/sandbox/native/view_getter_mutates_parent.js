// input: {"a":{"x":1},"b":{"y":2},"c":{"z":3},"d":[1,2,3]}
// ends: success
// why: a getter of the state deletes and adds what the encoder is about to read, untouched as it is.
fn((state) => {
  Object.defineProperty(state, "b", {
    enumerable: true,
    get() {
      delete state.c;
      state.d = "new";
      state.e = 1;
      delete state.a;
      return 1;
    },
  });
  return state;
});
