//! A run as the server has it: asked for, claimed, reported on, final.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::ServerVersion;
use crate::jsonb::{self, Style};

pub(crate) mod fetch;
pub(crate) mod finish;
pub(crate) mod log;
pub(crate) mod step;

/// What a run is called. A UUID, unless whoever asked for it chose something else.
pub type RunId = String;

/// A run that is asked for.
#[derive(Debug, Clone, Default)]
pub struct NewRun {
    /// What it is called, if that matters.
    pub id: Option<RunId>,
    /// The workflow, in the form of `fetch:plan`: `jobs`, `edges`, `triggers`, `starting_node_id`, `options`.
    pub plan: Value,
    /// Its input. Without one it starts with `dataclip_id` of the plan, or with nothing.
    pub input: Option<NewClip>,
    /// Credentials that its jobs use, by id. See [`crate::Handle::credential`].
    pub credentials: BTreeMap<String, Value>,
    /// The queue that it waits in: `default`, `manual` or `fast_lane`.
    pub queue: Option<String>,
    /// Another project than the server's own.
    pub project: Option<String>,
}

impl NewRun {
    /// A run of a plan with JSON text as its input.
    pub fn new(plan: Value, input: impl Into<Bytes>) -> NewRun {
        NewRun { plan, input: Some(NewClip::new(input)), ..NewRun::default() }
    }
}

impl NewRun {
    /// The same, with its input as it is stored.
    pub(crate) fn printed(self, style: Style) -> NewRun {
        NewRun { input: self.input.map(|input| input.printed(style)), ..self }
    }
}

/// A dataclip that is put there.
#[derive(Debug, Clone, Default)]
pub struct NewClip {
    /// JSON text; wiped without one.
    pub body: Option<Bytes>,
    /// The request that it came with: it is then one of type `http_request`.
    pub request: Option<Bytes>,
    /// Another project than the server's own.
    pub project: Option<String>,
}

impl NewClip {
    /// A body and no more.
    pub fn new(body: impl Into<Bytes>) -> NewClip {
        NewClip { body: Some(body.into()), ..NewClip::default() }
    }
}

impl NewClip {
    /// The same, as it is stored. Compact means as it came; and what is no JSON stays, so that tests see what a worker makes
    /// of it.
    pub(crate) fn printed(self, style: Style) -> NewClip {
        let print = |text: Bytes| match (style, str::from_utf8(&text).map(|text| jsonb::print(text, style, None))) {
            (Style::Jsonb, Ok(Ok((printed, _)))) => printed.into(),
            _ => text,
        };
        NewClip { body: self.body.map(print), request: self.request.map(print), project: self.project }
    }
}

/// A dataclip that is there.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) body: Option<Bytes>,
    /// What it came with, if it is of type `http_request`.
    pub(crate) request: Option<Option<Bytes>>,
    pub(crate) project: String,
}

impl Clip {
    /// What a worker gets: JSON text.
    pub(crate) fn text(&self) -> Bytes {
        const NULL: &[u8] = b"null";
        let body = self.body.as_deref().unwrap_or(NULL);
        match (&self.request, &self.body) {
            (Some(request), _) => {
                let request = request.as_deref().unwrap_or(NULL);
                [b"{\"data\": ", body, b", \"request\": ", request, b"}"].concat().into()
            }
            (None, Some(body)) => body.clone(),
            (None, None) => Bytes::from_static(NULL),
        }
    }

    /// Takes out what is in it and leaves that it was there.
    pub(crate) fn wipe(&mut self) {
        self.body = None;
        if let Some(request) = &mut self.request {
            *request = None;
        }
    }
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are Lightning's, and say it")]
pub enum RunState {
    Available,
    Claimed,
    Started,
    Success,
    Failed,
    Crashed,
    Cancelled,
    Killed,
    Exception,
    Lost,
}

impl RunState {
    /// Nothing comes after it.
    pub fn is_final(self) -> bool {
        !matches!(self, RunState::Available | RunState::Claimed | RunState::Started)
    }

    /// The state that a worker's reason stands for. The names of final states stand for themselves.
    pub(crate) fn from_reason(reason: &str) -> Option<RunState> {
        Some(match reason {
            "ok" | "success" => RunState::Success,
            "fail" | "failed" => RunState::Failed,
            "crash" | "crashed" => RunState::Crashed,
            "cancel" | "cancelled" => RunState::Cancelled,
            "kill" | "killed" => RunState::Killed,
            "exception" => RunState::Exception,
            "lost" => RunState::Lost,
            _ => return None,
        })
    }
}

/// A run as the server has it.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// What it is called.
    pub id: RunId,
    /// Whose it is.
    pub project: String,
    /// Where it is.
    pub state: RunState,
    /// What the worker said at its end.
    pub reason: Option<String>,
    /// What kind of error it ended with.
    pub error_type: Option<String>,
    /// What the worker said about it. The real server does not keep this.
    pub error_message: Option<String>,
    /// The queue that it was in.
    pub queue: String,
    /// Who claimed it, as far as they said.
    pub worker_name: Option<String>,
    /// When it was asked for, in microseconds, as all times here.
    pub created_at: i64,
    /// When it was claimed.
    pub claimed_at: Option<i64>,
    /// When it started.
    pub started_at: Option<i64>,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// What it starts with.
    pub dataclip_id: Option<String>,
    /// What it ended with.
    pub final_dataclip_id: Option<String>,
    /// Its steps, in the order they started.
    pub steps: Vec<Step>,
    /// Its workflow, as it was given.
    #[serde(skip)]
    pub plan: Value,
    /// Its log, in the order it came.
    #[serde(skip)]
    pub logs: Vec<LogLine>,
    /// By what name its worker connected.
    #[serde(skip)]
    pub worker_id: Option<String>,
    /// A worker has joined its channel and not left it, though its connection may be gone.
    #[serde(skip)]
    pub is_worked_on: bool,
}

impl Run {
    /// An option of its plan.
    pub(crate) fn option(&self, name: &str) -> Option<&Value> {
        self.plan.get("options").and_then(|options| options.get(name)).filter(|value| !value.is_null())
    }

    /// Outputs and inputs are kept.
    pub(crate) fn saves_clips(&self) -> bool {
        self.option("output_dataclips").and_then(Value::as_bool).unwrap_or(true)
    }

    pub(crate) fn has_job(&self, id: &str) -> bool {
        self.jobs().any(|job| job.get("id").and_then(Value::as_str) == Some(id))
    }

    pub(crate) fn uses_credential(&self, id: &str) -> bool {
        self.jobs().any(|job| job.get("credential_id").and_then(Value::as_str) == Some(id))
    }

    fn jobs(&self) -> impl Iterator<Item = &Value> {
        self.plan.get("jobs").and_then(Value::as_array).into_iter().flatten()
    }

    pub(crate) fn step(&mut self, id: &str) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| step.id == id)
    }

    /// The plan as a worker gets it.
    pub(crate) fn wire_plan(&self, version: ServerVersion, timeout_ms: u64) -> Value {
        let list = |name: &str| self.plan.get(name).cloned().unwrap_or_else(|| json!([]));
        let mut plan = json!({
            "id": self.id,
            "triggers": list("triggers"),
            "jobs": list("jobs"),
            "edges": list("edges"),
            "starting_node_id": self.plan.get("starting_node_id"),
            "dataclip_id": self.dataclip_id,
        });
        let mut options = json!({ "output_dataclips": true, "run_timeout_ms": timeout_ms });
        for (name, value) in self.plan.get("options").and_then(Value::as_object).into_iter().flatten() {
            if !value.is_null() {
                options[name] = value.clone();
            }
        }
        plan["options"] = options;
        if version >= ServerVersion::PROJECT {
            plan["project_id"] = json!(self.project);
        }
        if version >= ServerVersion::META {
            let given = self.plan.get("meta").filter(|meta| meta.is_object()).cloned();
            plan["meta"] = given.unwrap_or_else(
                || json!({ "work_order_id": self.id, "workflow_id": self.id, "project_id": self.project }),
            );
        }
        plan
    }
}

/// A step of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Chosen by the worker.
    pub id: String,
    /// Which job it executes.
    pub job_id: String,
    /// What it was started with.
    pub input_dataclip_id: Option<String>,
    /// What it came to.
    pub output_dataclip_id: Option<String>,
    /// Why it ended: the worker's word, or `lost`.
    pub reason: Option<String>,
    /// What kind of error it ended with.
    pub error_type: Option<String>,
    /// What the worker said about it. The real server does not keep this, nor the next three.
    pub error_message: Option<String>,
    /// Memory, as the worker measured it.
    pub mem: Option<Value>,
    /// Milliseconds, as the worker measured them.
    pub duration: Option<Value>,
    /// Why the worker sent no output.
    pub output_dataclip_error: Option<String>,
    /// What a waiting webhook is to be answered with.
    pub webhook_response: Option<Value>,
    /// When it started, in microseconds.
    pub started_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Chosen by the server.
    pub id: String,
    /// Microseconds.
    pub timestamp: i64,
    /// `success`, `always`, `info`, `warn`, `error` or `debug`.
    pub level: String,
    /// Who says it: `R/T`, `JOB` and so on.
    pub source: Option<String>,
    /// The step that it belongs to.
    pub step_id: Option<String>,
    /// As it is stored: joined, without control characters, without secrets.
    pub message: String,
}
