// ends: success
// output: {"sum":500000}
// why: half a million promises in one turn.
fn(async () => {
  let sum = 0;
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 50_000 }, async () => { await null; sum++; }));
  return { sum };
});
