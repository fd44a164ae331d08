//! Ctrl-C: the first asks the run to stop, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::exit_code::ExitCode;

/// Signals within this time are one request: `timeout` sends each of its own twice, to us and to our process group.
const SAME_REQUEST: Duration = Duration::from_millis(250);

/// Whether somebody asked for the end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C, SIGTERM and SIGHUP are requests; until this is called they end the process as always.
    pub fn listen() -> Interrupt {
        let interrupt = Interrupt::default();
        let asked = interrupt.clone();
        let mut first = None;
        let listening = ctrlc::set_handler(move || {
            asked.0.store(true, Ordering::SeqCst);
            if first.get_or_insert_with(Instant::now).elapsed() > SAME_REQUEST {
                std::process::exit(ExitCode::Interrupted.number().into());
            }
        });
        if let Err(error) = listening {
            tracing::warn!(%error, "Ctrl-C will end the process at once");
        }
        interrupt
    }

    /// Has somebody asked?
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
