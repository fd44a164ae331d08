//! The mock server's ways.

use fulgurite_lightning::{Config, NewRun, Server};
use serde_json::{Value, json};

use crate::support::{QUEUE, STEP, Seen, Worker, plan, refusal};

async fn quirky() -> (Server, Worker) {
    let server = Server::start(Config { quirks: true, broadcast: false, ..Config::default() }).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    worker.ask(QUEUE, "phx_join", json!({})).await;
    (server, worker)
}

/// Status and response of a reply under the mock's name.
fn reply(reply: &Value, reference: &str) -> Value {
    assert_eq!(reply[0], format!("chan_reply_{reference}"), "{reply}");
    json!([reply[1]["status"], reply[1]["response"]])
}

#[tokio::test]
async fn any_token_will_do() {
    let (server, _worker) = quirky().await;
    let url = format!("{}/websocket", server.url());
    assert_eq!(refusal(&format!("{url}?token=x&vsn=2.0.0"), &[]).await.0, 101);
    assert_eq!(refusal(&format!("{url}?token=&vsn=2.0.0"), &[]).await.0, 401);
}

#[tokio::test]
async fn replies_pushes_and_clips_look_different() {
    let (server, mut worker) = quirky().await;
    let handle = server.handle();
    handle.credential("c", json!({"a": 1}));
    let runs = [handle.enqueue(NewRun::new(plan(), "{}")), handle.enqueue(NewRun::new(plan(), "{}"))];
    let claimed = worker.ask(QUEUE, "claim", json!({"demand": 2, "worker_name": null})).await;
    let claimed = reply(&claimed, "2");
    assert_eq!(claimed[1]["runs"].as_array().unwrap().len(), 1, "one a claim");
    let topic = format!("run:{}", runs[0]);
    assert_eq!(reply(&worker.ask(&topic, "phx_join", json!({"token": "x.y.z"})).await, "3"), json!(["ok", {}]));
    let clip = worker.ask(&topic, "fetch:dataclip", json!({"id": "d"})).await;
    assert_eq!(reply(&clip, "4"), json!(["ok", [123, 125]]));

    handle.push(QUEUE, "work-available", "{}");
    worker.send("phoenix", "heartbeat", json!({})).await;
    let expected = json!([null, null, QUEUE, "work-available", "{}"]);
    assert_eq!(worker.next().await, Seen::Text(expected), "and no answer to the heartbeat");

    worker.send(&topic, "phx_leave", json!({})).await;
    worker.ask(&topic, "run:start", json!({})).await;
    worker.ask(&topic, "step:start", json!({"step_id": STEP, "job_id": "a"})).await;
    let done = worker.ask(&topic, "step:complete", json!({"step_id": STEP, "reason": "success"})).await;
    assert_eq!(reply(&done, "9")[0], "error", "an output is needed");
    let done = worker.ask(&topic, "run:complete", json!({"reason": "success", "other": 1})).await;
    assert_eq!(reply(&done, "10")[0], "error", "an unknown key");
    worker.ask(&topic, "run:complete", json!({"reason": "success"})).await;
    assert_eq!(reply(&worker.ask(&topic, "phx_leave", json!({})).await, "12"), json!(["ok", {}]));
}
