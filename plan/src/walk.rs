//! Which step runs next, with what input; what the run's results are, and how it ended. A state machine: it runs and
//! evaluates nothing, and is told what happened.
//!
//! ```
//! # use fulgurite_plan::*;
//! # fn run(_: &Step, input: Option<u32>) -> Option<u32> { input.map(|n| n + 1) }
//! # let step = DraftStep::default();
//! # let plan = Plan::new(Draft { steps: vec![step], ..Draft::default() }).unwrap();
//! let mut walk = Walk::new(&plan, 1);
//! while let Some(visit) = walk.next() {
//!     let step = &plan[visit.step];
//!     let output = run(step, visit.input.clone());
//!     let followed = step.next.iter().map(|edge| edge.condition.decide(false) == Some(true)).collect();
//!     walk.complete(visit, Completion { output, failure: None, followed });
//! }
//! assert_eq!(walk.results(), [("job-1".to_owned(), 2)]);
//! assert_eq!(walk.run_outcome(), Outcome::Success);
//! ```
//!
//! The order is breadth-first and there are no joins: a step that two edges reach runs twice, each time with its own
//! input. From `start → a, b` and `a → x`, `b → x` the order is `start, a, b, x, x`.
//!
//! A cycle goes on for as long as its conditions hold, and ends the run with a `LoopLimitError` when an edge was followed more often
//! than [`Edge::limit`](crate::Edge::limit) allows, or more steps were executed than the walk's own budget ([`Walk::within`]).

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Deref;

use crate::outcome::{ErrorReport, Outcome};
use crate::plan::{Plan, StepIndex};

/// A walk through a plan, borrowed or shared, with states of type `S`, which is cloned for every edge followed: it should be
/// cheap to clone.
#[derive(Debug)]
pub struct Walk<P, S> {
    plan: P,
    queue: VecDeque<Queued<S>>,
    /// How often each step was started.
    executions: Vec<u32>,
    /// Executions of all steps that are left.
    left: u32,
    /// How often each edge was followed that may not be followed for ever.
    followed: HashMap<(StepIndex, usize), u32>,
    /// The first failure of each step.
    failures: Vec<Option<ErrorReport>>,
    /// The failure of each step's last visit, if that visit led nowhere.
    dead_ends: Vec<Option<ErrorReport>>,
    results: Vec<(String, S)>,
    result_names: HashSet<String>,
    stopped: Option<Outcome>,
}

#[derive(Debug)]
struct Queued<S> {
    step: StepIndex,
    input: Option<S>,
    caller: Option<StepIndex>,
}

/// One execution of one step; hand it back to [`Walk::complete`] or [`Walk::abort`].
#[derive(Debug)]
#[must_use = "the walk goes on only when it is told how the visit ended"]
pub struct Visit<S> {
    /// The step to execute.
    pub step: StepIndex,
    /// The output of the caller, or the run's input for the first step; `None` after a caller whose output was
    /// `undefined`: a job then sees the empty state.
    pub input: Option<S>,
    /// The step whose edge led here; `None` for the first.
    pub caller: Option<StepIndex>,
    /// Which execution of this step this is, from 1.
    pub execution: u32,
}

/// How a visit ended, short of stopping the run.
#[derive(Debug)]
pub struct Completion<S> {
    /// The state the step gave; `None` for `undefined`. A trigger's output is its input.
    pub output: Option<S>,
    /// The step's error, if its output has one under `errors[<step id>]`.
    pub failure: Option<ErrorReport>,
    /// For each edge in the step's `next` whether it is followed. Missing ones are not.
    pub followed: Vec<bool>,
}

impl<P: Deref<Target = Plan>, S: Clone> Walk<P, S> {
    /// A walk from the plan's start.
    pub fn new(plan: P, input: S) -> Self {
        let start = plan.start();
        Walk::from(plan, start, input)
    }

    /// A walk from another step, which must be one of the plan's.
    pub fn from(plan: P, start: StepIndex, input: S) -> Self {
        let steps = plan.steps().len();
        Self {
            plan,
            queue: VecDeque::from([Queued { step: start, input: Some(input), caller: None }]),
            executions: vec![0; steps],
            left: u32::MAX,
            followed: HashMap::new(),
            failures: vec![None; steps],
            dead_ends: vec![None; steps],
            results: Vec::new(),
            result_names: HashSet::new(),
            stopped: None,
        }
    }

    /// The same walk, in which no more than so many steps are executed.
    pub fn within(self, executions: u32) -> Self {
        Walk { left: executions, ..self }
    }

    /// Takes note of how a visit ended and queues what follows from it.
    ///
    /// A visit that leads nowhere is a leaf, and so is every visit of the plan's end, after which the walk is over
    /// even with work queued. A leaf's output is a result of the run unless it is `None`.
    pub fn complete(&mut self, visit: Visit<S>, completion: Completion<S>) {
        let Completion { output, failure, followed } = completion;
        let leads_on = followed.contains(&true);
        self.dead_ends[visit.step.get()] = failure.clone().filter(|_| !leads_on);
        if let Some(failure) = failure {
            self.failures[visit.step.get()].get_or_insert(failure);
        }
        if self.plan.end() == Some(visit.step) {
            self.queue.clear();
            self.record(&visit, output);
            return;
        }
        let edges = &self.plan[visit.step].next;
        debug_assert!(followed.len() <= edges.len(), "more decisions than edges");
        let followed = edges.iter().enumerate().zip(followed).filter(|(_, followed)| *followed);
        let targets: Vec<_> = followed.map(|((place, edge), _)| (place, edge.target)).collect();
        if targets.is_empty() {
            self.record(&visit, output);
            return;
        }
        for (place, step) in targets {
            if let Err(report) = self.spend(visit.step, place) {
                self.queue.clear();
                self.stopped = Some(Outcome::Crash(*report));
                return;
            }
            self.queue.push_back(Queued { step, input: output.clone(), caller: Some(visit.step) });
        }
    }

    /// Counts that an edge is followed.
    fn spend(&mut self, from: StepIndex, place: usize) -> Result<(), Box<ErrorReport>> {
        let edge = &self.plan[from].next[place];
        let way = || format!("`{}` -> `{}`", self.plan[from].id, self.plan[edge.target].id);
        let exceeded = |message: String, hint: &str| {
            Box::new(ErrorReport {
                step: Some(self.plan[from].id.to_string()),
                hint: Some(hint.to_owned()),
                ..ErrorReport::new("LoopLimitError", message)
            })
        };
        if let Some(limit) = edge.limit() {
            let count = self.followed.entry((from, place)).or_default();
            if *count >= limit {
                let times = if limit == 1 { "once".to_owned() } else { format!("{limit} times") };
                return Err(exceeded(
                    format!("the edge {} was to be followed more than {times}", way()),
                    "does its condition ever cease to hold? `max_iterations` on the edge allows more",
                ));
            }
            *count += 1;
        }
        if self.left == 0 {
            return Err(exceeded(
                format!("the run has executed as many steps as it may; it was about to follow the edge {}", way()),
                "does the loop ever end? --max-steps allows more",
            ));
        }
        self.left -= 1;
        Ok(())
    }

    /// Stops the walk after a crash, an exception or a kill: nothing else is visited, and the run ends with this
    /// outcome.
    pub fn abort(&mut self, _visit: Visit<S>, outcome: Outcome) {
        debug_assert!(outcome.stops_the_run(), "{outcome:?} does not stop a run");
        self.queue.clear();
        self.stopped = Some(outcome);
    }

    /// The output of every leaf so far, in order, under the id of its step; the second execution of `x` is `x-1`, the
    /// third `x-2`. Should a name be taken (a step may be called `x-1`), the next free number.
    ///
    /// The result of a run with exactly one is that state itself, otherwise an object of all of them.
    pub fn results(&self) -> &[(String, S)] {
        &self.results
    }

    /// [`Walk::results`] without a copy.
    pub fn into_results(self) -> Vec<(String, S)> {
        self.results
    }

    /// How the run ended (so far): with the outcome it was aborted with; else with the failure of the first leaf step,
    /// in the order of the plan, that failed in any of its executions; else well.
    ///
    /// A leaf step is one of whose next steps none ran. A failed step whose downstream ran counts as handled. In a plan with a cycle,
    /// where that may have been in an earlier pass, a step that failed in its last visit and led nowhere counts, too.
    pub fn run_outcome(&self) -> Outcome {
        if let Some(outcome) = &self.stopped {
            return outcome.clone();
        }
        let ran = |step: StepIndex| self.executions[step.get()] > 0;
        let leaf_failure = self
            .plan
            .steps()
            .iter()
            .zip(&self.failures)
            .filter(|(step, _)| !step.next.iter().any(|edge| ran(edge.target)))
            .find_map(|(_, failure)| failure.clone());
        let is_cyclic = || self.plan.steps().iter().flat_map(|step| &step.next).any(|edge| edge.leads_back);
        let leaf_failure = leaf_failure.or_else(|| match is_cyclic() {
            true => self.dead_ends.iter().flatten().next().cloned(),
            false => None,
        });
        leaf_failure.map_or(Outcome::Success, Outcome::Fail)
    }

    fn record(&mut self, visit: &Visit<S>, output: Option<S>) {
        let Some(output) = output else { return };
        let id = self.plan[visit.step].id.as_str();
        let name = if visit.execution == 1 { id.to_owned() } else { self.repeat_name(id, visit.execution - 1) };
        self.result_names.insert(name.clone());
        self.results.push((name, output));
    }

    /// A name that no other result has and that no step could claim for its first execution.
    fn repeat_name(&self, id: &str, repeat: u32) -> String {
        (u64::from(repeat)..)
            .map(|n| format!("{id}-{n}"))
            .find(|name| !self.result_names.contains(name) && self.plan.index_of(name).is_none())
            .expect("a plan and its results are finite")
    }
}

impl<P: Deref<Target = Plan>, S: Clone> Iterator for Walk<P, S> {
    type Item = Visit<S>;

    /// The next step to execute; `None` when the run is over. Complete each visit before asking for the next: steps run
    /// one after the other.
    fn next(&mut self) -> Option<Visit<S>> {
        let Queued { step, input, caller } = self.queue.pop_front()?;
        let count = &mut self.executions[step.get()];
        *count = count.saturating_add(1);
        Some(Visit { step, input, caller, execution: *count })
    }
}

#[cfg(test)]
mod tests;
