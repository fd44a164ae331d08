// limit: memory=64 step=300
// ends: kill timeout
// why: the loop runs in a timer's callback, below deno_core's own code.
fn(() =>
  new Promise(() =>
    setTimeout(() => {
      while (true);
    }, 10)
  )
);
