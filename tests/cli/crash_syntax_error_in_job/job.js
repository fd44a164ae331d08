export default [
  state => {
    return state.data.;
  },
];
