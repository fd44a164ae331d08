//! Who may connect, and what a connection does by itself.

use std::time::Duration;

use fulgurite_lightning::{Config, How, Server};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{QUEUE, Scene, Seen, Worker, refusal, token};

#[tokio::test]
async fn refused_at_the_door() {
    let server = Server::start(Config { origins: vec!["http://good".to_owned()], ..Config::default() }).await.unwrap();
    let base = format!("{}/websocket", server.url());
    let good = token("secret");
    let check = async |query: String, headers: &[(&'static str, &str)], expected: (u16, &str)| {
        let seen = refusal(&format!("{base}?{query}"), headers).await;
        assert_eq!(seen, (expected.0, expected.1.to_owned()), "{query} {headers:?}");
    };
    check(format!("token={good}&vsn=2.0.0"), &[], (101, "")).await;
    check(format!("token={good}&vsn=2.0.0"), &[("origin", "http://good")], (101, "")).await;
    check(format!("token={good}&vsn=2.0.0"), &[("origin", "http://bad")], (403, "")).await;
    check(format!("token={good}"), &[], (403, "")).await;
    check(format!("token={good}&vsn=1.0.0"), &[], (403, "")).await;
    check("vsn=2.0.0".to_owned(), &[], (401, "Unauthorized")).await;
    check("token=&vsn=2.0.0".to_owned(), &[], (401, "Unauthorized")).await;
    check("token=x.y.z&vsn=2.0.0".to_owned(), &[], (401, "Unauthorized")).await;
    check(format!("token={}&vsn=2.0.0", token("other")), &[], (401, "Unauthorized")).await;
    let unnamed = fulgurite_lightning::token::sign_worker(&json!({"iss": "urn:openfn:worker", "iat": 1}), "secret");
    check(format!("token={unnamed}&vsn=2.0.0"), &[], (401, "Unauthorized")).await;
}

#[tokio::test]
async fn heartbeats_are_answered_without_a_join_ref() {
    let server = Server::start(Config::default()).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    worker.send("phoenix", "heartbeat", json!({})).await;
    let expected = json!([null, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}}]);
    assert_eq!(worker.next().await, Seen::Text(expected));
}

#[tokio::test]
async fn topics_that_are_not_joined_do_not_match() {
    let server = Server::start(Config::default()).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    let mut check = async |topic: &str, event: &str, expected: Value| {
        assert_eq!(worker.ask(topic, event, json!({})).await, expected, "{topic} {event}");
    };
    let unmatched = json!(["error", {"reason": "unmatched topic"}]);
    check(QUEUE, "claim", unmatched.clone()).await;
    check("other", "phx_join", unmatched.clone()).await;
    check("phoenix", "other", unmatched).await;
    check(QUEUE, "phx_leave", json!(["ok", {}])).await;
    check("run:x", "phx_join", json!(["error", {"reason": "join crashed"}])).await;
}

#[tokio::test]
async fn a_channel_is_left_or_joined_anew() {
    let server = Server::start(Config::default()).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    worker.ask(QUEUE, "phx_join", json!({})).await;
    assert_eq!(worker.ask(QUEUE, "phx_join", json!({})).await, json!(["ok", {}]));
    assert_eq!(worker.next().await, Seen::Text(json!(["1", "1", QUEUE, "phx_close", {}])), "the first");
    assert_eq!(worker.ask(QUEUE, "phx_leave", json!({})).await, json!(["ok", {}]));
    assert_eq!(worker.next().await, Seen::Text(json!(["2", "2", QUEUE, "phx_close", {}])));
    let reply = worker.ask(QUEUE, "claim", json!({"demand": 1, "worker_name": null})).await;
    assert_eq!(reply, json!(["error", {"reason": "unmatched topic"}]));
    assert_eq!(server.handle().violations(), ["a second join of worker:queue"]);
}

#[tokio::test]
async fn frames_that_do_not_decode_end_the_connection() {
    let server = Server::start(Config::default()).await.unwrap();
    let check = async |message: Message, code: u16| {
        let mut worker = Worker::connect(&server).await;
        worker.ws.send(message.clone()).await.unwrap();
        assert_eq!(worker.next().await, Seen::Closed(code), "{message:?}");
    };
    check(Message::text("{}"), 1011).await;
    check(Message::text("[1,2,3,4,5]"), 1011).await;
    check(Message::text(r#"["1","1","t","e",nope]"#), 1011).await;
    check(Message::binary(&b"\x02x"[..]), 1011).await;
}

#[tokio::test]
async fn silence_ends_a_connection() {
    let server = Server::start(Config { idle: Duration::from_millis(50), ..Config::default() }).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    assert_eq!(worker.next().await, Seen::Closed(1000));
}

#[tokio::test]
async fn a_worker_may_say_goodbye() {
    let server = Server::start(Config::default()).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    worker.ws.close(None).await.unwrap();
    let handle = server.handle();
    handle.until(|handle| handle.sockets() == 0).await;
}

#[tokio::test]
async fn the_server_ends_connections() {
    let server = Server::start(Config::default()).await.unwrap();
    let handle = server.handle();
    let mut worker = Worker::connect(&server).await;
    handle.until(|handle| handle.sockets() == 1).await;
    handle.close_all(1012);
    assert_eq!(worker.next().await, Seen::Closed(1012));
    for how in [How::Reset, How::Close] {
        handle.until(|handle| handle.sockets() == 0).await;
        let mut worker = Worker::connect(&server).await;
        handle.until(|handle| handle.sockets() == 1).await;
        handle.cut_all(how);
        assert_eq!(worker.next().await, Seen::Broken, "{how:?}");
    }
    handle.until(|handle| handle.sockets() == 0).await;
    let mut worker = Worker::connect(&server).await;
    worker.ask("phoenix", "heartbeat", json!({})).await;
    server.stop().await;
    assert_eq!(worker.next().await, Seen::Closed(1012));
}

#[tokio::test]
async fn a_server_that_comes_back_knows_what_it_knew() {
    let mut scene = Scene::new().await;
    let addr = scene.server.addr();
    let Scene { server, handle, .. } = scene;
    server.stop().await;
    assert_eq!(scene.worker.next().await, Seen::Closed(1012));
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "nobody listens");
    scene.server = Server::resume(&handle, addr).await.unwrap();
    scene.handle = handle;
    scene.again().await;
    assert_eq!(scene.ask("run:start", json!({})).await, json!(["ok", null]));
    drop(scene.server);
    assert_eq!(scene.worker.next().await, Seen::Broken, "dropped");
}
