//! A worker's connection: decodes frames in order, joins channels, and hands requests to them.
//!
//! As in the real server, one process does this for all channels of a connection: whatever takes it long delays all of them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::channel::{self, Channel, Kind, Task};
use crate::config::ServerVersion;
use crate::fault::{Action, Decided};
use crate::happening::Happened;
use crate::link::{self, End, Input, Out, Outgoing, Reader, Writer};
use crate::payload::Fields;
use crate::phoenix::{self, Address, Message, Payload, Response, Status};
use crate::record::{Answer, Recorded};
use crate::run::RunId;
use crate::store::{Shared, Socket};

/// Serves a connection to its end.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, before: Bytes, worker_id: String) {
    let (out, mut from) = mpsc::unbounded_channel();
    let number = open(&shared, &worker_id, &out);
    let mut transport =
        Transport { shared: shared.clone(), number, worker_id, out: out.clone(), channels: HashMap::new() };
    let mut unsent = Vec::new();
    let end = {
        let mut reader = Reader::new(&stream, shared.clone(), number, &before);
        let mut writer =
            Writer { stream: &stream, shared: shared.clone(), socket: number, from: &mut from, unsent: &mut unsent };
        let write = writer.run();
        tokio::pin!(write);
        tokio::select! {
            end = transport.read(&mut reader) => {
                // What is already on its way goes out first; a worker that does not read is not waited for.
                let is_polite = matches!(end, End::Close(..)) && out.send(Out::End(end.clone())).is_ok();
                if is_polite {
                    let _ = tokio::time::timeout(link::LINGER, &mut write).await;
                }
                end
            }
            end = &mut write => end,
        }
    };
    from.close();
    while let Ok(left) = from.try_recv() {
        if let Out::Send(outgoing) = left {
            unsent.extend(outgoing.claimed);
        }
    }
    drop(transport);
    close(&shared, number, &end, &unsent);
    link::end(stream, &end).await;
}

fn open(shared: &Shared, worker_id: &str, out: &UnboundedSender<Out>) -> u64 {
    let mut store = shared.lock();
    store.connected += 1;
    let number = store.connected;
    let socket = Socket { out: out.clone(), topics: HashMap::new(), capacity: None };
    store.sockets.insert(number, socket);
    store.tell(None, Happened::SocketOpened { socket: number, worker_id: worker_id.to_owned() });
    number
}

fn close(shared: &Shared, number: u64, end: &End, unsent: &[RunId]) {
    let mut store = shared.lock();
    store.sockets.remove(&number);
    for entry in store.runs.values_mut() {
        entry.watch.gone(number);
    }
    if shared.config.rollback_claims {
        store.take_back(unsent);
    }
    let why = match end {
        End::Gone => "the worker went away".to_owned(),
        End::Close(code, reason) => format!("{code} {reason}").trim_end().to_owned(),
        End::Cut(how) => format!("cut: {how:?}"),
    };
    store.tell(None, Happened::SocketClosed { socket: number, why });
}

/// A request, without what it asks for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Of the channel that answers.
    pub(crate) join_ref: Option<String>,
    pub(crate) msg_ref: Option<String>,
    pub(crate) topic: String,
    pub(crate) event: String,
    pub(crate) seq: u64,
    pub(crate) cut: Option<Decided>,
}

/// Answers a request.
pub(crate) fn answer(
    shared: &Shared,
    out: &UnboundedSender<Out>,
    request: &Request,
    (status, response): (Status, &Response),
    claimed: Vec<RunId>,
) {
    let address =
        Address { join_ref: request.join_ref.as_deref(), msg_ref: request.msg_ref.as_deref(), topic: &request.topic };
    let encoded = if shared.config.quirks {
        let event = format!("chan_reply_{}", request.msg_ref.as_deref().unwrap_or_default());
        address.reply_as(&event, status, response)
    } else {
        address.reply(status, response)
    };
    let noted = match (status, response) {
        (_, Response::Binary(body)) => Answer::Binary(body.clone()),
        (Status::Ok, Response::Json(json)) => Answer::Ok(json.clone()),
        (Status::Error, Response::Json(json)) => Answer::Error(json.clone()),
    };
    shared.lock().answer(request.seq, noted);
    let outgoing = Outgoing {
        encoded,
        topic: request.topic.clone(),
        event: request.event.clone(),
        request: Some(request.seq),
        cut: request.cut,
        claimed,
    };
    if let Err(mpsc::error::SendError(Out::Send(outgoing))) = out.send(Out::Send(outgoing))
        && shared.config.rollback_claims
    {
        shared.lock().take_back(&outgoing.claimed);
    }
}

struct Transport {
    shared: Arc<Shared>,
    number: u64,
    worker_id: String,
    out: UnboundedSender<Out>,
    channels: HashMap<String, Channel>,
}

impl Transport {
    async fn read(&mut self, reader: &mut Reader<'_>) -> End {
        loop {
            let result = match reader.next().await {
                Ok(Input::Text(frame, cut)) => self.message(phoenix::text(&frame), cut).await,
                Ok(Input::Binary(frame, cut)) => self.message(phoenix::binary(&frame), cut).await,
                Ok(Input::Ping(payload)) => self.out.send(Out::Pong(payload)).map_err(|_| End::Gone),
                Ok(Input::Pong) => Ok(()),
                Err(end) => Err(end),
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    async fn message(&mut self, message: Result<Message, phoenix::Error>, cut: Option<Decided>) -> Result<(), End> {
        let message = match message {
            Ok(message) => message,
            Err(error) => {
                self.shared.lock().violate(None, format!("a frame that does not decode: {error}"));
                return Err(End::Close(1011, String::new()));
            }
        };
        let (seq, action) = self.note(&message);
        if let Some(Action::Close { code }) = action {
            return Err(End::Close(code, String::new()));
        }
        let request = Request {
            join_ref: message.join_ref.clone(),
            msg_ref: message.msg_ref.clone(),
            topic: message.topic.clone(),
            event: message.event.clone(),
            seq,
            cut,
        };
        match (message.topic.as_str(), message.event.as_str()) {
            ("phoenix", "heartbeat") => {
                if !self.shared.config.quirks && action != Some(Action::LoseReply) {
                    self.reply(&request, Status::Ok, "{}");
                }
            }
            (_, "phx_join") => self.join(&request, &message, action).await,
            _ => self.pass_on(request, message, action),
        }
        Ok(())
    }

    /// Writes a request down, and says what is to go wrong with it.
    fn note(&self, message: &Message) -> (u64, Option<Action>) {
        let payload = match &message.payload {
            Payload::Json(payload) | Payload::Binary(payload) => payload,
        };
        let mut store = self.shared.lock();
        let seq = store.record(Recorded {
            seq: 0,
            at: 0,
            socket: self.number,
            join_ref: message.join_ref.clone(),
            msg_ref: message.msg_ref.clone(),
            topic: message.topic.clone(),
            event: message.event.clone(),
            payload: payload.clone(),
            answer: Answer::Pending,
            delivered: false,
        });
        if let Some(run) = message.topic.strip_prefix("run:")
            && !message.event.starts_with("phx_")
            && let Some(entry) = store.entry(run)
            && let Some(wrong) = entry.watch.request(self.number, seq, &message.event, payload)
        {
            store.violate(Some(run), wrong);
        }
        (seq, store.faults.request(&message.topic, &message.event))
    }

    fn reply(&self, request: &Request, status: Status, response: &str) {
        answer(&self.shared, &self.out, request, (status, &Response::Json(response.to_owned())), vec![]);
    }

    fn pass_on(&mut self, mut request: Request, message: Message, action: Option<Action>) {
        let channel = self.channels.get(&message.topic).filter(|channel| !channel.inbox.is_closed());
        let Some(channel) = channel else {
            self.settle(&request);
            if message.event == "phx_leave" {
                return self.reply(&request, Status::Ok, "{}");
            }
            request.join_ref = None;
            return self.reply(&request, Status::Error, r#"{"reason":"unmatched topic"}"#);
        };
        if request.join_ref != channel.join_ref {
            let message = format!("{} on {} with the ref of another join", request.event, request.topic);
            self.shared.lock().violate(None, message);
        }
        request.join_ref.clone_from(&channel.join_ref);
        // If the channel has crashed in between, the request goes unanswered, as it would with the real one.
        let _ = channel.inbox.send(Task { request, payload: message.payload, action });
    }

    /// A request that no channel has seen is none that a run has in flight.
    fn settle(&self, request: &Request) {
        if let Some(run) = request.topic.strip_prefix("run:")
            && let Some(entry) = self.shared.lock().entry(run)
        {
            entry.watch.lost(request.seq);
        }
    }

    async fn join(&mut self, request: &Request, message: &Message, action: Option<Action>) {
        self.channels.retain(|_, channel| !channel.inbox.is_closed());
        if let Some(old) = self.channels.remove(&message.topic) {
            let what = format!("a second join of {}", message.topic);
            self.shared.lock().violate(message.topic.strip_prefix("run:"), what);
            old.task.abort();
            // What it had not answered it never will.
            if let Some(run) = message.topic.strip_prefix("run:")
                && let Some(entry) = self.shared.lock().entry(run)
            {
                entry.watch.gone(self.number);
            }
            channel::farewell(&self.shared, &self.out, self.number, &message.topic, old.join_ref.as_deref());
        }
        let bound = self.shared.config.version >= ServerVersion::META;
        if bound && self.channels.len() >= self.shared.config.max_channels {
            self.shared.lock().violate(None, "too many channels on one socket");
            return self.reply(request, Status::Error, r#"{"reason":"too many channels joined"}"#);
        }
        let joined = match &action {
            Some(Action::Refuse(response)) => Err(response.to_string()),
            Some(Action::Crash) => Err(CRASHED.to_owned()),
            _ => self.admit(message).map_err(str::to_owned),
        };
        let kind = match joined {
            Ok(kind) => kind,
            Err(response) => return self.reply(request, Status::Error, &response),
        };
        let (inbox, receiver) = mpsc::unbounded_channel();
        let process = channel::Process {
            shared: self.shared.clone(),
            out: self.out.clone(),
            socket: self.number,
            worker_id: self.worker_id.clone(),
            topic: message.topic.clone(),
            join_ref: message.join_ref.clone(),
            kind,
        };
        channel::pause(&self.shared, self.number, request, action.as_ref()).await;
        self.enter(message);
        let task = tokio::spawn(process.run(receiver));
        let channel = Channel { join_ref: message.join_ref.clone(), inbox, task };
        self.channels.insert(message.topic.clone(), channel);
        match action {
            Some(Action::LoseReply) => self.shared.lock().answer(request.seq, Answer::Lost),
            _ => self.reply(request, Status::Ok, "{}"),
        }
    }

    /// What kind of channel a join leads to, or the response that says why to none.
    fn admit(&self, message: &Message) -> Result<Kind, &'static str> {
        let Payload::Json(payload) = &message.payload else { return Err(CRASHED) };
        let fields = str::from_utf8(payload).ok().and_then(|payload| Fields::of(payload).ok()).ok_or(CRASHED)?;
        if message.topic == "worker:queue" {
            let capacity = fields.any::<u64>("capacity");
            if let Some(socket) = self.shared.lock().sockets.get_mut(&self.number) {
                socket.capacity = capacity;
            }
            return Ok(Kind::Queue);
        }
        let run = message.topic.strip_prefix("run:").ok_or(r#"{"reason":"unmatched topic"}"#)?;
        let token = fields.any::<String>("token").ok_or(CRASHED)?;
        let mut store = self.shared.lock();
        let now = store.now_seconds();
        let unauthorized = r#"{"reason":"unauthorized"}"#;
        if self.shared.config.quirks {
            if token.is_empty() {
                return Err(unauthorized);
            }
        } else if let Err(refused) = self.shared.keys.check_run(&token, run, now) {
            tracing::debug!(run, %refused, "a run's token");
            return Err(unauthorized);
        }
        match store.entry(run) {
            Some(entry) => {
                entry.run.is_worked_on = true;
                Ok(Kind::Run { id: run.to_owned(), scrubber: Box::default() })
            }
            None => Err(r#"{"reason":"not_found"}"#),
        }
    }

    fn enter(&self, message: &Message) {
        let (socket, topic) = (self.number, message.topic.clone());
        let mut store = self.shared.lock();
        if let Some(open) = store.sockets.get_mut(&socket) {
            open.topics.insert(topic.clone(), message.join_ref.clone());
        }
        if let Some(run) = topic.strip_prefix("run:") {
            store.tell(Some(run), Happened::RunJoined { socket });
        }
        store.tell(None, Happened::Joined { socket, topic });
    }
}

const CRASHED: &str = r#"{"reason":"join crashed"}"#;

/// A push that every channel of a topic gets.
pub(crate) fn broadcast(shared: &Shared, topic: &str, event: &str, payload: &str) {
    let payload = if shared.config.quirks { json!(payload).to_string() } else { payload.to_owned() };
    for socket in shared.lock().sockets.values() {
        let Some(join_ref) = socket.topics.get(topic) else { continue };
        let join_ref = join_ref.as_deref().filter(|_| !shared.config.quirks);
        let encoded = Address { join_ref, msg_ref: None, topic }.text(event, &payload);
        // A socket that is about to close gets nothing.
        let _ = socket.out.send(Out::Send(Outgoing::push(topic, event, encoded)));
    }
}
