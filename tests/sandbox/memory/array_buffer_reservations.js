// ends: fail RuntimeError
// why: address space without memory: reservations of 1 TB each, until there is none left for anybody in the process.
fn(() => {
  const kept = [];
  while (true) kept.push(new ArrayBuffer(0, { maxByteLength: 2 ** 40 }));
});
