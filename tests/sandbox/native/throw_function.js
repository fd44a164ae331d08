// ends: fail JobError
// why: a class is thrown: its name is that of a class, its stack is what it says.
fn(() => {
  throw class Thrown { static stack = 7; static message = Symbol("x"); static cause = Thrown; static errors = [Thrown]; };
});
