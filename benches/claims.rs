//! The figures that this project claims, measured by ratio in one process, in alternation: prints a table, no statistics.
//!
//! `cargo bench -p fulgurite-runtime --bench claims -- [megabytes]`

#![allow(clippy::disallowed_methods, reason = "a program of its own, not the library")]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fulgurite_compile::{Adaptors, Module, StepAdaptor};
use fulgurite_plan::{Draft, DraftStep, Job, Plan, Source};
use fulgurite_runtime::bench::{Warm, cold_start, compile};
use fulgurite_runtime::{Cache, Event, Request, Standby};
use fulgurite_state::{IndexOptions, State};

mod shapes;

/// A run whose isolate has been made before: how long until it has told its end, and until its thread has ended.
fn ready_run() -> (Duration, Duration) {
    let source = Source { name: "tiny.js".into(), text: "export default [state => ({ ...state, n: 1 })];".into() };
    let step = DraftStep { job: Some(Job::new(source)), ..DraftStep::default() };
    let plan = Plan::new(Draft { steps: vec![step], ..Draft::default() }).expect("a plan");
    let mut request = Request::new(plan);
    request.cache = CACHE.clone();
    let ready = Standby::new(request.limits.heap);
    // It has come up when it has had the time; nothing tells.
    std::thread::park_timeout(Duration::from_millis(30));
    let (sender, receiver) = std::sync::mpsc::channel();
    let start = Instant::now();
    let run = ready.start(request, move |event| {
        if let Event::RunComplete(_) = event {
            let _ = sender.send(start.elapsed());
        }
    });
    run.join();
    (receiver.recv().expect("it ends"), start.elapsed())
}

/// What was compiled before.
static CACHE: LazyLock<Arc<Cache>> = LazyLock::new(Arc::default);

fn main() {
    let megabytes = std::env::args().skip(1).find_map(|a| a.parse::<usize>().ok()).unwrap_or(100);
    fulgurite_runtime::initialize();
    let options = IndexOptions::default();
    let text = Bytes::from(shapes::bundle(megabytes << 20));
    let code = [
        ("one key", "export default [state => { state.cursor = state.cursor + 'x'; return state; }];"),
        (
            "everything",
            "export default [state => { state.data.entry[0]; state.references; state.cursor; return state; }];",
        ),
    ];
    let mut warm = Warm::new(options);
    let mut jobs = code.map(|(name, code)| (name, warm.load(code), Vec::new()));
    let empty = warm.load("export default [state => state];");
    let mut floors: Vec<(Duration, [Duration; 3])> = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        let (_, parts) = warm.floor(&text);
        floors.push((start.elapsed(), parts));
        warm.collect();
        for (_, job, times) in &mut jobs {
            let start = Instant::now();
            let state = State::parse(text.clone(), &options).expect("JSON");
            let index = start.elapsed();
            let (_, figures) = warm.step(job, &state);
            times.push((start.elapsed(), index, figures));
            warm.collect();
        }
    }
    floors.sort_by_key(|(all, _)| *all);
    let (floor, parts) = floors[floors.len() / 2];
    println!("state of {:.1} MB, medians of {}", text.len() as f64 / 1e6, floors.len());
    println!("floor       {floor:>10.1?}  parse {:.1?}, stringify {:.1?}, copy {:.1?}", parts[0], parts[1], parts[2]);
    for (name, _, times) in &mut jobs {
        times.sort_by_key(|(all, ..)| *all);
        let (all, index, figures) = &times[times.len() / 2];
        println!(
            "{name:<11} {all:>10.1?}  index {index:.1?}, view {:.1?}, encode {:.1?}; floor / this = {:.2}, this / floor = {:.3}",
            figures.view,
            figures.encode,
            floor.as_secs_f64() / all.as_secs_f64(),
            all.as_secs_f64() / floor.as_secs_f64()
        );
    }
    let state = State::parse(&br#"{"data":{},"references":[],"configuration":{}}"#[..], &options).expect("JSON");
    let rounds = 20_000;
    for _ in 0..rounds {
        warm.step(&empty, &state);
    }
    let start = Instant::now();
    for _ in 0..rounds {
        warm.step(&empty, &state);
    }
    println!("empty step  {:>10.1?}", start.elapsed() / rounds);
    drop((jobs, empty));
    drop(warm);
    let mut cold: Vec<_> = (0..15).map(|_| cold_start().0).collect();
    cold.sort();
    println!("cold start  {:>10.1?}  isolate from the snapshot to the first line of user code", cold[cold.len() / 2]);
    let mut ready: Vec<_> = (0..15).map(|_| ready_run()).collect();
    ready.sort();
    let (told, joined) = ready[ready.len() / 2];
    println!(
        "ready run   {told:>10.1?}  a tiny run whose isolate was there before, to its result; {joined:.1?} until it is gone"
    );
    compiling();
}

/// A job of 200 lines with twenty names of an adaptor, compiled and taken from the cache.
fn compiling() {
    let names: Vec<String> = (0..20).map(|number| format!("operation{number}")).collect();
    let source: String = names.iter().map(|name| format!("export const {name} = x => s => s;\n")).collect();
    let shape = fulgurite_compile::shape(&source).expect("JavaScript");
    let mut adaptors = Adaptors::default();
    let module = Module { name: "a.js".into(), source: source.into(), shape, imports: Default::default() };
    let module = adaptors.add(module);
    adaptors.give(0, StepAdaptor { specifier: "a".into(), aliases: Vec::new(), module });
    let job: String = (0..40)
        .map(|number| {
            let name = &names[number % names.len()];
            format!(
                "// {number}\n{name}($.data.items[{number}].id).then(state => {{\n  const n = state.data.n ?? {number};\n  return {{ ...state, n }};\n}});\n"
            )
        })
        .collect();
    assert_eq!(job.lines().count(), 200);
    let (mut fresh, mut cached) = (Vec::new(), Vec::new());
    let cache = Cache::default();
    for _ in 0..101 {
        fresh.push(compile(&job, &adaptors, &Cache::default()));
        cached.push(compile(&job, &adaptors, &cache));
    }
    fresh.sort();
    cached.sort();
    println!("compile     {:>10.1?}  a job of 200 lines", fresh[50]);
    println!("from cache  {:>10.1?}  the same again", cached[50]);
}
