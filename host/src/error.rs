//! What can keep the program from doing what it was asked, each kind with its exit code.
//!
//! A job that fails is none of these: that is an outcome, and data.

use std::borrow::Cow;

use fulgurite_plan::{ErrorReport, KillReason, Outcome, Position};
use serde_json::json;

use crate::exit_code::ExitCode;
use crate::report::Report;

/// An error for the person who typed the command. Printed once, in `main.rs`.
#[derive(Debug)]
pub enum Error {
    /// What was typed does not fit what it is about.
    Usage(Box<Report>),
    /// A file that the run needs cannot be used.
    Input(Box<Report>),
    /// What the run gave could not be written.
    Output(Box<Report>),
    /// The server does not want this worker.
    Refused(Box<Report>),
    /// Ctrl-C while the output was being written.
    Interrupted,
}

impl Error {
    /// See [`Error::Usage`].
    pub fn usage(report: Report) -> Error {
        Error::Usage(Box::new(report))
    }

    /// See [`Error::Input`].
    pub fn input(report: Report) -> Error {
        Error::Input(Box::new(report))
    }

    /// See [`Error::Output`].
    pub fn output(report: Report) -> Error {
        Error::Output(Box::new(report))
    }

    /// See [`Error::Refused`].
    pub fn refused(report: Report) -> Error {
        Error::Refused(Box::new(report))
    }

    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::Usage(_) => ExitCode::Usage,
            Error::Input(_) => ExitCode::Input,
            Error::Output(_) => ExitCode::Output,
            Error::Refused(_) => ExitCode::Stopped,
            Error::Interrupted => ExitCode::Interrupted,
        }
    }

    /// How a run ended that this kept from starting.
    pub fn outcome(&self) -> Outcome {
        match self {
            Error::Usage(report) => Outcome::Crash(refusal("ValidationError", report)),
            Error::Input(report) => Outcome::Crash(refusal("InputError", report)),
            Error::Output(report) | Error::Refused(report) => Outcome::Exception(refusal("ExecutionError", report)),
            Error::Interrupted => Outcome::Kill(KillReason::Abort, ErrorReport::new("AbortError", "interrupted")),
        }
    }

    /// What to tell the person.
    pub fn into_report(self) -> Report {
        match self {
            Error::Usage(report) | Error::Input(report) | Error::Output(report) | Error::Refused(report) => *report,
            Error::Interrupted => Report::error("interrupted").help("the result was not written"),
        }
    }
}

/// The report of an error as a run has it. Lines of data are left out: states and credentials are not in events.
fn refusal(class: &'static str, report: &Report) -> ErrorReport {
    let name = report.class.clone().map_or(Cow::Borrowed(class), Cow::Owned);
    let place = report.place.as_ref();
    let position = place.and_then(|place| {
        let (line, column) = place.at?;
        let excerpt = place.excerpt.as_ref().filter(|_| name != "InputError");
        Some(Position {
            file: place.file.clone(),
            line: line.try_into().unwrap_or(u32::MAX),
            column: column.try_into().unwrap_or(u32::MAX),
            source_line: excerpt.map(|excerpt| excerpt.text.clone()),
        })
    });
    let details = place.filter(|place| place.at.is_none()).map(|place| json!({ "file": place.file }));
    ErrorReport { position, details, hint: report.help.clone(), ..ErrorReport::new(name, report.message.clone()) }
}
