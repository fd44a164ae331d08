//! `/worker/websocket`: who may come in, in the order in which Phoenix asks.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, Method, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::socket;
use crate::store::Shared;
use crate::token;

/// What a key is hashed with (RFC 6455, 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Lets a worker in, or says why not.
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<HashMap<String, String>>,
    mut request: Request,
) -> Response {
    let worker_id = match admit(&shared, &query, &request) {
        Ok(worker_id) => worker_id,
        Err(refusal) => return refusal.into_response(),
    };
    if let Some(status) = shared.lock().faults.connect() {
        let status = status.as_u64().and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        return status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE).into_response();
    }
    let Some(accept) = accept(request.headers()) else { return StatusCode::BAD_REQUEST.into_response() };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => serve(shared, upgraded, worker_id).await,
            Err(error) => tracing::debug!(%error, "an upgrade that came to nothing"),
        }
    });
    let headers = [
        (header::CONNECTION, "Upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

async fn serve(shared: Arc<Shared>, upgraded: Upgraded, worker_id: String) {
    // Below the upgrade lies the very connection that was accepted; faults need it without anything around it.
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => socket::serve(shared, parts.io.into_inner(), parts.read_buf, worker_id).await,
        Err(_) => tracing::error!("an upgraded connection is not the one that was accepted"),
    }
}

/// The worker's name, or the refusal.
fn admit(
    shared: &Shared,
    query: &HashMap<String, String>,
    request: &Request,
) -> Result<String, (StatusCode, &'static str)> {
    if request.method() != Method::GET {
        return Err((StatusCode::BAD_REQUEST, ""));
    }
    if let Some(origin) = request.headers().get(header::ORIGIN)
        && !shared.config.origins.iter().any(|welcome| welcome.as_bytes() == origin.as_bytes())
    {
        return Err((StatusCode::FORBIDDEN, ""));
    }
    let vsn = query.get("vsn").and_then(|vsn| vsn.strip_prefix("2.0."));
    if vsn.is_none_or(|patch| patch.parse::<u32>().is_err()) {
        return Err((StatusCode::FORBIDDEN, ""));
    }
    let unauthorized = (StatusCode::UNAUTHORIZED, "Unauthorized");
    let token = query.get("token").filter(|token| !token.is_empty()).ok_or(unauthorized)?;
    if shared.config.quirks {
        return Ok("somebody".to_owned());
    }
    let now = shared.lock().now_seconds();
    let claims = token::check_worker(token, &shared.config.secret, shared.config.version, now).map_err(|refused| {
        tracing::debug!(%refused, "a worker's token");
        unauthorized
    })?;
    let name = claims.get("worker_id").and_then(serde_json::Value::as_str);
    Ok(name.unwrap_or("somebody").to_owned())
}

/// What the handshake is answered with, if it is one.
fn accept(headers: &HeaderMap) -> Option<String> {
    let has = |name: header::HeaderName, word: &str| {
        let values = headers.get_all(name);
        values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?.to_str().ok()?;
    let is_key = BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16);
    let is_handshake = is_key
        && has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    is_handshake.then(|| {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
        BASE64_STANDARD.encode(hash)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_answered_as_the_standard_says() {
        let mut headers = HeaderMap::new();
        let mut set = |name: header::HeaderName, value: &'static str| {
            headers.insert(name, header::HeaderValue::from_static(value));
            accept(&headers)
        };
        assert_eq!(set(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="), None);
        assert_eq!(set(header::CONNECTION, "keep-alive, Upgrade"), None);
        assert_eq!(set(header::UPGRADE, "websocket"), None);
        assert_eq!(set(header::SEC_WEBSOCKET_VERSION, "13").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(set(header::SEC_WEBSOCKET_VERSION, "8"), None);
    }
}
