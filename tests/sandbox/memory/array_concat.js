// limit: memory=48
// ends: kill oom
// why: concat allocates its whole result at once.
fn(() => {
  let all = new Array(1000).fill("x");
  while (true) all = all.concat(all, all);
});
