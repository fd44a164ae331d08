//! A worker's life: what it answers on its port, how it stops, and what it says when it cannot work.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fulgurite_lightning::{Action, Fault, NewRun, RunState};
use fulgurite_worker::config::Config;
use fulgurite_worker::life::{Error, Stop, run};
use fulgurite_worker::metrics::Metrics;
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{World, assert_state, chain, said, server_config, trial, worker, worker_config};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("life_abort_over_http", abort_over_http),
        trial("life_abort_by_the_server", abort_by_server),
        trial("life_abort_before_the_engine_has_it", abort_early),
        trial("life_port", port),
        trial("life_drain_finishes_runs", drain),
        trial("life_drain_has_an_end", drain_ends),
        trial("life_stop_now", stop_now),
        trial("life_wrong_secret", wrong_secret),
        trial("life_a_killed_engine_costs_its_run", killed_engine),
        trial("life_claims_only_what_there_is_room_for", room),
        trial("life_late_claims_are_honoured", late_claim),
        trial("life_claims_later_than_their_time", later_claim),
        trial("life_abort_of_a_flood", flood),
        trial("life_a_queue_that_is_closed", closed_queue),
        trial("life_a_start_that_is_refused", refused_start),
        trial("life_expiry_of_the_token_is_a_deadline", expiry),
        trial("life_the_program", program),
        trial("life_the_program_and_a_wrong_secret", program_wrong_secret),
    ]
}

/// Waits for ever, and says so first.
const ENDLESS: &str =
    "fn(state => { console.log('waiting'); return new Promise(resolve => setTimeout(resolve, 1e9)); });";

/// Waits until a run's job has said something.
async fn until_it_says_something(world: &World, id: &str) {
    world.handle.until(|handle| handle.run(id).is_some_and(|run| !said(&run).is_empty())).await;
}

/// One HTTP request, and what came back.
pub(super) async fn http(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the port listens");
    let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
    let head = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it is answered");
    answer
}

/// Asks until the answer is as it should be: what is asked for follows from what has happened, but takes its time.
pub(super) async fn until_answered(port: u16, request: &str, is_right: impl Fn(&str) -> bool) {
    while !is_right(&http(port, request).await) {}
}

async fn abort_over_http() {
    let world = World::new().await;
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", ENDLESS)]), "{}"));
    until_it_says_something(&world, &id).await;
    let path = format!("POST /runs/{id}/abort?reason=enough");
    assert!(http(world.port, &path).await.starts_with("HTTP/1.1 401"), "nobody aborts without the secret");
    let list = http(world.port, "GET /runs\nauthorization: Bearer secret\r\n").await;
    assert!(list.contains(&id) && list.contains("\"started\":true"), "{list}");
    let answer = http(world.port, &format!("{path}\nauthorization: Bearer secret\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let run = world.handle.wait(&id).await;
    assert_state(&run, RunState::Cancelled);
    assert_eq!((run.steps[0].reason.as_deref(), run.error_message.as_deref()), (Some("cancel"), Some("enough")));
    assert_eq!(said(&run), ["waiting"], "its logs so far");
    let again = format!("{path}\nauthorization: Bearer secret\r\n");
    until_answered(world.port, &again, |answer| answer.starts_with("HTTP/1.1 404")).await;
    world.end().await;
}

async fn abort_by_server() {
    let world = World::new().await;
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", ENDLESS)]), "{}"));
    until_it_says_something(&world, &id).await;
    world.handle.push(&format!("run:{id}"), "run:abort", r#"{"reason":"by hand"}"#);
    let run = world.handle.wait(&id).await;
    assert_state(&run, RunState::Cancelled);
    assert_eq!(run.error_message.as_deref(), Some("by hand"));
    world.end().await;
}

async fn abort_early() {
    let world = World::new().await;
    world.handle.fault(Fault::on("fetch:plan", Action::Hold));
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", ENDLESS)]), "{}"));
    world.handle.until(|handle| handle.record().iter().any(|request| request.event == "fetch:plan")).await;
    let abort = format!("POST /runs/{id}/abort\nauthorization: Bearer secret\r\n");
    assert!(http(world.port, &abort).await.starts_with("HTTP/1.1 202"));
    world.handle.release();
    let run = world.handle.wait(&id).await;
    assert_state(&run, RunState::Cancelled);
    assert!(run.steps.is_empty());
    world.end().await;
}

async fn port() {
    let world = World::new().await;
    assert_state(&world.run(chain(&[("a", "fn(state => state);")]), "{}").await, RunState::Success);
    for path in ["/", "/livez", "/readyz"] {
        assert!(http(world.port, &format!("GET {path}")).await.starts_with("HTTP/1.1 200"), "{path}");
    }
    assert!(http(world.port, "POST /claim").await.contains("complete"));
    assert!(http(world.port, "GET /nothing").await.starts_with("HTTP/1.1 404"));
    for line in [
        "fulgurite_runs_total{reason=\"success\"} 1",
        "fulgurite_slots 2",
        "fulgurite_connected 1",
        "fulgurite_messages_total{event=\"run:complete\"} 1",
    ] {
        until_answered(world.port, "GET /metrics", |metrics| metrics.contains(line)).await;
    }
    world.end().await;
}

async fn drain() {
    let world = World::new().await;
    let job = "fn(state => { console.log('x'); return new Promise(resolve => setTimeout(() => resolve({ done: true }), 300)); });";
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", job)]), "{}"));
    until_it_says_something(&world, &id).await;
    world.stop.send_replace(Stop::Drain);
    let next = world.handle.enqueue(NewRun::new(chain(&[("a", "fn(state => state);")]), "{}"));
    assert_state(&world.handle.wait(&id).await, RunState::Success);
    let handle = world.handle.clone();
    world.end().await;
    assert_eq!(handle.run(&next).expect("it was asked for").state, RunState::Available, "nothing was claimed any more");
}

async fn drain_ends() {
    let config = Config { drain: Some(Duration::from_millis(100)), ..worker_config() };
    let world = World::with(server_config(), config).await;
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", ENDLESS)]), "{}"));
    until_it_says_something(&world, &id).await;
    let handle = world.handle.clone();
    world.end().await;
    let run = handle.wait(&id).await;
    assert_state(&run, RunState::Killed);
    assert_eq!(run.error_message.as_deref(), Some("the worker is stopping, and the run took longer than it may then"));
}

async fn stop_now() {
    let world = World::new().await;
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", ENDLESS)]), "{}"));
    until_it_says_something(&world, &id).await;
    world.stop.send_replace(Stop::Now);
    let run = world.handle.wait(&id).await;
    assert_state(&run, RunState::Killed);
    world.end().await;
}

async fn wrong_secret() {
    let server = fulgurite_lightning::Server::start(server_config()).await.expect("a server starts");
    let (_stop, told) = watch::channel(Stop::Not);
    let worker = worker(&server.url(), "not the secret", worker_config(), None, Arc::new(Metrics::default()));
    let error = run(worker, told).await.expect_err("the server refuses");
    assert!(matches!(error, Error::Fatal(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("secret"), "{text}");
    server.stop().await;
}

async fn killed_engine() {
    let world = World::new().await;
    let ids: Vec<String> = (0..2).map(|_| world.handle.enqueue(NewRun::new(chain(&[("a", ENDLESS)]), "{}"))).collect();
    for id in &ids {
        until_it_says_something(&world, id).await;
    }
    let child = world.handle.run(&ids[0]).and_then(|run| thread_of(&world, &run.id));
    let victim = child.expect("it runs in a process");
    kill_process(Pid::from_raw(victim).expect("a process has a number"), Signal::KILL).expect("it is ours");
    let killed = tokio::select! {
        run = world.handle.wait(&ids[0]) => run,
        run = world.handle.wait(&ids[1]) => run,
    };
    assert_state(&killed, RunState::Killed);
    assert_eq!(said(&killed), ["waiting"]);
    assert_eq!(killed.steps[0].reason.as_deref(), Some("kill"));
    let other = ids.iter().find(|id| **id != killed.id).expect("there are two");
    assert_eq!(world.handle.run(other).expect("it is there").state, RunState::Started, "the other did not notice");
    // And the place is taken by a new one.
    assert_state(&world.run(chain(&[("a", "fn(state => state);")]), "{}").await, RunState::Success);
    let abort = format!("POST /runs/{other}/abort\nauthorization: Bearer secret\r\n");
    assert!(http(world.port, &abort).await.starts_with("HTTP/1.1 202"));
    assert_state(&world.handle.wait(other).await, RunState::Cancelled);
    world.end().await;
}

/// One of the worker's engine processes that is in a run.
fn thread_of(_: &World, _: &str) -> Option<i32> {
    // They are our children, as the worker is in this process.
    let me = std::process::id().to_string();
    let children = std::fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap_or_default();
    let all = std::fs::read_dir(format!("/proc/{me}/task")).ok()?.flatten().flat_map(|task| {
        let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    let mut all: Vec<i32> =
        all.chain(children.split_whitespace().map(str::to_owned)).filter_map(|pid| pid.parse().ok()).collect();
    all.sort_unstable();
    all.dedup();
    all.first().copied()
}

async fn room() {
    let world = World::new().await;
    (0..5).for_each(|_| drop(world.handle.enqueue(NewRun::new(chain(&[("a", ENDLESS)]), "{}"))));
    world.handle.until(|handle| handle.runs().iter().filter(|run| !said(run).is_empty()).count() == 2).await;
    let claimed = world.handle.runs().iter().filter(|run| run.state != RunState::Available).count();
    assert_eq!(claimed, 2, "two slots, two runs");
    let demands: Vec<u64> = world
        .handle
        .record()
        .iter()
        .filter(|request| request.event == "claim")
        .map(|request| request.json().expect("it is JSON")["demand"].as_u64().expect("a number"))
        .collect();
    assert!(demands.iter().all(|demand| *demand <= 2), "{demands:?}");
    world.stop.send_replace(Stop::Now);
    world.end().await;
}

async fn late_claim() {
    let world = World::new().await;
    world.handle.fault(Fault::on("claim", Action::Hold));
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", "fn(state => state);")]), "{}"));
    world.handle.until(|handle| handle.run(&id).is_some_and(|run| run.claimed_at.is_some())).await;
    world.handle.release();
    assert_state(&world.handle.wait(&id).await, RunState::Success);
    world.end().await;
}

/// An answer that comes after its time still brings runs, and nobody has waited for it with claiming.
async fn later_claim() {
    let config = Config { claim_timeout: Duration::from_millis(100), ..worker_config() };
    let world = World::with(server_config(), config).await;
    world.handle.fault(Fault::on("claim", Action::Hold));
    let first = world.handle.enqueue(NewRun::new(chain(&[("a", "fn(state => state);")]), "{}"));
    world.handle.until(|handle| handle.run(&first).is_some_and(|run| run.claimed_at.is_some())).await;
    // The worker has given it up when it counts a claim that brought nothing.
    let nothing = "fulgurite_claims_total{answer=\"none\"} 1";
    until_answered(world.port, "GET /metrics", |metrics| metrics.contains(nothing)).await;
    world.handle.release();
    assert_state(&world.handle.wait(&first).await, RunState::Success);
    assert_state(&world.run(chain(&[("a", "fn(state => state);")]), "{}").await, RunState::Success);
    world.stop.send_replace(Stop::Drain);
    world.working.await.expect("the worker does not panic").expect("the worker stops as it was told");
    world.server.stop().await;
}

/// A job that logs without end does not keep an order waiting.
async fn flood() {
    let world = World::new().await;
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", "fn(() => { while (true) console.log('x'); });")]), "{}"));
    until_it_says_something(&world, &id).await;
    let abort = format!("POST /runs/{id}/abort\nauthorization: Bearer secret\r\n");
    assert!(http(world.port, &abort).await.starts_with("HTTP/1.1 202"));
    assert_state(&world.handle.wait(&id).await, RunState::Cancelled);
    world.end().await;
}

/// A server that closes the queue's channel wants no claims of this worker: it ends, and says so.
async fn closed_queue() {
    let world = World::new().await;
    world.handle.until(|handle| handle.channels("worker:queue") == 1).await;
    world.handle.push("worker:queue", "phx_close", "{}");
    let error = world.working.await.expect("the worker does not panic").expect_err("it cannot go on");
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    world.server.stop().await;
}

/// The run is another's: what it does from then on must not happen twice.
async fn refused_start() {
    let world = World::new().await;
    world.handle.fault(Fault::on("run:start", Action::Refuse(serde_json::json!({ "state": ["is invalid"] }))));
    let id = world.handle.enqueue(NewRun::new(chain(&[("a", ENDLESS)]), "{}"));
    world.handle.until(|handle| handle.record().iter().any(|request| request.event == "run:start")).await;
    let topic = format!("run:{id}");
    world.handle.until(|handle| handle.channels(&topic) == 0).await;
    until_answered(world.port, "GET /metrics", |metrics| metrics.contains("fulgurite_runs_unreported_total 1")).await;
    world.stop.send_replace(Stop::Now);
    world.working.await.expect("the worker does not panic").expect("the worker stops as it was told");
    world.server.stop().await;
}

/// The server counts from the claim: a run whose token has little time left ends before the server stops listening.
async fn expiry() {
    let server = fulgurite_lightning::Config { grace: Duration::from_secs(1), ..server_config() };
    let world = World::with(server, worker_config()).await;
    let mut plan = chain(&[("a", ENDLESS)]);
    plan["options"] = serde_json::json!({ "run_timeout_ms": 5000 });
    let run = world.run(plan, "{}").await;
    assert_state(&run, RunState::Killed);
    assert_eq!(run.error_type.as_deref(), Some("TimeoutError"));
    let took = run.finished_at.zip(run.claimed_at).map(|(end, start)| end - start).expect("it was claimed and ended");
    assert!(took < 4_500_000, "{took} µs: before the token was worth nothing");
    world.end().await;
}

/// The real thing: a program, told by signals.
async fn program() {
    let server = fulgurite_lightning::Server::start(server_config()).await.expect("a server starts");
    let handle = server.handle();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.args(["worker", "--lightning", &server.url(), "--port", "0", "--capacity", "1", "--log-json"]);
    command.args(["--lightning-public-key", &server.public_key()]);
    let mut child = command.env("WORKER_SECRET", "secret").stderr(Stdio::piped()).spawn().expect("it starts");
    let id = handle.enqueue(NewRun::new(chain(&[("a", "fn(state => ({ answer: 42 }));")]), "{}"));
    assert_state(&handle.wait(&id).await, RunState::Success);
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it lives");
    let stderr = child.stderr.take().expect("it is piped");
    let ended = tokio::task::spawn_blocking(move || {
        let lines: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
        (child.wait().expect("it ends"), lines)
    });
    let (status, lines) = ended.await.expect("nothing panics");
    assert_eq!(status.code(), Some(0), "{lines:?}");
    let about = lines.iter().filter(|line| line.contains(&id)).count();
    assert!(about >= 2, "what it logs names the run: {lines:?}");
    assert!(lines.iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{lines:?}");
    assert_eq!(handle.violations(), Vec::<String>::new());
}

async fn program_wrong_secret() {
    let server = fulgurite_lightning::Server::start(server_config()).await.expect("a server starts");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.args(["worker", "--lightning", &server.url(), "--port", "0", "--capacity", "1", "--secret", "wrong"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let ended = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut text).expect("it is text");
        (child.wait().expect("it ends"), text)
    });
    let (status, text) = ended.await.expect("nothing panics");
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.contains("error: ") && text.contains("secret"), "{text}");
}
