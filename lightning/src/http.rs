//! The HTTP side: where workers upgrade, and where people ask for runs and look at them.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};

use crate::store::Shared;

mod ask;
mod look;
mod page;
mod problem;
mod upgrade;

/// All there is.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(page::runs))
        .route("/worker/websocket", any(upgrade::upgrade))
        .route("/run", post(ask::run))
        .route("/runs", get(look::runs))
        .route("/run/{id}", get(look::run))
        .route("/run/{id}/logs", get(look::logs))
        .route("/run/{id}/result", get(look::result))
        .route("/run/{id}/events", get(look::events))
        .route("/dataclip/{id}", get(look::dataclip))
        .route("/violations", get(look::violations))
        .route("/faults", post(ask::faults))
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::no_such_page)
        // Inputs may be large; whoever posts them is on this machine.
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}
