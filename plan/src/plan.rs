//! The plan: a graph of steps in which every edge has a target and every cycle has a way out.
//!
//! [`Plan::new`] is the only way to get one, so nobody downstream asks again whether a step exists. It does not look
//! into job code or conditions: those are compiled, and can fail, in the runtime.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::num::NonZeroU32;
use std::ops::{ControlFlow, Index};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::outcome::ErrorReport;
use crate::suggest::nearest;

/// A checked workflow, ready to be walked.
#[derive(Clone)]
pub struct Plan {
    id: Option<String>,
    name: Option<String>,
    steps: Vec<Step>,
    indices: HashMap<StepId, StepIndex>,
    start: StepIndex,
    end: Option<StepIndex>,
    options: Options,
    globals: Option<Source>,
    credentials: Map<String, Value>,
    vars: Map<String, Value>,
}

impl Plan {
    /// Checks a draft. Steps without an id become `job-1`, `job-2`, … (numbers that are taken are left out); without a
    /// `start`, the first step starts.
    ///
    /// A cycle made of unconditional edges only could never end and is an error. A cycle is legal with a condition or a
    /// `max_iterations` anywhere on it; edges that are never followed do not count.
    pub fn new(draft: Draft) -> Result<Plan, Error> {
        let ids = ids(&draft.steps)?;
        let index_of = |id: &str| ids.get(id).copied();
        let unknown = |id: &str| Unknown::new(id, in_order(&ids));

        let mut steps = Vec::with_capacity(draft.steps.len());
        for (step, id) in draft.steps.into_iter().zip(in_order(&ids)) {
            if step.job.as_ref().and_then(|job| job.state.as_ref()).is_some_and(|state| !state.get().starts_with('{')) {
                return Err(Error::StateNotAnObject { step: id.clone() });
            }
            let mut next = Vec::with_capacity(step.next.len());
            for edge in step.next {
                let Some(target) = index_of(&edge.target) else {
                    return Err(Error::UnknownNext { step: id.clone(), unknown: unknown(&edge.target) });
                };
                let DraftEdge { target: _, condition, label, max_iterations } = edge;
                next.push(Edge { target, condition, label, max_iterations, leads_back: false });
            }
            steps.push(Step { id: id.clone(), name: step.name, job: step.job, next });
        }

        let start = match &draft.start {
            Some(id) => index_of(id).ok_or_else(|| Error::UnknownStart(unknown(id)))?,
            None => StepIndex(0),
        };
        let end = match &draft.end {
            Some(id) => Some(index_of(id).ok_or_else(|| Error::UnknownEnd(unknown(id)))?),
            None => None,
        };
        if let Some(cycle) = endless_cycle(&steps) {
            return Err(Error::Circular { cycle: cycle.into_iter().map(|i| steps[i].id.clone()).collect() });
        }
        mark_edges_back(&mut steps, start);
        Ok(Plan {
            id: draft.id,
            name: draft.name,
            steps,
            indices: ids,
            start,
            end,
            options: draft.options,
            globals: draft.globals,
            credentials: draft.credentials,
            vars: draft.vars,
        })
    }

    /// The workflow's id, if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The workflow's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// All steps, in the order of the document; there is at least one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The steps with their places.
    pub fn indexed(&self) -> impl Iterator<Item = (StepIndex, &Step)> {
        self.steps.iter().enumerate().map(|(i, step)| (StepIndex(i), step))
    }

    /// The index of the step with exactly this id.
    pub fn index_of(&self, id: &str) -> Option<StepIndex> {
        self.indices.get(id).copied()
    }

    /// Where a run starts.
    pub fn start(&self) -> StepIndex {
        self.start
    }

    /// The step after which a run stops, even if more is queued.
    pub fn end(&self) -> Option<StepIndex> {
        self.end
    }

    /// The steps that a run could get to, if every condition held.
    pub fn reachable(&self) -> HashSet<StepIndex> {
        let mut found = HashSet::from([self.start]);
        let mut open = vec![self.start];
        while let Some(step) = open.pop() {
            if self.end == Some(step) {
                continue;
            }
            for edge in self[step].next.iter().filter(|edge| edge.condition != Condition::Never) {
                if found.insert(edge.target) {
                    open.push(edge.target);
                }
            }
        }
        found
    }

    /// Limits and habits of a run.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Code whose exports every job of the workflow sees.
    pub fn globals(&self) -> Option<&Source> {
        self.globals.as_ref()
    }

    /// What goes into the `configuration` of every step, below the step's own. Secret: kept out of `Debug`.
    pub fn credentials(&self) -> &Map<String, Value> {
        &self.credentials
    }

    /// The same plan with other configurations of its steps.
    pub fn with_configurations(mut self, mut change: impl FnMut(Configuration) -> Configuration) -> Plan {
        for job in self.steps.iter_mut().filter_map(|step| step.job.as_mut()) {
            job.configuration = job.configuration.take().map(&mut change);
        }
        self
    }

    /// The same plan with other [`Plan::credentials`].
    pub fn with_credentials(mut self, credentials: Map<String, Value>) -> Plan {
        self.credentials = credentials;
        self
    }

    /// The variables that a run starts with; steps publish others.
    pub fn vars(&self) -> &Map<String, Value> {
        &self.vars
    }

    /// The same plan, started at another step. The index must come from this plan.
    pub fn starting_at(mut self, step: StepIndex) -> Plan {
        assert!(step.0 < self.steps.len(), "a step index of another plan");
        self.start = step;
        self
    }

    /// The same plan, stopped after a step. The index must come from this plan.
    pub fn ending_at(mut self, step: StepIndex) -> Plan {
        assert!(step.0 < self.steps.len(), "a step index of another plan");
        self.end = Some(step);
        self
    }

    /// The same plan, running one step only.
    pub fn only(self, step: StepIndex) -> Plan {
        self.starting_at(step).ending_at(step)
    }

    /// The step a person means: by exact id, else by exact name, else by a part of an id or a name that only one step
    /// has, whatever the case.
    pub fn find(&self, query: &str) -> Result<StepIndex, FindError> {
        if let Some(index) = self.index_of(query) {
            return Ok(index);
        }
        let unknown = || {
            let names = self.steps.iter().filter_map(|step| step.name.as_deref());
            let meant = nearest(query, self.steps.iter().map(|step| step.id.as_str()).chain(names));
            FindError::Unknown(Unknown { id: query.to_owned(), meant: meant.map(str::to_owned), known: self.ids() })
        };
        let part = query.trim().to_lowercase();
        if part.is_empty() {
            return Err(unknown());
        }
        let exact = self.matching(|step| step.name.as_deref() == Some(query));
        let found = if exact.is_empty() {
            let has = |text: &str| text.to_lowercase().contains(&part);
            self.matching(|step| has(step.id.as_str()) || step.name.as_deref().is_some_and(has))
        } else {
            exact
        };
        match found[..] {
            [] => Err(unknown()),
            [index] => Ok(index),
            _ => Err(FindError::Ambiguous {
                query: query.to_owned(),
                candidates: found.iter().map(|&index| self[index].id.clone()).collect(),
            }),
        }
    }

    fn matching(&self, is_match: impl Fn(&Step) -> bool) -> Vec<StepIndex> {
        self.steps.iter().enumerate().filter(|(_, step)| is_match(step)).map(|(i, _)| StepIndex(i)).collect()
    }

    fn ids(&self) -> Vec<StepId> {
        self.steps.iter().map(|step| step.id.clone()).collect()
    }
}

impl Index<StepIndex> for Plan {
    type Output = Step;

    fn index(&self, index: StepIndex) -> &Step {
        &self.steps[index.0]
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("steps", &self.steps)
            .field("start", &self.start)
            .field("end", &self.end)
            .field("options", &self.options)
            .field("globals", &self.globals)
            .field("credentials", &Secret(&self.credentials))
            .field("vars", &self.vars.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// One node of the graph.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique within the plan.
    pub id: StepId,
    /// What people call it.
    pub name: Option<String>,
    /// What it runs; `None` for a trigger, which passes its input on.
    pub job: Option<Job>,
    /// Where to go from here, in the order of the document.
    pub next: Vec<Edge>,
}

impl Step {
    /// The name, or else the id.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

/// The id of a step: never empty, unique within its plan, cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(Arc<str>);

impl StepId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for StepId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The place of a step in its plan. Only a plan hands them out, so it always points at a step of that plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepIndex(usize);

impl StepIndex {
    /// The position in [`Plan::steps`].
    pub fn get(self) -> usize {
        self.0
    }
}

/// What a step runs.
#[derive(Clone)]
pub struct Job {
    /// The author's code.
    pub source: Source,
    /// A source map that came with already compiled code.
    pub source_map: Option<String>,
    /// Specifiers such as `@openfn/language-http@6.5.0`, in order.
    pub adaptors: Vec<String>,
    /// The step's credential. Secret: kept out of `Debug`.
    pub configuration: Option<Configuration>,
    /// The default state that the input is laid over: the JSON text of an object.
    pub state: Option<Arc<RawValue>>,
    /// Where adaptors are to be taken from, by module name.
    pub linker: BTreeMap<String, Linker>,
    /// Over what the step runs once for each item, instead of once.
    pub with_items: Option<WithItems>,
    /// Top-level keys of the state that the step gets, laid over what came to it. Texts in it may be templates.
    pub input: Map<String, Value>,
    /// What the step makes variables of, by name: an expression over its output, or a template.
    pub publish: Map<String, Value>,
}

impl Job {
    /// A job that has its code and nothing else.
    pub fn new(source: Source) -> Job {
        Job {
            source,
            source_map: None,
            adaptors: vec![],
            configuration: None,
            state: None,
            linker: BTreeMap::new(),
            with_items: None,
            input: Map::new(),
            publish: Map::new(),
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("source", &self.source)
            .field("adaptors", &self.adaptors)
            .field("configuration", &self.configuration)
            .field("state_bytes", &self.state.as_ref().map(|state| state.get().len()))
            .field("linker", &self.linker)
            .field("with_items", &self.with_items)
            .finish_non_exhaustive()
    }
}

/// Code with the name that error positions show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A file path, or `<step name>.js` for code that stands in the workflow itself.
    pub name: String,
    /// The code as written.
    pub text: Arc<str>,
}

/// The credential of a step.
#[derive(Clone, PartialEq)]
pub enum Configuration {
    /// Its content.
    Inline(Map<String, Value>),
    /// The id under which somebody else has it.
    Named(String),
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Configuration::Inline(map) => f.debug_tuple("Inline").field(&Secret(map)).finish(),
            Configuration::Named(id) => f.debug_tuple("Named").field(id).finish(),
        }
    }
}

/// Shows how many keys there are and nothing else.
struct Secret<'a>(&'a Map<String, Value>);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} secret values>", self.0.len())
    }
}

/// Where one module is to be taken from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linker {
    /// A local folder.
    pub path: Option<String>,
    /// A version, instead of the one in the specifier.
    pub version: Option<String>,
}

/// A way from one step to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The step it leads to.
    pub target: StepIndex,
    /// When it is followed.
    pub condition: Condition,
    /// What people call it.
    pub label: Option<String>,
    /// How often it may be followed in one run, if somebody has said so.
    pub max_iterations: Option<NonZeroU32>,
    /// Every cycle has at least one edge that does.
    pub(crate) leads_back: bool,
}

impl Edge {
    /// How often an edge that leads back may be followed where nobody has said it.
    pub const MAX_ITERATIONS: u32 = 10_000;

    /// How often the edge may be followed in one run; `None` where nothing but the run's own budget bounds it.
    pub fn limit(&self) -> Option<u32> {
        match self.max_iterations {
            Some(most) => Some(most.get()),
            None => self.leads_back.then_some(Edge::MAX_ITERATIONS),
        }
    }
}

/// A step that runs once for each of many items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithItems {
    /// Where they come from: an expression over the step's input, or a template.
    pub items: String,
    /// How many of them one call gets.
    pub batch: Batch,
    /// Calls that may be in flight in one isolate.
    pub concurrency: NonZeroU32,
    /// Isolates that share the work.
    pub isolates: NonZeroU32,
    /// What a failed item means to the others.
    pub on_error: OnItemError,
    /// How often a failed item is tried again.
    pub retries: u32,
    /// What becomes of what the calls return.
    pub collect: Collect,
}

impl WithItems {
    /// One item after the other, each alone; the first that fails ends it; results are collected.
    pub fn new(items: impl Into<String>) -> WithItems {
        WithItems {
            items: items.into(),
            batch: Batch::One,
            concurrency: NonZeroU32::MIN,
            isolates: NonZeroU32::MIN,
            on_error: OnItemError::Stop,
            retries: 0,
            collect: Collect::Results,
        }
    }
}

/// How many items one call gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Batch {
    /// The item itself.
    One,
    /// An array of up to so many.
    Count(NonZeroU32),
    /// An array of about as many as make a quarter of a megabyte.
    Auto,
}

/// What a failed item means to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnItemError {
    /// No further item is begun, and the step fails with the item's error.
    Stop,
    /// The others go on; the step fails when all are through.
    Continue,
}

/// What becomes of what the calls of a step return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Collect {
    /// The `data` of each, as one array.
    Results,
    /// Nothing: the step's output is its input.
    Nothing,
    /// The value of an expression over each, as one array.
    Expression(String),
}

/// When an edge is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Whatever happened, short of the run being stopped.
    Always,
    /// The upstream step left no error of its own on the state.
    OnSuccess,
    /// The upstream step left an error of its own on the state.
    OnFailure,
    /// Disabled, or without a condition.
    Never,
    /// A JavaScript expression over `state` and `upstreamStepId`; the runtime compiles and evaluates it.
    Expression(String),
}

/// The words that stand for a condition, where an expression could stand too.
const ALIASES: [(&str, Condition); 6] = [
    ("always", Condition::Always),
    ("on_job_success", Condition::OnSuccess),
    ("on_job_failure", Condition::OnFailure),
    ("on_upstream_success", Condition::OnSuccess),
    ("on_upstream_fail", Condition::OnFailure),
    ("never", Condition::Never),
];

impl Condition {
    /// Reads a condition as people write it: one of the words of [`Condition::aliases`], or else an expression. Nothing
    /// at all is [`Condition::Never`].
    pub fn parse(text: &str) -> Condition {
        let text = text.trim();
        if text.is_empty() {
            return Condition::Never;
        }
        match ALIASES.iter().find(|(word, _)| *word == text) {
            Some((_, condition)) => condition.clone(),
            None => Condition::Expression(text.to_owned()),
        }
    }

    /// The words that [`Condition::parse`] knows.
    pub fn aliases() -> impl Iterator<Item = &'static str> {
        ALIASES.iter().map(|(word, _)| *word)
    }

    /// Whether the edge is followed after its upstream step failed or did not; `None` when an expression has to be
    /// evaluated first.
    pub fn decide(&self, failed: bool) -> Option<bool> {
        match self {
            Condition::Always => Some(true),
            Condition::OnSuccess => Some(!failed),
            Condition::OnFailure => Some(failed),
            Condition::Never => Some(false),
            Condition::Expression(_) => None,
        }
    }
}

/// Limits and habits of a run that a workflow may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The longest a single step may take, as OpenFn's CLI means `timeout`; the caller's default when `None`.
    pub timeout: Option<Duration>,
    /// The longest a single step may take; wins over `timeout`.
    pub step_timeout: Option<Duration>,
    /// What to do with state that jobs log.
    pub sanitize: Option<Sanitize>,
}

/// What to do with objects in a job's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sanitize {
    /// Log them as they are.
    None,
    /// Leave them out.
    Remove,
    /// Say only what kind and size they are.
    Summarize,
    /// Replace their values.
    Obfuscate,
}

/// A workflow as somebody wrote it: names instead of indices, nothing checked.
#[derive(Clone, Default)]
pub struct Draft {
    /// The workflow's id.
    pub id: Option<String>,
    /// The workflow's name.
    pub name: Option<String>,
    /// The steps, in the order of the document.
    pub steps: Vec<DraftStep>,
    /// The id of the step to start at.
    pub start: Option<String>,
    /// The id of the step to stop after.
    pub end: Option<String>,
    /// Limits and habits.
    pub options: Options,
    /// Code for all jobs.
    pub globals: Option<Source>,
    /// Configuration for all steps.
    pub credentials: Map<String, Value>,
    /// The variables that a run starts with.
    pub vars: Map<String, Value>,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("steps", &self.steps)
            .field("start", &self.start)
            .field("end", &self.end)
            .field("options", &self.options)
            .field("globals", &self.globals)
            .field("credentials", &Secret(&self.credentials))
            .field("vars", &self.vars.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// A step of a [`Draft`].
#[derive(Debug, Clone, Default)]
pub struct DraftStep {
    /// `job-1`, `job-2`, … when absent.
    pub id: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// What it runs.
    pub job: Option<Job>,
    /// Where to go from here.
    pub next: Vec<DraftEdge>,
}

/// An edge of a [`DraftStep`].
#[derive(Debug, Clone)]
pub struct DraftEdge {
    /// The id of the step it leads to.
    pub target: String,
    /// When it is followed.
    pub condition: Condition,
    /// What people call it.
    pub label: Option<String>,
    /// How often it may be followed in one run; [`Edge::MAX_ITERATIONS`] for an edge that leads back.
    pub max_iterations: Option<NonZeroU32>,
}

impl DraftEdge {
    /// An edge that has a target, a condition and nothing else.
    pub fn new(target: impl Into<String>, condition: Condition) -> DraftEdge {
        DraftEdge { target: target.into(), condition, label: None, max_iterations: None }
    }
}

/// Why a draft is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no step.
    #[error("a workflow needs at least one step: add one to `steps`")]
    Empty,
    /// A step has the empty text as its id.
    #[error("step {number} has an empty id: give it a name, or leave `id` out to have it numbered")]
    EmptyId {
        /// 1-based, in the order of the document.
        number: usize,
    },
    /// Two steps have the same id.
    #[error("steps {first} and {second} are both called `{id}`: give one of them another id")]
    DuplicateId {
        /// The id.
        id: String,
        /// 1-based, in the order of the document.
        first: usize,
        /// 1-based, in the order of the document.
        second: usize,
    },
    /// The start is not a step.
    #[error("the start step is not one of the steps: {0}")]
    UnknownStart(Unknown),
    /// The end is not a step.
    #[error("the end step is not one of the steps: {0}")]
    UnknownEnd(Unknown),
    /// An edge leads nowhere.
    #[error("`next` of step `{step}` leads to a step that does not exist: {unknown}")]
    UnknownNext {
        /// Where the edge starts.
        step: StepId,
        /// Where it should end.
        unknown: Unknown,
    },
    /// A cycle that nothing can end.
    #[error(
        "circular dependency: {}: put a condition or `max_iterations` on one of these edges, or remove one",
        chain(cycle)
    )]
    Circular {
        /// The steps of the cycle, each once, in order.
        cycle: Vec<StepId>,
    },
    /// A default state that is not an object.
    #[error("the default `state` of step `{step}` is not an object: write `{{\"data\": …}}`")]
    StateNotAnObject {
        /// The step.
        step: StepId,
    },
}

impl Error {
    /// The error as a run reports it: a `ValidationError`.
    pub fn to_report(&self) -> ErrorReport {
        ErrorReport::new("ValidationError", self.to_string())
    }
}

/// Why a search for a step found none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// More than one step fits.
    #[error("`{query}` could be any of {}: write the whole id of the one you mean", list(candidates))]
    Ambiguous {
        /// What was searched for.
        query: String,
        /// The steps that fit.
        candidates: Vec<StepId>,
    },
    /// No step fits.
    #[error("no step is called like that: {0}")]
    Unknown(Unknown),
}

/// A step that does not exist, and what may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What was asked for.
    pub id: String,
    /// The id or name that is nearest to it.
    pub meant: Option<String>,
    /// All ids there are.
    pub known: Vec<StepId>,
}

impl Unknown {
    fn new<'a>(id: &str, known: impl IntoIterator<Item = &'a StepId>) -> Unknown {
        let known: Vec<StepId> = known.into_iter().cloned().collect();
        let meant = nearest(id, known.iter().map(StepId::as_str)).map(str::to_owned);
        Unknown { id: id.to_owned(), meant, known }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.meant {
            Some(meant) => write!(f, "`{}` (did you mean `{meant}`?)", self.id),
            None if self.known.len() == 1 => write!(f, "`{}` (the only step is {})", self.id, list(&self.known)),
            None => write!(f, "`{}` (the steps are {})", self.id, list(&self.known)),
        }
    }
}

/// `a`, `b` and 3 more.
fn list(ids: &[StepId]) -> String {
    const SHOWN: usize = 8;
    let mut text = ids.iter().take(SHOWN).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    if ids.len() > SHOWN {
        text.push_str(&format!(" and {} more", ids.len() - SHOWN));
    }
    text
}

fn chain(cycle: &[StepId]) -> String {
    match cycle {
        [a, b] => format!("{a} <-> {b}"),
        _ => cycle.iter().chain(cycle.first()).map(StepId::as_str).collect::<Vec<_>>().join(" -> "),
    }
}

/// The id of every step, given or made up.
fn ids(steps: &[DraftStep]) -> Result<HashMap<StepId, StepIndex>, Error> {
    if steps.is_empty() {
        return Err(Error::Empty);
    }
    let mut ids = HashMap::with_capacity(steps.len());
    for (i, step) in steps.iter().enumerate() {
        let Some(id) = &step.id else { continue };
        if id.is_empty() {
            return Err(Error::EmptyId { number: i + 1 });
        }
        if let Some(StepIndex(first)) = ids.insert(StepId(id.as_str().into()), StepIndex(i)) {
            return Err(Error::DuplicateId { id: id.clone(), first: first + 1, second: i + 1 });
        }
    }
    let given: HashSet<StepId> = ids.keys().cloned().collect();
    let mut made_up = (1..).map(|n: usize| StepId(format!("job-{n}").into())).filter(|id| !given.contains(id.as_str()));
    for (i, _) in steps.iter().enumerate().filter(|(_, step)| step.id.is_none()) {
        ids.insert(made_up.next().expect("there are more numbers than steps"), StepIndex(i));
    }
    Ok(ids)
}

fn in_order(ids: &HashMap<StepId, StepIndex>) -> Vec<&StepId> {
    let mut ordered: Vec<_> = ids.iter().collect();
    ordered.sort_unstable_by_key(|(_, index)| **index);
    ordered.into_iter().map(|(id, _)| id).collect()
}

/// The first cycle made of edges only that nothing ends, as step numbers in order.
fn endless_cycle(steps: &[Step]) -> Option<Vec<usize>> {
    let mut cycle = None;
    let endless = |edge: &Edge| edge.condition == Condition::Always && edge.max_iterations.is_none();
    depth_first(steps, 0..steps.len(), endless, |path, _, target| {
        cycle = Some(path.iter().map(|(step, _)| *step).skip_while(|step| *step != target).collect());
        ControlFlow::Break(())
    });
    cycle
}

/// Finds the edges that lead back, seen from the start.
fn mark_edges_back(steps: &mut [Step], start: StepIndex) {
    let mut back = Vec::new();
    let roots = std::iter::once(start.0).chain(0..steps.len());
    depth_first(
        steps,
        roots,
        |edge| edge.condition != Condition::Never,
        |path, edge, _| {
            back.extend(path.last().map(|(step, _)| (*step, edge)));
            ControlFlow::Continue(())
        },
    );
    for (step, edge) in back {
        steps[step].next[edge].leads_back = true;
    }
}

/// Walks along the edges that count and tells of each that leads to a step on the path to it: the path, the edge's place at the
/// last step of it, and the edge's target. Without recursion: a chain of 100,000 steps is a legal plan.
fn depth_first(
    steps: &[Step],
    roots: impl Iterator<Item = usize>,
    counts: impl Fn(&Edge) -> bool,
    mut leads_back: impl FnMut(&[(usize, usize)], usize, usize) -> ControlFlow<()>,
) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Unseen,
        OnPath,
        Done,
    }
    let mut marks = vec![Mark::Unseen; steps.len()];
    for root in roots {
        if marks[root] != Mark::Unseen {
            continue;
        }
        // The path from `root`, each step with the number of its edges already looked at.
        let mut path = vec![(root, 0)];
        marks[root] = Mark::OnPath;
        while let Some((step, looked_at)) = path.last_mut() {
            let Some(edge) = steps[*step].next.get(*looked_at) else {
                marks[*step] = Mark::Done;
                path.pop();
                continue;
            };
            let place = *looked_at;
            *looked_at += 1;
            let target = edge.target.0;
            if !counts(edge) {
                continue;
            }
            match marks[target] {
                Mark::Done => {}
                Mark::Unseen => {
                    marks[target] = Mark::OnPath;
                    path.push((target, 0));
                }
                Mark::OnPath => {
                    if leads_back(&path, place, target).is_break() {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
