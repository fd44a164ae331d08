//! How many items, calls and passes a second, end to end through V8, and with how much memory? Each case runs in a process of its
//! own, so that its peak is its own; the time is Criterion's, of whole runs, isolate and all.
//!
//! `cargo bench -p fulgurite-runtime --bench batches -- [word]`: the cases whose names hold the word.

#![allow(clippy::disallowed_methods, reason = "a program of its own, not the library")]

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use fulgurite_plan::{Batch, Collect, Condition, Draft, DraftEdge, DraftStep, Job, Outcome, Plan, Source, WithItems};
use fulgurite_runtime::{Request, start};
use fulgurite_state::{IndexOptions, State};

const KINDS: [&str; 6] =
    ["with_items/untouched", "with_items/individual", "with_items/batch", "with_items/isolates", "call", "loop"];

const SIZES: [(&str, usize); 4] = [("1K", 1_000), ("10K", 10_000), ("100K", 100_000), ("1M", 1_000_000)];

/// Which case a process is for.
const CASE: &str = "FULGURITE_BENCH_CASE";

fn main() {
    if let Ok(case) = std::env::var(CASE) {
        return one(&case);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Options go to Criterion; what is none is the word, unless it belongs to an option.
    let with_value = ["--sample-size", "--measurement-time", "--warm-up-time", "--save-baseline", "--baseline"];
    let mut word = "";
    let mut before = "";
    for argument in &arguments {
        if !argument.starts_with('-') && !with_value.contains(&before) {
            word = argument;
        }
        before = argument;
    }
    let options: Vec<&String> = arguments.iter().filter(|argument| *argument != word).collect();
    let program = std::env::current_exe().expect("this program");
    for case in KINDS.iter().flat_map(|kind| SIZES.map(|(size, _)| format!("{kind}/{size}"))) {
        if case.contains(word) {
            let status = Command::new(&program).args(&options).env(CASE, &case).status().expect("a process");
            assert!(status.success(), "{case}");
        }
    }
}

fn one(case: &str) {
    fulgurite_runtime::initialize();
    let (kind, size) = case.rsplit_once('/').expect("kind/size");
    let count = SIZES.iter().find(|(name, _)| *name == size).expect("a size").1;
    let prototype = request(kind, count);
    let (mut runs, mut spent) = (0, Duration::ZERO);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group(kind);
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(count as u64));
    group.warm_up_time(Duration::from_millis(10)).measurement_time(Duration::from_secs(2));
    group.bench_function(size, |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let request = prototype.clone();
                let (before, used) = (Instant::now(), cpu());
                let outcome = start(request, |_| {}).join();
                took += before.elapsed();
                spent += cpu() - used;
                runs += 1;
                assert_eq!(outcome, Outcome::Success, "{case}");
            }
            took
        });
    });
    group.finish();
    if runs > 0 {
        let each = spent.as_secs_f64() * 1e6 / (f64::from(runs) * count as f64);
        println!("{case:<28} {each:>8.2} µs of CPU for each (all threads), {:>4} MB at most", peak() >> 20);
    }
}

fn request(kind: &str, count: usize) -> Request {
    let items = |code: &str, change: fn(&mut WithItems)| {
        let mut with = WithItems::new("state.data");
        change(&mut with);
        vec![step("s", code, Some(with))]
    };
    let n = |number: u32| NonZeroU32::new(number).expect("not 0");
    let steps = match kind {
        "with_items/untouched" => items("export default [s => s]", |with| with.collect = Collect::Nothing),
        "with_items/individual" => items("export default [s => ({ data: s.item.id })]", |_| {}),
        "with_items/batch" => items("export default [s => ({ data: s.item.length })]", |with| {
            with.batch = Batch::Count(NonZeroU32::new(1000).expect("not 0"));
        }),
        "with_items/isolates" => items("export default [s => ({ data: s.item.id })]", |with| {
            with.isolates = NonZeroU32::new(2).expect("not 0");
            with.concurrency = NonZeroU32::new(16).expect("not 0");
        }),
        "call" => {
            let code = format!(
                "export default [async s => {{ for (let i = 0; i < {count}; i++) await call('other', {{ data: i }}); return {{}} }}]"
            );
            vec![step("main", &code, None), step("other", "export default [s => s]", None)]
        }
        // A page of a thousand, and what is done with it, until there is no page.
        "loop" => {
            let pages = count / 1000;
            let page = "export default [s => ({ n: (s.n ?? 0) + 1, data: Array.from({ length: 1000 }, (_, i) => ({ id: i, name: `item ${i}` })) })]";
            let load = "export default [s => ({ n: s.n, sum: s.data.reduce((sum, row) => sum + row.id, 0) })]";
            let back = DraftEdge {
                max_iterations: Some(n(1_000_000)),
                ..DraftEdge::new("page", Condition::Expression(format!("state.n < {pages}")))
            };
            vec![
                DraftStep { next: vec![DraftEdge::new("load", Condition::Always)], ..step("page", page, None) },
                DraftStep { next: vec![back], ..step("load", load, None) },
            ]
        }
        other => panic!("no kind `{other}`"),
    };
    let plan = Plan::new(Draft { steps, ..Draft::default() }).expect("a plan");
    let mut request = Request::new(plan);
    request.limits.step_timeout = Some(Duration::from_secs(3600));
    request.limits.steps = u32::MAX;
    if kind.starts_with("with_items") {
        let mut text = String::with_capacity(48 * count);
        text.push_str("{\"data\":[");
        for i in 0..count {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(text, "{comma}{{\"id\":{i},\"name\":\"item {i}\"}}");
        }
        text.push_str("]}");
        request.input = Some(State::parse(text, &IndexOptions::default()).expect("JSON"));
    }
    request
}

fn step(id: &str, code: &str, with_items: Option<WithItems>) -> DraftStep {
    let job = Job::new(Source { name: format!("{id}.js"), text: code.into() });
    DraftStep { id: Some(id.into()), job: Some(Job { with_items, ..job }), ..DraftStep::default() }
}

/// CPU time of the process, of all its threads: other programs make a run longer, but not this.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // In hundredths of a second, the 14th and 15th field; the second may have spaces in it.
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    Duration::from_millis(10 * (fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0)))
}

/// The most memory that this process has held so far, in bytes; 0 where the kernel does not say so.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or_default() << 10
}
