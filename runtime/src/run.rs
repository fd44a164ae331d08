//! A run: one plan, one input, one isolate on its own thread, and the events that come out.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use fulgurite_compile::Adaptors;
use fulgurite_plan::{
    Completion, Condition, Configuration, ErrorReport, Job, KillReason, Outcome, Plan, StepId, StepIndex, Visit, Walk,
};
use fulgurite_state::{IndexOptions, State};

use crate::cache::Cache;
use crate::condition::Conditions;
use crate::event::{Event, Execution, Figures, Level, Log, LogSource, RunComplete, RunStart, StepComplete, StepStart};
use crate::flood::{Dropped, Flood};
use crate::isolate::Isolate;
use crate::limits::Limits;
use crate::program::Program;
use crate::secrets::Secrets;
use crate::step::{self, Done, Task, cpu_timeout, timeout};
use crate::watchdog::{Clock, Kill, Killer};
use crate::{assemble, encode};

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
        }
    }
}

/// A run in progress. Dropping it does not end the run; [`Handle::abort`] does.
#[derive(Debug)]
pub struct Handle {
    thread: JoinHandle<Outcome>,
    gauge: Arc<Gauge>,
    killer: Killer,
}

/// What can be watched while a run goes on, from any thread.
#[derive(Debug, Default)]
pub struct Gauge {
    heap: AtomicUsize,
}

impl Gauge {
    /// V8 heap in use, in bytes, as of the last step or the last alarm.
    pub fn heap(&self) -> usize {
        self.heap.load(Ordering::Relaxed)
    }

    pub(crate) fn set_heap(&self, bytes: usize) {
        self.heap.store(bytes, Ordering::Relaxed);
    }
}

impl Handle {
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
        self.thread.join().expect("the thread of a run does not panic")
    }
}

/// What `crypto.subtle` works with: the only thing in a run that uses tokio's threads.
const SUBTLE_THREADS: usize = 4;

/// The encoder's careful pass and V8's own recursion want more than the usual 2 MiB.
const STACK: usize = 16 << 20;

/// Starts a run on a thread of its own. `sink` is called on that thread, once per event and in order; a slow sink slows the
/// run down, which is what keeps a flood of logs from filling the memory.
///
/// [`crate::initialize`] must have been called on the main thread before.
///
/// # Panics
/// When the machine has no thread left.
pub fn start(request: Request, sink: impl FnMut(Event) + Send + 'static) -> Handle {
    launch(request, Box::new(sink), Killer::default())
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
    let told = move |kill: &Kill| dying(Outcome::Kill(kill.reason, kill.report.clone()));
    launch(request, Box::new(sink), Killer::telling(Some(Box::new(told))))
}

fn launch(request: Request, sink: Box<dyn FnMut(Event) + Send>, killer: Killer) -> Handle {
    let gauge = Arc::new(Gauge::default());
    let (watched, deadly) = (gauge.clone(), killer.clone());
    let thread = std::thread::Builder::new()
        .name("run".into())
        .stack_size(STACK)
        .spawn(move || thread(request, sink, watched, deadly))
        .expect("a thread can be started");
    Handle { thread, gauge, killer }
}

fn thread(request: Request, sink: Box<dyn FnMut(Event)>, gauge: Arc<Gauge>, killer: Killer) -> Outcome {
    let began = Instant::now();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(SUBTLE_THREADS).build();
    let flood = Flood::new(request.limits.log_rate, began);
    let mut secrets = Secrets::default();
    secrets.add_map(request.plan.credentials());
    for job in request.plan.steps().iter().filter_map(|step| step.job.as_ref()) {
        if let Some(Configuration::Inline(configuration)) = &job.configuration {
            secrets.add_map(configuration);
        }
    }
    let reporter = Reporter { sink, current: None, flood, longest: request.limits.log_line, secrets };
    let reporter = Rc::new(RefCell::new(reporter));
    let complete = match runtime {
        // deno_core must be created, driven and dropped inside the tokio runtime.
        Ok(tokio) => {
            let driven = || tokio.block_on(drive(&request, &reporter, gauge, killer, began));
            // A bug of ours costs this run; its end is reported like any other.
            let complete = std::panic::catch_unwind(std::panic::AssertUnwindSafe(driven)).unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
                let message = format!("a bug in the runtime: {}", text.unwrap_or("unknown"));
                stopped(Outcome::Exception(ErrorReport::new("InternalError", message)))
            });
            // `crypto.subtle` works on threads of tokio's; a run that is over does not wait for them.
            tokio.shutdown_background();
            complete
        }
        Err(error) => {
            stopped(Outcome::Exception(ErrorReport::new("ExecutionError", format!("no event loop: {error}"))))
        }
    };
    let outcome = complete.outcome.clone();
    let complete = RunComplete { figures: Figures { duration: began.elapsed(), ..complete.figures }, ..complete };
    reporter.borrow_mut().send(Event::RunComplete(complete));
    outcome
}

/// The sink, which step is speaking, and what must not get out.
struct Reporter {
    sink: Box<dyn FnMut(Event)>,
    current: Option<(StepId, Execution)>,
    flood: Flood,
    /// Bytes of a log line.
    longest: usize,
    secrets: Secrets,
}

impl Reporter {
    /// States are masked by whoever knows what is new in them ([`Run::shown`]), lines before they are cut
    /// ([`Reporter::log`]), and all else here.
    fn send(&mut self, event: Event) {
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

    fn log(&mut self, source: LogSource, level: Level, message: &str) {
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
        self.say(source, level, message);
    }

    fn tell_of_dropped(&mut self) {
        if let Some(dropped) = self.flood.take_dropped() {
            let Dropped { lines, bytes } = dropped;
            let what = if lines == 1 { "line" } else { "lines" };
            let message = format!("{lines} log {what} ({bytes} bytes) dropped: the job logs faster than it may");
            self.say(LogSource::Runtime, Level::Warn, message);
        }
    }

    fn say(&mut self, source: LogSource, level: Level, message: String) {
        let (step, execution) = self.current.clone().unzip();
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
    request: &Request,
    reporter: &Rc<RefCell<Reporter>>,
    gauge: Arc<Gauge>,
    killer: Killer,
    began: Instant,
) -> RunComplete {
    let plan = &request.plan;
    let logger = {
        let reporter = reporter.clone();
        Rc::new(RefCell::new(move |level, text: &str| {
            let (source, level) = level_of(level);
            reporter.borrow_mut().log(source, level, text);
        }))
    };
    let (adaptors, cache) = (&request.adaptors, &request.cache);
    // The jobs are compiled while the isolate comes up.
    let (program, isolate) = std::thread::scope(|scope| {
        let program = scope.spawn(|| Program::compile(plan, adaptors, cache));
        let (adaptors, cache) = (adaptors.clone(), cache.clone());
        let isolate = Isolate::new(request.limits.heap, killer.clone(), gauge, logger, adaptors, cache);
        (program.join(), isolate)
    });
    let program = program.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let mut isolate = match isolate {
        Ok(isolate) => isolate,
        // Aborted while it came up.
        Err(_) if killer.fired().is_some() => return stopped(killed(&killer)),
        Err(error) => return stopped(Outcome::Exception(ErrorReport::new("ExecutionError", error.to_string()))),
    };
    isolate.allow_network(&request.limits.network);
    if let Some(limit) = request.limits.run_timeout {
        killer.set(Clock::Run, Some((began + limit, timeout(limit, "Run"))));
    }
    if let Some(limit) = request.limits.run_cpu_timeout {
        killer.set_cpu(Clock::Run, Some((limit, cpu_timeout(limit, "Run"))));
    }
    reporter.borrow_mut().send(Event::RunStart(RunStart {
        plan: plan.id().map(str::to_owned),
        name: plan.name().map(str::to_owned),
        start: plan[plan.start()].id.clone(),
        bytes_in: request.input.as_ref().map_or(0, State::len),
        startup: began.elapsed(),
    }));
    if let Some(outcome) = refused(&program, reporter) {
        return stopped(outcome);
    }
    for (step, executable) in program.reachable() {
        let job = plan[step].job.as_ref().expect("what was compiled is a job");
        if let Err(outcome) = isolate.compiles(&job.source, executable, step) {
            return stopped(outcome.in_step(plan[step].id.as_str()));
        }
    }
    let conditions = match Conditions::compile(&mut isolate, plan) {
        Ok(conditions) => conditions,
        Err(_) if killer.fired().is_some() => return stopped(killed(&killer)),
        Err(outcome) => return stopped(outcome),
    };
    let mut run = Run { request, reporter, isolate, program, conditions, executions: 0, figures: Figures::default() };
    run.walk().await
}

/// The outcome for jobs that do not compile, if a run could get to one of them. All others are told of.
fn refused(program: &Program, reporter: &Rc<RefCell<Reporter>>) -> Option<Outcome> {
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
        reporter.borrow_mut().log(LogSource::Runtime, level, &message);
    }
    first.map(|report| Outcome::Crash(report.clone()))
}

struct Run<'a> {
    request: &'a Request,
    reporter: &'a Rc<RefCell<Reporter>>,
    isolate: Isolate,
    program: Program,
    conditions: Conditions,
    executions: u32,
    figures: Figures,
}

/// What travels along the edges.
#[derive(Clone)]
struct Parcel {
    state: State,
    /// The state as it may be seen outside, where that is another one.
    shown: Option<State>,
    from: Option<Execution>,
}

impl Run<'_> {
    fn input(&self) -> State {
        self.request.input.clone().unwrap_or_else(|| assemble::no_input(self.request.index))
    }

    async fn walk(&mut self) -> RunComplete {
        let plan = &self.request.plan;
        let input = self.input();
        let mut walk = Walk::new(plan, Parcel { state: input, shown: None, from: None });
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
        RunComplete { outcome, results, figures: self.figures, executions: self.executions }
    }

    async fn visit(&mut self, visit: &Visit<Parcel>) -> Result<Completion<Parcel>, Outcome> {
        let plan = &self.request.plan;
        let step = &plan[visit.step];
        let Some(job) = &step.job else {
            // A trigger passes its input on.
            let state = visit.input.as_ref().map(|parcel| parcel.state.clone());
            self.start_clock();
            let followed = self.decide(visit.step, state.as_ref(), false).await;
            self.stop_clock();
            let followed = followed?;
            let leaf = plan.end() == Some(visit.step) || !followed.contains(&true);
            // What comes out of a run has no credentials on it, whoever put them there.
            let output = visit.input.clone().map(|parcel| match leaf {
                true => Parcel {
                    state: self.stripped(&parcel.state),
                    shown: parcel.shown.map(|shown| self.stripped(&shown)),
                    ..parcel
                },
                false => parcel,
            });
            return Ok(Completion { output, failure: None, followed });
        };
        self.executions += 1;
        let execution = Execution(self.executions);
        let input = self.input_of(job, visit)?;
        self.reporter.borrow_mut().current = Some((step.id.clone(), execution));
        self.reporter.borrow_mut().send(Event::StepStart(StepStart {
            execution,
            step: step.id.clone(),
            name: step.name.clone(),
            caller: visit.caller.map(|caller| plan[caller].id.clone()),
            input_from: visit.input.as_ref().and_then(|parcel| parcel.from),
            bytes_in: input.len(),
        }));

        self.start_clock();
        let options = encode::Options {
            index: self.request.index,
            remove: self.request.state_props_to_remove.clone(),
            limit: self.request.limits.state.unwrap_or(usize::MAX),
        };
        let module = format!("job://{}/{}", execution.0, visit.step.get());
        let executable = self.program.job(visit.step).expect("all that can be reached have compiled");
        let task = Task {
            source: &job.source,
            executable,
            step: Some(visit.step),
            globals: plan.globals().zip(self.program.globals()),
            module,
            input,
            options: &options,
        };
        let mut done = step::execute(&mut self.isolate, &task).await;
        tracing::debug!(step = step.id.as_str(), execution = execution.0, figures = ?done.figures, "step executed");

        for warning in &done.warnings {
            self.reporter.borrow_mut().log(LogSource::Runtime, Level::Warn, warning);
        }
        let failure = self.settle(step.id.as_str(), &mut done, options.index);
        let shown = self.shown(&done, visit.input.as_ref());
        let decided = match done.outcome.stops_the_run() {
            true => Err(done.outcome.clone()),
            false => self.decide(visit.step, done.output.as_ref(), failure.is_some()).await,
        };
        self.stop_clock();
        self.add(&done.figures);
        let is_end = plan.end() == Some(visit.step);
        let next = match &decided {
            Ok(followed) if !is_end => {
                let edges = step.next.iter().zip(followed).filter(|(_, followed)| **followed);
                edges.map(|(edge, _)| plan[edge.target].id.clone()).collect()
            }
            _ => Vec::new(),
        };
        let complete = StepComplete {
            execution,
            step: step.id.clone(),
            outcome: done.outcome,
            output: shown.clone().or_else(|| done.output.clone()),
            next,
            figures: done.figures,
        };
        self.reporter.borrow_mut().send(Event::StepComplete(complete));
        self.reporter.borrow_mut().current = None;
        let output = done.output.map(|state| Parcel { state, shown, from: Some(execution) });
        Ok(Completion { output, failure, followed: decided? })
    }

    fn start_clock(&mut self) {
        self.isolate.begin_step();
        let limit = self.request.limits.step_timeout;
        let deadline = limit.map(|limit| (Instant::now() + limit, timeout(limit, "Job")));
        self.isolate.killer.set(Clock::Step, deadline);
        if let Some(limit) = self.request.limits.step_cpu_timeout {
            self.isolate.killer.set_cpu(Clock::Step, Some((limit, cpu_timeout(limit, "Job"))));
        }
    }

    fn stop_clock(&self) {
        self.isolate.killer.set(Clock::Step, None);
        self.isolate.killer.set_cpu(Clock::Step, None);
    }

    fn stripped(&self, state: &State) -> State {
        assemble::stripped(state, &self.request.state_props_to_remove, self.request.index)
    }

    /// The output as it may be seen outside, if there is anything in it that may not be. What came in from outside goes out
    /// as it is; what the job has written, or was handed by a step that had something to hide, is searched.
    fn shown(&self, done: &Done, input: Option<&Parcel>) -> Option<State> {
        let mut reporter = self.reporter.borrow_mut();
        let output = done.output.as_ref().filter(|_| !reporter.secrets.is_empty())?;
        let suspicious = input.is_some_and(|parcel| parcel.shown.is_some());
        if !suspicious && !done.fresh.iter().any(|text| reporter.secrets.is_in(text)) {
            return None;
        }
        let shown = reporter.secrets.mask_state(output, self.request.index)?;
        let warning = "a value of the step's configuration is on its output; outside of the run it reads \"***\"";
        reporter.log(LogSource::Runtime, Level::Warn, warning);
        Some(shown)
    }

    /// Puts a failure on the output, and finds one that the job put there itself.
    fn settle(&self, step: &str, done: &mut Done, index: IndexOptions) -> Option<ErrorReport> {
        let outcome = std::mem::replace(&mut done.outcome, Outcome::Success);
        let outcome = self.reporter.borrow().secrets.mask_outcome(outcome.in_step(step));
        let mut failure = None;
        if let Outcome::Fail(report) = &outcome {
            let output = done.output.take().unwrap_or_else(State::empty);
            let error = outcome.to_error_value().unwrap_or_default();
            let output = assemble::with_error(&output, step, error, index);
            done.figures.bytes_out = output.len();
            done.output = Some(output);
            failure = Some(report.clone());
        }
        done.outcome = outcome;
        if let (Outcome::Success, Some(output)) = (&done.outcome, &done.output)
            && let Some((name, message)) = assemble::error_of(output, step)
        {
            let name = name.unwrap_or_else(|| "JobError".into());
            let message = message.unwrap_or_else(|| format!("the job put an error on state.errors[{step:?}]"));
            let report = ErrorReport { step: Some(step.to_owned()), ..ErrorReport::new(name, message) };
            failure = Some(report.clone());
            done.outcome = Outcome::Fail(report);
        }
        failure
    }

    fn input_of(&self, job: &Job, visit: &Visit<Parcel>) -> Result<State, Outcome> {
        let configuration = match &job.configuration {
            Some(Configuration::Inline(map)) => Some(map),
            Some(Configuration::Named(id)) => {
                let message = format!("the credential \"{id}\" has not been loaded");
                return Err(Outcome::Exception(ErrorReport::new("CredentialLoadError", message)));
            }
            None => None,
        };
        let given = visit.input.as_ref().map(|parcel| &parcel.state);
        let credentials = self.request.plan.credentials();
        self.learn(job, given);
        assemble::input(job, given, credentials, configuration, self.request.index).map_err(|error| {
            let message = format!("the default state of step \"{}\": {error}", self.request.plan[visit.step].id);
            Outcome::Crash(ErrorReport::new("InputError", message))
        })
    }

    /// Takes note of what must not get out and only a state says; the plan's own credentials are known from the start.
    fn learn(&self, job: &Job, input: Option<&State>) {
        let default = job
            .state
            .as_ref()
            .filter(|text| text.get().contains("configuration"))
            .and_then(|text| State::parse(text.get().as_bytes().to_vec(), &self.request.index).ok());
        for state in [default.as_ref(), input].into_iter().flatten() {
            if let Some(configuration) = assemble::configuration_of(state) {
                self.reporter.borrow_mut().secrets.add(&configuration);
            }
        }
    }

    /// Which edges are followed.
    async fn decide(&mut self, from: StepIndex, state: Option<&State>, failed: bool) -> Result<Vec<bool>, Outcome> {
        let empty;
        let state = match state {
            Some(state) => state,
            None => {
                empty = State::empty();
                &empty
            }
        };
        let plan = &self.request.plan;
        let edges = plan[from].next.iter().enumerate();
        let decided = edges.map(|(place, edge)| match edge.condition.decide(failed) {
            Some(followed) => Ok(followed),
            None => self.conditions.evaluate(&mut self.isolate, plan, from, place, state),
        });
        let decided: Result<Vec<bool>, Outcome> = decided.collect();
        // A condition may leave a rejection behind; it is not the next step's.
        let turned = match plan[from].next.iter().any(|edge| matches!(edge.condition, Condition::Expression(_))) {
            true => self.isolate.turn().await,
            false => Ok(()),
        };
        decided.and_then(|decided| turned.map(|()| decided)).map_err(|outcome| outcome.in_step(plan[from].id.as_str()))
    }

    fn add(&mut self, figures: &Figures) {
        let total = &mut self.figures;
        total.view += figures.view;
        total.encode += figures.encode;
        total.load += figures.load;
        total.bytes_in += figures.bytes_in;
        total.bytes_parsed += figures.bytes_parsed;
        total.bytes_out += figures.bytes_out;
        total.bytes_spliced += figures.bytes_spliced;
        total.state_walks += figures.state_walks;
        total.heap = total.heap.max(figures.heap);
    }
}
