//! A run in progress, wherever it is: on a thread of this process, or in a process of its own. The same events come out.

use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use fulgurite_runtime::{Event, Handle, Request};
use serde_json::Value;

use crate::clock::{Clock, Stamp};
use crate::logs::Logger;
use crate::profile::{Depth, Recorder};

/// Where events go, and how they are stamped.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Bounded, so that a run that says much waits for whoever listens.
    pub to: SyncSender<(Stamp, Event)>,
    /// Gives out the stamps.
    pub clock: Arc<Clock>,
    /// Where what a child traces goes, and how much that is.
    pub traced: Option<(Depth, Recorder)>,
}

/// A run in progress.
#[derive(Debug)]
pub enum Running {
    /// On a thread of this process.
    Here(Handle),
    /// In a process of its own.
    #[cfg(target_os = "linux")]
    Apart {
        /// The run.
        run: fulgurite_engine::pool::Run,
        /// The process.
        pool: fulgurite_engine::Pool,
    },
    /// It could not be started, and its events have said so.
    Nowhere,
}

impl Running {
    /// Starts a run in this process.
    pub fn here(request: Request, sink: Sink) -> Running {
        fulgurite_runtime::initialize();
        Running::Here(fulgurite_runtime::start(request, move |event| {
            // Nobody may be listening any more; the run ends anyhow.
            let _ = sink.to.send((sink.clock.stamp(), event));
        }))
    }

    /// As [`Running::here`]; what gets V8's CPU profile of it.
    pub fn profiled(request: Request, sink: Sink, profiled: impl FnOnce(Value) + Send + 'static) -> Running {
        fulgurite_runtime::initialize();
        let tell = move |event| drop(sink.to.send((sink.clock.stamp(), event)));
        Running::Here(fulgurite_runtime::start_profiled(request, tell, profiled))
    }

    /// Starts a run in a process of its own, which takes the time zone from us.
    #[cfg(target_os = "linux")]
    pub fn apart(request: Request, zone: Option<&OsStr>, sink: Sink, log: &Logger) -> Running {
        use fulgurite_engine::Pool;
        use fulgurite_runtime::Level;

        use crate::engine::{self, wire};

        let (depth, recorder) = sink.traced.clone().unzip();
        let pool = match Pool::start(engine::config(zone, request.limits.network.reaches_anything(), depth)) {
            Ok(pool) => pool,
            Err(error) => return Running::nowhere(&error.to_string(), &sink),
        };
        let missing = pool.hardening().missing();
        if !missing.is_empty() {
            let message = format!("the run's process is not as confined as it could be: {}", missing.join("; "));
            log.cli(Level::Warn, &message);
        }
        let Some(slot) = pool.slot(None) else { return Running::nowhere("there is no engine process", &sink) };
        let listener = wire::Listener::new(&request.plan).recording(recorder);
        let run = slot.start(wire::request(&request), Box::new(offered(sink, listener)));
        Running::Apart { run, pool }
    }

    /// Not on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn apart(_: Request, _: Option<&OsStr>, sink: Sink, _: &Logger) -> Running {
        Running::nowhere("runs have processes of their own on Linux only", &sink)
    }

    fn nowhere(why: &str, sink: &Sink) -> Running {
        use fulgurite_plan::{ErrorReport, Outcome};
        use fulgurite_runtime::{Figures, RunComplete};

        let report = ErrorReport { source: "engine".into(), ..ErrorReport::new("EngineError", why) };
        let complete = RunComplete {
            outcome: Outcome::Exception(report),
            results: Vec::new(),
            figures: Figures::default(),
            executions: 0,
        };
        let _ = sink.to.send((sink.clock.stamp(), Event::RunComplete(complete)));
        Running::Nowhere
    }

    /// Ends the run as soon as possible.
    pub fn abort(&self, message: &str) {
        match self {
            Running::Here(handle) => handle.abort(message),
            #[cfg(target_os = "linux")]
            Running::Apart { run, .. } => run.abort(message),
            Running::Nowhere => {}
        }
    }

    /// V8 heap in use, in bytes; 0 while nothing is known.
    pub fn heap(&self) -> usize {
        match self {
            Running::Here(handle) => handle.gauge().heap(),
            #[cfg(target_os = "linux")]
            Running::Apart { run, .. } => run.heap() as usize,
            Running::Nowhere => 0,
        }
    }

    /// Waits until nothing of the run is left. All events have been delivered when this returns.
    pub fn join(self) {
        match self {
            Running::Here(handle) => drop(handle.join()),
            #[cfg(target_os = "linux")]
            Running::Apart { run, pool } => {
                let ending = run.join();
                tracing::debug!(cpu = ?ending.cpu, memory = ending.memory, child = ending.child, "engine process done");
                pool.drain(None);
            }
            Running::Nowhere => {}
        }
    }
}

/// Stamps events as they come, and keeps the one for which there is no room.
#[cfg(target_os = "linux")]
fn offered(
    sink: Sink,
    mut listener: crate::engine::wire::Listener,
) -> impl FnMut(Option<fulgurite_engine::pool::Incoming>) -> fulgurite_engine::pool::Room {
    use std::sync::mpsc::TrySendError;

    use fulgurite_engine::pool::Room;

    let mut waiting = None;
    move |incoming| {
        let event = incoming.and_then(|incoming| listener.event(incoming)).map(|event| (sink.clock.stamp(), event));
        let Some(event) = event.or_else(|| waiting.take()) else { return Room::Free };
        match sink.to.try_send(event) {
            Err(TrySendError::Full(event)) => {
                waiting = Some(event);
                Room::Full
            }
            Ok(()) | Err(TrySendError::Disconnected(_)) => Room::Free,
        }
    }
}
