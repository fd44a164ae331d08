// limit: memory=48
// ends: kill oom
// why: a class in a loop: maps, prototypes and private names.
fn(() => {
  const kept = [];
  while (true) kept.push(class { #x = 1; get x() { return this.#x; } static y() {} });
});
