// The smallest job that does something: one operation, which gets the state and returns the next one.
fn((state) => {
  console.log("hello from inside the isolate");
  return { ...state, answer: 6 * 7 };
});
