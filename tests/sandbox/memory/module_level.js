// limit: memory=48
// ends: kill oom
// why: while a module is evaluated, a termination meets other code of deno_core's than while a step runs.
const all = [];
while (true) all.push({});
export default [(state) => state];
