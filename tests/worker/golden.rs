//! What goes over the wire for one run, request by request, against a file: names, order and payloads.

use std::collections::HashMap;

use fulgurite_lightning::{Answer, NewRun, Recorded, RunState, ServerVersion};
use fulgurite_worker::config::{Batch, StateForm};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{World, assert_state, job, server_config, trial, worker_config};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("golden_states_as_text", || golden("text", StateForm::Text, None, ServerVersion(2, 16, 0))),
        trial("golden_states_as_json", || golden("json", StateForm::Json, None, ServerVersion(2, 18, 2))),
        trial("golden_logs_together", || {
            golden("batch", StateForm::Json, Some(Batch::default()), ServerVersion(2, 18, 2))
        }),
        trial("golden_openfns_mock", mock),
    ]
}

/// Three steps: one with a credential, one that a condition leads to, one that it does not lead to.
fn plan() -> Value {
    let mut first = job(
        "first",
        "fn(state => { console.log('user', state.configuration.username, state.configuration.password); return { ...state, data: { n: 41 } }; });",
    );
    first["credential_id"] = json!("cred");
    json!({
        "triggers": [{ "id": "trigger" }],
        "jobs": [
            first,
            job("second", "fn(state => { console.warn('n', state.data.n, 'ü \\u0001'); return { ...state, data: { n: state.data.n + 1, text: 'a\"b\\\\c\\n' } }; });"),
            job("never", "fn(state => state);"),
            job("third", "fn(state => ({ ...state, webhookResponse: { status: 202, body: { ok: true } } }));"),
        ],
        "edges": [
            { "id": "e0", "source_trigger_id": "trigger", "source_job_id": null, "target_job_id": "first", "condition": "always", "enabled": true },
            { "id": "e1", "source_job_id": "first", "target_job_id": "second", "condition": "state.data.n > 40", "enabled": true },
            { "id": "e2", "source_job_id": "first", "target_job_id": "never", "condition": "on_job_failure", "enabled": true },
            { "id": "e3", "source_job_id": "second", "target_job_id": "third", "condition": "on_job_success", "enabled": true },
        ],
        "starting_node_id": "trigger",
    })
}

async fn golden(name: &str, states: StateForm, batch_logs: Option<Batch>, version: ServerVersion) {
    let server = fulgurite_lightning::Config { version, ..server_config() };
    let config =
        fulgurite_worker::config::Config { states, batch_logs, name: Some("golden".into()), ..worker_config() };
    let world = World::with(server, config).await;
    let run = once(&world).await;
    assert_state(&run, RunState::Success);
    let shown = shown(&world.handle.record());
    check(name, &shown);
    world.end().await;
}

/// As OpenFn's own mock behaves, which is not as the server does: other names for replies, bytes as numbers, no answers to heartbeats.
async fn mock() {
    let world = World::with(fulgurite_lightning::Config { quirks: true, ..server_config() }, worker_config()).await;
    let run = once(&world).await;
    assert_state(&run, RunState::Success);
    world.end().await;
}

async fn once(world: &World) -> fulgurite_lightning::Run {
    let credentials = [("cred".to_owned(), json!({ "username": "me", "password": "open sesame", "empty": "" }))];
    let new = NewRun { credentials: credentials.into(), ..NewRun::new(plan(), r#"{"data": {"in": 1}}"#) };
    let id = world.handle.enqueue(new);
    let run = world.handle.wait(&id).await;
    // The last thing that a run does is to leave; what else is asked for after it depends on the clock.
    let topic = format!("run:{id}");
    world.handle.until(|handle| handle.channels(&topic) == 0).await;
    run
}

/// Requests one on each line, with names in place of ids and figures.
fn shown(record: &[Recorded]) -> String {
    let mut names = Names::default();
    let mut claimed = false;
    let mut text = String::new();
    for request in record {
        // How often it asks for nothing depends on the clock.
        let answer = match &request.answer {
            Answer::Ok(text) if request.event == "claim" && text.contains("\"runs\":[]") => continue,
            Answer::Ok(_) if request.event == "claim" && std::mem::replace(&mut claimed, true) => continue,
            Answer::Ok(text) => format!("ok {}", names.show(&serde_json::from_str(text).expect("an answer is JSON"))),
            Answer::Binary(bytes) => format!("binary {}", String::from_utf8_lossy(bytes)),
            other => format!("{other:?}"),
        };
        if request.event == "heartbeat" {
            continue;
        }
        let payload = names.show(&request.json().expect("a payload is JSON"));
        let topic = if request.topic.starts_with("run:") { "run" } else { &request.topic };
        text.push_str(&format!("{topic} {} {payload}\n    → {answer}\n", request.event));
    }
    text
}

#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn show(&mut self, value: &Value) -> String {
        self.named(None, value).to_string()
    }

    fn named(&mut self, key: Option<&str>, value: &Value) -> Value {
        match (key, value) {
            (Some("timestamp"), Value::String(stamp)) => {
                assert_eq!(stamp.len(), 16, "microseconds");
                json!("<stamp>")
            }
            (Some("duration" | "thread_id" | "job" | "system"), Value::Number(_)) => json!("<number>"),
            (Some("v8" | "fulgurite" | "worker"), _) => json!("<version>"),
            (Some("token"), _) => json!("<token>"),
            (_, Value::String(text)) => json!(self.text(text)),
            (_, Value::Array(items)) => items.iter().map(|item| self.named(None, item)).collect(),
            (_, Value::Object(members)) => {
                members.iter().map(|(key, value)| (key.clone(), self.named(Some(key), value))).collect()
            }
            (_, other) => other.clone(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        if let Some(rest) = text.strip_prefix("Versions:") {
            let lines = rest.lines().filter(|line| !line.is_empty());
            let names: Vec<&str> = lines.filter_map(|line| line.split_whitespace().nth(1)).collect();
            return format!("Versions: {}", names.join(", "));
        }
        let is_id = text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4;
        if !is_id {
            return text.to_owned();
        }
        let next = format!("<id {}>", self.0.len() + 1);
        self.0.entry(text.to_owned()).or_insert(next).clone()
    }
}

fn check(name: &str, shown: &str) {
    let path = format!("{}/../tests/worker/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(&path, shown).expect("the case can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).expect("the case can be read (UPDATE_CASES=1 writes it)");
    assert_eq!(shown, expected, "what went over the wire is not what {path} says");
}
