//! Looking at runs.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::happening::{Happened, Happening};
use crate::run::{Clip, LogLine, Run};
use crate::store::{Locked, Shared};

type App = State<Arc<Shared>>;

fn no_run(id: &str) -> Problem {
    Problem::none(format!("there is no run {id}"), "GET /runs lists them")
}

fn json_text(text: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.into()).into_response()
}

fn find<T>(shared: &Shared, id: &str, look: impl FnOnce(&Locked<'_>, &Run) -> T) -> Result<T, Problem> {
    let store = shared.lock();
    match store.runs.get(id) {
        Some(entry) => Ok(look(&store, &entry.run)),
        None => Err(no_run(id)),
    }
}

/// All runs, in short.
pub(super) async fn runs(State(shared): App) -> Json<Vec<Value>> {
    let store = shared.lock();
    let short = |run: &Run| {
        json!({
            "id": run.id, "state": run.state, "error_type": run.error_type, "created_at": run.created_at,
            "finished_at": run.finished_at,
        })
    };
    Json(store.order.iter().map(|id| short(&store.runs[id].run)).collect())
}

/// Longest final state that is shown with its run.
const MAX_FINAL_STATE: usize = 1 << 20;

/// A run, with what does not belong to it alone.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    run: &'a Run,
    log_lines: usize,
    /// Unless there is none, or it is long.
    final_state: Option<Box<RawValue>>,
}

/// A run: where it is, its steps, how it ended.
pub(super) async fn run(State(shared): App, Path(id): Path<String>) -> Result<Response, Problem> {
    find(&shared, &id, |store, run| {
        let clip = run.final_dataclip_id.as_ref().and_then(|id| store.clips.get(id));
        let text = clip.map(Clip::text).filter(|text| text.len() <= MAX_FINAL_STATE);
        let final_state = text.and_then(|text| serde_json::from_slice(&text).ok());
        Json(Whole { run, log_lines: run.logs.len(), final_state }).into_response()
    })
}

/// How a log is shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    format: Option<String>,
}

/// A run's log: a line of JSON for each, or of text.
pub(super) async fn logs(
    State(shared): App,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Problem> {
    let write: fn(&LogLine) -> String = match shown.format.as_deref() {
        None | Some("json") => |line| json!(line).to_string(),
        Some("text") => |line| {
            let source = line.source.as_deref().unwrap_or("-");
            format!("{:<7} {source:<4} {}", line.level, line.message)
        },
        Some(other) => {
            return Err(Problem::bad(format!("a log cannot be shown as {other:?}"), "format", "use json or text"));
        }
    };
    let kind =
        if shown.format.as_deref() == Some("text") { "text/plain; charset=utf-8" } else { "application/x-ndjson" };
    let lines = find(&shared, &id, |_, run| run.logs.iter().map(|line| write(line) + "\n").collect::<String>())?;
    Ok(([(header::CONTENT_TYPE, kind)], lines).into_response())
}

/// What a run came to.
pub(super) async fn result(State(shared): App, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = find(&shared, &id, |store, run| {
        if !run.state.is_final() {
            return Err(Problem::none(format!("run {id} has not ended"), format!("GET /run/{id}/events waits for it")));
        }
        let clip = run.final_dataclip_id.as_ref().and_then(|id| store.clips.get(id));
        clip.filter(|clip| clip.body.is_some()).map(|clip| clip.text()).ok_or_else(|| {
            Problem::none(format!("run {id} ended without a state that was kept"), format!("GET /run/{id} says how"))
        })
    })?;
    found.map(json_text)
}

/// What is in a dataclip.
pub(super) async fn dataclip(State(shared): App, Path(id): Path<String>) -> Result<Response, Problem> {
    let text = shared.lock().clips.get(&id).map(|clip| clip.text());
    text.map(json_text).ok_or_else(|| {
        Problem::none(format!("there is no dataclip {id}"), "GET /run/ID names those of a run and of its steps")
    })
}

/// What workers did that a correct one does not.
pub(super) async fn violations(State(shared): App) -> Json<Vec<String>> {
    Json(shared.lock().violations.clone())
}

/// What happens in a run, from its start to its end, as server-sent events.
pub(super) async fn events(State(shared): App, Path(id): Path<String>) -> Result<Response, Problem> {
    find(&shared, &id, |_, _| ())?;
    let changes = shared.changed.subscribe();
    let start = Watcher { shared, changes, id, sent: 0, is_over: false };
    let body = Body::from_stream(stream::unfold(start, Watcher::next));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, body).into_response())
}

/// Somebody who watches a run.
struct Watcher {
    shared: Arc<Shared>,
    changes: tokio::sync::watch::Receiver<u64>,
    id: String,
    sent: usize,
    is_over: bool,
}

impl Watcher {
    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Watcher)> {
        while !self.is_over {
            let new: Vec<Arc<Happening>> = {
                let store = self.shared.lock();
                store.runs.get(&self.id)?.happenings.get(self.sent..)?.to_vec()
            };
            if !new.is_empty() {
                self.sent += new.len();
                self.is_over = new.iter().any(|happening| matches!(happening.what, Happened::RunCompleted { .. }));
                let text: String = new.iter().map(|happening| event(happening)).collect();
                return Some((Ok(text.into()), self));
            }
            self.changes.changed().await.ok()?;
        }
        None
    }
}

fn event(happening: &Happening) -> String {
    let data = json!(happening);
    let name = data.get("event").and_then(Value::as_str).unwrap_or("message");
    format!("event: {name}\ndata: {data}\n\n")
}
