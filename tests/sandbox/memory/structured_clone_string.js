// limit: memory=48 step=3000
// ends: kill oom | fail JobError
// why: a rope of 128 MB is flattened, copied into the serializer's own memory and back.
fn(() => ({ length: structuredClone({ a: "x".repeat(2 ** 27) }).a.length }));
