export default [
  state => {
    console.debug("a detail");
    console.log("hello", { n: state.data.n });
    console.warn("careful");
    console.error("two\nlines");
    console.log("steer \u001b[2J the terminal");
    return state;
  },
];
