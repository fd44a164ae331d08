//! `fulgurite engine`: a child that executes runs for its parent. Nobody types it.

use fulgurite_engine::child;

use super::Context;
use crate::config::Engine;
use crate::engine::{build, worker::Worker};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::report::Report;

/// Serves until the parent says leave.
pub(super) fn run(config: &Engine, context: &Context) -> Result<ExitCode, Error> {
    let recorder = context.traced.as_ref().map(|(_, recorder)| recorder.clone());
    match child::serve(config.parent, &build(), &mut Worker::recording(recorder)) {
        Ok(()) => Ok(ExitCode::Done),
        Err(error) => {
            let report =
                Report::error(format!("this is a part of `fulgurite run`, and its parent is not there: {error}"));
            Err(Error::usage(report.help("use fulgurite run --isolate-process")))
        }
    }
}
