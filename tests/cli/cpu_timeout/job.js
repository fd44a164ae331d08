export default [
  () => {
    for (;;);
  },
];
