//! `fulgurite`: what was typed, done, and how it ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use fulgurite::cli::Cli;
use fulgurite::commands::{self, Context};
use fulgurite::config::{self, Config};
use fulgurite::exit_code;
use fulgurite::report::Report;
use fulgurite::screen::{Screen, Style};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let done = catch_unwind(AssertUnwindSafe(|| match Config::new(Cli::read()) {
        Ok(config) => run(&config),
        Err(error) => {
            let code = error.exit_code();
            Screen::new(Style::default()).print(&error.into_report().render(Style::default()));
            code
        }
    }));
    // The panic has printed its message; what is left is to say what it means.
    let code = done.unwrap_or_else(|_| {
        let report = Report::error("this is a bug in fulgurite").help("please report it with the message above");
        Screen::new(Style::default()).print(&report.render(Style::default()));
        exit_code::ExitCode::Internal
    });
    code.into()
}

fn run(config: &Config) -> exit_code::ExitCode {
    let context = Context::new(config);
    traces(&config.log, context.screen.clone());
    commands::run(&config.command, &context).unwrap_or_else(|error| {
        let code = error.exit_code();
        context.log.fatal(&error.into_report());
        code
    })
}

/// Our own traces go the same way as everything else that people read.
fn traces(log: &config::Log, screen: Arc<Screen>) {
    // The websocket's library would show tokens and states, were it asked for everything.
    let quiet = ["tungstenite=info", "tokio_tungstenite=info"];
    let filter = quiet.iter().filter_map(|directive| directive.parse().ok());
    let filter = filter.fold(EnvFilter::new(&log.traces), EnvFilter::add_directive);
    let traces = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(screen.style().color).with_writer(screen);
    if log.json { traces.json().init() } else { traces.init() }
}
