// limit: memory=64 step=300
// ends: kill timeout
// why: arguments that functions of ours turn into numbers and strings: setTimeout's delay, atob's text, URL's parts.
fn(() => {
  const slow = { [Symbol.toPrimitive]() { while (true); } };
  setTimeout(() => {}, slow);
  atob(slow);
  new URL(slow);
});
