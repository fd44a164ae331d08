//! What a run may use: plain data with documented defaults.

use std::time::Duration;

use crate::network::Network;

/// All heaps of a process together, where V8 was built with compressed pointers: they reach no further than this.
const CAGE: usize = 4 << 30;

/// What a heap is given beyond its limit, so that V8 can unwind in it, as a rule (`isolate::watch_heap`).
const ROOM: usize = 1 << 30;

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

impl Limits {
    /// The largest [`Limits::heap`] that this build of V8 can keep; `None` = whatever the machine has.
    pub const LARGEST_HEAP: Option<usize> =
        if cfg!(feature = "pointer-compression") { Some(CAGE - ROOM) } else { None };

    /// Why this build cannot keep these limits, if it cannot: whoever sets them asks.
    pub fn refusal(&self) -> Option<String> {
        refusal(self.heap?, Self::LARGEST_HEAP?)
    }

    /// The heap of each of so many isolates that help the one of the run.
    pub(crate) fn heap_of_helpers(&self, count: usize) -> Option<usize> {
        self.heap.map(|heap| share(heap, count, Self::LARGEST_HEAP))
    }
}

fn refusal(heap: usize, largest: usize) -> Option<String> {
    (heap > largest).then(|| {
        format!(
            "a run can have {} MB of memory at most: V8 was built with pointer compression, and all heaps of a process lie within {} MB",
            largest >> 20,
            CAGE >> 20
        )
    })
}

/// No helper gets less than 16 MB. In a build whose heaps lie in one place, helpers have what the run's own heap leaves there.
fn share(heap: usize, count: usize, largest: Option<usize>) -> usize {
    const SMALLEST: usize = 16 << 20;
    let all = largest.map_or(heap, |largest| heap.min(largest.saturating_sub(heap)));
    (all / count).max(SMALLEST.min(heap))
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

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1 << 20;

    #[test]
    fn more_than_there_is_room_for_is_refused() {
        assert_eq!(refusal(3072 * MB, 3072 * MB), None);
        let message = refusal(3073 * MB, 3072 * MB).expect("it is too much");
        assert!(message.starts_with("a run can have 3072 MB of memory at most"), "{message}");
    }

    #[test]
    fn this_build_refuses_what_it_cannot_keep() {
        let refused = |heap| Limits { heap, ..Limits::default() }.refusal().is_some();
        assert!(!refused(Limits::default().heap) && !refused(None));
        assert_eq!(refused(Some(8 << 30)), cfg!(feature = "pointer-compression"));
    }

    #[test]
    fn helpers_share_the_heap() {
        assert_eq!(share(2048 * MB, 4, None), 512 * MB);
        assert_eq!(share(100 * MB, 50, None), 16 * MB);
        assert_eq!(share(8 * MB, 50, None), 8 * MB);
    }

    #[test]
    fn helpers_and_the_run_stay_within_the_cage() {
        let largest = Some(CAGE - ROOM);
        assert_eq!(share(500 * MB, 4, largest), 125 * MB, "there is room for all of it twice");
        assert_eq!(share(2048 * MB, 4, largest), 256 * MB);
        assert_eq!(share(3072 * MB, 4, largest), 16 * MB);
    }
}
