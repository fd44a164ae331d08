// limit: memory=48
// ends: kill oom
// why: registrations with held values are kept by the registry.
fn(() => {
  const registry = new FinalizationRegistry(() => {});
  const kept = [];
  while (true) {
    const target = {};
    kept.push(target);
    registry.register(target, new Array(20));
  }
});
