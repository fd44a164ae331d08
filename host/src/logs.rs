//! The log for people, on the error stream: as lines of text, or with `--log-json` as JSON.
//!
//! A line of text is `<level> [<who> <step>] <text>`. A JSON line has the keys of OpenFn's CLI (`level`, `name`, `message`,
//! `time`), and `step` and `error` where they apply.

use std::sync::Arc;

use fulgurite_runtime::{Level, Log, LogSource};
use serde::Serialize;

use crate::cli::LogLevel;
use crate::clock::{Clock, Stamp};
use crate::config::{self, Levels};
use crate::report::{Report, Severity};
use crate::screen::{Paint, Screen, visible};

/// Writes the log.
#[derive(Debug, Clone)]
pub struct Logger {
    screen: Arc<Screen>,
    clock: Arc<Clock>,
    levels: Levels,
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    message: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
    time: Stamp,
}

#[derive(Serialize)]
struct Error<'a> {
    name: Option<&'a str>,
    subtype: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    help: Option<&'a str>,
}

impl Logger {
    /// A logger for a screen.
    pub fn new(config: &config::Log, screen: Arc<Screen>, clock: Arc<Clock>) -> Logger {
        Logger { screen, clock, levels: config.levels, json: config.json }
    }

    /// What a run says.
    pub fn event(&self, at: Stamp, log: &Log) {
        let (name, word, limit) = match log.source {
            LogSource::Job => ("JOB", "job", self.levels.job),
            LogSource::Runtime => ("R/T", "runtime", self.levels.runtime),
        };
        if shows(limit, log.level) {
            let step = log.step.as_ref().map(|step| step.as_str());
            self.line(at, log.level, name, word, step, &log.message);
        }
    }

    /// What a worker says about a run, with the words of OpenFn's.
    pub fn heard(&self, source: &str, level: &str, step: Option<&str>, message: &str) {
        let (name, word, limit) = match source {
            "JOB" => ("JOB", "job", self.levels.job),
            "VER" => ("VER", "versions", self.levels.cli),
            "RTE" => ("RTE", "engine", self.levels.cli),
            _ => ("R/T", "runtime", self.levels.runtime),
        };
        let levels = [Level::Debug, Level::Info, Level::Success, Level::Warn, Level::Error, Level::Always];
        let level = levels.into_iter().find(|known| known.as_str() == level).unwrap_or(Level::Info);
        if shows(limit, level) {
            self.line(self.clock.stamp(), level, name, word, step, message);
        }
    }

    /// What this program says.
    pub fn cli(&self, level: Level, message: &str) {
        if shows(self.levels.cli, level) {
            self.line(self.clock.stamp(), level, "CLI", "cli", None, message);
        }
    }

    /// A report that the log level may silence.
    pub fn report(&self, report: &Report) {
        let level = if report.severity == Severity::Error { Level::Error } else { Level::Warn };
        if shows(self.levels.cli, level) {
            self.fatal(report);
        }
    }

    /// A report that nothing silences, because the program ends with it.
    pub fn fatal(&self, report: &Report) {
        if !self.json {
            return self.screen.print(&report.render(self.screen.style()));
        }
        let place = report.place.as_ref();
        let at = place.and_then(|place| place.at);
        self.json(&Line {
            level: if report.severity == Severity::Error { "error" } else { "warn" },
            name: if report.step.is_some() { "R/T" } else { "CLI" },
            step: report.step.as_deref(),
            message: [&report.message],
            error: Some(Error {
                name: report.class.as_deref(),
                subtype: report.subtype.as_deref(),
                file: place.map(|place| place.file.as_str()),
                line: at.map(|(line, _)| line),
                column: at.map(|(_, column)| column),
                help: report.help.as_deref(),
            }),
            time: self.clock.stamp(),
        });
    }

    /// A table, whatever the log level: somebody asked for it.
    pub fn table(&self, text: &str) {
        if self.json {
            self.line(self.clock.stamp(), Level::Always, "CLI", "cli", None, text);
        } else {
            self.screen.print(&format!("\n{text}"));
        }
    }

    fn line(&self, at: Stamp, level: Level, name: &'static str, word: &str, step: Option<&str>, message: &str) {
        if self.json {
            let (level, message) = (level.as_str(), [message]);
            return self.json(&Line { level, name, step, message, error: None, time: at });
        }
        let style = self.screen.style();
        let paint = match level {
            Level::Debug => Paint::Dim,
            Level::Info | Level::Always => Paint::Blue,
            Level::Success => Paint::Green,
            Level::Warn => Paint::Yellow,
            Level::Error => Paint::Red,
        };
        let who = match step {
            Some(step) => format!("[{word} {}]", visible(step)),
            None => format!("[{word}]"),
        };
        let level = style.paint(paint, &format!("{:<7}", level.as_str()));
        let message = visible(message).replace('\n', "\n        ");
        self.screen.print(&format!("{level} {} {message}\n", style.paint(Paint::Dim, &who)));
    }

    fn json(&self, line: &Line<'_>) {
        let mut text = serde_json::to_string(line).expect("a line is text and numbers");
        text.push('\n');
        self.screen.print(&text);
    }
}

fn shows(limit: LogLevel, level: Level) -> bool {
    match limit {
        LogLevel::None => false,
        LogLevel::Error => matches!(level, Level::Error | Level::Always),
        LogLevel::Warn => matches!(level, Level::Warn | Level::Error | Level::Always),
        LogLevel::Default => !matches!(level, Level::Debug | Level::Info),
        LogLevel::Info => level != Level::Debug,
        LogLevel::Debug => true,
    }
}
