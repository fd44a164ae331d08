//! What a run tells the outside: one closed enum of plain data. It carries no clock time and knows no wire; whoever receives
//! an event stamps and serializes it.

use std::time::Duration;

use fulgurite_plan::{Outcome, StepId};
use fulgurite_state::State;

/// One thing that happened in a run, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// The isolate is up and the first step is next. Always the first event.
    RunStart(RunStart),
    /// A step begins.
    StepStart(StepStart),
    /// A line for people.
    Log(Log),
    /// A step ended. Every [`Event::StepStart`] is followed by one of these; what a step calls begins and ends in between.
    StepComplete(StepComplete),
    /// The run ended. Always the last event, also when the first never came.
    RunComplete(RunComplete),
}

/// Which execution of a step, counted from 1 through the whole run. A step that runs twice has two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Execution(pub u32);

/// See [`Event::RunStart`].
#[derive(Clone, Debug)]
pub struct RunStart {
    /// Id of the plan, if it has one.
    pub plan: Option<String>,
    /// Name of the plan, if it has one.
    pub name: Option<String>,
    /// Where the walk starts.
    pub start: StepId,
    /// Bytes of the input state.
    pub bytes_in: usize,
    /// From the start of the thread until the isolate could run user code.
    pub startup: Duration,
    /// Of it, what the isolate itself took.
    pub isolate: Duration,
}

/// See [`Event::StepStart`].
#[derive(Clone, Debug)]
pub struct StepStart {
    /// Which execution.
    pub execution: Execution,
    /// Which step.
    pub step: StepId,
    /// What people call the step.
    pub name: Option<String>,
    /// The step whose edge or call led here; `None` for the first.
    pub caller: Option<StepId>,
    /// The execution that calls this one, and goes on when it has ended; `None` where an edge led.
    pub called_by: Option<Execution>,
    /// The execution whose output is this one's input; `None` for the first.
    pub input_from: Option<Execution>,
    /// Bytes of the state that the step gets.
    pub bytes_in: usize,
    /// It runs once for each of many items; the limits of a step are then those of each.
    pub over_items: bool,
}

/// A log line.
#[derive(Clone, Debug)]
pub struct Log {
    /// The step that was running.
    pub step: Option<StepId>,
    /// Its execution.
    pub execution: Option<Execution>,
    /// Who says it.
    pub source: LogSource,
    /// How important it is.
    pub level: Level,
    /// The text, without a line break at its end.
    pub message: String,
}

/// Who writes a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// The job, through `console`.
    Job,
    /// The runtime, about the job.
    Runtime,
}

/// How important a log line is, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// `console.debug`
    Debug,
    /// `console.log`, `console.info`
    Info,
    /// `console.success`
    Success,
    /// `console.warn`
    Warn,
    /// `console.error`
    Error,
    /// `console.always`, `console.print`: shown at every log level but `none`.
    Always,
}

impl Level {
    /// The level as OpenFn's logs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Success => "success",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Always => "always",
        }
    }
}

/// See [`Event::StepComplete`].
#[derive(Clone, Debug)]
pub struct StepComplete {
    /// Which execution.
    pub execution: Execution,
    /// Which step.
    pub step: StepId,
    /// How it ended.
    pub outcome: Outcome,
    /// What it hands on; `None` for a step that gave `undefined` or stopped the run.
    pub output: Option<State>,
    /// The steps that follow from here, in order. Empty = a leaf.
    pub next: Vec<StepId>,
    /// What it cost.
    pub figures: Figures,
    /// Of a step that ran over items, how many.
    pub items: Option<Items>,
}

/// How many items a step ran over. With batches, each batch is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// Items for which the step was called.
    pub calls: usize,
    /// Of them, those that failed for good.
    pub failed: usize,
    /// Calls that were made again.
    pub retries: usize,
}

/// See [`Event::RunComplete`].
#[derive(Clone, Debug)]
pub struct RunComplete {
    /// How it ended.
    pub outcome: Outcome,
    /// The results of the leaf steps, in order, by name; empty when the run was stopped.
    pub results: Vec<(String, State)>,
    /// What all of it cost. Durations and bytes are sums over the steps, heap figures are the highest.
    pub figures: Figures,
    /// Executions of steps.
    pub executions: u32,
}

impl RunComplete {
    /// The result of the run as one state: that of the only leaf, or an object of all of them by name.
    pub fn result(&self) -> Option<State> {
        match self.results.as_slice() {
            [] => None,
            [(_, only)] => Some(only.clone()),
            many => Some(crate::assemble::by_name(many)),
        }
    }
}

/// What a step or a run cost. Sizes in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// All of it.
    pub duration: Duration,
    /// Ours: building the view before, and parsing what the job touched (values of less than 2 KB are not timed: the clock
    /// would cost as much as the parse).
    pub view: Duration,
    /// Ours: turning the returned state into bytes.
    pub encode: Duration,
    /// Loading and evaluating the job's module.
    pub load: Duration,
    /// State given to the step.
    pub bytes_in: usize,
    /// Of it, what was parsed because the job touched it.
    pub bytes_parsed: usize,
    /// State that came out.
    pub bytes_out: usize,
    /// Of it, what was spliced as the bytes it came in as.
    pub bytes_spliced: usize,
    /// Values that V8 had to stringify: 1 for each touched leaf, 0 for each untouched one.
    pub state_walks: usize,
    /// CPU time of the run's thread; that of steps which are called is their caller's. Nothing where the system does not say.
    pub cpu: Duration,
    /// Times that the context of the run's templates was taken as it was then, which copies nothing of it.
    pub context_clones: usize,
    /// V8 heap in use at the end; of a run the most that was seen.
    pub heap: usize,
    /// The most that was behind ArrayBuffers at a time, from the start of the run. Nothing for a run whose memory has no limit.
    pub buffers: usize,
}
