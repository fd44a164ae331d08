//! The parent's side: children that are warm before they are needed, and a thread for each that starts it, watches over its
//! runs, and replaces it.
//!
//! ```text
//! slot() ──► Slot ──► start(request, sink) ──► Run ──► join() ──► Ending
//! ```
//!
//! The parent runs nobody's code and reads nobody's state: bodies go through it as they are.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fulgurite_plan::Outcome;
use rustix::event::{EventfdFlags, eventfd};

use crate::channel::Pieces;
use crate::harden::{Hardening, Report};
use crate::message::{Event, Index, Limits};
use crate::process::{Memory, Program};

mod handle;
mod supervisor;
mod teller;

pub use handle::StartError;

/// How children are made and kept.
#[derive(Debug, Clone)]
pub struct Config {
    /// What a child executes: something that calls [`crate::child::serve`].
    pub program: Program,
    /// What both ends must be.
    pub build: String,
    /// What a child takes from itself.
    pub hardening: Hardening,
    /// How many.
    pub children: usize,
    /// A child that has executed so many runs is replaced.
    pub recycle_runs: u64,
    /// A child whose own memory has grown by so many bytes since it was warm is replaced.
    pub recycle_growth: u64,
    /// How long a child may take to get warm.
    pub startup: Duration,
    /// How long a run that was told to end may take, before its child is killed.
    pub grace: Duration,
    /// Bytes of module texts that a child keeps.
    pub texts: usize,
    /// A cgroup folder that was delegated to us, in which each child gets a leaf.
    pub cgroup: Option<PathBuf>,
}

impl Config {
    /// The defaults: one child with nothing but its socket, replaced after 1,000 runs or 256 MB, with 30 seconds to start and
    /// 2 seconds to end a run.
    pub fn new(program: Program, build: impl Into<String>) -> Config {
        Config {
            program,
            build: build.into(),
            hardening: Hardening::default(),
            children: 1,
            recycle_runs: 1000,
            recycle_growth: 256 << 20,
            startup: Duration::from_secs(30),
            grace: Duration::from_secs(2),
            texts: 64 << 20,
            cgroup: None,
        }
    }
}

/// A run that is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The plan, as `fulgurite_plan::wire` writes it.
    pub plan: Bytes,
    /// The input state as JSON text.
    pub input: Option<Pieces>,
    /// What the runtime sees to.
    pub limits: Limits,
    /// How far states are indexed.
    pub index: Index,
    /// Top-level keys that are taken off every output.
    pub state_props_to_remove: Vec<String>,
    /// Modules that jobs may import: address and text.
    pub modules: Vec<(String, Bytes)>,
    /// Which of them each step may import, and by what; the host's own form.
    pub links: String,
    /// What templates see besides the plan; the host's own form.
    pub context: String,
    /// Bytes of memory that the child may have of its own: what nothing inside it could keep from being used.
    pub memory: Option<u64>,
}

/// An event of a run, with its bodies.
#[derive(Debug)]
pub struct Incoming {
    /// What happened. Every place that it names is there.
    pub event: Event,
    /// What it is about.
    pub bodies: Vec<Bytes>,
}

/// Takes events, on the child's thread and in order, and says whether it has room for more. It must not wait, because the
/// thread also watches over the run: one that is full keeps what it was given, gets nothing, and is asked again soon.
pub type Sink = Box<dyn FnMut(Option<Incoming>) -> Room + Send>;

/// Whether a [`Sink`] can take an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It can.
    Free,
    /// Not yet.
    Full,
}

/// How a run ended, and what it cost beyond what its events say.
#[derive(Debug, Clone)]
pub struct Ending {
    /// As its `RunComplete`.
    pub outcome: Outcome,
    /// CPU time of the child for this run; `None` when it did not live to say so.
    pub cpu: Option<Duration>,
    /// Most memory of its own that the child was seen with. Between the looks there may have been more.
    pub memory: u64,
    /// The child's process.
    pub child: u32,
}

/// Warm children.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    report: Report,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Runs so far.
    runs: AtomicU64,
    /// Whatever goes on must end at once.
    hurry: AtomicBool,
    controls: Vec<Control>,
    /// What is known of the child of each control.
    known: Vec<Known>,
}

/// What is known of a child as it is now, for whoever looks.
#[derive(Default)]
struct Known {
    /// 0 for none.
    process: AtomicU32,
    heap: AtomicU64,
    batches: AtomicU64,
}

/// A child, as it was just seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Its process.
    pub process: u32,
    /// What of its memory is in RAM, in bytes.
    pub resident: u64,
    /// V8 heap that its run has in use, in bytes; 0 without a run.
    pub heap: u64,
    /// Calls of steps over items that its run has in flight.
    pub batches: u64,
}

#[derive(Default)]
struct State {
    idle: Vec<usize>,
}

/// The way to one child's thread.
struct Control {
    orders: Mutex<Sender<Order>>,
    wake: Arc<OwnedFd>,
}

enum Order {
    Run(Box<Job>),
    Leave,
}

struct Job {
    number: u64,
    request: Request,
    sink: Sink,
    watched: Arc<Watched>,
    ending: Sender<Ending>,
}

/// What is shared between a run's thread and whoever asked for it.
#[derive(Debug, Default)]
struct Watched {
    abort: Mutex<Option<String>>,
    heap: AtomicU64,
    child: AtomicU32,
}

impl Pool {
    /// Starts the children and waits until all of them are warm.
    ///
    /// # Errors
    /// Why the first one that did not get warm did not.
    pub fn start(config: Config) -> Result<Pool, StartError> {
        let config = Arc::new(config);
        let mut controls = Vec::new();
        let mut inboxes = Vec::new();
        for _ in 0..config.children.max(1) {
            let wake =
                Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(StartError::system)?);
            let (orders, inbox) = channel();
            controls.push(Control { orders: Mutex::new(orders), wake: wake.clone() });
            inboxes.push((inbox, wake));
        }
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            runs: AtomicU64::new(0),
            hurry: AtomicBool::new(false),
            known: controls.iter().map(|_| Known::default()).collect(),
            controls,
        });
        let (warm, warmed) = channel();
        let mut threads = Vec::new();
        for (place, (inbox, wake)) in inboxes.into_iter().enumerate() {
            let supervisor = supervisor::Supervisor::new(place, config.clone(), shared.clone(), inbox, wake);
            let warm = warm.clone();
            let builder = std::thread::Builder::new().name(format!("engine-{place}"));
            threads.push(builder.spawn(move || supervisor.supervise(&warm)).map_err(StartError::system)?);
        }
        drop(warm);
        let reports: Result<Vec<Report>, StartError> = warmed.into_iter().take(threads.len()).collect();
        match reports {
            Ok(mut reports) => Ok(Pool { shared, threads, report: reports.swap_remove(0) }),
            Err(error) => {
                shared.leave(true);
                threads.into_iter().for_each(|thread| drop(thread.join()));
                Err(error)
            }
        }
    }

    /// What hardening the children have. They are all alike.
    pub fn hardening(&self) -> &Report {
        &self.report
    }

    /// How each child is; `None` for one that is just being replaced.
    pub fn conditions(&self) -> Vec<Option<Condition>> {
        let known = self.shared.known.iter().map(|known| {
            let process = known.process.load(Ordering::Relaxed);
            let resident = Memory::of(process).filter(|_| process != 0)?.resident;
            let (heap, batches) = (known.heap.load(Ordering::Relaxed), known.batches.load(Ordering::Relaxed));
            Some(Condition { process, resident, heap, batches })
        });
        known.collect()
    }

    /// A child that is free, if there is one.
    pub fn try_slot(&self) -> Option<Slot> {
        let place = self.shared.lock().idle.pop()?;
        Some(Slot { shared: self.shared.clone(), place: Some(place) })
    }

    /// A child that is free, waited for until the deadline; `None` after it.
    pub fn slot(&self, deadline: Option<Instant>) -> Option<Slot> {
        let mut state = self.shared.lock();
        loop {
            if let Some(place) = state.idle.pop() {
                return Some(Slot { shared: self.shared.clone(), place: Some(place) });
            }
            state = self.shared.wait(state, deadline)?;
        }
    }

    /// Waits until no run goes on any more, but not beyond the deadline, after which runs are killed. Then the children leave.
    pub fn drain(mut self, deadline: Option<Instant>) {
        let hurry = !self.shared.quiet(self.threads.len(), deadline);
        self.end(hurry);
    }

    fn end(&mut self, hurry: bool) {
        self.shared.leave(hurry);
        for thread in self.threads.drain(..) {
            // A panic has been reported by then, and its run has ended with the sender of its end.
            let _ = thread.join();
        }
    }
}

impl Drop for Pool {
    /// Runs that go on are killed.
    fn drop(&mut self) {
        self.end(true);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("children", &self.threads.len()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for a change; `None` after the deadline.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, deadline: Option<Instant>) -> Option<MutexGuard<'a, State>> {
        let time = match deadline {
            None => Duration::from_secs(3600),
            Some(deadline) => match deadline.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return None,
                time => time,
            },
        };
        Some(self.changed.wait_timeout(state, time).unwrap_or_else(|poisoned| poisoned.into_inner()).0)
    }

    /// Waits until so many children are idle; whether they were before the deadline.
    fn quiet(&self, children: usize, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        while state.idle.len() < children {
            match self.wait(state, deadline) {
                Some(again) => state = again,
                None => return false,
            }
        }
        true
    }

    fn free(&self, place: usize) {
        self.lock().idle.push(place);
        self.changed.notify_all();
    }

    fn leave(&self, hurry: bool) {
        if hurry {
            self.hurry.store(true, Ordering::SeqCst);
        }
        for control in &self.controls {
            control.send(Order::Leave);
        }
    }
}

impl Control {
    fn send(&self, order: Order) {
        // Nobody listens after `Leave`.
        let _ = self.orders.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).send(order);
        self.wake();
    }

    fn wake(&self) {
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

/// A warm child that nobody else can have. Dropping it gives it back.
pub struct Slot {
    shared: Arc<Shared>,
    place: Option<usize>,
}

impl Slot {
    /// Executes a run.
    pub fn start(mut self, request: Request, sink: Sink) -> Run {
        let place = self.place.take().expect("a slot starts one run");
        let number = self.shared.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let watched = Arc::new(Watched::default());
        let (ending, end) = channel();
        let job = Job { number, request, sink, watched: watched.clone(), ending };
        self.shared.controls[place].send(Order::Run(Box::new(job)));
        Run { shared: self.shared.clone(), place, watched, end }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.shared.free(place);
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("place", &self.place).finish_non_exhaustive()
    }
}

/// A run in progress. Dropping it does not end the run; [`Run::abort`] does.
pub struct Run {
    shared: Arc<Shared>,
    place: usize,
    watched: Arc<Watched>,
    end: Receiver<Ending>,
}

impl Run {
    /// Ends the run as soon as possible, with `message` as the reason.
    pub fn abort(&self, message: &str) {
        let mut abort = self.watched.abort.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        abort.get_or_insert_with(|| message.to_owned());
        drop(abort);
        self.shared.controls[self.place].wake();
    }

    /// V8 heap in use, in bytes, as the child last said.
    pub fn heap(&self) -> u64 {
        self.watched.heap.load(Ordering::Relaxed)
    }

    /// The child's process; 0 until the run has one.
    pub fn child(&self) -> u32 {
        self.watched.child.load(Ordering::Relaxed)
    }

    /// Waits for the end. All events have been delivered when this returns.
    ///
    /// # Panics
    /// When the child's thread panicked, which is a bug of ours.
    pub fn join(self) -> Ending {
        self.end.recv().expect("a run always ends")
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("child", &self.child()).finish_non_exhaustive()
    }
}
