fn(1);
get(2);
export default [];
