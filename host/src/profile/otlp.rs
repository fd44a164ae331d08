//! What was traced, to an OpenTelemetry collector: OTLP over HTTP in its JSON form, which every collector takes where it takes
//! protobuf. Written here and not with the SDK: ids and times of our spans are known before it would see them, because they come
//! from other processes, and what is left of it then is this much JSON.
//!
//! Only plain `http`: a collector is on the same machine or beside the pod, and speaks TLS to the rest of the world itself.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Record, Recorder, now};

/// Spans in one request.
const TOGETHER: usize = 512;

/// Spans that are kept for a collector that is away.
const KEPT: usize = 20_000;

/// How often spans are sent.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where to send what, as the environment has it: the names are OpenTelemetry's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    host: String,
    port: u16,
    path: String,
    headers: Vec<(String, String)>,
    resource: Vec<(String, String)>,
    timeout: Duration,
}

/// Why the environment cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The variable, what is wrong with it, and what it says.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

impl Settings {
    /// What the variables say; `None` when they ask for nothing.
    ///
    /// # Errors
    /// When they ask for what cannot be had.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Settings>, Unusable> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let own = |name: &str| {
            let specific = format!("OTEL_EXPORTER_OTLP_TRACES_{name}");
            let general = format!("OTEL_EXPORTER_OTLP_{name}");
            match (variable(&specific), variable(&general)) {
                (Some(value), _) => Some((specific, value)),
                (None, value) => value.map(|value| (general, value)),
            }
        };
        let is = |name: &str, value: &str| variable(name).is_some_and(|found| found.eq_ignore_ascii_case(value));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let Some((name, endpoint)) = own("ENDPOINT") else { return Ok(None) };
        if let Some((name, protocol)) = own("PROTOCOL").filter(|(_, protocol)| !protocol.starts_with("http/")) {
            return Err(Unusable {
                message: format!("{name} is {protocol}, and spans are sent over HTTP only"),
                help: "set it to http/json, and the endpoint to the collector's HTTP port, usually 4318",
            });
        }
        let unusable = |what: &str| Unusable {
            message: format!("{name} is {endpoint}, which {what}"),
            help: "name a collector on this machine or beside it: http://localhost:4318",
        };
        let rest = match endpoint.trim().split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err(unusable("wants TLS: spans are sent over plain http only")),
            _ => return Err(unusable("is no URL of a collector")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| unusable("has no port that could be one"))?)
            }
            _ => (authority, 80),
        };
        if host.is_empty() || host.contains('@') {
            return Err(unusable("names no host"));
        }
        let path = match name.contains("TRACES") {
            true if path.is_empty() => "/".to_owned(),
            true => path.to_owned(),
            false => format!("{}/v1/traces", path.trim_end_matches('/')),
        };
        let mut resource = variable("OTEL_RESOURCE_ATTRIBUTES").map(|list| pairs(&list)).unwrap_or_default();
        let service = variable("OTEL_SERVICE_NAME");
        if service.is_some() || !resource.iter().any(|(name, _)| name == "service.name") {
            resource.retain(|(name, _)| name != "service.name");
            resource.push(("service.name".to_owned(), service.unwrap_or_else(|| "fulgurite".to_owned())));
        }
        let timeout = own("TIMEOUT").and_then(|(_, ms)| ms.parse().ok()).unwrap_or(10_000);
        Ok(Some(Settings {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            path,
            headers: own("HEADERS").map(|(_, list)| pairs(&list)).unwrap_or_default(),
            resource,
            timeout: Duration::from_millis(timeout),
        }))
    }
}

/// `a=b,c=d`, percent-encoded.
fn pairs(list: &str) -> Vec<(String, String)> {
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    // A line break would be the next header.
    let plain = |text: &str| decoded(text.trim()).replace(['\r', '\n', '\0'], "");
    pairs.map(|(name, value)| (plain(name), plain(value))).filter(|(name, _)| !name.is_empty()).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends what a recorder has, on a thread of its own, until it is finished.
pub struct Exporter {
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Begins to send.
    ///
    /// # Errors
    /// When there is no thread left.
    pub fn start(settings: Settings, recorder: Recorder) -> io::Result<Exporter> {
        let (stop, stopped) = channel();
        let work = move || {
            let mut post = Post { settings, waiting: Vec::new(), is_away: false };
            loop {
                let is_last = stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout);
                let batch = recorder.take();
                if batch.dropped > 0 {
                    tracing::warn!(spans = batch.dropped, "spans were not kept: there was no room for more");
                }
                post.waiting.extend(batch.records.into_iter().filter(is_told));
                post.send();
                if is_last {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("otlp".into()).spawn(work)?;
        Ok(Exporter { stop, thread: Some(thread) })
    }

    /// Sends what is left.
    pub fn finish(mut self) {
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

struct Post {
    settings: Settings,
    waiting: Vec<Record>,
    /// The last attempt failed, and somebody was told.
    is_away: bool,
}

impl Post {
    fn send(&mut self) {
        while !self.waiting.is_empty() {
            let together = &self.waiting[..self.waiting.len().min(TOGETHER)];
            let body = request(together, &self.settings.resource).to_string();
            match post(&self.settings, &body) {
                Ok(()) => {
                    let sent = together.len();
                    self.waiting.drain(..sent);
                    self.is_away = false;
                }
                Err(error) => {
                    let Settings { host, port, path, .. } = &self.settings;
                    if !std::mem::replace(&mut self.is_away, true) {
                        tracing::warn!(collector = %format_args!("http://{host}:{port}{path}"), %error, "spans cannot be sent; trying again");
                    }
                    let too_many = self.waiting.len().saturating_sub(KEPT);
                    if too_many > 0 {
                        tracing::warn!(spans = too_many, "spans are dropped: the collector has been away for long");
                        self.waiting.drain(..too_many);
                    }
                    return;
                }
            }
        }
    }
}

fn post(settings: &Settings, body: &str) -> io::Result<()> {
    let Settings { host, port, path, headers, timeout, .. } = settings;
    let until = Instant::now() + *timeout;
    let left = || match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let address = (host.as_str(), *port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: {bracketed}:{port}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\nuser-agent: fulgurite/{}\r\n",
        body.len(),
        env!("CARGO_PKG_VERSION"),
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    // "HTTP/1.1 200": whatever follows is of no interest.
    let mut answer = [0; 12];
    let mut read = 0;
    while read < answer.len() {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut answer[read..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => read += bytes,
        }
    }
    match &answer[9..] {
        [b'2', ..] => Ok(()),
        status => Err(io::Error::other(format!("the collector answers {}", String::from_utf8_lossy(status)))),
    }
}

/// A value of a moment is no span, and an idle worker has nothing to tell: it claims all day long.
fn is_told(record: &Record) -> bool {
    let is_idle = record.name == "claim" && record.fields.get("runs") == Some(&Value::from(0));
    record.end.is_some() && !is_idle
}

/// The body of a request.
fn request(records: &[Record], resource: &[(String, String)]) -> Value {
    // Our clock counts from some moment; collectors count from 1970.
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    let origin = epoch.saturating_sub(now());
    let spans: Vec<Value> = records.iter().map(|record| span(record, origin)).collect();
    let resource: Vec<Value> = resource.iter().map(|(name, value)| attribute(name, &value.as_str().into())).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": { "name": "fulgurite", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
    }] })
}

fn span(record: &Record, origin: u64) -> Value {
    let mut attributes: Vec<Value> = record.fields.iter().map(|(name, value)| attribute(name, value)).collect();
    attributes.push(attribute("process.pid", &record.process.into()));
    attributes.push(attribute("thread.id", &record.thread.into()));
    let mut span = Map::new();
    let mut put = |key: &str, value: Value| span.insert(key.to_owned(), value);
    put("traceId", trace_of(record).into());
    put("spanId", format!("{:016x}", record.id).into());
    if let Some(parent) = record.parent {
        put("parentSpanId", format!("{parent:016x}").into());
    }
    put("name", record.name.clone().into());
    // Internal.
    put("kind", 1.into());
    put("startTimeUnixNano", (origin + record.start).to_string().into());
    put("endTimeUnixNano", (origin + record.end.unwrap_or(record.start)).to_string().into());
    put("attributes", attributes.into());
    let failed = record.fields.get("outcome").and_then(Value::as_str).is_some_and(|outcome| outcome != "success");
    put("status", if failed { json!({ "code": 2 }) } else { json!({}) });
    Value::Object(span)
}

/// The id of a run is that of its trace: a server's are UUIDs, and have the right length. What belongs to no run is its own.
fn trace_of(record: &Record) -> String {
    let Some(run) = &record.run else { return hashed(&format!("{} {}", record.id, record.start)) };
    let hex = run.replace('-', "").to_ascii_lowercase();
    let is_one =
        hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) && hex.bytes().any(|byte| byte != b'0');
    if is_one { hex } else { hashed(run) }
}

fn hashed(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(name: &str, value: &Value) -> Value {
    let value = match value {
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        // 64 bits are more than JSON's numbers are sure to have.
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(text) => json!({ "stringValue": text }),
        other => json!({ "stringValue": other.to_string() }),
    };
    json!({ "key": name, "value": value })
}
