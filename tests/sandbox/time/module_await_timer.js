// limit: memory=64 step=300
// ends: kill timeout
// why: a top-level await of a timer that is far away.
await new Promise((resolve) => setTimeout(resolve, 1e9));
export default [(state) => state];
