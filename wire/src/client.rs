//! What the rest of the program holds: a handle to the connection, and one to each channel.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot, watch};

use crate::counters::Counters;
use crate::driver::Status;
use crate::payload::Payload;

/// Requests of one channel that wait or are under way; more than these wait in their callers.
const MOST_REQUESTS: usize = 64;

/// How long a channel that nobody waits for may take to be left; until then it counts among the hundred.
pub(crate) const LONGEST_LEAVE: Duration = Duration::from_secs(5);

/// A handle to the connection, cheap to clone. When the last handle and the last channel are gone, the driver ends.
#[derive(Clone)]
pub struct Client {
    pub(crate) commands: mpsc::Sender<Command>,
    /// Unbounded, because a drop cannot wait; a channel sends one at most, and there are a hundred channels at most.
    pub(crate) leaves: mpsc::UnboundedSender<Leave>,
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) closing: Arc<watch::Sender<bool>>,
}

impl Client {
    /// How the connection is.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// What the connection has been through.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Joins a topic, as soon as there is a connection. `timeout` counts from when the frame was written, and again if the connection
    /// goes before the answer comes. The payload is sent again with each rejoin.
    pub async fn join(&self, topic: &str, payload: Payload, timeout: Duration) -> Result<Channel, JoinError> {
        let (answer, answered) = oneshot::channel();
        let command = Command::Join { topic: topic.into(), payload: payload.into(), timeout, answer };
        self.commands.send(command).await.map_err(|_| JoinError::Closed)?;
        answered.await.unwrap_or(Err(JoinError::Closed)).map(|joined| Channel {
            client: self.clone(),
            topic: topic.into(),
            joined: Some(joined),
            slots: Semaphore::new(MOST_REQUESTS),
        })
    }

    /// Closes the connection and ends the driver. Whoever waits for something gets `Closed`.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }
}

/// A topic that was joined, and is joined again whenever that is needed. Dropping it leaves, and waits for nothing.
pub struct Channel {
    client: Client,
    topic: Arc<str>,
    /// Empty as soon as it leaves.
    joined: Option<Joined>,
    slots: Semaphore,
}

impl Channel {
    /// What was joined.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The server's answer to the first join.
    pub fn welcome(&self) -> &Response {
        &self.joined().welcome
    }

    /// Asks the server something. Waits without limit until the channel is joined; `timeout` counts from when the whole frame was
    /// written. Requests leave in the order in which they were made. One whose future is dropped before it left is never sent.
    pub async fn request(&self, event: &str, payload: Payload, timeout: Duration) -> Result<Reply, RequestError> {
        let _slot = self.slots.acquire().await.map_err(|_| RequestError::Closed)?;
        let joined = self.joined();
        let (answer, answered) = oneshot::channel();
        let command =
            Command::Request { channel: joined.id, event: event.into(), payload: payload.into(), timeout, answer };
        let answer = match self.client.commands.send(command).await {
            Ok(()) => answered.await.unwrap_or(Err(RequestError::Closed)),
            Err(_) => Err(RequestError::Closed),
        };
        match (answer, joined.refused.get()) {
            (Err(RequestError::Closed), Some(why)) => Err(RequestError::Refused(why.clone())),
            (answer, _) => answer,
        }
    }

    /// What the server says next on this topic of its own accord. `None` when the channel is dead. Only so many are kept; what
    /// comes while the buffer is full is dropped and counted.
    pub async fn push(&self) -> Option<Push> {
        self.joined().pushes.lock().await.recv().await
    }

    /// Which join this is: 1, and one more with each rejoin. The sender is gone when the channel is dead.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.joined().generation.clone()
    }

    /// Leaves, and waits until the server has said so.
    pub async fn leave(mut self, timeout: Duration) {
        let (answer, answered) = oneshot::channel();
        if let Some(joined) = self.joined.take()
            && self.client.leaves.send(Leave { channel: joined.id, timeout, answer: Some(answer) }).is_ok()
        {
            // The other end is dropped if there is nothing to wait for.
            let _ = answered.await;
        }
    }

    fn joined(&self) -> &Joined {
        self.joined.as_ref().expect("it is taken only by what consumes the channel")
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(joined) = self.joined.take() {
            // If there is no driver, there is nothing to leave.
            let _ = self.client.leaves.send(Leave { channel: joined.id, timeout: LONGEST_LEAVE, answer: None });
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `ok`.
    Ok(Response),
    /// `error`, or any other status.
    Error(Response),
}

/// What is in an answer. It is never shown, because anything may be in it.
#[derive(Clone, PartialEq, Eq)]
pub enum Response {
    /// JSON text as it came: an object, a string, `null`, …
    Json(Bytes),
    /// Bytes of a binary frame.
    Binary(Bytes),
}

impl Response {
    /// Reads it as JSON, in whichever kind of frame it came.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(self.bytes())
    }

    /// What Phoenix gives as the reason of a refusal, if that is what this is.
    pub fn reason(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Refusal {
            reason: String,
        }
        self.json().ok().map(|Refusal { reason }| reason)
    }

    /// What came.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Response::Json(bytes) | Response::Binary(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Response::Json(_) => "Json",
            Response::Binary(_) => "Binary",
        };
        write!(f, "{kind}({} bytes)", self.bytes().len())
    }
}

/// What the server said of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// What it is about.
    pub event: String,
    /// What it says.
    pub payload: Response,
}

/// Why a topic could not be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There are as many channels on this connection as may be.
    #[error("too many channels on one connection")]
    Full,
    /// The server said no.
    #[error("the server refused the join{}", because(.0))]
    Refused(Response),
    /// The server said nothing.
    #[error("no answer to the join in time")]
    Timeout,
    /// The frame would be too long. Nothing was sent.
    #[error("the join is a frame of {bytes} bytes, {limit} may be sent")]
    TooLarge {
        /// Of the frame.
        bytes: u64,
        /// The most that is sent.
        limit: u64,
    },
    /// The payload, or the topic, is nothing that can be sent. Nothing was.
    #[error("the join's payload is no text")]
    NotText,
    /// The connection was closed by us, or will never be.
    #[error("the connection is closed")]
    Closed,
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The connection went after bytes of the request were written: it may have reached the server, or not.
    #[error("the connection was lost before the answer came")]
    Lost,
    /// The channel crashed or was closed at the server while the request was under way; it may have been executed, or not.
    #[error("the channel crashed before the answer came")]
    Crashed,
    /// No answer in time; it may have been executed, or not.
    #[error("no answer in time")]
    Timeout,
    /// The frame would be too long. Nothing was sent.
    #[error("a frame of {bytes} bytes, {limit} may be sent")]
    TooLarge {
        /// Of the frame.
        bytes: u64,
        /// The most that is sent.
        limit: u64,
    },
    /// The payload, or the event, is nothing that can be sent. Nothing was.
    #[error("the payload is no text")]
    NotText,
    /// The server did not let us join again: the channel is dead. This request was not sent.
    #[error("the server refused to let us join again{}", because(.0))]
    Refused(Response),
    /// The channel or the connection is closed. This request was not sent, unless it was under way when we closed.
    #[error("the connection is closed")]
    Closed,
}

fn because(response: &Response) -> String {
    response.reason().map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// Names a channel between its handle and the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChannelId(pub(crate) u64);

/// What a handle may ask of the driver.
pub(crate) enum Command {
    Join {
        topic: Box<str>,
        payload: Arc<Payload>,
        timeout: Duration,
        answer: oneshot::Sender<Result<Joined, JoinError>>,
    },
    Request {
        channel: ChannelId,
        event: Box<str>,
        payload: Arc<Payload>,
        timeout: Duration,
        answer: oneshot::Sender<Result<Reply, RequestError>>,
    },
}

/// The last thing that a channel asks.
pub(crate) struct Leave {
    pub(crate) channel: ChannelId,
    pub(crate) timeout: Duration,
    pub(crate) answer: Option<oneshot::Sender<()>>,
}

/// The handle's part of a channel that was joined.
pub(crate) struct Joined {
    pub(crate) id: ChannelId,
    pub(crate) welcome: Response,
    /// One task takes at a time.
    pub(crate) pushes: Mutex<mpsc::Receiver<Push>>,
    pub(crate) generation: watch::Receiver<u64>,
    /// What the server said when it refused a rejoin.
    pub(crate) refused: Arc<OnceLock<Response>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why_and_no_more() {
        let response = |text: &'static str| Response::Json(Bytes::from_static(text.as_bytes()));
        let check = |text, expected: &str| assert_eq!(JoinError::Refused(response(text)).to_string(), expected);
        check(r#"{"reason":"unauthorized"}"#, "the server refused the join: unauthorized");
        check(r#"{"password":"x"}"#, "the server refused the join");
        check("null", "the server refused the join");
        assert_eq!(format!("{:?}", Reply::Ok(response(r#"{"password":"x"}"#))), "Ok(Json(16 bytes))");
    }
}
