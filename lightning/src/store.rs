//! Everything the server knows, in memory and behind one lock.
//!
//! Nothing here waits. What takes long, takes it outside: large dataclips are `Bytes`, and checked before the lock is taken.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, broadcast, oneshot, watch};

use crate::config::Config;
use crate::fault::{Cut, Faults};
use crate::happening::{Happened, Happening};
use crate::link::Out;
use crate::record::{Answer, Recorded};
use crate::rules::Watch;
use crate::run::{Clip, NewClip, NewRun, Run, RunId, RunState};
use crate::token::Keys;

/// Happenings that a slow subscriber may lag behind.
const BACKLOG: usize = 4096;

/// The store, and how those who wait for it are woken.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    /// Counts what happened.
    pub(crate) changed: watch::Sender<u64>,
    /// A run was created.
    pub(crate) created: Notify,
    pub(crate) happenings: broadcast::Sender<Arc<Happening>>,
    store: Mutex<Store>,
}

impl Shared {
    pub(crate) fn new(config: Config, keys: Keys) -> Arc<Shared> {
        Arc::new(Shared {
            keys,
            changed: watch::Sender::new(0),
            created: Notify::new(),
            happenings: broadcast::Sender::new(BACKLOG),
            store: Mutex::new(Store { project: uuid(), ..Store::default() }),
            config,
        })
    }

    /// The store, with what it takes to change it.
    pub(crate) fn lock(&self) -> Locked<'_> {
        // A handler that panicked has been noted as such; what it left is as good as it gets.
        Locked { shared: self, store: self.store.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// A fresh id.
pub(crate) fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// What is known.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) project: String,
    pub(crate) runs: HashMap<RunId, Entry>,
    /// As they were created.
    pub(crate) order: Vec<RunId>,
    pub(crate) clips: HashMap<String, Clip>,
    pub(crate) credentials: HashMap<String, Value>,
    /// Of all runs.
    pub(crate) steps: HashSet<String>,
    pub(crate) faults: Faults,
    pub(crate) cuts: Vec<Cut>,
    pub(crate) violations: Vec<String>,
    pub(crate) records: VecDeque<Recorded>,
    pub(crate) held: Vec<oneshot::Sender<()>>,
    pub(crate) sockets: BTreeMap<u64, Socket>,
    /// How many sockets there have been.
    pub(crate) connected: u64,
    /// Requests that are not remembered any more.
    forgotten: u64,
    /// How far the server's clock is ahead.
    ahead: Duration,
}

/// A run and what belongs to it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) run: Run,
    pub(crate) watch: Watch,
    pub(crate) happenings: Vec<Arc<Happening>>,
    /// The socket whose worker knows that it has claimed it.
    pub(crate) claimed_on: Option<u64>,
}

/// A connection that is open.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) out: UnboundedSender<Out>,
    /// Joined topics, each with its join's ref.
    pub(crate) topics: HashMap<String, Option<String>>,
    /// Of its `worker:queue`.
    pub(crate) capacity: Option<u64>,
}

/// The store while nobody else has it.
pub(crate) struct Locked<'a> {
    pub(crate) shared: &'a Shared,
    store: MutexGuard<'a, Store>,
}

impl std::ops::Deref for Locked<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Store {
        &mut self.store
    }
}

impl Locked<'_> {
    /// Microseconds.
    pub(crate) fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.ahead;
        i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
    }

    /// Seconds, as tokens count.
    pub(crate) fn now_seconds(&self) -> u64 {
        self.now().unsigned_abs() / 1_000_000
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// Tells whoever watches.
    pub(crate) fn tell(&mut self, run: Option<&str>, what: Happened) {
        let happening = Arc::new(Happening { at: self.now(), run: run.map(str::to_owned), what });
        if let Some(entry) = run.and_then(|run| self.runs.get_mut(run)) {
            entry.happenings.push(happening.clone());
        }
        // Nobody may be listening.
        let _ = self.shared.happenings.send(happening);
        self.changed();
    }

    /// Notes what a correct worker does not do.
    pub(crate) fn violate(&mut self, run: Option<&str>, message: impl Into<String>) {
        let message = message.into();
        let whole = match run {
            Some(run) => format!("run {run}: {message}"),
            None => message.clone(),
        };
        tracing::debug!(violation = %whole);
        self.violations.push(whole);
        self.tell(run, Happened::Violation { message });
    }

    /// The run, which the caller has seen before: runs are never deleted.
    pub(crate) fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        self.runs.get_mut(id)
    }

    /// Creates a run, whose input has been printed.
    pub(crate) fn create(&mut self, new: NewRun) -> RunId {
        let id = new.id.unwrap_or_else(uuid);
        let project = new.project.unwrap_or_else(|| self.project.clone());
        for (credential, body) in new.credentials {
            self.credentials.insert(credential, body);
        }
        let dataclip_id = match new.input {
            Some(clip) => Some(self.clip(NewClip { project: Some(project.clone()), ..clip })),
            None => new.plan.get("dataclip_id").and_then(Value::as_str).map(str::to_owned),
        };
        let queue = new.queue.unwrap_or_else(|| "default".to_owned());
        let run = Run {
            id: id.clone(),
            project,
            state: RunState::Available,
            reason: None,
            error_type: None,
            error_message: None,
            queue: queue.clone(),
            worker_name: None,
            created_at: self.now(),
            claimed_at: None,
            started_at: None,
            finished_at: None,
            dataclip_id,
            final_dataclip_id: None,
            steps: Vec::new(),
            plan: new.plan,
            logs: Vec::new(),
            worker_id: None,
            is_worked_on: false,
        };
        let entry = Entry { run, watch: Watch::default(), happenings: Vec::new(), claimed_on: None };
        if self.runs.insert(id.clone(), entry).is_none() {
            self.order.push(id.clone());
        }
        self.tell(Some(&id), Happened::RunCreated { queue });
        self.shared.created.notify_one();
        id
    }

    /// Keeps a dataclip, which has been printed.
    pub(crate) fn clip(&mut self, new: NewClip) -> String {
        let id = uuid();
        let project = new.project.unwrap_or_else(|| self.project.clone());
        self.clips.insert(id.clone(), Clip { body: new.body, request: new.request.map(Some), project });
        id
    }

    /// Takes back a run that nobody has claimed.
    pub(crate) fn cancel(&mut self, id: &str) -> bool {
        let now = self.now();
        let Some(entry) = self.entry(id).filter(|entry| entry.run.state == RunState::Available) else { return false };
        entry.run.state = RunState::Cancelled;
        entry.run.finished_at = Some(now);
        let state = RunState::Cancelled;
        self.tell(Some(id), Happened::RunCompleted { state, error_type: None, error_message: None });
        true
    }

    /// How long a run may take, from its claim and without grace.
    pub(crate) fn timeout(&self, run: &Run) -> Duration {
        let given = run.option("run_timeout_ms").and_then(Value::as_u64);
        given.map_or(self.shared.config.run_timeout, Duration::from_millis)
    }

    /// It has been claimed for longer than it may.
    pub(crate) fn is_over(&self, run: &Run) -> bool {
        let lasts = self.timeout(run) + self.shared.config.grace;
        let lasts = i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX);
        !run.state.is_final() && run.claimed_at.is_some_and(|at| at.saturating_add(lasts) < self.now())
    }

    /// Gives up runs whose time is over. How many those were.
    pub(crate) fn janitor(&mut self) -> usize {
        let now = self.now();
        let lost: Vec<RunId> = self.order.iter().filter(|id| self.is_over(&self.runs[*id].run)).cloned().collect();
        for id in &lost {
            let Some(Entry { run, .. }) = self.entry(id) else { continue };
            let error = if run.state == RunState::Started { "LostAfterStart" } else { "LostAfterClaim" };
            run.state = RunState::Lost;
            run.error_type = Some(error.to_owned());
            run.finished_at = Some(now);
            for step in run.steps.iter_mut().filter(|step| step.finished_at.is_none()) {
                step.reason = Some("lost".to_owned());
                step.finished_at = Some(now);
            }
            let error_type = run.error_type.clone();
            self.tell(Some(id), Happened::RunCompleted { state: RunState::Lost, error_type, error_message: None });
        }
        lost.len()
    }

    /// Takes claims back that nobody got to know of.
    pub(crate) fn take_back(&mut self, runs: &[RunId]) {
        for id in runs {
            let Some(entry) = self.entry(id) else { continue };
            if entry.run.state == RunState::Claimed {
                entry.run.state = RunState::Available;
                entry.run.claimed_at = None;
                self.tell(Some(id), Happened::RunReturned);
                self.shared.created.notify_one();
            }
        }
    }

    /// Notes a request, and gives it its number.
    pub(crate) fn record(&mut self, mut recorded: Recorded) -> u64 {
        let config = &self.shared.config;
        let seq = self.forgotten + self.records.len() as u64;
        recorded.seq = seq;
        recorded.at = self.now();
        // A copy: a part of a frame would keep all of it.
        let kept = recorded.payload.len().min(config.record_payload);
        recorded.payload = Bytes::copy_from_slice(&recorded.payload[..kept]);
        self.records.push_back(recorded);
        self.changed();
        while self.records.len() > config.records {
            self.records.pop_front();
            self.forgotten += 1;
        }
        seq
    }

    /// Notes what a request was answered with.
    pub(crate) fn answer(&mut self, seq: u64, answer: Answer) {
        if let Some(recorded) = self.recorded(seq) {
            recorded.answer = answer;
        }
        self.changed();
    }

    /// Notes that a reply has been written.
    pub(crate) fn delivered(&mut self, seq: u64) {
        if let Some(recorded) = self.recorded(seq) {
            recorded.delivered = true;
        }
        self.changed();
    }

    /// Wakes whoever waits.
    fn changed(&self) {
        self.shared.changed.send_modify(|count| *count += 1);
    }

    fn recorded(&mut self, seq: u64) -> Option<&mut Recorded> {
        let at = seq.checked_sub(self.forgotten)?;
        self.records.get_mut(usize::try_from(at).ok()?)
    }
}
