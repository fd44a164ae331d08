export default [
  state => {
    console.log("said");
    console.warn("warned");
    console.error("wrong");
  },
];
