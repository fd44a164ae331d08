//! `run:<id>`: joins, plans, credentials, steps, logs, ends.

use std::time::Duration;

use fulgurite_lightning::{Config, NewRun, RunState, ServerVersion};
use serde_json::{Value, json};

use crate::support::{CLIP, STEP, STEP_2, Scene, Worker, plan};

#[tokio::test]
async fn a_whole_run() {
    let mut scene = Scene::new().await;
    let fetched = scene.ask("fetch:plan", json!({})).await;
    assert_eq!(fetched[1]["options"]["run_timeout_ms"], 300_000);
    let input = scene.handle.run(&scene.run).unwrap().dataclip_id.unwrap();
    let clip = scene.ask("fetch:dataclip", json!({"id": input})).await;
    assert!(clip.as_str().unwrap().ends_with(r#"ok{"data": {"n": 1}}"#), "{clip}");
    let mut check = async |event: &str, payload: Value, expected: Value| {
        assert_eq!(scene.ask(event, payload).await, json!(["ok", expected]), "{event}");
    };
    check("fetch:credential", json!({"id": "c"}), json!({"username": "ada", "password": "pa55word"})).await;
    check("run:start", json!({"timestamp": "1767225600000001", "versions": {"node": "1"}}), json!(null)).await;
    check("step:start", json!({"step_id": STEP, "job_id": "a", "input_dataclip_id": input}), json!({"step_id": STEP}))
        .await;
    let complete = json!({
        "step_id": STEP, "reason": "success", "output_dataclip": "{\"data\":2}", "output_dataclip_id": CLIP,
        "mem": {"job": 1, "system": 2}, "duration": 3, "error_type": null, "error_message": null,
    });
    check("step:complete", complete, json!({"step_id": STEP})).await;
    check("run:complete", json!({"reason": "success", "final_dataclip_id": CLIP, "final_state": {}}), json!(null))
        .await;
    check("phx_leave", json!({}), json!({})).await;
    let run = scene.handle.wait(&scene.run).await;
    assert_eq!(
        (run.state, run.reason.as_deref(), run.started_at),
        (RunState::Success, Some("success"), Some(1_767_225_600_000_001))
    );
    assert_eq!(run.steps[0].reason.as_deref(), Some("success"));
    assert_eq!(scene.handle.result(&scene.run).unwrap(), r#"{"data": 2}"#);
    scene.is_clean();
    let events: Vec<String> = scene.handle.record().into_iter().map(|recorded| recorded.event).collect();
    assert_eq!(events[3..5], ["fetch:plan", "fetch:dataclip"]);
}

#[tokio::test]
async fn joins_need_the_right_token() {
    let scene = Scene::new().await;
    let mut worker = Worker::connect(&scene.server).await;
    let other = scene.handle.enqueue(NewRun::new(plan(), "{}"));
    let mut check = async |run: &str, token: &str, expected: Value| {
        assert_eq!(worker.ask(&format!("run:{run}"), "phx_join", json!({"token": token})).await, expected, "{run}");
    };
    let unauthorized = json!(["error", {"reason": "unauthorized"}]);
    check(&scene.run, &scene.token, json!(["ok", {}])).await;
    check(&scene.run, "x", unauthorized.clone()).await;
    check(&scene.run, &crate::support::token("secret"), unauthorized.clone()).await;
    check(&other, &scene.token, unauthorized.clone()).await;
    scene.handle.advance(Duration::from_secs(309));
    check(&scene.run, &scene.token, json!(["ok", {}])).await;
    scene.handle.advance(Duration::from_secs(1));
    check(&scene.run, &scene.token, unauthorized).await;
}

#[tokio::test]
async fn plans_have_their_form() {
    let check = async |version: ServerVersion, keys: &[&str]| {
        let mut with = plan();
        with["options"] = json!({"run_timeout_ms": 1000, "run_memory_limit_mb": null, "job_log_level": "none"});
        let config = Config { version, ..Config::default() };
        let mut scene = Scene::with(config, NewRun::new(with, "{}")).await;
        let fetched = scene.ask("fetch:plan", json!({})).await[1].take();
        let seen: Vec<&String> = fetched.as_object().unwrap().keys().collect();
        assert_eq!(seen, keys, "{version}");
        assert_eq!(fetched["jobs"], plan()["jobs"]);
        let options = json!({"output_dataclips": true, "run_timeout_ms": 1000, "job_log_level": "none"});
        assert_eq!(fetched["options"], options);
    };
    let old = ["id", "triggers", "jobs", "edges", "starting_node_id", "dataclip_id", "options"];
    check(ServerVersion(2, 10, 8), &old).await;
    check(ServerVersion(2, 18, 2), &[&old[..], &["project_id", "meta"]].concat()).await;
}

#[tokio::test]
async fn credentials_come_in_all_shapes() {
    let mut with = plan();
    let ids = ["c", "keychain", "oauth", "wrapped", "unknown"];
    with["jobs"] = ids.iter().map(|id| json!({"id": id, "body": "", "credential_id": id})).collect();
    let mut scene = Scene::with(Config::default(), NewRun::new(with, "{}")).await;
    let sorry = "Could not reach the oauth provider. Try again later";
    scene.handle.credential("keychain", json!(null));
    scene.handle.credential("oauth", json!({"error": sorry}));
    scene.handle.credential("wrapped", json!({"error": {"errors": {"id": ["no"]}}}));
    scene.handle.credential("unused", json!({}));
    let mut check = async |payload: Value, expected: Value| {
        assert_eq!(scene.ask("fetch:credential", payload.clone()).await, expected, "{payload}");
    };
    let unknown = json!(["error", {"errors": {"id": ["Credential not found!"]}}]);
    check(json!({"id": "c"}), json!(["ok", {"username": "ada", "password": "pa55word"}])).await;
    check(json!({"id": "keychain"}), json!(["ok", null])).await;
    check(json!({"id": "oauth"}), json!(["error", sorry])).await;
    check(json!({"id": "wrapped"}), json!(["error", {"errors": {"id": ["no"]}}])).await;
    check(json!({"id": "unknown"}), unknown.clone()).await;
    check(json!({"id": "unused"}), unknown).await;
    check(json!({}), json!(["error", {"errors": {"id": ["This field can't be blank."]}}])).await;
    scene.is_clean();
}

#[tokio::test]
async fn steps_start_only_as_they_may() {
    let mut scene = Scene::started(Config::default()).await;
    let mut check = async |payload: Value, expected: Value| {
        assert_eq!(scene.ask("step:start", payload.clone()).await, expected, "{payload}");
    };
    let blank = "This field can't be blank.";
    check(json!({"job_id": "a"}), json!(["error", {"step_id": [blank]}])).await;
    check(json!({"step_id": "x", "job_id": "a"}), json!(["error", {"step_id": ["is invalid"]}])).await;
    check(json!({"step_id": STEP}), json!(["error", {"errors": {"job_id": [blank]}}])).await;
    check(json!({"step_id": STEP, "job_id": null}), json!(["error", {"errors": {"job_id": ["Job not found!"]}}])).await;
    check(json!({"step_id": STEP, "job_id": "x"}), json!(["error", {"job_id": ["does not exist"]}])).await;
    let unknown = json!({"step_id": STEP, "job_id": "a", "input_dataclip_id": CLIP});
    check(unknown, json!(["error", {"input_dataclip_id": ["does not exist"]}])).await;
    check(json!({"step_id": STEP, "job_id": "a", "timestamp": "12"}), json!(["error", {"timestamp": ["is invalid"]}]))
        .await;
    check(
        json!({"step_id": STEP, "job_id": "a", "timestamp": 1_767_225_600_000_i64}),
        json!(["ok", {"step_id": STEP}]),
    )
    .await;
    check(json!({"step_id": STEP, "job_id": "a"}), json!("phx_error")).await;
    assert_eq!(scene.handle.run(&scene.run).unwrap().steps[0].started_at, 1_767_225_600_000_000);
}

#[tokio::test]
async fn clips_of_other_projects_are_not_there() {
    let mut scene = Scene::started(Config::default()).await;
    let foreign =
        fulgurite_lightning::NewClip { project: Some("other".to_owned()), ..fulgurite_lightning::NewClip::new("{}") };
    let clip = scene.handle.dataclip(foreign);
    let start = json!({"step_id": STEP, "job_id": "a", "input_dataclip_id": clip});
    assert_eq!(scene.ask("step:start", start).await, json!(["error", {"input_dataclip_id": ["does not exist"]}]));
}

#[tokio::test]
async fn log_lines_are_checked_and_made_readable() {
    let mut scene = Scene::in_step(Config::default()).await;
    scene.ask("fetch:credential", json!({"id": "c"})).await;
    let mut at = 1_767_225_600_000_000_i64;
    let mut check = async |line: Value, expected: Result<&str, Value>| {
        at += 1;
        let mut payload = json!({"timestamp": at.to_string(), "message": ["x"]});
        payload.as_object_mut().unwrap().extend(line.as_object().unwrap().clone());
        let reply = scene.ask("run:log", payload).await;
        match expected {
            Ok(text) => {
                assert_eq!(reply[0], "ok", "{line}: {reply}");
                let stored = scene.handle.run(&scene.run).unwrap().logs.pop().unwrap();
                assert_eq!((reply[1]["log_line_id"].as_str(), stored.message.as_str()), (Some(&*stored.id), text));
            }
            Err(errors) => assert_eq!(reply, json!(["error", errors]), "{line}"),
        }
    };
    check(json!({"message": "a"}), Ok("a")).await;
    check(json!({"message": ["a", 1, {"b": null}]}), Ok(r#"a 1 {"b":null}"#)).await;
    check(json!({"message": [null]}), Ok("null")).await;
    check(json!({"message": ""}), Ok("")).await;
    check(json!({"message": []}), Ok("")).await;
    check(json!({"message": true}), Ok("true")).await;
    check(json!({"message": ["\u{0}\u{7}x"]}), Ok("\u{fffd}\u{fffd}x")).await;
    check(json!({"message": ["the password is pa55word"]}), Ok("the password is ***")).await;
    check(json!({"message": ["Basic YWRhOnBhNTV3b3Jk"]}), Ok("Basic ***")).await;
    check(json!({"message": null}), Err(json!({"message": ["This field can't be blank."]}))).await;
    check(json!({"timestamp": null}), Err(json!({"timestamp": ["This field can't be blank."]}))).await;
    check(json!({"timestamp": "1"}), Err(json!({"timestamp": ["is invalid"]}))).await;
    check(json!({"level": "loud"}), Err(json!({"level": ["is invalid"]}))).await;
    for level in ["success", "always", "info", "warn", "error", "debug"] {
        check(json!({"level": level, "source": "12345678"}), Ok("x")).await;
    }
    check(json!({"source": "123456789"}), Err(json!({"source": ["should be at most 8 character(s)"]}))).await;
    check(json!({"step_id": STEP}), Ok("x")).await;
    check(json!({"step_id": STEP_2}), Err(json!({"step_id": ["must be associated with the run"]}))).await;
    assert_eq!(scene.handle.run(&scene.run).unwrap().logs[0].level, "info");
}

#[tokio::test]
async fn secrets_are_forgotten_with_the_channel() {
    let mut scene = Scene::new().await;
    scene.ask("fetch:credential", json!({"id": "c"})).await;
    scene.again().await;
    scene.ask("run:log", json!({"timestamp": "1767225600000000", "message": "pa55word"})).await;
    assert_eq!(scene.handle.run(&scene.run).unwrap().logs[0].message, "pa55word");
}

#[tokio::test]
async fn batches_of_logs_are_all_or_nothing() {
    let line = |at: u32| json!({"timestamp": format!("17672256000000{at}"), "message": ["x"], "level": "info"});
    let mut scene = Scene::new().await;
    let reply = scene.ask("run:batch_logs", json!({"logs": [line(10), line(11)]})).await;
    assert_eq!(reply, json!(["ok", {}]));
    let reply = scene.ask("run:batch_logs", json!({"logs": [line(12), {"message": "x"}, line(13)]})).await;
    assert_eq!(reply, json!(["error", {"timestamp": ["This field can't be blank."]}]));
    assert_eq!(scene.handle.run(&scene.run).unwrap().logs.len(), 2);
    assert_eq!(scene.ask("run:batch_logs", json!({})).await, json!("phx_error"));
    let old = Config { version: ServerVersion(2, 15, 15), ..Config::default() };
    let mut scene = Scene::with(old, NewRun::new(plan(), "{}")).await;
    assert_eq!(scene.ask("run:batch_logs", json!({"logs": []})).await, json!("phx_error"));
    scene.is_clean();
}

#[tokio::test]
async fn reasons_become_states() {
    let check = async |payload: Value, expected: Result<RunState, Value>| {
        let mut scene = Scene::started(Config::default()).await;
        let reply = scene.ask("run:complete", payload.clone()).await;
        match expected {
            Ok(state) => {
                assert_eq!(reply, json!(["ok", null]), "{payload}");
                assert_eq!(scene.handle.run(&scene.run).unwrap().state, state, "{payload}");
            }
            Err(errors) => assert_eq!(reply, json!(["error", errors]), "{payload}"),
        }
    };
    check(json!({"reason": "ok"}), Ok(RunState::Success)).await;
    check(json!({"state": "success"}), Ok(RunState::Success)).await;
    check(json!({"reason": "fail"}), Ok(RunState::Failed)).await;
    check(json!({"reason": "crash"}), Ok(RunState::Crashed)).await;
    check(json!({"reason": "kill", "error_type": "TimeoutError"}), Ok(RunState::Killed)).await;
    check(json!({"reason": "cancel"}), Ok(RunState::Cancelled)).await;
    check(json!({"reason": "exception"}), Ok(RunState::Exception)).await;
    check(json!({"reason": "killed"}), Ok(RunState::Killed)).await;
    check(json!({"reason": "other"}), Err(json!({"state": ["is invalid"]}))).await;
    check(json!({}), Err(json!({"state": ["This field can't be blank."]}))).await;
    let unknown = json!({"errors": {"final_dataclip_id": ["does not exist"]}});
    check(json!({"reason": "success", "final_dataclip_id": CLIP}), Err(unknown)).await;
}

#[tokio::test]
async fn a_run_ends_once() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.ask("run:complete", json!({"reason": "crash", "final_state": 5})).await, json!(["ok", null]));
    assert_eq!(scene.handle.result(&scene.run).unwrap(), r#"{"value": 5}"#);
    let again = scene.ask("run:complete", json!({"reason": "success"})).await;
    assert_eq!(again, json!(["error", {"state": ["already in completed state"]}]));
}

#[tokio::test]
async fn lost_runs_stay_lost() {
    let check = async |is_started: bool, error: &str| {
        let mut scene = Scene::new().await;
        if is_started {
            scene.ask("run:start", json!({})).await;
            scene.ask("step:start", json!({"step_id": STEP, "job_id": "a"})).await;
        }
        scene.handle.advance(Duration::from_secs(309));
        assert_eq!(scene.handle.janitor(), 0, "grace");
        scene.handle.advance(Duration::from_secs(2));
        assert_eq!(scene.handle.janitor(), 1);
        assert_eq!(scene.handle.janitor(), 0);
        let run = scene.handle.wait(&scene.run).await;
        assert_eq!((run.state, run.error_type.as_deref()), (RunState::Lost, Some(error)));
        assert!(run.steps.iter().all(|step| step.reason.as_deref() == Some("lost")));
        let late = scene.ask("run:complete", json!({"reason": "success"})).await;
        assert_eq!(late, json!(["error", {"state": ["already in completed state"]}]));
        scene.is_clean();
    };
    check(false, "LostAfterClaim").await;
    check(true, "LostAfterStart").await;
}

#[tokio::test]
async fn the_janitor_comes_by_itself() {
    let config = Config { run_timeout: Duration::from_secs(5), janitor: Duration::from_millis(5), ..Config::default() };
    let scene = Scene::with(config, NewRun::new(plan(), "{}")).await;
    scene.handle.advance(Duration::from_secs(16));
    assert_eq!(scene.handle.wait(&scene.run).await.state, RunState::Lost);
}

#[tokio::test]
async fn unknown_events_and_binary_pushes_crash_the_channel() {
    use futures_util::SinkExt as _;
    let mut scene = Scene::new().await;
    assert_eq!(scene.ask("run:cancel", json!({})).await, json!("phx_error"));
    scene.rejoin().await;
    let mut frame = vec![0, 1, 1, u8::try_from(scene.topic.len()).unwrap(), 7];
    frame.extend(format!("56{}run:logx", scene.topic).bytes());
    scene.worker.ws.send(frame.into()).await.unwrap();
    assert_eq!(scene.worker.push("phx_error").await[2], scene.topic);
    assert_eq!(scene.handle.violations().len(), 2);
}
