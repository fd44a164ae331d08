// ends: success
// output: {"made":[]}
// why: classes that a job may not make by itself would be keys to the host's insides.
fn(() => {
  const made = [];
  for (const Kind of [AbortSignal, Performance, ReadableStreamDefaultController, ReadableByteStreamController, ReadableStreamBYOBRequest, WritableStreamDefaultController, TransformStreamDefaultController]) {
    for (const given of [[], [undefined], [Symbol("illegal")], [Symbol.for("Deno.internal")]]) {
      try {
        new Kind(...given);
        made.push(Kind.name);
      } catch {
        continue;
      }
    }
  }
  return { made };
});
