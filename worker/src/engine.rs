//! What a worker needs of whoever knows V8: a request for a plan, and what is to be said about versions.

use std::time::Duration;

use bytes::Bytes;
use fulgurite_engine::pool;
use fulgurite_plan::{ErrorReport, Plan};
use serde_json::{Map, Value};

/// What a run may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Wall-clock time.
    pub run_timeout: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of one step's output.
    pub state: Option<u64>,
    /// Bytes of a log line.
    pub log_line: u64,
    /// Top-level keys that are taken off every output.
    pub state_props_to_remove: Vec<String>,
}

/// A plan that can be run.
#[derive(Debug)]
pub struct Ready {
    /// What the pool is asked.
    pub request: pool::Request,
    /// What whoever wrote the plan should know, one sentence each.
    pub warnings: Vec<String>,
}

/// Makes requests of plans.
pub trait Engine: Send + Sync + 'static {
    /// A request for this plan and input. It may read files.
    ///
    /// # Errors
    /// Why it cannot be run: an adaptor that is not there, for example.
    fn ready(&self, plan: &Plan, input: Option<Bytes>, terms: &Terms) -> Result<Ready, Box<ErrorReport>>;

    /// Takes in what a run's process has traced, in its own form.
    fn traced(&self, run: &str, traces: &Bytes);

    /// What executes it, by name; for `run:start` and the log.
    fn versions(&self) -> Map<String, Value>;
}
