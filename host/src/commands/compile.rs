//! `fulgurite compile`: a job's source in, the module that it becomes out, on standard output.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use fulgurite_compile::{Adaptor, CompileError, Options, compile};

use super::Context;
use crate::adaptors::{self, Sources};
use crate::config::Compile;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::logs::Logger;
use crate::report::{Excerpt, Place, Report};

/// Compiles one job.
pub(super) fn run(config: &Compile, context: &Context) -> Result<ExitCode, Error> {
    let source = fs::read_to_string(&config.path).map_err(|error| {
        Error::input(
            Report::error(format!("cannot read the job: {error}")).in_file(&config.path).help("check the path"),
        )
    })?;
    let file = config.path.display().to_string();
    let adaptors = adaptors(config, &context.log)?;
    let options = Options { file: &file, adaptors: &adaptors, globals: &[] };
    let compiled = compile(&source, &options).map_err(|error| Error::input(report(&file, error)))?;
    let text = if config.map { compiled.map } else { compiled.code };
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        // Whoever reads has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::Done),
        Err(error) => Err(Error::output(Report::error(format!("cannot write to standard output: {error}")))),
        Ok(()) => Ok(ExitCode::Done),
    }
}

/// What the job's free names may be imported from. Of packages that are not there, anything.
fn adaptors(config: &Compile, log: &Logger) -> Result<Vec<Adaptor>, Error> {
    let read = |path: &Path| fs::read_to_string(path);
    let common = ["common".to_owned()];
    let mut found = Vec::new();
    for written in if config.adaptors.is_empty() { &common } else { &config.adaptors[..] } {
        let default = std::slice::from_ref(written);
        match adaptors::for_job(&Sources { read: &read, folder: Path::new(""), default }) {
            Ok(linked) => found.extend(linked.adaptors.for_compiling(0)),
            Err(_) if adaptors::is_name(written) => {
                let specifier = adaptors::without_version(written).to_owned();
                let message =
                    format!("`{written}` is not installed: every name that nothing declares is taken from it");
                log.report(&Report::warning(message));
                found.push(Adaptor { specifier, exports: None });
            }
            Err(report) => return Err(Error::Input(report)),
        }
    }
    Ok(found)
}

fn report(file: &str, error: CompileError) -> Report {
    // V8 counts UTF-16 units, people count characters.
    let (excerpt, column) = Excerpt::of_units(&error.source_line, error.column as usize);
    Report {
        class: Some("CompileError".to_owned()),
        place: Some(Place { file: file.to_owned(), at: Some((error.line as usize, column)), excerpt: Some(excerpt) }),
        help: error.help,
        ..Report::error(error.message)
    }
}
