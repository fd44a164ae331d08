// input: {"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"data":{"__proto__":{"y":2}}}
// ends: success
// output: {"polluted":false,"own":["__proto__","constructor","data","configuration"],"y":false}
// why: JSON with a key __proto__ is a property, never a prototype, at every level.
fn((state) => ({
  polluted: {}.admin !== undefined || {}.x !== undefined,
  own: Object.keys(state),
  y: state.data.y !== undefined,
}));
