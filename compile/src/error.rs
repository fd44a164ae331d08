//! Why a job cannot be compiled, and where.

use std::borrow::Cow;

use crate::text::Lines;

/// A mistake in a job, at the place where it shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({line}:{column})")]
pub struct CompileError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in UTF-16 units as V8 counts.
    pub column: u32,
    /// The text of the line.
    pub source_line: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl CompileError {
    pub(crate) fn new(
        message: impl Into<String>,
        help: Option<Cow<'static, str>>,
        place: Place,
        source: &str,
    ) -> CompileError {
        CompileError {
            message: message.into(),
            line: place.line + 1,
            column: place.column + 1,
            source_line: Lines::new(source).text(source, place.line).to_owned(),
            help: help.map(Cow::into_owned),
        }
    }
}

/// A mistake by its offset in the text that was parsed, which with TypeScript is not the one that was written.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) message: Cow<'static, str>,
    pub(crate) help: Option<Cow<'static, str>>,
    pub(crate) offset: u32,
}

/// A line and a column (in UTF-16 units), both from 0 as in a source map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}
