//! The worker's own port: whether it lives, whether it works, what it counts, and a way to end a run.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::session::Shared;

/// What the port can see and do.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) shared: Arc<Shared>,
    pub(crate) secret: Arc<str>,
    pub(crate) ready: watch::Receiver<Readiness>,
    /// Counts the reasons to claim at once.
    pub(crate) wake: Arc<watch::Sender<u64>>,
}

/// Whether runs can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Connecting,
    Ready,
    Draining,
}

/// Serves until it is told to stop.
pub(crate) async fn serve(port: Port, listener: TcpListener, stop: CancellationToken) {
    let app = Router::new()
        .route("/", get(live))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/claim", post(claim))
        .route("/runs", get(runs))
        .route("/runs/{id}/abort", post(abort))
        .with_state(port);
    let served = axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the worker's port is gone");
    }
}

async fn live() -> &'static str {
    "ok\n"
}

async fn ready(State(port): State<Port>) -> Response {
    match *port.ready.borrow() {
        Readiness::Ready => (StatusCode::OK, "ready\n").into_response(),
        Readiness::Connecting => (StatusCode::SERVICE_UNAVAILABLE, "not connected to the server\n").into_response(),
        Readiness::Draining => {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping: no more runs are claimed\n").into_response()
        }
    }
}

async fn metrics(State(port): State<Port>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    port.shared.metrics.look(&port.shared.pool.conditions());
    ([(header::CONTENT_TYPE, kind)], port.shared.metrics.text()).into_response()
}

async fn claim(State(port): State<Port>) -> Response {
    if *port.ready.borrow() != Readiness::Ready {
        return StatusCode::NO_CONTENT.into_response();
    }
    port.wake.send_modify(|wake| *wake += 1);
    (StatusCode::OK, "complete\n").into_response()
}

async fn runs(State(port): State<Port>, headers: HeaderMap) -> Response {
    if let Err(refusal) = port.authorized(&headers) {
        return *refusal;
    }
    let runs = port.shared.orders.list();
    let runs: Vec<_> = runs.iter().map(|(id, started)| json!({ "id": id, "started": started })).collect();
    Json(json!({ "runs": runs })).into_response()
}

#[derive(Deserialize)]
struct Why {
    reason: Option<String>,
}

async fn abort(
    State(port): State<Port>,
    Path(id): Path<String>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = port.authorized(&headers) {
        return *refusal;
    }
    let reason = why.reason.as_deref().unwrap_or("somebody asked for it");
    match port.shared.orders.abort(&id, reason) {
        true => (StatusCode::ACCEPTED, Json(json!({ "id": id, "aborting": true }))).into_response(),
        false => {
            let error = json!({ "error": format!("run {id} is not in progress here") });
            (StatusCode::NOT_FOUND, Json(error)).into_response()
        }
    }
}

impl Port {
    /// Whoever may end runs knows the secret that the worker has with its server.
    fn authorized(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        match given {
            Some(given) if same(given.as_bytes(), self.secret.as_bytes()) => Ok(()),
            _ => {
                let error = json!({ "error": "say who you are: `Authorization: Bearer <the worker's secret>`" });
                Err(Box::new((StatusCode::UNAUTHORIZED, Json(error)).into_response()))
            }
        }
    }
}

/// Compares in a time that does not tell how much is right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}
