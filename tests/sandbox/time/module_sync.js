// limit: memory=64 step=300
// ends: kill timeout
// why: a loop while the module is evaluated; ending it there used to crash V8 (rusty_v8#830).
while (true);
export default [(state) => state];
