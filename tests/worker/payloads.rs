//! States on their way to the server: at the border of what it takes, and beyond it.

use fulgurite_lightning::{RunState, ServerVersion};
use fulgurite_worker::config::{Config, Limits, StateForm};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{World, assert_state, chain, log_of, result, server_config, trial, worker_config};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("payload_border_as_text", || border(StateForm::Text)),
        trial("payload_border_as_json", || border(StateForm::Json)),
        trial("payload_withheld_state_goes_on", withheld),
        trial("payload_projects_that_keep_nothing", erased),
        trial("payload_nul_and_scalars", nul),
        trial("payload_fifty_megabytes_between_steps", fifty),
        trial("payload_large_input", large_input),
        trial("payload_steps_that_are_called", called),
        trial("payload_webhook_answers_have_a_limit", webhook),
        trial("payload_numbers_beyond_a_double", numbers),
        trial("payload_servers_that_know_texts_only", texts_only),
    ]
}

/// States so large that the frame, or the state itself, is just at 11,000,000 bytes.
async fn border(states: StateForm) {
    let limits = Limits { payload: 64 << 20, ..Limits::default() };
    let world = World::with(server_config(), Config { states, defaults: limits, ..worker_config() }).await;
    let job = "fn(state => ({ data: 'x'.repeat(state.data.size), n: 1 }));";
    // Another run beside it, all the time: the connection is the same.
    let neighbour = "fn(state => { console.log('here'); return new Promise(resolve => setTimeout(() => resolve({ ok: 1 }), 200)); });";
    for bytes in [10_990_000_u64, 10_999_999, 11_000_000, 11_000_001, 11_100_000] {
        // `{"data":"…","n":1}` has 17 bytes beside the text, and in a JSON string six of them have a backslash and two quotes around.
        let beside = if states == StateForm::Text { 17 + 6 + 2 } else { 17 };
        let size = bytes - beside;
        let beside_it = world.handle.enqueue(fulgurite_lightning::NewRun::new(chain(&[("n", neighbour)]), "{}"));
        let run = world.run(chain(&[("a", job)]), &json!({ "data": { "size": size } }).to_string()).await;
        assert_state(&run, RunState::Success);
        let step = &run.steps[0];
        let fits = bytes == 10_990_000;
        assert_eq!(step.output_dataclip_id.is_some(), fits, "{bytes} bytes: {step:?}");
        let told = log_of(&run).iter().filter(|line| line.contains("will not be sent back to the app")).count();
        assert_eq!(told > 0, !fits, "{bytes} bytes: {:?}", log_of(&run));
        if fits {
            let clip = world.handle.clip(step.output_dataclip_id.as_deref().expect("it fits")).expect("it is kept");
            assert!(clip.len() as u64 >= size);
        }
        assert_state(&world.handle.wait(&beside_it).await, RunState::Success);
    }
    assert_eq!(world.handle.sockets(), 1, "the connection lived through all");
    assert_eq!(
        world
            .handle
            .record()
            .iter()
            .filter(|request| request.event == "phx_join" && request.topic == "worker:queue")
            .count(),
        1
    );
    world.end().await;
}

/// An output that is not sent is whole for the next step all the same.
async fn withheld() {
    let limits = Limits { payload: 1000, ..Limits::default() };
    let world = World::with(server_config(), Config { defaults: limits, ..worker_config() }).await;
    let plan = chain(&[
        ("big", "fn(state => ({ data: { text: 'x'.repeat(5000), kept: 1 } }));"),
        ("small", "fn(state => ({ data: { length: state.data.text.length, kept: state.data.kept } }));"),
    ]);
    let run = world.run(plan, "{}").await;
    assert_state(&run, RunState::Success);
    assert_eq!(result(&world.handle, &run)["data"], json!({ "kept": 1, "length": 5000 }));
    let (big, small) = (&run.steps[0], &run.steps[1]);
    assert_eq!(big.output_dataclip_error.as_deref(), Some("DATACLIP_TOO_LARGE"));
    assert_eq!(
        (big.output_dataclip_id.as_deref(), small.input_dataclip_id.as_deref()),
        (None, None),
        "nothing refers to it"
    );
    assert_eq!(big.reason.as_deref(), Some("success"));
    assert!(small.output_dataclip_id.is_some());

    let alone = world.run(chain(&[("big", "fn(state => ({ data: 'x'.repeat(5000) }));")]), "{}").await;
    assert_state(&alone, RunState::Success);
    assert!(world.handle.result(&alone.id).is_none());
    assert!(log_of(&alone).iter().any(|line| line.contains("final state")), "{:?}", log_of(&alone));
    world.end().await;
}

async fn erased() {
    let world = World::new().await;
    let mut plan = chain(&[
        ("a", "fn(state => ({ data: state.data.n + 1 }));"),
        ("b", "fn(state => ({ data: state.data + 1 }));"),
    ]);
    plan["options"] = json!({ "output_dataclips": false, "job_log_level": "none" });
    let run = world.run(plan, r#"{"data": {"n": 1}}"#).await;
    assert_state(&run, RunState::Success);
    for step in &run.steps {
        let clip = step.output_dataclip_id.as_deref().expect("a row says that there was one");
        assert!(world.handle.has_clip(clip) && world.handle.clip(clip).is_none(), "and nothing of it is kept");
    }
    assert_eq!(run.steps[1].input_dataclip_id, run.steps[0].output_dataclip_id);
    let fetched = world.handle.record().iter().filter(|request| request.event == "fetch:dataclip").count();
    assert_eq!(fetched, 1, "the input is gone after the first time");
    world.end().await;
}

async fn nul() {
    for (states, version) in [(StateForm::Text, ServerVersion(2, 16, 2)), (StateForm::Json, ServerVersion(2, 18, 2))] {
        let server = fulgurite_lightning::Config { version, ..server_config() };
        let world = World::with(server, Config { states, ..worker_config() }).await;
        let run = world.run(chain(&[("a", r"fn(state => ({ text: 'a\u0000b', slash: 'a\\u0000b' }));")]), "{}").await;
        assert_state(&run, RunState::Success);
        assert_eq!(result(&world.handle, &run), json!({ "text": "a\u{fffd}b", "slash": "a\\u0000b" }));
        assert!(log_of(&run).iter().any(|line| line.contains("NUL")), "{:?}", log_of(&run));
        let half = "fn(state => ({ half: '\u{1F600}'.slice(0, 1), webhookResponse: { body: { half: '\u{1F600}'.slice(1) } } }));";
        let run = world.run(chain(&[("a", half)]), "{}").await;
        assert_state(&run, RunState::Success);
        assert_eq!(result(&world.handle, &run)["half"], "\u{fffd}");
        assert_eq!(run.steps[0].webhook_response, Some(json!({ "body": { "half": "\u{fffd}" } })));
        let named = "fn(() => { throw Object.assign(new Error('x\\u0000'), { name: 'N\\u0000' }); });";
        let run = world.run(chain(&[("a", named)]), "{}").await;
        assert_state(&run, RunState::Failed);
        assert_eq!(run.steps[0].reason.as_deref(), Some("fail"));
        for (job, expected) in
            [("fn(() => 42);", json!(42)), ("fn(() => 'text');", json!("text")), ("fn(() => [1, 2]);", json!([1, 2]))]
        {
            let run = world.run(chain(&[("a", job)]), "{}").await;
            assert_state(&run, RunState::Success);
            assert_eq!(result(&world.handle, &run), json!({ "value": expected }), "{job}");
        }
        world.end().await;
    }
}

async fn fifty() {
    let world = World::new().await;
    let plan = chain(&[
        ("a", "fn(state => ({ data: 'x'.repeat(50_000_000) }));"),
        ("b", "fn(state => ({ data: state.data.length }));"),
    ]);
    let run = world.run(plan, "{}").await;
    assert_state(&run, RunState::Success);
    assert_eq!(result(&world.handle, &run), json!({ "data": 50_000_000 }));
    world.end().await;
}

/// A step that another calls is a step of the run, with its own output and logs; its input is nowhere on the server.
async fn called() {
    let world = World::with(fulgurite_lightning::Config { overlaps: true, ..server_config() }, worker_config()).await;
    let mut plan = chain(&[
        (
            "a",
            "fn(async state => { const { data } = await call('b', { data: { n: 20 } }); return { data: { n: data.n + 2 } }; });",
        ),
        ("c", "fn(state => state);"),
    ]);
    let callee = super::job(
        "b",
        "fn(state => { console.log('called with', state.data.n); return { data: { n: state.data.n * 2 } }; });",
    );
    plan["jobs"].as_array_mut().expect("a list").push(callee);
    let run = world.run(plan, "{}").await;
    assert_state(&run, RunState::Success);
    assert_eq!(result(&world.handle, &run), json!({ "data": { "n": 42 } }));
    let jobs: Vec<&str> = run.steps.iter().map(|step| step.job_id.as_str()).collect();
    assert_eq!(jobs, ["a", "b", "c"]);
    let [a, b, c] = &run.steps[..] else { panic!("three steps") };
    assert_eq!((b.input_dataclip_id.as_deref(), b.reason.as_deref()), (None, Some("success")));
    assert!(b.output_dataclip_id.is_some());
    assert_eq!(c.input_dataclip_id, a.output_dataclip_id);
    assert!(log_of(&run).iter().any(|line| line == "info JOB b called with 20"), "{:?}", log_of(&run));
    world.end().await;
}

async fn webhook() {
    let limits = Limits { payload: 1000, ..Limits::default() };
    let world = World::with(server_config(), Config { defaults: limits, ..worker_config() }).await;
    let run = world
        .run(chain(&[("a", "fn(state => ({ webhookResponse: { body: { text: 'x'.repeat(2000) } } }));")]), "{}")
        .await;
    assert_state(&run, RunState::Success);
    assert_eq!((run.steps[0].reason.as_deref(), &run.steps[0].webhook_response), (Some("success"), &None));
    assert!(log_of(&run).iter().any(|line| line.contains("`webhookResponse` will not be sent")), "{:?}", log_of(&run));
    world.end().await;
}

/// What nobody touched goes through as it is, and a server could not read it: it would close the connection of all runs.
async fn numbers() {
    for states in [StateForm::Text, StateForm::Json] {
        let server = fulgurite_lightning::Config { jsonb: false, ..server_config() };
        let world = World::with(server, Config { states, ..worker_config() }).await;
        let run = world.run(chain(&[("a", "fn(state => state);")]), r#"{"data": {"n": 1e400}}"#).await;
        assert_state(&run, RunState::Success);
        assert_eq!(run.steps[0].output_dataclip_id, None);
        assert!(
            log_of(&run).iter().any(|line| line.contains("The server cannot keep this output")),
            "{:?}",
            log_of(&run)
        );
        assert_eq!(world.handle.sockets(), 1);
        world.end().await;
    }
}

/// A worker that was told to send values learns that the server knows texts only, once for all runs.
async fn texts_only() {
    let server = fulgurite_lightning::Config { version: ServerVersion(2, 18, 0), ..server_config() };
    let world = World::with(server, Config { states: StateForm::Json, ..worker_config() }).await;
    // An output that is erased is written in neither form, and teaches nothing.
    let mut erased = chain(&[("a", "fn(() => ({ n: 1 }));")]);
    erased["options"] = json!({ "output_dataclips": false });
    assert_state(&world.run(erased, "{}").await, RunState::Success);
    for _ in 0..3 {
        let run = world.run(chain(&[("a", "fn(() => ({ n: 1 }));")]), "{}").await;
        assert!(run.steps[0].output_dataclip_id.is_some(), "{:?}", run.steps);
        assert_state(&run, RunState::Success);
        assert_eq!(result(&world.handle, &run), json!({ "n": 1 }));
    }
    let crashes = world
        .handle
        .record()
        .iter()
        .filter(|request| matches!(request.answer, fulgurite_lightning::Answer::Crash(_)))
        .count();
    assert_eq!(crashes, 1);
    world.end().await;
}

async fn large_input() {
    let world = World::new().await;
    let text = format!("{{\"data\": {{\"text\": \"{}\", \"n\": 3}}}}", "ü".repeat(10_000_000));
    let run = world
        .run(chain(&[("a", "fn(state => ({ data: { n: state.data.n, length: state.data.text.length } }));")]), &text)
        .await;
    assert_state(&run, RunState::Success);
    assert_eq!(result(&world.handle, &run)["data"], json!({ "n": 3, "length": 10_000_000 }));
    let nothing = world
        .handle
        .enqueue(fulgurite_lightning::NewRun { plan: chain(&[("a", "fn(state => state);")]), ..Default::default() });
    let run = world.handle.wait(&nothing).await;
    assert_state(&run, RunState::Success);
    assert_eq!(result(&world.handle, &run).get("data"), Some(&Value::Object(Default::default())));
    world.end().await;
}
