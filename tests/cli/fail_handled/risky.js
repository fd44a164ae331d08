export default [
  () => {
    throw new TypeError("not today");
  },
];
