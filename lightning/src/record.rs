//! Every request that came in, and what became of it.

use bytes::Bytes;

/// A request.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its number, from 0.
    pub seq: u64,
    /// When it came, in microseconds.
    pub at: i64,
    /// The connection that it came on, from 1.
    pub socket: u64,
    /// The channel's `phx_join`.
    pub join_ref: Option<String>,
    /// What its reply names.
    pub msg_ref: Option<String>,
    /// The channel.
    pub topic: String,
    /// What was asked for.
    pub event: String,
    /// The payload as it came, cut off where the configuration says.
    pub payload: Bytes,
    /// What it was answered with.
    pub answer: Answer,
    /// All of the reply has been written.
    pub delivered: bool,
}

impl Recorded {
    /// The payload, if it is JSON and all of it is here.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.payload).ok()
    }
}

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet, or nothing ever: its channel or its socket was gone.
    Pending,
    /// JSON text.
    Ok(String),
    /// A dataclip.
    Binary(Bytes),
    /// JSON text.
    Error(String),
    /// The channel crashed.
    Crash(String),
    /// A fault kept the reply back.
    Lost,
}
