// limit: step=1000
// ends: kill oom | kill timeout | fail StateEncodeError
// why: an array of length 2^32-1 that holds nothing: written, it is 20 GB of nulls. (Which limit is first depends on the machine.)
fn(() => ({ data: new Array(2 ** 32 - 1) }));
