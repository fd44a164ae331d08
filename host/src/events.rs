//! The event stream of `--events`: what other tools build on. One JSON object on each line, documented in
//! `docs/events.md`; this is the only place where events are serialised.
//!
//! Every key is always there; what is not known is `null`. States are not in it, only their sizes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use fulgurite_plan::{ErrorReport, Outcome};
use fulgurite_runtime::{Event, Figures, Level, LogSource, RunComplete, StepComplete};
use fulgurite_state::State;
use serde::Serialize;
use serde_json::Value;

use crate::clock::Stamp;
use crate::config::Sink;
use crate::error::Error;
use crate::report::Report;

/// Writes events to a file or to stdout.
pub struct Events {
    to: BufWriter<Box<dyn Write>>,
    name: String,
    /// The first error; nothing is written after it.
    broken: Option<io::Error>,
}

impl Events {
    /// Opens the sink; a file that is there is emptied.
    ///
    /// # Errors
    /// [`Error::Output`] when the file cannot be created.
    pub fn open(sink: &Sink) -> Result<Events, Error> {
        let (to, name): (Box<dyn Write>, _) = match sink {
            Sink::Stdout => (Box::new(io::stdout().lock()), "stdout".to_owned()),
            Sink::File(path) => {
                let file = File::create(path).map_err(|error| {
                    let report = Report::error(format!("cannot write events to {}: {error}", path.display()));
                    Error::output(report.help("name another file with --events, or - for stdout"))
                })?;
                (Box::new(file), path.display().to_string())
            }
        };
        Ok(Events { to: BufWriter::new(to), name, broken: None })
    }

    /// Writes one event.
    pub fn write(&mut self, at: Stamp, event: &Event) {
        if self.broken.is_some() {
            return;
        }
        let line = Line { at, event: Body::of(event) };
        let written = serde_json::to_writer(&mut self.to, &line).map_err(io::Error::from);
        self.broken = written.and_then(|()| self.to.write_all(b"\n")).err();
    }

    /// Lets readers see what was written so far.
    pub fn flush(&mut self) {
        if self.broken.is_none() {
            self.broken = self.to.flush().err();
        }
    }

    /// The end of the stream.
    ///
    /// # Errors
    /// [`Error::Output`] when not all of it could be written. A reader that went away is no error.
    pub fn finish(mut self) -> Result<(), Error> {
        self.flush();
        match self.broken.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::output(Report::error(format!("cannot write events to {}: {error}", self.name))))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    at: Stamp,
    #[serde(flatten)]
    event: Body<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event")]
enum Body<'a> {
    #[serde(rename = "run:start")]
    RunStart {
        fulgurite: &'static str,
        plan: Option<&'a str>,
        name: Option<&'a str>,
        start: &'a str,
        bytes_in: usize,
        startup_us: u64,
        isolate_us: u64,
    },
    #[serde(rename = "step:start")]
    StepStart {
        execution: u32,
        step: &'a str,
        name: Option<&'a str>,
        caller: Option<&'a str>,
        called_by: Option<u32>,
        input_from: Option<u32>,
        bytes_in: usize,
        over_items: bool,
    },
    #[serde(rename = "log")]
    Log { execution: Option<u32>, step: Option<&'a str>, source: &'static str, level: &'static str, message: &'a str },
    #[serde(rename = "step:complete")]
    StepComplete {
        execution: u32,
        step: &'a str,
        #[serde(flatten)]
        ending: Ending<'a>,
        next: Vec<&'a str>,
        streams: Vec<String>,
        items: Option<Counts>,
        #[serde(flatten)]
        cost: Cost,
    },
    #[serde(rename = "run:complete")]
    RunComplete {
        #[serde(flatten)]
        ending: Ending<'a>,
        error_step: Option<&'a str>,
        executions: u32,
        results: Vec<Leaf<'a>>,
        #[serde(flatten)]
        cost: Cost,
    },
}

#[derive(Serialize)]
struct Counts {
    calls: usize,
    failed: usize,
    retries: usize,
}

#[derive(Serialize)]
struct Ending<'a> {
    outcome: String,
    reason: &'static str,
    kill_reason: Option<&'static str>,
    error_type: Option<&'a str>,
    error_name: Option<&'a str>,
    error_message: Option<&'a str>,
    error_source: Option<&'a str>,
    error_details: Option<&'a Value>,
    hint: Option<&'a str>,
    position: Option<Position<'a>>,
    operation: Option<Operation<'a>>,
}

#[derive(Serialize)]
struct Position<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    source_line: Option<&'a str>,
}

#[derive(Serialize)]
struct Operation<'a> {
    name: Option<&'a str>,
    line: u32,
}

#[derive(Serialize)]
struct Leaf<'a> {
    name: &'a str,
    bytes: usize,
}

#[derive(Serialize)]
struct Cost {
    duration_us: u64,
    view_us: u64,
    encode_us: u64,
    load_us: u64,
    bytes_in: usize,
    bytes_parsed: usize,
    bytes_out: usize,
    bytes_spliced: usize,
    state_walks: usize,
    cpu_us: u64,
    context_clones: usize,
    heap_bytes: usize,
    buffer_bytes: usize,
}

impl<'a> Body<'a> {
    fn of(event: &'a Event) -> Body<'a> {
        match event {
            Event::RunStart(run) => Body::RunStart {
                fulgurite: env!("CARGO_PKG_VERSION"),
                plan: run.plan.as_deref(),
                name: run.name.as_deref(),
                start: run.start.as_str(),
                bytes_in: run.bytes_in,
                startup_us: us(run.startup),
                isolate_us: us(run.isolate),
            },
            Event::StepStart(step) => Body::StepStart {
                execution: step.execution.0,
                step: step.step.as_str(),
                name: step.name.as_deref(),
                caller: step.caller.as_ref().map(|id| id.as_str()),
                called_by: step.called_by.map(|execution| execution.0),
                input_from: step.input_from.map(|execution| execution.0),
                bytes_in: step.bytes_in,
                over_items: step.over_items,
            },
            Event::Log(log) => Body::Log {
                execution: log.execution.map(|execution| execution.0),
                step: log.step.as_ref().map(|id| id.as_str()),
                source: match log.source {
                    LogSource::Job => "job",
                    LogSource::Runtime => "runtime",
                },
                level: Level::as_str(log.level),
                message: &log.message,
            },
            Event::StepComplete(step) => Body::step_complete(step),
            Event::RunComplete(run) => Body::run_complete(run),
        }
    }

    fn step_complete(step: &'a StepComplete) -> Body<'a> {
        let live = step.output.as_ref().and_then(State::live);
        Body::StepComplete {
            execution: step.execution.0,
            step: step.step.as_str(),
            ending: Ending::of(&step.outcome),
            next: step.next.iter().map(|id| id.as_str()).collect(),
            streams: live.map(|live| live.streams.iter().map(ToString::to_string).collect()).unwrap_or_default(),
            items: step.items.map(|items| Counts { calls: items.calls, failed: items.failed, retries: items.retries }),
            cost: Cost::of(&step.figures),
        }
    }

    fn run_complete(run: &'a RunComplete) -> Body<'a> {
        Body::RunComplete {
            ending: Ending::of(&run.outcome),
            error_step: run.outcome.error().and_then(|error| error.step.as_deref()),
            executions: run.executions,
            results: run.results.iter().map(|(name, state)| Leaf { name, bytes: state.len() }).collect(),
            cost: Cost::of(&run.figures),
        }
    }
}

impl<'a> Ending<'a> {
    fn of(outcome: &'a Outcome) -> Ending<'a> {
        let reason = outcome.reason().as_str();
        let kill_reason = match outcome {
            Outcome::Kill(reason, _) => Some(reason.as_str()),
            Outcome::Success | Outcome::Fail(_) | Outcome::Crash(_) | Outcome::Exception(_) => None,
        };
        let error = outcome.error();
        Ending {
            outcome: kill_reason.map_or(reason.to_owned(), |kill| format!("{reason}:{kill}")),
            reason,
            kill_reason,
            error_type: error.map(|error| error.subtype.as_deref().unwrap_or(&error.name)),
            error_name: error.map(|error| error.name.as_ref()),
            error_message: error.map(|error| error.message.as_str()),
            error_source: error.map(|error| error.source.as_ref()),
            error_details: error.and_then(|error| error.details.as_ref()),
            hint: error.and_then(|error| error.hint.as_deref()),
            position: error.and_then(position),
            operation: error
                .and_then(|error| error.operation.as_ref())
                .map(|operation| Operation { name: operation.name.as_deref(), line: operation.place.line }),
        }
    }
}

fn position(error: &ErrorReport) -> Option<Position<'_>> {
    error.position.as_ref().map(|at| Position {
        file: &at.file,
        line: at.line,
        column: at.column,
        source_line: at.source_line.as_deref(),
    })
}

impl Cost {
    fn of(figures: &Figures) -> Cost {
        let Figures {
            duration,
            view,
            encode,
            load,
            bytes_in,
            bytes_parsed,
            bytes_out,
            bytes_spliced,
            state_walks,
            cpu,
            context_clones,
            heap,
            buffers,
        } = *figures;
        Cost {
            duration_us: us(duration),
            view_us: us(view),
            encode_us: us(encode),
            load_us: us(load),
            bytes_in,
            bytes_parsed,
            bytes_out,
            bytes_spliced,
            state_walks,
            cpu_us: us(cpu),
            context_clones,
            heap_bytes: heap,
            buffer_bytes: buffers,
        }
    }
}

fn us(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
