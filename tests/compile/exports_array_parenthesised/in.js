fn(1);
export default ([]);
