// @ts-check
// Each of these is a mistake, and has to be reported: an unused @ts-expect-error is an error itself.

// @ts-expect-error: no function
fn({});
// @ts-expect-error: forgets to return the state
fn(state => { state.data = 1; });
// @ts-expect-error: forgets to return the state
fn(async state => { state.data = 1; });
// @ts-expect-error: no operation
each("$.data[*]");
// @ts-expect-error: no source
each(5, fn(state => state));
// @ts-expect-error: no operation
combine(fn(state => state), "x");
// @ts-expect-error: no list
map({ a: 1 }, item => item);
// @ts-expect-error: no field
fields("a", 1);
// @ts-expect-error: no string
dataValue(5);
// @ts-expect-error: a format is a function
cursor("today", { format: "yyyy-MM-dd" });
// @ts-expect-error: misspelt option
cursor("today", { default: 1 });
// @ts-expect-error: misspelt
fn(state => { console.sucess(state); return state; });
// @ts-expect-error: text is not code here
fn(state => { setTimeout("done()", 10); return state; });
// @ts-expect-error: a promise is no state
fn(state => call("next").data);
// @ts-expect-error: misspelt option
fn(state => call("next", state, { folow: true }));
// @ts-expect-error: not here
fn(state => { process.exit(); return state; });
// @ts-expect-error: not here
const fs = require("fs");
// @ts-expect-error: not here
fn(state => ({ ...state, data: Buffer.from("x") }));
// @ts-expect-error: not here
fn(state => new WebSocket("wss://example.com"));
// @ts-expect-error: no adaptor has it
gett("/x");
// @ts-expect-error: not an operation's
fn(state => state).finally(() => {});
