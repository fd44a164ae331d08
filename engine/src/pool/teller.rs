//! Hands on what a child tells of its run, sees to it that it makes sense, and tells the rest of the story when the child
//! cannot.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fulgurite_plan::Outcome;

use crate::channel::Error;
use crate::message::{Event, Figures, Given, RunComplete, StepComplete, StepStart};

use super::{Incoming, Room, Sink};

/// How long a sink without room is left alone.
pub(super) const AGAIN: Duration = Duration::from_millis(5);

/// Steps that may be in flight at once: far more than anybody waits for.
const MOST_OPEN: usize = 100_000;

pub(super) struct Teller {
    sink: Sink,
    /// What the sink last said.
    room: Room,
    began: Instant,
    /// The steps that run, since when: one, and those that it calls.
    steps: Vec<(StepStart, Instant)>,
    executions: u32,
    /// Executions whose output may be named as a result.
    leaves: HashSet<u32>,
    outcome: Option<Outcome>,
}

impl Teller {
    pub(super) fn new(sink: Sink) -> Teller {
        Teller {
            sink,
            room: Room::Free,
            began: Instant::now(),
            steps: Vec::new(),
            executions: 0,
            leaves: HashSet::new(),
            outcome: None,
        }
    }

    /// When the run, and the step that runs, began. A step over items has no time of its own.
    pub(super) fn clocks(&self) -> (Instant, Option<Instant>) {
        let timed = self.steps.iter().filter(|(step, _)| !step.over_items);
        (self.began, timed.map(|(_, since)| *since).min())
    }

    /// How the run ended, when it has been told.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Whether the sink has no room. Nothing more must be told then.
    pub(super) fn stuck(&self) -> bool {
        self.room == Room::Full
    }

    /// Asks a sink that was full again.
    pub(super) fn ask(&mut self) {
        if self.stuck() {
            self.room = (self.sink)(None);
        }
    }

    /// Hands on an event of the child.
    pub(super) fn tell(&mut self, event: Event, bodies: Vec<Bytes>) -> Result<(), Error> {
        if self.outcome.is_some() {
            return Err(Error::Order("an event after the last"));
        }
        match &event {
            Event::RunStart(_) | Event::Log(_) | Event::Traces(_) => {}
            Event::StepStart(step) => {
                let is_open = |number: &u32| self.steps.iter().any(|(open, _)| open.execution == *number);
                match &step.called_by {
                    None if !self.steps.is_empty() => return Err(Error::Order("a step within a step")),
                    Some(caller) if !is_open(caller) => return Err(Error::Order("a step called by none that runs")),
                    _ => {}
                }
                if self.steps.len() >= MOST_OPEN || is_open(&step.execution) {
                    return Err(Error::Order("a step too many"));
                }
                self.executions = self.executions.max(step.execution);
                self.steps.push((step.clone(), Instant::now()));
            }
            Event::StepComplete(step) => {
                let open = self.steps.iter().position(|(open, _)| open.execution == step.execution);
                let Some(open) = open else {
                    return Err(Error::Order("the end of a step that did not start"));
                };
                self.steps.remove(open);
                if step.next.is_empty() && step.output.is_some() {
                    self.leaves.insert(step.execution);
                }
            }
            Event::RunComplete(run) => {
                let known = |given: &Given| match given {
                    Given::Here(_) => true,
                    Given::OutputOf(execution) => self.leaves.contains(execution),
                };
                if !self.steps.is_empty() || !run.results.iter().all(|(_, given)| known(given)) {
                    return Err(Error::Order("the end of a run that has not ended"));
                }
                self.outcome = Some(run.outcome.clone());
            }
        }
        self.hand_on(Incoming { event, bodies });
        Ok(())
    }

    /// The rest of the story, when the child cannot tell it; answers how the run ended. Waits for the sink, as
    /// [`Teller::settle`] does.
    pub(super) fn conclude(&mut self, outcome: Outcome, enough: impl Fn() -> bool) -> Outcome {
        if let Some(outcome) = &self.outcome {
            return outcome.clone();
        }
        // The one that was called last is the one that ran; its callers end after it.
        let mut steps = std::mem::take(&mut self.steps);
        let outcome = match steps.last() {
            Some((step, _)) => outcome.in_step(&step.step),
            None => outcome,
        };
        while let Some((step, since)) = steps.pop() {
            let figures = Figures { duration: since.elapsed(), bytes_in: step.bytes_in, ..Figures::default() };
            let complete = StepComplete {
                execution: step.execution,
                step: step.step,
                outcome: outcome.clone(),
                output: None,
                webhook: None,
                next: Vec::new(),
                figures,
                items: None,
            };
            self.settle(&enough);
            self.hand_on(Incoming { event: Event::StepComplete(Box::new(complete)), bodies: Vec::new() });
        }
        let complete = RunComplete {
            outcome: outcome.clone(),
            results: Vec::new(),
            figures: Figures { duration: self.began.elapsed(), ..Figures::default() },
            executions: self.executions,
        };
        self.outcome = Some(outcome.clone());
        self.settle(&enough);
        self.hand_on(Incoming { event: Event::RunComplete(Box::new(complete)), bodies: Vec::new() });
        outcome
    }

    /// Waits until the sink has taken everything, or `enough` says that it had its chance.
    pub(super) fn settle(&mut self, enough: impl Fn() -> bool) {
        while self.stuck() && !enough() {
            std::thread::sleep(AGAIN);
            self.ask();
        }
    }

    fn hand_on(&mut self, incoming: Incoming) {
        self.room = (self.sink)(Some(incoming));
    }
}
