fn(1);
export default s => s;
