//! Ends a run that goes over a limit, and remembers why. A thread of its own, because a job in a loop gives no other thread of
//! the run a chance.
//!
//! Wall-clock deadlines are slept for. CPU time cannot be: the thread sleeps for as long as the run could at least go on, as
//! if it used all of the time, and looks again.
//!
//! The reason is stored before V8 is told to stop. V8 can lose such an order (when no JavaScript happens to run), so it is
//! repeated until the run says that it has seen it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use deno_core::v8;
use fulgurite_plan::{ErrorReport, KillReason};
use tokio::sync::Notify;

use crate::cpu::ThreadClock;

const REPEAT: Duration = Duration::from_millis(5);

/// CPU time is not looked at more often than this: a run that waits for something just before its limit uses none.
const GLANCE: Duration = Duration::from_millis(5);

/// Why a run is being killed.
#[derive(Clone, Debug)]
pub(crate) struct Kill {
    pub(crate) reason: KillReason,
    pub(crate) report: ErrorReport,
}

/// Anyone's way to end the run; `clone` is cheap.
#[derive(Clone)]
pub(crate) struct Killer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Wakes the run when it waits for something other than JavaScript.
    notify: Notify,
    /// Is told why, at once and by whoever ends the run: the process may not live to tell it later.
    told: OnceLock<Told>,
}

/// Hears why a run is ended.
pub(crate) type Told = Box<dyn Fn(&Kill) + Send + Sync>;

#[derive(Default)]
struct State {
    isolate: Option<v8::IsolateHandle>,
    deadlines: [Option<(Instant, Kill)>; 2],
    /// The clock of the run's thread, while that lives.
    cpu: Option<ThreadClock>,
    /// When that clock shows this, it is over.
    cpu_deadlines: [Option<(Duration, Kill)>; 2],
    /// What the thread sleeps for; `None` = for nothing in particular.
    sleeps_until: Option<Instant>,
    kill: Option<Kill>,
    acknowledged: bool,
    closed: bool,
}

/// Which of the two deadlines.
#[derive(Clone, Copy)]
pub(crate) enum Clock {
    /// The step that is running.
    Step = 0,
    /// The whole run.
    Run = 1,
}

impl Default for Killer {
    fn default() -> Self {
        let (state, changed, notify) = (Mutex::default(), Condvar::new(), Notify::new());
        Killer(Arc::new(Shared { state, changed, notify, told: OnceLock::new() }))
    }
}

impl std::fmt::Debug for Killer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Killer")
    }
}

impl Killer {
    /// Has somebody told. To be called once, before the run begins.
    pub(crate) fn tell(&self, told: Told) {
        let _ = self.0.told.set(told);
    }

    /// Ends the run, unless something else has ended it already.
    pub(crate) fn kill(&self, kill: Kill) {
        let mut state = self.lock();
        if state.kill.is_none() && !state.closed {
            state.kill = Some(kill.clone());
            if let Some(isolate) = &state.isolate {
                isolate.terminate_execution();
            }
            self.0.changed.notify_all();
            self.0.notify.notify_one();
            // Telling may take a while, and nobody waits for it.
            drop(state);
            if let Some(told) = self.0.told.get() {
                told(&kill);
            }
        }
    }

    /// Why the run is being killed, if it is.
    pub(crate) fn fired(&self) -> Option<Kill> {
        self.lock().kill.clone()
    }

    /// Resolves when the run is killed.
    pub(crate) async fn killed(&self) -> Kill {
        loop {
            if let Some(kill) = self.fired() {
                return kill;
            }
            self.0.notify.notified().await;
        }
    }

    /// Sets or clears a deadline.
    pub(crate) fn set(&self, clock: Clock, deadline: Option<(Instant, Kill)>) {
        let mut state = self.lock();
        state.deadlines[clock as usize] = deadline;
        self.wake_for(&state);
    }

    /// Moves a deadline that is set.
    pub(crate) fn put_off(&self, clock: Clock, until: Instant) {
        let mut state = self.lock();
        if let Some((at, _)) = &mut state.deadlines[clock as usize] {
            *at = until;
            self.wake_for(&state);
        }
    }

    /// Sets or clears a deadline in CPU time of the run's thread, counted from now.
    pub(crate) fn set_cpu(&self, clock: Clock, limit: Option<(Duration, Kill)>) {
        let mut state = self.lock();
        let now = limit.as_ref().and(state.cpu).and_then(ThreadClock::now);
        state.cpu_deadlines[clock as usize] = limit.and_then(|(limit, kill)| Some((now? + limit, kill)));
        self.wake_for(&state);
    }

    /// Only what comes before that for which the thread sleeps needs a wake-up: it looks again when it wakes.
    fn wake_for(&self, state: &State) {
        let sooner = match state.next() {
            Next::Over(_) => true,
            Next::Look(Some(at)) => state.sleeps_until.is_none_or(|until| at < until),
            Next::Look(None) => false,
        };
        if sooner {
            self.0.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// What the watchdog does next.
enum Next {
    /// This is over its time.
    Over(Box<Kill>),
    /// Nothing can be before then, or ever.
    Look(Option<Instant>),
}

impl State {
    fn next(&self) -> Next {
        let now = Instant::now();
        let cpu =
            if self.cpu_deadlines.iter().any(Option::is_some) { self.cpu.and_then(ThreadClock::now) } else { None };
        let wall = self.deadlines.iter().flatten().map(|(at, kill)| {
            let left = at.saturating_duration_since(now);
            (left, left, kill)
        });
        let cpu = cpu.into_iter().flat_map(|cpu| {
            self.cpu_deadlines.iter().flatten().map(move |(at, kill)| {
                let left = at.saturating_sub(cpu);
                (left, left.max(GLANCE), kill)
            })
        });
        let mut look = None;
        for (left, sleep, kill) in wall.chain(cpu) {
            if left.is_zero() {
                return Next::Over(Box::new(kill.clone()));
            }
            look = Some(look.map_or(sleep, |look: Duration| look.min(sleep)));
        }
        Next::Look(look.map(|sleep| now + sleep))
    }
}

/// The thread that watches; ends when dropped.
pub(crate) struct Watchdog {
    killer: Killer,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts to watch an isolate. To be called on the thread that will run it.
    pub(crate) fn start(killer: Killer, isolate: v8::IsolateHandle) -> std::io::Result<Watchdog> {
        {
            let mut state = killer.lock();
            state.isolate = Some(isolate);
            state.cpu = ThreadClock::current();
        }
        if killer.fired().is_some() {
            killer.0.changed.notify_all();
        }
        let watched = killer.clone();
        let thread = std::thread::Builder::new().name("watchdog".into()).spawn(move || watch(&watched))?;
        Ok(Watchdog { killer, thread: Some(thread) })
    }

    /// The run has seen that it is killed; no order need be repeated.
    pub(crate) fn acknowledge(&self) {
        self.killer.lock().acknowledged = true;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        {
            let mut state = self.killer.lock();
            state.closed = true;
            state.isolate = None;
            state.cpu = None;
        }
        self.killer.0.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(killer: &Killer) {
    let mut state = killer.lock();
    while !state.closed {
        if state.kill.is_some() {
            if !state.acknowledged
                && let Some(isolate) = &state.isolate
            {
                isolate.terminate_execution();
            }
            let wait = if state.acknowledged { Duration::from_secs(3600) } else { REPEAT };
            state = wait_for(killer, state, wait);
            continue;
        }
        match state.next() {
            Next::Over(kill) => {
                state.kill = Some((*kill).clone());
                killer.0.notify.notify_one();
                if let Some(isolate) = &state.isolate {
                    isolate.terminate_execution();
                }
                if let Some(told) = killer.0.told.get() {
                    drop(state);
                    told(&kill);
                    state = killer.lock();
                }
            }
            Next::Look(Some(at)) => {
                state.sleeps_until = Some(at);
                state = wait_for(killer, state, at.saturating_duration_since(Instant::now()));
                state.sleeps_until = None;
            }
            Next::Look(None) => state = wait_for(killer, state, Duration::from_secs(3600)),
        }
    }
}

fn wait_for<'a>(killer: &'a Killer, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
    killer.0.changed.wait_timeout(state, time).unwrap_or_else(|poisoned| poisoned.into_inner()).0
}
