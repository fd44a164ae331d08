//! `fulgurite lightning`: a server for trying things.

use std::io::{self, Write};

use fulgurite_lightning::{Config, Server};
use tokio::sync::watch;

use super::Context;
use super::worker::runtime;
use crate::config::Lightning;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::interrupt;
use crate::report::Report;

/// Serves until it is told to stop.
pub(super) fn run(config: &Lightning, _: &Context) -> Result<ExitCode, Error> {
    let tokio = runtime()?;
    let (told, mut stop) = watch::channel(false);
    interrupt::on_signal(move |_| told.send_modify(|stop| *stop = true));
    tokio.block_on(async {
        let server = start(&config.server).await?;
        let mut text = format!("Lightning {} on http://{}\n", config.server.version, server.addr());
        text.push_str(&format!("  fulgurite worker --lightning {}", server.url()));
        if config.new_secret {
            text.push_str(&format!(" --secret {}", config.server.secret));
        }
        text.push_str(&format!("\n  WORKER_LIGHTNING_PUBLIC_KEY={}\n", server.public_key()));
        // Nobody may be reading, and that is no reason not to serve.
        let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
        let _ = stop.wait_for(|stop| *stop).await;
        server.stop().await;
        Ok(ExitCode::Done)
    })
}

/// A server that listens.
pub(super) async fn start(config: &Config) -> Result<Server, Error> {
    Server::start(config.clone()).await.map_err(|error| {
        let report = Report::error(format!("cannot serve on {}: {error}", config.bind));
        Error::input(report.help("choose another port with --port; 0 takes any that is free"))
    })
}
