// The way that a calm week takes. As the example comes it never runs: its edge's condition is false.
export default [
  (state) => {
    console.log(`nothing of magnitude ${state.alertFrom} or more`);
    return state;
  },
];
