// input: {"configuration":{"password":"secret"},"data":{}}
// ends: fail JobError
// output: {"data":{},"errors":{"job":{"source":"runtime","name":"JobError","severity":"fail","message":"x","pos":{"line":6,"column":23,"src":"  throw Object.assign(new Error(\"x\"), { configuration: state.configuration, _x: 1 });"},"step":"job"}}}
// why: a job that throws its whole state gets no credential out by that.
fn((state) => {
  throw Object.assign(new Error("x"), { configuration: state.configuration, _x: 1 });
});
