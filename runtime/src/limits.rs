//! What a run may use: plain data with documented defaults.

use std::time::Duration;

use crate::network::Network;

/// Limits of a run. A run that exceeds one ends with that limit's own reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of one execution of a step, from loading its module until its output is encoded. `None` = no limit.
    /// A plan's own `timeout` does not count by itself: whoever starts the run decides which of the two wins.
    pub step_timeout: Option<Duration>,
    /// Wall-clock time of the whole run. `None` = no limit.
    pub run_timeout: Option<Duration>,
    /// V8 heap of the run in bytes, and as much again for its ArrayBuffers. `None` = V8's own choice for the machine, and no
    /// limit for ArrayBuffers.
    pub heap: Option<usize>,
    /// Bytes of one step's output. `None` = no limit.
    pub state: Option<usize>,
    /// What it may reach over the network, and how much of it.
    pub network: Network,
}

impl Default for Limits {
    /// 5 minutes a step, no limit for the run, 2 GiB of heap, 4 GiB of state, and the network that the machine has.
    fn default() -> Self {
        Limits {
            step_timeout: Some(Duration::from_secs(300)),
            run_timeout: None,
            heap: Some(2 << 30),
            state: Some(4 << 30),
            network: Network::default(),
        }
    }
}
