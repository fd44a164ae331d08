//! What does it cost to put 10 MB of JSON into a frame as a string? Checked, measured, escaped and masked, against a copy, which
//! is the least that anybody could do, and against `serde_json`, which has to have the whole of it in memory.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use fulgurite_wire::internals::{escape, escape_portable, length, mask};

mod shapes;

const SIZE: usize = 10 << 20;
/// What the writer has for one step.
const STEP: usize = 128 << 10;

fn in_steps(
    escape: fn(&[u8], &mut [u8]) -> (usize, usize),
    text: &[u8],
    step: &mut [u8],
    masked: Option<[u8; 4]>,
) -> usize {
    let (mut rest, mut all) = (text, 0);
    while !rest.is_empty() {
        let (taken, written) = escape(rest, step);
        if let Some(key) = masked {
            mask(&mut step[..written], key, all);
        }
        black_box(&step[..written]);
        rest = &rest[taken..];
        all += written;
    }
    all
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("a_state_in_a_frame");
    let (records, prose) = (shapes::bundle(SIZE), shapes::one_string(SIZE));
    let mut step = vec![0; STEP];
    group.throughput(Throughput::Bytes(records.len() as u64)).sample_size(20);
    for (name, text) in [("records", records.as_bytes()), ("prose", prose.as_bytes())] {
        group.bench_function(format!("memcpy_10_mb_of_{name}"), |b| {
            b.iter(|| {
                for piece in text.chunks(STEP) {
                    step[..piece.len()].copy_from_slice(piece);
                    black_box(&step);
                }
            });
        });
        group.bench_function(format!("is_10_mb_of_{name}_utf8"), |b| {
            b.iter(|| simdutf8::compat::from_utf8(black_box(text)).is_ok());
        });
        group.bench_function(format!("how_long_are_10_mb_of_{name}"), |b| b.iter(|| length(black_box(text))));
        group.bench_function(format!("escape_10_mb_of_{name}"), |b| {
            b.iter(|| in_steps(escape, text, &mut step, None));
        });
        group.bench_function(format!("escape_10_mb_of_{name}_portable"), |b| {
            b.iter(|| in_steps(escape_portable, text, &mut step, None));
        });
        group.bench_function(format!("escape_and_mask_10_mb_of_{name}"), |b| {
            b.iter(|| in_steps(escape, text, &mut step, Some([1, 2, 3, 4])));
        });
        group.bench_function(format!("serde_json_10_mb_of_{name}"), |b| {
            let text = std::str::from_utf8(text).expect("it was a string");
            b.iter(|| serde_json::to_vec(black_box(text)).expect("a string").len());
        });
    }
    group.bench_function("mask_10_mb", |b| {
        b.iter(|| {
            for at in 0..SIZE / STEP {
                mask(&mut step, [1, 2, 3, 4], at * STEP);
                black_box(&step);
            }
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    frames(&mut criterion);
    criterion.final_summary();
}
