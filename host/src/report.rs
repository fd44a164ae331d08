//! Errors and warnings for people: what is wrong, where (with the line and a caret), and what to do.
//!
//! ```text
//! error[RuntimeError]: TypeError: Cannot read properties of undefined (reading 'id')
//!  --> job.js:3:21
//!   |
//! 3 |   state => state.data.id
//!   |                       ^
//!   = help: …
//! ```

use std::fmt::Write as _;
use std::path::Path;

use fulgurite_compile::CompileError;
use fulgurite_plan::{ErrorReport, Position, StepId};
use fulgurite_state::SyntaxError;

use crate::decode::Diagnostic;
use crate::screen::{Paint, Style, visible};

/// How much of a long line is shown on either side of the place.
const CONTEXT: usize = 60;

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How bad it is.
    pub severity: Severity,
    /// The class of the error, such as `JobError`; none for what is not about a job.
    pub class: Option<String>,
    /// The class of the error underneath, which is the author's own under a `JobError`.
    pub subtype: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The step it is about.
    pub step: Option<String>,
    /// Where.
    pub place: Option<Place>,
    /// What else is known.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// How bad a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something should be known.
    Warning,
}

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as people know it.
    pub file: String,
    /// Line and column, both from 1.
    pub at: Option<(usize, usize)>,
    /// What stands there.
    pub excerpt: Option<Excerpt>,
}

/// A line, or what is shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The text, without anything that has no width.
    pub text: String,
    /// Characters before the caret.
    pub caret: usize,
}

impl Report {
    /// An error.
    pub fn error(message: impl Into<String>) -> Report {
        Report {
            severity: Severity::Error,
            class: None,
            subtype: None,
            message: message.into(),
            step: None,
            place: None,
            notes: Vec::new(),
            help: None,
        }
    }

    /// A warning.
    pub fn warning(message: impl Into<String>) -> Report {
        Report { severity: Severity::Warning, ..Report::error(message) }
    }

    /// The same report about a file.
    pub fn in_file(self, path: &Path) -> Report {
        Report { place: Some(Place { file: path.display().to_string(), at: None, excerpt: None }), ..self }
    }

    /// The same report with what to do about it.
    pub fn help(self, help: impl Into<String>) -> Report {
        Report { help: Some(help.into()), ..self }
    }

    /// The same report about a step.
    pub fn in_step(self, step: &str) -> Report {
        Report { step: Some(step.to_owned()), ..self }
    }

    /// A text that should be JSON and is not.
    pub fn syntax(file: &str, what: &str, error: &SyntaxError) -> Report {
        let text = printable(&error.excerpt);
        let excerpt = (!text.is_empty()).then(|| Excerpt { text, caret: error.excerpt_column.saturating_sub(1) });
        let place = Place { file: file.to_owned(), at: Some((error.line, error.column)), excerpt };
        Report { place: Some(place), ..Report::error(format!("{what} is not valid JSON: {}", error.kind)) }
    }

    /// What is wrong with a workflow or a credentials file.
    pub fn diagnostic(severity: Severity, diagnostic: &Diagnostic) -> Report {
        let place = Place {
            file: diagnostic.file.display().to_string(),
            at: diagnostic.place.as_ref().map(|place| (place.line, place.column)),
            excerpt: diagnostic.place.as_ref().and_then(|place| {
                let excerpt = place.excerpt.as_ref().filter(|excerpt| !excerpt.text.trim().is_empty())?;
                Some(Excerpt { text: printable(&excerpt.text), caret: excerpt.caret })
            }),
        };
        Report {
            severity,
            place: Some(place),
            help: diagnostic.help.clone(),
            ..Report::error(diagnostic.message.clone())
        }
    }

    /// Why a job or an adaptor cannot be compiled.
    pub fn compile_error(file: String, error: CompileError) -> Report {
        Report {
            class: Some("CompileError".into()),
            place: Some(Place::in_units(file, error.line, error.column, Some(&error.source_line))),
            help: error.help,
            ..Report::error(error.message)
        }
    }

    /// What went wrong in a job.
    pub fn outcome(error: &ErrorReport) -> Report {
        let mut notes = Vec::new();
        if let Some(operation) = &error.operation {
            let name =
                operation.name.as_deref().map_or("an operation".to_owned(), |name| format!("operation `{name}()`"));
            notes.push(format!("reported by {name}, line {}", operation.place.line));
        }
        let position = error.position.as_ref().or(error.operation.as_ref().map(|operation| &operation.place));
        Report {
            class: Some(error.name.clone().into_owned()),
            subtype: error.subtype.clone(),
            step: error.step.clone(),
            place: position.map(Place::of_job),
            notes,
            help: error.hint.clone(),
            ..Report::error(error.message.clone())
        }
    }

    /// The same report about a failure that the workflow expects: these steps run because of it, or all the same.
    pub fn handled_by(mut self, steps: &[StepId]) -> Report {
        let steps: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
        self.notes.push(format!("the run goes on with {}", steps.join(", ")));
        Report { severity: Severity::Warning, ..self }
    }

    /// The report as text that ends with a line break.
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        let (word, paint) = match self.severity {
            Severity::Error => ("error", Paint::Red),
            Severity::Warning => ("warning", Paint::Yellow),
        };
        let heading = match (&self.class, self.own_class()) {
            (Some(class), Some(own)) => format!("{word}[{class}: {}]", visible(own).replace('\n', " ")),
            (Some(class), None) => format!("{word}[{class}]"),
            (None, _) => word.to_owned(),
        };
        let message = visible(&self.message).replace('\n', "\n    ");
        let _ = writeln!(text, "{}{}", style.paint(paint, &heading), style.paint(Paint::Bold, &format!(": {message}")));

        let number = self.place.as_ref().and_then(|place| place.at).map(|(line, _)| line.to_string());
        let margin = " ".repeat(number.as_ref().map_or(1, String::len));
        if let Some(place) = &self.place {
            let file = visible(&place.file);
            let at = place.at.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
            let _ = writeln!(text, "{margin}{} {file}{at}", style.paint(Paint::Blue, "-->"));
            if let (Some(excerpt), Some(number)) = (&place.excerpt, &number) {
                let bar = style.paint(Paint::Blue, "|");
                let number = style.paint(Paint::Blue, number);
                let caret = style.paint(paint, "^");
                let _ = writeln!(text, "{margin} {bar}");
                let _ = writeln!(text, "{number} {bar} {}", excerpt.text);
                let _ = writeln!(text, "{margin} {bar} {}{caret}", " ".repeat(excerpt.caret));
            }
        }
        let step = self.step.iter().map(|step| format!("in step `{step}`"));
        let notes = step.chain(self.notes.iter().cloned()).map(|note| ("note", note));
        for (word, line) in notes.chain(self.help.iter().cloned().map(|help| ("help", help))) {
            let line = visible(&line).replace('\n', "\n            ");
            let _ = writeln!(text, "{margin} {} {line}", style.paint(Paint::Blue, &format!("= {word}:")));
        }
        text
    }

    /// The class underneath, where the message does not name it anyway (`TypeError: …`).
    fn own_class(&self) -> Option<&str> {
        let own = self.subtype.as_deref()?;
        (!self.message.contains(&format!("{own}:"))).then_some(own)
    }
}

impl Place {
    /// A place whose column is counted from 1 in UTF-16 units, as V8 and the compiler count; people count characters.
    pub fn in_units(file: String, line: u32, column: u32, source_line: Option<&str>) -> Place {
        let (excerpt, column) = match source_line {
            Some(text) => {
                let (excerpt, column) = Excerpt::of_units(text, column as usize);
                (Some(excerpt), column)
            }
            None => (None, column.max(1) as usize),
        };
        Place { file, at: Some((line as usize, column)), excerpt }
    }

    fn of_job(position: &Position) -> Place {
        let Position { file, line, column, source_line } = position;
        Place::in_units(file.clone(), *line, *column, source_line.as_deref())
    }
}

impl Excerpt {
    /// What fits of a line around a column that is counted from 1 in UTF-16 units; also that column in characters, from 1.
    fn of_units(line: &str, column: usize) -> (Excerpt, usize) {
        let units = column.saturating_sub(1);
        let before = char::decode_utf16(line.encode_utf16().take(units)).count();
        (Excerpt::cut(line, before), before + 1)
    }

    /// What fits of a line around a place that lies `at` characters into it.
    fn cut(line: &str, at: usize) -> Excerpt {
        let line = printable(line);
        let length = line.chars().count();
        let at = at.min(length);
        let from = at.saturating_sub(CONTEXT);
        let mut text: String = line.chars().skip(from).take(2 * CONTEXT).collect();
        let mut caret = at - from;
        if from > 0 {
            text.insert(0, '…');
            caret += 1;
        }
        if from + 2 * CONTEXT < length {
            text.push('…');
        }
        Excerpt { text, caret }
    }
}

/// The line with one visible character in place of each that has no width, so that carets stay where they belong.
fn printable(line: &str) -> String {
    line.trim_end()
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            _ if c.is_control() => '\u{fffd}',
            _ => c,
        })
        .collect()
}
