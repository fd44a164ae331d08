// limit: memory=64 step=300
// ends: kill timeout
// why: V8 150 leaves the interrupt check out of a loop around an inner loop without one; see runtime/src/lib.rs.
fn(() => {
  while (true) new Array(1000).fill(0);
});
