// input: {"a":{"b":{"c":{"d":[1,2,3]}}},"e":{"f":1},"g":{"h":1}}
// ends: success
// why: lazy properties are first read where the stack is full: the getter of ours fails there, and must work later.
fn((state) => {
  const deep = () => {
    try {
      deep();
    } catch {
      try {
        state.a.b.c.d[0] + state.e.f;
      } catch {
        return;
      }
    }
  };
  deep();
  return state;
});
