// input: {"a":{"b":{"c":1}}}
// limit: memory=48
// ends: success
// output: {"left":1}
// why: WeakRefs to views of states whose steps have ended, asked after many collections.
fn((state) => {
  globalThis.refs = [new WeakRef(state), new WeakRef(state.a)];
  globalThis.kept = state.a;
  return {};
});
// --- next step
fn(async () => {
  for (let i = 0; i < 40; i++) {
    new Array(200_000).fill(i);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const alive = globalThis.refs.map((ref) => ref.deref());
  return { left: alive[1].b.c };
});
