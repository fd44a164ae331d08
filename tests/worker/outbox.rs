//! A worker that is killed, and another that finds what it left behind.

use std::process::{Child, Command, Stdio};

use fulgurite_lightning::{Action, Direction, Fault, How, NewRun, Place, RunState, Server};
use libtest_mimic::Trial;

use super::{chain, said, server_config, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("outbox_a_killed_worker", killed),
        trial("outbox_a_killed_worker_whose_run_was_over", killed_at_the_end),
        trial("outbox_nothing_is_left", nothing_left),
        trial("outbox_of_another_worker", locked),
    ]
}

fn start(server: &Server, outbox: &std::path::Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.args(["worker", "--lightning", &server.url(), "--port", "0", "--capacity", "1", "--outbox"]).arg(outbox);
    command.env("WORKER_SECRET", "secret").stderr(Stdio::null()).spawn().expect("it starts")
}

fn entries(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).expect("the folder is there").flatten().filter(|entry| entry.path().is_dir()).count()
}

async fn killed() {
    let server = Server::start(server_config()).await.expect("a server starts");
    let handle = server.handle();
    let outbox = tempfile::tempdir().expect("there is room");
    let mut worker = start(&server, outbox.path());
    // The first step is complete, but the server has not said that it knows; then the worker dies in the second.
    let plan = chain(&[
        ("a", "fn(state => { console.log('one'); return { ...state, data: { n: 1 } }; });"),
        ("b", "fn(state => { console.log('two'); return new Promise(resolve => setTimeout(resolve, 1e9)); });"),
    ]);
    handle.fault(Fault::on("step:complete", Action::Hold));
    let id = handle.enqueue(NewRun::new(plan, "{}"));
    handle.until(|handle| handle.record().iter().any(|request| request.event == "step:complete")).await;
    // What the second step does is in the outbox by now, or not; both are to be settled.
    worker.kill().expect("it lives");
    worker.wait().expect("it ends");
    handle.release();

    let mut second = start(&server, outbox.path());
    let run = handle.wait(&id).await;
    assert_eq!((run.state, run.error_type.as_deref()), (RunState::Killed, Some("WorkerLostError")), "{run:?}");
    let first = &run.steps[0];
    assert_eq!((first.job_id.as_str(), first.reason.as_deref()), ("a", Some("success")));
    assert!(first.output_dataclip_id.is_some(), "its output is there: {first:?}");
    assert!(run.steps.iter().all(|step| step.reason.is_some()), "no step is open: {:?}", run.steps);
    assert_eq!(said(&run)[0], "one");
    handle.until(|_| entries(outbox.path()) == 0).await;
    second.kill().expect("it lives");
    second.wait().expect("it ends");
    assert_eq!(handle.violations(), Vec::<String>::new());
}

async fn killed_at_the_end() {
    let server = Server::start(server_config()).await.expect("a server starts");
    let handle = server.handle();
    let outbox = tempfile::tempdir().expect("there is room");
    let mut worker = start(&server, outbox.path());
    let cut = Action::Cut { direction: Direction::In, place: Place::Middle, how: How::Reset };
    handle.fault(Fault::on("run:complete", cut).times(1_000));
    let id = handle.enqueue(NewRun::new(chain(&[("a", "fn(state => ({ data: { n: 7 } }));")]), "{}"));
    handle.until(|handle| !handle.cuts().is_empty()).await;
    worker.kill().expect("it lives");
    worker.wait().expect("it ends");
    handle.peace();
    let mut second = start(&server, outbox.path());
    let run = handle.wait(&id).await;
    assert_eq!(run.state, RunState::Success, "{run:?}");
    assert_eq!(handle.result(&id).as_deref(), Some(&b"{\"data\": {\"n\": 7}}"[..]));
    second.kill().expect("it lives");
    second.wait().expect("it ends");
    assert_eq!(handle.violations(), Vec::<String>::new());
}

async fn nothing_left() {
    let server = Server::start(server_config()).await.expect("a server starts");
    let handle = server.handle();
    let outbox = tempfile::tempdir().expect("there is room");
    let mut worker = start(&server, outbox.path());
    for _ in 0..3 {
        let id = handle.enqueue(NewRun::new(chain(&[("a", "fn(state => { console.log(1); return state; });")]), "{}"));
        assert_eq!(handle.wait(&id).await.state, RunState::Success);
        let topic = format!("run:{id}");
        handle.until(|handle| handle.channels(&topic) == 0).await;
    }
    assert_eq!(entries(outbox.path()), 0);
    worker.kill().expect("it lives");
    worker.wait().expect("it ends");
}

/// Two workers on one folder would end each other's runs.
async fn locked() {
    let server = Server::start(server_config()).await.expect("a server starts");
    let outbox = tempfile::tempdir().expect("there is room");
    let mut first = start(&server, outbox.path());
    server.handle().until(|handle| handle.sockets() == 1).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command
        .args(["worker", "--lightning", &server.url(), "--port", "0", "--capacity", "1", "--outbox"])
        .arg(outbox.path());
    let second =
        tokio::task::spawn_blocking(move || command.env("WORKER_SECRET", "secret").output().expect("it starts"));
    let second = second.await.expect("nothing panics");
    assert_eq!(second.status.code(), Some(3));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("another worker is using it"), "{text}");
    first.kill().expect("it lives");
    first.wait().expect("it ends");
}
