//! A worker that does what it is told, right or wrong.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use fulgurite_lightning::{Config, Handle, NewRun, Server, token};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, connect_async_with_config};

pub(crate) const QUEUE: &str = "worker:queue";

/// Ids that workers choose.
pub(crate) const STEP: &str = "5ed5dd3f-0000-4000-8000-000000000001";
pub(crate) const STEP_2: &str = "5ed5dd3f-0000-4000-8000-000000000002";
pub(crate) const CLIP: &str = "c11bc11b-0000-4000-8000-000000000001";
pub(crate) const CLIP_2: &str = "c11bc11b-0000-4000-8000-000000000002";

/// What came from the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// A list of five.
    Text(Value),
    /// As it is.
    Binary(Vec<u8>),
    /// A close frame with this code.
    Closed(u16),
    /// The connection broke, or ended without a word.
    Broken,
}

pub(crate) struct Worker {
    pub(crate) ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    refs: u64,
    joins: HashMap<String, String>,
    /// Seen while something else was waited for.
    backlog: VecDeque<Seen>,
}

/// A token as workers send it.
pub(crate) fn token(secret: &str) -> String {
    token::sign_worker(&json!({"iss": "urn:openfn:worker", "iat": 1, "worker_id": "tester"}), secret)
}

impl Worker {
    pub(crate) async fn connect(server: &Server) -> Worker {
        let url = format!("{}/websocket?token={}&vsn=2.0.0", server.url(), token("secret"));
        // What the server sends has no bound.
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let (ws, _) = connect_async_with_config(url, Some(config), true).await.unwrap();
        Worker { ws, refs: 0, joins: HashMap::new(), backlog: VecDeque::new() }
    }

    /// Sends a request whose payload is text, and returns its ref.
    pub(crate) async fn send_text(&mut self, topic: &str, event: &str, payload: &str) -> String {
        self.refs += 1;
        let reference = self.refs.to_string();
        if event == "phx_join" {
            self.joins.insert(topic.to_owned(), reference.clone());
        }
        let join = json!(self.joins.get(topic));
        let frame = format!("[{join},\"{reference}\",\"{topic}\",\"{event}\",{payload}]");
        // A connection that was cut is noticed when something is to come.
        let _ = self.ws.send(Message::text(frame)).await;
        reference
    }

    pub(crate) async fn send(&mut self, topic: &str, event: &str, payload: Value) -> String {
        self.send_text(topic, event, &payload.to_string()).await
    }

    /// The next thing that comes, whatever it is.
    pub(crate) async fn next(&mut self) -> Seen {
        if let Some(seen) = self.backlog.pop_front() {
            return seen;
        }
        self.fresh().await
    }

    async fn fresh(&mut self) -> Seen {
        let next = tokio::time::timeout(Duration::from_secs(30), self.ws.next()).await.expect("something comes");
        match next {
            Some(Ok(Message::Text(text))) => Seen::Text(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Binary(bytes))) => Seen::Binary(bytes.to_vec()),
            Some(Ok(Message::Close(Some(close)))) => Seen::Closed(close.code.into()),
            Some(Ok(Message::Close(None)) | Err(_)) | None => Seen::Broken,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }

    /// What answers a ref: `[status, response]`, or the event if that is no reply, or how the connection ended.
    pub(crate) async fn answer(&mut self, reference: &str) -> Value {
        loop {
            let seen = self.fresh().await;
            match &seen {
                Seen::Text(frame) if frame[1] == reference => {
                    return match frame[3].as_str() {
                        Some("phx_reply") => json!([frame[4]["status"], frame[4]["response"]]),
                        _ => json!([frame[3], frame[4]]),
                    };
                }
                Seen::Text(frame) if frame[3] == "phx_error" => return json!("phx_error"),
                Seen::Binary(bytes) => return json!(String::from_utf8_lossy(bytes)),
                Seen::Closed(code) => return json!(code),
                Seen::Broken => return json!("broken"),
                Seen::Text(_) => self.backlog.push_back(seen),
            }
        }
    }

    pub(crate) async fn ask(&mut self, topic: &str, event: &str, payload: Value) -> Value {
        let reference = self.send(topic, event, payload).await;
        self.answer(&reference).await
    }

    /// Waits for a push.
    pub(crate) async fn push(&mut self, event: &str) -> Value {
        loop {
            match self.next().await {
                Seen::Text(frame) if frame[3] == event => return frame,
                Seen::Text(_) => {}
                other => panic!("{other:?} instead of {event}"),
            }
        }
    }
}

/// A plan of two jobs, one after the other.
pub(crate) fn plan() -> Value {
    json!({
        "triggers": [{"id": "t"}],
        "jobs": [
            {"id": "a", "name": "A", "adaptor": "@openfn/language-common@3.0.0", "body": "fn(s => s)", "credential_id": "c"},
            {"id": "b", "name": "B", "adaptor": "@openfn/language-common@3.0.0", "body": "fn(s => s)", "credential_id": null}
        ],
        "edges": [
            {"id": "e", "source_trigger_id": "t", "target_job_id": "a", "condition": "always", "enabled": true},
            {"id": "f", "source_job_id": "a", "target_job_id": "b", "condition": "on_job_success", "enabled": true}
        ],
        "starting_node_id": "t"
    })
}

/// A server, and a worker that has claimed a run and is on its channel.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) handle: Handle,
    pub(crate) worker: Worker,
    pub(crate) run: String,
    pub(crate) token: String,
    pub(crate) topic: String,
}

impl Scene {
    pub(crate) async fn new() -> Scene {
        Scene::with(Config::default(), NewRun::new(plan(), r#"{"data": {"n": 1}}"#)).await
    }

    pub(crate) async fn with(config: Config, run: NewRun) -> Scene {
        let server = Server::start(config).await.unwrap();
        let handle = server.handle();
        let mut worker = Worker::connect(&server).await;
        worker.ask(QUEUE, "phx_join", json!({"capacity": 5})).await;
        handle.credential("c", json!({"username": "ada", "password": "pa55word", "empty": ""}));
        let run = handle.enqueue(run);
        let reply = worker.ask(QUEUE, "claim", json!({"demand": 1, "worker_name": null})).await;
        let token = reply[1]["runs"][0]["token"].as_str().unwrap().to_owned();
        let topic = format!("run:{run}");
        assert_eq!(worker.ask(&topic, "phx_join", json!({"token": token})).await, json!(["ok", {}]));
        Scene { server, handle, worker, run, token, topic }
    }

    /// The same, with the run started.
    pub(crate) async fn started(config: Config) -> Scene {
        let mut scene = Scene::with(config, NewRun::new(plan(), "{}")).await;
        assert_eq!(scene.ask("run:start", json!({})).await, json!(["ok", null]));
        scene
    }

    /// The same, with a step open.
    pub(crate) async fn in_step(config: Config) -> Scene {
        let mut scene = Scene::started(config).await;
        let step = scene.ask("step:start", json!({"step_id": STEP, "job_id": "a"})).await;
        assert_eq!(step, json!(["ok", {"step_id": STEP}]));
        scene
    }

    pub(crate) async fn ask(&mut self, event: &str, payload: Value) -> Value {
        let topic = self.topic.clone();
        self.worker.ask(&topic, event, payload).await
    }

    /// Connects again and joins the run again.
    pub(crate) async fn again(&mut self) {
        self.worker = Worker::connect(&self.server).await;
        self.rejoin().await;
    }

    pub(crate) async fn rejoin(&mut self) {
        assert_eq!(self.ask("phx_join", json!({"token": self.token})).await, json!(["ok", {}]));
    }

    /// Nothing was done that a correct worker does not do.
    pub(crate) fn is_clean(&self) {
        assert_eq!(self.handle.violations(), Vec::<String>::new());
    }
}

/// How a connection is refused: its status and body.
pub(crate) async fn refusal(url: &str, headers: &[(&'static str, &str)]) -> (u16, String) {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Err(tungstenite::Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            (response.status().as_u16(), String::from_utf8_lossy(body).into_owned())
        }
        Ok(_) => (101, String::new()),
        Err(other) => panic!("{other}"),
    }
}
