//! What does it cost to check a state and index its top levels? Ours against readers that people would use instead: each
//! answers at least "is it JSON, and where are the top levels" or as near to it as it comes.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use fulgurite_state::internals::{Engine, scan_with};
use fulgurite_state::{IndexOptions, State};

mod shapes;

fn index(c: &mut Criterion) {
    let mut group = c.benchmark_group("index");
    for (name, size) in shapes::SIZES {
        let text = Bytes::from(shapes::bundle(size));
        group.throughput(Throughput::Bytes(text.len() as u64));
        if size >= 10 << 20 {
            group.sample_size(10);
        }
        let options = IndexOptions::default();
        group.bench_with_input(BenchmarkId::new("fulgurite", name), &text, |b, text| {
            b.iter(|| State::parse(text.clone(), &options).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("fulgurite_portable", name), &text, |b, text| {
            b.iter(|| scan_with(Engine::Portable, text, &options).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("serde_json_ignored_any", name), &text, |b, text| {
            b.iter(|| black_box(serde_json::from_slice::<serde::de::IgnoredAny>(text).unwrap()));
        });
        group.bench_with_input(BenchmarkId::new("sonic_rs_object_iter", name), &text, |b, text| {
            b.iter(|| sonic_rs::to_object_iter(text).map(|entry| entry.unwrap().1.as_raw_str().len()).sum::<usize>());
        });
        // simd-json writes into its input, so it gets a copy; the copy is not timed.
        group.bench_with_input(BenchmarkId::new("simd_json_tape", name), &text, |b, text| {
            b.iter_batched_ref(
                || text.to_vec(),
                |text| black_box(simd_json::to_tape(text).unwrap().0.len()),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn shapes_of_text(c: &mut Criterion) {
    let mut group = c.benchmark_group("index_shapes");
    for (name, text) in [
        ("numbers", shapes::numbers(4 << 20)),
        ("one_string", shapes::one_string(4 << 20)),
        ("escapes", shapes::escapes(4 << 20)),
    ] {
        let text = Bytes::from(text);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| State::parse(text.clone(), &IndexOptions::default()).unwrap()));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    index(&mut criterion);
    shapes_of_text(&mut criterion);
    criterion.final_summary();
}
