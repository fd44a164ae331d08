//! Errors, for people and as JSON: what is wrong, where, and what to do about it.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

/// Something that was asked for and cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status: u16,
    /// What is wrong.
    error: String,
    /// Where in what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// What to do.
    help: String,
}

impl Problem {
    /// What was sent is not right.
    pub(super) fn bad(error: impl Into<String>, at: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem { status: 400, error: error.into(), at: Some(at.into()), help: help.into() }
    }

    /// There is no such thing.
    pub(super) fn none(error: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem { status: 404, error: error.into(), at: None, help: help.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(self)).into_response()
    }
}

/// For whatever has no page.
pub(super) async fn no_such_page(request: Request) -> Problem {
    Problem::none(
        format!("there is nothing at {} {}", request.method(), request.uri().path()),
        "GET / lists the runs; POST /run asks for one; GET /run/ID, /run/ID/logs, /run/ID/result and /run/ID/events look at it",
    )
}
