//! What is large goes through without being copied more than it must be.

use fulgurite_lightning::{Config, NewRun};
use serde_json::json;

use crate::support::{CLIP, STEP, Scene, plan};

#[tokio::test]
async fn a_large_input_goes_out_whole() {
    let input = json!({"data": "x".repeat(40_000_000)}).to_string();
    let mut scene = Scene::with(Config::default(), NewRun::new(plan(), input.clone())).await;
    let id = scene.handle.run(&scene.run).unwrap().dataclip_id;
    let reply = scene.ask("fetch:dataclip", json!({"id": id})).await;
    assert!(reply.as_str().unwrap().ends_with(&input.replacen("\":\"", "\": \"", 1)));
}

#[tokio::test]
async fn a_large_output_is_kept_and_its_frame_is_not() {
    let mut scene = Scene::in_step(Config { record_payload: 100, ..Config::default() }).await;
    let output = json!({"data": "x".repeat(10_000_000)});
    let complete = json!({"step_id": STEP, "reason": "success", "output_dataclip": output, "output_dataclip_id": CLIP});
    assert_eq!(scene.ask("step:complete", complete).await, json!(["ok", {"step_id": STEP}]));
    assert_eq!(scene.handle.clip(CLIP).unwrap().len(), 10_000_012);
    assert_eq!(scene.handle.record().pop().unwrap().payload.len(), 100);
    scene.is_clean();
}
