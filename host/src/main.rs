//! `fulgurite`: what was typed, done, and how it ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use fulgurite::cli::Cli;
use fulgurite::commands::{self, Context};
use fulgurite::config::{self, Config};
use fulgurite::exit_code;
use fulgurite::profile::Depth;
use fulgurite::report::Report;
use fulgurite::screen::{Screen, Style};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

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
    traces(&config.log, &context);
    commands::run(&config.command, &context).unwrap_or_else(|error| {
        let code = error.exit_code();
        context.log.fatal(&error.into_report());
        code
    })
}

/// Our own traces go the same way as everything else that people read.
fn traces(log: &config::Log, context: &Context) {
    let screen = context.screen.clone();
    // The websocket's library would show tokens and states, were it asked for everything.
    let quiet = ["tungstenite=info", "tokio_tungstenite=info"];
    let filter = quiet.iter().filter_map(|directive| directive.parse().ok());
    let filter = filter.fold(EnvFilter::new(&log.traces), EnvFilter::add_directive);
    let lines = tracing_subscriber::fmt::layer().with_ansi(screen.style().color).with_writer(screen);
    // Whoever filters by himself hears of each span when it ends, with its time.
    let ends = if log.spans { FmtSpan::CLOSE } else { FmtSpan::NONE };
    let lines = lines.with_span_events(ends);
    let lines = if log.json { lines.json().boxed() } else { lines.boxed() };
    // Each has a filter of its own: what is only recorded is not said, and what nobody wants is not even made.
    let mut layers = vec![lines.with_filter(filter).boxed()];
    if let Some((depth, recorder)) = context.traced.clone() {
        let level = match depth {
            Depth::Steps => LevelFilter::DEBUG,
            Depth::Operations => LevelFilter::TRACE,
        };
        let wanted = filter_fn(move |metadata| depth.wants(metadata)).with_max_level_hint(level);
        layers.push(recorder.with_filter(wanted).boxed());
    }
    tracing_subscriber::registry().with(layers).init();
}
