// a comment
export default [
  state => {
    return stat.data;
  },
];
