//! Faults: each place of a cut, each other thing that goes wrong, and chance.

use std::time::Duration;

use fulgurite_lightning::{Action, Answer, Chaos, Config, Direction, Fault, Happened, How, NewRun, Place, Server};
use serde_json::{Value, json};

use crate::support::{QUEUE, STEP, Scene, Seen, Worker, plan, refusal, token};

fn cut(direction: Direction, place: Place, how: How) -> Action {
    Action::Cut { direction, place, how }
}

#[tokio::test]
async fn cuts_come_where_they_were_asked_for() {
    /// Whether the request had an effect, and whether its reply arrived.
    async fn check(place: Place, how: How, handled: bool, answered: bool) {
        let mut scene = Scene::started(Config::default()).await;
        scene.handle.fault(Fault::on("step:start", cut(Direction::In, place, how)));
        let reply = scene.ask("step:start", json!({"step_id": STEP, "job_id": "a"})).await;
        let expected = if answered { json!(["ok", {"step_id": STEP}]) } else { json!("broken") };
        assert_eq!(reply, expected, "{place:?} {how:?}");
        if answered {
            assert_eq!(scene.worker.next().await, Seen::Broken, "{place:?} {how:?}");
        }
        let steps = scene.handle.run(&scene.run).unwrap().steps.len();
        assert_eq!(steps == 1, handled, "{place:?} {how:?}");
        let [made] = &scene.handle.cuts()[..] else { panic!("one cut") };
        assert_eq!((made.event.as_str(), made.place, made.how, made.random), ("step:start", place, how, false));
        let delivered = scene.handle.record().iter().any(|r| r.event == "step:start" && r.delivered);
        assert_eq!(delivered, answered, "{place:?} {how:?}");

        // Who connects again may ask again, and nobody holds that against them.
        scene.again().await;
        let again = scene.ask("step:start", json!({"step_id": STEP, "job_id": "a"})).await;
        let expected = if handled { json!("phx_error") } else { json!(["ok", {"step_id": STEP}]) };
        assert_eq!(again, expected, "{place:?} {how:?}");
        scene.is_clean();
    }
    for how in [How::Reset, How::Close] {
        for place in [
            Place::Before,
            Place::Header,
            Place::Mask,
            Place::Start,
            Place::Middle,
            Place::End,
            Place::Byte(20),
            Place::Received,
        ] {
            check(place, how, false, false).await;
        }
        check(Place::Handled, how, true, false).await;
        check(Place::InReply, how, true, false).await;
    }
    check(Place::AfterReply, How::Close, true, true).await;
}

#[tokio::test]
async fn frames_from_the_server_are_cut_too() {
    let check = async |event: &str, place: Place, arrives: bool| {
        let server = Server::start(Config::default()).await.unwrap();
        let handle = server.handle();
        let mut worker = Worker::connect(&server).await;
        worker.ask(QUEUE, "phx_join", json!({})).await;
        handle.fault(Fault::on(event, cut(Direction::Out, place, How::Close)).topic(QUEUE));
        handle.push(QUEUE, "mine", "{}");
        if event == "claim" {
            worker.push("mine").await;
            let reply = worker.ask(QUEUE, "claim", json!({"demand": 1, "worker_name": null})).await;
            assert_eq!(reply, json!("broken"), "{place:?}");
        } else {
            if arrives {
                worker.push("mine").await;
            }
            assert_eq!(worker.next().await, Seen::Broken, "{place:?}");
        }
        assert_eq!(handle.cuts()[0].direction, Direction::Out);
    };
    for place in [Place::Before, Place::Header, Place::Start, Place::Middle, Place::End, Place::Byte(5)] {
        check("mine", place, false).await;
    }
    check("mine", Place::AfterReply, true).await;
    check("claim", Place::Middle, false).await;
}

#[tokio::test]
async fn a_large_frame_is_cut_while_it_is_being_sent() {
    let mut scene = Scene::in_step(Config::default()).await;
    scene.handle.fault(Fault::on("step:complete", cut(Direction::In, Place::Start, How::Reset)));
    let output = json!({"data": "x".repeat(10_000_000)}).to_string();
    let complete = json!({"step_id": STEP, "reason": "success", "output_dataclip": output, "output_dataclip_id": STEP});
    assert_eq!(scene.ask("step:complete", complete).await, json!("broken"));
    assert_eq!(scene.handle.cuts()[0].byte, 15);
}

#[tokio::test]
async fn replies_are_late_or_lost() {
    let mut scene = Scene::new().await;
    scene.handle.fault(Fault::on("run:start", Action::Delay(Duration::from_millis(1))));
    assert_eq!(scene.ask("run:start", json!({})).await, json!(["ok", null]));

    let mut happenings = scene.handle.subscribe();
    scene.handle.fault(Fault::on("step:start", Action::Hold));
    let topic = scene.topic.clone();
    let held = scene.worker.send(&topic, "step:start", json!({"step_id": STEP, "job_id": "a"})).await;
    while !matches!(happenings.recv().await.unwrap().what, Happened::Held { .. }) {}
    assert_eq!(scene.worker.ask("phoenix", "heartbeat", json!({})).await, json!(["ok", {}]), "others go on");
    scene.handle.release();
    assert_eq!(scene.worker.answer(&held).await, json!(["ok", {"step_id": STEP}]));

    scene.handle.fault(Fault::on("run:log", Action::LoseReply));
    let line = |at: u32| json!({"timestamp": format!("17672256000000{at}"), "message": "x"});
    scene.worker.send(&topic, "run:log", line(10)).await;
    assert_eq!(scene.ask("run:log", line(11)).await[0], "ok");
    let answers: Vec<Answer> =
        scene.handle.record().into_iter().filter(|r| r.event == "run:log").map(|r| r.answer).collect();
    assert_eq!(answers[0], Answer::Lost);
    assert_eq!(scene.handle.run(&scene.run).unwrap().logs.len(), 2, "both were kept");
    scene.is_clean();
}

#[tokio::test]
async fn requests_are_refused_or_crash_their_channel() {
    let mut scene = Scene::new().await;
    for (action, expected, handled) in [
        (Action::Refuse(json!("no")), json!(["error", "no"]), false),
        (Action::Crash, json!("phx_error"), false),
        (Action::CrashAfter, json!("phx_error"), true),
    ] {
        scene.handle.fault(Fault::on("run:start", action.clone()));
        assert_eq!(scene.ask("run:start", json!({})).await, expected, "{action:?}");
        let is_started = scene.handle.run(&scene.run).unwrap().started_at.is_some();
        assert_eq!(is_started, handled, "{action:?}");
        if expected == "phx_error" {
            scene.rejoin().await;
        }
    }
    scene.handle.fault(Fault::on("fetch:plan", Action::Close { code: 1012 }));
    assert_eq!(scene.ask("fetch:plan", json!({})).await, json!(1012));
    scene.is_clean();
}

#[tokio::test]
async fn joins_go_wrong_as_well() {
    let server = Server::start(Config::default()).await.unwrap();
    let handle = server.handle();
    let mut worker = Worker::connect(&server).await;
    for (action, expected) in [
        (Action::Refuse(json!({"reason": "unauthorized"})), json!(["error", {"reason": "unauthorized"}])),
        (Action::Crash, json!(["error", {"reason": "join crashed"}])),
        (Action::Close { code: 1011 }, json!(1011)),
    ] {
        handle.fault(Fault::on("phx_join", action));
        assert_eq!(worker.ask(QUEUE, "phx_join", json!({})).await, expected);
    }
}

#[tokio::test]
async fn connections_are_refused() {
    let server = Server::start(Config::default()).await.unwrap();
    let url = format!("{}/websocket?token={}&vsn=2.0.0", server.url(), token("secret"));
    server.handle().fault(Fault::on("connect", Action::Refuse(json!(503))));
    server.handle().fault(Fault::on("connect", Action::Refuse(json!(401))));
    for expected in [503, 401, 101] {
        assert_eq!(refusal(&url, &[]).await.0, expected);
    }
}

#[tokio::test]
async fn lines_may_come_again_in_other_batches() {
    let mut scene = Scene::new().await;
    let line = |at: u32| json!({"timestamp": format!("17672256000000{at}"), "message": "x"});
    scene.handle.fault(Fault::on("run:batch_logs", cut(Direction::In, Place::Handled, How::Reset)));
    assert_eq!(scene.ask("run:batch_logs", json!({"logs": [line(10), line(11)]})).await, json!("broken"));
    scene.again().await;
    scene.ask("run:batch_logs", json!({"logs": [line(10), line(11), line(12)]})).await;
    scene.is_clean();
    scene.ask("run:batch_logs", json!({"logs": [line(12)]})).await;
    assert_eq!(scene.handle.violations().len(), 1);
}

#[tokio::test]
async fn pushes_come_twice() {
    let server = Server::start(Config { debounce: Duration::ZERO, ..Config::default() }).await.unwrap();
    let handle = server.handle();
    let mut worker = Worker::connect(&server).await;
    worker.ask(QUEUE, "phx_join", json!({})).await;
    handle.fault(Fault::on("work-available", Action::Duplicate));
    handle.enqueue(NewRun::new(plan(), "{}"));
    let first = worker.push("work-available").await;
    assert_eq!(worker.next().await, Seen::Text(first));
}

#[tokio::test]
async fn chance_cuts_and_keeps_a_record() {
    let made = async |seed| {
        let mut scene = Scene::started(Config::default()).await;
        scene.handle.chaos(Chaos { seed, every: 6, limit: Some(5), spare: vec!["phx_join".to_owned()] });
        let mut at = 1_767_225_600_000_000_i64;
        while scene.handle.cuts().len() < 5 {
            at += 1;
            let line = json!({"timestamp": at.to_string(), "message": "x"});
            while scene.ask("run:log", line.clone()).await == "broken" {
                scene.again().await;
            }
        }
        scene.handle.peace();
        scene.is_clean();
        let cuts = scene.handle.cuts();
        assert!(cuts.iter().all(|cut| cut.random && cut.event == "run:log"), "{cuts:?}");
        cuts.into_iter().map(|cut| (cut.direction, cut.place, cut.how)).collect::<Vec<_>>()
    };
    let (first, other) = (made(7).await, made(8).await);
    assert_ne!(first, other);
    assert_eq!(first, made(7).await);
}

#[tokio::test]
async fn requests_are_all_on_record() {
    let mut scene = Scene::new().await;
    scene.ask("run:complete", json!({"reason": "?"})).await;
    let last = scene.handle.record().pop().unwrap();
    assert_eq!((last.socket, last.event.as_str(), last.topic.as_str()), (1, "run:complete", scene.topic.as_str()));
    assert_eq!(last.json(), Some(json!({"reason": "?"})));
    assert_eq!(last.answer, Answer::Error(r#"{"state":["is invalid"]}"#.to_owned()));
    assert!(last.delivered);
    assert_eq!(Value::from(last.msg_ref), json!("4"));
}
