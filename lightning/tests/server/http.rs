//! The HTTP side.

use fulgurite_lightning::{Action, Config, Direction, Fault, How, NewRun, Place, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{CLIP, QUEUE, STEP, Scene, plan};

/// Status and body. The connection is closed behind it, so the body is all that comes.
async fn call(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.0\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

async fn get(server: &Server, path: &str) -> (u16, Value) {
    let (status, body) = call(server, "GET", path, "").await;
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

#[tokio::test]
async fn runs_are_asked_for() {
    let server = Server::start(Config::default()).await.unwrap();
    let asked = json!({
        "plan": plan(), "input": {"a": 1.0}, "credentials": {"c": {"k": "v"}}, "options": {"run_timeout_ms": 7}, "id": "r"
    });
    let (status, body) = call(&server, "POST", "/run", &asked.to_string()).await;
    assert_eq!((status, body.as_str()), (201, r#"{"id":"r"}"#));
    let run = server.handle().run("r").unwrap();
    assert_eq!(run.plan["options"]["run_timeout_ms"], 7);
    assert_eq!(get(&server, &format!("/dataclip/{}", run.dataclip_id.unwrap())).await, (200, json!({"a": 1.0})));
    let (status, runs) = get(&server, "/runs").await;
    assert_eq!((status, &runs[0]["id"], &runs[0]["state"]), (200, &json!("r"), &json!("available")));
    assert!(call(&server, "GET", "/", "").await.1.contains("available"));

    let check = async |body: Value, at: &str| {
        let (status, problem) = call(&server, "POST", "/run", &body.to_string()).await;
        let problem: Value = serde_json::from_str(&problem).unwrap();
        assert_eq!((status, problem["at"].as_str()), (400, Some(at)), "{body}: {problem}");
        assert!(problem["error"].is_string() && problem["help"].is_string(), "{problem}");
    };
    check(asked, "id").await;
    check(json!({"plan": {"jobs": []}}), "plan.jobs").await;
    check(json!({}), "line 1, column 2").await;
    check(json!({"inptu": 1, "plan": plan()}), "line 1, column 8").await;
}

#[tokio::test]
async fn a_run_can_be_looked_at() {
    let mut scene = Scene::in_step(Config::default()).await;
    let id = scene.run.clone();
    assert_eq!(get(&scene.server, &format!("/run/{id}/result")).await.0, 404, "not yet");
    let (server, path) = (&scene.server, format!("/run/{id}/events"));
    let watch = async { call(server, "GET", &path, "").await };
    let worker = &mut scene.worker;
    let topic = scene.topic.clone();
    let work = async {
        let line = json!({"timestamp": "1767225600000000", "message": ["<hi>"], "source": "JOB", "step_id": STEP});
        worker.ask(&topic, "run:log", line).await;
        let done =
            json!({"step_id": STEP, "reason": "success", "output_dataclip": {"b": 1}, "output_dataclip_id": CLIP});
        worker.ask(&topic, "step:complete", done).await;
        worker.ask(&topic, "run:complete", json!({"reason": "success", "final_dataclip_id": CLIP})).await;
    };
    let ((status, events), ()) = tokio::join!(watch, work);
    let names: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let expected = [
        "run-created",
        "run-claimed",
        "run-joined",
        "run-started",
        "step-started",
        "log",
        "step-completed",
        "run-completed",
    ];
    assert_eq!((status, &names[..]), (200, &expected[..]));
    assert!(events.ends_with("\n\n"));

    let (status, run) = get(&scene.server, &format!("/run/{id}")).await;
    assert_eq!((status, &run["state"], &run["steps"][0]["reason"]), (200, &json!("success"), &json!("success")));
    assert_eq!((&run["log_lines"], &run["final_state"]), (&json!(1), &json!({"b": 1})));
    assert_eq!(get(&scene.server, &format!("/run/{id}/result")).await, (200, json!({"b": 1})));
    assert_eq!(get(&scene.server, &format!("/run/{id}/logs")).await.1["message"], "<hi>");
    let text = call(&scene.server, "GET", &format!("/run/{id}/logs?format=text"), "").await;
    assert_eq!(text, (200, "info    JOB  <hi>\n".to_owned()));
    assert_eq!(get(&scene.server, &format!("/run/{id}/logs?format=xml")).await.0, 400);
    assert_eq!(get(&scene.server, "/violations").await, (200, json!([])));
}

#[tokio::test]
async fn events_have_their_own_names() {
    let mut scene = Scene::new().await;
    let cut = Action::Cut { direction: Direction::In, place: Place::Middle, how: How::Close };
    scene.handle.fault(Fault::on("run:start", cut));
    assert_eq!(scene.ask("run:start", json!({})).await, json!("broken"));
    scene.again().await;
    scene.ask("run:complete", json!({"reason": "crash"})).await;
    let (_, events) = call(&scene.server, "GET", &format!("/run/{}/events", scene.run), "").await;
    let (_, cut) = events.split_once("event: cut\ndata: ").unwrap();
    let cut: Value = serde_json::from_str(cut.lines().next().unwrap()).unwrap();
    assert_eq!((&cut["event"], &cut["cut"]["event"]), (&json!("cut"), &json!("run:start")));
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let server = Server::start(Config::default()).await.unwrap();
    for path in ["/run/x", "/run/x/logs", "/run/x/result", "/run/x/events", "/dataclip/x", "/nowhere"] {
        let (status, problem) = get(&server, path).await;
        assert_eq!(status, 404, "{path}");
        assert!(problem["help"].is_string(), "{path}: {problem}");
    }
    assert_eq!(call(&server, "GET", "/worker/websocket?token=x&vsn=2.0.0", "").await.0, 401);
    let token = crate::support::token("secret");
    let path = format!("/worker/websocket?token={token}&vsn=2.0.0");
    assert_eq!(call(&server, "GET", &path, "").await.0, 400, "no upgrade");
    assert_eq!(call(&server, "POST", &path, "").await.0, 400);
}

#[tokio::test]
async fn faults_can_be_asked_for() {
    let mut scene = Scene::with(Config::default(), NewRun::new(plan(), "{}")).await;
    let fault = json!({"event": "fetch:plan", "action": {"refuse": "no"}});
    assert_eq!(call(&scene.server, "POST", "/faults", &fault.to_string()).await.0, 204);
    assert_eq!(scene.ask("fetch:plan", json!({})).await, json!(["error", "no"]));
    let many = json!([fault, fault]);
    assert_eq!(call(&scene.server, "POST", "/faults", &many.to_string()).await.0, 204);
    assert_eq!(call(&scene.server, "POST", "/faults", r#"{"clear": true}"#).await.0, 204);
    assert_eq!(scene.ask("fetch:plan", json!({})).await[0], "ok");
    let chaos = json!({"chaos": {"seed": 1, "every": 1, "limit": 1}});
    assert_eq!(call(&scene.server, "POST", "/faults", &chaos.to_string()).await.0, 204);
    let topic = QUEUE;
    let reply = scene.worker.ask(topic, "claim", json!({"demand": 0, "worker_name": null})).await;
    assert!(reply == "broken" || scene.handle.cuts().len() == 1, "{reply}");
    assert_eq!(call(&scene.server, "POST", "/faults", "{}").await.0, 400);
}
