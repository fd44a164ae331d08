// ends: success
// output: {"same":true,"admin":false}
// why: the same on its way out of one step and into the next.
fn(() => ({ data: JSON.parse('{"__proto__":{"admin":true}}') }));
// --- next step
fn((state) => ({ same: Object.getPrototypeOf(state.data) === Object.prototype, admin: state.data.admin === true }));
