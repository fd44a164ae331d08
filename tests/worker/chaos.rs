//! Connections that are cut wherever they can be cut: every run ends once, with the right result, and nothing is said twice.

use std::collections::HashSet;

use fulgurite_lightning::{Action, Chaos, Direction, Fault, How, NewRun, Place, RunState};
use libtest_mimic::Trial;
use serde_json::json;

use super::{World, assert_state, chain, result, said, server_config, trial, worker_config};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("chaos_a_cut_at_every_place_of_every_request", every_place),
        trial("chaos_hundred_runs", || hundred(1, 100)),
        trial("long_chaos_thousand_runs", || hundred(2, 1000)).with_ignored_flag(true),
        trial("chaos_a_server_that_restarts", restart),
    ]
}

const EVENTS: [&str; 9] = [
    "phx_join",
    "fetch:plan",
    "fetch:dataclip",
    "fetch:credential",
    "run:start",
    "run:log",
    "step:start",
    "step:complete",
    "run:complete",
];

const PLACES: [Place; 11] = [
    Place::Before,
    Place::Header,
    Place::Mask,
    Place::Start,
    Place::Middle,
    Place::End,
    Place::Received,
    Place::Handled,
    Place::InReply,
    Place::AfterReply,
    Place::Byte(9),
];

fn plan() -> serde_json::Value {
    let mut plan = chain(&[
        (
            "a",
            "fn(state => { console.log('one', state.data.n); return { ...state, data: { n: state.data.n + 1 } }; });",
        ),
        (
            "b",
            "fn(state => { console.log('two', state.data.n); return { ...state, data: { n: state.data.n + 1 } }; });",
        ),
    ]);
    plan["jobs"][0]["credential_id"] = json!("cred");
    plan
}

fn new(n: usize) -> NewRun {
    let credentials = [("cred".to_owned(), json!({ "password": "open sesame" }))];
    NewRun { credentials: credentials.into(), ..NewRun::new(plan(), format!("{{\"data\": {{\"n\": {n}}}}}")) }
}

async fn every_place() {
    let world = World::new().await;
    for event in EVENTS {
        for place in PLACES {
            for how in [How::Reset, How::Close] {
                let cuts = world.handle.cuts().len();
                let id = format!("{event}-{place:?}-{how:?}").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                let cut = Action::Cut { direction: Direction::In, place, how };
                world.handle.fault(Fault::on(event, cut).topic(format!("run:{id}")));
                world.handle.enqueue(NewRun { id: Some(id.clone()), ..new(1) });
                let run = world.handle.wait(&id).await;
                let what = format!("{event} {place:?} {how:?}");
                assert_state(&run, RunState::Success);
                assert_eq!(result(&world.handle, &run)["data"]["n"], 3, "{what}");
                assert_eq!(run.steps.len(), 2, "{what}");
                assert!(run.steps.iter().all(|step| step.output_dataclip_id.is_some()), "{what}: {:?}", run.steps);
                assert_eq!(world.handle.cuts().len(), cuts + 1, "{what}: it was cut");
                lines_once(&run, &what);
            }
        }
    }
    world.end().await;
}

/// No line twice; a line may be missing only where one says so.
fn lines_once(run: &fulgurite_lightning::Run, what: &str) {
    let said = said(run);
    let distinct: HashSet<&String> = said.iter().collect();
    assert_eq!(distinct.len(), said.len(), "{what}: a line stands twice: {said:?}");
    let notes = run.logs.iter().filter(|line| line.message.contains("may be missing")).count();
    assert!(said.len() + notes >= 2, "{what}: a line is missing, and nothing says so: {said:?}");
}

async fn hundred(seed: u64, runs: usize) {
    // A run that was handed out in a reply which never arrived is lost, whatever a worker does: claims are spared, and one whose
    // reply could not be written any more is taken back.
    let server = fulgurite_lightning::Config { rollback_claims: true, ..server_config() };
    let world = World::with(server, worker_config()).await;
    world.handle.chaos(Chaos { seed, every: 25, limit: None, spare: vec!["claim".into()] });
    let ids: Vec<String> = (0..runs).map(|n| world.handle.enqueue(new(n))).collect();
    for (n, id) in ids.iter().enumerate() {
        let run = world.handle.wait(id).await;
        assert_state(&run, RunState::Success);
        assert_eq!(result(&world.handle, &run)["data"]["n"], n + 2);
        lines_once(&run, id);
    }
    world.handle.peace();
    let cuts = world.handle.cuts();
    assert!(cuts.len() * 10 >= runs, "{} cuts for {runs} runs", cuts.len());
    world.end().await;
}

/// All sockets are told to go, again and again.
async fn restart() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(world.handle.enqueue(new(n)));
        if n % 5 == 4 {
            world.handle.close_all(1012);
        }
        let id = ids.last().expect("it was just put there");
        assert_state(&world.handle.wait(id).await, RunState::Success);
    }
    world.end().await;
}
