//! What the command line means: flags, environment and defaults become one [`Config`], once. Nothing else reads the
//! environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fulgurite_runtime::{Certificates, Hosts, Limits, Network};

use crate::cli::{self, Cli, Component, LogLevel};
use crate::error::Error;
use crate::profile::Depth;
use crate::report::Report;
use crate::screen::Style;

#[cfg(target_os = "linux")]
mod lightning;
#[cfg(target_os = "linux")]
mod worker;

#[cfg(target_os = "linux")]
pub use lightning::{Dev, Lightning};
#[cfg(target_os = "linux")]
pub use worker::Worker;

/// Everything that is decided before anything is done.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the error stream can show.
    pub style: Style,
    /// What is logged, and how.
    pub log: Log,
    /// How much is traced.
    pub traced: Option<Depth>,
    /// Which collector gets to hear of it.
    #[cfg(feature = "otlp")]
    pub export: Option<crate::profile::otlp::Settings>,
    /// What to do.
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// `fulgurite run`
    Run(Box<Run>),
    /// `fulgurite compile`
    Compile(Compile),
    /// `fulgurite worker`
    #[cfg(target_os = "linux")]
    Worker(Box<Worker>),
    /// `fulgurite lightning`
    #[cfg(target_os = "linux")]
    Lightning(Box<Lightning>),
    /// `fulgurite dev`
    #[cfg(target_os = "linux")]
    Dev(Box<Dev>),
    /// `fulgurite engine`
    #[cfg(target_os = "linux")]
    Engine(Engine),
}

/// A child that executes runs.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone)]
pub struct Engine {
    /// The process that started it.
    pub parent: u32,
}

/// One job to compile.
#[derive(Debug, Clone)]
pub struct Compile {
    /// The job.
    pub path: PathBuf,
    /// Where its free names come from.
    pub adaptors: Vec<String>,
    /// Whether to show the source map instead of the module.
    pub map: bool,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// How much each component says.
    pub levels: Levels,
    /// As JSON lines.
    pub json: bool,
    /// The filter of our own traces.
    pub traces: String,
    /// Whether it is somebody's own: then spans are told, too.
    pub spans: bool,
}

/// How much each component says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// This program.
    pub cli: LogLevel,
    /// The runtime, about jobs.
    pub runtime: LogLevel,
    /// Jobs, through `console`.
    pub job: LogLevel,
}

/// One local run.
#[derive(Debug, Clone)]
pub struct Run {
    /// The job or workflow.
    pub path: PathBuf,
    /// What the first step gets.
    pub input: Input,
    /// Where the result goes.
    pub output: Output,
    /// Parameters by name, as typed: of two with one name the last.
    pub parameters: Vec<(String, serde_json::Value)>,
    /// Where credentials are.
    pub credentials: Option<PathBuf>,
    /// The adaptors of steps that name none, as typed.
    pub adaptors: Vec<String>,
    /// Where compiled jobs are kept.
    pub cache: Keep,
    /// Which steps.
    pub selection: Selection,
    /// What it may use, but for the time of a step.
    pub limits: Limits,
    /// The longest that a step may take.
    pub timeout: Timeout,
    /// Whether it gets a process of its own.
    pub isolate_process: bool,
    /// The time zone, for a process that cannot look for it.
    pub zone: Option<OsString>,
    /// Where events go.
    pub events: Option<Sink>,
    /// Whether to show what each step cost.
    pub stats: bool,
    /// Where a profile goes.
    pub profile: Option<PathBuf>,
    /// Where a CPU profile goes.
    pub cpu_profile: Option<PathBuf>,
}

/// Where compiled jobs are kept.
#[derive(Debug, Clone)]
pub enum Keep {
    /// Nowhere.
    Nothing,
    /// In the user's cache folder, if that can be.
    IfPossible(PathBuf),
    /// In a folder that was named.
    In(PathBuf),
}

/// What the first step gets.
#[derive(Debug, Clone)]
pub enum Input {
    /// The runtime's default.
    Nothing,
    /// Standard input, to its end.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Where the result goes.
#[derive(Debug, Clone)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

/// Steps by what people call them.
#[derive(Debug, Clone)]
pub enum Selection {
    /// From one step to another; where not named, from the workflow's start to its end.
    Range {
        /// Where to start.
        start: Option<String>,
        /// Where to stop.
        end: Option<String>,
    },
    /// One step.
    Only(String),
}

/// The longest that a step may take.
#[derive(Debug, Clone, Copy)]
pub enum Timeout {
    /// What the workflow says, or else the default of [`Limits`].
    Workflow,
    /// Nobody waits too long.
    Never,
    /// Whatever the workflow says.
    After(Duration),
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Config {
    /// Puts flags, environment and defaults together.
    pub fn new(cli: Cli) -> Result<Config, Error> {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let flags = match cli.command {
            cli::Command::Run(flags) => flags,
            cli::Command::Compile(cli::Compile { path, adaptors, map }) => {
                let style = Style { terminal, color: terminal && !set("NO_COLOR") };
                let log = Log { levels: levels(None), json: false, traces: "error".to_owned(), spans: false };
                let command = Command::Compile(Compile { path, adaptors, map });
                return Ok(Config::untraced(style, log, command));
            }
            #[cfg(target_os = "linux")]
            cli::Command::Worker(flags) => {
                let style = Style { terminal: false, color: terminal && !set("NO_COLOR") };
                let log = served(flags.log.as_ref(), flags.log_json);
                let pod = env::var("DEPLOYED_POD_NAME").ok();
                let worker = Worker::new(*flags, pod, zone())?;
                return Config::untraced(style, log, Command::Worker(Box::new(worker))).exported();
            }
            #[cfg(target_os = "linux")]
            cli::Command::Lightning(flags) => {
                let style = Style { terminal: false, color: terminal && !set("NO_COLOR") };
                let log = served(flags.log.as_ref(), flags.log_json);
                let command = Command::Lightning(Box::new(Lightning::new(flags)?));
                return Ok(Config::untraced(style, log, command));
            }
            #[cfg(target_os = "linux")]
            cli::Command::Dev(flags) => {
                let style = Style { terminal: terminal && !flags.log_json, color: terminal && !set("NO_COLOR") };
                let log = Log {
                    levels: levels(flags.log.as_ref()),
                    json: flags.log_json,
                    traces: traces(LogLevel::Default),
                    spans: set("RUST_LOG"),
                };
                return Config::untraced(style, log, Command::Dev(Box::new(Dev::new(flags, zone())))).exported();
            }
            #[cfg(target_os = "linux")]
            cli::Command::Engine(cli::Engine { parent, traced }) => {
                let log = Log { levels: levels(None), json: false, traces: "error".to_owned(), spans: false };
                let (style, command) = (Style::default(), Command::Engine(Engine { parent }));
                return Ok(Config { traced, ..Config::untraced(style, log, command) });
            }
        };
        // A live line would get between the events if both were on the same terminal.
        let events = flags.events.as_deref().is_some_and(is_stdout) && io::stdout().is_terminal();
        let style = Style { terminal: terminal && !flags.log_json && !events, color: terminal && !set("NO_COLOR") };

        let levels = levels(flags.log.as_ref());
        let log = Log { levels, json: flags.log_json, traces: traces(levels.cli), spans: set("RUST_LOG") };
        let run = run(*flags)?;
        let is_profiled = run.profile.is_some();
        let config = Config::untraced(style, log, Command::Run(Box::new(run)));
        match is_profiled {
            // Whoever asks for a file gets all of it.
            true => Ok(Config { traced: Some(Depth::Operations), ..config }),
            false => config.exported(),
        }
    }

    fn untraced(style: Style, log: Log, command: Command) -> Config {
        Config {
            style,
            log,
            traced: None,
            #[cfg(feature = "otlp")]
            export: None,
            command,
        }
    }

    /// With the collector that the environment names.
    #[cfg(feature = "otlp")]
    fn exported(self) -> Result<Config, Error> {
        let export = crate::profile::otlp::Settings::of(|name| env::var(name).ok());
        let export = export.map_err(|wrong| Error::usage(Report::error(wrong.message).help(wrong.help)))?;
        Ok(Config { traced: export.as_ref().map(|_| Depth::Steps), export, ..self })
    }

    /// Without that feature there is nobody to tell.
    #[cfg(not(feature = "otlp"))]
    fn exported(self) -> Result<Config, Error> {
        Ok(self)
    }
}

/// Whether a variable is there, and nothing in it.
pub fn is_empty_variable(name: &OsStr) -> bool {
    env::var_os(name).is_some_and(|value| value.is_empty())
}

/// The filter of our own traces: who runs something wants to hear of it, and not of us.
fn traces(level: LogLevel) -> String {
    let ours = if level == LogLevel::Debug { "warn,fulgurite=debug" } else { "error" };
    env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty()).unwrap_or_else(|| ours.to_owned())
}

/// The log of what serves and does not end: our own traces are all there is to see of it.
#[cfg(target_os = "linux")]
fn served(log: Option<&cli::Log>, json: bool) -> Log {
    let levels = levels(log);
    let ours = match levels.cli {
        LogLevel::None => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Default | LogLevel::Info => "warn,fulgurite=info",
        LogLevel::Debug => "warn,fulgurite=debug",
    };
    let traces = env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty()).unwrap_or_else(|| ours.to_owned());
    let spans = env::var_os("RUST_LOG").is_some_and(|filter| !filter.is_empty());
    Log { levels, json, traces, spans }
}

/// Refuses limits that this build of V8 cannot keep.
fn keepable(limits: &Limits, flag: &str) -> Result<(), Error> {
    match limits.refusal() {
        None => Ok(()),
        Some(why) => {
            let report = Report::error(format!("{flag}: {why}"));
            Err(Error::usage(report.help("give it less, or use the build without pointer compression")))
        }
    }
}

fn run(flags: cli::Run) -> Result<Run, Error> {
    let defaults = Limits::default();
    // Who says how much memory there is means all of it: what a step returns is in memory, too, beside the heap.
    let memory = flags.memory.map(|megabytes| (megabytes as usize) << 20);
    let cpu = flags.cpu_timeout.filter(|ms| *ms > 0).map(Duration::from_millis);
    let state = flags.state_size.map(|megabytes| (megabytes as usize) << 20).or(memory);
    let limits = Limits {
        heap: memory.or(defaults.heap),
        state: state.or(defaults.state),
        steps: flags.max_steps.unwrap_or(defaults.steps),
        step_cpu_timeout: cpu,
        run_timeout: flags.run_timeout.filter(|ms| *ms > 0).map(Duration::from_millis),
        log_rate: match flags.log_rate {
            None => defaults.log_rate,
            Some(0) => None,
            Some(kilobytes) => Some((kilobytes as usize) << 10),
        },
        network: network(&flags),
        ..defaults
    };
    keepable(&limits, "--memory")?;
    let timeout = match flags.timeout {
        None => Timeout::Workflow,
        Some(0) => Timeout::Never,
        Some(ms) => Timeout::After(Duration::from_millis(ms)),
    };
    let output = match flags.output_path {
        Some(path) if is_stdout(&path) => Output::Stdout,
        Some(path) => Output::File(path),
        None if flags.output_stdout => Output::Stdout,
        None => Output::File(flags.path.with_file_name("output.json")),
    };
    let events = flags.events.map(|path| if is_stdout(&path) { Sink::Stdout } else { Sink::File(path) });
    let input = match flags.state_path {
        Some(path) => Input::File(path),
        None if flags.state_stdin => Input::Stdin,
        None => Input::Nothing,
    };
    check(&flags.path, &input, &output, events.as_ref())?;
    let written: [(&str, Option<&Path>); 4] = [
        ("--profile", flags.profile.as_deref()),
        ("--cpu-profile", flags.cpu_profile.as_deref()),
        (
            "-o",
            match &output {
                Output::File(path) => Some(path),
                Output::Stdout => None,
            },
        ),
        (
            "--events",
            match &events {
                Some(Sink::File(path)) => Some(path),
                _ => None,
            },
        ),
    ];
    profiles_of_their_own(&flags.path, &input, &written)?;
    if flags.cpu_profile.is_some() && flags.isolate_process {
        let report = Report::error("--cpu-profile does not go together with --isolate-process");
        let help =
            "such a process may not interrupt itself to see where it is; leave one of them out, or use --profile";
        return Err(Error::usage(report.help(help)));
    }
    let selection = match flags.only {
        Some(only) => Selection::Only(only),
        None => Selection::Range { start: flags.start, end: flags.end },
    };
    Ok(Run {
        path: flags.path,
        parameters: flags.parameters,
        input,
        output,
        credentials: flags.credentials,
        adaptors: flags.adaptors,
        cache: match (flags.no_cache, flags.cache_dir, cache_folder()) {
            (false, Some(folder), _) => Keep::In(folder),
            (false, None, Some(folder)) => Keep::IfPossible(folder),
            (true, ..) | (_, None, None) => Keep::Nothing,
        },
        selection,
        limits,
        timeout,
        isolate_process: flags.isolate_process,
        zone: zone(),
        events,
        stats: flags.stats,
        profile: flags.profile,
        cpu_profile: flags.cpu_profile,
    })
}

/// A job that one runs on one's own machine may reach what one reaches oneself, unless one says otherwise.
fn network(flags: &cli::Run) -> Network {
    if flags.no_network {
        return Network::none();
    }
    let defaults = Network::default();
    let hosts = if flags.allow_hosts.is_empty() { Hosts::Any } else { Hosts::Only(flags.allow_hosts.clone()) };
    let private = if flags.deny_private { Hosts::none() } else { defaults.private };
    let certificates = if flags.system_certificates { Certificates::System } else { Certificates::Bundled };
    Network { hosts, private, certificates, ..defaults }
}

/// As the XDG base directories have it (<https://specifications.freedesktop.org/basedir-spec/>).
fn cache_folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("fulgurite"))
}

/// As the C library finds it: from `TZ`, or from where `/etc/localtime` leads. `None` = UTC, or only a file knows.
fn zone() -> Option<OsString> {
    env::var_os("TZ").or_else(|| {
        let file = std::fs::read_link("/etc/localtime").ok()?;
        Some(file.to_str()?.split_once("/zoneinfo/")?.1.into())
    })
}

/// `/dev/stdout` may lead to a regular file, which must not be replaced by another one while it is our stdout.
fn is_stdout(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdout")
}

/// Nothing that is read may be lost to something that is written, except the state, which is what `-o` over `-s` asks for.
fn check(job: &Path, input: &Input, output: &Output, events: Option<&Sink>) -> Result<(), Error> {
    let clash = |message: String, help: &str| Err(Error::usage(Report::error(message).help(help)));
    if let Output::File(output) = output
        && same_file(output, job)
    {
        return clash(
            format!("the result would replace `{}`, which is what is to be run", job.display()),
            "name another file with -o, or show the result with -O",
        );
    }
    match (events, input, output) {
        (Some(Sink::Stdout), _, Output::Stdout) => {
            clash("the result and the events cannot both go to stdout".into(), "name a file with -o or --events")
        }
        (Some(Sink::File(events)), _, _) if same_file(events, job) => clash(
            format!("the events would replace `{}`, which is what is to be run", job.display()),
            "name another file with --events",
        ),
        (Some(Sink::File(events)), Input::File(input), _) if same_file(events, input) => clash(
            format!("the events would replace the state in `{}`", input.display()),
            "name another file with --events",
        ),
        (Some(Sink::File(events)), _, Output::File(output)) if same_file(events, output) => clash(
            format!("the result and the events cannot both go to `{}`", output.display()),
            "name another file with --events",
        ),
        _ => Ok(()),
    }
}

/// Nor may a profile replace anything, or be replaced.
fn profiles_of_their_own(job: &Path, input: &Input, written: &[(&str, Option<&Path>)]) -> Result<(), Error> {
    let read = [
        ("what is to be run", Some(job)),
        (
            "the state",
            match input {
                Input::File(path) => Some(path.as_path()),
                Input::Nothing | Input::Stdin => None,
            },
        ),
    ];
    for (place, (flag, path)) in written.iter().enumerate().take(2) {
        let Some(path) = path else { continue };
        if is_stdout(path) {
            let report = Report::error(format!("{flag} needs a file: a profile is no stream"));
            return Err(Error::usage(report.help("name a file, and open that")));
        }
        for (what, other) in read {
            if other.is_some_and(|other| same_file(path, other)) {
                let report = Report::error(format!("{flag} would replace `{}`, which is {what}", path.display()));
                return Err(Error::usage(report.help(format!("name another file with {flag}"))));
            }
        }
        for (other_flag, other) in &written[place + 1..] {
            if other.is_some_and(|other| same_file(path, other)) {
                let message = format!("{flag} and {other_flag} cannot both go to `{}`", path.display());
                return Err(Error::usage(Report::error(message).help(format!("name another file with {flag}"))));
            }
        }
    }
    Ok(())
}

/// Devices such as `/dev/null` lose nothing.
fn same_file(a: &Path, b: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let device = a.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    !device && resolved(a) == resolved(b)
}

/// As OpenFn's CLI: jobs are heard in full unless they are named, or less than the default is asked for.
fn levels(log: Option<&cli::Log>) -> Levels {
    let mut levels = Levels { cli: LogLevel::Default, runtime: LogLevel::Default, job: LogLevel::Debug };
    let parts = log.map_or(&[][..], |log| &log.0);
    for (_, level) in parts.iter().filter(|(component, _)| component.is_none()) {
        levels.cli = *level;
        levels.runtime = *level;
        levels.job = match level {
            LogLevel::None | LogLevel::Error | LogLevel::Warn => *level,
            LogLevel::Default | LogLevel::Info | LogLevel::Debug => LogLevel::Debug,
        };
    }
    for (component, level) in parts {
        match component {
            Some(Component::Cli) => levels.cli = *level,
            Some(Component::Runtime) => levels.runtime = *level,
            Some(Component::Job) => levels.job = *level,
            None => {}
        }
    }
    levels
}
