// ends: kill security
// why: host functions made in another context would have that context's Function (peers.md: setTimeout.constructor reached the host).
fn(() => setTimeout.constructor("return process")());
