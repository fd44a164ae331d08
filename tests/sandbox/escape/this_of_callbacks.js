// ends: success
// output: {"foreign":[]}
// why: what `this` and the arguments are where the host calls a job: in timers, microtasks, listeners, streams, operations.
fn(async function () {
  const foreign = [];
  const check = (name) =>
    function (...given) {
      if (this !== undefined && this !== globalThis && !(this instanceof Object) && this !== null) foreign.push(name);
      for (const value of given) if (typeof value === "function" && !(value instanceof Function)) foreign.push(`${name} argument`);
    };
  check("operation").call(this);
  setTimeout(check("timer"), 0);
  queueMicrotask(check("microtask"));
  const target = new EventTarget();
  target.addEventListener("x", check("listener"));
  target.dispatchEvent(new Event("x"));
  new ReadableStream({ start: check("start"), pull: check("pull"), cancel: check("cancel") }, { size: check("size") }).cancel();
  await new Promise((resolve) => setTimeout(resolve, 5));
  return { foreign };
});
