// ends: success
// why: keys come and go while they are walked.
fn(() => {
  const data = { get a() { delete data.b; data.c = { get d() { delete data.c; return 1; } }; return 1; }, b: 1, z: { y: 1 } };
  return data;
});
