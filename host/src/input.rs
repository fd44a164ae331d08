//! The state that a run starts with: from a file, which is mapped when it is large, or from stdin.

mod map;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use fulgurite_state::{IndexOptions, State, SyntaxErrorKind};

use crate::config::Input;
use crate::error::Error;
use crate::report::Report;

/// Files larger than this are mapped. Below it, one read is as fast as a map and its page faults.
const MAPPED_ABOVE: u64 = 1 << 20;

/// Reads the state and checks it; `None` when there is none.
///
/// # Errors
/// [`Error::Input`] when it cannot be read or is not a JSON object.
pub fn read(input: &Input) -> Result<Option<State>, Error> {
    let (name, text) = match input {
        Input::Nothing => return Ok(None),
        Input::Stdin => ("<stdin>".to_owned(), stdin()?),
        Input::File(path) => (path.display().to_string(), file(path)?),
    };
    let span = tracing::debug_span!("index", bytes = text.len());
    let parsed = State::parse(text, &IndexOptions::default());
    drop(span);
    let state = parsed.map_err(|error| {
        let mut report = Report::syntax(&name, "the state", &error);
        let help = match (&error.kind, input) {
            (SyntaxErrorKind::Empty, Input::Stdin) => "nothing came through stdin: pipe the state in, or leave -S out",
            (SyntaxErrorKind::Empty, _) => "write at least `{}` into it, or leave -s out",
            (SyntaxErrorKind::TooDeep, _) => "this is nested too deep to be data: check what wrote it",
            _ => "a state is one JSON object, such as `{ \"data\": {} }`",
        };
        report.help = Some(help.to_owned());
        Error::input(report)
    })?;
    if !state.is_object() {
        let report = Report::error("the state is valid JSON, but not an object");
        let report = Report { place: Some(crate::report::Place { file: name, at: None, excerpt: None }), ..report };
        return Err(Error::input(report.help("put it under a key: `{ \"data\": … }`")));
    }
    tracing::debug!(bytes = state.len(), "state read");
    Ok(Some(state))
}

fn file(path: &Path) -> Result<Bytes, Error> {
    let failed = |error: io::Error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "check the path; it is relative to the current folder",
            io::ErrorKind::IsADirectory => "name the file in it",
            _ => "check that it is a readable file",
        };
        Error::input(Report::error(format!("cannot read the state: {error}")).in_file(path).help(help))
    };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.len() > MAPPED_ABOVE {
        return map::file(&file).map_err(failed);
    }
    // A pipe (`-s <(command)`) has no length and cannot be mapped.
    let mut text = Vec::with_capacity(metadata.len() as usize + 1);
    file.read_to_end(&mut text).map_err(failed)?;
    Ok(text.into())
}

/// To its end, into one buffer: a pipe cannot be mapped, and the text has to be checked as a whole anyway.
fn stdin() -> Result<Bytes, Error> {
    let mut text = Vec::new();
    match io::stdin().lock().read_to_end(&mut text) {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(Error::input(Report::error(format!("cannot read the state from stdin: {error}")))),
    }
}
