// ends: kill idle
// why: a top-level await that nothing can settle.
await new Promise(() => {});
export default [(state) => state];
