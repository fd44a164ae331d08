// ends: success
// output: {"kept":true}
// why: half characters in keys and values stay what they are, from step to step.
export default [() => ({ "\uD800": "\uD800", list: ["\uDC00x", "a\uD83D"], pair: "\uD83D" + "\uDE00" })];
// --- next step
export default [(state) => ({ kept: state["\uD800"] === "\uD800" && state.list[0] === "\uDC00x" && state.list[1] === "a\uD83D" && state.pair === "\u{1F600}" })];
