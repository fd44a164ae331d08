//! A plan in, events out: the runtime in thirty lines. Takes a job's code as its first argument and a state as its second.

#![allow(clippy::disallowed_methods, reason = "a program of its own, not the library")]

use fulgurite_plan::{Draft, DraftStep, Job, Plan, Source};
use fulgurite_runtime::{Event, Request, initialize, start};
use fulgurite_state::{IndexOptions, State};

fn main() {
    initialize();
    let mut arguments = std::env::args().skip(1);
    let code = arguments.next().unwrap_or_else(|| "export default [state => ({ ...state, done: true })];".into());
    let state = arguments.next().unwrap_or_else(|| r#"{"data": {"id": 7}}"#.into());

    let job = Job::new(Source { name: "job.js".into(), text: code.into() });
    let step = DraftStep { id: Some("only".into()), job: Some(job), ..DraftStep::default() };
    let plan = Plan::new(Draft { steps: vec![step], ..Draft::default() }).expect("one step is a plan");
    let input = State::parse(state, &IndexOptions::default()).expect("the state is JSON");

    let request = Request { input: Some(input), ..Request::new(plan) };
    let handle = start(request, |event| match event {
        Event::Log(log) => println!("{}: {}", log.level.as_str(), log.message),
        Event::StepComplete(step) => println!("{} {:?}\n{:#?}", step.step, step.outcome, step.figures),
        Event::RunComplete(run) => {
            let result = run.result().map(|state| String::from_utf8_lossy(&state.to_bytes()).into_owned());
            println!("{:?} {}", run.outcome, result.unwrap_or_default());
        }
        Event::RunStart(_) | Event::StepStart(_) => println!("{event:?}"),
    });
    handle.join();
}
