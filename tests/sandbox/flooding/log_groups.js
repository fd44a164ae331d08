// ends: success
// why: groups indent each line by two more: ten thousand of them make each line 20 kB.
fn(() => {
  for (let i = 0; i < 2000; i++) console.group?.("x");
  for (let i = 0; i < 100; i++) console.log("x");
  return { ok: true };
});
