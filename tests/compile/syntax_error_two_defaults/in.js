export default [];
export default [];
