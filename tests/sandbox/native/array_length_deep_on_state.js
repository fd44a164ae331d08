// limit: step=1000
// ends: kill oom | kill timeout | fail StateEncodeError
// why: the same where JSON.stringify finds it and not the encoder. (V8 refuses the length of the text.)
fn(() => ({ data: { a: { b: { c: { d: [new Array(2 ** 32 - 1)] } } } } }));
