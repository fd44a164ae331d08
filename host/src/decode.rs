//! Local files become a [`Plan`]: a workflow in JSON or YAML, or a single job file.
//!
//! Nothing here runs job code or touches the disk by itself: every file comes through [`Files::read`]. No input makes
//! it panic; what is wrong with one comes back as an [`Error`] that says what, where and what to do.
//!
//! Accepted shapes: `{ workflow: { steps, … }, options }`, `{ id, name, steps, start, options }`, the older
//! `{ jobs, start }`, and a `.js`, `.mjs` or `.ts` file as a workflow of one step.

mod credentials;
mod diagnostic;
mod document;
mod fields;
mod steps;
mod workflow;
mod yaml;

use std::borrow::Cow;
use std::io;
use std::path::Path;

use fulgurite_plan::{Draft, DraftStep, Job, Plan, Source, plan};

pub use credentials::Credentials;
pub use diagnostic::{Diagnostic, Excerpt, Place};

/// What decoding may look at besides the file itself.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Reads a file; paths are beside the workflow file, as it was named.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The names in a folder, for "did you mean"; none when it cannot be read.
    pub list: &'a dyn Fn(&Path) -> Vec<String>,
    /// Where a `configuration` that is an id is looked up.
    pub credentials: Option<&'a Credentials>,
}

/// A plan, and what its author should know about it all the same.
#[derive(Debug)]
pub struct Decoded {
    /// The plan.
    pub plan: Plan,
    /// Nothing here keeps the plan from running.
    pub warnings: Vec<Diagnostic>,
}

/// Why a file is not a plan.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A file could not be read, or is of no kind that we know.
    #[error("{0}")]
    Unreadable(Box<Diagnostic>),
    /// A file is not the JSON or YAML that its name promises.
    #[error("{0}")]
    Syntax(Box<Diagnostic>),
    /// A value is not what belongs in its place.
    #[error("{0}")]
    Shape(Box<Diagnostic>),
    /// The steps do not make a plan: the second field says the same as data.
    #[error("{0}")]
    Plan(Box<Diagnostic>, Box<plan::Error>),
}

impl Error {
    /// The message with its place.
    pub fn diagnostic(&self) -> &Diagnostic {
        match self {
            Error::Unreadable(diagnostic)
            | Error::Syntax(diagnostic)
            | Error::Shape(diagnostic)
            | Error::Plan(diagnostic, _) => diagnostic,
        }
    }

    /// The class of a run that this keeps from starting; none for a file that cannot be read at all.
    pub fn class(&self) -> Option<Cow<'static, str>> {
        match self {
            Error::Unreadable(_) => None,
            Error::Syntax(_) | Error::Shape(_) => Some(Cow::Borrowed("ValidationError")),
            Error::Plan(_, error) => Some(error.to_report().name),
        }
    }
}

/// What a data file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
}

impl Format {
    fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()? {
            "json" => Some(Format::Json),
            "yaml" | "yml" => Some(Format::Yaml),
            _ => None,
        }
    }
}

/// Reads a workflow or a job file; its extension says which.
pub fn file(path: &Path, files: &Files<'_>) -> Result<Decoded, Error> {
    let what = match kind(path)? {
        Kind::Data(_) => "workflow",
        Kind::Job => "job",
    };
    let text = (files.read)(path).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "check the path; it is relative to the current folder",
            io::ErrorKind::InvalidData => "the file must be UTF-8 text",
            _ => "check that it is a readable file",
        };
        Error::Unreadable(Diagnostic::about_file(path, format!("cannot read the {what}: {error}"), help).into())
    })?;
    self::text(path, &text, files)
}

/// Decodes the text of a workflow or a job file. The path is not read: its extension says what the text is, its stem
/// names it, and files beside it are found by its folder.
pub fn text(path: &Path, text: &str, files: &Files<'_>) -> Result<Decoded, Error> {
    match kind(path)? {
        Kind::Data(format) => workflow::decode(path, text, format, files),
        Kind::Job => job(path, text),
    }
}

/// Whether a file is a workflow, by its extension.
pub fn is_workflow(path: &Path) -> bool {
    Format::of(path).is_some()
}

enum Kind {
    Data(Format),
    Job,
}

fn kind(path: &Path) -> Result<Kind, Error> {
    if steps::is_code_file(path) {
        return Ok(Kind::Job);
    }
    Format::of(path).map(Kind::Data).ok_or_else(|| {
        let help = "a workflow ends in .json, .yaml or .yml, a job in .js, .mjs or .ts";
        Error::Unreadable(Diagnostic::about_file(path, "this is neither a workflow nor a job file", help).into())
    })
}

fn job(path: &Path, text: &str) -> Result<Decoded, Error> {
    let stem = stem(path);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source { name: path.display().to_string(), text: text.into() };
    let step = DraftStep { id: Some(stem.clone()), job: Some(Job::new(source)), ..DraftStep::default() };
    let draft = Draft { name: Some(stem), steps: vec![step], ..Draft::default() };
    let plan = Plan::new(draft).map_err(|error| {
        let diagnostic = Diagnostic::about_file(path, error.to_string(), "give the file another name");
        Error::Plan(diagnostic.into(), error.into())
    })?;
    Ok(Decoded { plan, warnings: Vec::new() })
}

/// The name of a file without its last extension.
fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
