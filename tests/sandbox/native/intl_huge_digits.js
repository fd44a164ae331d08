// ends: fail RuntimeError | success
// why: numbers of a million digits through ICU.
fn(() => ({ length: new Intl.NumberFormat("en", { minimumFractionDigits: 100 }).format(10n ** 100_000n).length }));
