// limit: memory=64 step=300
// ends: kill timeout
// why: a getter at the top of the state, read by the encoder.
fn(() => ({ get data() { while (true); } }));
