// ends: fail JobError
// events: 300
// why: an error that carries 10 MB and a million keys.
fn(() => {
  throw Object.assign(new Error("x"), { text: "x".repeat(10 << 20), list: new Array(1_000_000).fill(0) });
});
