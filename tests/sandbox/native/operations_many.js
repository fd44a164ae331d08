// limit: step=1000
// ends: success | kill timeout
// why: 200,000 operations in one step. (A debug build may be too slow for them.)
export default new Array(200_000).fill((state) => state);
