// limit: memory=48
// ends: success
// output: {"ok":true}
// input: {"a":{"b":[1,2,3]},"c":{"d":{"e":"text"}}}
// why: views, streams and signals die in every order while the collector runs.
fn(async (state) => {
  for (let round = 0; round < 60; round++) {
    let views = Array.from({ length: 200 }, () => ({ ...state, a: structuredClone(state.a), stream: new ReadableStream(), signal: AbortSignal.any([new AbortController().signal]) }));
    views = views.filter((_, index) => index % 7 === round % 7);
    new Array(100_000).fill(round);
    await new Promise((resolve) => setTimeout(resolve, 0, views));
  }
  return { ok: true };
});
