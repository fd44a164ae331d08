// limit: memory=48
// ends: kill oom
// why: long-lived and short-lived objects interleaved, so that pages are swept while they fill (isolated-vm heap-limit-incremental-sweep).
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) {
    const page = Array.from({ length: 100 }, () => new Array(50).fill(i));
    if (i % 2) kept.push(page[i % 100], page[(i * 3) % 100]);
  }
});
