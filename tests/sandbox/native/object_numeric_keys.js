// ends: success
// why: integer keys, the greatest index and its neighbours, negative zero and exponents as keys.
fn(() => ({ data: { 4294967295: 1, 4294967294: 2, 4294967296: 3, "-0": 4, "1e3": 5, 0: 6, "00": 7, 9007199254740993: 8 } }));
// --- next step
fn((state) => ({ data: { ...state.data, 1: 1 } }));
