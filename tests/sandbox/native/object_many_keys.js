// limit: memory=300
// ends: success
// why: 200,000 keys, each written and read by itself.
fn(() => {
  const data = {};
  for (let i = 0; i < 200_000; i++) data[`k${i}`] = i;
  return { data };
});
