// ends: success
// why: each operation that returns nothing is a warning: a thousand of them.
export default new Array(1000).fill(() => {});
