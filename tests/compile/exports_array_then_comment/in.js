fn(1);
export default []; // all

// The end.
