//! What a run may use: plain data with documented defaults.

use std::time::Duration;

use crate::network::Network;

/// Limits of a run. A run that exceeds one ends with that limit's own reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of one execution of a step, from loading its module until its output is encoded; of a step with items, of
    /// each call. What a step calls counts as its own. `None` = no limit.
    /// A plan's own `timeout` does not count by itself: whoever starts the run decides which of the two wins.
    pub step_timeout: Option<Duration>,
    /// Wall-clock time of the whole run. `None` = no limit.
    pub run_timeout: Option<Duration>,
    /// CPU time of one execution of a step: of the thread that runs its JavaScript, and not of what V8 does beside it (it
    /// collects and compiles on other threads, too). `None` = no limit. Linux only: elsewhere there is none.
    pub step_cpu_timeout: Option<Duration>,
    /// CPU time of the whole run, measured in the same way. `None` = no limit.
    pub run_cpu_timeout: Option<Duration>,
    /// Memory of the run in bytes: V8's heap and what is behind ArrayBuffers, together. `None` = V8's own choice for the machine,
    /// and no limit for ArrayBuffers.
    pub heap: Option<usize>,
    /// Bytes of one step's output. `None` = no limit.
    pub state: Option<usize>,
    /// Executions of steps in the whole run, each pass of a loop and each `call()` counted; the items of a `with_items` are not.
    pub steps: u32,
    /// How deep calls of steps by steps may nest.
    pub call_depth: u32,
    /// What it may reach over the network, and how much of it.
    pub network: Network,
    /// Bytes per second that jobs may log, and twice that in one burst. What is more is dropped, and a line says how much.
    /// `None` = no limit.
    pub log_rate: Option<usize>,
    /// Bytes of one log line; what is longer is cut, and says so.
    pub log_line: usize,
}

impl Default for Limits {
    /// 5 minutes a step, no limit for the run, none for CPU time, 2 GiB of memory, 4 GiB of state, a million executions of steps with
    /// calls 32 deep, 4 MiB of log a second in lines of at most 1 MiB, and the network that the machine has.
    fn default() -> Self {
        Limits {
            step_timeout: Some(Duration::from_secs(300)),
            run_timeout: None,
            step_cpu_timeout: None,
            run_cpu_timeout: None,
            heap: Some(2 << 30),
            state: Some(4 << 30),
            steps: 1_000_000,
            call_depth: 32,
            network: Network::default(),
            log_rate: Some(4 << 20),
            log_line: 1 << 20,
        }
    }
}
