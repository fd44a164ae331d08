//! What parent and child say to each other: two closed enums, one for each direction.
//!
//! A message is a head, which is small and JSON, and bodies, which are bytes that nobody here looks into: a plan, states, the
//! text of modules. A head names its bodies by their places ([`Body`]). Plan and outcomes have their form from
//! `fulgurite-plan`; events are a mirror of the runtime's, because this crate knows no V8. The host turns one into the other.
//!
//! Both ends are the same build, which the first two messages make sure of; the forms are free to change with the program.
//! Those two ([`Greeting`], and the refusal that may answer it) must stay readable for all time.

use std::time::Duration;

use fulgurite_plan::Outcome;
use serde::{Deserialize, Serialize};

use crate::harden::{Hardening, Report};

/// Counts the forms that these messages had.
pub const PROTOCOL: u32 = 3;

/// Place of a body within its message.
pub type Body = u32;

/// The first thing that either end says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// [`PROTOCOL`] of who says it.
    pub protocol: u32,
    /// What was built, such as `0.1.0 (V8 15.0.245.4)`. Snapshots, plans and messages cross only between equals.
    pub build: String,
}

impl Greeting {
    /// The greeting of this build.
    pub fn new(build: &str) -> Greeting {
        Greeting { protocol: PROTOCOL, build: build.to_owned() }
    }
}

/// What the parent says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToChild {
    /// First, and once. The child puts its fetters on before it does anything else.
    Hello(Greeting, Hardening),
    /// Execute this. Only when the child is idle.
    Run(Box<Run>),
    /// End the run with this number as soon as possible. May cross its end.
    Abort {
        /// [`Run::run`].
        run: u64,
        /// Why, for people.
        message: String,
    },
    /// Leave when idle.
    Leave,
}

/// What the child says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToParent {
    /// First, and once: the answer to [`ToChild::Hello`], with what hardening it has.
    Hello(Greeting, Report),
    /// Instead of [`ToParent::Hello`]: we do not understand each other. The child leaves.
    Refused(String),
    /// V8 is warm; runs may come.
    Ready {
        /// How long that took.
        startup: Duration,
    },
    /// Something happened in the run.
    Event(Event),
    /// A limit or an order is about to end the run, and this is why. Told as soon as it is known, in case that the run cannot
    /// be ended from inside.
    Dying(Outcome),
    /// What can be watched of the run; when it changed, a few times a second.
    Gauge(Gauge),
    /// The run is over, its isolate is gone, the child is idle. After [`Event::RunComplete`].
    Done {
        /// CPU time of the whole process for this run, collections and compilation on other threads included.
        cpu: Duration,
    },
}

/// What can be watched while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gauge {
    /// V8 heap in use, in bytes.
    pub heap: u64,
    /// Calls of steps over items in flight.
    pub batches: u64,
}

/// A run to execute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Number of this run; the parent's count.
    pub run: u64,
    /// The plan, as `fulgurite_plan::wire` writes it.
    pub plan: Body,
    /// The input state as JSON text.
    pub input: Option<Body>,
    /// What templates see besides the plan: parameters and what is known of the run, in the host's own form.
    pub context: String,
    /// What it may use.
    pub limits: Limits,
    /// How far states are indexed.
    pub index: Index,
    /// Top-level keys that are taken off every output.
    pub state_props_to_remove: Vec<String>,
    /// ES modules that the jobs may import.
    pub modules: Vec<Module>,
    /// Which of them each step may import, and by what; the host's own form.
    pub links: String,
    /// Texts that the child need not keep any longer.
    pub forget: Vec<u64>,
}

/// An ES module of a [`Run`]. A child keeps the texts it was given: one that it has crosses as a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// What it is imported by.
    pub url: String,
    /// Number of the text: equal texts have equal numbers, for as long as a child keeps them.
    pub text: u64,
    /// The text, when the child does not have it.
    pub body: Option<Body>,
}

/// The runtime's limits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Wall-clock time of one execution of a step.
    pub step_timeout: Option<Duration>,
    /// Wall-clock time of the run.
    pub run_timeout: Option<Duration>,
    /// CPU time of one execution of a step.
    pub step_cpu_timeout: Option<Duration>,
    /// CPU time of the run.
    pub run_cpu_timeout: Option<Duration>,
    /// Bytes of V8 heap.
    pub heap: Option<u64>,
    /// Bytes of one step's output.
    pub state: Option<u64>,
    /// Executions of steps.
    pub steps: u32,
    /// Depth of calls.
    pub call_depth: u32,
    /// Bytes of log per second.
    pub log_rate: Option<u64>,
    /// Bytes of one line of the log.
    pub log_line: u64,
    /// What may be reached; the runtime's own form.
    pub network: String,
}

/// The runtime's options for indexing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Index {
    /// Levels of objects.
    pub depth: u64,
    /// Keys of one object.
    pub max_keys: u64,
    /// Properties in all.
    pub max_properties: u64,
    /// Integer keys, too.
    pub integer_keys: bool,
}

/// The runtime's events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The isolate is up.
    RunStart(RunStart),
    /// A step begins.
    StepStart(StepStart),
    /// A line for people.
    Log(Log),
    /// A step ended.
    StepComplete(Box<StepComplete>),
    /// The run ended.
    RunComplete(Box<RunComplete>),
    /// What was traced since this was last told, in the host's own form; from children that were started to trace.
    Traces(Body),
}

/// See [`Event::RunStart`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    /// Id of the plan.
    pub plan: Option<String>,
    /// Name of the plan.
    pub name: Option<String>,
    /// Where the walk starts.
    pub start: String,
    /// Bytes of the input state.
    pub bytes_in: u64,
    /// Until the isolate could run user code.
    pub startup: Duration,
    /// Of it, what the isolate itself took.
    pub isolate: Duration,
}

/// See [`Event::StepStart`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStart {
    /// Which execution.
    pub execution: u32,
    /// Which step.
    pub step: String,
    /// What people call it.
    pub name: Option<String>,
    /// The step whose edge or call led here.
    pub caller: Option<String>,
    /// The execution that calls this one.
    pub called_by: Option<u32>,
    /// The execution whose output is this one's input.
    pub input_from: Option<u32>,
    /// Bytes of the state that the step gets.
    pub bytes_in: u64,
    /// It runs over items, and the limits of a step are those of each.
    pub over_items: bool,
}

/// See [`Event::Log`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The step that was running.
    pub step: Option<String>,
    /// Its execution.
    pub execution: Option<u32>,
    /// The job's own, and not the runtime's.
    pub of_job: bool,
    /// From 0, debug, to 5, always.
    pub level: u8,
    /// The text.
    pub message: Body,
}

/// See [`Event::StepComplete`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepComplete {
    /// Which execution.
    pub execution: u32,
    /// Which step.
    pub step: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it hands on.
    pub output: Option<State>,
    /// The text of its output's `webhookResponse`, which whoever waits for a webhook's answer gets.
    pub webhook: Option<Body>,
    /// The steps that follow.
    pub next: Vec<String>,
    /// What it cost.
    pub figures: Figures,
    /// Of a step that ran over items, how many.
    pub items: Option<Items>,
}

/// The runtime's count of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "field by field the runtime's `Items`, which explains them")]
pub struct Items {
    pub calls: u64,
    pub failed: u64,
    pub retries: u64,
}

/// See [`Event::RunComplete`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunComplete {
    /// How it ended.
    pub outcome: Outcome,
    /// The results by name.
    pub results: Vec<(String, Given)>,
    /// What all of it cost.
    pub figures: Figures,
    /// Executions of steps.
    pub executions: u32,
}

/// A state that may have crossed before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given {
    /// It is here.
    Here(State),
    /// It is the output of this execution, from which nothing followed.
    OutputOf(u32),
}

/// A state: its text, and the names of what lives beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The JSON text.
    pub text: Body,
    /// Names of private keys and open streams, if it has any: a [`Live`] as JSON. It may be large, so it is no part of the head.
    pub live: Option<Body>,
}

/// The names of what JSON cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Live {
    /// Keys.
    pub private: Vec<String>,
    /// Where streams are open.
    pub streams: Vec<Vec<Segment>>,
}

/// One step of the way to a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Segment {
    /// A property.
    Key(String),
    /// An element.
    Index(u64),
}

/// The runtime's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "field by field the runtime's `Figures`, which explains them")]
pub struct Figures {
    pub duration: Duration,
    pub view: Duration,
    pub encode: Duration,
    pub load: Duration,
    pub bytes_in: u64,
    pub bytes_parsed: u64,
    pub bytes_out: u64,
    pub bytes_spliced: u64,
    pub state_walks: u64,
    pub cpu: Duration,
    pub context_clones: u64,
    pub heap: u64,
    pub buffers: u64,
}

impl ToParent {
    /// How many bodies the message says it has: one more than the highest place that it names.
    pub fn bodies(&self) -> usize {
        let state = |state: &State| state.text.max(state.live.unwrap_or(0)) as usize + 1;
        match self {
            ToParent::Event(Event::Log(log)) => log.message as usize + 1,
            ToParent::Event(Event::Traces(body)) => *body as usize + 1,
            ToParent::Event(Event::StepComplete(step)) => {
                let webhook = step.webhook.map_or(0, |webhook| webhook as usize + 1);
                step.output.as_ref().map_or(0, state).max(webhook)
            }
            ToParent::Event(Event::RunComplete(run)) => {
                let here = run.results.iter().map(|(_, given)| match given {
                    Given::Here(here) => state(here),
                    Given::OutputOf(_) => 0,
                });
                here.max().unwrap_or(0)
            }
            _ => 0,
        }
    }
}
