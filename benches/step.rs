//! What does a step cost on top of the job's own code? One warm isolate, the module loaded; view + run + encode for a state that
//! is not touched, of which one key is touched, and of which everything is; against the floor, bare `JSON.parse` +
//! `JSON.stringify` + copy in the same isolate.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use fulgurite_runtime::bench::{Warm, cold_start};
use fulgurite_state::{IndexOptions, State};

mod shapes;

const UNTOUCHED: &str = "export default [state => state];";
const ONE_KEY: &str = "export default [state => { state.cursor = state.cursor + 'x'; return state; }];";
const EVERYTHING: &str =
    "export default [state => { state.data.entry[0]; state.references; state.cursor; return state; }];";

fn step(c: &mut Criterion) {
    fulgurite_runtime::initialize();
    let mut group = c.benchmark_group("step");
    for (name, size) in shapes::SIZES {
        let text = Bytes::from(shapes::bundle(size));
        group.throughput(Throughput::Bytes(text.len() as u64));
        if size >= 10 << 20 {
            group.sample_size(10);
        }
        let options = IndexOptions::default();
        for (what, code) in [("untouched", UNTOUCHED), ("one_key", ONE_KEY), ("everything", EVERYTHING)] {
            let mut warm = Warm::new(options);
            let job = warm.load(code);
            group.bench_with_input(BenchmarkId::new(what, name), &text, |b, text| {
                b.iter(|| warm.step(&job, &State::parse(text.clone(), &options).unwrap()));
            });
        }
        let mut warm = Warm::new(options);
        group.bench_with_input(BenchmarkId::new("floor", name), &text, |b, text| b.iter(|| warm.floor(text)));
    }
    group.finish();
}

/// An empty step over an empty state: all of it is ours.
fn empty_step(c: &mut Criterion) {
    fulgurite_runtime::initialize();
    let mut warm = Warm::new(IndexOptions::default());
    let job = warm.load(UNTOUCHED);
    let state =
        State::parse(&br#"{"data":{},"references":[],"configuration":{}}"#[..], &IndexOptions::default()).unwrap();
    c.bench_function("empty_step", |b| b.iter(|| warm.step(&job, &state)));
}

/// From nothing to the first line of user code.
fn first_line(c: &mut Criterion) {
    fulgurite_runtime::initialize();
    c.bench_function("cold_start", |b| b.iter_custom(|n| (0..n).map(|_| cold_start().0).sum()));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    empty_step(&mut criterion);
    first_line(&mut criterion);
    step(&mut criterion);
    criterion.final_summary();
}
