// ends: success | crash RuntimeCrash | fail RuntimeError
// why: the array of operations changes while it is checked and run. (What is no function then is an error.)
const operations = [(state) => state, (state) => state];
Object.defineProperty(operations, 1, { get() { operations.length = 1; operations.push(1, 2, 3); return (state) => state; } });
export default operations;
