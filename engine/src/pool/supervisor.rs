//! The thread that has one child: it waits for runs, watches over them, and keeps the child alive or replaces it.
//!
//! It never waits for the child: a child that stops in the middle of a word is watched like any other. The reason of a kill
//! is stored before the kill.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use fulgurite_plan::{ErrorReport, KillReason, Outcome};
use rustix::event::{PollFd, PollFlags, poll};

use crate::channel::{Error, Message, timespec};
use crate::harden::Report;
use crate::message::{Event, Run, ToChild, ToParent};
use crate::process::Ended;

use super::handle::{Child, StartError, obituary};
use super::teller::{AGAIN, Teller};
use super::{Config, Ending, Job, Order, Request, Shared};

/// How often memory and clocks are looked at while a run goes on.
const LOOK: Duration = Duration::from_millis(20);
const SHORTEST_LOOK: Duration = Duration::from_millis(1);
/// No process fills memory faster than this, in bytes per microsecond.
const FASTEST: u64 = 10_000;

/// Messages that are handled before the next look.
const BATCH: usize = 256;

pub(super) struct Supervisor {
    place: usize,
    config: Arc<Config>,
    shared: Arc<Shared>,
    orders: Receiver<Order>,
    wake: Arc<OwnedFd>,
    /// `None` after a failed replacement, until the next run wants one.
    child: Option<Child>,
}

impl Supervisor {
    pub(super) fn new(
        place: usize,
        config: Arc<Config>,
        shared: Arc<Shared>,
        orders: Receiver<Order>,
        wake: Arc<OwnedFd>,
    ) -> Supervisor {
        Supervisor { place, config, shared, orders, wake, child: None }
    }

    pub(super) fn supervise(mut self, warm: &Sender<Result<Report, StartError>>) {
        let started = Child::start(&self.config);
        let told = started.as_ref().map(|child| child.report.clone()).map_err(Clone::clone);
        self.child = started.ok();
        self.note();
        let _ = warm.send(told);
        if self.child.is_none() {
            return;
        }
        loop {
            self.shared.free(self.place);
            let Some(job) = self.idle() else { break };
            self.run(*job);
            self.renew();
        }
        if let Some(child) = self.child.take() {
            self.note();
            child.leave(self.config.grace);
        }
    }

    /// Lets whoever looks know which process it is.
    fn note(&self) {
        let process = self.child.as_ref().map_or(0, |child| child.process.id());
        self.shared.known[self.place].process.store(process, Ordering::Relaxed);
    }

    /// Waits for an order; a child that ends meanwhile is replaced.
    fn idle(&mut self) -> Option<Box<Job>> {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Run(job)) => return Some(job),
                Ok(Order::Leave) | Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            if look(&self.wake, self.child.as_mut(), true, None)
                && let Some(child) = self.child.take()
            {
                // It has nothing to say while it is idle: it ended, or it is not what we take it for.
                let ended = child.process.end();
                tracing::warn!(
                    how = obituary(&ended),
                    tail = ended.tail(),
                    "an idle engine process ended; starting another"
                );
                self.replace();
            }
        }
    }

    fn replace(&mut self) {
        self.child = Child::start(&self.config)
            .inspect_err(|error| tracing::warn!(%error, "no engine process; the next run will try again"))
            .ok();
        self.note();
    }

    /// After a run.
    fn renew(&mut self) {
        if self.shared.hurry.load(Ordering::SeqCst) {
            return;
        }
        match self.child.take() {
            Some(mut child) => {
                if child.worn_out(&self.config) {
                    tracing::debug!(child = child.process.id(), "engine process worn out; starting another");
                    child.leave(self.config.grace);
                    self.replace();
                } else {
                    self.child = Some(child);
                }
            }
            None => self.replace(),
        }
    }

    fn run(&mut self, job: Job) {
        let Job { number, request, sink, watched, ending } = job;
        let shared = self.shared.clone();
        let hurry = || shared.hurry.load(Ordering::SeqCst);
        let mut teller = Teller::new(sink);
        let mut end = Ending { outcome: Outcome::Success, cpu: None, memory: 0, child: 0 };
        let child = match self.child.take() {
            Some(child) if child.is_quiet() => Ok(child),
            // It ended a moment ago, or could not be had.
            _ => Child::start(&self.config),
        };
        end.outcome = match child {
            Err(error) => teller.conclude(Outcome::Exception(engine_error(error.to_string())), hurry),
            Ok(mut child) => {
                end.child = child.process.id();
                watched.child.store(end.child, Ordering::Relaxed);
                shared.known[self.place].process.store(end.child, Ordering::Relaxed);
                let limited = child.leaf.as_ref().map(|leaf| (leaf.limit(request.memory), leaf.kills()));
                let mut watch = Watch {
                    number,
                    request: &request,
                    grace: self.config.grace,
                    shared: &self.shared,
                    wake: &self.wake,
                    watched: &watched,
                    known: &self.shared.known[self.place],
                    reason: None,
                    kill_at: None,
                    aborted: false,
                    memory: 0,
                    data: 0,
                    bound: None,
                };
                let over = watch.watch(&mut child, &mut teller);
                end.memory = watch.memory;
                match over {
                    Over::Done { cpu } => {
                        child.process.limit_memory(None);
                        end.cpu = Some(cpu);
                        self.child = Some(child);
                        teller.outcome().cloned().expect("a run that is done has ended")
                    }
                    Over::Kill(outcome) => {
                        child.process.kill();
                        last_logs(&mut child, &mut teller);
                        teller.conclude(*outcome, hurry)
                    }
                    Over::Died => {
                        let reason = watch.reason.take();
                        let Child { process, leaf, .. } = child;
                        let kills = leaf.as_ref().map_or(0, |leaf| leaf.kills());
                        let ended = process.end();
                        tracing::warn!(how = ended.how(), tail = ended.tail(), "an engine process ended in a run");
                        let by_kernel = limited.is_some_and(|(_, before)| kills > before);
                        // Its data, as it was last seen, tells a crash at the limit from any other.
                        let refused = ended.crashed() && watch.bound.is_some_and(|bound| watch.data > bound / 4 * 3);
                        let out_of_memory = by_kernel || refused || ended.out_of_memory();
                        let cause = || cause(&ended, out_of_memory, &request, end.memory);
                        teller.conclude(reason.unwrap_or_else(cause), hurry)
                    }
                }
            }
        };
        let known = &self.shared.known[self.place];
        known.heap.store(0, Ordering::Relaxed);
        known.batches.store(0, Ordering::Relaxed);
        teller.settle(hurry);
        let _ = ending.send(end);
    }
}

/// How the watch over a run ends.
enum Over {
    /// The child is idle again.
    Done { cpu: Duration },
    /// The child must be killed, for this.
    Kill(Box<Outcome>),
    /// The child has ended.
    Died,
}

struct Watch<'a> {
    number: u64,
    request: &'a Request,
    grace: Duration,
    shared: &'a Shared,
    wake: &'a OwnedFd,
    watched: &'a super::Watched,
    known: &'a super::Known,
    /// Why the run is being ended, from the moment that it is.
    reason: Option<Outcome>,
    /// When patience ends.
    kill_at: Option<Instant>,
    aborted: bool,
    /// The most of its own that the child was seen to have.
    memory: u64,
    /// What of its data was last seen, and where the kernel refuses more.
    data: u64,
    bound: Option<u64>,
}

impl Watch<'_> {
    fn watch(&mut self, child: &mut Child, teller: &mut Teller) -> Over {
        if let Err(error) = self.ask(child) {
            return self.lost(error);
        }
        let mut looked = Instant::now();
        loop {
            teller.ask();
            let next_look = self.next_look();
            let wait = if teller.stuck() { AGAIN } else { next_look };
            look(self.wake, Some(child), !teller.stuck(), Some(wait));
            if self.shared.hurry.load(Ordering::SeqCst) {
                let report = ErrorReport::new("AbortError", "the host is going away");
                return self.kill(|| Outcome::Kill(KillReason::Host, engine(report)));
            }
            // At every turn: an order that came with the run woke us before there was a run to watch.
            if let Err(error) = self.abort(child) {
                return self.lost(error);
            }
            // Only who has heard everything may judge by the clock.
            let mut heard = false;
            for _ in 0..BATCH {
                if teller.stuck() {
                    break;
                }
                match child.process.receiver.receive() {
                    Ok(Some(message)) => match self.hear(child, message, teller) {
                        Ok(None) => {}
                        Ok(Some(over)) => return over,
                        Err(error) => return self.lost(error),
                    },
                    Ok(None) => {
                        heard = true;
                        break;
                    }
                    Err(error) => return self.lost(error),
                }
            }
            let now = Instant::now();
            if now.duration_since(looked) >= next_look {
                looked = now;
                if let Some(over) = self.memory(child) {
                    return over;
                }
            }
            // Nor does one wait for ever for somebody who does not listen.
            let patience = self.kill_at.is_some_and(|at| at + self.grace <= now);
            if (heard || patience)
                && let Some(over) = self.clocks(now, teller)
            {
                return over;
            }
        }
    }

    /// Hands the run over.
    fn ask(&self, child: &mut Child) -> Result<(), Error> {
        let mut bodies = vec![vec![self.request.plan.clone()]];
        let input = self.request.input.as_ref().map(|input| {
            bodies.push(input.clone());
            1
        });
        let (modules, forget) = child.texts.give(&self.request.modules, &mut bodies);
        let run = Run {
            run: self.number,
            plan: 0,
            input,
            limits: self.request.limits.clone(),
            index: self.request.index,
            state_props_to_remove: self.request.state_props_to_remove.clone(),
            modules,
            links: self.request.links.clone(),
            context: self.request.context.clone(),
            forget,
        };
        child.process.sender.send(&ToChild::Run(Box::new(run)), &bodies)
    }

    fn hear(&mut self, child: &Child, message: Message<ToParent>, teller: &mut Teller) -> Result<Option<Over>, Error> {
        let Message { head, bodies } = message;
        if head.bodies() > bodies.len() {
            return Err(Error::Order("a message without its bodies"));
        }
        match head {
            ToParent::Event(event) => {
                if let Event::RunStart(_) = event {
                    // Only now: to read a job's source takes stacks of which next to nothing is used.
                    self.bound = child.process.limit_memory(self.request.memory);
                }
                teller.tell(event, bodies)?;
                if teller.outcome().is_some() {
                    // What is left is to take the isolate down.
                    self.kill_at = Some(Instant::now() + self.grace);
                }
            }
            ToParent::Dying(outcome) => {
                self.reason.get_or_insert(outcome);
                self.kill_at.get_or_insert(Instant::now() + self.grace);
            }
            ToParent::Gauge(gauge) => {
                self.watched.heap.store(gauge.heap, Ordering::Relaxed);
                self.known.heap.store(gauge.heap, Ordering::Relaxed);
                self.known.batches.store(gauge.batches, Ordering::Relaxed);
            }
            ToParent::Done { cpu } if teller.outcome().is_some() => return Ok(Some(Over::Done { cpu })),
            ToParent::Done { .. } => return Err(Error::Order("done before the end")),
            ToParent::Hello(..) | ToParent::Refused(_) | ToParent::Ready { .. } => {
                return Err(Error::Order("a greeting in the middle of a run"));
            }
        }
        Ok(None)
    }

    fn abort(&mut self, child: &Child) -> Result<(), Error> {
        let message = self.watched.abort.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let Some(message) = message.filter(|_| !self.aborted) else { return Ok(()) };
        self.aborted = true;
        let report = ErrorReport::new("AbortError", message.clone());
        self.reason.get_or_insert(Outcome::Kill(KillReason::Abort, report));
        self.kill_at.get_or_insert(Instant::now() + self.grace);
        child.process.sender.send(&ToChild::Abort { run: self.number, message }, &[])
    }

    /// Until the next look at its memory: the nearer it is to where the kernel refuses more, the sooner, so that the last look
    /// before a crash tells what the crash was about.
    fn next_look(&self) -> Duration {
        let Some(bound) = self.bound else { return LOOK };
        let room = bound.saturating_sub(self.data);
        Duration::from_micros(room / FASTEST).clamp(SHORTEST_LOOK, LOOK)
    }

    fn memory(&mut self, child: &Child) -> Option<Over> {
        let seen = child.process.memory()?;
        let memory = seen.own;
        self.memory = self.memory.max(memory);
        // One that has ended has none, and what it had last is what is asked for.
        self.data = if seen.data > 0 { seen.data } else { self.data };
        let limit = self.request.memory.filter(|limit| memory > *limit)?;
        let limit = self.request.limits.heap.unwrap_or(limit);
        Some(self.kill(|| out_of_memory(limit, memory)))
    }

    /// Ends what should have ended by itself by now.
    fn clocks(&mut self, now: Instant, teller: &Teller) -> Option<Over> {
        if self.kill_at.is_some_and(|at| at <= now) {
            let stuck = || Outcome::Exception(engine_error("the run ended, but its isolate did not".into()));
            return Some(self.kill(stuck));
        }
        if teller.outcome().is_some() {
            return None;
        }
        // A child that does not see to its limits by itself, nor says so: its main thread is stuck, or somebody else's.
        let (run, step) = teller.clocks();
        let limits = &self.request.limits;
        let over = |since: Instant, limit: Duration| now.duration_since(since) > limit + 2 * self.grace;
        let late = |limit: Duration, what: &str| {
            let message = format!("{what} took longer than {}ms to complete", limit.as_millis());
            Over::Kill(Box::new(Outcome::Kill(KillReason::Timeout, ErrorReport::new("TimeoutError", message))))
        };
        match (limits.run_timeout, limits.step_timeout, step) {
            (Some(limit), _, _) if over(run, limit) => Some(late(limit, "Run")),
            (_, Some(limit), Some(since)) if over(since, limit) => Some(late(limit, "Job")),
            _ => None,
        }
    }

    /// The child must go. The first reason is the reason.
    fn kill(&mut self, reason: impl FnOnce() -> Outcome) -> Over {
        Over::Kill(Box::new(self.reason.take().unwrap_or_else(reason)))
    }

    /// There will be no more messages.
    fn lost(&mut self, error: Error) -> Over {
        match error {
            Error::Closed => Over::Died,
            error => {
                let message = format!("the engine process cannot be understood: {error}");
                self.kill(|| Outcome::Exception(engine_error(message)))
            }
        }
    }
}

/// Waits until there is something to do, and reads what the child wrote to its error stream. Whether the child has something
/// to say.
fn look(wake: &OwnedFd, child: Option<&mut Child>, listen: bool, time: Option<Duration>) -> bool {
    let mut set = vec![PollFd::from_borrowed_fd(wake.as_fd(), PollFlags::IN)];
    let (mut socket, mut tail) = (None, None);
    if let Some(child) = &child {
        if listen {
            socket = Some(set.len());
            set.push(PollFd::from_borrowed_fd(child.process.receiver.socket(), PollFlags::IN));
        }
        if let Some(pipe) = child.process.tail.pipe() {
            tail = Some(set.len());
            set.push(PollFd::from_borrowed_fd(pipe, PollFlags::IN));
        }
    }
    if poll(&mut set, time.map(timespec).as_ref()).is_err() {
        return false;
    }
    let is = |place: Option<usize>| place.is_some_and(|place| !set[place].revents().is_empty());
    let (woken, speaks, said) = (is(Some(0)), is(socket), is(tail));
    drop(set);
    if woken {
        let _ = rustix::io::read(wake, &mut [0u8; 8]);
    }
    if said && let Some(child) = child {
        child.process.tail.read();
    }
    speaks
}

/// Log lines that a child had sent before it was killed.
fn last_logs(child: &mut Child, teller: &mut Teller) {
    while !teller.stuck()
        && teller.outcome().is_none()
        && let Ok(Some(Message { head, bodies })) = child.process.receiver.receive::<ToParent>()
    {
        if let ToParent::Event(event @ crate::message::Event::Log(_)) = head
            && bodies.len() == 1
        {
            let _ = teller.tell(event, bodies);
        }
    }
}

fn engine(report: ErrorReport) -> ErrorReport {
    ErrorReport { source: "engine".into(), ..report }
}

fn engine_error(message: String) -> ErrorReport {
    engine(ErrorReport::new("EngineError", message))
}

/// The limit as people set it, and not with what is added for the child's own needs; and what the child was last seen to have.
fn out_of_memory(limit: u64, memory: u64) -> Outcome {
    let report = ErrorReport {
        details: Some(serde_json::json!({ "used": { "memory_bytes": memory } })),
        hint: Some("process the data in smaller parts, or give the run more memory (--memory)".into()),
        ..ErrorReport::new("OOMError", format!("Run exceeded maximum memory usage ({} MB)", limit >> 20))
    };
    Outcome::Kill(KillReason::Oom, engine(report))
}

/// What the end of a child means for its run.
fn cause(ended: &Ended, for_want_of_memory: bool, request: &Request, memory: u64) -> Outcome {
    if for_want_of_memory {
        return out_of_memory(request.limits.heap.or(request.memory).unwrap_or(0), memory);
    }
    let report = engine(ErrorReport::new("ExitError", format!("the engine process ended by {}", obituary(ended))));
    if ended.by_somebody() {
        let hint = Some("somebody, or the kernel for want of memory, ended it: the system's log may know".into());
        Outcome::Kill(KillReason::Host, ErrorReport { hint, ..report })
    } else {
        let hint = Some("this is a bug in fulgurite or in V8: please report it with the job".into());
        Outcome::Exception(ErrorReport { hint, ..report })
    }
}
