// limit: memory=64 step=300
// ends: kill timeout
// why: a getter deep in the state, read by JSON.stringify within the encoder.
fn(() => ({ data: [[[[[{ get x() { while (true); } }]]]]] }));
