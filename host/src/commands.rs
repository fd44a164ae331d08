//! What the program does, one file for each command.

mod compile;
#[cfg(target_os = "linux")]
mod engine;
#[cfg(target_os = "linux")]
mod dev;
#[cfg(target_os = "linux")]
mod lightning;
mod run;
#[cfg(target_os = "linux")]
mod worker;

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Command, Config};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::logs::Logger;
use crate::profile::{Depth, Recorder};
use crate::screen::Screen;

/// What every command has at hand.
pub struct Context {
    /// The error stream.
    pub screen: Arc<Screen>,
    /// The log on it.
    pub log: Logger,
    /// Stamps.
    pub clock: Arc<Clock>,
    /// How much is traced, and where it is recorded.
    pub traced: Option<(Depth, Recorder)>,
    /// Which collector gets to hear of it.
    #[cfg(feature = "otlp")]
    pub export: Option<crate::profile::otlp::Settings>,
}

impl Context {
    /// The surroundings that a configuration asks for.
    pub fn new(config: &Config) -> Context {
        let screen = Arc::new(Screen::new(config.style));
        let clock = Arc::new(Clock::default());
        let log = Logger::new(&config.log, screen.clone(), clock.clone());
        let traced = config.traced.map(|depth| (depth, Recorder::default()));
        Context {
            screen,
            log,
            clock,
            traced,
            #[cfg(feature = "otlp")]
            export: config.export.clone(),
        }
    }
}

/// Does what was asked.
///
/// # Errors
/// What kept it from being done. How a job ended is no error.
pub fn run(command: &Command, context: &Context) -> Result<ExitCode, Error> {
    #[cfg(feature = "otlp")]
    let exporter = match (&context.export, &context.traced) {
        (Some(settings), Some((_, recorder))) => {
            let started = crate::profile::otlp::Exporter::start(settings.clone(), recorder.clone());
            started.inspect_err(|error| tracing::warn!(%error, "spans are not sent")).ok()
        }
        _ => None,
    };
    let done = dispatch(command, context);
    #[cfg(feature = "otlp")]
    if let Some(exporter) = exporter {
        exporter.finish();
    }
    done
}

fn dispatch(command: &Command, context: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::Run(config) => run::run(config, context),
        Command::Compile(config) => compile::run(config, context),
        #[cfg(target_os = "linux")]
        Command::Worker(config) => worker::run(config, context),
        #[cfg(target_os = "linux")]
        Command::Lightning(config) => lightning::run(config, context),
        #[cfg(target_os = "linux")]
        Command::Dev(config) => dev::run(config, context),
        #[cfg(target_os = "linux")]
        Command::Engine(config) => engine::run(config, context),
    }
}
