a.js
export default [];
