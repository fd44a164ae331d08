// limit: memory=48
// ends: kill oom
// why: V8's queue of microtasks is outside of its heap.
fn(() => {
  while (true) queueMicrotask(() => {});
});
