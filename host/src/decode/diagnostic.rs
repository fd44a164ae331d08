//! What is wrong, where, and what to do: one message about one place of one file, printed the way a compiler does.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// How much of a long source line is shown on either side of the place.
const CONTEXT: usize = 60;

/// Nobody reads more.
const MOST_WARNINGS: usize = 100;

/// A message about a place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// The file it is in.
    pub file: PathBuf,
    /// Where in the file, when that is known.
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// The line around the place; `None` where it may hold secrets.
    pub excerpt: Option<Excerpt>,
}

/// A line of source, cut to what fits beside the place. Never the whole of a long line: a file may be one line of
/// megabytes, and there may be many messages about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The text, with `…` where it was cut.
    pub text: String,
    /// How many characters of the text stand before the place.
    pub caret: usize,
}

/// Messages that keep nothing from running, each said once: fifty steps with the same stray key are one warning.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    said: HashSet<String>,
    list: Vec<Diagnostic>,
}

impl Warnings {
    /// Adds a warning unless the same message was there, or a hundred others were. Finding the place in the file takes
    /// time, so it is done for new ones only.
    pub(super) fn push(&mut self, message: String, diagnostic: impl FnOnce(String) -> Diagnostic) {
        if self.list.len() < MOST_WARNINGS && self.said.insert(message.clone()) {
            self.list.push(diagnostic(message));
        }
    }

    pub(super) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}

impl Diagnostic {
    pub(super) fn about_file(file: &Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), file: file.to_owned(), place: None, help: Some(help.into()) }
    }
}

impl Place {
    /// The place `column` characters into a line, both counted from 1.
    pub(super) fn at_line(text: &str, line: usize, column: usize) -> Place {
        let (line, column) = (line.max(1), column.max(1));
        let excerpt = text.split('\n').nth(line - 1).map(|text| Excerpt::new(text, column));
        Place { line, column, excerpt }
    }

    /// The place of a byte; one past the end, or inside a character, is fine.
    pub(super) fn at_byte(text: &str, byte: usize) -> Place {
        let byte = text.floor_char_boundary(byte);
        let before = &text[..byte];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = text[line_start..byte].chars().count() + 1;
        let excerpt = text[line_start..].split('\n').next().map(|text| Excerpt::new(text, column));
        Place { line, column, excerpt }
    }
}

impl Excerpt {
    fn new(line: &str, column: usize) -> Excerpt {
        let line = line.trim_end();
        let from = (column - 1).saturating_sub(CONTEXT);
        let mut rest = line.chars().skip(from);
        let shown = rest.by_ref().take(2 * CONTEXT).map(|c| if c.is_control() { ' ' } else { c });
        let mut text: String = shown.collect();
        let mut caret = (column - 1 - from).min(text.chars().count());
        if from > 0 {
            text.insert(0, '…');
            caret += 1;
        }
        if rest.next().is_some() {
            text.push('…');
        }
        Excerpt { text, caret }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n --> {}", self.message, self.file.display())?;
        let mut margin = String::from(" ");
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
            if let Some(Excerpt { text, caret }) = &place.excerpt {
                margin = " ".repeat(place.line.to_string().len() + 1);
                write!(f, "\n{margin}|\n{} | {text}\n{margin}| {}^", place.line, " ".repeat(*caret))?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n{margin}= help: {help}")?;
        }
        Ok(())
    }
}
