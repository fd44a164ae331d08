//! The worker against the strict server: real websockets, real engine processes. The server's own list of what a correct worker
//! does not do has to be empty at the end of every test.
//!
//! Nothing sleeps: every wait is for something that happens, and has an end.

mod chaos;
mod golden;
mod life;
mod measured;
mod outbox;
mod payloads;
mod refusals;
mod speed;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fulgurite::engine::config;
use fulgurite::worker::Runtime;
use fulgurite_engine::{Config as PoolConfig, Pool};
use fulgurite_lightning::{Config as ServerConfig, Handle, NewRun, Run, RunState, Server};
use fulgurite_runtime::{Limits, Network};
use fulgurite_worker::clock::Clock;
use fulgurite_worker::config::Config;
use fulgurite_worker::life::{Error, Stop, Worker, run};
use fulgurite_worker::metrics::Metrics;
use fulgurite_worker::workloop::Backoff;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::engine::program;

pub(crate) fn trials() -> Vec<Trial> {
    let groups = [
        golden::trials(),
        chaos::trials(),
        life::trials(),
        measured::trials(),
        outbox::trials(),
        payloads::trials(),
        refusals::trials(),
        speed::trials(),
    ];
    groups.into_iter().flatten().collect()
}

/// A test that is a future.
pub(crate) fn trial<F: Future<Output = ()> + 'static>(name: &str, test: fn() -> F) -> Trial {
    Trial::test(format!("worker::{name}"), move || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
        tokio.block_on(async { tokio::time::timeout(LONGEST, test()).await }).map_err(|_| "it takes too long")?;
        tokio.shutdown_background();
        Ok(())
    })
}

/// No test takes so long, unless something waits for ever.
const LONGEST: Duration = Duration::from_secs(300);

/// A server with a worker.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) handle: Handle,
    /// The worker's own port.
    pub(crate) port: u16,
    pub(crate) stop: watch::Sender<Stop>,
    pub(crate) working: JoinHandle<Result<(), Error>>,
}

/// As a server is in tests: nothing is waited for that need not be.
pub(crate) fn server_config() -> ServerConfig {
    ServerConfig { debounce: Duration::from_millis(1), ..ServerConfig::default() }
}

/// A worker with two slots that asks again soon.
pub(crate) fn worker_config() -> Config {
    let backoff = Backoff { min: Duration::from_millis(20), max: Duration::from_millis(100) };
    let reconnect = fulgurite_wire::Backoff { first: Duration::from_millis(1), most: Duration::from_millis(10) };
    Config { backoff, reconnect, message_timeout: Duration::from_secs(20), ..Config::new(2) }
}

impl World {
    pub(crate) async fn new() -> World {
        World::with(server_config(), worker_config()).await
    }

    pub(crate) async fn with(server: ServerConfig, config: Config) -> World {
        let secret = server.secret.clone();
        let server = Server::start(server).await.expect("a server starts");
        let metrics = Arc::new(Metrics::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (stop, told) = watch::channel(Stop::Not);
        let worker = worker(&server.url(), &secret, config, Some(listener), metrics);
        let working = tokio::spawn(run(worker, told));
        World { handle: server.handle(), server, port, stop, working }
    }

    /// Has a plan run, and waits for its end.
    pub(crate) async fn run(&self, plan: Value, input: &str) -> Run {
        let id = self.handle.enqueue(NewRun::new(plan, input.to_owned()));
        self.handle.wait(&id).await
    }

    /// Stops the worker, and looks for what it did that it must not.
    pub(crate) async fn end(self) {
        self.stop.send_modify(|stop| *stop = (*stop).max(Stop::Drain));
        self.working.await.expect("the worker does not panic").expect("the worker stops as it was told");
        assert_eq!(self.handle.violations(), Vec::<String>::new());
        self.server.stop().await;
    }
}

pub(crate) fn worker(
    url: &str,
    secret: &str,
    config: Config,
    listener: Option<TcpListener>,
    metrics: Arc<Metrics>,
) -> Worker {
    let children = config.capacity();
    let pool = Pool::start(PoolConfig { program: program(), children, ..self::config(None, false, None) });
    let limits = Limits { step_timeout: None, network: Network::none(), ..Limits::default() };
    Worker {
        config,
        url: url.to_owned(),
        secret: secret.to_owned(),
        version: "1.2.3".to_owned(),
        system_certificates: false,
        pool: pool.expect("children start"),
        engine: Box::new(Runtime::new(limits, None)),
        clock: Arc::new(Clock::default()),
        listener,
        metrics,
    }
}

/// A plan of jobs that follow each other.
pub(crate) fn chain(jobs: &[(&str, &str)]) -> Value {
    let edges: Vec<Value> = jobs
        .windows(2)
        .map(|pair| {
            let id = format!("{}-{}", pair[0].0, pair[1].0);
            json!({ "id": id, "source_job_id": pair[0].0, "target_job_id": pair[1].0, "condition": "always", "enabled": true })
        })
        .collect();
    let jobs: Vec<Value> = jobs.iter().map(|(id, body)| job(id, body)).collect();
    let start = jobs[0]["id"].clone();
    json!({ "jobs": jobs, "edges": edges, "triggers": [], "starting_node_id": start })
}

pub(crate) fn job(id: &str, body: &str) -> Value {
    json!({ "id": id, "name": id, "body": body, "adaptor": "@openfn/language-common@3.0.0", "credential_id": null })
}

/// The log as `<level> <source> <step's job> <text>`.
pub(crate) fn log_of(run: &Run) -> Vec<String> {
    let job = |id: &String| run.steps.iter().find(|step| step.id == *id).map_or("?", |step| step.job_id.as_str());
    let line = |line: &fulgurite_lightning::LogLine| {
        let step = line.step_id.as_ref().map_or("-", job);
        format!("{} {} {step} {}", line.level, line.source.as_deref().unwrap_or("-"), line.message)
    };
    run.logs.iter().map(line).collect()
}

/// What jobs said.
pub(crate) fn said(run: &Run) -> Vec<String> {
    run.logs.iter().filter(|line| line.source.as_deref() == Some("JOB")).map(|line| line.message.clone()).collect()
}

pub(crate) fn result(handle: &Handle, run: &Run) -> Value {
    let text = handle.result(&run.id).unwrap_or_else(|| panic!("{run:?} has a result"));
    serde_json::from_slice(&text).expect("a result is JSON")
}

pub(crate) fn assert_state(run: &Run, state: RunState) {
    assert_eq!(run.state, state, "{:?} {:?}\n{}", run.error_type, run.error_message, log_of(run).join("\n"));
}
