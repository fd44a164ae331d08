// ends: success
// why: 4000 levels are allowed, out of one step and into the next, which touches them.
fn(() => {
  let value = [];
  for (let i = 0; i < 4000; i++) value = [value];
  return { data: value };
});
// --- next step
fn((state) => {
  let depth = 0;
  for (let at = state.data; at.length; at = at[0]) depth++;
  return { depth, data: state.data };
});
