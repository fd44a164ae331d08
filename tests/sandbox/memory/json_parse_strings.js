// limit: memory=48
// ends: kill oom
// why: JSON.parse of many distinct keys: shapes and internalized strings instead of elements.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) kept.push(JSON.parse(`{"k${i}":{"l${i}":"${i}"}}`));
});
