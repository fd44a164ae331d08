// ends: success
// output: {"data":[1,2,3],"wrong":false}
// why: Symbol.species, hasInstance, isConcatSpreadable and toPrimitive on what the host gets into its hands.
fn(() => {
  let wrong = false;
  const list = [1, 2, 3];
  list.constructor = { [Symbol.species]: function () { wrong = true; return {}; } };
  list[Symbol.isConcatSpreadable] = false;
  list[Symbol.toPrimitive] = () => { wrong = true; };
  return { data: list, get wrong() { return wrong; } };
});
