//! One child: how it is started and greeted, what its parent knows of it, and how it leaves.

use std::time::{Duration, Instant};

use crate::cgroup::Leaf;
use crate::channel;
use crate::harden::Report;
use crate::message::{Greeting, ToChild, ToParent};
use crate::process::{Ended, Memory, Process};
use crate::texts::Given;

use super::Config;

/// Why a child could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The system did not let us.
    #[error("cannot start an engine process: {0}")]
    System(String),
    /// It is another build. Its file must have been replaced.
    #[error("the engine process is another build: {0}")]
    Refused(String),
    /// It ended before it was warm.
    #[error("the engine process ended before its first run: {0}")]
    Died(String),
    /// It said something else than what it should have said, or nothing for too long.
    #[error("the engine process cannot be understood: {0}")]
    Strange(String),
}

impl StartError {
    pub(super) fn system(error: impl std::fmt::Display) -> StartError {
        StartError::System(error.to_string())
    }
}

/// A warm child.
pub(super) struct Child {
    pub(super) process: Process,
    pub(super) report: Report,
    pub(super) texts: Given,
    pub(super) leaf: Option<Leaf>,
    runs: u64,
    /// When it was warm.
    base: Option<Memory>,
}

impl Child {
    pub(super) fn start(config: &Config) -> Result<Child, StartError> {
        let deadline = Some(Instant::now() + config.startup);
        let mut process = Process::spawn(&config.program).map_err(StartError::system)?;
        let greeting = Greeting::new(&config.build);
        let leaf = config.cgroup.as_ref().and_then(|parent| match Leaf::new(parent, process.id()) {
            Ok(leaf) => Some(leaf),
            Err(error) => {
                tracing::warn!(%error, "engine process");
                None
            }
        });
        let greet = |process: &mut Process| -> Result<Report, channel::Error> {
            process.sender.send(&ToChild::Hello(greeting.clone(), config.hardening.clone()), &[])?;
            let report = match process.receiver.wait(deadline)?.head {
                ToParent::Hello(theirs, report) if theirs == greeting => report,
                ToParent::Hello(..) => return Err(channel::Error::Order("a greeting of another build")),
                ToParent::Refused(why) => return Err(channel::Error::Refused(why)),
                _ => return Err(channel::Error::Order("no greeting")),
            };
            match process.receiver.wait(deadline)?.head {
                ToParent::Ready { startup } => tracing::debug!(child = process.id(), ?startup, "engine process ready"),
                _ => return Err(channel::Error::Order("not ready")),
            }
            Ok(report)
        };
        match greet(&mut process) {
            Ok(report) => {
                let base = process.memory();
                Ok(Child { process, report, texts: Given::new(config.texts), leaf, runs: 0, base })
            }
            Err(channel::Error::Refused(why)) => Err(StartError::Refused(why)),
            Err(channel::Error::Closed) => Err(StartError::Died(obituary(&process.end()))),
            Err(error) => Err(StartError::Strange(error.to_string())),
        }
    }

    /// Whether it waits for a run. One that has something to say while it is idle has ended.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(channel::readable(self.process.receiver.socket(), Some(Instant::now())), Ok(false))
    }

    /// Takes note that it has executed a run; whether it should be replaced.
    pub(super) fn worn_out(&mut self, config: &Config) -> bool {
        self.runs += 1;
        let grown = match (self.process.memory(), self.base) {
            (Some(now), Some(base)) => now.own.saturating_sub(base.own),
            _ => 0,
        };
        self.runs >= config.recycle_runs || grown > config.recycle_growth
    }

    /// Asks it to leave, and ends it when it does not.
    pub(super) fn leave(mut self, grace: Duration) {
        let _ = self.process.sender.send(&ToChild::Leave, &[]);
        let _ = channel::readable(self.process.receiver.socket(), Some(Instant::now() + grace));
        self.process.kill();
    }
}

/// How it ended, with its last words.
pub(super) fn obituary(ended: &Ended) -> String {
    match ended.last_words() {
        Some(words) => format!("{}: {words}", ended.how()),
        None => ended.how(),
    }
}
