//! The client over real sockets, against a server that says what the test tells it to say.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use fulgurite_wire::{
    Backoff, Channel, Client, Fatal, JoinError, Payload, Reply, RequestError, Response, Settings, Status, connect,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

/// Longer than anything here takes; nothing waits for it unless something is broken.
const LONG: Duration = Duration::from_secs(60);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(LONG, test).await.expect("it ends") });
}

/// A server that takes one connection after the other.
struct Server {
    listener: TcpListener,
}

impl Server {
    async fn new() -> Server {
        Server { listener: TcpListener::bind(("127.0.0.1", 0)).await.expect("a port") }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it is bound")
    }

    /// A client for it, in a hurry, and the task that drives it.
    fn client(&self) -> (Client, JoinHandle<Result<(), Fatal>>) {
        self.client_with(|_| {})
    }

    fn client_with(&self, change: impl FnOnce(&mut Settings)) -> (Client, JoinHandle<Result<(), Fatal>>) {
        let mut settings = Settings::new(format!("ws://{}/worker", self.address()));
        settings.backoff = Backoff { first: Duration::from_millis(1), most: Duration::from_millis(10) };
        settings.params = vec![("token".into(), "a b".into())];
        change(&mut settings);
        let (client, driver) = connect(settings).expect("a URL");
        (client, tokio::spawn(driver.run()))
    }

    async fn tcp(&self) -> TcpStream {
        self.listener.accept().await.expect("a connection").0
    }

    async fn accept(&self) -> Peer {
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        Peer { socket: accept_async_with_config(self.tcp().await, Some(config)).await.expect("a handshake") }
    }

    /// Answers a handshake with this status, and returns what was asked.
    async fn refuse(&self, status: &str) -> String {
        let mut tcp = self.tcp().await;
        let asked = read_head(&mut tcp).await;
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        tcp.write_all(answer.as_bytes()).await.expect("somebody reads");
        asked
    }
}

async fn read_head(tcp: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.expect("a request"));
    }
    String::from_utf8(head).expect("text")
}

/// The server's end of a connection.
struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Peer {
    /// The next text frame.
    async fn text(&mut self) -> String {
        loop {
            match self.socket.next().await.expect("not the end").expect("a frame") {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a text: {other:?}"),
            }
        }
    }

    async fn frame(&mut self) -> [Value; 5] {
        serde_json::from_str(&self.text().await).expect("a frame")
    }

    async fn say(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.expect("somebody reads");
    }

    /// Answers a frame.
    async fn answer(&mut self, [join_ref, reference, topic, ..]: [Value; 5], status: &str, response: Value) {
        self.say(json!([join_ref, reference, topic, "phx_reply", { "status": status, "response": response }])).await;
    }

    /// Expects a join and allows it. Returns its ref.
    async fn welcome(&mut self) -> String {
        let frame = self.frame().await;
        assert_eq!(frame[3], "phx_join");
        let join_ref = frame[0].as_str().expect("a ref").to_owned();
        self.answer(frame, "ok", json!({})).await;
        join_ref
    }

    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let _ = self.socket.close(Some(CloseFrame { code, reason: reason.into() })).await;
    }
}

async fn join(client: &Client, topic: &str) -> Channel {
    client.join(topic, Payload::empty(), LONG).await.expect("we are welcome")
}

/// A client with a channel.
async fn joined(server: &Server, client: &Client) -> (Peer, Channel) {
    tokio::join!(
        async {
            let mut peer = server.accept().await;
            peer.welcome().await;
            peer
        },
        join(client, "t")
    )
}

fn ok(text: &'static str) -> Result<Reply, RequestError> {
    Ok(Reply::Ok(Response::Json(Bytes::from_static(text.as_bytes()))))
}

/// About so many bytes of JSON, with all that may have to be escaped.
fn records(size: usize) -> String {
    let record = r#"{"name":"Zoë \"Z\"","note":"a\nb","n":1.50,"list":[null,true]},"#;
    format!("[{}0]", record.repeat(size / record.len()))
}

/// The same, in pieces that end anywhere.
fn pieces(text: &str) -> Vec<Bytes> {
    let text = Bytes::copy_from_slice(text.as_bytes());
    (0..text.len()).step_by(100_003).map(|at| text.slice(at..text.len().min(at + 100_003))).collect()
}

#[test]
fn the_handshake_says_who_we_are_and_no_origin() {
    run(async {
        let server = Server::new().await;
        let (client, driver) = server.client();
        let asked = server.refuse("401 Unauthorized").await.to_ascii_lowercase();
        assert!(asked.starts_with("get /worker/websocket?token=a%20b&vsn=2.0.0 http/1.1\r\n"), "{asked}");
        assert!(!asked.contains("origin:") && !asked.contains("sec-websocket-extensions"), "{asked}");
        assert_eq!(driver.await.expect("no panic"), Err(Fatal::Unauthorized));
        assert_eq!(*client.status().borrow(), Status::Closed);
        let refused = client.join("t", Payload::empty(), LONG).await;
        assert_eq!(refused.err(), Some(JoinError::Closed));
    });
}

#[test]
fn what_repeating_does_not_change_is_fatal() {
    for status in [400, 403, 404] {
        run(async move {
            let server = Server::new().await;
            let (client, driver) = server.client();
            let waiting = client.join("t", Payload::empty(), LONG);
            let line = format!("{status} No");
            let (refused, _) = tokio::join!(waiting, server.refuse(&line));
            assert_eq!(refused.err(), Some(JoinError::Closed));
            assert_eq!(driver.await.expect("no panic"), Err(Fatal::Refused { status }));
        });
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        for status in ["503 Busy", "502 Bad Gateway", "429 Too Many"] {
            server.refuse(status).await;
        }
        drop(server.tcp().await);
        let mut status = client.status();
        let (mut peer, channel) = joined(&server, &client).await;
        assert_eq!(*status.borrow_and_update(), Status::Open { connection: 1 });

        // Once we were let in, a refusal is somebody's mistake, and will pass.
        peer.close(CloseCode::Restart, "deploy").await;
        drop(peer);
        server.refuse("401 Unauthorized").await;
        let failed = status.wait_for(|status| matches!(status, Status::Connecting { attempt: 2, .. })).await;
        let Status::Connecting { last_error: Some(error), .. } = failed.expect("it goes on").clone() else {
            panic!("there was an error")
        };
        assert_eq!(error, "the server answered with status 401");
        let mut peer = server.accept().await;
        peer.welcome().await;
        let mut generation = channel.generation();
        generation.wait_for(|generation| *generation == 2).await.expect("it lives");
        assert_eq!(client.counters().connections.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn an_address_that_nobody_listens_at_is_passed_over() {
    run(async {
        let server = Server::new().await;
        let port = server.address().port();
        // It may be `::1` first.
        let (client, _driver) = server.client_with(|settings| settings.url = format!("ws://localhost:{port}/worker"));
        joined(&server, &client).await;
        assert_eq!(client.counters().attempts.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn why_the_server_went_is_known() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client_with(|settings| settings.backoff.first = LONG);
        let (mut peer, _channel) = joined(&server, &client).await;
        peer.close(CloseCode::Size, "too long").await;
        let mut status = client.status();
        let gone = status.wait_for(|status| matches!(status, Status::Connecting { .. })).await;
        let expected =
            Status::Connecting { attempt: 1, last_error: Some("closed by the server (1009: too long)".into()) };
        assert_eq!(*gone.expect("it goes on"), expected);
    });
}

#[test]
fn requests_are_answered() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let asks = async {
            tokio::join!(
                channel.request("claim", Payload::json(&json!({ "demand": 1 })), LONG),
                channel.request("no", Payload::empty(), LONG),
                channel.request("nothing", Payload::empty(), LONG),
            )
        };
        let serves = async {
            let first = peer.frame().await;
            assert_eq!(first, [json!("1"), json!("2"), json!("t"), json!("claim"), json!({ "demand": 1 })]);
            let (second, third) = (peer.frame().await, peer.frame().await);
            peer.answer(third, "ok", Value::Null).await;
            peer.answer(second, "error", json!("why")).await;
            peer.answer(first, "ok", json!({ "runs": [] })).await;
        };
        let ((first, second, third), ()) = tokio::join!(asks, serves);
        assert_eq!(first, ok(r#"{"runs":[]}"#));
        assert_eq!(second, Ok(Reply::Error(Response::Json(Bytes::from_static(b"\"why\"")))));
        assert_eq!(third, ok("null"));
    });
}

#[test]
fn pushes_come() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        peer.say(json!(["1", null, "t", "work-available", { "a": 1 }])).await;
        let push = channel.push().await.expect("it lives");
        assert_eq!((push.event.as_str(), push.payload.bytes().as_ref()), ("work-available", &b"{\"a\":1}"[..]));
        // A flood is dropped but for a buffer, and hurts nobody.
        for _ in 0..1000 {
            peer.say(json!(["1", null, "t", "work-available", {}])).await;
        }
        let serves = async {
            let asked = peer.frame().await;
            peer.answer(asked, "ok", json!({})).await;
        };
        assert_eq!(tokio::join!(channel.request("e", Payload::empty(), LONG), serves).0, ok("{}"));
        let dropped = client.counters().pushes_dropped.load(Ordering::Relaxed);
        assert!(dropped > 500, "{dropped}");
        peer.say(json!(["1", "1", "t", "phx_close", {}])).await;
        for _ in dropped..1000 {
            assert!(channel.push().await.is_some());
        }
        assert_eq!(channel.push().await, None);
        assert_eq!(channel.request("e", Payload::empty(), LONG).await, Err(RequestError::Closed));
    });
}

#[test]
fn a_hundred_megabytes_come_in_a_binary_frame() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let body: Bytes = (0..100_000_000_u32).map(|n| (n ^ n >> 8) as u8).collect();
        let serves = async {
            let [_, reference, ..] = peer.frame().await;
            assert_eq!(reference, "2");
            let mut frame = b"\x01\x01\x01\x01\x0212tok".to_vec();
            frame.extend_from_slice(&body);
            peer.socket.send(Message::binary(frame)).await.expect("somebody reads");
        };
        let (answer, ()) = tokio::join!(channel.request("fetch:dataclip", Payload::empty(), LONG), serves);
        let Ok(Reply::Ok(Response::Binary(came))) = answer else { panic!("not what was sent") };
        assert!(came == body);
    });
}

#[test]
fn eleven_megabytes_go_out_byte_for_byte_in_both_forms() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let (plain, quoted) = (records(10_900_000), records(8_000_000));
        let asks = async {
            let payload = Payload::new().text("{\"state\":").spliced(pieces(&plain)).text("}");
            let plain = channel.request("a", payload, LONG).await;
            let payload = Payload::new().text("{\"state\":").quoted(pieces(&quoted)).text("}");
            assert!((10_000_000..11_000_000).contains(&payload.len()), "{}", payload.len());
            (plain, channel.request("b", payload, LONG).await)
        };
        let serves = async {
            let text = peer.text().await;
            assert!(text == format!("[\"1\",\"2\",\"t\",\"a\",{{\"state\":{plain}}}]"));
            peer.answer(serde_json::from_str(&text).expect("JSON"), "ok", json!({})).await;
            let frame = peer.frame().await;
            assert!(frame[4]["state"] == *quoted);
            peer.answer(frame, "ok", json!({})).await;
        };
        assert_eq!(tokio::join!(asks, serves).0, (ok("{}"), ok("{}")));
    });
}

#[test]
fn both_may_send_at_once_and_neither_waits_for_the_other() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let plain = records(10_900_000);
        let asks = async {
            let large = Payload::new().spliced(pieces(&plain));
            tokio::join!(channel.request("a", Payload::empty(), LONG), channel.request("b", large, LONG))
        };
        let serves = async {
            assert_eq!(peer.frame().await[3], "a");
            // All of it goes out before anything is read, and 11 MB do not fit between us.
            let mut frame = b"\x01\x01\x01\x01\x0212tok".to_vec();
            frame.resize(50_000_000, b' ');
            peer.socket.send(Message::binary(frame)).await.expect("somebody reads");
            let second = peer.frame().await;
            peer.answer(second, "ok", json!({})).await;
        };
        let ((first, second), ()) = tokio::join!(asks, serves);
        assert!(matches!(first, Ok(Reply::Ok(Response::Binary(body))) if body.len() > 49_000_000));
        assert_eq!(second, ok("{}"));
    });
}

#[test]
fn pings_are_answered_between_frames() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let plain = records(10_000_000);
        let asks = channel.request("a", Payload::new().spliced(pieces(&plain)), LONG);
        let serves = async {
            for n in 0..100_u8 {
                peer.socket.send(Message::Ping(vec![n].into())).await.expect("somebody reads");
            }
            let (mut last, mut asked) = (None, None);
            while last != Some(99) || asked.is_none() {
                match peer.socket.next().await.expect("not the end").expect("a frame") {
                    Message::Pong(which) => last = which.first().copied(),
                    Message::Text(text) => asked = Some(text),
                    other => panic!("{other:?}"),
                }
            }
            let asked = asked.expect("it came");
            peer.answer(serde_json::from_str(&asked).expect("JSON"), "ok", json!({})).await;
        };
        assert_eq!(tokio::join!(asks, serves).0, ok("{}"));
    });
}

#[test]
fn a_ping_is_answered_while_nothing_else_happens() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, _channel) = joined(&server, &client).await;
        for n in 0..4_u8 {
            peer.socket.send(Message::Ping(vec![n].into())).await.expect("somebody reads");
            let pong = peer.socket.next().await.expect("not the end").expect("a frame");
            assert_eq!(pong, Message::Pong(vec![n].into()));
        }
    });
}

#[test]
fn the_longest_frame_goes_and_one_byte_more_does_not() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let of = |size: usize, reference: usize| {
            let rest = size - format!("[\"1\",\"{reference}\",\"t\",\"e\",]").len();
            Payload::new().quoted([Bytes::from("x".repeat(rest - 2))])
        };
        let above = channel.request("e", of(11_000_001, 2), LONG).await;
        assert_eq!(above, Err(RequestError::TooLarge { bytes: 11_000_001, limit: 11_000_000 }));
        let serves = async {
            let text = peer.text().await;
            peer.answer(serde_json::from_str(&text).expect("JSON"), "ok", json!({})).await;
            text.len()
        };
        let (answer, length) = tokio::join!(channel.request("e", of(11_000_000, 3), LONG), serves);
        assert_eq!((answer, length), (ok("{}"), 11_000_000));

        // Nor does what is no text, and the connection does not notice.
        let bad = Payload::new().text(&b"\"\xff\""[..]);
        assert_eq!(channel.request("e", bad, LONG).await, Err(RequestError::NotText));
        assert_eq!(client.counters().drops.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_drop_in_the_middle_of_a_frame_loses_it() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (peer, channel) = joined(&server, &client).await;
        let plain = records(10_900_000);
        let (large, small) = (Payload::new().spliced(pieces(&plain)), Payload::empty());
        let asks = async { tokio::join!(channel.request("large", large, LONG), channel.request("small", small, LONG)) };
        let serves = async {
            let mut tcp = peer.socket.into_inner();
            tcp.read_exact(&mut [0; 1000]).await.expect("the frame's start");
            drop(tcp);
            let mut peer = server.accept().await;
            let join_ref = peer.welcome().await;
            let asked = peer.frame().await;
            assert_eq!((&asked[0], &asked[3]), (&json!(join_ref), &json!("small")));
            peer.answer(asked, "ok", json!({})).await;
            peer
        };
        // The second had not begun, and arrives.
        let ((large, small), _peer) = tokio::join!(asks, serves);
        assert_eq!((large, small), (Err(RequestError::Lost), ok("{}")));
        assert_eq!(*channel.generation().borrow(), 2);
    });
}

#[test]
fn an_answer_that_never_comes_is_lost_with_the_connection() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let serves = async {
            let stale = peer.frame().await;
            drop(peer);
            let mut peer = server.accept().await;
            let join_ref = peer.welcome().await;
            // Of a connection that is gone; and then what is asked now.
            peer.answer(stale, "ok", json!("stale")).await;
            peer.say(json!(["1", "1", "t", "phx_error", {}])).await;
            let asked = peer.frame().await;
            assert_eq!(asked[0], json!(join_ref));
            peer.answer(asked, "ok", json!("fresh")).await;
            peer
        };
        let asks = async {
            assert_eq!(channel.request("e", Payload::empty(), LONG).await, Err(RequestError::Lost));
            // Asked while there is no connection, or no channel.
            channel.request("e", Payload::empty(), LONG).await
        };
        let (answer, _peer) = tokio::join!(asks, serves);
        assert_eq!(answer, ok("\"fresh\""));
        let counters = client.counters();
        assert_eq!(counters.rejoins.load(Ordering::Relaxed), 1);
        assert_eq!(counters.requests_lost.load(Ordering::Relaxed), 1);
        assert_eq!(counters.replies_late.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_crash_costs_what_was_under_way_and_the_channel_comes_back() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let serves = async {
            assert_eq!(peer.frame().await[3], "poison");
            peer.say(json!(["1", "1", "t", "phx_error", {}])).await;
            peer.welcome().await;
            let asked = peer.frame().await;
            peer.answer(asked, "ok", json!({})).await;
        };
        let asks = async {
            let poison = channel.request("poison", Payload::empty(), LONG).await;
            (poison, channel.request("e", Payload::empty(), LONG).await)
        };
        let (answers, ()) = tokio::join!(asks, serves);
        assert_eq!(answers, (Err(RequestError::Crashed), ok("{}")));
        assert_eq!(client.counters().crashes.load(Ordering::Relaxed), 1);
        assert_eq!(client.counters().drops.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_rejoin_that_is_refused_is_said_to_all_who_ask() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (peer, channel) = joined(&server, &client).await;
        drop(peer);
        let serves = async {
            let mut peer = server.accept().await;
            let asked = peer.frame().await;
            peer.answer(asked, "error", json!({ "reason": "unauthorized" })).await;
            peer
        };
        let mut generation = channel.generation();
        let dies = async { while generation.changed().await.is_ok() {} };
        let (_peer, ()) = tokio::join!(serves, dies);
        let why = Response::Json(Bytes::from_static(br#"{"reason":"unauthorized"}"#));
        for _ in 0..2 {
            assert_eq!(channel.request("e", Payload::empty(), LONG).await, Err(RequestError::Refused(why.clone())));
        }
        assert_eq!(channel.push().await, None);
    });
}

#[test]
fn channels_leave_by_word_and_by_being_dropped() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (mut peer, first) = joined(&server, &client).await;
        let (second, _) = tokio::join!(join(&client, "u"), peer.welcome());
        drop(second);
        let asked = peer.frame().await;
        assert_eq!((&asked[2], &asked[3]), (&json!("u"), &json!("phx_leave")));
        let serves = async {
            let asked = peer.frame().await;
            assert_eq!((&asked[0], &asked[2], &asked[3]), (&json!("1"), &json!("t"), &json!("phx_leave")));
            peer.answer(asked, "ok", json!({})).await;
        };
        tokio::join!(first.leave(LONG), serves);
    });
}

#[test]
fn closing_says_goodbye_and_ends_everything() {
    run(async {
        let server = Server::new().await;
        let (client, driver) = server.client();
        let (mut peer, channel) = joined(&server, &client).await;
        let serves = async {
            assert_eq!(peer.frame().await[3], "e");
            client.close();
            loop {
                match peer.socket.next().await.expect("not the end").expect("a frame") {
                    Message::Close(why) => return why.map(|why| u16::from(why.code)),
                    other => assert!(other.is_ping(), "{other:?}"),
                }
            }
        };
        let (answer, code) = tokio::join!(channel.request("e", Payload::empty(), LONG), serves);
        assert_eq!((answer, code), (Err(RequestError::Closed), Some(1000)));
        drop(peer);
        assert_eq!(driver.await.expect("no panic"), Ok(()));
        assert_eq!(*client.status().borrow(), Status::Closed);
        channel.leave(LONG).await;
    });
}

#[test]
fn the_driver_ends_when_nobody_is_left() {
    run(async {
        let server = Server::new().await;
        let (client, driver) = server.client();
        drop(client);
        assert_eq!(driver.await.expect("no panic"), Ok(()));

        let (client, driver) = server.client();
        let (_peer, channel) = joined(&server, &client).await;
        drop(client);
        drop(channel);
        drop(_peer);
        assert_eq!(driver.await.expect("no panic"), Ok(()));
    });
}

#[test]
fn a_server_that_falls_silent_is_left() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client_with(|settings| settings.heartbeat = Duration::from_millis(200));
        // It takes everything, and answers nothing.
        let (peer, channel) = joined(&server, &client).await;
        let mut silent = peer.socket.into_inner();
        let mut peer = server.accept().await;
        peer.welcome().await;
        let mut generation = channel.generation();
        generation.wait_for(|generation| *generation == 2).await.expect("it lives");
        assert_eq!(client.counters().heartbeats_missed.load(Ordering::Relaxed), 1);
        let mut heard = Vec::new();
        silent.read_to_end(&mut heard).await.expect("it was closed");
        assert!(!heard.is_empty());
        // One that answers pings only, which the library does by itself, is there.
        let beats = async {
            for _ in 0..5 {
                assert_eq!(peer.frame().await[3], "heartbeat");
            }
        };
        beats.await;
        assert_eq!(client.counters().heartbeats_missed.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn what_comes_slowly_is_a_sign_of_life() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client_with(|settings| settings.heartbeat = Duration::from_millis(500));
        let (mut peer, channel) = joined(&server, &client).await;
        let serves = async {
            while peer.frame().await[3] != "e" {}
            let mut tcp = peer.socket.into_inner();
            let body = br#"["1","2","t","phx_reply",{"status":"ok","response":{}}]"#;
            tcp.write_all(&[0x81, body.len() as u8]).await.expect("somebody reads");
            let mut beats = tokio::time::interval(Duration::from_millis(30));
            for byte in body {
                beats.tick().await;
                tcp.write_all(&[*byte]).await.expect("somebody reads");
            }
            tcp
        };
        let (answer, _tcp) = tokio::join!(channel.request("e", Payload::empty(), LONG), serves);
        assert_eq!(answer, ok("{}"));
        assert_eq!(client.counters().drops.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn what_goes_slowly_is_a_sign_of_life() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client_with(|settings| settings.heartbeat = Duration::from_millis(500));
        let (peer, channel) = joined(&server, &client).await;
        let serves = async {
            let mut tcp = peer.socket.into_inner();
            let mut beats = tokio::time::interval(Duration::from_millis(30));
            // More than may lie between us is read in small parts, and nothing is said.
            let mut part = vec![0; 150_000];
            for _ in 0..60 {
                beats.tick().await;
                tcp.read_exact(&mut part).await.expect("there is more");
            }
            assert_eq!(client.counters().drops.load(Ordering::Relaxed), 0);
        };
        let large = Payload::new().quoted([Bytes::from("x".repeat(10_900_000))]);
        let (answer, ()) = tokio::join!(channel.request("e", large, LONG), serves);
        assert_eq!(answer, Err(RequestError::Lost));
    });
}

#[test]
fn a_request_that_is_dropped_before_it_left_is_never_sent() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let (peer, channel) = joined(&server, &client).await;
        drop(peer);
        let mut status = client.status();
        status.wait_for(|status| matches!(status, Status::Connecting { .. })).await.expect("it goes on");
        {
            let dropped = channel.request("dropped", Payload::empty(), LONG);
            tokio::select! {
                biased;
                _ = dropped => panic!("nobody answers"),
                () = tokio::task::yield_now() => {}
            }
        }
        let serves = async {
            let mut peer = server.accept().await;
            peer.welcome().await;
            let asked = peer.frame().await;
            assert_eq!(asked[3], "kept");
            peer.answer(asked, "ok", json!({})).await;
            peer
        };
        let (answer, _peer) = tokio::join!(channel.request("kept", Payload::empty(), LONG), serves);
        assert_eq!(answer, ok("{}"));
    });
}

#[test]
fn more_channels_than_a_server_allows_are_not_asked_for() {
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let serves = async {
            let mut peer = server.accept().await;
            for _ in 0..100 {
                peer.welcome().await;
            }
            peer
        };
        let joins = async {
            let mut all = Vec::new();
            for n in 0..100 {
                all.push(join(&client, &format!("t{n}")).await);
            }
            all
        };
        let (_peer, channels) = tokio::join!(serves, joins);
        let more = client.join("more", Payload::empty(), LONG).await;
        assert_eq!(more.err(), Some(JoinError::Full));
        drop(channels);
    });
}

/// What the server has seen of each request, by its number.
type Seen = std::collections::HashMap<u64, u32>;

/// Serves a connection until the dice say that it breaks.
async fn serve_until_it_breaks(mut peer: Peer, dice: &mut fastrand::Rng, seen: &mut Seen) {
    for _ in 0..dice.u32(1..60) {
        let Some(Ok(message)) = peer.socket.next().await else { return };
        let Message::Text(text) = message else { continue };
        let [join_ref, reference, topic, event, payload]: [Value; 5] = serde_json::from_str(&text).expect("a frame");
        let answer = json!([join_ref, reference, topic, "phx_reply", { "status": "ok", "response": payload["n"] }]);
        if let Some(n) = payload["n"].as_u64() {
            *seen.entry(n).or_default() += 1;
            match dice.u8(..10) {
                0 => continue,
                1 => return,
                _ => {}
            }
        }
        if event != "phx_leave" && peer.socket.send(Message::text(answer.to_string())).await.is_err() {
            return;
        }
    }
}

#[test]
fn a_bad_line_loses_some_and_doubles_none() {
    const CHANNELS: u64 = 10;
    const REQUESTS: u64 = 100;
    run(async {
        let server = Server::new().await;
        let (client, _driver) = server.client();
        let mut seen = Seen::new();
        let serves = async {
            let mut dice = fastrand::Rng::with_seed(7);
            loop {
                serve_until_it_breaks(server.accept().await, &mut dice, &mut seen).await;
            }
        };
        let asks = futures_util::future::join_all((0..CHANNELS).map(|of| {
            let client = &client;
            async move {
                let channel = join(client, &format!("t{of}")).await;
                let mut answers = Vec::new();
                for n in of * REQUESTS..(of + 1) * REQUESTS {
                    let padding = "x".repeat(n as usize % 7 * 10_000);
                    let payload = Payload::json(&json!({ "n": n, "padding": padding }));
                    answers.push((n, channel.request("e", payload, Duration::from_millis(200)).await));
                }
                answers
            }
        }));
        let answers = tokio::select! {
            answers = asks => answers,
            () = serves => unreachable!("it serves for ever"),
        };
        let mut answered = 0;
        for (n, answer) in answers.into_iter().flatten() {
            let times = seen.get(&n).copied().unwrap_or(0);
            match answer {
                Ok(Reply::Ok(response)) => {
                    assert_eq!((response.json::<u64>().expect("a number"), times), (n, 1));
                    answered += 1;
                }
                Err(RequestError::Lost | RequestError::Timeout) => assert!(times <= 1, "{n}: {times} times"),
                other => panic!("{n}: {other:?}"),
            }
        }
        assert!(answered > CHANNELS * REQUESTS / 4, "{answered}");
        assert!(client.counters().drops.load(Ordering::Relaxed) > 10);
    });
}
