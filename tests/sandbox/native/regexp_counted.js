// limit: step=1000
// ends: crash RuntimeCrash | fail RuntimeError | kill timeout | kill oom | success
// why: counted groups multiply in the compiled code. (What gives first is V8's choice.)
fn(() => ({ ok: /((((((a{100}){100}){100}){100}){100}){100})/.test("a".repeat(1000)) }));
