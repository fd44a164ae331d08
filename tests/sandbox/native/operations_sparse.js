// ends: crash RuntimeCrash
// why: 2^32-1 operations, none of which is one.
export default new Array(2 ** 32 - 1);
