export default [() => {
  const all = [];
  for (;;) all.push({ more: all.length });
}];
