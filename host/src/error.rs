//! What can keep the program from doing what it was asked, each kind with its exit code.
//!
//! A job that fails is none of these: that is an outcome, and data.

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

    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::Usage(_) => ExitCode::Usage,
            Error::Input(_) => ExitCode::Input,
            Error::Output(_) => ExitCode::Output,
            Error::Interrupted => ExitCode::Interrupted,
        }
    }

    /// What to tell the person.
    pub fn into_report(self) -> Report {
        match self {
            Error::Usage(report) | Error::Input(report) | Error::Output(report) => *report,
            Error::Interrupted => Report::error("interrupted").help("the result was not written"),
        }
    }
}
