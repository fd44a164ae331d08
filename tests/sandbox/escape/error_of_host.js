// ends: success
// output: {"foreign":[]}
// why: errors that the host throws are of this realm, too: through their constructors nothing is reached.
fn(async () => {
  const foreign = [];
  const attempts = {
    url: () => new URL("::"),
    atob: () => atob("\u{1F600}"),
    clone: () => structuredClone(Symbol()),
    decoder: () => new TextDecoder("nothing"),
    random: () => crypto.getRandomValues(new Uint8Array(70_000)),
    stream: () => new ReadableStream({ type: "nothing" }),
    timer: () => setTimeout(1),
    pattern: () => new URLPattern({ pathname: "(" }),
    compression: () => new CompressionStream("nothing"),
    blob: () => new Blob(1),
    import: () => import("nothing"),
    recursion: () => {
      const deep = () => deep();
      deep();
    },
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      foreign.push(`${name} did not throw`);
    } catch (error) {
      if (!(error instanceof Error) || !(error.constructor instanceof Function)) foreign.push(name);
      try {
        error.constructor.constructor("return 1")();
        foreign.push(`${name} makes code`);
      } catch {
        continue;
      }
    }
  }
  return { foreign };
});
