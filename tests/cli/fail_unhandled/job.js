export default [
  state => ({ ...state, first: true }),
  state => {
    throw new Error("no luck");
  },
];
