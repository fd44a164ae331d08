// ends: crash CompileError
// why: `with`, which would let an object stand between a job and its names, is sloppy mode's.
fn((state) => {
  with (state) return data;
});
