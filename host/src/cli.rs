//! What can be typed, and nothing about what it means: that is `config.rs`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use fulgurite_plan::suggest;
use fulgurite_runtime::HostPattern;

use crate::config::is_empty_variable;
use crate::exit_code::ExitCode;
use crate::profile::Depth;

#[cfg(target_os = "linux")]
mod lightning;
#[cfg(target_os = "linux")]
mod worker;

#[cfg(target_os = "linux")]
pub use lightning::{Dev, Lightning};
#[cfg(target_os = "linux")]
pub use worker::{Elsewhere, Worker};

/// Runs OpenFn-style JavaScript job steps in V8 isolates.
#[derive(Debug, Parser)]
#[command(
    name = "fulgurite",
    version = VERSION.as_str(),
    about = "Runs OpenFn-style JavaScript job steps in V8 isolates, with state as bytes",
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "\
Try it:
  echo 'fn(state => ({ ...state, answer: 6 * 7 }))' > job.js
  fulgurite run job.js -O

`fulgurite run --help` lists the flags, with examples and the exit codes."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// What was typed. Ends the program, as clap does, when it makes no sense or asked for help.
    pub fn read() -> Cli {
        // An empty variable is none, as `${WORKER_CAPACITY:-}` makes it.
        let own = |arg: Arg| match arg.get_env().is_some_and(is_empty_variable) {
            true => arg.env(Resettable::Reset),
            false => arg,
        };
        let command = Cli::command().mut_subcommands(|command| command.mut_args(own));
        let parsed = command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
        parsed.unwrap_or_else(|error| advised(error).exit())
    }
}

/// What clap cannot know: which words are files.
fn advised(mut error: clap::Error) -> clap::Error {
    let word = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    let tip = match error.kind() {
        ErrorKind::InvalidSubcommand => word(&error, ContextKind::InvalidSubcommand)
            .filter(|word| is_file(word))
            .map(|word| format!("to run it: fulgurite run {word}")),
        ErrorKind::UnknownArgument => word(&error, ContextKind::InvalidArg)
            .filter(|word| is_file(word))
            .map(|_| "one file at a time: several jobs are the steps of a workflow".to_owned()),
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

fn is_file(word: &str) -> bool {
    let path = Path::new(word);
    let known = ["js", "mjs", "ts", "json", "yaml", "yml"];
    !word.starts_with('-')
        && (path.exists() || path.extension().is_some_and(|extension| known.iter().any(|known| extension == *known)))
}

/// What the program can do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Command {
    /// Run a job or a workflow on this machine.
    Run(Box<Run>),
    /// Show the module that a job's source is compiled to.
    Compile(Compile),
    /// Claim runs from a Lightning server and execute them.
    #[cfg(target_os = "linux")]
    Worker(Box<Worker>),
    /// Run a Lightning server in memory, for trying workers.
    #[cfg(target_os = "linux")]
    Lightning(Lightning),
    /// Run a workflow as a server would have it run: server, worker and run on this machine.
    #[cfg(target_os = "linux")]
    Dev(Dev),
    /// Execute runs for another fulgurite.
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Engine(Engine),
}

/// Execute runs for another fulgurite, which has started this one and speaks to it through its standard input.
#[derive(Debug, Args)]
pub struct Engine {
    /// The number of its process
    #[arg(value_name = "PARENT")]
    pub parent: u32,
    /// How much of what it does it tells
    #[arg(long, value_parser = traced)]
    pub traced: Option<Depth>,
}

/// Show the module that a job's source is compiled to: `fn(state => …)` becomes an operation of the default export.
///
/// `fulgurite run` compiles by itself; this shows what it runs.
#[derive(Debug, Args)]
pub struct Compile {
    /// A job (.js, .ts)
    #[arg(value_name = "JOB")]
    pub path: PathBuf,
    /// An adaptor that the job's free names are imported from: `common`, a path, `name=path`, or a package's name, which need
    /// not be installed; may be given again [default: common]
    #[arg(short, long = "adaptor", value_name = "ADAPTOR")]
    pub adaptors: Vec<String>,
    /// The source map instead of the module
    #[arg(long)]
    pub map: bool,
}

/// Run a job or a workflow on this machine.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP.as_str())]
pub struct Run {
    /// A job (.js, .ts) or a workflow (.json, .yaml)
    #[arg(value_name = "JOB|WORKFLOW")]
    pub path: PathBuf,

    /// Read the first step's state from this JSON file
    #[arg(short = 's', long, value_name = "FILE", help_heading = "State", conflicts_with = "state_stdin")]
    pub state_path: Option<PathBuf>,

    /// Read the first step's state from stdin
    #[arg(short = 'S', long, help_heading = "State")]
    pub state_stdin: bool,

    /// Write the result to this file [default: output.json beside the job]
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "State", conflicts_with = "output_stdout")]
    pub output_path: Option<PathBuf>,

    /// Write the result to stdout, byte for byte (`| jq` lays it out)
    #[arg(short = 'O', long, help_heading = "State")]
    pub output_stdout: bool,

    /// A parameter of the run, which templates see as `parameters.NAME`; the value is JSON or else text; may be given again
    #[arg(short, long = "param", value_name = "NAME=VALUE", help_heading = "State", value_parser = parameter)]
    pub parameters: Vec<(String, serde_json::Value)>,

    /// Take credentials from this JSON or YAML file, a map of id to credential
    #[arg(long, visible_alias = "creds", value_name = "FILE", help_heading = "State")]
    pub credentials: Option<PathBuf>,

    /// An adaptor for steps that name none: `common`, the path of an ES module, or `name=path`; may be given again
    /// [default: common]
    #[arg(short, long = "adaptor", value_name = "ADAPTOR", help_heading = "Adaptors")]
    pub adaptors: Vec<String>,

    /// Keep compiled jobs in this folder for the next run [default: fulgurite in the user's cache folder]
    #[arg(long, value_name = "FOLDER", help_heading = "Adaptors")]
    pub cache_dir: Option<PathBuf>,

    /// Keep no compiled jobs, and use none
    #[arg(long, help_heading = "Adaptors", conflicts_with = "cache_dir")]
    pub no_cache: bool,

    /// Start at this step: its id or name, or a part that only it has
    #[arg(long, value_name = "STEP", help_heading = "Steps")]
    pub start: Option<String>,

    /// Stop after this step
    #[arg(long, value_name = "STEP", help_heading = "Steps")]
    pub end: Option<String>,

    /// Run this step and no other
    #[arg(long, value_name = "STEP", help_heading = "Steps", conflicts_with_all = ["start", "end"])]
    pub only: Option<String>,

    /// The longest that one step may take, in milliseconds; 0 = no limit [default: the workflow's, or 300000]
    #[arg(short = 't', long, value_name = "MS", help_heading = "Limits", value_parser = milliseconds)]
    pub timeout: Option<u64>,

    /// The longest that one step may compute, in milliseconds of CPU time; 0 = no limit [default: no limit]
    #[arg(long, value_name = "MS", help_heading = "Limits", value_parser = milliseconds)]
    pub cpu_timeout: Option<u64>,

    /// The V8 heap that the run may use, in megabytes; a step's output may not be larger than that, either [default: 2048, and 4096 for the output]
    #[arg(long, value_name = "MB", help_heading = "Limits", value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    pub memory: Option<u32>,

    /// Let jobs reach this host and no other: api.example.org, *.example.org, localhost:8080; may be given again
    #[arg(long = "allow-host", value_name = "HOST", help_heading = "Network")]
    pub allow_hosts: Vec<HostPattern>,

    /// Keep jobs from addresses that are not on the public internet: this machine, the local network, cloud metadata
    #[arg(long, help_heading = "Network")]
    pub deny_private: bool,

    /// Let jobs reach nothing
    #[arg(long, help_heading = "Network", conflicts_with_all = ["allow_hosts", "deny_private", "system_certificates"])]
    pub no_network: bool,

    /// Trust the certificate authorities of this machine instead of Mozilla's
    #[arg(long, help_heading = "Network")]
    pub system_certificates: bool,
    /// The longest that the whole run may take, in milliseconds [default: no limit]
    #[arg(long, value_name = "MS", help_heading = "Limits", value_parser = milliseconds)]
    pub run_timeout: Option<u64>,

    /// How many times steps may be executed in all, passes of loops and calls by other steps counted [default: 1000000]
    #[arg(long, value_name = "N", help_heading = "Limits", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_steps: Option<u32>,

    /// How large a step's output may be, in megabytes [default: as --memory]
    #[arg(long, value_name = "MB", help_heading = "Limits", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub state_size: Option<u32>,

    /// How much jobs may log, in kilobytes a second, and twice that at once; what is more is dropped and counted; 0 = no limit [default: 4096]
    #[arg(long, value_name = "KB", help_heading = "Limits")]
    pub log_rate: Option<u32>,

    /// Run in a process of its own, which cannot reach files, nor with --no-network the network, and whose end is only that of the run (Linux)
    #[arg(long, help_heading = "Limits")]
    pub isolate_process: bool,

    /// What to log on stderr: none, error, warn, default, info or debug, for all or for one of cli, runtime and job (job=none,runtime=debug)
    #[arg(short = 'l', long, value_name = "LEVEL", help_heading = "What is said", value_parser = log)]
    pub log: Option<Log>,

    /// Log as JSON, one object on each line
    #[arg(long, help_heading = "What is said")]
    pub log_json: bool,

    /// Write every event of the run to this file, one JSON object on each line; - for stdout
    #[arg(long, value_name = "FILE", help_heading = "What is said")]
    pub events: Option<PathBuf>,

    /// Show what each step cost when the run is over
    #[arg(long, help_heading = "What is said")]
    pub stats: bool,

    /// Write where the time went to this file as a Chrome trace, which ui.perfetto.dev and chrome://tracing show: compiling, steps, operations, states, collections
    #[arg(long, value_name = "FILE", help_heading = "What is said")]
    pub profile: Option<PathBuf>,

    /// Write to this file which functions of the jobs took how much CPU time, as V8 samples it: a .cpuprofile for Chrome's DevTools, VS Code and speedscope
    #[arg(long, value_name = "FILE", help_heading = "What is said")]
    pub cpu_profile: Option<PathBuf>,
}

/// Levels as typed: for one component, or for all that are not named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log(pub Vec<(Option<Component>, LogLevel)>);

/// Who writes log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// This program.
    Cli,
    /// The runtime, about jobs.
    Runtime,
    /// Jobs, through `console`.
    Job,
}

/// How much of the log is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    None,
    /// Errors.
    Error,
    /// Warnings and errors.
    Warn,
    /// Successes, warnings and errors.
    Default,
    /// Also information.
    Info,
    /// Everything.
    Debug,
}

/// OpenFn's, and the two quieter ones that our own lines are marked with.
const LEVELS: [(&str, LogLevel); 6] = [
    ("none", LogLevel::None),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("default", LogLevel::Default),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

/// With the short forms that OpenFn's CLI takes.
const COMPONENTS: [(&str, Component); 6] = [
    ("cli", Component::Cli),
    ("runtime", Component::Runtime),
    ("job", Component::Job),
    ("rt", Component::Runtime),
    ("r/t", Component::Runtime),
    ("rtm", Component::Runtime),
];

fn milliseconds(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write whole milliseconds, such as 5000".to_owned())
}

fn traced(text: &str) -> Result<Depth, String> {
    Depth::parse(text).ok_or_else(|| "write steps or operations".to_owned())
}

/// What reads as JSON is JSON: `--param limit=10`, `--param 'regions=["north"]'`.
fn parameter(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as region=north")?;
    if name.is_empty() {
        return Err("write NAME=VALUE, such as region=north".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| serde_json::Value::from(value));
    Ok((name.to_owned(), value))
}

fn log(text: &str) -> Result<Log, String> {
    let one = |part: &str| {
        let (component, level) = match part.split_once('=') {
            Some((name, level)) if name.trim() == "default" => (None, level),
            Some((name, level)) => (Some(word("component", name, &COMPONENTS, 3)?), level),
            None => (None, part),
        };
        Ok((component, word("level", level, &LEVELS, LEVELS.len())?))
    };
    text.split(',').map(one).collect::<Result<_, _>>().map(Log)
}

fn word<T: Copy>(what: &str, text: &str, known: &[(&str, T)], shown: usize) -> Result<T, String> {
    let text = text.trim().to_lowercase();
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names = || known.iter().map(|(name, _)| *name).take(shown);
    Err(match suggest::nearest(&text, names()) {
        Some(meant) => format!("no {what} is called `{text}`; did you mean `{meant}`?"),
        None => format!("no {what} is called `{text}`; there are {}", names().collect::<Vec<_>>().join(", ")),
    })
}

static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (V8 {})", env!("CARGO_PKG_VERSION"), fulgurite_runtime::v8_version()));

static AFTER_HELP: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::from(
        "\
Examples:
  fulgurite run job.js -O                                one job, its result shown
  fulgurite run job.js -a ./my-adaptor.js -O             a job with an adaptor of its own
  fulgurite run workflow.yaml -s state.json -o out.json  a workflow, from file to file
  curl -s $URL | fulgurite run job.js -S -O | jq .data   a job in a pipe
  fulgurite run workflow.yaml -s out.json --only upload  one step of it again
  fulgurite run workflow.yaml --events - | jq -c .event  what happens, as JSON (docs/events.md)
  fulgurite run workflow.yaml --profile trace.json       where the time goes (docs/profiling.md)

Log levels:
  What jobs log is shown in full, unless the level is none, error or warn, or job=… says otherwise.
  RUST_LOG adds this program's own traces (RUST_LOG=fulgurite=debug), NO_COLOR takes the colours away.
  A build with the feature otlp sends spans to the collector in OTEL_EXPORTER_OTLP_ENDPOINT (docs/profiling.md).

Exit codes:
",
    );
    for code in ExitCode::ALL {
        text.push_str(&format!("  {:>3}  {}\n", code.number(), code.meaning()));
    }
    text.pop();
    text
});
