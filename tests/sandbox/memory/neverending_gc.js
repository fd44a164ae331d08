// limit: memory=48
// ends: kill oom
// why: stays as near to the limit as it can, dropping a little and adding a little more, so that V8 collects over and over and
// gives up by itself with "ineffective mark-compacts", which ends the process (isolated-vm neverending-gc).
fn(() => {
  const kept = [];
  for (let round = 0; ; round++) {
    for (let i = 0; i < 1000; i++) kept.push(`${round}:${i}:${"x".repeat(i % 50)}`);
    if (round % 3 === 0) kept.length -= 990;
  }
});
