//! A worker's life: it connects, claims, works, and when it is told to stop it finishes what it has.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use fulgurite_engine::Pool;
use fulgurite_wire::{Channel, Client, Fatal, JoinError, Payload, Settings, Status, UrlError};
use serde_json::{Map, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::claims::Claims;
use crate::clock::Clock;
use crate::config::Config;
use crate::courier::{Habits, shown};
use crate::engine::Engine;
use crate::http::{self, Port, Readiness};
use crate::metrics::Metrics;
use crate::orders::Orders;
use crate::session::{self, Shared};
use crate::{leftover, outbox, token};

/// What a worker is made of.
pub struct Worker {
    /// How it works.
    pub config: Config,
    /// Where the server is, such as `ws://localhost:4000/worker`.
    pub url: String,
    /// What it shares with the server.
    pub secret: String,
    /// What it says of itself: the version of the program.
    pub version: String,
    /// Trust the certificate authorities of this machine instead of Mozilla's.
    pub system_certificates: bool,
    /// One child for each slot.
    pub pool: Pool,
    /// Makes requests of plans.
    pub engine: Box<dyn Engine>,
    /// Stamps what happens.
    pub clock: Arc<Clock>,
    /// Where its own port listens; `None` = it has none.
    pub listener: Option<TcpListener>,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
}

/// What a worker is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stop {
    /// Nothing.
    #[default]
    Not,
    /// Claim nothing more, finish what there is, and then stop.
    Drain,
    /// Stop now: what is in progress is ended, and its end is reported if that does not take long.
    Now,
}

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's address is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The secret cannot be used.
    #[error(transparent)]
    Token(#[from] token::Error),
    /// The server does not want us.
    #[error(transparent)]
    Fatal(#[from] Fatal),
    /// The server lets us connect, but not claim.
    #[error("the server does not let this worker claim runs: {0}")]
    Refused(String),
    /// The outbox cannot be used.
    #[error("the outbox {folder} cannot be used: {error}")]
    Outbox {
        /// Its folder.
        folder: String,
        /// Why.
        error: io::Error,
    },
}

/// Runs of another worker that are settled at a time: each takes a channel, of which there are a hundred.
const SETTLING: usize = 8;

/// Runs that were told to end at once have this long to be reported.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Works until it is told to stop.
///
/// # Errors
/// When it could not do anything however long it tried.
pub async fn run(worker: Worker, mut stop: watch::Receiver<Stop>) -> Result<(), Error> {
    let Worker { config, url, secret, version, system_certificates, pool, engine, clock, listener, metrics } = worker;
    let id = config.name.clone().unwrap_or_else(|| format!("fulgurite-{:08x}", fastrand::u32(..)));
    let params = vec![
        ("token".to_owned(), token::worker(&secret, &id)?),
        ("api_version".to_owned(), "1.2".to_owned()),
        ("worker_version".to_owned(), version),
    ];
    let counting = metrics.clone();
    let (client, driver) = fulgurite_wire::connect(Settings {
        params,
        on_frame: Some(Arc::new(move |bytes| counting.frame(bytes))),
        system_certificates,
        backoff: config.reconnect,
        ..Settings::new(url.clone())
    })?;
    // The lock is held for as long as the worker lives.
    let (_lock, left_over) = match &config.outbox {
        Some(folder) => {
            let taken = outbox::lock(folder).and_then(|lock| Ok((Some(lock), outbox::left_over(folder)?)));
            taken.map_err(|error| Error::Outbox { folder: folder.display().to_string(), error })?
        }
        None => (None, Vec::new()),
    };
    metrics.slots(config.capacity());
    let habits = Arc::new(Habits::new(config.states));
    let shared = Arc::new(Shared { config, client, pool, engine, clock, metrics, orders: Orders::default(), habits });

    let (wake, woken) = watch::channel(0);
    let wake = Arc::new(wake);
    let (ready, readiness) = watch::channel(Readiness::Connecting);
    let (closing, runs) = (CancellationToken::new(), TaskTracker::new());
    let port = listener.map(|listener| {
        let port = Port { shared: shared.clone(), secret: secret.into(), ready: readiness, wake: wake.clone() };
        tokio::spawn(http::serve(port, listener, closing.clone()))
    });
    let mut driver = tokio::spawn(driver.run());
    tracing::info!(url, worker = id, capacity = shared.config.capacity(), "connecting");
    let settling = Arc::new(Semaphore::new(SETTLING));
    for run in left_over {
        let (shared, settling) = (shared.clone(), settling.clone());
        runs.spawn(async move {
            let _turn = settling.acquire().await;
            leftover::settle(shared, run).await;
        });
    }

    let life = Life { shared: &shared, wake, woken, ready, runs: runs.clone() };
    let lived = tokio::select! {
        lived = life.live(&mut stop) => lived,
        ended = &mut driver => Err(fatal(ended)),
    };
    shared.client.close();
    if !driver.is_finished() {
        let _ = driver.await;
    }
    closing.cancel();
    if let Some(port) = port {
        // A client that keeps its connection open does not keep us.
        let _ = tokio::time::timeout(Duration::from_secs(1), port).await;
    }
    if let Ok(shared) = Arc::try_unwrap(shared) {
        let drained = tokio::task::spawn_blocking(move || shared.pool.drain(None));
        let _ = tokio::time::timeout(LAST_WORDS, drained).await;
    }
    lived
}

fn fatal(ended: Result<Result<(), Fatal>, tokio::task::JoinError>) -> Error {
    match ended {
        Ok(Err(fatal)) => Error::Fatal(fatal),
        Ok(Ok(())) => Error::Refused("the connection was closed".to_owned()),
        Err(panic) => Error::Refused(format!("a bug in the worker: {panic}")),
    }
}

struct Life<'a> {
    shared: &'a Arc<Shared>,
    wake: Arc<watch::Sender<u64>>,
    woken: watch::Receiver<u64>,
    ready: watch::Sender<Readiness>,
    runs: TaskTracker,
}

impl Life<'_> {
    async fn live(&self, stop: &mut watch::Receiver<Stop>) -> Result<(), Error> {
        let queue = tokio::select! {
            queue = self.join() => Arc::new(queue?),
            _ = stop.wait_for(|stop| *stop != Stop::Not) => return Ok(()),
        };
        let claiming = CancellationToken::new();
        let loops: Vec<JoinHandle<()>> = self
            .shared
            .config
            .workloops
            .iter()
            .map(|workloop| {
                let claims = Claims {
                    shared: self.shared.clone(),
                    queue: queue.clone(),
                    workloop: workloop.clone(),
                    slots: Arc::new(Semaphore::new(workloop.slots)),
                    wake: self.woken.clone(),
                    stop: claiming.clone(),
                    runs: self.runs.clone(),
                };
                tokio::spawn(claims.claim())
            })
            .collect();
        let watched =
            tokio::spawn(watch_connection(self.shared.client.clone(), self.shared.metrics.clone(), self.ready.clone()));
        let ended = tokio::select! {
            () = self.hear(&queue) => Err(Error::Refused("its channel is gone".to_owned())),
            // Whoever could tell us is gone: that is an order to stop, too.
            _ = stop.wait_for(|stop| *stop != Stop::Not) => Ok(()),
        };
        watched.abort();
        self.ready.send_replace(Readiness::Draining);
        claiming.cancel();
        tracing::info!(runs = self.shared.metrics.active(), "stopping: no more runs are claimed");
        self.drain(loops, stop).await;
        ended
    }

    /// Joins the queue. A server that does not answer is asked again; one that says no has said no.
    async fn join(&self) -> Result<Channel, Error> {
        let config = &self.shared.config;
        let queues: Map<_, _> = config.workloops.iter().map(|one| (one.name(), json!(one.slots))).collect();
        let capacity = json!({ "capacity": config.capacity(), "queues": queues });
        loop {
            let payload = Payload::json(&capacity);
            match self.shared.client.join("worker:queue", payload, config.message_timeout).await {
                Ok(channel) => return Ok(channel),
                Err(JoinError::Timeout) => tracing::warn!("no answer to the join of the queue, asking again"),
                Err(JoinError::Refused(answer)) if session::is_passing(&answer) => {
                    tracing::warn!(why = shown(&answer), "the queue is not joined yet, asking again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(JoinError::Refused(answer)) => return Err(Error::Refused(shown(&answer))),
                Err(JoinError::Closed) => std::future::pending().await,
                Err(error) => return Err(Error::Refused(error.to_string())),
            }
        }
    }

    /// Takes the server's hints; returns when the queue's channel is dead.
    async fn hear(&self, queue: &Channel) {
        while let Some(push) = queue.push().await {
            match push.event.as_str() {
                "work-available" => self.wake.send_modify(|wake| *wake += 1),
                event => tracing::debug!(event, "a push that nobody here knows"),
            }
        }
        tracing::error!("the server does not let this worker claim any more");
    }

    async fn drain(&self, loops: Vec<JoinHandle<()>>, stop: &mut watch::Receiver<Stop>) {
        let finished = async {
            for claims in loops {
                let _ = claims.await;
            }
            self.runs.close();
            self.runs.wait().await;
        };
        tokio::pin!(finished);
        let patience = self.shared.config.drain.unwrap_or(FOREVER);
        let why = tokio::select! {
            () = &mut finished => return,
            () = tokio::time::sleep(patience) => "the worker is stopping, and the run took longer than it may then",
            _ = stop.wait_for(|stop| *stop == Stop::Now) => "the worker was stopped",
        };
        tracing::warn!(runs = self.shared.metrics.active(), why, "runs in progress are ended");
        self.shared.orders.abort_all(why);
        if tokio::time::timeout(LAST_WORDS, finished).await.is_err() {
            tracing::error!(runs = self.shared.metrics.active(), "runs could not be reported");
        }
    }
}

/// Longer than any run.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Says when the connection comes and goes.
async fn watch_connection(client: Client, metrics: Arc<Metrics>, ready: watch::Sender<Readiness>) {
    let mut status = client.status();
    loop {
        let open = match &*status.borrow_and_update() {
            Status::Open { .. } => true,
            Status::Connecting { .. } | Status::Closed => false,
        };
        metrics.connected(open);
        ready.send_replace(if open { Readiness::Ready } else { Readiness::Connecting });
        if status.changed().await.is_err() {
            return;
        }
    }
}
