// ends: success
// output: {"data":1}
// why: a Proxy goes through JSON.stringify as a whole; what no output has comes off all the same.
fn(() => new Proxy({ data: 1, _token: "secret", configuration: { password: "secret" }, response: {} }, {}));
