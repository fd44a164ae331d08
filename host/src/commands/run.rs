//! `fulgurite run`: files become a plan and a state, the run's events become a log, and its result becomes a file.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use fulgurite_compile::Adaptors;
use fulgurite_plan::{ErrorReport, Outcome, Plan};
use fulgurite_runtime::{Cache, Event, Figures, Level, Limits, Request, RunComplete, StepComplete};
use fulgurite_state::{Span, State, properties};
use serde_json::{Map, Value};

use super::Context;
use crate::clock::Stamp;
use crate::config::{Keep, Output, Run, Selection, Timeout};
use crate::decode::{self, Credentials, Files};
use crate::error::Error;
use crate::events::Events;
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupt;
use crate::logs::Logger;
use crate::profile::chrome::{self, Target};
use crate::progress::{self, Progress};
use crate::report::{Report, Severity};
use crate::running::{Running, Sink};
use crate::stats::Stats;
use crate::{adaptors, cache, input, output, units};

/// Events that may wait for us. A job that logs faster than we can print waits then, instead of filling the memory.
const WAITING: usize = 256;

/// Runs a plan to its end.
pub(super) fn run(config: &Run, context: &Context) -> Result<ExitCode, Error> {
    let profile = config.profile.as_ref().map(|path| Target::open(path, "--profile")).transpose()?;
    let cpu_profile = config.cpu_profile.as_ref().map(|path| Target::open(path, "--cpu-profile")).transpose()?;
    let mut events = config.events.as_ref().map(Events::open).transpose()?;
    let began = system(context);
    let id = began.get("run").and_then(Value::as_str);
    let span = tracing::info_span!("run", run = id).entered();
    let Prepared { plan, adaptors, cache, input } = match prepare(config, &context.log) {
        Ok(prepared) => prepared,
        Err(error) => {
            if let Some(events) = &mut events {
                events.write(context.clock.stamp(), &refused(&error));
            }
            // The error is what the person has to know, also where the events could not be written.
            drop(events.map(Events::finish));
            return Err(error);
        }
    };
    let limits = Limits { step_timeout: step_timeout(config, &plan), ..config.limits.clone() };
    let (parameters, system) = (config.parameters.iter().cloned().collect(), began);
    let adaptors = Arc::new(adaptors);
    let request = Request { input, limits, adaptors, cache, parameters, system, ..Request::new(plan) };

    let (sender, receiver) = sync_channel(WAITING);
    let interrupt = Interrupt::listen();
    let sink = Sink { to: sender, clock: context.clock.clone(), traced: context.traced.clone() };
    let sampled = Arc::new(Mutex::new(None));
    let running = match config.isolate_process {
        false if cpu_profile.is_some() => {
            let sampled = sampled.clone();
            let keep = move |profile| *sampled.lock().unwrap_or_else(PoisonError::into_inner) = Some(profile);
            Running::profiled(request, sink, keep)
        }
        false => Running::here(request, sink),
        true => Running::apart(request, config.zone.as_deref(), sink, &context.log),
    };

    let mut watch = Watch {
        log: &context.log,
        events,
        stats: config.stats.then(Stats::default),
        progress: Progress::new(context.screen.clone()),
        failures: Vec::new(),
        reported: None,
        end: None,
    };
    watch.watch(&receiver, &running, &interrupt);
    running.join();
    let ended = watch.finish(config, &interrupt);
    drop(span);
    let profiled = write_profile(profile, context);
    let sampled = sampled.lock().unwrap_or_else(PoisonError::into_inner).take();
    let sampled = match (cpu_profile, sampled) {
        (Some(target), Some(profile)) => target.write(&profile),
        // The run has not come so far.
        _ => Ok(()),
    };
    // What kept the run's result from being written is what the person has to know first.
    let code = ended?;
    profiled.and(sampled).map(|()| code)
}

/// Writes what was traced to where it was asked for.
fn write_profile(profile: Option<Target>, context: &Context) -> Result<(), Error> {
    let (Some(profile), Some((_, recorder))) = (profile, &context.traced) else { return Ok(()) };
    let batch = recorder.take();
    if batch.dropped > 0 {
        let message = format!("the profile leaves out {} spans and values: there was no room for more", batch.dropped);
        context.log.cli(Level::Warn, &message);
    }
    profile.write(&chrome::trace(batch))
}

/// What templates see of the run itself.
fn system(context: &Context) -> Map<String, Value> {
    let began = context.clock.stamp().to_string();
    let run = format!("local-{began}");
    [("run".to_owned(), Value::from(run)), ("started".to_owned(), Value::from(began))].into_iter().collect()
}

/// What a run starts with.
struct Prepared {
    plan: Plan,
    adaptors: Adaptors,
    cache: Arc<Cache>,
    input: Option<State>,
}

/// Everything that can keep a run from starting.
fn prepare(config: &Run, log: &Logger) -> Result<Prepared, Error> {
    let plan = select(plan(&config.path, config.credentials.as_deref(), log)?, &config.selection)?;
    let adaptors = link(&plan, config, log)?;
    output::check(&config.output)?;
    let cache = Arc::new(cache(&config.cache)?);
    Ok(Prepared { plan, adaptors, cache, input: input::read(&config.input)? })
}

fn cache(keep: &Keep) -> Result<Cache, Error> {
    match keep {
        Keep::Nothing => Ok(Cache::default()),
        Keep::IfPossible(folder) => Ok(cache::open(folder).unwrap_or_else(|error| {
            // A run is none the worse for it.
            tracing::warn!(folder = %folder.display(), %error, "nothing is cached on disk");
            Cache::default()
        })),
        Keep::In(folder) => cache::open(folder).map_err(|error| {
            let report = Report::error(format!("compiled jobs cannot be kept: {error}")).in_file(folder);
            Error::output(report.help("name a folder of your own with --cache-dir, or use --no-cache"))
        }),
    }
}

fn link(plan: &Plan, config: &Run, log: &Logger) -> Result<Adaptors, Error> {
    let read = |path: &Path| fs::read_to_string(path);
    let folder = config.path.parent().unwrap_or(Path::new(""));
    let installed = &adaptors::none_installed;
    let sources = adaptors::Sources { read: &read, folder, default: &config.adaptors, installed };
    let linked = adaptors::link(plan, &sources);
    let linked = linked.map_err(Error::Input)?;
    linked.warnings.iter().for_each(|warning| log.report(warning));
    Ok(linked.adaptors)
}

/// The only event of a run that could not start.
fn refused(error: &Error) -> Event {
    Event::RunComplete(RunComplete {
        outcome: error.outcome(),
        results: Vec::new(),
        figures: Figures::default(),
        executions: 0,
    })
}

/// What was typed wins over what the workflow says, as with OpenFn's CLI.
fn step_timeout(config: &Run, plan: &Plan) -> Option<Duration> {
    match config.timeout {
        Timeout::Never => None,
        Timeout::After(time) => Some(time),
        Timeout::Workflow => {
            let options = plan.options();
            options.step_timeout.or(options.timeout).or(config.limits.step_timeout)
        }
    }
}

/// The plan in a file.
pub(super) fn plan(path: &Path, credentials: Option<&Path>, log: &Logger) -> Result<Plan, Error> {
    if path.is_dir() {
        return Err(Error::input(Report::error("this is a folder").in_file(path).help(inside(path))));
    }
    let unusable = |error: decode::Error| Error::input(Report::diagnostic(Severity::Error, error.diagnostic()));
    let credentials = match credentials {
        Some(path) => Some(Credentials::parse(path, &read_credentials(path)?).map_err(unusable)?),
        None => None,
    };
    let read = |path: &Path| fs::read_to_string(path);
    let files = Files { read: &read, list: &file_names, credentials: credentials.as_ref() };
    let decoded = decode::file(path, &files).map_err(|error| {
        let class = error.class().map(Cow::into_owned);
        Error::input(Report { class, ..Report::diagnostic(Severity::Error, error.diagnostic()) })
    })?;
    for warning in &decoded.warnings {
        log.report(&Report::diagnostic(Severity::Warning, warning));
    }
    tracing::debug!(steps = decoded.plan.steps().len(), "plan decoded");
    Ok(decoded.plan)
}

/// What to run instead of a folder. Nothing is run that was not named: a folder may get a second workflow.
fn inside(folder: &Path) -> String {
    let names = ["workflow.yaml", "workflow.yml", "workflow.json"];
    match names.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        Some(path) => format!("name the workflow in it: fulgurite run {}", path.display()),
        None => "name the workflow or the job in it".to_owned(),
    }
}

/// The names in a folder, for suggestions; what cannot be read has none.
fn file_names(folder: &Path) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn read_credentials(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "check the path; it is relative to the current folder",
            io::ErrorKind::InvalidData => "the file must be UTF-8 text",
            _ => "check that it is a readable file",
        };
        Error::input(Report::error(format!("cannot read the credentials: {error}")).in_file(path).help(help))
    })
}

/// Finds the steps that were asked for.
fn select(plan: Plan, selection: &Selection) -> Result<Plan, Error> {
    let find = |query: &str, flag: &str| {
        plan.find(query).map_err(|error| Error::usage(Report::error(format!("{flag}: {error}"))))
    };
    match selection {
        Selection::Only(only) => {
            let only = find(only, "--only")?;
            Ok(plan.only(only))
        }
        Selection::Range { start, end } => {
            let start = start.as_deref().map(|start| find(start, "--start")).transpose()?;
            let end = end.as_deref().map(|end| find(end, "--end")).transpose()?;
            let plan = match start {
                Some(start) => plan.starting_at(start),
                None => plan,
            };
            Ok(match end {
                Some(end) => plan.ending_at(end),
                None => plan,
            })
        }
    }
}

/// A step that failed.
struct Failure {
    step: String,
    /// Other steps followed. The outcome of the run counts such a failure as handled.
    handled: bool,
}

/// Everything that follows a run.
struct Watch<'a> {
    log: &'a Logger,
    events: Option<Events>,
    stats: Option<Stats>,
    progress: Progress,
    failures: Vec<Failure>,
    /// What was last told about a step, so that the run does not tell it again.
    reported: Option<ErrorReport>,
    end: Option<RunComplete>,
}

impl Watch<'_> {
    /// Until the run's thread has nothing more to say.
    fn watch(&mut self, events: &Receiver<(Stamp, Event)>, running: &Running, interrupt: &Interrupt) {
        let mut aborted = false;
        while self.end.is_none() {
            if interrupt.requested() && !std::mem::replace(&mut aborted, true) {
                running.abort("interrupted");
            }
            self.progress.draw(running.heap());
            match events.try_recv() {
                Ok((at, event)) => self.take(at, event),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    // Nothing waits: the moment for what can be late.
                    if let Some(events) = &mut self.events {
                        events.flush();
                    }
                    match events.recv_timeout(progress::TICK) {
                        Ok((at, event)) => self.take(at, event),
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
            }
        }
    }

    fn take(&mut self, at: Stamp, event: Event) {
        self.progress.take(&event);
        if let Some(events) = &mut self.events {
            events.write(at, &event);
        }
        if let Some(stats) = &mut self.stats {
            stats.take(&event);
        }
        match event {
            Event::RunStart(run) => {
                self.log.cli(Level::Debug, &format!("isolate ready after {}", units::time(run.startup)));
            }
            Event::StepStart(step) => {
                self.log.cli(Level::Info, &format!("step `{}` starts", step.step));
            }
            Event::Log(log) => self.log.event(at, &log),
            Event::StepComplete(step) => self.step_complete(step),
            Event::RunComplete(run) => self.end = Some(run),
        }
    }

    fn step_complete(&mut self, step: StepComplete) {
        let (id, figures) = (&step.step, &step.figures);
        match step.outcome {
            Outcome::Success => {
                let (time, out) = (units::time(figures.duration), units::bytes(figures.bytes_out));
                self.log.cli(Level::Info, &format!("step `{id}` done in {time}, {out}"));
            }
            Outcome::Fail(error) => {
                let (report, handled) = (Report::outcome(&error), !step.next.is_empty());
                self.log.report(&if handled { report.handled_by(&step.next) } else { report });
                self.reported = Some(error);
                self.failures.push(Failure { step: id.to_string(), handled });
            }
            // The run says so in a moment, and nothing silences that.
            Outcome::Crash(_) | Outcome::Exception(_) | Outcome::Kill(..) => {}
        }
    }

    /// The result, and how the program ends.
    fn finish(self, config: &Run, interrupt: &Interrupt) -> Result<ExitCode, Error> {
        let Watch { log, events, stats, progress, failures, reported, end } = self;
        drop(progress);
        let end = end.expect("the last event of a run is its end");
        let events = events.map_or(Ok(()), Events::finish);

        let code = match &end.outcome {
            Outcome::Success => ExitCode::Done,
            Outcome::Fail(error) => {
                if reported.is_none() {
                    log.report(&Report::outcome(error));
                }
                ExitCode::Done
            }
            Outcome::Crash(error) | Outcome::Exception(error) | Outcome::Kill(_, error) => {
                log.fatal(&Report::outcome(error));
                if interrupt.requested() { ExitCode::Interrupted } else { ExitCode::Stopped }
            }
        };
        if code == ExitCode::Done {
            // A run of which the last step returned nothing still has a result that can be read.
            let result = end.result().unwrap_or_else(State::empty);
            output::write(&result, &config.output, interrupt)?;
            if let Output::File(path) = &config.output {
                let size = units::bytes(result.len());
                log.cli(Level::Success, &format!("result written to {} ({size})", path.display()));
            }
            warn_about(&failures, &end.results, log);
        }
        if let Some(stats) = stats {
            log.table(&stats.table());
        }
        events?;
        Ok(code)
    }
}

/// Failed steps do not end the program with an error, but nobody should miss them.
fn warn_about(failures: &[Failure], results: &[(String, State)], log: &Logger) {
    let mut handled: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for failure in failures {
        let steps = if failure.handled { &mut handled } else { &mut open };
        if !steps.contains(&failure.step.as_str()) {
            steps.push(&failure.step);
        }
    }
    // A step of a cycle may be both.
    handled.retain(|step| !open.contains(step));

    let say = |steps: &[&str], what: &str| {
        let names: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
        let mut message = format!("{what}: {}", names.join(", "));
        if results.iter().any(|(_, state)| tells_of(state, steps)) {
            message.push_str("; see `errors` in the result");
        }
        log.cli(Level::Warn, &message);
    };
    if !handled.is_empty() {
        let were = if handled.len() == 1 { "was" } else { "were" };
        say(&handled, &format!("{} failed and {were} handled", units::count(handled.len(), "step")));
    }
    if !open.is_empty() {
        say(&open, &format!("errors reported in {}", units::count(open.len(), "step")));
    }
}

/// Whether a state has `errors` of one of these steps.
fn tells_of(state: &State, steps: &[&str]) -> bool {
    let Some(errors) = property(state, state.root(), "errors") else { return false };
    steps.iter().any(|step| property(state, &errors, step).is_some())
}

/// Where a property of a part of a state is: by the index where there is one, else by a scan of that part.
fn property(state: &State, of: &Span, key: &str) -> Option<Span> {
    let key = serde_json::to_string(key).ok()?;
    let object = of.object.clone().or_else(|| properties(&state.slice(of.range.clone())))?;
    let start = of.range.start;
    let name = |range: Range<usize>| state.slice(start + range.start..start + range.end);
    let found = object.properties().iter().find(|property| name(property.key()) == key.as_bytes())?;
    Some(State::span_of(start, found))
}
