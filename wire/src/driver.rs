//! The loop between handles, protocol and socket.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::client::{Client, Command, Leave};
use crate::counters::Counters;
use crate::settings::{Settings, Target, UrlError};

/// Commands that wait for the driver.
const MOST_COMMANDS: usize = 64;

/// How the connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is none, and one is being made.
    Connecting {
        /// 1 for the first attempt since there was a connection.
        attempt: u32,
        /// Why the last attempt failed, or the connection went.
        last_error: Option<String>,
    },
    /// There is one.
    Open {
        /// Which one it is: 1, 2, …
        connection: u64,
    },
    /// There will be none any more.
    Closed,
}

/// Why there is no point in trying again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// 401: the server does not know who we are.
    #[error(
        "the server does not accept our token (401): the secret that it is signed with (WORKER_SECRET) is not the server's"
    )]
    Unauthorized,
    /// Another answer that repeating the question does not change.
    #[error("the server refused the connection with status {status}; is the URL right?")]
    Refused {
        /// Of HTTP.
        status: u16,
    },
}

/// A client, and the driver that does its work as soon as it is run.
pub fn connect(settings: Settings) -> Result<(Client, Driver), UrlError> {
    let target = settings.target()?;
    let (commands, asked) = mpsc::channel(MOST_COMMANDS);
    let (leaves, left) = mpsc::unbounded_channel();
    let (status, state) = watch::channel(Status::Connecting { attempt: 1, last_error: None });
    let (closing, closed) = watch::channel(false);
    let counters = Arc::new(Counters::default());
    let client = Client { commands, leaves, status: state, counters: counters.clone(), closing: Arc::new(closing) };
    Ok((client, Driver { settings, target, commands: asked, leaves: left, closing: closed, status, counters }))
}

/// Owns the connection. Does nothing until it is run.
pub struct Driver {
    settings: Settings,
    target: Target,
    commands: mpsc::Receiver<Command>,
    leaves: mpsc::UnboundedReceiver<Leave>,
    closing: watch::Receiver<bool>,
    status: watch::Sender<Status>,
    counters: Arc<Counters>,
}

impl Driver {
    /// Connects, and connects again, for as long as there is a handle that has not been closed.
    pub async fn run(mut self) -> Result<(), Fatal> {
        let _ = self.closing.wait_for(|closing| *closing).await;
        self.status.send_replace(Status::Closed);
        Ok(())
    }
}
