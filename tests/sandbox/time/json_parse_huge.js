// limit: memory=64 step=300
// ends: kill timeout
// why: JSON.parse has no check inside, and V8's interpreter looks for orders not at every turn of a loop but when a budget of bytecodes
// is used up: after some thousand turns of this one.
fn(() => {
  const text = `[${"[1,2,3],".repeat(100_000)}0]`;
  while (true) JSON.parse(text);
});
