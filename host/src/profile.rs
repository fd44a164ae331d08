//! Spans as data: what was traced, when, on which thread of which process, and within what.
//!
//! ```text
//! tracing ──► Recorder (a layer) ──► Batch ──► chrome: a file of --profile
//!    a child's ──► Batch as a message ──┘ └──► otlp: a collector (with that feature)
//! ```
//!
//! Ours rather than a crate's, because a hardened child can write no file and reach no collector: what it traced has to be data
//! first. It is there only when somebody asked for it; without it no span of ours is enabled, and none costs anything.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

pub mod chrome;
#[cfg(feature = "otlp")]
pub mod otlp;

/// How much is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Runs, steps, and what they and the worker do: what somebody watches all the time.
    Steps,
    /// Also each operation, each collection, and the heap.
    Operations,
}

impl Depth {
    /// As the flag of a child has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Depth::Steps => "steps",
            Depth::Operations => "operations",
        }
    }

    /// Reads [`Depth::as_str`].
    pub fn parse(text: &str) -> Option<Depth> {
        [Depth::Steps, Depth::Operations].into_iter().find(|depth| depth.as_str() == text)
    }

    /// Whether something is recorded.
    pub fn wants(self, metadata: &Metadata<'_>) -> bool {
        let level = match self {
            Depth::Steps => tracing::Level::DEBUG,
            Depth::Operations => tracing::Level::TRACE,
        };
        let ours = metadata.target().starts_with("fulgurite");
        ours && *metadata.level() <= level && (!metadata.is_event() || metadata.target() == HEAP)
    }
}

/// Events of this target have the heap in use, as `bytes`.
const HEAP: &str = "fulgurite_runtime::heap";

/// What is kept at most, so that a step over millions of items does not fill the memory; what is more is counted.
const MOST: usize = 400_000;

/// Something that was traced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What kind of thing it is, such as `step`.
    pub name: Cow<'static, str>,
    /// No other one has it, in any process of the run.
    pub id: u64,
    /// What it is a part of.
    pub parent: Option<u64>,
    /// The id of the run that it belongs to.
    pub run: Option<Arc<str>>,
    /// Nanoseconds of the monotonic clock, which all processes of a machine share.
    pub start: u64,
    /// When it ended; `None` for a value of a moment.
    pub end: Option<u64>,
    /// Its process.
    pub process: u32,
    /// Its thread.
    pub thread: u32,
    /// Sizes, names and numbers.
    pub fields: Map<String, Value>,
}

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// In the order in which they ended.
    pub records: Vec<Record>,
    /// Names of processes' threads.
    pub threads: Vec<(u32, u32, String)>,
    /// How many there was no room for.
    pub dropped: u64,
}

/// Records what is traced, until somebody takes it.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    records: Vec<Record>,
    threads: BTreeMap<(u32, u32), String>,
    dropped: u64,
    last: u64,
    /// Spans of runs in progress, by the runs' ids: a child's spans are parts of them.
    runs: HashMap<Arc<str>, u64>,
}

/// What is known of a span while it is open.
struct Open(Record);

impl Recorder {
    /// What was recorded since this was asked last.
    pub fn take(&self) -> Batch {
        let mut inner = self.lock();
        let threads = inner.threads.iter().map(|((process, thread), name)| (*process, *thread, name.clone())).collect();
        Batch { records: std::mem::take(&mut inner.records), threads, dropped: std::mem::take(&mut inner.dropped) }
    }

    /// Takes in what another process has recorded of a run; without an id, of the only one.
    pub fn absorb(&self, batch: Batch, run: Option<&str>) {
        let mut inner = self.lock();
        let found = match run {
            Some(run) => inner.runs.get_key_value(run),
            None => inner.runs.iter().next(),
        };
        let found = found.map(|(run, id)| (run.clone(), *id));
        for mut record in batch.records {
            if let Some((run, id)) = &found {
                record.run = Some(run.clone());
                record.parent = record.parent.or(Some(*id));
            }
            inner.push(record);
        }
        inner.threads.extend(batch.threads.into_iter().map(|(process, thread, name)| ((process, thread), name)));
        inner.dropped += batch.dropped;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Inner {
    fn push(&mut self, record: Record) {
        match self.records.len() < MOST {
            true => self.records.push(record),
            false => self.dropped += 1,
        }
    }

    fn record(&mut self, name: &'static str) -> Record {
        self.last += 1;
        let process = std::process::id();
        // Numbers of processes are short, and nobody opens so many spans.
        let id = u64::from(process) << 40 | self.last;
        let (thread, is_new) = this_thread();
        if is_new && let Some(name) = std::thread::current().name() {
            self.threads.insert((process, thread), name.to_owned());
        }
        let fields = Map::new();
        Record { name: name.into(), id, parent: None, run: None, start: now(), end: None, process, thread, fields }
    }
}

/// The number of this thread, and whether this is the first question for it.
fn this_thread() -> (u32, bool) {
    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    match NUMBER.get() {
        0 => {
            let number = number_of_thread();
            NUMBER.set(number);
            (number, true)
        }
        known => (known, false),
    }
}

#[cfg(target_os = "linux")]
fn number_of_thread() -> u32 {
    rustix::thread::gettid().as_raw_pid().unsigned_abs()
}

/// Elsewhere threads are counted as they come.
#[cfg(not(target_os = "linux"))]
fn number_of_thread() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static LAST: AtomicU32 = AtomicU32::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Nanoseconds of the monotonic clock.
pub fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut inner = self.lock();
        let mut record = inner.record(span.name());
        if let Some(parent) = span.parent()
            && let Some(Open(parent)) = parent.extensions().get()
        {
            record.parent = Some(parent.id);
            record.run.clone_from(&parent.run);
        }
        attributes.record(&mut Fields(&mut record.fields));
        if let Some(run) = record.fields.get("run").and_then(Value::as_str) {
            let run: Arc<str> = run.into();
            if record.name == RUN {
                inner.runs.insert(run.clone(), record.id);
            }
            record.run = Some(run);
        }
        drop(inner);
        span.extensions_mut().insert(Open(record));
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(Open(record)) = span.extensions_mut().get_mut() {
            values.record(&mut Fields(&mut record.fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut inner = self.lock();
        let mut record = inner.record("heap");
        event.record(&mut Fields(&mut record.fields));
        inner.push(record);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let end = now();
        let Some(Open(record)) = context.span(&id).and_then(|span| span.extensions_mut().remove()) else { return };
        let mut inner = self.lock();
        if record.name == RUN
            && let Some(run) = &record.run
        {
            inner.runs.remove(run);
        }
        inner.push(Record { end: Some(end), ..record });
    }
}

/// The span of a run; its field `run` has the run's id.
const RUN: &str = "run";

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
