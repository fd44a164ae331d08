//! What happens on the server, for whoever watches: tests, the page, `GET /run/:id/events`.

use serde::Serialize;
use serde_json::Value;

use crate::fault::Cut;
use crate::run::{LogLine, RunId, RunState};

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
pub struct Happening {
    /// When, in microseconds.
    pub at: i64,
    /// Which run it is about, if it is about one.
    pub run: Option<RunId>,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names of fields are those of what they are about")]
pub enum Happened {
    /// A run was asked for.
    RunCreated { queue: String },
    /// A worker has it.
    RunClaimed { worker_name: Option<String> },
    /// A worker is on its channel.
    RunJoined { socket: u64 },
    /// It began.
    RunStarted,
    /// A step of it began.
    StepStarted { step_id: String, job_id: String, input_dataclip_id: Option<String> },
    /// A step of it ended.
    StepCompleted {
        step_id: String,
        job_id: String,
        reason: String,
        error_type: Option<String>,
        error_message: Option<String>,
        output_dataclip_id: Option<String>,
        mem: Option<Value>,
        duration: Option<Value>,
    },
    /// It said something.
    Log(LogLine),
    /// It ended.
    RunCompleted { state: RunState, error_type: Option<String>, error_message: Option<String> },
    /// Its claim was taken back: the reply could not be sent.
    RunReturned,
    /// A worker connected.
    SocketOpened { socket: u64, worker_id: String },
    /// A connection ended, cleanly or not.
    SocketClosed { socket: u64, why: String },
    /// A channel is there.
    Joined { socket: u64, topic: String },
    /// A channel was left.
    Left { socket: u64, topic: String },
    /// A channel's process died.
    Crashed { socket: u64, topic: String, why: String },
    /// A fault cut a connection.
    Cut { cut: Cut },
    /// A reply is held until it is released.
    Held { socket: u64, topic: String, on: String },
    /// A worker did what it must not.
    Violation { message: String },
}
