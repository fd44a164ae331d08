//! The server: a port, and the tasks behind it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::Config;
use crate::fault::How;
use crate::handle::Handle;
use crate::http;
use crate::link::{End, LINGER, Out};
use crate::socket;
use crate::store::Shared;
use crate::token::Keys;

/// A server that runs. Dropped, it cuts its connections and is gone; [`Server::stop`] is more polite.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    addr: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts on the current tokio runtime. It listens when this returns.
    pub async fn start(config: Config) -> io::Result<Server> {
        let keys = Keys::new(config.private_key.as_deref()).map_err(io::Error::other)?;
        let bind = config.bind;
        Server::listen(Shared::new(config, keys), bind).await
    }

    /// Starts again where a server has stopped, with all that it knew.
    pub async fn resume(handle: &Handle, bind: SocketAddr) -> io::Result<Server> {
        Server::listen(handle.shared().clone(), bind).await
    }

    async fn listen(shared: Arc<Shared>, bind: SocketAddr) -> io::Result<Server> {
        let listener = TcpListener::bind(bind).await?;
        let addr = listener.local_addr()?;
        let tasks = vec![
            tokio::spawn(accept(listener, shared.clone())),
            tokio::spawn(janitor(shared.clone())),
            tokio::spawn(announce(shared.clone())),
        ];
        Ok(Server { shared, addr, tasks })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a worker is given: `ws://…/worker`.
    pub fn url(&self) -> String {
        format!("ws://{}/worker", self.addr)
    }

    /// The public key of run tokens, as `WORKER_LIGHTNING_PUBLIC_KEY` has it: base64 of a PEM.
    pub fn public_key(&self) -> String {
        self.shared.keys.public().to_owned()
    }

    /// What tests and commands hold on to. It outlives the server.
    pub fn handle(&self) -> Handle {
        Handle::new(self.shared.clone())
    }

    /// Stops as a server that restarts does: says 1012 to its workers, and goes when they have heard it.
    pub async fn stop(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            // With the task, its port is free.
            let _ = task.await;
        }
        let mut changes = self.shared.changed.subscribe();
        self.end_all(&End::Close(1012, "restart".to_owned()));
        let closed = changes.wait_for(|_| self.shared.lock().sockets.is_empty());
        let _ = tokio::time::timeout(2 * LINGER, closed).await;
    }

    fn end_all(&self, end: &End) {
        let mut store = self.shared.lock();
        store.held.clear();
        for open in store.sockets.values() {
            // It may just be closing.
            let _ = open.out.send(Out::End(end.clone()));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.end_all(&End::Cut(How::Reset));
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let router = http::router(shared);
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Most likely there are too many open files; whoever has them closes one sooner or later.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Looks for lost runs every so often.
async fn janitor(shared: Arc<Shared>) {
    let mut clock = tokio::time::interval(shared.config.janitor.max(Duration::from_millis(1)));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        shared.lock().janitor();
    }
}

/// Tells workers that there is work, once for all that comes within a while.
async fn announce(shared: Arc<Shared>) {
    loop {
        shared.created.notified().await;
        tokio::time::sleep(shared.config.debounce).await;
        if shared.config.broadcast {
            socket::broadcast(&shared, "worker:queue", "work-available", "{}");
        }
    }
}
