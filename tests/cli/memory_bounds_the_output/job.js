// Little of it is in the heap: 40 keys, one text of 1 MB.
export default [
  () => {
    const text = 'x'.repeat(1 << 20);
    return Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`key${i}`, text]));
  },
];
