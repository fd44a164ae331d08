// ends: fail JobError | fail RuntimeError
// why: an error with the text of a refused import, without any import.
fn(() => {
  throw new Error('cannot import "x": a job imports the adaptors of its step and nothing else');
});
