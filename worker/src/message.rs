//! What a worker tells the server about a run: a closed enum, and the JSON of each.
//!
//! A message is made when something happened, and written when its turn has come; by then it is known which dataclips the server
//! has. The serde form is that of the outbox on disk, and nobody else's.

use std::collections::HashSet;

use bytes::Bytes;
use fulgurite_wire::Payload;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::clock::Stamp;
use crate::config::StateForm;
use crate::dataclip::Body;

/// A message with what it carries.
#[derive(Debug, Clone)]
pub struct Letter {
    /// When it happened.
    pub at: Stamp,
    /// What happened.
    pub message: Message,
    /// A state: the output of a step, or the result of a run.
    pub body: Option<Body>,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "a few of them at a time")]
pub enum Message {
    /// `run:start`
    RunStart {
        /// What executes it.
        versions: Map<String, Value>,
    },
    /// `step:start`
    StepStart {
        /// The execution's id.
        step: String,
        /// The job's id.
        job: String,
        /// The dataclip that it gets. Left out when the server does not have it.
        input: Option<String>,
    },
    /// `run:log`
    Log {
        /// The execution's id.
        step: Option<String>,
        /// Who says it.
        source: Source,
        /// OpenFn's word for how important it is.
        level: String,
        /// The text.
        text: String,
    },
    /// `step:complete`
    StepComplete(StepComplete),
    /// `run:complete`
    RunComplete {
        /// How it ended.
        ending: Ending,
        /// The dataclip that is its result, when there is one.
        clip: Option<String>,
    },
}

/// Who writes a log line, as OpenFn's worker spells it: 8 characters at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The job.
    #[serde(rename = "JOB")]
    Job,
    /// The runtime.
    #[serde(rename = "R/T")]
    Runtime,
    /// The engine.
    #[serde(rename = "RTE")]
    Engine,
    /// What it runs on.
    #[serde(rename = "VER")]
    Versions,
}

/// See [`Message::StepComplete`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepComplete {
    /// The execution's id.
    pub step: String,
    /// The job's id.
    pub job: String,
    /// How it ended.
    pub ending: Ending,
    /// Its output.
    pub output: Output,
    /// What the caller of a synchronous webhook gets.
    pub webhook: Option<Box<RawValue>>,
    /// Bytes of V8 heap, and of RAM of its process.
    pub memory: (u64, u64),
    /// Milliseconds.
    pub duration: u64,
    /// Its process.
    pub thread: u32,
}

/// How a step or a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// `success`, `fail`, `crash`, `exception`, `kill` or `cancel`.
    pub reason: String,
    /// The class of its error.
    pub error_type: Option<String>,
    /// What it says.
    pub error_message: Option<String>,
}

/// What becomes of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// It is the letter's body, and has this id.
    Inline(String),
    /// It is larger than what may be sent.
    Withheld {
        /// Bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The project keeps no data; a row with this id will say so.
    Erased(String),
    /// There is none.
    None,
}

/// How much of a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Full,
    /// Without naming dataclips, one of which the server does not have.
    Nameless,
    /// Without its body, which was refused or does not fit.
    Bodiless,
    /// As little as the server must have.
    Bare,
}

/// What is written beside a message.
#[derive(Debug)]
pub struct Terms<'a> {
    /// The run's id.
    pub run: &'a str,
    /// How states are written.
    pub states: StateForm,
    /// Ids of the dataclips that the server has.
    pub stored: &'a HashSet<String>,
}

impl Message {
    /// The event by which the server knows it.
    pub fn event(&self) -> &'static str {
        match self {
            Message::RunStart { .. } => "run:start",
            Message::StepStart { .. } => "step:start",
            Message::Log { .. } => "run:log",
            Message::StepComplete(_) => "step:complete",
            Message::RunComplete { .. } => "run:complete",
        }
    }
}

impl Letter {
    /// A log line.
    pub fn log(at: Stamp, step: Option<String>, source: Source, level: &str, text: impl Into<String>) -> Letter {
        Letter { at, message: Message::Log { step, source, level: level.to_owned(), text: text.into() }, body: None }
    }

    /// The id of the dataclip that the server has once it has acknowledged this.
    pub fn clip(&self) -> Option<&str> {
        match &self.message {
            Message::StepComplete(StepComplete { output: Output::Inline(id) | Output::Erased(id), .. }) => Some(id),
            _ => None,
        }
    }

    /// The JSON that the server gets.
    pub fn payload(&self, detail: Detail, terms: &Terms<'_>) -> Payload {
        let names = matches!(detail, Detail::Full | Detail::Bodiless);
        let stored = |id: &&String| names && terms.stored.contains(*id);
        match &self.message {
            Message::RunStart { versions } => Payload::json(&RunStartForm { versions, timestamp: self.at }),
            Message::StepStart { step, job, input } => Payload::json(&StepStartForm {
                step_id: step,
                job_id: job,
                input_dataclip_id: input.as_ref().filter(stored),
                timestamp: self.at,
            }),
            Message::Log { .. } => {
                Payload::json(&LogForm { run_id: Some(terms.run), line: self.line(detail).expect("it is a line") })
            }
            Message::StepComplete(step) => self.step_complete(step, detail, terms),
            Message::RunComplete { ending, clip } => {
                let head = RunCompleteForm {
                    ending: EndingForm::of(ending, detail),
                    final_dataclip_id: clip.as_ref().filter(stored),
                    timestamp: self.at,
                };
                match self.body.as_ref().filter(|_| matches!(detail, Detail::Full | Detail::Nameless)) {
                    None => Payload::json(&head),
                    // A state of any form, whatever the server: it was always read as a value here.
                    Some(body) => with_member(&head, "final_state").spliced(body.pieces()).text("}"),
                }
            }
        }
    }

    fn step_complete(&self, step: &StepComplete, detail: Detail, terms: &Terms<'_>) -> Payload {
        let body = self.body.as_ref().filter(|_| detail == Detail::Full);
        let (output_dataclip_id, output_dataclip_error) = match (&step.output, detail) {
            (Output::Inline(id), Detail::Full) | (Output::Erased(id), Detail::Full | Detail::Bodiless) => {
                (Some(id), None)
            }
            (Output::Inline(_) | Output::Withheld { .. }, Detail::Bodiless)
            | (Output::Withheld { .. }, Detail::Full) => (None, Some("DATACLIP_TOO_LARGE")),
            _ => (None, None),
        };
        let head = StepCompleteForm {
            step_id: &step.step,
            job_id: &step.job,
            ending: EndingForm::of(&step.ending, detail),
            output_dataclip_id,
            output_dataclip_error,
            mem: Memory { job: step.memory.0, system: step.memory.1 },
            duration: step.duration,
            thread_id: step.thread,
            webhook_response: step.webhook.as_deref().filter(|_| detail != Detail::Bare),
            timestamp: self.at,
        };
        match (body, &step.output) {
            (Some(body), Output::Inline(_)) => {
                let payload = with_member(&head, "output_dataclip");
                match terms.states {
                    StateForm::Text => payload.quoted(body.pieces()),
                    StateForm::Json => payload.spliced(body.pieces()),
                }
                .text("}")
            }
            _ => Payload::json(&head),
        }
    }

    /// As an entry of `run:batch_logs`; `None` when it is no log line.
    pub fn line(&self, detail: Detail) -> Option<LineForm<'_>> {
        let Message::Log { step, source, level, text } = &self.message else { return None };
        let step_id = step.as_deref().filter(|_| detail != Detail::Bare);
        Some(LineForm { message: [text], source: *source, level, timestamp: self.at, step_id })
    }
}

/// The object, open, with a key after which a value has to follow.
fn with_member(head: &impl Serialize, key: &str) -> Payload {
    let mut text = serde_json::to_vec(head).expect("plain data with text keys is always JSON");
    text.pop();
    text.extend_from_slice(format!(",\"{key}\":").as_bytes());
    Payload::new().text(Bytes::from(text))
}

/// `run:batch_logs` of these lines.
pub fn batch(run: &str, lines: &[Letter]) -> Payload {
    let logs = lines.iter().filter_map(|letter| letter.line(Detail::Full));
    Payload::json(&BatchForm { run_id: run, logs: logs.map(|line| LogForm { run_id: Some(run), line }).collect() })
}

#[derive(Serialize)]
struct RunStartForm<'a> {
    versions: &'a Map<String, Value>,
    timestamp: Stamp,
}

#[derive(Serialize)]
struct StepStartForm<'a> {
    step_id: &'a str,
    job_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_dataclip_id: Option<&'a String>,
    timestamp: Stamp,
}

/// One line.
#[derive(Debug, Serialize)]
pub struct LineForm<'a> {
    message: [&'a str; 1],
    source: Source,
    level: &'a str,
    timestamp: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_id: Option<&'a str>,
}

#[derive(Serialize)]
struct LogForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a str>,
    #[serde(flatten)]
    line: LineForm<'a>,
}

#[derive(Serialize)]
struct BatchForm<'a> {
    run_id: &'a str,
    logs: Vec<LogForm<'a>>,
}

#[derive(Serialize)]
struct EndingForm<'a> {
    reason: &'a str,
    error_type: Option<&'a str>,
    error_message: Option<&'a str>,
}

impl<'a> EndingForm<'a> {
    fn of(ending: &'a Ending, detail: Detail) -> EndingForm<'a> {
        let said = detail != Detail::Bare;
        EndingForm {
            reason: &ending.reason,
            error_type: ending.error_type.as_deref().filter(|_| said),
            error_message: ending.error_message.as_deref().filter(|_| said),
        }
    }
}

#[derive(Serialize)]
struct Memory {
    job: u64,
    system: u64,
}

#[derive(Serialize)]
struct StepCompleteForm<'a> {
    step_id: &'a str,
    job_id: &'a str,
    #[serde(flatten)]
    ending: EndingForm<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dataclip_id: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dataclip_error: Option<&'a str>,
    mem: Memory,
    duration: u64,
    thread_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_response: Option<&'a RawValue>,
    timestamp: Stamp,
}

#[derive(Serialize)]
struct RunCompleteForm<'a> {
    #[serde(flatten)]
    ending: EndingForm<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_dataclip_id: Option<&'a String>,
    timestamp: Stamp,
}
