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

pub(super) struct Teller {
    sink: Sink,
    /// What the sink last said.
    room: Room,
    began: Instant,
    /// The step that runs, since when.
    step: Option<(StepStart, Instant)>,
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
            step: None,
            executions: 0,
            leaves: HashSet::new(),
            outcome: None,
        }
    }

    /// When the run, and the step that runs, began.
    pub(super) fn clocks(&self) -> (Instant, Option<Instant>) {
        (self.began, self.step.as_ref().map(|(_, since)| *since))
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
            Event::RunStart(_) | Event::Log(_) => {}
            Event::StepStart(step) => {
                if self.step.is_some() {
                    return Err(Error::Order("a step within a step"));
                }
                self.executions = step.execution;
                self.step = Some((step.clone(), Instant::now()));
            }
            Event::StepComplete(step) => {
                if self.step.take().is_none_or(|(started, _)| started.execution != step.execution) {
                    return Err(Error::Order("the end of a step that did not start"));
                }
                if step.next.is_empty() && step.output.is_some() {
                    self.leaves.insert(step.execution);
                }
            }
            Event::RunComplete(run) => {
                let known = |given: &Given| match given {
                    Given::Here(_) => true,
                    Given::OutputOf(execution) => self.leaves.contains(execution),
                };
                if self.step.is_some() || !run.results.iter().all(|(_, given)| known(given)) {
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
        let step = self.step.take();
        let outcome = match &step {
            Some((step, _)) => outcome.in_step(&step.step),
            None => outcome,
        };
        if let Some((step, since)) = step {
            let figures = Figures { duration: since.elapsed(), bytes_in: step.bytes_in, ..Figures::default() };
            let complete = StepComplete {
                execution: step.execution,
                step: step.step,
                outcome: outcome.clone(),
                output: None,
                webhook: None,
                next: Vec::new(),
                figures,
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
