//! One run, from its claim until the server has answered its `run:complete`.
//!
//! ```text
//! join ──► plan ──► input, credentials ──► run:start ──► engine … letters … ──► run:complete ──► leave
//! ```
//!
//! Whatever goes wrong before the engine has the run ends it with an outcome that says what; whatever goes wrong after that is the
//! engine's to say. There is no way out of here on which the server hears nothing, short of a server that does not listen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fulgurite_engine::Pool;
use fulgurite_engine::message::{Event, Limits};
use fulgurite_engine::pool::{Ending as PoolEnding, Incoming, Request, Room, Run, Sink};
use fulgurite_plan::{ErrorReport, KillReason, Outcome};
use fulgurite_wire::{Channel, Client, JoinError, Payload, Reply, RequestError, Response, Status};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::assignment::{Assignment, Claimed};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::courier::{Courier, Dead, Habits, Settings, shown};
use crate::dataclip;
use crate::decode::{self, Decoded};
use crate::desk::{self, Desk};
use crate::engine::{Engine, Ready, Terms};
use crate::intake::{self, Intake};
use crate::message::{Letter, Message, Source};
use crate::metrics::Metrics;
use crate::orders::{Order, Orders, Wish};
use crate::outbox::Outbox;

/// What all runs of a worker share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) client: Client,
    pub(crate) pool: Pool,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) orders: Orders,
    pub(crate) habits: Arc<Habits>,
}

/// Works off one run.
pub(crate) async fn work(shared: Arc<Shared>, assignment: Assignment) {
    let id = assignment.claimed.id.clone();
    let span = tracing::info_span!("run", run = id);
    let order = shared.orders.enter(&id);
    shared.metrics.run_began();
    let session = Session { shared: &shared, assignment: &assignment, order: &order };
    let ended = session.work().instrument(span.clone()).await;
    let took = assignment.since.elapsed();
    span.in_scope(|| match &ended {
        Ok(reason) => tracing::info!(reason, ?took, "run complete"),
        Err(error) => {
            tracing::error!(%error, ?took, "the end of the run could not be reported: the server will call it lost")
        }
    });
    shared.metrics.run_ended(ended.ok().as_deref(), took);
    shared.orders.leave(&id);
}

struct Session<'a> {
    shared: &'a Arc<Shared>,
    assignment: &'a Assignment,
    order: &'a Order,
}

/// A run that can be started.
struct Prepared {
    ready: Ready,
    versions: Map<String, Value>,
    limits: config::Limits,
    timeout: Duration,
}

/// Events of the engine that may wait to become letters.
const EVENTS: usize = 64;

impl Session<'_> {
    /// The reason that the server was told.
    async fn work(&self) -> Result<String, Dead> {
        // From here on a worker that comes after us knows of the run.
        let outbox = Arc::new(self.outbox());
        let channel = match self.join().await {
            Ok(channel) => Arc::new(channel),
            Err(dead) => {
                if !matches!(*self.shared.client.status().borrow(), Status::Closed) {
                    outbox.close();
                }
                return Err(dead);
            }
        };
        let courier = Courier::new(channel.clone(), self.id(), &self.settings(), self.shared.metrics.clone());
        let (desk, post) = desk::pair(courier, outbox, self.shared.metrics.clone());
        let delivered = async {
            let delivered = post.deliver_all().await;
            if delivered.is_err() {
                // Nobody will hear of what it does.
                self.order.give("the server does not take messages about the run any more", Wish::Ours);
            }
            delivered
        };
        let (ended, delivered) = tokio::join!(self.run(&channel, desk), delivered);
        delivered.map(|()| ended)
    }

    fn id(&self) -> &str {
        &self.assignment.claimed.id
    }

    fn settings(&self) -> Settings {
        let config = &self.shared.config;
        Settings {
            habits: self.shared.habits.clone(),
            timeout: config.message_timeout,
            batch: config.batch_logs,
            until: self.assignment.until(),
        }
    }

    fn outbox(&self) -> Outbox {
        let claimed = &self.assignment.claimed;
        let Some(folder) = &self.shared.config.outbox else { return Outbox::nowhere(claimed) };
        Outbox::within(folder, claimed).unwrap_or_else(|error| {
            tracing::error!(folder = %folder.display(), %error, "the outbox cannot be kept on disk");
            Outbox::nowhere(claimed)
        })
    }

    async fn join(&self) -> Result<Channel, Dead> {
        let until = self.assignment.until();
        join(&self.shared.client, &self.assignment.claimed, self.shared.config.message_timeout, until).await
    }

    /// Has the run executed, and everything about it put among the letters. The reason that it ended for.
    async fn run(&self, channel: &Channel, mut desk: Desk) -> String {
        let clock = self.shared.clock.clone();
        let mut facts = intake::Terms { input: None, payload: 0, outputs: true, job_logs: true };
        let prepared = {
            let prepare = self.prepare(channel, &mut facts);
            tokio::pin!(prepare);
            tokio::select! {
                prepared = &mut prepare => prepared,
                // It finds the order before it asks for anything else: what is asked for now has to be answered first.
                () = self.hear(channel) => prepare.await,
            }
        };
        let prepared = match self.order.given() {
            Some((why, _)) => Err(aborted(&why)),
            None => prepared,
        };
        let mut intake = Intake::new(clock, facts.clone());
        if let Some(input) = &facts.input {
            desk.knows(input).await;
        }
        match prepared {
            Ok(prepared) => self.execute(channel, prepared, &mut intake, &mut desk).await,
            Err(outcome) => {
                if matches!(self.order.given(), Some((_, Wish::Theirs))) {
                    intake.cancelled();
                }
                desk.put(intake.refused(&outcome)).await;
            }
        }
        intake.ending.map_or_else(|| "exception".to_owned(), |ending| ending.reason)
    }

    /// Waits until the server asks for the run to be ended, and passes that on.
    async fn hear(&self, channel: &Channel) {
        let why = pushed_abort(channel).await;
        self.order.give(&why, Wish::Theirs);
    }

    /// Everything that the engine needs.
    async fn prepare(&self, channel: &Channel, facts: &mut intake::Terms) -> Result<Prepared, Box<Outcome>> {
        let config = &self.shared.config;
        let claimed = &self.assignment.claimed;
        if let Some(verifier) = &config.verifier
            && let Err(error) = verifier.check(&claimed.token, &claimed.id)
        {
            return Err(exception("InvalidTokenError", error.to_string()));
        }
        let text = self
            .fetch(channel, "fetch:plan", &json!({}))
            .await
            .map_err(|why| exception("PlanLoadError", format!("Failed to load the plan: [fetch:plan] {why}")))?;
        let decoded = decode::plan(text.bytes(), &config.defaults)
            .map_err(|error| Box::new(Outcome::Crash(ErrorReport { source: "worker".into(), ..error.to_report() })))?;
        facts.input.clone_from(&decoded.dataclip);
        facts.payload = decoded.limits.payload.min(MOST_PAYLOAD);
        facts.outputs = decoded.output_dataclips;
        facts.job_logs = decoded.job_logs;
        let input = self.input(channel, &decoded).await?;
        let credentials = self.credentials(channel, &decoded).await?;
        let versions = self.versions(&decoded);
        let Decoded { plan, limits, project, .. } = decoded;
        let uses =
            |step: &fulgurite_plan::Step| step.job.as_ref().is_some_and(|job| job.source.text.contains("collections."));
        let collections = match plan.steps().iter().any(uses) {
            true => self.collections(project.as_deref()),
            false => Map::new(),
        };
        let plan = decode::configured(plan, &credentials).with_credentials(collections);
        let timeout = self.assignment.time(limits.run_timeout);
        let terms = Terms {
            run_timeout: timeout,
            memory: limits.memory,
            state: limits.state,
            log_line: limits.log_line,
            state_props_to_remove: config.state_props_to_remove.clone(),
        };
        let shared = self.shared.clone();
        let ready = tokio::task::spawn_blocking(move || shared.engine.ready(&plan, input, &terms)).await;
        let ready = ready.unwrap_or_else(|_| Err(Box::new(ErrorReport::new("InternalError", "a bug in the worker"))));
        let ready = ready.map_err(|report| Box::new(Outcome::Exception(*report)))?;
        Ok(Prepared { ready, versions, limits, timeout })
    }

    fn versions(&self, decoded: &Decoded) -> Map<String, Value> {
        let mut versions = self.shared.engine.versions();
        for adaptor in decoded.adaptors() {
            if let Some((name, version)) = adaptor.rsplit_once('@').filter(|(name, _)| !name.is_empty()) {
                let known = versions.entry(name).or_insert_with(|| json!([]));
                if let Value::Array(known) = known {
                    known.push(version.into());
                }
            }
        }
        versions
    }

    /// What jobs reach collections with.
    fn collections(&self, project: Option<&str>) -> Map<String, Value> {
        let Some(endpoint) = &self.shared.config.collections else { return Map::new() };
        let mut credentials = Map::new();
        credentials.insert("collections_token".into(), self.assignment.claimed.token.clone().into());
        credentials.insert("collections_endpoint".into(), endpoint.clone().into());
        if let Some(project) = project {
            credentials.insert("project_id".into(), project.into());
        }
        credentials
    }

    async fn input(&self, channel: &Channel, decoded: &Decoded) -> Result<Option<Bytes>, Box<Outcome>> {
        let Some(id) = &decoded.dataclip else { return Ok(None) };
        let failed =
            |why: &str| exception("DataClipError", format!("Failed to load dataclip {id}: [fetch:dataclip] {why}"));
        let mut asked = 0;
        let answer = self.fetch_counting(channel, "fetch:dataclip", &json!({ "id": id }), &mut asked).await;
        let answer = answer.map_err(|why| failed(&why))?;
        let input = dataclip::input(&answer).map_err(|why| failed(&why))?;
        if input.is_none() && asked > 1 && !decoded.output_dataclips {
            // A project that keeps no data wipes the input with the first answer, and that one we never got.
            return Err(failed("the connection was lost while it was sent, and the project keeps no second copy"));
        }
        Ok(input)
    }

    /// Each credential once, whatever the number of its steps.
    async fn credentials(
        &self,
        channel: &Channel,
        decoded: &Decoded,
    ) -> Result<BTreeMap<String, Map<String, Value>>, Box<Outcome>> {
        let mut found = BTreeMap::new();
        let mut failed = Vec::new();
        for id in decoded.credentials() {
            let body = match self.fetch(channel, "fetch:credential", &json!({ "id": id })).await {
                Ok(answer) => answer.json::<Option<Map<String, Value>>>().map_err(|_| "it is no object".to_owned()),
                Err(why) => Err(why),
            };
            match body {
                // A keychain in which nothing fits has no body, and is no error.
                Ok(body) => drop(found.insert(id, body.unwrap_or_default())),
                Err(why) => failed.push(format!("Failed to load credential {id}: [fetch:credential] {why}")),
            }
        }
        if failed.is_empty() { Ok(found) } else { Err(exception("CredentialLoadError", failed.join("\n"))) }
    }

    async fn fetch(&self, channel: &Channel, event: &str, payload: &Value) -> Result<Response, String> {
        self.fetch_counting(channel, event, payload, &mut 0).await
    }

    /// Asks for something until there is an answer: to ask changes nothing. The error is for people.
    async fn fetch_counting(
        &self,
        channel: &Channel,
        event: &str,
        payload: &Value,
        asked: &mut u32,
    ) -> Result<Response, String> {
        let mut crashes = 0;
        loop {
            if let Some((why, _)) = self.order.given() {
                return Err(why);
            }
            *asked += 1;
            match channel.request(event, Payload::json(payload), self.shared.config.message_timeout).await {
                Ok(Reply::Ok(answer)) => return Ok(answer),
                Ok(Reply::Error(answer)) => return Err(shown(&answer)),
                Err(RequestError::Lost) => tracing::warn!(event, "no answer came, asking again"),
                Err(RequestError::Crashed) if crashes < 2 => {
                    crashes += 1;
                    tracing::warn!(event, "the server's channel crashed, asking again");
                }
                Err(RequestError::Timeout) if *asked < 3 => tracing::warn!(event, "no answer in time, asking again"),
                Err(RequestError::Timeout) => return Err("timeout".to_owned()),
                Err(RequestError::Refused(answer)) => return Err(shown(&answer)),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    async fn execute(&self, channel: &Channel, prepared: Prepared, intake: &mut Intake, desk: &mut Desk) {
        let Prepared { ready: Ready { request, warnings }, versions, limits, timeout } = prepared;
        let (clock, metrics) = (&self.shared.clock, &self.shared.metrics);
        let told = described(&versions);
        let start = Letter { at: clock.roomy(), message: Message::RunStart { versions }, body: None };
        let mut first = vec![start, intake.log(Source::Versions, "info", told)];
        let text = format!(
            "Memory limit: {} MB, timeout: {} s, payload limit: {} MB",
            limits.memory >> 20,
            timeout.as_secs(),
            limits.payload >> 20
        );
        first.push(intake.log(Source::Engine, "info", text));
        first.extend(warnings.into_iter().map(|warning| intake.log(Source::Engine, "info", warning)));
        desk.put(first).await;
        let Some(slot) = self.slot().await else {
            let outcome = exception("EngineError", "there is no engine process".to_owned());
            desk.put(intake.refused(&outcome)).await;
            return;
        };
        metrics.run_handed_over(self.assignment.since.elapsed());
        // What it took to get here is no time of the run's any more.
        let left = self.assignment.time(timeout);
        let request = Request { limits: Limits { run_timeout: Some(left), ..request.limits }, ..request };
        let (sender, mut events) = mpsc::channel(EVENTS);
        let run = slot.start(request, offered(sender));
        self.order.started.store(true, Ordering::Relaxed);
        let mut stopped = false;
        loop {
            // Orders first: a job that floods its log must not keep them waiting.
            let incoming = tokio::select! {
                biased;
                (why, wish) = self.order.wait(), if !stopped => {
                    stopped = true;
                    stop(&run, &why, wish, intake);
                    continue;
                }
                () = self.hear(channel), if !stopped => continue,
                incoming = events.recv() => incoming,
            };
            let Some(incoming) = incoming else { break };
            if let Event::Traces(body) = &incoming.event {
                if let Some(traces) = incoming.bodies.get(*body as usize) {
                    self.shared.engine.traced(self.id(), traces);
                }
                continue;
            }
            self.count(&incoming.event);
            let child = run.child();
            desk.put(intake.letters(incoming, child)).await;
        }
        if intake.ending.is_none() {
            let text = "the engine did not say how the run ended: a bug in fulgurite";
            desk.put(intake.refused(&exception("InternalError", text.to_owned()))).await;
        }
        metrics.withheld(intake.withheld);
        let ending = tokio::task::spawn_blocking(move || run.join()).await;
        if let Ok(PoolEnding { cpu, memory, .. }) = ending {
            metrics.engine(cpu, memory);
        }
    }

    fn count(&self, event: &Event) {
        match event {
            Event::RunStart(start) => self.shared.metrics.isolate(start.isolate),
            Event::StepComplete(step) => {
                self.shared.metrics.step(&step.figures, step.items.map_or(0, |items| items.calls))
            }
            Event::RunComplete(run) => {
                self.shared.metrics.run(&run.figures);
                if let Outcome::Kill(reason, _) = &run.outcome {
                    self.shared.metrics.killed(reason.as_str());
                }
            }
            Event::StepStart(_) | Event::Log(_) | Event::Traces(_) => {}
        }
    }

    /// A child. There is one for each run that may be claimed, but one may just be replaced.
    async fn slot(&self) -> Option<fulgurite_engine::pool::Slot> {
        if let Some(slot) = self.shared.pool.try_slot() {
            return Some(slot);
        }
        let shared = self.shared.clone();
        let deadline = Instant::now() + self.assignment.time(Duration::from_secs(60));
        tokio::task::spawn_blocking(move || shared.pool.slot(Some(deadline))).await.ok().flatten()
    }
}

/// Joins a run's topic. A server that is too busy, or has no room, is asked again for as long as it would listen: the run is ours,
/// whether we join or not.
pub(crate) async fn join(
    client: &Client,
    claimed: &Claimed,
    timeout: Duration,
    until: Option<Instant>,
) -> Result<Channel, Dead> {
    let topic = format!("run:{}", claimed.id);
    let until = until.unwrap_or_else(|| Instant::now() + UNTOLD);
    let mut tries = 0u32;
    loop {
        tries += 1;
        let token = Payload::json(&json!({ "token": claimed.token }));
        let why = match client.join(&topic, token, timeout).await {
            Ok(channel) => return Ok(channel),
            Err(JoinError::Timeout) => "no answer".to_owned(),
            Err(JoinError::Full) => "no room on the connection".to_owned(),
            Err(JoinError::Refused(answer)) if is_passing(&answer) => shown(&answer),
            Err(JoinError::Refused(answer)) => {
                return Err(Dead(format!("the server refused the join: {}", shown(&answer))));
            }
            Err(error) => return Err(Dead(format!("the run cannot be joined: {error}"))),
        };
        if Instant::now() > until {
            return Err(Dead(format!("the run could not be joined in {tries} attempts: {why}")));
        }
        tracing::warn!(tries, why, "the run is not joined yet, asking again");
        tokio::time::sleep(Duration::from_millis(250 * u64::from(tries.min(20)))).await;
    }
}

/// How long a run is tried to be joined whose token does not say how long it is good.
const UNTOLD: Duration = Duration::from_secs(300);

/// Whether a refusal is about the moment, and not about us.
pub(crate) fn is_passing(answer: &Response) -> bool {
    let text = String::from_utf8_lossy(answer.bytes());
    text.contains("join crashed") || text.contains("too many channels")
}

/// No server takes a longer message, whatever else is in it.
const MOST_PAYLOAD: u64 = 11_000_000;

fn stop(run: &Run, why: &str, wish: Wish, intake: &mut Intake) {
    tracing::info!(why, "the run is ended");
    if wish == Wish::Theirs {
        intake.cancelled();
    }
    run.abort(why);
}

fn aborted(why: &str) -> Box<Outcome> {
    let report = ErrorReport { source: "worker".into(), ..ErrorReport::new("AbortError", why) };
    Box::new(Outcome::Kill(KillReason::Abort, report))
}

/// Waits until the server asks for the run to be ended. No server does so yet; other pushes are none of ours.
async fn pushed_abort(channel: &Channel) -> String {
    loop {
        match channel.push().await {
            Some(push) if push.event == "run:abort" => {
                let why = push.payload.json::<Value>().ok();
                let why = why.as_ref().and_then(|why| why.get("reason")).and_then(Value::as_str);
                return why.unwrap_or("the server asked for it").to_owned();
            }
            Some(push) => tracing::debug!(event = push.event, "a push that nobody here knows"),
            None => std::future::pending().await,
        }
    }
}

fn exception(class: &'static str, message: String) -> Box<Outcome> {
    Box::new(Outcome::Exception(ErrorReport { source: "worker".into(), ..ErrorReport::new(class, message) }))
}

/// Versions as the log shows them.
fn described(versions: &Map<String, Value>) -> String {
    let mut text = "Versions:".to_owned();
    for (name, version) in versions {
        let version = match version {
            Value::String(version) => version.clone(),
            Value::Array(versions) => versions.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        text.push_str(&format!("\n    ▸ {name}  {version}"));
    }
    text
}

/// Passes events on, and keeps the one for which there is no room.
fn offered(to: mpsc::Sender<Incoming>) -> Sink {
    let mut waiting: Option<Incoming> = None;
    Box::new(move |incoming| {
        let Some(incoming) = incoming.or_else(|| waiting.take()) else { return Room::Free };
        match to.try_send(incoming) {
            Err(mpsc::error::TrySendError::Full(incoming)) => {
                waiting = Some(incoming);
                Room::Full
            }
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Room::Free,
        }
    })
}
