// ends: success
// output: {"reached":[]}
// why: the operations' array, its elements and `execute` are called by ours; by no way does a job get ours in return.
const reached = [];
const operations = [
  function () {
    reached.push(...[this, new.target, arguments.length > 1 ? "arguments" : undefined].filter((value) => value !== undefined).map(String));
    return { reached };
  },
];
export default operations;
