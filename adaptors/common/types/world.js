// @ts-check
// What is around a job.

fn(state => {
  console.success("good", state);
  console.always(1);
  console.print(2);
  console.confirm(3);
  console.debug(state.errors?.["step-1"]?.message?.length, state.response, state.configuration.password);
  console.table([{ a: 1 }]);

  const url = new URL("/x?y=1", "https://example.com");
  url.searchParams.set("z", String(state.index ?? 0));
  for (const [key, value] of url.searchParams) console.info(key.trim(), value.trim());

  const timer = setTimeout(() => {}, 10);
  clearTimeout(timer);
  clearInterval(setInterval(text => console.log(text.length), 10, "text"));
  queueMicrotask(() => {});

  const bytes = new TextEncoder().encode(atob(btoa("x")));
  const text = new TextDecoder().decode(crypto.getRandomValues(bytes));
  return { ...structuredClone({ text }), id: crypto.randomUUID().length, took: performance.now(), item: state.item };
});

fn(async state => {
  const abort = new AbortController();
  abort.signal.addEventListener("abort", () => console.warn(abort.signal.reason));
  const lines = ReadableStream.from(["a", "b"])
    .pipeThrough(new TextEncoderStream())
    .pipeThrough(new CompressionStream("gzip"))
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(new TextDecoderStream(), { signal: abort.signal })
    .pipeThrough(new TransformStream({ transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()) }));
  for await (const line of lines) console.log(line);
  const blob = new Blob(["x", new Uint8Array(2)], { type: "text/plain" });
  const file = new File([blob], "x.txt");
  return { ...state, size: file.size, text: await blob.text() };
});

fn(async state => {
  const answer = await call("send-one", { ...state, data: state.data[0] }, { follow: false });
  await call("note");
  return { ...state, sent: answer.data };
});

fn(/** @param {State} state */ state => {
  /** @type {Operation} */
  const operation = fn(s => s);
  return operation(state);
});

// The network, and what belongs to it.
fn(async (state) => {
  const response = await fetch("https://example.org/patients", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(state.data),
    signal: AbortSignal.timeout(5000),
  });
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(await response.text()));
  return { ...state, data: { status: response.status, bytes: digest.byteLength } };
});
