fn(1);
export default [get(2), s => s];
