// ends: success | fail StateEncodeError | kill oom | kill timeout
// limit: memory=64 step=500
// why: a graph in which everything leads to everything; the careful pass must not write it out for ever. (All paths through it are more than any limit.)
fn(() => {
  const nodes = Array.from({ length: 12 }, (_, id) => ({ id, to: [] }));
  for (const node of nodes) node.to.push(...nodes);
  return { nodes };
});
