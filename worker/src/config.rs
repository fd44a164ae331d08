//! What a worker is told: plain data, read once by whoever starts it.

use std::path::PathBuf;
use std::time::Duration;

use crate::token::Verifier;
use crate::workloop::{Backoff, Workloop};

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the server shows it as in its list of workers; it is free to be nothing.
    pub name: Option<String>,
    /// What it takes. The children of the pool must be as many as all slots.
    pub workloops: Vec<Workloop>,
    /// How often it asks when there is nothing.
    pub backoff: Backoff,
    /// How soon it connects again when the connection went.
    pub reconnect: fulgurite_wire::Backoff,
    /// How long an answer may take.
    pub message_timeout: Duration,
    /// How long the answer to a claim may take. A server under load takes its time, and what it hands out in the end is lost if
    /// nobody waits for it.
    pub claim_timeout: Duration,
    /// Checks tokens of runs; `None` = they are taken as they are.
    pub verifier: Option<Verifier>,
    /// For runs that do not say.
    pub defaults: Limits,
    /// Top-level keys that are taken off every output.
    pub state_props_to_remove: Vec<String>,
    /// How states are written.
    pub states: StateForm,
    /// How log lines are sent together; `None` = one by one.
    pub batch_logs: Option<Batch>,
    /// Where jobs find collections.
    pub collections: Option<String>,
    /// Where what the server has not acknowledged is kept; `None` = in memory only.
    pub outbox: Option<PathBuf>,
    /// How long runs may take to end after the worker was told to stop; `None` = as long as they take.
    pub drain: Option<Duration>,
}

/// Limits of a run that its plan may set itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest that it may take.
    pub run_timeout: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of one step's output. `None` = as much as memory.
    pub state: Option<u64>,
    /// Bytes of a state that is sent to the server; what is larger is withheld.
    pub payload: u64,
    /// Bytes of a log line.
    pub log_line: u64,
}

impl Default for Limits {
    /// OpenFn's: 5 minutes, 500 MB, states of 10 MB on the wire, log lines of 1 MB.
    fn default() -> Limits {
        Limits {
            run_timeout: Duration::from_secs(300),
            memory: 500 << 20,
            state: None,
            payload: 10 << 20,
            log_line: 1 << 20,
        }
    }
}

/// How a state is written into `step:complete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateForm {
    /// As a JSON string that has the JSON text in it: every Lightning reads it.
    #[default]
    Text,
    /// As the JSON value that it is: Lightning 2.18.1 and later. Not a byte of it is changed.
    Json,
}

/// How log lines are sent together: Lightning 2.15.16 and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// How long the first line waits for others.
    pub interval: Duration,
    /// How many lines at most.
    pub limit: usize,
}

impl Default for Batch {
    /// 10 milliseconds, 50 lines.
    fn default() -> Batch {
        Batch { interval: Duration::from_millis(10), limit: 50 }
    }
}

impl Config {
    /// A worker with so many slots and all else as OpenFn's has it.
    pub fn new(slots: usize) -> Config {
        Config {
            name: None,
            workloops: vec![Workloop::usual(slots)],
            backoff: Backoff::default(),
            reconnect: fulgurite_wire::Settings::new("").backoff,
            message_timeout: Duration::from_secs(30),
            claim_timeout: Duration::from_secs(3600),
            verifier: None,
            defaults: Limits::default(),
            state_props_to_remove: vec!["configuration".into(), "response".into()],
            states: StateForm::default(),
            batch_logs: None,
            collections: None,
            outbox: None,
            drain: None,
        }
    }

    /// Runs at a time.
    pub fn capacity(&self) -> usize {
        self.workloops.iter().map(|workloop| workloop.slots).sum()
    }
}
