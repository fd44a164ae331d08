//! What is behind `fetch`: the script of `deno_fetch` asks, this answers, with our own connections (`connect.rs`) under our own
//! rules (`network.rs`). Redirects are followed in the script, by asking again, so each of them is judged anew.
//!
//! Of `deno_fetch`'s own ops, `op_fetch` is replaced by ours, `op_fetch_send` waits for what ours starts, and the one that makes
//! clients of another kind is gone. Its client reads proxy settings from the environment; ours is not told of any.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use deno_core::convert::{ByteString, Uint8Array};
use deno_core::url::{Position, Url};
use deno_core::{CancelFuture, CancelHandle, Extension, OpDecl, OpState, ResourceId, op2};
use deno_error::JsErrorBox;
use deno_fetch::{FetchCancelHandle, FetchError, FetchRequestResource, FetchReturn, ReqBody, ResourceToBodyAdapter};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connect::{Pool, Server, SharedPool, Slot};
use crate::network::Network;
use crate::response::{Bodies, Exchange};

/// No server takes more, and a map of headers must not overflow.
const MOST_HEADERS: usize = 1000;
/// What a request costs us while it waits, beside what it carries.
const OVERHEAD: usize = 8 << 10;

/// Puts our ops in the place of theirs. The snapshot knows ops by place and name, not by what they do.
pub(crate) fn plug(mut extensions: Vec<Extension>) -> Vec<Extension> {
    let fetch = extensions.iter_mut().find(|extension| extension.name == "deno_fetch");
    fetch.expect("it is one of them").middleware_fn = Some(Box::new(|op: OpDecl| match op.name {
        "op_fetch" => op.with_implementation_from(&op_fetch()),
        "op_fetch_custom_client" => op.disable(),
        _ => op,
    }));
    extensions
}

/// The network of one run; in the state of its ops.
#[derive(Clone)]
pub(crate) struct Fetcher(Rc<Inner>);

struct Inner {
    pool: SharedPool,
    requests: Cell<u64>,
    /// Bytes of the requests that no response has come for.
    waiting: Rc<Cell<u64>>,
    /// Ends those requests. `None` while no step runs.
    step: RefCell<Option<CancellationToken>>,
    bodies: Bodies,
}

impl Fetcher {
    pub(crate) fn new(network: Network) -> Fetcher {
        Fetcher(Rc::new(Inner {
            pool: Rc::new(Pool::new(network)),
            requests: Cell::new(0),
            waiting: Rc::default(),
            step: RefCell::new(None),
            bodies: Bodies::default(),
        }))
    }

    /// From now on requests can be made.
    pub(crate) fn begin(&self) {
        if let Some(before) = self.0.step.replace(Some(CancellationToken::new())) {
            before.cancel();
        }
    }

    /// From now on none can be made, and those that are waited for are ended; so are responses, unless the step hands
    /// something on that may be one. Answers whether there was anything to end.
    pub(crate) fn end(&self, keep_responses: bool) -> bool {
        let inner = &self.0;
        let Some(step) = inner.step.borrow_mut().take() else { return false };
        let waiting = inner.waiting.get() > 0;
        if waiting {
            step.cancel();
        }
        let open = !keep_responses && inner.bodies.end();
        waiting || open
    }
}

/// A request that waits.
struct Waiting {
    bytes: u64,
    all: Rc<Cell<u64>>,
}

impl Waiting {
    fn new(all: &Rc<Cell<u64>>, bytes: usize) -> Waiting {
        let bytes = bytes as u64;
        all.set(all.get() + bytes);
        Waiting { bytes, all: all.clone() }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.all.set(self.all.get() - self.bytes);
    }
}

pub(crate) const ENDED: &str = "the step that made the request has ended";

fn refused(url: &Url, why: &str) -> FetchError {
    FetchError::Other(JsErrorBox::type_error(format!("cannot fetch {}: {why}", shown(url))))
}

/// Without what may be secret: user, password, query, fragment.
fn shown(url: &Url) -> String {
    const LONGEST: usize = 200;
    let shown = match url.has_authority() {
        true => format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterPath]),
        false => format!("{}:", url.scheme()),
    };
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// Starts a request; `op_fetch_send` waits for it.
#[op2]
#[allow(clippy::too_many_arguments, reason = "the script's call")]
fn op_fetch(
    state: &mut OpState,
    #[scoped] method: ByteString,
    #[string] url: String,
    #[scoped] headers: Vec<(ByteString, ByteString)>,
    #[smi] _client: Option<u32>,
    has_body: bool,
    data: Option<Uint8Array>,
    #[smi] resource: Option<ResourceId>,
) -> Result<FetchReturn, FetchError> {
    // A stream that is sent is ours from here on, and ends when it is not sent after all.
    let stream = match resource {
        Some(rid) if has_body => Some(state.resource_table.take_any(rid)?),
        _ => None,
    };
    let mut url = Url::parse(&url)?;
    let method = Method::from_bytes(&method)?;
    let body = match (has_body, data, stream) {
        (true, Some(data), _) => Payload::Bytes(data.0.into()),
        (true, None, Some(stream)) => {
            let length = match stream.size_hint() {
                (least, Some(most)) if least == most && least > 0 => Some(least),
                _ => None,
            };
            Payload::Stream(ReqBody::streaming(ResourceToBodyAdapter::new(stream)), length)
        }
        _ => Payload::None,
    };
    if url.scheme() == "data" {
        return data_url(state, url);
    }
    let Some(fetcher) = state.try_borrow::<Fetcher>().cloned() else {
        return Err(refused(&url, "this run has no network"));
    };
    let inner = fetcher.0;
    match url.scheme() {
        "http" | "https" => {}
        // What is a Blob is answered by the script.
        "blob" => return Err(refused(&url, "there is no such Blob")),
        "file" => return Err(refused(&url, "a job has no files")),
        _ => return Err(refused(&url, "only http:, https:, data: and blob: can be fetched")),
    }
    let Some(step) = inner.step.borrow().clone() else {
        return Err(refused(&url, "a request can be made only while a step runs"));
    };
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(refused(&url, &format!("the method {method} is not for jobs")));
    }
    let network = &inner.pool.network;
    network.check_url(&url).map_err(|why| refused(&url, &why))?;
    let made = inner.requests.get() + 1;
    inner.requests.set(made);
    if let Some(most) = network.requests
        && made > most
    {
        return Err(refused(&url, &format!("the run makes more than the {most} requests that it may")));
    }
    let weight = headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + body.len() + OVERHEAD;
    let waiting = Waiting::new(&inner.waiting, weight);
    if let Some(most) = network.sent
        && waiting.all.get() > most.max(OVERHEAD as u64 * 16)
    {
        return Err(refused(&url, &format!("more than the {most} bytes that the run may send wait to be sent")));
    }
    let limit = network.request_timeout;
    let headers = request_headers(&mut url, &method, headers, &body)?;
    let sent = Sent { method, url: url.clone(), headers };

    let deadline = limit.map(|limit| (Instant::now() + limit, limit));
    let handle = CancelHandle::new_rc();
    let cancel = handle.clone();
    let future = async move {
        let _waiting = waiting;
        let request = async {
            let response = tokio::select! {
                biased;
                () = step.cancelled() => Err(ENDED.to_owned()),
                why = late(deadline) => Err(why),
                response = inner.send(&sent, body) => response,
            };
            let (response, sender, slot) = response.map_err(|why| refused(&sent.url, &why))?;
            let Sent { method, url, headers } = sent;
            let exchange = Exchange {
                decode: headers[ACCEPT_ENCODING] != "identity" && method != Method::HEAD,
                url: shown(&url),
                server: Server::of(&url),
                sender,
                slot,
                deadline,
            };
            Ok(inner.bodies.receive(&inner.pool, exchange, response))
        };
        request.or_cancel(cancel).await
    };
    let request_rid = state.resource_table.add(FetchRequestResource { future: Box::pin(future), url });
    let cancel_handle_rid = Some(state.resource_table.add(FetchCancelHandle(handle)));
    Ok(FetchReturn { request_rid, cancel_handle_rid })
}

fn data_url(state: &mut OpState, url: Url) -> Result<FetchReturn, FetchError> {
    let data = deno_fetch::data_url::DataUrl::process(url.as_str()).map_err(FetchError::DataUrl)?;
    let (body, _) = data.decode_to_vec().map_err(FetchError::Base64)?;
    let body = http_body_util::Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed();
    let response = Response::builder().header(http::header::CONTENT_TYPE, data.mime_type().to_string()).body(body)?;
    let future = Box::pin(async move { Ok(Ok(response)) });
    let request_rid = state.resource_table.add(FetchRequestResource { future, url });
    Ok(FetchReturn { request_rid, cancel_handle_rid: None })
}

/// What a request carries.
enum Payload {
    None,
    Bytes(Bytes),
    /// With its length, if that is known.
    Stream(ReqBody, Option<u64>),
}

impl Payload {
    /// Bytes that are in memory.
    fn len(&self) -> usize {
        match self {
            Payload::Bytes(bytes) => bytes.len(),
            Payload::None | Payload::Stream(..) => 0,
        }
    }
}

/// A request but for its body, to be sent, perhaps twice.
struct Sent {
    method: Method,
    url: Url,
    headers: HeaderMap,
}

impl Sent {
    fn request(&self, body: ReqBody) -> Result<Request<ReqBody>, String> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        let target = &self.url[Position::BeforePath..Position::AfterQuery];
        *request.uri_mut() = target.parse().map_err(|error| format!("{error}"))?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// The job's headers, without those that are about the connection, and with those that it leaves to us. A user and a password
/// in the URL move into a header.
fn request_headers(
    url: &mut Url,
    method: &Method,
    given: Vec<(ByteString, ByteString)>,
    body: &Payload,
) -> Result<HeaderMap, FetchError> {
    let mut headers = HeaderMap::new();
    let host = &url[Position::BeforeHost..Position::AfterPort];
    headers.insert(HOST, HeaderValue::from_str(host)?);
    if given.len() > MOST_HEADERS {
        return Err(refused(url, &format!("it has more than {MOST_HEADERS} headers")));
    }
    let length = match body {
        Payload::None if matches!(*method, Method::POST | Method::PUT) => Some(0),
        Payload::None => None,
        Payload::Bytes(bytes) => Some(bytes.len() as u64),
        Payload::Stream(_, length) => *length,
    };
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    for (name, value) in given {
        let name = HeaderName::from_bytes(&name)?;
        let ours =
            [HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING, UPGRADE, TE, TRAILER, EXPECT, PROXY_AUTHORIZATION];
        if !ours.contains(&name) && !matches!(name.as_str(), "keep-alive" | "proxy-connection") {
            headers.append(name, HeaderValue::from_bytes(&value)?);
        }
    }
    if let Some((user, password)) = deno_fetch::extract_authority(url) {
        let basic = deno_fetch::basic_auth(&user, password.as_deref());
        headers.entry(AUTHORIZATION).or_insert(basic);
    }
    // A part of something compressed cannot be decompressed.
    let codings = if headers.contains_key(RANGE) { "identity" } else { "gzip, br" };
    headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static(codings));
    let agent = concat!("fulgurite/", env!("CARGO_PKG_VERSION"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(agent));
    Ok(headers)
}

/// When a request must be over, and how long that was from its beginning.
pub(crate) type Deadline = Option<(Instant, Duration)>;

/// Never without a deadline; with one, what to say when it has passed.
pub(crate) async fn late(deadline: Deadline) -> String {
    match deadline {
        Some((at, limit)) => {
            tokio::time::sleep_until(at).await;
            format!("it takes longer than {} ms", limit.as_millis())
        }
        None => std::future::pending().await,
    }
}

type Answered = (Response<Incoming>, SendRequest<ReqBody>, Slot);

impl Inner {
    /// Sends a request over a connection of its own or one that is left from another.
    async fn send(&self, sent: &Sent, body: Payload) -> Result<Answered, String> {
        let again = match &body {
            Payload::None => Some(Bytes::new()),
            Payload::Bytes(bytes) => Some(bytes.clone()),
            Payload::Stream(..) => None,
        };
        let whole = |bytes: Bytes| if bytes.is_empty() { ReqBody::empty() } else { ReqBody::full(bytes) };
        let body = match body {
            Payload::None => ReqBody::empty(),
            Payload::Bytes(bytes) => whole(bytes),
            Payload::Stream(body, _) => body,
        };
        let slot = self.pool.slot().await;
        let server = Server::of(&sent.url);
        let mut request = sent.request(body)?;
        loop {
            let (mut sender, used) = match self.pool.reuse(&server) {
                Some(sender) => (sender, true),
                None => (self.pool.open(&sent.url).await?, false),
            };
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, sender, slot)),
                // A server may close a connection that it has kept for us at any time; that is no failure of this request
                // if it has not begun, or may be repeated.
                Err(mut failed) => match (failed.take_message(), &again) {
                    (Some(unsent), _) if used => request = unsent,
                    (None, Some(body))
                        if used && failed.error().is_incomplete_message() && sent.method.is_idempotent() =>
                    {
                        request = sent.request(whole(body.clone()))?;
                    }
                    _ => return Err(self.pool.ledger.or(failed.error())),
                },
            }
        }
    }
}
