//! What can be typed after `fulgurite lightning` and `fulgurite dev`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use fulgurite_lightning::ServerVersion;

use super::{Log, log};

/// Run a Lightning server in memory, as strict with workers as the real one.
///
/// For trying workers and workflows on one machine. It keeps nothing, and has no users and no pages to edit workflows with.
#[derive(Debug, Args)]
#[command(after_help = AFTER_LIGHTNING)]
pub struct Lightning {
    /// The port for workers and for HTTP; 0 = any that is free
    #[arg(short, long, value_name = "PORT", default_value_t = 4000)]
    pub port: u16,

    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,

    /// What workers have to know [default: a new one, which is shown]
    #[arg(short, long, value_name = "SECRET", env = "WORKER_SECRET", hide_env_values = true)]
    pub secret: Option<String>,

    /// The version of Lightning to behave like
    #[arg(long, value_name = "VERSION", default_value = "2.18.2")]
    pub server_version: ServerVersion,

    /// Behave like the mock server of OpenFn's worker where that differs
    #[arg(long)]
    pub mock: bool,

    /// The private key that tokens of runs are signed with, a PEM [default: a new one]
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<PathBuf>,

    /// Do not tell workers when there is work: they have to ask
    #[arg(long)]
    pub no_broadcast: bool,

    /// What to log: none, error, warn, default, info or debug
    #[arg(short, long, value_name = "LEVEL", value_parser = log)]
    pub log: Option<Log>,

    /// Log as JSON, one object on each line
    #[arg(long)]
    pub log_json: bool,
}

/// Run a workflow the way a server would have it run: a server, a worker and a run, all on this machine.
///
/// What differs from `fulgurite run`: the workflow goes through a websocket, its run has a process of its own, and the limits are
/// those of a worker.
#[derive(Debug, Args)]
#[command(after_help = AFTER_DEV)]
pub struct Dev {
    /// A job (.js, .ts) or a workflow (.json, .yaml)
    #[arg(value_name = "JOB|WORKFLOW")]
    pub path: PathBuf,

    /// The run's input, a JSON file
    #[arg(short = 's', long, value_name = "FILE", conflicts_with = "state_stdin")]
    pub state_path: Option<PathBuf>,

    /// Read the run's input from stdin
    #[arg(short = 'S', long)]
    pub state_stdin: bool,

    /// Take credentials from this JSON or YAML file, a map of id to credential
    #[arg(long, visible_alias = "creds", value_name = "FILE")]
    pub credentials: Option<PathBuf>,

    /// Write the final state to this file [default: stdout]
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output_path: Option<PathBuf>,

    /// Go on serving when the run is over, so that others can be asked for over HTTP
    #[arg(long)]
    pub keep: bool,

    /// The server's port; 0 = any that is free
    #[arg(short, long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,

    /// The version of Lightning to behave like
    #[arg(long, value_name = "VERSION", default_value = "2.18.2")]
    pub server_version: ServerVersion,

    /// What to log: none, error, warn, default, info or debug, for all or for one of cli, runtime and job (job=none,runtime=debug)
    #[arg(short, long, value_name = "LEVEL", value_parser = log)]
    pub log: Option<Log>,

    /// Log as JSON, one object on each line
    #[arg(long)]
    pub log_json: bool,
}

const AFTER_LIGHTNING: &str = "\
HTTP, on the same port:
  POST /run              {\"plan\": {…}, \"input\": …, \"credentials\": {…}}  → {\"id\": \"…\"}
  GET  /runs             all runs
  GET  /run/<id>         one run, with its steps
  GET  /run/<id>/logs    its log, one JSON object on each line; ?format=text
  GET  /run/<id>/events  what happens, as server-sent events
  GET  /run/<id>/result  its final state
  POST /faults           what is to go wrong: {\"event\": \"step:complete\", \"action\": {\"cut\": {\"direction\": \"in\", \"place\": \"middle\"}}}
  GET  /violations       what workers did that a correct one does not

Examples:
  fulgurite lightning --secret s3cret &
  fulgurite worker --secret s3cret &
  curl -s localhost:4000/run -d '{\"plan\": {\"jobs\": [{\"id\": \"a\", \"body\": \"fn(s => ({ ...s, answer: 42 }))\"}]}}'";

const AFTER_DEV: &str = "\
Examples:
  fulgurite dev workflow.yaml                       the final state on stdout, the log on stderr
  fulgurite dev workflow.yaml -s state.json --keep  and then go on serving";
