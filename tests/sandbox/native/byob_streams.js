// ends: success
// output: {"ok":true}
// why: byte streams hand buffers to and fro: detached, empty, too large, answered twice, given back shorter.
fn(async () => {
  const answers = [
    (request, controller) => request.respond(0),
    (request) => request.respond(2 ** 40),
    (request) => request.respondWithNewView(new Uint8Array(1)),
    (request) => { request.view.buffer.transfer(); request.respond(1); },
    (request) => { structuredClone(request.view, { transfer: [request.view.buffer] }); request.respondWithNewView(request.view); },
    (request, controller) => { controller.enqueue(request.view); request.respond(1); },
    (request, controller) => { controller.close(); request.respond(0); request.respond(0); },
    (request, controller) => controller.error(new Error("x")),
    (request, controller) => { controller.enqueue(new Uint8Array(0)); },
    (request, controller) => { controller.enqueue(new DataView(new ArrayBuffer(3), 1)); controller.enqueue(new Float64Array(2)); },
  ];
  for (const answer of answers) {
    const stream = new ReadableStream({ type: "bytes", autoAllocateChunkSize: 16, pull(controller) { try { answer(controller.byobRequest, controller); } catch { controller.error(new Error("y")); } } });
    try {
      const reader = stream.getReader({ mode: "byob" });
      const reads = [new Uint8Array(8), new Float64Array(2), new DataView(new ArrayBuffer(5), 2, 3), new Uint8Array(new ArrayBuffer(8), 4)].map((view) => reader.read(view, { min: 1 }).catch(() => {}));
      await Promise.race([Promise.all(reads), new Promise((resolve) => setTimeout(resolve, 2))]);
      reader.cancel().catch(() => {});
    } catch {
      continue;
    }
  }
  return { ok: true };
});
