//! What a worker counts, for Prometheus. Names have units; `docs/worker.md` has the table, which a test compares with this.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fulgurite_engine::message::Figures;
use fulgurite_engine::pool::Condition;

use fulgurite_plan::KillReason;
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
    frame: Histogram,
    answer: Histogram,
    outbox: Gauge,
    outbox_age: Gauge<f64, AtomicU64>,
    waiting: Mutex<Line>,
    cpu: Counter<f64, AtomicU64>,
    child_memory: Histogram,
    resident: Family<Child, Gauge>,
    isolate: Histogram,
    heap: Histogram,
    external: Histogram,
    step_duration: Histogram,
    step_cpu: Histogram,
    state_in: Counter,
    state_out: Counter,
    state_parsed: Counter,
    state_spliced: Counter,
    state_walks: Counter,
    view: Histogram,
    encode: Histogram,
    clones: Counter,
    batches: Counter,
    batches_in_flight: Gauge,
}

/// Since when messages wait, by their number.
#[derive(Debug, Default)]
struct Line {
    last: u64,
    since: BTreeMap<u64, Instant>,
}

/// A message that waits for its acknowledgement, until it is dropped.
pub(crate) struct Waiting {
    metrics: Arc<Metrics>,
    number: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.metrics.line().since.remove(&self.number);
        self.metrics.outbox.dec();
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Child {
    child: u64,
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
        // An empty step takes microseconds, and one over a hundred megabytes a second.
        let short = || Histogram::new(exponential_buckets(0.000_001, 4.0, 14));
        let memory = || Histogram::new(exponential_buckets(1_048_576.0, 2.0, 13));
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
            // No server takes more than 11 MB.
            frame: Histogram::new(exponential_buckets(64.0, 4.0, 10)),
            answer: seconds(),
            outbox: Gauge::default(),
            outbox_age: Gauge::default(),
            waiting: Mutex::default(),
            cpu: Counter::default(),
            child_memory: memory(),
            resident: Family::default(),
            isolate: seconds(),
            heap: memory(),
            external: memory(),
            step_duration: short(),
            step_cpu: short(),
            state_in: Counter::default(),
            state_out: Counter::default(),
            state_parsed: Counter::default(),
            state_spliced: Counter::default(),
            state_walks: Counter::default(),
            view: short(),
            encode: short(),
            clones: Counter::default(),
            batches: Counter::default(),
            batches_in_flight: Gauge::default(),
        };
        metrics.register();
        metrics.begin_at_nothing();
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
        r.register_with_unit(
            "frame",
            "Frames as they were written, without the websocket's header",
            Unit::Bytes,
            self.frame.clone(),
        );
        r.register_with_unit("answer", "From a message until its answer", Unit::Seconds, self.answer.clone());
        r.register("outbox_messages", "Messages that the server has not acknowledged", self.outbox.clone());
        r.register_with_unit(
            "outbox_age",
            "How long the oldest of them has waited",
            Unit::Seconds,
            self.outbox_age.clone(),
        );
        r.register_with_unit("engine_cpu", "CPU time of engine processes for runs", Unit::Seconds, self.cpu.clone());
        r.register_with_unit(
            "engine_memory",
            "Most memory of its own that an engine process was seen with in a run",
            Unit::Bytes,
            self.child_memory.clone(),
        );
        r.register_with_unit(
            "engine_resident",
            "Memory in RAM of each engine process, now",
            Unit::Bytes,
            self.resident.clone(),
        );
        r.register_with_unit("isolate_start", "To make the isolate of a run", Unit::Seconds, self.isolate.clone());
        r.register_with_unit("heap_peak", "Most V8 heap that a run had in use", Unit::Bytes, self.heap.clone());
        r.register_with_unit(
            "external_peak",
            "Most that a run had behind ArrayBuffers",
            Unit::Bytes,
            self.external.clone(),
        );
        r.register_with_unit(
            "step_duration",
            "From a step's start to its end",
            Unit::Seconds,
            self.step_duration.clone(),
        );
        r.register_with_unit(
            "step_cpu",
            "CPU time of a step, on its run's thread",
            Unit::Seconds,
            self.step_cpu.clone(),
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
            "state_view",
            "Time to make a state visible to its step, and to parse what that touched",
            Unit::Seconds,
            self.view.clone(),
        );
        r.register_with_unit(
            "state_encode",
            "Time to turn the state that a step returned into bytes",
            Unit::Seconds,
            self.encode.clone(),
        );
        r.register("context_clones", "Times that the context of templates was taken as it was", self.clones.clone());
        r.register("batches", "Calls of steps over items, one for each item or batch of them", self.batches.clone());
        r.register("batches_in_flight", "Those in flight now", self.batches_in_flight.clone());
    }

    /// What can happen is there before it happens: a counter that appears with 1 has not grown to whoever looks at its growth.
    fn begin_at_nothing(&self) {
        use KillReason::{Abort, Cpu, Host, Idle, Oom, Security, Timeout};

        for reason in ["success", "fail", "crash", "exception", "kill", "cancel"] {
            drop(self.runs.get_or_create(&Reason { reason: reason.to_owned() }));
        }
        for reason in [Timeout, Cpu, Idle, Oom, Abort, Security, Host] {
            drop(self.kills.get_or_create(&Reason { reason: reason.as_str().to_owned() }));
        }
        for answer in ["runs", "none", "failed"] {
            drop(self.claims.get_or_create(&Answered { answer }));
        }
        for event in ["run:start", "step:start", "run:log", "step:complete", "run:complete"] {
            for family in [&self.messages, &self.doubtful, &self.refused] {
                drop(family.get_or_create(&Event { event: event.to_owned() }));
            }
        }
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

    /// The isolate of a run came up.
    pub(crate) fn isolate(&self, took: Duration) {
        self.isolate.observe(took.as_secs_f64());
    }

    /// What a run cost. One whose process died has no figures.
    pub(crate) fn run(&self, figures: &Figures) {
        if figures.heap > 0 {
            self.heap.observe(figures.heap as f64);
            self.external.observe(figures.buffers as f64);
        }
    }

    /// How the engine's processes are.
    pub(crate) fn look(&self, children: &[Option<Condition>]) {
        // One that is being replaced has no memory.
        self.resident.clear();
        for (child, condition) in (1..).zip(children) {
            let resident = condition.map_or(0, |condition| condition.resident);
            self.resident.get_or_create(&Child { child }).set(resident as i64);
        }
        self.batches_in_flight.set(children.iter().flatten().map(|condition| condition.batches as i64).sum());
        let since = self.line().since.values().next().copied();
        self.outbox_age.set(since.map_or(0.0, |since| since.elapsed().as_secs_f64()));
    }

    /// A step ended that made so many calls over items.
    pub(crate) fn step(&self, figures: &Figures, calls: u64) {
        self.step_duration.observe(figures.duration.as_secs_f64());
        self.step_cpu.observe(figures.cpu.as_secs_f64());
        self.view.observe(figures.view.as_secs_f64());
        self.clones.inc_by(figures.context_clones);
        self.batches.inc_by(calls);
        self.state_in.inc_by(figures.bytes_in);
        self.state_out.inc_by(figures.bytes_out);
        self.state_parsed.inc_by(figures.bytes_parsed);
        self.state_spliced.inc_by(figures.bytes_spliced);
        self.state_walks.inc_by(figures.state_walks);
        self.encode.observe(figures.encode.as_secs_f64());
    }

    /// A frame was written.
    pub(crate) fn frame(&self, bytes: u64) {
        self.frame.observe(bytes as f64);
    }

    pub(crate) fn sent(&self, bytes: u64, took: Duration) {
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

    /// A message waits for its acknowledgement.
    pub(crate) fn waits(self: &Arc<Self>) -> Waiting {
        self.outbox.inc();
        let mut line = self.line();
        line.last += 1;
        let number = line.last;
        line.since.insert(number, Instant::now());
        Waiting { metrics: self.clone(), number }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names with their types, as they are in the text.
    fn exported(text: &str) -> BTreeSet<(String, String)> {
        let described = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let named = described.map(|(name, kind)| match kind {
            // The samples have it, the description has not.
            "counter" => (format!("{name}_total"), kind.to_owned()),
            _ => (name.to_owned(), kind.to_owned()),
        });
        named.collect()
    }

    /// The rows of the table: `` | `name{label}` | type | … ``.
    fn documented(page: &str) -> BTreeSet<(String, String)> {
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `fulgurite_")?.split_once("` | "));
        let named = rows.filter_map(|(name, rest)| {
            let kind = rest.split(" |").next()?;
            Some((format!("fulgurite_{}", name.split('{').next()?), kind.to_owned()))
        });
        named.collect()
    }

    #[test]
    fn the_table_has_every_metric_and_no_other() {
        let page = include_str!("../../docs/worker.md");
        let metrics = Metrics::default();
        metrics.look(&[None]);
        assert_eq!(documented(page), exported(&metrics.text()));
    }

    #[test]
    fn what_has_a_unit_has_it_in_its_name() {
        let text = Metrics::default().text();
        let units: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# UNIT ")).collect();
        assert!(units.len() > 15, "{units:?}");
        for (name, unit) in units.iter().filter_map(|line| line.split_once(' ')) {
            assert!(name.ends_with(unit), "{name} is in {unit}");
        }
        for (name, _) in exported(&text) {
            let timed = ["duration", "wait", "age", "cpu", "encode", "view", "answer"];
            if timed.iter().any(|word| name.contains(word)) && !name.contains("messages") {
                assert!(name.contains("seconds"), "{name}");
            }
        }
    }

    #[test]
    fn the_oldest_message_says_how_long_all_wait() {
        let metrics = Arc::new(Metrics::default());
        let value = |name: &str| {
            metrics.look(&[]);
            let text = metrics.text();
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok());
            line.unwrap_or_else(|| panic!("{name} in {text}"))
        };
        assert_eq!(value("fulgurite_outbox_age_seconds"), 0.0);
        let (first, second) = (metrics.waits(), metrics.waits());
        assert_eq!(value("fulgurite_outbox_messages"), 2.0);
        let before = value("fulgurite_outbox_age_seconds");
        assert!(before > 0.0);
        drop(second);
        assert!(value("fulgurite_outbox_age_seconds") > before);
        drop(first);
        assert_eq!((value("fulgurite_outbox_messages"), value("fulgurite_outbox_age_seconds")), (0.0, 0.0));
    }
}
