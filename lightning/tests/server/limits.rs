//! Bounds: the size of a message, the number of channels, what a frame may look like.

use fulgurite_lightning::{Config, NewRun, Server, ServerVersion};
use futures_util::SinkExt as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::{QUEUE, Scene, Seen, Worker, plan};

/// A heartbeat of so many bytes.
fn heartbeat(size: usize) -> String {
    let (before, after) = (r#"[null,"1","phoenix","heartbeat",{"x":""#, "\"}]");
    format!("{before}{}{after}", "x".repeat(size - before.len() - after.len()))
}

#[tokio::test]
async fn messages_have_a_bound() {
    let server = Server::start(Config::default()).await.unwrap();
    for (size, expected) in [
        (11_000_000, Seen::Text(json!([null, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}}]))),
        (11_000_001, Seen::Closed(1009)),
    ] {
        let mut worker = Worker::connect(&server).await;
        let _ = worker.ws.send(Message::text(heartbeat(size))).await;
        assert_eq!(worker.next().await, expected, "{size}");
    }
    assert_eq!(server.handle().violations(), ["a message of 11000001 bytes on socket 2"]);
}

#[tokio::test]
async fn fragments_count_together() {
    let server = Server::start(Config { max_frame: 100, ..Config::default() }).await.unwrap();
    for (size, expected) in [
        (100, Seen::Text(json!([null, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}}]))),
        (101, Seen::Closed(1009)),
    ] {
        let mut worker = Worker::connect(&server).await;
        let text = heartbeat(size).into_bytes();
        for (n, piece) in text.chunks(40).enumerate() {
            let opcode = OpCode::Data(if n == 0 { Data::Text } else { Data::Continue });
            let frame = Frame::message(piece.to_vec(), opcode, n == 2);
            let _ = worker.ws.send(Message::Frame(frame)).await;
        }
        assert_eq!(worker.next().await, expected, "{size}");
    }
}

#[tokio::test]
async fn text_is_utf_8() {
    let server = Server::start(Config::default()).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    let frame = Frame::message(&b"\xff"[..], OpCode::Data(Data::Text), true);
    worker.ws.send(Message::Frame(frame)).await.unwrap();
    assert_eq!(worker.next().await, Seen::Closed(1007));
}

#[tokio::test]
async fn fragments_come_in_order() {
    let server = Server::start(Config::default()).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    let frame = Frame::message(&b"x"[..], OpCode::Data(Data::Continue), true);
    worker.ws.send(Message::Frame(frame)).await.unwrap();
    assert_eq!(worker.next().await, Seen::Closed(1002));
}

#[tokio::test]
async fn channels_have_a_bound() {
    let check = async |version: ServerVersion, expected: &str| {
        let config = Config { version, broadcast: false, ..Config::default() };
        let server = Server::start(config).await.unwrap();
        let handle = server.handle();
        let mut worker = Worker::connect(&server).await;
        worker.ask(QUEUE, "phx_join", json!({})).await;
        for _ in 0..100 {
            handle.enqueue(NewRun::new(plan(), "{}"));
        }
        let claimed = worker.ask(QUEUE, "claim", json!({"demand": 100, "worker_name": null})).await;
        let mut replies = Vec::new();
        for run in claimed[1]["runs"].as_array().unwrap() {
            let topic = format!("run:{}", run["id"].as_str().unwrap());
            replies.push(worker.ask(&topic, "phx_join", json!({"token": run["token"]})).await.to_string());
        }
        assert!(replies[..99].iter().all(|reply| reply == r#"["ok",{}]"#));
        assert_eq!(replies[99], expected, "{version}");
    };
    check(ServerVersion(2, 18, 0), r#"["error",{"reason":"too many channels joined"}]"#).await;
    check(ServerVersion(2, 17, 0), r#"["ok",{}]"#).await;
}

#[tokio::test]
async fn a_channel_that_was_left_counts_no_more() {
    let config = Config { max_channels: 2, ..Config::default() };
    let mut scene = Scene::with(config, NewRun::new(plan(), "{}")).await;
    let other = scene.handle.enqueue(NewRun::new(plan(), "{}"));
    let claimed = scene.worker.ask(QUEUE, "claim", json!({"demand": 1, "worker_name": null})).await;
    let (topic, token) = (format!("run:{other}"), &claimed[1]["runs"][0]["token"]);
    let too_many = json!(["error", {"reason": "too many channels joined"}]);
    assert_eq!(scene.worker.ask(&topic, "phx_join", json!({"token": token})).await, too_many);
    scene.ask("phx_leave", json!({})).await;
    assert_eq!(scene.worker.ask(&topic, "phx_join", json!({"token": token})).await, json!(["ok", {}]));
}

#[tokio::test]
async fn pings_are_answered_even_between_fragments() {
    use futures_util::StreamExt as _;
    let server = Server::start(Config::default()).await.unwrap();
    let mut worker = Worker::connect(&server).await;
    let text = heartbeat(60).into_bytes();
    let (first, last) = text.split_at(30);
    let first = Frame::message(first.to_vec(), OpCode::Data(Data::Text), false);
    let last = Frame::message(last.to_vec(), OpCode::Data(Data::Continue), true);
    worker.ws.send(Message::Frame(first)).await.unwrap();
    worker.ws.send(Message::Ping(vec![1, 2].into())).await.unwrap();
    assert_eq!(worker.ws.next().await.unwrap().unwrap(), Message::Pong(vec![1, 2].into()));
    worker.ws.send(Message::Frame(last)).await.unwrap();
    assert!(matches!(worker.next().await, Seen::Text(_)));
}
