// nothing to do yet
export default [];
