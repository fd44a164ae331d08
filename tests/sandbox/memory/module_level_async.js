// limit: memory=48
// ends: kill oom
// why: the same after a top-level await.
const all = [];
while (true) {
  for (let i = 0; i < 1000; i++) all.push({});
  await null;
}
export default [(state) => state];
