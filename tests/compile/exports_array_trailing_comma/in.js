fn(1);
export default [
  get(2), // two
];
