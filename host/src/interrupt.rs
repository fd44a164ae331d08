//! Ctrl-C: the first asks the run to stop, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::exit_code::ExitCode;

/// Signals within this time are one request: `timeout` sends each of its own twice, to us and to our process group.
const SAME_REQUEST: Duration = Duration::from_millis(250);

/// Calls `told` with 1, 2, … for each request to end; the fourth ends the process at once.
pub fn on_signal(mut told: impl FnMut(u32) + Send + 'static) {
    let (mut times, mut last) = (0, None::<Instant>);
    let listening = ctrlc::set_handler(move || {
        if last.is_some_and(|last| last.elapsed() < SAME_REQUEST) {
            return;
        }
        last = Some(Instant::now());
        times += 1;
        if times > 3 {
            std::process::exit(ExitCode::Interrupted.number().into());
        }
        told(times);
    });
    if let Err(error) = listening {
        tracing::warn!(%error, "Ctrl-C will end the process at once");
    }
}

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
