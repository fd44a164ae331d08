//! Dataclips: how inputs go out, and what becomes of outputs.

use bytes::Bytes;
use fulgurite_lightning::{Config, NewClip, NewRun, ServerVersion};
use serde_json::{Value, json};

use crate::support::{CLIP, CLIP_2, STEP, STEP_2, Scene, plan};

/// The body of a binary reply, which stands behind the status.
async fn fetched(scene: &mut Scene) -> String {
    let reply = scene.ask("fetch:dataclip", json!({"id": scene.handle.run(&scene.run).unwrap().dataclip_id})).await;
    reply.as_str().unwrap().split_once(&format!("{}ok", scene.topic)).unwrap().1.to_owned()
}

fn keeping_nothing() -> Value {
    let mut plan = plan();
    plan["options"] = json!({"output_dataclips": false});
    plan
}

#[tokio::test]
async fn inputs_are_binary_and_printed_by_postgres() {
    let check = async |config: Config, input: Option<NewClip>, expected: &str| {
        let run = NewRun { plan: plan(), input, ..NewRun::default() };
        let mut scene = Scene::with(config, run).await;
        assert_eq!(fetched(&mut scene).await, expected);
        assert_eq!(fetched(&mut scene).await, expected, "again");
        scene.is_clean();
    };
    let text = r#"{"data":{"bb":1,"a":[1,2]},"x":null}"#;
    check(Config::default(), Some(NewClip::new(text)), r#"{"x": null, "data": {"a": [1, 2], "bb": 1}}"#).await;
    check(Config { jsonb: false, ..Config::default() }, Some(NewClip::new(text)), text).await;
    let request = Some(Bytes::from_static(br#"{"method":"POST"}"#));
    let webhook = NewClip { request: request.clone(), ..NewClip::new(r#"{"a":1}"#) };
    check(Config::default(), Some(webhook), r#"{"data": {"a": 1}, "request": {"method": "POST"}}"#).await;
    check(Config::default(), None, "null").await;
    check(Config::default(), Some(NewClip::default()), "null").await;
}

#[tokio::test]
async fn a_clip_is_wiped_when_nothing_is_kept() {
    let mut scene = Scene::with(Config::default(), NewRun::new(keeping_nothing(), r#"{"a":1}"#)).await;
    assert_eq!(fetched(&mut scene).await, r#"{"a": 1}"#);
    scene.is_clean();
    assert_eq!(fetched(&mut scene).await, "null");
    assert_eq!(scene.handle.violations().len(), 1);
    let webhook = NewClip { request: Some(Bytes::from_static(b"{}")), ..NewClip::new("{}") };
    let run = NewRun { plan: keeping_nothing(), input: Some(webhook), ..NewRun::default() };
    let mut scene = Scene::with(Config::default(), run).await;
    fetched(&mut scene).await;
    assert_eq!(fetched(&mut scene).await, r#"{"data": null, "request": null}"#);
}

#[tokio::test]
async fn outputs_are_stored_as_objects() {
    const OLD: ServerVersion = ServerVersion(2, 18, 0);
    const NEW: ServerVersion = ServerVersion(2, 18, 2);
    let check = async |version: ServerVersion, output: &str, expected: Option<&str>| {
        let mut scene = Scene::in_step(Config { version, ..Config::default() }).await;
        let payload = format!(
            "{{\"step_id\":\"{STEP}\",\"reason\":\"success\",\"output_dataclip_id\":\"{CLIP}\",\"output_dataclip\":{output}}}"
        );
        let reference = scene.worker.send_text(&scene.topic, "step:complete", &payload).await;
        let reply = scene.worker.answer(&reference).await;
        let stored = scene.handle.clip(CLIP);
        match expected {
            Some(text) => {
                assert_eq!(reply, json!(["ok", {"step_id": STEP}]), "{output}");
                assert_eq!(stored.unwrap(), text);
            }
            None => assert_eq!((reply, stored), (json!("phx_error"), None), "{output}"),
        }
    };
    check(OLD, r#""{\"data\":1,\"configuration\":{\"k\":1}}""#, Some(r#"{"data": 1}"#)).await;
    check(OLD, r#""[1,2]""#, Some(r#"{"value": [1, 2]}"#)).await;
    check(OLD, r#""not json""#, None).await;
    check(OLD, r#""{\"a\":\"\\u0000\"}""#, None).await;
    check(OLD, r#"{"data":1}"#, None).await;
    check(NEW, r#"{"data":{"configuration":1},"configuration":2}"#, Some(r#"{"data": {"configuration": 1}}"#)).await;
    check(NEW, "[1]", Some(r#"{"value": [1]}"#)).await;
    check(NEW, "7", Some(r#"{"value": 7}"#)).await;
    check(NEW, r#""7""#, Some(r#"{"value": 7}"#)).await;
    check(NEW, r#"{"a":"\u0000"}"#, None).await;
    check(ServerVersion(2, 16, 1), r#""7""#, None).await;
}

#[tokio::test]
async fn outputs_and_their_ids_come_together() {
    let check = async |keeps: bool, payload: Value, expected: Value| {
        let plan = if keeps { plan() } else { keeping_nothing() };
        let mut scene = Scene::with(Config::default(), NewRun::new(plan, "{}")).await;
        scene.ask("run:start", json!({})).await;
        scene.ask("step:start", json!({"step_id": STEP, "job_id": "a"})).await;
        let mut whole = json!({"step_id": STEP, "reason": "success"});
        whole.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
        assert_eq!(scene.ask("step:complete", whole).await, expected, "{payload}");
        if !keeps {
            assert_eq!(scene.handle.has_clip(CLIP), payload.get("output_dataclip_id").is_some(), "{payload}");
            assert_eq!(scene.handle.clip(CLIP), None);
        }
    };
    let (body, ok) = (r#"{"a":1}"#, json!(["ok", {"step_id": STEP}]));
    let blank = |name: &str| json!(["error", { name: ["This field can't be blank."] }]);
    check(true, json!({}), ok.clone()).await;
    check(true, json!({"output_dataclip": null, "output_dataclip_error": "DATACLIP_TOO_LARGE"}), ok.clone()).await;
    check(true, json!({"output_dataclip": body, "output_dataclip_id": CLIP}), ok.clone()).await;
    check(true, json!({"output_dataclip": body}), blank("output_dataclip_id")).await;
    check(true, json!({"output_dataclip_id": CLIP}), blank("output_dataclip")).await;
    check(true, json!({"reason": null}), blank("reason")).await;
    check(true, json!({"step_id": STEP_2}), json!(["error", {"step_id": ["not found"]}])).await;
    check(false, json!({"output_dataclip_id": CLIP}), ok.clone()).await;
    check(false, json!({"output_dataclip_id": CLIP, "output_dataclip": body}), ok.clone()).await;
    check(false, json!({}), ok).await;
}

#[tokio::test]
async fn ids_of_clips_are_unique_and_lead_on() {
    let mut scene = Scene::in_step(Config::default()).await;
    let complete = |step: &str, clip: &str| json!({"step_id": step, "reason": "success", "output_dataclip": "{}", "output_dataclip_id": clip});
    scene.ask("step:complete", complete(STEP, CLIP)).await;
    let next = json!({"step_id": STEP_2, "job_id": "b", "input_dataclip_id": CLIP});
    assert_eq!(scene.ask("step:start", next).await, json!(["ok", {"step_id": STEP_2}]));
    scene.is_clean();
    assert_eq!(scene.ask("step:complete", complete(STEP_2, CLIP)).await, json!("phx_error"));
    scene.rejoin().await;
    assert_eq!(scene.ask("step:complete", complete(STEP_2, CLIP_2)).await, json!(["ok", {"step_id": STEP_2}]));
}

#[tokio::test]
async fn final_states_are_wiped_when_nothing_is_kept() {
    let mut scene = Scene::with(Config::default(), NewRun::new(keeping_nothing(), "{}")).await;
    scene.ask("run:start", json!({})).await;
    scene.ask("run:complete", json!({"reason": "success", "final_state": {"a": 1}})).await;
    let id = scene.handle.run(&scene.run).unwrap().final_dataclip_id.unwrap();
    assert!(scene.handle.has_clip(&id));
    assert_eq!(scene.handle.result(&scene.run), None);
    scene.is_clean();
}
