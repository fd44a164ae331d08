//! Runs a job or a plan and collects what came out.

use std::sync::{Arc, Mutex};

use fulgurite_plan::{Draft, DraftStep, Job, Outcome, Plan, Source};
use fulgurite_runtime::{Event, Log, Request, RunComplete, StepComplete, start};
use fulgurite_state::{IndexOptions, State};

/// Everything that a run said.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) logs: Vec<Log>,
    pub(crate) steps: Vec<StepComplete>,
    pub(crate) complete: Option<RunComplete>,
}

impl Report {
    pub(crate) fn outcome(&self) -> &Outcome {
        &self.complete.as_ref().expect("a run completes").outcome
    }

    /// The result as text; `-` when there is none.
    pub(crate) fn result(&self) -> String {
        let result = self.complete.as_ref().expect("a run completes").result();
        result.map_or("-".into(), |state| String::from_utf8(state.to_bytes().to_vec()).expect("a state is UTF-8"))
    }

    /// `success`, or `reason ErrorName: message`.
    pub(crate) fn ending(&self) -> String {
        match self.outcome() {
            Outcome::Success => "success".into(),
            Outcome::Kill(reason, error) => format!("kill {reason} {error}"),
            other => format!("{} {}", other.reason(), other.error().expect("only a success has none")),
        }
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.logs.iter().map(|log| format!("{}: {}", log.level.as_str(), log.message)).collect()
    }
}

/// Runs a request to its end.
pub(crate) fn run(request: Request) -> Report {
    let report = Arc::new(Mutex::new(Report::default()));
    let sink = report.clone();
    let handle = start(request, move |event| {
        let mut report = sink.lock().expect("no test panics in a sink");
        match event {
            Event::Log(log) => report.logs.push(log),
            Event::StepComplete(step) => report.steps.push(step),
            Event::RunComplete(run) => report.complete = Some(run),
            Event::RunStart(_) | Event::StepStart(_) => {}
        }
    });
    handle.join();
    Arc::into_inner(report).expect("the sink is gone").into_inner().expect("no test panics in a sink")
}

/// A step whose job is `code`, under the name `<id>.js`.
pub(crate) fn step(id: &str, code: &str) -> DraftStep {
    let job = Job::new(Source { name: format!("{id}.js"), text: code.into() });
    DraftStep { id: Some(id.into()), job: Some(job), ..DraftStep::default() }
}

/// A request for one step over a state given as text.
pub(crate) fn request(code: &str, input: &str, depth: usize) -> Request {
    let plan = Plan::new(Draft { steps: vec![step("step", code)], ..Draft::default() }).expect("one step is a plan");
    let index = IndexOptions::with_depth(depth);
    let input = State::parse(input.to_owned(), &index).expect("the test's input is JSON");
    Request { input: Some(input), index, ..Request::new(plan) }
}
