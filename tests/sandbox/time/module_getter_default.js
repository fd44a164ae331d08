// limit: memory=64 step=300
// ends: kill timeout
// why: the operations are read by code of ours; here they are a Proxy that never answers.
export default new Proxy([(state) => state], {
  get() {
    while (true);
  },
});
