//! What does a step cost on top of the job's own code? One warm isolate, the module loaded; view + run + encode for a state that
//! is not touched, of which one key is touched, and of which everything is; against the floor, bare `JSON.parse` +
//! `JSON.stringify` + copy in the same isolate.

use std::time::Duration;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use fulgurite_runtime::Figures;
use fulgurite_runtime::bench::{Loaded, Warm, cold_start};
use fulgurite_state::{IndexOptions, State};

mod shapes;

const UNTOUCHED: &str = "export default [state => state];";
const ONE_KEY: &str = "export default [state => { state.cursor = state.cursor + 'x'; return state; }];";
const EVERYTHING: &str =
    "export default [state => { state.data.entry[0]; state.references; state.cursor; return state; }];";

fn step(c: &mut Criterion) {
    for (name, size) in shapes::SIZES {
        let text = Bytes::from(shapes::bundle(size));
        let options = IndexOptions::default();
        let state = State::parse(text.clone(), &options).expect("JSON");
        let mut warm = Warm::new(options);
        let jobs = [("untouched", UNTOUCHED), ("one_key", ONE_KEY), ("everything", EVERYTHING)]
            .map(|(what, code)| (what, warm.load(code)));

        let mut group = group(c, "step", &text);
        for (what, job) in &jobs {
            group.bench_with_input(BenchmarkId::new(*what, name), &text, |b, text| {
                b.iter(|| warm.step(job, &State::parse(text.clone(), &options).expect("JSON")));
            });
        }
        group.bench_with_input(BenchmarkId::new("floor", name), &text, |b, text| b.iter(|| warm.floor(text)));
        group.finish();

        // The two halves of it, as the runtime itself accounts for them.
        let half = |figures: fn(&Figures) -> Duration| {
            move |warm: &mut Warm, job: &Loaded, state: &State| figures(&warm.step(job, state).1)
        };
        for (part, cost) in [("view", half(|figures| figures.view)), ("encode", half(|figures| figures.encode))] {
            let mut group = self::group(c, part, &text);
            for (what, job) in &jobs {
                group.bench_with_input(BenchmarkId::new(*what, name), &state, |b, state| {
                    b.iter_custom(|n| (0..n).map(|_| cost(&mut warm, job, state)).sum());
                });
            }
            group.finish();
        }
    }
}

fn group<'c>(c: &'c mut Criterion, name: &str, text: &Bytes) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(text.len() as u64));
    if text.len() >= 10 << 20 {
        group.sample_size(10);
    }
    group
}

/// An empty step over an empty state: all of it is ours.
fn empty_step(c: &mut Criterion) {
    let mut warm = Warm::new(IndexOptions::default());
    let job = warm.load(UNTOUCHED);
    let state =
        State::parse(&br#"{"data":{},"references":[],"configuration":{}}"#[..], &IndexOptions::default()).unwrap();
    c.bench_function("empty_step", |b| b.iter(|| warm.step(&job, &state)));
}

/// From nothing to the first line of user code.
fn first_line(c: &mut Criterion) {
    c.bench_function("cold_start", |b| b.iter_custom(|n| (0..n).map(|_| cold_start().0).sum()));
}

fn main() {
    fulgurite_runtime::initialize();
    let mut criterion = Criterion::default().configure_from_args();
    empty_step(&mut criterion);
    first_line(&mut criterion);
    step(&mut criterion);
    criterion.final_summary();
}
