//! `worker:queue`: claims, and the hint that there is something to claim.

use std::time::Duration;

use fulgurite_lightning::{Action, Config, Fault, How, NewRun, Place, RunState, Server};
use serde_json::{Value, json};

use crate::support::{QUEUE, Worker, plan};

async fn with(config: Config) -> (Server, Worker) {
    let server = Server::start(config).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    assert_eq!(
        worker.ask(QUEUE, "phx_join", json!({"capacity": 50, "queues": {"manual>*": 5}})).await,
        json!(["ok", {}])
    );
    (server, worker)
}

fn ids(reply: &Value) -> Vec<&str> {
    reply[1]["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect()
}

fn named(id: &str, queue: &str) -> NewRun {
    NewRun { id: Some(id.to_owned()), queue: Some(queue.to_owned()), ..NewRun::new(plan(), "{}") }
}

#[tokio::test]
async fn claims_get_what_there_is() {
    let (server, mut worker) = with(Config::default()).await;
    let handle = server.handle();
    let claim = json!({"demand": 2, "worker_name": "w"});
    assert_eq!(worker.ask(QUEUE, "claim", claim.clone()).await, json!(["ok", {"runs": []}]));
    let runs: Vec<String> = (0..3).map(|_| handle.enqueue(NewRun::new(plan(), "{}"))).collect();
    assert_eq!(ids(&worker.ask(QUEUE, "claim", claim.clone()).await), runs[..2]);
    let run = handle.run(&runs[0]).unwrap();
    assert_eq!((run.state, run.worker_name.as_deref()), (RunState::Claimed, Some("w")));
    assert_eq!(handle.run(&runs[2]).unwrap().state, RunState::Available);
    assert_eq!(ids(&worker.ask(QUEUE, "claim", claim).await), runs[2..]);
    assert_eq!(handle.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn queues_are_a_filter_or_an_order() {
    let check = async |queues: Value, expected: &[&str]| {
        let (server, mut worker) = with(Config::default()).await;
        let handle = server.handle();
        for (id, queue) in [("d", "default"), ("m", "manual"), ("f", "fast_lane"), ("e", "default")] {
            handle.enqueue(named(id, queue));
        }
        let reply = worker.ask(QUEUE, "claim", json!({"demand": 9, "worker_name": "", "queues": queues})).await;
        assert_eq!(ids(&reply), expected, "{queues}");
    };
    check(json!(["fast_lane"]), &["f"]).await;
    check(json!(["fast_lane", "default"]), &["f", "d", "e"]).await;
    check(json!(["fast_lane", "*"]), &["f", "d", "m", "e"]).await;
    check(json!(["manual", "*"]), &["m", "d", "f", "e"]).await;
    check(json!([]), &["m", "d", "f", "e"]).await;
    check(json!("default"), &["m", "d", "f", "e"]).await;
    check(json!(["default", 1]), &["m", "d", "f", "e"]).await;
    check(json!(null), &["m", "d", "f", "e"]).await;
}

#[tokio::test]
async fn claims_without_their_keys_crash_the_channel() {
    let check = async |event: &str, payload: Value| {
        let (server, mut worker) = with(Config::default()).await;
        worker.send(QUEUE, event, payload.clone()).await;
        let frame = worker.push("phx_error").await;
        assert_eq!(frame, json!(["1", "1", QUEUE, "phx_error", {}]), "{event} {payload}");
        let after = worker.ask(QUEUE, "claim", json!({"demand": 1, "worker_name": null})).await;
        assert_eq!(after, json!(["error", {"reason": "unmatched topic"}]));
        assert_eq!(server.handle().violations().len(), 1);
    };
    check("claim", json!({"demand": 1})).await;
    check("claim", json!({"worker_name": null})).await;
    check("claim", json!([])).await;
    check("other", json!({})).await;
    let (_server, mut worker) = with(Config::default()).await;
    let reply = worker.ask(QUEUE, "claim", json!({"demand": "x", "worker_name": null})).await;
    assert_eq!(reply, json!(["error", {"demand": ["is invalid"]}]));
}

#[tokio::test]
async fn work_is_announced_once_for_a_burst() {
    let (server, mut worker) = with(Config { debounce: Duration::from_millis(1), ..Config::default() }).await;
    let handle = server.handle();
    for _ in 0..5 {
        handle.enqueue(NewRun::new(plan(), "{}"));
    }
    assert_eq!(worker.push("work-available").await, json!(["1", null, QUEUE, "work-available", {}]));
    // Anything that had been sent twice would come before the answer.
    let reference = worker.send(QUEUE, "claim", json!({"demand": 0, "worker_name": null})).await;
    let reply = worker.push("phx_reply").await;
    assert_eq!(reply[1], reference);
}

#[tokio::test]
async fn announcements_can_be_off() {
    let config = Config { debounce: Duration::ZERO, broadcast: false, ..Config::default() };
    let (server, mut worker) = with(config).await;
    server.handle().enqueue(NewRun::new(plan(), "{}"));
    let reply = worker.ask(QUEUE, "claim", json!({"demand": 1, "worker_name": null})).await;
    assert_eq!(ids(&reply).len(), 1);
    server.handle().push(QUEUE, "mine", "{\"a\":1}");
    assert_eq!(worker.next().await, crate::support::Seen::Text(json!(["1", null, QUEUE, "mine", {"a": 1}])));
}

#[tokio::test]
async fn claims_come_back_only_where_that_is_switched_on() {
    for rollback_claims in [false, true] {
        let (server, mut worker) = with(Config { rollback_claims, ..Config::default() }).await;
        let handle = server.handle();
        let run = handle.enqueue(NewRun::new(plan(), "{}"));
        let cut = Action::Cut { direction: fulgurite_lightning::Direction::In, place: Place::Handled, how: How::Reset };
        handle.fault(Fault::on("claim", cut));
        assert_eq!(worker.ask(QUEUE, "claim", json!({"demand": 1, "worker_name": null})).await, json!("broken"));
        handle.until(|handle| handle.sockets() == 0).await;
        let expected = if rollback_claims { RunState::Available } else { RunState::Claimed };
        assert_eq!(handle.run(&run).unwrap().state, expected);
    }
}

#[tokio::test]
async fn claims_beyond_the_capacity_are_noted() {
    let server = Server::start(Config::default()).await.unwrap();
    let handle = server.handle();
    let mut worker = Worker::connect(&server).await;
    worker.ask(QUEUE, "phx_join", json!({"capacity": 1})).await;
    handle.enqueue(NewRun::new(plan(), "{}"));
    let claim = json!({"demand": 1, "worker_name": null});
    worker.ask(QUEUE, "claim", claim.clone()).await;
    assert_eq!(handle.violations(), Vec::<String>::new());
    worker.ask(QUEUE, "claim", claim).await;
    assert_eq!(handle.violations(), ["a claim of 1 with 1 runs at a capacity of 1"]);
}

#[tokio::test]
async fn a_run_can_be_cancelled_until_it_is_claimed() {
    let (server, mut worker) = with(Config::default()).await;
    let handle = server.handle();
    let run = handle.enqueue(NewRun::new(plan(), "{}"));
    assert!(handle.cancel(&run));
    assert!(!handle.cancel(&run));
    let claim = json!({"demand": 1, "worker_name": null});
    assert_eq!(worker.ask(QUEUE, "claim", claim.clone()).await, json!(["ok", {"runs": []}]));
    let run = handle.enqueue(NewRun::new(plan(), "{}"));
    worker.ask(QUEUE, "claim", claim).await;
    assert!(!handle.cancel(&run));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_share_the_work() {
    let server = Server::start(Config::default()).await.unwrap();
    let handle = server.handle();
    let runs: Vec<String> = (0..40).map(|_| handle.enqueue(NewRun::new(plan(), "{}"))).collect();
    let workers: Vec<_> = (0..4).map(|_| work_off(&server)).collect();
    let done: usize = futures_util::future::join_all(workers).await.into_iter().sum();
    assert_eq!(done, runs.len());
    for run in runs {
        assert_eq!(handle.run(&run).unwrap().state, RunState::Success);
    }
    assert_eq!(handle.violations(), Vec::<String>::new());
}

/// Claims until there is nothing left. How many runs that were.
async fn work_off(server: &Server) -> usize {
    let mut worker = Worker::connect(server).await;
    worker.ask(QUEUE, "phx_join", json!({})).await;
    let mut done = 0;
    loop {
        let reply = worker.ask(QUEUE, "claim", json!({"demand": 2, "worker_name": null})).await;
        let runs = reply[1]["runs"].as_array().unwrap();
        if runs.is_empty() {
            return done;
        }
        for run in runs {
            let topic = format!("run:{}", run["id"].as_str().unwrap());
            for (event, payload) in [
                ("phx_join", json!({"token": run["token"]})),
                ("run:start", json!({})),
                ("run:complete", json!({"reason": "success", "final_state": {}})),
                ("phx_leave", json!({})),
            ] {
                assert_eq!(worker.ask(&topic, event, payload).await[0], "ok", "{event}");
            }
            done += 1;
        }
    }
}
