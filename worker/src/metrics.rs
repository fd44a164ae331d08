//! What a worker counts, for Prometheus. Names have units; the README has the table.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// A worker's metrics.
pub struct Metrics {
    registry: Registry,
    runs: Family<Reason, Counter>,
    kills: Family<Reason, Counter>,
    unreported: Counter,
    active: Gauge,
    slots: Gauge,
    connected: Gauge,
    claims: Family<Answered, Counter>,
    claimed: Counter,
    wait: Histogram,
    duration: Histogram,
    messages: Family<Event, Counter>,
    doubtful: Family<Event, Counter>,
    refused: Family<Event, Counter>,
    unsettled_lines: Counter,
    dropped: Counter,
    withheld: Counter,
    payload: Counter,
    answer: Histogram,
    outbox: Gauge,
    cpu: Counter<f64, AtomicU64>,
    child_memory: Histogram,
    state_in: Counter,
    state_out: Counter,
    state_parsed: Counter,
    state_spliced: Counter,
    state_walks: Counter,
    encode: Counter<f64, AtomicU64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Event {
    event: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    answer: &'static str,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 20));
        let mut metrics = Metrics {
            registry: Registry::with_prefix("fulgurite"),
            runs: Family::default(),
            kills: Family::default(),
            unreported: Counter::default(),
            active: Gauge::default(),
            slots: Gauge::default(),
            connected: Gauge::default(),
            claims: Family::default(),
            claimed: Counter::default(),
            wait: seconds(),
            duration: seconds(),
            messages: Family::default(),
            doubtful: Family::default(),
            refused: Family::default(),
            unsettled_lines: Counter::default(),
            dropped: Counter::default(),
            withheld: Counter::default(),
            payload: Counter::default(),
            answer: seconds(),
            outbox: Gauge::default(),
            cpu: Counter::default(),
            child_memory: Histogram::new(exponential_buckets(1_048_576.0, 2.0, 13)),
            state_in: Counter::default(),
            state_out: Counter::default(),
            state_parsed: Counter::default(),
            state_spliced: Counter::default(),
            state_walks: Counter::default(),
            encode: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("runs", "Runs that ended, by the reason that the server was told", self.runs.clone());
        r.register("kills", "Runs that a limit or an order ended, by which", self.kills.clone());
        r.register("runs_unreported", "Runs whose end the server could not be told", self.unreported.clone());
        r.register("runs_active", "Runs in progress", self.active.clone());
        r.register("slots", "Runs that may be in progress at a time", self.slots.clone());
        r.register("connected", "Whether there is a connection on which runs can be claimed", self.connected.clone());
        r.register("claims", "Claims, by how they were answered", self.claims.clone());
        r.register("runs_claimed", "Runs that claims were answered with", self.claimed.clone());
        r.register_with_unit(
            "queue_wait",
            "From a claim's answer until an engine process had the run",
            Unit::Seconds,
            self.wait.clone(),
        );
        r.register_with_unit(
            "run_duration",
            "From a claim's answer until the run's end was acknowledged",
            Unit::Seconds,
            self.duration.clone(),
        );
        r.register("messages", "Messages that the server acknowledged", self.messages.clone());
        r.register(
            "messages_doubtful",
            "Messages to which no answer came, and which were settled or sent again",
            self.doubtful.clone(),
        );
        r.register("messages_refused", "Messages that the server did not take in any form", self.refused.clone());
        r.register(
            "log_lines_unsettled",
            "Log lines of which it is not known whether they arrived",
            self.unsettled_lines.clone(),
        );
        r.register(
            "messages_dropped",
            "Messages that waited when the server took no more about their run",
            self.dropped.clone(),
        );
        r.register(
            "outputs_withheld",
            "Outputs and final states that were too large to be sent",
            self.withheld.clone(),
        );
        r.register_with_unit("payload", "Payloads of messages, all escapes counted", Unit::Bytes, self.payload.clone());
        r.register_with_unit("answer", "From a message until its answer", Unit::Seconds, self.answer.clone());
        r.register("outbox_messages", "Messages that the server has not acknowledged", self.outbox.clone());
        r.register_with_unit("engine_cpu", "CPU time of engine processes for runs", Unit::Seconds, self.cpu.clone());
        r.register_with_unit(
            "engine_memory",
            "Most memory of its own that an engine process was seen with in a run",
            Unit::Bytes,
            self.child_memory.clone(),
        );
        r.register_with_unit("state_in", "States given to steps", Unit::Bytes, self.state_in.clone());
        r.register_with_unit("state_out", "States that came out of steps", Unit::Bytes, self.state_out.clone());
        r.register_with_unit(
            "state_parsed",
            "Of the states given, what was parsed because a job touched it",
            Unit::Bytes,
            self.state_parsed.clone(),
        );
        r.register_with_unit(
            "state_spliced",
            "Of the states that came out, what went through untouched",
            Unit::Bytes,
            self.state_spliced.clone(),
        );
        r.register("state_walks", "Values that had to be stringified", self.state_walks.clone());
        r.register_with_unit(
            "state_encode",
            "Time to turn returned states into bytes",
            Unit::Seconds,
            self.encode.clone(),
        );
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    pub(crate) fn slots(&self, slots: usize) {
        self.slots.set(slots as i64);
    }

    pub(crate) fn connected(&self, connected: bool) {
        self.connected.set(i64::from(connected));
    }

    pub(crate) fn claim(&self, runs: usize) {
        self.claims.get_or_create(&Answered { answer: if runs > 0 { "runs" } else { "none" } }).inc();
        self.claimed.inc_by(runs as u64);
    }

    pub(crate) fn claim_failed(&self) {
        self.claims.get_or_create(&Answered { answer: "failed" }).inc();
    }

    pub(crate) fn run_began(&self) {
        self.active.inc();
    }

    pub(crate) fn run_handed_over(&self, waited: Duration) {
        self.wait.observe(waited.as_secs_f64());
    }

    /// A run ended, and the server knows, or never will.
    pub(crate) fn run_ended(&self, reason: Option<&str>, took: Duration) {
        self.active.dec();
        self.duration.observe(took.as_secs_f64());
        match reason {
            Some(reason) => drop(self.runs.get_or_create(&Reason { reason: reason.to_owned() }).inc()),
            None => drop(self.unreported.inc()),
        }
    }

    /// A run that was left behind could not be settled.
    pub(crate) fn run_lost(&self) {
        self.unreported.inc();
    }

    pub(crate) fn killed(&self, reason: &str) {
        self.kills.get_or_create(&Reason { reason: reason.to_owned() }).inc();
    }

    pub(crate) fn engine(&self, cpu: Option<Duration>, memory: u64) {
        self.cpu.inc_by(cpu.unwrap_or_default().as_secs_f64());
        self.child_memory.observe(memory as f64);
    }

    pub(crate) fn step(&self, figures: &fulgurite_engine::message::Figures) {
        self.state_in.inc_by(figures.bytes_in);
        self.state_out.inc_by(figures.bytes_out);
        self.state_parsed.inc_by(figures.bytes_parsed);
        self.state_spliced.inc_by(figures.bytes_spliced);
        self.state_walks.inc_by(figures.state_walks);
        self.encode.inc_by(figures.encode.as_secs_f64());
    }

    pub(crate) fn sent(&self, _event: &str, bytes: u64, took: Duration) {
        self.payload.inc_by(bytes);
        self.answer.observe(took.as_secs_f64());
    }

    pub(crate) fn delivered(&self, event: &str, count: usize) {
        self.messages.get_or_create(&Event { event: event.to_owned() }).inc_by(count as u64);
    }

    pub(crate) fn doubtful(&self, event: &str) {
        self.doubtful.get_or_create(&Event { event: event.to_owned() }).inc();
    }

    pub(crate) fn refused(&self, event: &str) {
        self.refused.get_or_create(&Event { event: event.to_owned() }).inc();
    }

    pub(crate) fn unsettled_lines(&self, count: usize) {
        self.unsettled_lines.inc_by(count as u64);
    }

    /// Messages that nobody takes any more.
    pub(crate) fn dropped(&self, count: u64) {
        self.dropped.inc_by(count);
    }

    pub(crate) fn withheld(&self, count: u64) {
        self.withheld.inc_by(count);
    }

    pub(crate) fn outbox(&self, change: i64) {
        self.outbox.inc_by(change);
    }

    /// Runs in progress.
    pub fn active(&self) -> i64 {
        self.active.get()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
