// limit: memory=48 step=3000
// ends: kill oom
// why: btoa makes four bytes of three, by the host.
fn(() => {
  let text = "x".repeat(1 << 20);
  while (true) text = btoa(text);
});
