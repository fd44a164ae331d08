//! `fulgurite compile`: a job's source in, the module that it becomes out, on standard output.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use fulgurite_compile::{Adaptor, Options, compile};

use super::Context;
use crate::adaptors::{self, Sources};
use crate::config::Compile;
use crate::decode;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::logs::Logger;
use crate::report::Report;

/// Compiles one job.
pub(super) fn run(config: &Compile, context: &Context) -> Result<ExitCode, Error> {
    if decode::is_workflow(&config.path) {
        let report = Report::error("this is a workflow, and not a job").in_file(&config.path);
        return Err(Error::input(report.help("name one of its jobs; `fulgurite run` compiles them all")));
    }
    let source = fs::read_to_string(&config.path).map_err(|error| {
        Error::input(
            Report::error(format!("cannot read the job: {error}")).in_file(&config.path).help("check the path"),
        )
    })?;
    let file = config.path.display().to_string();
    let adaptors = adaptors(config, &context.log)?;
    let options = Options { file: &file, adaptors: &adaptors, globals: &[] };
    let compiled =
        compile(&source, &options).map_err(|error| Error::input(Report::compile_error(file.clone(), error)))?;
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
    let mut found = Vec::new();
    for written in adaptors::or_common(&config.adaptors) {
        let default = [written.to_owned()];
        match adaptors::for_job(&Sources {
            read: &read,
            folder: Path::new(""),
            default: &default,
            installed: &adaptors::none_installed,
        }) {
            Ok(linked) => {
                linked.warnings.iter().for_each(|warning| log.report(warning));
                found.extend(linked.adaptors.for_compiling(0));
            }
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
