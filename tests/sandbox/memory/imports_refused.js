// limit: memory=48 step=1500
// ends: kill timeout | kill oom
// why: every refused import has a name; none may be remembered for ever. (Whichever comes first.)
fn(async () => {
  for (let i = 0; ; i++) {
    try {
      await import(`${"x".repeat(10_000)}${i}`);
    } catch {
      continue;
    }
  }
});
