// ends: success
// output: {"rows":"[stream]"}
// why: an endless stream on the state is handed on and never read.
fn(() => ({ rows: new ReadableStream({ pull: (controller) => controller.enqueue(1) }) }));
