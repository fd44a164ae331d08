// limit: memory=48
// ends: kill oom
// why: toArray() of an endless iterator.
fn(() => ({ data: Iterator.from({ next: () => ({ done: false, value: {} }) }).map((x) => x).toArray() }));
