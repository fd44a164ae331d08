//! How a step or a run ended, as plain data.
//!
//! A failing job is an [`Outcome`], never an `Err`: `Err` means that our own code or our world broke.
//!
//! What serde derives here is the form between our own processes (`wire.rs`), and no format that anybody else reads.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How a step or a whole run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It did what it was meant to do.
    Success,
    /// The job's own error: it is put on the state, and the run goes on along the edges that want it.
    Fail(ErrorReport),
    /// The job cannot go on (a syntax error, an unknown name, an invalid plan): the run stops.
    Crash(ErrorReport),
    /// The host could not do its part: the run stops.
    Exception(ErrorReport),
    /// A limit or an order ended it: the run stops.
    Kill(KillReason, ErrorReport),
}

impl Outcome {
    /// The outcome as one of the five words the orchestrator knows.
    pub fn reason(&self) -> Reason {
        match self {
            Outcome::Success => Reason::Success,
            Outcome::Fail(_) => Reason::Fail,
            Outcome::Crash(_) => Reason::Crash,
            Outcome::Exception(_) => Reason::Exception,
            Outcome::Kill(..) => Reason::Kill,
        }
    }

    /// What went wrong; `None` for a success.
    pub fn error(&self) -> Option<&ErrorReport> {
        match self {
            Outcome::Success => None,
            Outcome::Fail(error) | Outcome::Crash(error) | Outcome::Exception(error) | Outcome::Kill(_, error) => {
                Some(error)
            }
        }
    }

    /// The same outcome with another report; a success has none.
    pub fn map_error(self, change: impl FnOnce(ErrorReport) -> ErrorReport) -> Outcome {
        match self {
            Outcome::Success => Outcome::Success,
            Outcome::Fail(report) => Outcome::Fail(change(report)),
            Outcome::Crash(report) => Outcome::Crash(change(report)),
            Outcome::Exception(report) => Outcome::Exception(change(report)),
            Outcome::Kill(reason, report) => Outcome::Kill(reason, change(report)),
        }
    }

    /// Says in the report which step it was, if it does not say so.
    pub fn in_step(self, step: &str) -> Outcome {
        self.map_error(|report| ErrorReport { step: report.step.or_else(|| Some(step.to_owned())), ..report })
    }

    /// Whether the run stops here, whatever edges there are.
    pub fn stops_the_run(&self) -> bool {
        matches!(self, Outcome::Crash(_) | Outcome::Exception(_) | Outcome::Kill(..))
    }

    /// The object that goes into `state.errors[<step id>]`; `None` for a success. There is no stack in it, and what is
    /// not known has no key.
    pub fn to_error_value(&self) -> Option<Map<String, Value>> {
        self.error().map(|error| error.to_value(self.reason()))
    }
}

/// The wire word of an [`Outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// `success`
    Success,
    /// `fail`
    Fail,
    /// `crash`
    Crash,
    /// `exception`
    Exception,
    /// `kill`
    Kill,
}

impl Reason {
    /// `success`, `fail`, `crash`, `exception` or `kill`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Success => "success",
            Reason::Fail => "fail",
            Reason::Crash => "crash",
            Reason::Exception => "exception",
            Reason::Kill => "kill",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run was killed for. Stored before the kill, never guessed from an exception's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KillReason {
    /// Wall-clock time ran out.
    Timeout,
    /// CPU time ran out.
    Cpu,
    /// The job waits for a promise that nothing can ever settle.
    Idle,
    /// Memory, or the size of the state, went over its limit.
    Oom,
    /// Somebody asked for the run to stop.
    Abort,
    /// The job tried something that no job may do.
    Security,
    /// The host is going away, or lost the process that the run was in.
    Host,
}

impl KillReason {
    /// `timeout`, `cpu`, `idle`, `oom`, `abort`, `security` or `host`.
    pub fn as_str(self) -> &'static str {
        match self {
            KillReason::Timeout => "timeout",
            KillReason::Cpu => "cpu",
            KillReason::Idle => "idle",
            KillReason::Oom => "oom",
            KillReason::Abort => "abort",
            KillReason::Security => "security",
            KillReason::Host => "host",
        }
    }
}

impl fmt::Display for KillReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong, where, and what to do about it. How bad it is, is said by the [`Outcome`] around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// The class, such as `RuntimeError`, `JobError`, `AdaptorError`, `RuntimeCrash`, `ValidationError`, `InputError`,
    /// `EdgeConditionError`, `ImportError`, `SecurityError`, `TimeoutError`, `OOMError`, `StateEncodeError`,
    /// `StateTooLargeError`, `CompileError` or `ExecutionError`; and of a run in a process of its own `ExitError` (it ended) or
    /// `EngineError` (it could not be had, or not be understood).
    pub name: Cow<'static, str>,
    /// The class of the error underneath, such as `TypeError` under a `RuntimeError`.
    pub subtype: Option<String>,
    /// One sentence for the author of the job.
    pub message: String,
    /// Which part of the product says so: `runtime`, `engine` or `worker`.
    pub source: Cow<'static, str>,
    /// The id of the step it happened in.
    pub step: Option<String>,
    /// Where in the job's own source.
    pub position: Option<Position>,
    /// The operation it came out of, when the error itself has no position in the job's source.
    pub operation: Option<OperationPosition>,
    /// What else the error carried, as JSON.
    #[serde(with = "crate::wire::optional_value")]
    pub details: Option<Value>,
    /// What to do about it. Not on the state: it is for whoever reads the log.
    pub hint: Option<String>,
}

impl ErrorReport {
    /// A report of the runtime with a name and a message; fill in the rest with struct update.
    pub fn new(name: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            subtype: None,
            message: message.into(),
            source: Cow::Borrowed("runtime"),
            step: None,
            position: None,
            operation: None,
            details: None,
            hint: None,
        }
    }

    fn to_value(&self, severity: Reason) -> Map<String, Value> {
        let mut value = Map::new();
        value.insert("source".into(), json!(self.source));
        value.insert("name".into(), json!(self.name));
        value.insert("severity".into(), json!(severity.as_str()));
        value.insert("message".into(), json!(self.message));
        if let Some(subtype) = &self.subtype {
            value.insert("subtype".into(), json!(subtype));
        }
        if let Some(position) = &self.position {
            let mut pos = Map::new();
            pos.insert("line".into(), json!(position.line));
            pos.insert("column".into(), json!(position.column));
            if let Some(line) = &position.source_line {
                pos.insert("src".into(), json!(line));
            }
            value.insert("pos".into(), Value::Object(pos));
        }
        if let Some(step) = &self.step {
            value.insert("step".into(), json!(step));
        }
        if let Some(details) = &self.details {
            value.insert("details".into(), details.clone());
        }
        if let Some(operation) = &self.operation {
            value.insert("line".into(), json!(operation.place.line));
            if let Some(name) = &operation.name {
                value.insert("operationName".into(), json!(name));
            }
        }
        value
    }
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// A place in the source that the author wrote (already mapped back from what was compiled).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The display name of the source.
    pub file: String,
    /// 1-based.
    pub line: u32,
    /// 1-based.
    pub column: u32,
    /// The text of that line.
    pub source_line: Option<String>,
}

/// The operation of a job that an error came out of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationPosition {
    /// Such as `get`; unknown for a call like `http.get()`.
    pub name: Option<String>,
    /// Where it starts.
    pub place: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_said_once() {
        let outcome = Outcome::Kill(KillReason::Oom, ErrorReport::new("OOMError", "x"));
        let named = outcome.in_step("a").in_step("b");
        assert_eq!(named.error().and_then(|error| error.step.as_deref()), Some("a"));
        assert!(matches!(named, Outcome::Kill(KillReason::Oom, _)));
        assert_eq!(Outcome::Success.in_step("a"), Outcome::Success);
    }

    #[test]
    fn the_error_on_the_state_has_only_what_is_known() {
        let report = ErrorReport { step: Some("a".into()), ..ErrorReport::new("JobError", "boom") };
        let value = Value::Object(Outcome::Fail(report).to_error_value().unwrap());
        assert_eq!(
            value.to_string(),
            r#"{"source":"runtime","name":"JobError","severity":"fail","message":"boom","step":"a"}"#
        );
        assert_eq!(Outcome::Success.to_error_value(), None);
    }

    #[test]
    fn the_error_on_the_state_in_full() {
        let report = ErrorReport {
            subtype: Some("TypeError".into()),
            step: Some("a".into()),
            position: Some(Position { file: "a.js".into(), line: 3, column: 7, source_line: Some("x.y()".into()) }),
            operation: Some(OperationPosition {
                name: Some("get".into()),
                place: Position { file: "a.js".into(), line: 3, column: 1, source_line: None },
            }),
            details: Some(json!({ "code": 404 })),
            hint: Some("not on the state".into()),
            ..ErrorReport::new("AdaptorError", "boom")
        };
        let value = Value::Object(Outcome::Kill(KillReason::Oom, report).to_error_value().unwrap());
        assert_eq!(
            value,
            json!({
                "source": "runtime", "name": "AdaptorError", "severity": "kill", "message": "boom",
                "subtype": "TypeError", "pos": { "line": 3, "column": 7, "src": "x.y()" }, "step": "a",
                "details": { "code": 404 }, "line": 3, "operationName": "get",
            })
        );
    }
}
