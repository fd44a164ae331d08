// ends: fail StateEncodeError
// why: a getter that reads itself, called by the encoder.
fn(() => ({
  get data() {
    return this.data;
  },
}));
