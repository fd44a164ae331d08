//! A run: one plan, one input, one isolate on its own thread, and the events that come out.

use std::any::Any;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use deno_core::error::CoreError;
use fulgurite_compile::Adaptors;
use fulgurite_plan::{
    Completion, Condition, Configuration, ErrorReport, KillReason, Outcome, Plan, StepId, StepIndex, Visit, Walk,
};
use fulgurite_state::{IndexOptions, State};
use serde_json::{Map, Value};
use tokio::runtime::Runtime;
use tracing::Span;

use crate::assemble;
use crate::cache::Cache;
use crate::desk::{Desk, Parcel, PlanOf};
use crate::event::{Event, Execution, Figures, Level, Log, LogSource, RunComplete, RunStart, StepComplete};
use crate::flood::{Dropped, Flood};
use crate::isolate::{Isolate, Logger, Profiled};
use crate::limits::Limits;
use crate::program::Program;
use crate::secrets::Secrets;
use crate::spans;
use crate::standby::Standby;
use crate::step::{self, cpu_timeout, timeout};
use crate::watchdog::{Clock, Kill, Killer, Told};

/// Everything a run needs.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to run. All of its named configurations must have been replaced by their contents.
    pub plan: Plan,
    /// What the first step gets. `None` = `{"data": {}, "configuration": {}}`.
    pub input: Option<State>,
    /// What it may use.
    pub limits: Limits,
    /// How far states are indexed and walked.
    pub index: IndexOptions,
    /// Top-level keys that are taken off every output.
    pub state_props_to_remove: Vec<String>,
    /// What the jobs of each step may import, and are compiled with.
    pub adaptors: Arc<Adaptors>,
    /// What was compiled before; runs of one process share it.
    pub cache: Arc<Cache>,
    /// What templates and expressions of the plan see as `parameters`.
    pub parameters: Map<String, Value>,
    /// What they see as `system`, besides the workflow's name: the id of the run, when it began.
    pub system: Map<String, Value>,
}

impl Request {
    /// A request with the defaults: no input, default limits, `configuration` and `response` taken off, no adaptors.
    pub fn new(plan: Plan) -> Request {
        Request {
            plan,
            input: None,
            limits: Limits::default(),
            index: IndexOptions::default(),
            state_props_to_remove: vec!["configuration".into(), "response".into()],
            adaptors: Arc::default(),
            cache: Arc::default(),
            parameters: Map::new(),
            system: Map::new(),
        }
    }
}

/// A run in progress. Dropping it does not end the run; [`Handle::abort`] does.
#[derive(Debug)]
pub struct Handle {
    thread: JoinHandle<Option<Outcome>>,
    gauge: Arc<Gauge>,
    killer: Killer,
}

/// What can be watched while a run goes on, from any thread.
#[derive(Debug, Default)]
pub struct Gauge {
    heap: AtomicUsize,
    most_heap: AtomicUsize,
    most_buffers: AtomicUsize,
    batches: AtomicUsize,
}

impl Gauge {
    /// V8 heap in use, in bytes, as of the last step or the last alarm.
    pub fn heap(&self) -> usize {
        self.heap.load(Ordering::Relaxed)
    }

    /// The most that was seen of it.
    pub fn most_heap(&self) -> usize {
        self.most_heap.load(Ordering::Relaxed)
    }

    /// The most that was behind ArrayBuffers at a time, in bytes.
    pub fn most_buffers(&self) -> usize {
        self.most_buffers.load(Ordering::Relaxed)
    }

    /// Calls of steps over items in flight, one for each item or batch of them.
    pub fn batches(&self) -> usize {
        self.batches.load(Ordering::Relaxed)
    }

    pub(crate) fn set_heap(&self, bytes: usize) {
        self.heap.store(bytes, Ordering::Relaxed);
        self.most_heap.fetch_max(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_most_buffers(&self, bytes: usize) {
        self.most_buffers.fetch_max(bytes, Ordering::Relaxed);
    }
}

/// A call in flight, for as long as it is.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Gauge>);

impl InFlight {
    pub(crate) fn new(gauge: &Arc<Gauge>) -> InFlight {
        gauge.batches.fetch_add(1, Ordering::Relaxed);
        InFlight(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.batches.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handle {
    pub(crate) fn new(thread: JoinHandle<Option<Outcome>>, gauge: Arc<Gauge>, killer: Killer) -> Handle {
        Handle { thread, gauge, killer }
    }

    /// Ends the run as soon as possible with [`KillReason::Abort`] and `message`.
    pub fn abort(&self, message: &str) {
        let report = ErrorReport::new("AbortError", message);
        self.killer.kill(Kill { reason: KillReason::Abort, report });
    }

    /// What can be watched.
    pub fn gauge(&self) -> Arc<Gauge> {
        self.gauge.clone()
    }

    /// Waits for the end. All events have been delivered when this returns.
    ///
    /// # Panics
    /// When the run's thread panicked, which is a bug of ours.
    pub fn join(self) -> Outcome {
        let outcome = self.thread.join().expect("the thread of a run does not panic");
        outcome.expect("it had a run")
    }
}

/// What `crypto.subtle` works with: the only thing in a run that uses tokio's threads.
pub(crate) const SUBTLE_THREADS: usize = 4;

/// The encoder's careful pass and V8's own recursion want more than the usual 2 MiB.
pub(crate) const STACK: usize = 16 << 20;

/// Starts a run on a thread of its own. `sink` is called once per event and in order, on that thread, or, for what is logged by a step
/// whose items are spread over isolates, on one of theirs; a slow sink slows the run down, which is what keeps a flood of logs from
/// filling the memory.
///
/// [`crate::initialize`] must have been called on the main thread before.
///
/// # Panics
/// When the machine has no thread left.
pub fn start(request: Request, sink: impl FnMut(Event) + Send + 'static) -> Handle {
    Standby::launch(Order::new(request, sink), None)
}

/// As [`start`]; `profiled` gets V8's CPU profile of the run's own isolate, in V8's JSON form but with the authors' files and lines,
/// before the last event and however the run ends. Not in a process that may not send itself signals.
///
/// # Panics
/// As [`start`].
pub fn start_profiled(
    request: Request,
    sink: impl FnMut(Event) + Send + 'static,
    profiled: impl FnOnce(Value) + Send + 'static,
) -> Handle {
    let order = Order { profiled: Some(Box::new(profiled)), ..Order::new(request, sink) };
    Standby::launch(order, None)
}

/// As [`start`]; `dying` hears why the run is ended by a limit or an order, once, at once and on whatever thread that was
/// decided: a process that V8 takes down with it cannot tell it later. It must not wait.
///
/// # Panics
/// As [`start`].
pub fn start_telling(
    request: Request,
    sink: impl FnMut(Event) + Send + 'static,
    dying: impl Fn(Outcome) + Send + Sync + 'static,
) -> Handle {
    Standby::launch(Order::new(request, sink), Some(telling(dying)))
}

pub(crate) fn telling(dying: impl Fn(Outcome) + Send + Sync + 'static) -> Told {
    Box::new(move |kill: &Kill| dying(Outcome::Kill(kill.reason, kill.report.clone())))
}

/// A run that somebody wants.
pub(crate) struct Order {
    pub(crate) request: Request,
    pub(crate) sink: Box<dyn FnMut(Event) + Send>,
    /// Gets a CPU profile.
    pub(crate) profiled: Option<Profiled>,
    /// What the run is a part of, if somebody traces that.
    pub(crate) around: Span,
}

impl Order {
    pub(crate) fn new(request: Request, sink: impl FnMut(Event) + Send + 'static) -> Order {
        Order { request, sink: Box::new(sink), profiled: None, around: Span::current() }
    }
}

/// How an isolate came out of its making: a panic is a bug of ours, which costs this run.
type Made = std::thread::Result<Result<Isolate, CoreError>>;

/// What a run is driven with.
struct Ready {
    program: Program,
    made: Made,
    profiled: Option<Profiled>,
}

/// The life of a run's thread; `None` when there was no run.
pub(crate) fn thread(
    heap: Option<usize>,
    orders: &Receiver<Order>,
    gauge: Arc<Gauge>,
    killer: Killer,
) -> Option<Outcome> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(SUBTLE_THREADS).build();
    // deno_core must be created, driven and dropped inside the tokio runtime.
    let make = || -> Option<Made> {
        let inside = tokio.as_ref().ok()?.enter();
        let made = std::panic::catch_unwind(AssertUnwindSafe(|| Isolate::new(heap, killer.clone(), gauge.clone())));
        drop(inside);
        Some(made)
    };
    let (order, made) = match orders.try_recv() {
        // The jobs are compiled while the isolate comes up.
        Ok(order) => (order, None),
        Err(_) => {
            let mut made = make();
            if let (Ok(tokio), Some(Ok(Ok(isolate)))) = (&tokio, &mut made) {
                let rehearse = || tokio.block_on(step::rehearse(isolate));
                // Nobody wants to see that.
                tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), rehearse);
            }
            match orders.recv() {
                Ok(order) => (order, made),
                Err(_) => {
                    let inside = tokio.as_ref().map(|tokio| tokio.enter());
                    drop(made);
                    drop(inside);
                    return None;
                }
            }
        }
    };
    let Order { request, sink, profiled, around } = order;
    let began = Instant::now();
    let span = spans::execute(&around, request.plan.id().or(request.plan.name())).entered();
    drop(around);
    let flood = Flood::new(request.limits.log_rate, began);
    let mut secrets = Secrets::default();
    secrets.add_map(request.plan.credentials());
    for job in request.plan.steps().iter().filter_map(|step| step.job.as_ref()) {
        if let Some(Configuration::Inline(configuration)) = &job.configuration {
            secrets.add_map(configuration);
        }
    }
    let request = Arc::new(request);
    let reporter = Reporter { sink, open: Vec::new(), flood, longest: request.limits.log_line, secrets };
    let reporter = Speaker(Arc::new(Mutex::new(reporter)));
    let compile = || Program::compile(&request.plan, &request.adaptors, &request.cache, &span);
    let (program, made) = match made {
        Some(made) => (compile(), Some(made)),
        None => std::thread::scope(|scope| {
            let program = std::thread::Builder::new().name("compile".into()).spawn_scoped(scope, compile);
            let program = program.expect("a thread can be started");
            let made = make();
            (program.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), made)
        }),
    };
    let mut kept = None;
    let complete = match (&tokio, made) {
        (Ok(tokio), Some(made)) => {
            let driven = || {
                tokio.block_on(drive(&request, &reporter, Ready { program, made, profiled }, &killer, began, &mut kept))
            };
            std::panic::catch_unwind(AssertUnwindSafe(driven)).unwrap_or_else(broken)
        }
        (Err(error), _) => {
            stopped(Outcome::Exception(ErrorReport::new("ExecutionError", format!("no event loop: {error}"))))
        }
        (Ok(_), None) => unreachable!("with an event loop there is an isolate, or why there is none"),
    };
    // Before the last event: whoever hears of that may look at what was traced and sampled.
    drop(span);
    let inside = tokio.as_ref().map(|tokio| tokio.enter());
    if let Some(run) = &mut kept {
        run.isolate.end_samples();
        // What it holds of spans, too.
        run.desk.clear();
    }
    let outcome = complete.outcome.clone();
    let (heap, buffers) = (gauge.most_heap().max(complete.figures.heap), gauge.most_buffers());
    let figures = Figures { duration: began.elapsed(), heap, buffers, ..complete.figures };
    let complete = RunComplete { figures, ..complete };
    reporter.lock().send(Event::RunComplete(complete));
    // Whoever waits for the result need not wait for the isolate to be taken down.
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| drop(kept)));
    drop(inside);
    // `crypto.subtle` works on threads of tokio's; a run that is over does not wait for them.
    drop(tokio.map(Runtime::shutdown_background));
    Some(outcome)
}

/// A bug of ours costs this run; its end is reported like any other.
fn broken(panic: Box<dyn Any + Send>) -> RunComplete {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let message = format!("a bug in the runtime: {}", text.unwrap_or("unknown"));
    stopped(Outcome::Exception(ErrorReport::new("InternalError", message)))
}

/// The run's reporter, for all of its threads.
#[derive(Clone)]
pub(crate) struct Speaker(Arc<Mutex<Reporter>>);

impl Speaker {
    /// One thread speaks at a time.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Reporter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an isolate logs to.
    pub(crate) fn logger(&self) -> Logger {
        let speaker = self.clone();
        Rc::new(RefCell::new(move |level, execution, text: &str| {
            let (source, level) = level_of(level);
            speaker.lock().log(source, level, (execution > 0).then_some(execution), text);
        }))
    }
}

/// The sink, which steps are speaking, and what must not get out.
pub(crate) struct Reporter {
    sink: Box<dyn FnMut(Event) + Send>,
    /// Executions in flight, in the order in which they began.
    pub(crate) open: Vec<(StepId, Execution)>,
    flood: Flood,
    /// Bytes of a log line.
    longest: usize,
    pub(crate) secrets: Secrets,
}

impl Reporter {
    /// States are masked by whoever knows what is new in them ([`Desk::judge`]), lines before they are cut
    /// ([`Reporter::log`]), and all else here.
    pub(crate) fn send(&mut self, event: Event) {
        let event = match event {
            Event::StepComplete(step) => {
                self.tell_of_dropped();
                Event::StepComplete(StepComplete { outcome: self.secrets.mask_outcome(step.outcome), ..step })
            }
            Event::RunComplete(run) => {
                self.tell_of_dropped();
                Event::RunComplete(RunComplete { outcome: self.secrets.mask_outcome(run.outcome), ..run })
            }
            Event::RunStart(_) | Event::StepStart(_) | Event::Log(_) => event,
        };
        (self.sink)(event);
    }

    /// Tells of a line; `execution` is who says it, if that is known.
    pub(crate) fn log(&mut self, source: LogSource, level: Level, execution: Option<u32>, message: &str) {
        if source == LogSource::Job && !self.flood.admits(message.len().min(self.longest), Instant::now()) {
            return;
        }
        self.tell_of_dropped();
        // Before it is cut: half a secret is none that could be found.
        let mut message = self.secrets.mask(message).into_owned();
        if message.len() > self.longest {
            let kept = message.floor_char_boundary(self.longest);
            let more = message.len() - kept;
            message.truncate(kept);
            message.push_str(&format!("… ({more} more bytes are not shown)"));
        }
        self.say(source, level, execution, message);
    }

    fn tell_of_dropped(&mut self) {
        if let Some(dropped) = self.flood.take_dropped() {
            let Dropped { lines, bytes } = dropped;
            let what = if lines == 1 { "line" } else { "lines" };
            let message = format!("{lines} log {what} ({bytes} bytes) dropped: the job logs faster than it may");
            self.say(LogSource::Runtime, Level::Warn, None, message);
        }
    }

    fn say(&mut self, source: LogSource, level: Level, execution: Option<u32>, message: String) {
        let known = execution.and_then(|execution| self.open.iter().find(|(_, open)| open.0 == execution));
        let (step, execution) = known.or(self.open.last()).cloned().unzip();
        self.send(Event::Log(Log { step, execution, source, level, message }));
    }
}

/// `level` as `js/20_log.js` counts them; -1 is a warning of the runtime's own.
fn level_of(level: i32) -> (LogSource, Level) {
    match level {
        -1 => (LogSource::Runtime, Level::Warn),
        0 => (LogSource::Job, Level::Debug),
        2 => (LogSource::Job, Level::Success),
        3 => (LogSource::Job, Level::Warn),
        4 => (LogSource::Job, Level::Error),
        5 => (LogSource::Job, Level::Always),
        _ => (LogSource::Job, Level::Info),
    }
}

fn stopped(outcome: Outcome) -> RunComplete {
    RunComplete { outcome, results: Vec::new(), figures: Figures::default(), executions: 0 }
}

fn killed(killer: &Killer) -> Outcome {
    let kill = killer.fired().expect("asked before");
    Outcome::Kill(kill.reason, kill.report)
}

async fn drive(
    request: &Arc<Request>,
    reporter: &Speaker,
    ready: Ready,
    killer: &Killer,
    began: Instant,
    kept: &mut Option<Run>,
) -> RunComplete {
    let plan = &request.plan;
    let Ready { program, made, profiled } = ready;
    let mut isolate = match made {
        Ok(Ok(isolate)) => isolate,
        // Aborted while it came up.
        Ok(Err(_)) if killer.fired().is_some() => return stopped(killed(killer)),
        Ok(Err(error)) => return stopped(Outcome::Exception(ErrorReport::new("ExecutionError", error.to_string()))),
        Err(panic) => return broken(panic),
    };
    isolate.equip(reporter.logger(), &request.adaptors, &request.cache);
    isolate.allow_network(&request.limits.network);
    if let Some(profiled) = profiled {
        isolate.sample(profiled);
    }
    if let Some(limit) = request.limits.run_timeout {
        killer.set(Clock::Run, Some((began + limit, timeout(limit, "Run"))));
    }
    if let Some(limit) = request.limits.run_cpu_timeout {
        killer.set_cpu(Clock::Run, Some((limit, cpu_timeout(limit, "Run"))));
    }
    reporter.lock().send(Event::RunStart(RunStart {
        plan: plan.id().map(str::to_owned),
        name: plan.name().map(str::to_owned),
        start: plan[plan.start()].id.clone(),
        bytes_in: request.input.as_ref().map_or(0, State::len),
        startup: began.elapsed(),
        isolate: isolate.took,
    }));
    if let Some(outcome) = refused(&program, reporter) {
        return stopped(outcome);
    }
    for (step, executable) in program.reachable() {
        let job = plan[step].job.as_ref().expect("what was compiled is a job");
        let _span = spans::compile_v8(&job.source.name);
        if let Err(outcome) = isolate.compiles(&job.source, executable, step) {
            return stopped(outcome.in_step(plan[step].id.as_str()));
        }
    }
    let program = Arc::new(program);
    let desk = match Desk::set_up(&mut isolate, request, &program, reporter) {
        Ok(desk) => desk,
        Err(_) if killer.fired().is_some() => return stopped(killed(killer)),
        Err(outcome) => return stopped(outcome),
    };
    kept.insert(Run { desk, isolate }).walk().await
}

/// The outcome for jobs that do not compile, if a run could get to one of them. All others are told of.
fn refused(program: &Program, reporter: &Speaker) -> Option<Outcome> {
    let mut first: Option<&ErrorReport> = None;
    for (reachable, report) in program.broken() {
        if reachable && first.is_none() {
            first = Some(report);
            continue;
        }
        let (level, why) = match reachable {
            true => (Level::Error, "does not compile either"),
            false => (Level::Warn, "does not compile; nothing leads to it, so the run goes on"),
        };
        let place = report.position.as_ref();
        let place = place.map(|place| format!("{}:{}:{}: ", place.file, place.line, place.column)).unwrap_or_default();
        let what = report.step.as_ref().map_or("globals".to_owned(), |step| format!("step `{step}`"));
        let message = format!("{what} {why}: {place}{}", report.message);
        reporter.lock().log(LogSource::Runtime, level, None, &message);
    }
    first.map(|report| Outcome::Crash(report.clone()))
}

struct Run {
    desk: Rc<Desk>,
    isolate: Isolate,
}

impl Run {
    async fn walk(&mut self) -> RunComplete {
        let request = self.desk.request.clone();
        let input = request.input.clone().unwrap_or_else(|| assemble::no_input(request.index));
        let parcel = Parcel { state: input, shown: None, from: None };
        let mut walk = Walk::new(PlanOf(request.clone()), parcel).within(request.limits.steps.saturating_sub(1));
        while let Some(visit) = walk.next() {
            match self.visit(&visit).await {
                Ok(completion) => walk.complete(visit, completion),
                Err(outcome) => walk.abort(visit, outcome),
            }
        }
        let outcome = walk.run_outcome();
        let results = match outcome.stops_the_run() {
            true => Vec::new(),
            false => walk
                .into_results()
                .into_iter()
                .map(|(name, parcel)| (name, parcel.shown.unwrap_or(parcel.state)))
                .collect(),
        };
        let (figures, executions) = (self.desk.figures.get(), self.desk.executions.get());
        RunComplete { outcome, results, figures, executions }
    }

    async fn visit(&mut self, visit: &Visit<Parcel>) -> Result<Completion<Parcel>, Outcome> {
        let desk = self.desk.clone();
        let plan = desk.plan();
        let Some(job) = &plan[visit.step].job else {
            // A trigger passes its input on.
            let state = visit.input.as_ref().map(|parcel| parcel.state.clone());
            self.start_clock();
            let decided = {
                deno_core::scope!(scope, self.isolate.runtime);
                desk.decide(scope, visit.step, state.as_ref(), false)
            };
            let followed = self.after_conditions(visit.step, decided).await;
            self.stop_clock();
            let followed = followed?;
            let output = desk.passed_on(visit, &followed);
            return Ok(Completion { output, failure: None, followed });
        };
        if desk.executions.get() >= desk.request.limits.steps {
            let step = plan[visit.step].id.as_str();
            let message = format!("the run has executed as many steps as it may; `{step}` was next");
            let hint = Some("does the loop ever end? --max-steps allows more".to_owned());
            let report =
                ErrorReport { hint, step: Some(step.to_owned()), ..ErrorReport::new("LoopLimitError", message) };
            return Err(Outcome::Crash(report));
        }
        self.start_clock();
        let begun = {
            deno_core::scope!(scope, self.isolate.runtime);
            desk.begin(scope, visit, None)
        };
        let begun = Rc::new(begun.map_err(|outcome| self.isolate.or_killed(outcome))?);
        let execution = begun.execution;
        let task = desk.task(&begun, format!("job://{}/{}", execution.0, visit.step.get()));
        let (mut done, items) = match job.with_items {
            None => (step::execute(&mut self.isolate, &task).await, None),
            Some(_) => {
                let (done, items) = step::execute_items(&mut self.isolate, &desk, &task, &begun).await;
                (done, Some(items))
            }
        };
        let step = plan[visit.step].id.as_str();
        tracing::debug!(step, execution = execution.0, figures = ?done.figures, "step executed");
        let mut judged = {
            deno_core::scope!(scope, self.isolate.runtime);
            desk.judge(scope, &begun, &mut done)
        };
        if !done.outcome.stops_the_run() {
            judged.decided = self.after_conditions(visit.step, judged.decided).await;
        }
        self.stop_clock();
        desk.close_others(execution, &done.outcome);
        let output = desk.complete(&begun, done, &judged, items);
        Ok(Completion { output, failure: judged.failure, followed: judged.decided? })
    }

    /// A condition may leave a rejection behind; it is not the next step's.
    async fn after_conditions(
        &mut self,
        step: StepIndex,
        decided: Result<Vec<bool>, Outcome>,
    ) -> Result<Vec<bool>, Outcome> {
        let desk = self.desk.clone();
        let step = &desk.plan()[step];
        let turned = match step.next.iter().any(|edge| matches!(edge.condition, Condition::Expression(_))) {
            true => self.isolate.turn().await,
            false => Ok(()),
        };
        match decided {
            Ok(decided) => turned.map(|()| decided).map_err(|outcome| outcome.in_step(step.id.as_str())),
            Err(outcome) => Err(self.isolate.or_killed(outcome).in_step(step.id.as_str())),
        }
    }

    fn start_clock(&mut self) {
        self.isolate.begin_step();
        let limits = &self.desk.request.limits;
        let deadline = limits.step_timeout.map(|limit| (Instant::now() + limit, timeout(limit, "Job")));
        self.isolate.killer.set(Clock::Step, deadline);
        if let Some(limit) = limits.step_cpu_timeout {
            self.isolate.killer.set_cpu(Clock::Step, Some((limit, cpu_timeout(limit, "Job"))));
        }
    }

    fn stop_clock(&self) {
        self.isolate.killer.set(Clock::Step, None);
        self.isolate.killer.set_cpu(Clock::Step, None);
    }
}
