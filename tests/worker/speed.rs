//! What the worker can do, measured: run by hand, in release. `cargo test --release -p fulgurite --test integration -- --ignored
//! --nocapture worker::long_speed`

use std::process::Command;
use std::time::{Duration, Instant};

use fulgurite_lightning::{Config as ServerConfig, NewRun, RunState, Server};
use fulgurite_worker::config::StateForm;
use libtest_mimic::Trial;

use super::{World, assert_state, chain, server_config, trial};

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

/// A worker in a process of its own, as it is in production: how fast a state gets from the end of its step to the server's end of the
/// socket, the server's reading included, and how much memory the worker takes for it.
async fn ten(states: StateForm) {
    let server = ServerConfig { record_payload: 1 << 10, run_timeout: Duration::from_secs(60), ..server_config() };
    let server = Server::start(server).await.expect("a server starts");
    let handle = server.handle();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.args(["worker", "--lightning", &server.url(), "--port", "0", "--capacity", "1", "--payload-memory", "64"]);
    command.args(["--run-memory", "2000", "--log", "error"]);
    if states == StateForm::Json {
        command.arg("--no-stringify-state");
    }
    let mut worker = command.env("WORKER_SECRET", "secret").spawn().expect("it starts");
    let job = "fn(state => { const row = { id: 12345, name: 'Somebody S Something', ok: true, text: 'x'.repeat(100) }; \
               return { data: Array.from({ length: state.data.rows }, () => row) }; });";
    let most = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
    };
    for (rows, runs) in [(10, 50), (30_000, 30), (60_000, 30), (300_000, 5), (1_000_000, 3)] {
        let (mut took, mut bytes) = (0, 0);
        for _ in 0..runs {
            let id = handle.enqueue(NewRun::new(chain(&[("a", job)]), format!("{{\"data\": {{\"rows\": {rows}}}}}")));
            let run = handle.wait(&id).await;
            assert_state(&run, RunState::Success);
            let record = handle.record();
            let complete =
                record.iter().rfind(|request| request.event == "step:complete").expect("the step is complete");
            took += complete.at - run.steps[0].finished_at.expect("it ended");
            bytes += handle.result(&run.id).map_or(0, |result| result.len());
        }
        let rate = match bytes {
            0 => "withheld".to_owned(),
            _ => format!("{} bytes each at {:.0} MB/s", bytes / runs, bytes as f64 / took as f64),
        };
        println!("{states:?}, {rows} rows: {rate}; the worker had {} MB at most", most(worker.id()));
    }
    worker.kill().expect("it lives");
    worker.wait().expect("it ends");
    server.stop().await;
}
