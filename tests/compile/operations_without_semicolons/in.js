const a = 1
fn(a)
get(a)
let b
post(b)
