//! A run that was claimed: its id, its token, and what holds its place.

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::token;

/// A run that is ours until its `run:complete` was answered.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) claimed: Claimed,
    /// When we heard of it.
    pub(crate) since: Instant,
    /// The place that was kept for it before it was asked for.
    pub(crate) _slot: OwnedSemaphorePermit,
}

/// A run as a claim's answer names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Claimed {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// The answer to `claim`.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) runs: Vec<Claimed>,
}

/// What is kept back of a token's time to report the end of a run.
const MARGIN: Duration = Duration::from_secs(4);

impl Assignment {
    /// How long the run may take from now on: what it was given, but no longer than its token is good for. The server counts
    /// from the claim, and after that hears nothing more about the run.
    pub(crate) fn time(&self, given: Duration) -> Duration {
        match self.until() {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
                given.min(left).max(Duration::from_millis(1))
            }
            None => given,
        }
    }

    /// When the server stops listening to what is said about the run; `None` when its token does not say.
    pub(crate) fn until(&self) -> Option<Instant> {
        token::lasts(&self.claimed.token).map(|lasts| self.since + lasts)
    }
}
