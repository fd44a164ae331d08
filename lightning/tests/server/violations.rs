//! What the server lets pass and a correct worker does not do.

use fulgurite_lightning::{Config, NewRun};
use serde_json::{Value, json};

use crate::support::{CLIP, CLIP_2, QUEUE, STEP, STEP_2, Scene, plan};

/// Sends events one after the other, and compares what is noted. `~` stands for ids.
async fn check(events: &[(&str, Value)], expected: &[&str]) {
    let mut scene = Scene::with(Config::default(), NewRun::new(plan(), "{}")).await;
    for (event, payload) in events {
        let reply = scene.ask(event, payload.clone()).await;
        if reply == "phx_error" {
            scene.rejoin().await;
        }
    }
    let prefix = format!("run {}: ", scene.run);
    let seen: Vec<String> = scene.handle.violations().iter().map(|v| v.replace(&prefix, "")).collect();
    assert_eq!(seen, expected, "{events:?}");
}

fn line(at: u32, step: Option<&str>) -> (&'static str, Value) {
    ("run:log", json!({"timestamp": format!("17672256000000{at}"), "message": "x", "step_id": step}))
}

fn start(step: &str) -> (&'static str, Value) {
    ("step:start", json!({"step_id": step, "job_id": "a"}))
}

fn done(step: &str, clip: &str) -> (&'static str, Value) {
    let payload = json!({"step_id": step, "reason": "success", "output_dataclip": "{}", "output_dataclip_id": clip});
    ("step:complete", payload)
}

#[tokio::test]
async fn what_is_tolerated_is_noted() {
    let run = || ("run:start", json!({}));
    let end = || ("run:complete", json!({"reason": "success"}));
    check(&[line(10, None), run(), start(STEP), line(11, Some(STEP)), done(STEP, CLIP), end()], &[]).await;
    check(&[line(10, None), line(10, None)], &["a log line at 1767225600000010 after one at 1767225600000010: \"x\""])
        .await;
    check(&[line(11, None), line(10, None)], &["a log line at 1767225600000010 after one at 1767225600000011: \"x\""])
        .await;
    let late = format!("a log line for step {STEP} after its step:complete: \"x\"");
    check(&[run(), start(STEP), done(STEP, CLIP), line(10, Some(STEP))], &[&late]).await;
    let open = format!("step:start while step {STEP} is open");
    check(&[run(), start(STEP), start(STEP_2)], &[&open]).await;
    check(&[start(STEP)], &["step:start before run:start"]).await;
    check(&[run(), run()], &["run:start twice"]).await;
    let twice = format!("step:complete twice for step {STEP}");
    check(&[run(), start(STEP), done(STEP, CLIP), done(STEP, CLIP_2)], &[&twice]).await;
    check(&[run(), end(), line(10, None)], &["run:log after run:complete"]).await;
    let open = format!("run:complete while step {STEP} is open");
    check(&[run(), start(STEP), end()], &[&open]).await;
    check(&[end()], &["a success without run:start"]).await;
    let unknown = json!({"step_id": STEP, "job_id": "a", "input_dataclip_id": CLIP});
    check(&[run(), ("step:start", unknown)], &["step:start was refused: {\"input_dataclip_id\":[\"does not exist\"]}"])
        .await;
    let twice = format!("step:start crashed the channel: there is a step {STEP}");
    check(&[run(), start(STEP), start(STEP)], &[&twice]).await;
}

#[tokio::test]
async fn one_request_is_in_flight_unless_it_is_a_log() {
    let mut scene = Scene::new().await;
    let topic = scene.topic.clone();
    // Both are on their way before the server sees either: a reply to the first is held back.
    scene.handle.fault(fulgurite_lightning::Fault::on("run:start", fulgurite_lightning::Action::Hold));
    scene.worker.send(&topic, line(10, None).0, line(10, None).1).await;
    scene.worker.send(&topic, line(11, None).0, line(11, None).1).await;
    let first = scene.worker.send(&topic, "run:start", json!({})).await;
    let second = scene.worker.send(&topic, "fetch:plan", json!({})).await;
    scene.handle.until(|handle| handle.record().iter().any(|r| r.event == "fetch:plan")).await;
    scene.worker.ask("phoenix", "heartbeat", json!({})).await;
    scene.handle.release();
    scene.worker.answer(&first).await;
    scene.worker.answer(&second).await;
    let noted = format!("run {}: fetch:plan while run:start is not answered", scene.run);
    assert_eq!(scene.handle.violations(), [noted]);
}

#[tokio::test]
async fn refs_of_other_joins_are_noted() {
    let mut scene = Scene::new().await;
    let frame = format!("[\"999\",\"50\",\"{QUEUE}\",\"claim\",{{\"demand\":0,\"worker_name\":null}}]");
    futures_util::SinkExt::send(&mut scene.worker.ws, tokio_tungstenite::tungstenite::Message::text(frame))
        .await
        .unwrap();
    assert_eq!(scene.worker.answer("50").await, json!(["ok", {"runs": []}]));
    assert_eq!(scene.handle.violations(), ["claim on worker:queue with the ref of another join"]);
}
