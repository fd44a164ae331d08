//! What a worker counts: every documented name is there, and of known runs the values are known.

use std::collections::HashMap;

use fulgurite_lightning::RunState;
use fulgurite_worker::config::{Config, Limits};
use libtest_mimic::Trial;

use super::life::{http, until_answered};
use super::{World, assert_state, chain, server_config, trial, worker_config};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("measured_values_of_known_runs", known_runs),
        trial("measured_kills_have_their_reason", kills),
        trial("measured_withheld_outputs", withheld),
    ]
}

/// Samples by name and labels.
struct Samples(HashMap<String, f64>);

impl Samples {
    async fn of(world: &World) -> Samples {
        let answer = http(world.port, "GET /metrics").await;
        let (_, text) = answer.split_once("\r\n\r\n").expect("an answer has a body");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.strip_prefix("fulgurite_")?.to_owned(), value.parse().ok()?))
        });
        Samples(samples.collect())
    }

    /// As soon as the run's end has been counted, which is after the server has it.
    async fn after(world: &World, runs: &str) -> Samples {
        until_answered(world.port, "GET /metrics", |metrics| metrics.contains(runs)).await;
        Samples::of(world).await
    }

    fn value(&self, name: &str) -> f64 {
        *self.0.get(name).unwrap_or_else(|| panic!("{name} in {:?}", self.0.keys()))
    }
}

async fn known_runs() {
    // A database would lay the input out anew.
    let world = World::with(fulgurite_lightning::Config { jsonb: false, ..server_config() }, worker_config()).await;
    let before = Samples::of(&world).await;
    assert_eq!(before.value("kills_total{reason=\"oom\"}"), 0.0, "it is there before it happens");
    // Both keys are there, so that the step gets it byte for byte; `rest` is not touched, and `n` is.
    let rest = "x".repeat(1000);
    let input = format!(r#"{{"data":{{"n":1,"rest":"{rest}"}},"configuration":{{}}}}"#);
    let job = "fn(state => { new Uint8Array(3_000_000); return ({ ...state, sum: state.data.n + 1 }); });";
    let run = world.run(chain(&[("a", job)]), &input).await;
    assert_state(&run, RunState::Success);

    let after = Samples::after(&world, "fulgurite_runs_total{reason=\"success\"} 1").await;
    let page = include_str!("../../docs/worker.md");
    for name in page.lines().filter_map(|line| line.strip_prefix("| `fulgurite_")?.split('`').next()) {
        let name = name.split('{').next().expect("a name");
        let is_there =
            |sample: &String| sample.strip_prefix(name).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
        assert!(after.0.keys().any(is_there), "{name} is documented and not there");
    }
    let output = format!(r#"{{"data":{{"n":1,"rest":"{rest}"}},"sum":2}}"#);
    assert_eq!(after.value("state_in_bytes_total"), input.len() as f64);
    assert_eq!(after.value("state_out_bytes_total"), output.len() as f64);
    // `n` alone: its one digit.
    assert_eq!(after.value("state_parsed_bytes_total"), 1.0);
    let spliced = after.value("state_spliced_bytes_total");
    assert!(spliced >= 1000.0 && spliced < output.len() as f64, "{spliced}");
    for (name, count) in [
        ("run_duration_seconds_count", 1.0),
        ("queue_wait_seconds_count", 1.0),
        ("isolate_start_seconds_count", 1.0),
        ("heap_peak_bytes_count", 1.0),
        ("external_peak_bytes_count", 1.0),
        ("step_duration_seconds_count", 1.0),
        ("step_cpu_seconds_count", 1.0),
        ("state_view_seconds_count", 1.0),
        ("state_encode_seconds_count", 1.0),
        ("engine_memory_bytes_count", 1.0),
        ("messages_total{event=\"step:complete\"}", 1.0),
        ("kills_total{reason=\"oom\"}", 0.0),
        ("outputs_withheld_total", 0.0),
        ("outbox_messages", 0.0),
        ("outbox_age_seconds", 0.0),
        ("runs_active", 0.0),
        ("batches_in_flight", 0.0),
        ("slots", 2.0),
    ] {
        assert_eq!(after.value(name), count, "{name}");
    }
    let external = after.value("external_peak_bytes_sum");
    assert!((3_000_000.0..4_000_000.0).contains(&external), "{external}");
    for name in
        ["step_cpu_seconds_sum", "state_encode_seconds_sum", "isolate_start_seconds_sum", "engine_cpu_seconds_total"]
    {
        assert!(after.value(name) > 0.0, "{name}");
    }
    assert!(after.value("step_cpu_seconds_sum") <= after.value("engine_cpu_seconds_total"));
    for name in ["heap_peak_bytes_sum", "engine_resident_bytes{child=\"1\"}", "engine_resident_bytes{child=\"2\"}"] {
        assert!(after.value(name) > 1_000_000.0, "{name}: {}", after.value(name));
    }
    // The payload of each request is in a frame, with its head before it.
    let (payload, frames) = (after.value("payload_bytes_total"), after.value("frame_bytes_sum"));
    assert!(payload > output.len() as f64 && frames > payload, "{payload} {frames}");
    let events = after.0.iter().filter(|(name, _)| name.starts_with("messages_total"));
    assert!(after.value("frame_bytes_count") >= events.map(|(_, count)| count).sum::<f64>());
    world.end().await;
}

async fn kills() {
    let limits = Limits { memory: 64 << 20, ..Limits::default() };
    let world = World::with(server_config(), Config { defaults: limits, ..worker_config() }).await;
    let job = "fn(() => { const all = []; for (;;) all.push(new Array(100_000).fill(all.length)); });";
    let run = world.run(chain(&[("a", job)]), "{}").await;
    assert_state(&run, RunState::Killed);
    let idle = world.run(chain(&[("a", "fn(() => new Promise(() => {}));")]), "{}").await;
    assert_state(&idle, RunState::Killed);
    let samples = Samples::after(&world, "fulgurite_runs_total{reason=\"kill\"} 2").await;
    for reason in ["timeout", "cpu", "idle", "oom", "abort", "security", "host"] {
        let count = if matches!(reason, "oom" | "idle") { 1.0 } else { 0.0 };
        assert_eq!(samples.value(&format!("kills_total{{reason=\"{reason}\"}}")), count, "{reason}");
    }
    assert!(samples.value("heap_peak_bytes_sum") > (40 << 20) as f64, "{}", samples.value("heap_peak_bytes_sum"));
    world.end().await;
}

async fn withheld() {
    let limits = Limits { payload: 1000, ..Limits::default() };
    let world = World::with(server_config(), Config { defaults: limits, ..worker_config() }).await;
    let plan = chain(&[
        ("big", "fn(() => ({ data: 'x'.repeat(5000) }));"),
        ("small", "fn(state => ({ n: state.data.length }));"),
    ]);
    assert_state(&world.run(plan, "{}").await, RunState::Success);
    let samples = Samples::after(&world, "fulgurite_runs_total{reason=\"success\"} 1").await;
    assert_eq!(samples.value("outputs_withheld_total"), 1.0);
    assert_eq!(samples.value("state_out_bytes_total"), (r#"{"data":""}{"n":5000}"#.len() + 5000) as f64);
    world.end().await;
}
