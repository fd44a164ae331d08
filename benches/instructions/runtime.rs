//! How many instructions does it take to set up a step's view of a state, and to encode what the step made of it?

use bytes::Bytes;
use fulgurite_runtime::bench::Warm;
use fulgurite_state::{IndexOptions, State};

mod counted;
#[path = "../shapes/mod.rs"]
mod shapes;

const SIZE: usize = 100 << 10;

/// V8 learns from what it runs, so nothing is counted at first.
const BEFORE: usize = 20;
const TIMES: usize = 50;

/// An isolate that does the same whenever it is asked: one thread, fixed seeds, and room for all that becomes garbage while it
/// counts.
fn repeat(text: String, mut once: impl FnMut(&mut Warm, &State, &mut dyn FnMut(&mut dyn FnMut()))) {
    let seeds = ["--random-seed=1", "--hash-seed=1"];
    let flags = ["", "--single-threaded", "--predictable", "--min-semi-space-size=64", "--max-semi-space-size=64"];
    deno_core::v8_set_flags(flags.into_iter().chain(seeds).map(String::from).collect());
    fulgurite_runtime::initialize();
    let options = IndexOptions::default();
    let state = State::parse(Bytes::from(text), &options).expect("JSON");
    let mut warm = Warm::new(options);
    for _ in 0..BEFORE {
        once(&mut warm, &state, &mut |work| work());
    }
    warm.collect();
    for _ in 0..TIMES {
        once(&mut warm, &state, &mut |work| counted::counted(work));
    }
}

fn view(text: String) {
    repeat(text, |warm, state, measured| warm.view(state, measured));
}

fn encode(function: &str) {
    repeat(shapes::bundle(SIZE), |warm, state, measured| warm.encode(function, state, measured));
}

fn main() {
    counted::main(&[
        ("view_bundle_100kb", || view(shapes::bundle(SIZE))),
        ("view_wide_100kb", || view(shapes::wide(SIZE))),
        ("encode_untouched_100kb", || encode("state => state")),
        ("encode_one_key_100kb", || encode("state => { state.cursor += 'x'; return state; }")),
        ("encode_rewritten_100kb", || encode("state => JSON.parse(JSON.stringify(state))")),
    ]);
}
