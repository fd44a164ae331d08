export default [
  state => {
    Promise.reject(new Error("nobody listens"));
    return state;
  },
];
