//! `fulgurite compile`: a job's source in, the module that it becomes out, on standard output.

use std::fs;
use std::io::{self, Write};

use fulgurite_compile::{Adaptor, CompileError, Options, compile};

use crate::config::Compile;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::report::{Excerpt, Place, Report};

/// Compiles one job.
pub(super) fn run(config: &Compile) -> Result<ExitCode, Error> {
    let source = fs::read_to_string(&config.path).map_err(|error| {
        Error::input(
            Report::error(format!("cannot read the job: {error}")).in_file(&config.path).help("check the path"),
        )
    })?;
    let file = config.path.display().to_string();
    let adaptors: Vec<Adaptor> =
        config.adaptors.iter().map(|specifier| Adaptor { specifier: specifier.clone(), exports: None }).collect();
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

fn report(file: &str, error: CompileError) -> Report {
    // V8 counts UTF-16 units, people count characters.
    let units = error.column as usize - 1;
    let before = char::decode_utf16(error.source_line.encode_utf16().take(units)).count();
    Report {
        class: Some("CompileError".to_owned()),
        place: Some(Place {
            file: file.to_owned(),
            at: Some((error.line as usize, before + 1)),
            excerpt: Some(Excerpt { text: error.source_line, caret: before }),
        }),
        help: error.help,
        ..Report::error(error.message)
    }
}
