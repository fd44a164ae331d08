//! `fulgurite worker`: runs of a server, executed here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use fulgurite_engine::{Config as PoolConfig, Pool};
use fulgurite_worker::life::{self, Stop};
use fulgurite_worker::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::runtime::Runtime as Tokio;
use tokio::sync::watch;

use super::Context;
use crate::config::Worker;
use crate::engine;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::interrupt;
use crate::report::Report;
use crate::worker::Runtime;

/// Works until it is told to stop.
pub(super) fn run(config: &Worker, context: &Context) -> Result<ExitCode, Error> {
    for flag in &config.ignored {
        let message = format!("{flag} means nothing to this worker");
        context.log.report(&Report::warning(message).help("it is taken because OpenFn's worker has it"));
    }
    let pool = start_pool(config, context)?;
    let tokio = runtime()?;
    let listener = match config.port {
        Some(port) => Some(tokio.block_on(listen(port))?),
        None => None,
    };
    let (told, stop) = watch::channel(Stop::Not);
    interrupt::on_signal(move |times| {
        told.send_replace(if times == 1 { Stop::Drain } else { Stop::Now });
    });
    let ended = tokio.block_on(life::run(worker(config, pool, listener, context), stop));
    // What still waits for a disk or a child does not keep us.
    tokio.shutdown_background();
    ended.map(|()| ExitCode::Done).map_err(refused)
}

/// One child for each slot.
pub(super) fn start_pool(config: &Worker, context: &Context) -> Result<Pool, Error> {
    let network = config.limits.network.reaches_anything();
    let children = config.worker.capacity();
    let traced = context.traced.as_ref().map(|(depth, _)| *depth);
    let pool = Pool::start(PoolConfig { children, ..engine::config(config.zone.as_deref(), network, traced) })
        .map_err(|error| Error::input(Report::error(error.to_string())))?;
    let missing = pool.hardening().missing();
    if !missing.is_empty() {
        let message = format!("the processes of runs are not as confined as they could be: {}", missing.join("; "));
        context.log.report(&Report::warning(message).help("SECURITY.md says what a run can reach then"));
    }
    Ok(pool)
}

/// One thread is enough: it waits for sockets, and what takes long is done elsewhere.
pub(super) fn runtime() -> Result<Tokio, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::input(Report::error(format!("no event loop: {error}"))))
}

pub(super) fn worker(config: &Worker, pool: Pool, listener: Option<TcpListener>, context: &Context) -> life::Worker {
    life::Worker {
        config: config.worker.clone(),
        url: config.url.clone(),
        secret: config.secret.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system_certificates: config.system_certificates,
        pool,
        engine: Box::new(
            Runtime::new(config.limits.clone(), config.repository.clone())
                .recording(context.traced.as_ref().map(|(_, recorder)| recorder.clone())),
        ),
        clock: context.clock.clone(),
        listener,
        metrics: Arc::new(Metrics::default()),
    }
}

async fn listen(port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await.map_err(|error| {
        let report = Report::error(format!("cannot listen on port {port}: {error}"));
        Error::input(report.help("choose another with --port, or none with --port 0"))
    })
}

/// Why a worker cannot go on, with what to do about it.
pub(super) fn refused(error: life::Error) -> Error {
    let help = match &error {
        life::Error::Url(_) => {
            Some("--lightning is ws:// or wss://, a host, a port and a path: ws://localhost:4000/worker")
        }
        life::Error::Outbox { .. } => Some("name a folder of its own with --outbox"),
        life::Error::Token(_) | life::Error::Fatal(_) | life::Error::Refused(_) => None,
    };
    let report = Report::error(error.to_string());
    let report = match help {
        Some(help) => report.help(help),
        None => report,
    };
    match error {
        life::Error::Url(_) => Error::usage(report),
        life::Error::Outbox { .. } | life::Error::Token(_) => Error::input(report),
        life::Error::Fatal(_) | life::Error::Refused(_) => Error::refused(report),
    }
}
