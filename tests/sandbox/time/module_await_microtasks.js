// limit: memory=64 step=300
// ends: kill timeout
// why: a top-level await within an endless chain of microtasks.
while (true) await null;
export default [(state) => state];
