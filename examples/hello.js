// The smallest job that does something: a list of operations, each of which gets the state and returns the next one.
export default [
  (state) => {
    console.log("hello from inside the isolate");
    return { ...state, answer: 6 * 7 };
  },
];
