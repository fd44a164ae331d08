//! Servers that refuse, crash and fall silent, and runs that cannot be run: each ends for a reason that says what it was.

use fulgurite_lightning::{Action, Fault, NewRun, RunState, ServerVersion};
use fulgurite_worker::config::{Batch, Config};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{World, assert_state, chain, log_of, result, said, server_config, trial, worker_config};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("refusal_of_an_output_is_tried_without_it", output),
        trial("refusal_of_a_log_line", line),
        trial("refusal_by_a_crash_at_each_event", crashes),
        trial("refusal_of_run_complete", complete),
        trial("refusal_replies_that_never_come", silence),
        trial("refusal_batches_that_the_server_does_not_know", batches),
        trial("refusal_credentials_that_cannot_be_had", credentials),
        trial("refusal_plans_that_cannot_be_run", plans),
        trial("refusal_job_errors", errors),
        trial("refusal_pushes_that_come_twice", twice),
    ]
}

const LOGS: &str = "fn(state => { console.log('said'); return { ...state, data: { n: 1 } }; });";

async fn output() {
    let world = World::new().await;
    world.handle.fault(Fault::on("step:complete", Action::Refuse(json!({ "output_dataclip": ["is too much"] }))));
    let run = world.run(chain(&[("a", LOGS), ("b", "fn(state => ({ data: state.data.n + 1 }));")]), "{}").await;
    assert_state(&run, RunState::Success);
    assert_eq!(run.steps[0].reason.as_deref(), Some("success"), "the step is complete");
    assert_eq!((run.steps[0].output_dataclip_id.as_deref(), run.steps[1].input_dataclip_id.as_deref()), (None, None));
    assert_eq!(result(&world.handle, &run), json!({ "data": 2 }));
    world.end().await;
}

async fn line() {
    let world = World::new().await;
    world
        .handle
        .fault(Fault::on("run:log", Action::Refuse(json!({ "step_id": ["must be associated with the run"] }))).skip(3));
    let run = world.run(chain(&[("a", LOGS)]), "{}").await;
    assert_state(&run, RunState::Success);
    assert_eq!(said(&run), ["said"], "it is sent without its step then");
    world.end().await;
}

async fn crashes() {
    let world = World::new().await;
    for event in ["fetch:plan", "fetch:dataclip", "run:start", "step:start", "step:complete", "run:log", "run:complete"]
    {
        for action in [Action::Crash, Action::CrashAfter] {
            world.handle.fault(Fault::on(event, action.clone()));
            let run = world.run(chain(&[("a", LOGS)]), "{}").await;
            let what = format!("{event} {action:?}");
            assert_state(&run, RunState::Success);
            assert_eq!((run.steps.len(), run.steps[0].reason.as_deref()), (1, Some("success")), "{what}");
            let lines = said(&run).len();
            assert!(lines == 1 || log_of(&run).iter().any(|line| line.contains("may be missing")), "{what}");
        }
    }
    world.end().await;
}

async fn complete() {
    let world = World::new().await;
    world.handle.fault(
        Fault::on("run:complete", Action::Refuse(json!({ "errors": { "final_dataclip_id": ["does not exist"] } })))
            .times(2),
    );
    let run = world.run(chain(&[("a", LOGS)]), "{}").await;
    assert_state(&run, RunState::Success);
    world.end().await;
}

/// Each request in turn is handled, and its reply lost.
async fn silence() {
    let config = Config { message_timeout: std::time::Duration::from_millis(300), ..worker_config() };
    let world = World::with(server_config(), config).await;
    for event in ["fetch:plan", "fetch:dataclip", "run:start", "step:start", "run:log", "step:complete", "run:complete"]
    {
        world.handle.fault(Fault::on(event, Action::LoseReply));
        let run = world.run(chain(&[("a", LOGS)]), "{}").await;
        assert_state(&run, RunState::Success);
        assert_eq!(run.steps.len(), 1, "{event}");
        assert!(said(&run).len() <= 1, "{event}: nothing stands twice");
    }
    world.end().await;
}

async fn batches() {
    let server = fulgurite_lightning::Config { version: ServerVersion(2, 15, 0), ..server_config() };
    let world = World::with(server, Config { batch_logs: Some(Batch::default()), ..worker_config() }).await;
    let job = "fn(state => { for (let i = 0; i < 5; i++) console.log('line', i); return state; });";
    let run = world.run(chain(&[("a", job)]), "{}").await;
    assert_state(&run, RunState::Success);
    assert_eq!(said(&run), ["line 0", "line 1", "line 2", "line 3", "line 4"]);
    world.end().await;

    let world = World::with(server_config(), Config { batch_logs: Some(Batch::default()), ..worker_config() }).await;
    // One bad line must not take the others along.
    world.handle.fault(Fault::on("run:batch_logs", Action::Refuse(json!({ "message": ["is invalid"] }))));
    let run = world.run(chain(&[("a", job)]), "{}").await;
    assert_eq!(said(&run).len(), 5);
    world.end().await;
}

async fn credentials() {
    let world = World::new().await;
    let mut plan = chain(&[("a", "fn(state => ({ is: state.configuration }));"), ("b", "fn(state => state);")]);
    plan["jobs"][0]["credential_id"] = json!("c");
    plan["jobs"][1]["credential_id"] = json!("c");
    let with = |body: Value| NewRun { credentials: [("c".to_owned(), body)].into(), ..NewRun::new(plan.clone(), "{}") };
    for (error, expected) in [
        (
            json!("Could not reach the oauth provider. Try again later"),
            "\"Could not reach the oauth provider. Try again later\"",
        ),
        (json!({ "errors": { "id": ["Credential not found!"] } }), "{\"errors\":{\"id\":[\"Credential not found!\"]}}"),
    ] {
        let id = world.handle.enqueue(with(json!({ "error": error })));
        let run = world.handle.wait(&id).await;
        assert_state(&run, RunState::Exception);
        assert_eq!(run.error_type.as_deref(), Some("CredentialLoadError"));
        let message = format!("Failed to load credential c: [fetch:credential] {expected}");
        assert_eq!(run.error_message.as_deref(), Some(message.as_str()));
        assert!(run.steps.is_empty());
    }
    // A keychain in which nothing fits.
    let id = world.handle.enqueue(with(Value::Null));
    let run = world.handle.wait(&id).await;
    assert_state(&run, RunState::Success);
    assert_eq!(result(&world.handle, &run), json!({ "is": {}, "data": {} }));
    let of_run =
        |request: &&fulgurite_lightning::Recorded| request.event == "fetch:credential" && request.topic.ends_with(&id);
    assert_eq!(world.handle.record().iter().filter(of_run).count(), 1, "two steps, one credential, one request");
    world.end().await;
}

async fn plans() {
    let world = World::new().await;
    let mut unknown = chain(&[("a", LOGS)]);
    unknown["jobs"][0]["adaptor"] = json!("@openfn/language-nothing@1.0.0");
    let mut path = chain(&[("a", LOGS)]);
    path["jobs"][0]["adaptor"] = json!("/etc/passwd.js");
    let syntax = chain(&[("a", "fn(state => {")]);
    for (plan, state, class, says) in [
        (unknown, RunState::Exception, "AutoinstallError", "@openfn/language-nothing@1.0.0"),
        (path, RunState::Crashed, "ValidationError", "it has to be a package"),
        (syntax, RunState::Crashed, "CompileError", ""),
    ] {
        let run = world.run(plan, "{}").await;
        assert_state(&run, state);
        assert_eq!(run.error_type.as_deref(), Some(class));
        let message = run.error_message.clone().unwrap_or_default();
        assert!(message.contains(says), "{message}");
        assert!(run.steps.is_empty());
        assert!(log_of(&run).iter().any(|line| line.contains(class)), "{:?}", log_of(&run));
    }
    let unread = world.handle.enqueue(NewRun::new(chain(&[("a", LOGS)]), "{\"data\": "));
    let run = world.handle.wait(&unread).await;
    assert_state(&run, RunState::Exception);
    world.end().await;
}

async fn errors() {
    let world = World::new().await;
    let mut plan = chain(&[
        ("a", "fn(state => state.nothing.here);"),
        ("b", "fn(state => ({ after: Object.keys(state.errors) }));"),
    ]);
    plan["edges"][0]["condition"] = json!("on_job_failure");
    let run = world.run(plan, "{}").await;
    assert_state(&run, RunState::Success);
    let failed = &run.steps[0];
    assert_eq!((failed.reason.as_deref(), failed.error_type.as_deref()), (Some("fail"), Some("TypeError")));
    assert!(log_of(&run).iter().any(|line| line.contains("Check state.errors.a")), "{:?}", log_of(&run));
    assert_eq!(result(&world.handle, &run), json!({ "after": ["a"] }));

    let failed = world.run(chain(&[("a", "fn(() => { throw new Error('x'); });")]), "{}").await;
    assert_state(&failed, RunState::Failed);
    let crashed = world.run(chain(&[("a", "fn(() => missing);")]), "{}").await;
    assert_state(&crashed, RunState::Crashed);
    assert_eq!(crashed.steps[0].error_type.as_deref(), Some("ReferenceError"));
    let mut slow = chain(&[("a", "fn(() => { while (true) {} });")]);
    slow["options"] = json!({ "run_timeout_ms": 300 });
    let killed = world.run(slow, "{}").await;
    assert_state(&killed, RunState::Killed);
    assert_eq!(killed.error_type.as_deref(), Some("TimeoutError"));
    let mut large = chain(&[("a", "fn(() => { const all = []; while (true) all.push(new Array(1000).fill(1)); });")]);
    large["options"] = json!({ "run_memory_limit_mb": 32 });
    let killed = world.run(large, "{}").await;
    assert_state(&killed, RunState::Killed);
    assert_eq!(killed.error_type.as_deref(), Some("OOMError"));
    world.end().await;
}

async fn twice() {
    let world = World::new().await;
    world.handle.fault(Fault::on("work-available", Action::Duplicate).times(3));
    for _ in 0..3 {
        assert_state(&world.run(chain(&[("a", LOGS)]), "{}").await, RunState::Success);
    }
    world.end().await;
}
