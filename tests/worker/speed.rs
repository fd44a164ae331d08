//! What the worker can do, measured: run by hand, in release. `cargo test --release -p fulgurite --test integration -- --ignored
//! --nocapture worker::long_speed`

use std::time::Instant;

use fulgurite_engine::process::Memory;
use fulgurite_lightning::{Config as ServerConfig, NewRun, RunState};
use fulgurite_worker::config::{Config, Limits, StateForm};
use libtest_mimic::Trial;
use serde_json::json;

use super::{World, assert_state, chain, server_config, trial, worker_config};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("long_speed_empty_runs", empty).with_ignored_flag(true),
        trial("long_speed_ten_megabytes_as_text", || ten(StateForm::Text)).with_ignored_flag(true),
        trial("long_speed_ten_megabytes_as_json", || ten(StateForm::Json)).with_ignored_flag(true),
    ]
}

async fn empty() {
    const RUNS: usize = 2000;
    let world = World::new().await;
    let plan = chain(&[("a", "fn(state => state);")]);
    assert_state(&world.run(plan.clone(), "{}").await, RunState::Success);
    let began = Instant::now();
    let ids: Vec<String> = (0..RUNS).map(|_| world.handle.enqueue(NewRun::new(plan.clone(), "{}"))).collect();
    let mut latencies = Vec::new();
    for id in &ids {
        let run = world.handle.wait(id).await;
        assert_state(&run, RunState::Success);
        latencies.push(run.finished_at.zip(run.claimed_at).map_or(0, |(end, start)| end - start));
    }
    let took = began.elapsed();
    latencies.sort_unstable();
    let at = |part: f64| latencies[(latencies.len() as f64 * part) as usize] as f64 / 1000.0;
    println!(
        "{RUNS} empty runs in {took:?}: {:.0} a second; claim to complete {:.2} ms at the median, {:.2} ms for 99 of 100",
        RUNS as f64 / took.as_secs_f64(),
        at(0.5),
        at(0.99)
    );
    world.end().await;
}

async fn ten(states: StateForm) {
    const RUNS: usize = 30;
    let limits = Limits { payload: 64 << 20, ..Limits::default() };
    let server = ServerConfig { record_payload: 1 << 10, ..server_config() };
    let world = World::with(server, Config { states, defaults: limits, ..worker_config() }).await;
    let job = "fn(state => { const row = { id: 12345, name: 'Somebody \"S\" Something', ok: true }; \
               return { data: Array.from({ length: state.data.rows }, () => row) }; });";
    let mut took = std::time::Duration::ZERO;
    let mut bytes = 0;
    for rows in [1000, 100_000, 170_000] {
        for _ in 0..RUNS {
            let run = world.run(chain(&[("a", job)]), &json!({ "data": { "rows": rows } }).to_string()).await;
            assert_state(&run, RunState::Success);
            if rows == 170_000 {
                bytes += world.handle.result(&run.id).map_or(0, |result| result.len());
                let step = &run.steps[0];
                let end = run.finished_at.zip(step.finished_at).map_or(0, |(end, step)| end - step);
                took += std::time::Duration::from_micros(end as u64);
            }
        }
        let memory = Memory::of(std::process::id()).expect("we live");
        println!("{states:?} {rows} rows: this process has {} MB", memory.resident >> 20);
    }
    println!("{states:?}: {bytes} bytes, step end to run end {took:?}");
    world.end().await;
}
