//! What can be typed after `fulgurite worker`: OpenFn's flags and environment variables, and a few of ours.

use std::path::PathBuf;

use clap::Args;
use fulgurite_runtime::HostPattern;
use fulgurite_worker::workloop::Workloops;

use super::{Log, log};

/// Claim runs from a Lightning server, execute them, and report every event of them.
///
/// Each run has a process of its own. Takes the flags and the environment variables of OpenFn's worker.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Worker {
    /// Where the server is; `mock` stands for ws://localhost:8888/worker
    #[arg(
        short,
        long,
        alias = "lightning-service-url",
        value_name = "URL",
        env = "WORKER_LIGHTNING_SERVICE_URL",
        default_value = "ws://localhost:4000/worker",
        help_heading = "Server"
    )]
    pub lightning: String,

    /// What this worker and the server share: the server's WORKER_SECRET
    #[arg(short, long, value_name = "SECRET", env = "WORKER_SECRET", hide_env_values = true, help_heading = "Server")]
    pub secret: Option<String>,

    /// The server's public key, a PEM in base64: the tokens of runs are checked with it
    #[arg(
        long,
        value_name = "KEY",
        env = "WORKER_LIGHTNING_PUBLIC_KEY",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub lightning_public_key: Option<String>,

    /// What the server calls this worker in its list [default: DEPLOYED_POD_NAME, or nothing]
    #[arg(long, value_name = "NAME", env = "WORKER_NAME", help_heading = "Server")]
    pub name: Option<String>,

    /// The longest that an answer of the server may take, in seconds
    #[arg(long, alias = "message-timeout-seconds", value_name = "S", env = "WORKER_MESSAGE_TIMEOUT_SECONDS", default_value_t = 30, help_heading = "Server", value_parser = clap::value_parser!(u64).range(1..))]
    pub message_timeout: u64,

    /// The longest that the answer to a claim may take, in seconds; runs that come later are lost
    #[arg(long, alias = "claim-timeout-seconds", value_name = "S", env = "WORKER_CLAIM_TIMEOUT_SECONDS", default_value_t = 3600, help_heading = "Server", value_parser = clap::value_parser!(u64).range(1..))]
    pub claim_timeout: u64,

    /// Send states as JSON values, not a byte of them changed: for Lightning 2.18.1 and later [default: as text, for all]
    #[arg(long, env = "WORKER_NO_STRINGIFY_STATE", value_parser = switch, num_args = 0..=1, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", help_heading = "Server")]
    pub no_stringify_state: bool,

    /// Trust the certificate authorities of this machine instead of Mozilla's, here and in jobs
    #[arg(long, env = "WORKER_SYSTEM_CERTIFICATES", value_parser = switch, num_args = 0..=1, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", help_heading = "Server")]
    pub system_certificates: bool,

    /// Runs at a time, each in a process of its own [default: 5]
    #[arg(long, value_name = "N", env = "WORKER_CAPACITY", help_heading = "Claims", conflicts_with = "workloops", value_parser = clap::value_parser!(u16).range(1..=99))]
    pub capacity: Option<u16>,

    /// Queues and slots, such as "fast_lane:1 manual>*:4" [default: manual>*:<capacity>]
    #[arg(long, value_name = "LOOPS", env = "WORKER_WORKLOOPS", help_heading = "Claims")]
    pub workloops: Option<Workloops>,

    /// How long to wait before claiming again when there was nothing: first and at most, in seconds
    #[arg(long, value_name = "MIN/MAX", env = "WORKER_BACKOFF", default_value = "1/10", help_heading = "Claims", value_parser = backoff)]
    pub backoff: (f64, f64),

    /// The longest that a run may take, in seconds, where its plan does not say
    #[arg(short = 't', long, value_name = "S", env = "WORKER_MAX_RUN_DURATION_SECONDS", default_value_t = 300, help_heading = "Limits", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_run_duration_seconds: u64,

    /// The memory that a run may use, in megabytes, where its plan does not say
    #[arg(long, value_name = "MB", env = "WORKER_MAX_RUN_MEMORY_MB", default_value_t = 500, help_heading = "Limits", value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    pub run_memory: u32,

    /// How large a step's output may be, in megabytes [default: as --run-memory]
    #[arg(long, value_name = "MB", env = "WORKER_MAX_STATE_MEMORY_MB", help_heading = "Limits", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub state_memory: Option<u32>,

    /// How large an output may be that is sent to the server, in megabytes; the next steps get it whole all the same
    #[arg(long, value_name = "MB", env = "WORKER_MAX_PAYLOAD_MB", default_value_t = 10.0, help_heading = "Limits", value_parser = megabytes)]
    pub payload_memory: f64,

    /// How large a log line may be, in megabytes; what is longer is cut, and says so
    #[arg(long, value_name = "MB", env = "WORKER_MAX_LOG_PAYLOAD_MB", default_value_t = 1.0, help_heading = "Limits", value_parser = megabytes)]
    pub log_payload_memory: f64,

    /// The longest that a run may compute, in seconds of CPU time [default: no limit]
    #[arg(long, value_name = "S", env = "WORKER_MAX_RUN_CPU_SECONDS", help_heading = "Limits", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_run_cpu_seconds: Option<u64>,

    /// Top-level keys that are taken off every output
    #[arg(
        long,
        value_name = "KEYS",
        env = "WORKER_STATE_PROPS_TO_REMOVE",
        value_delimiter = ',',
        default_value = "configuration,response",
        help_heading = "Limits"
    )]
    pub state_props_to_remove: Vec<String>,

    /// Installed adaptors: a folder with node_modules/<name>_<version>
    #[arg(short = 'd', long, value_name = "FOLDER", env = "WORKER_REPO_DIR", help_heading = "Jobs")]
    pub repo_dir: Option<PathBuf>,

    /// Where jobs find collections
    #[arg(short, long, value_name = "URL", env = "WORKER_COLLECTIONS_URL", help_heading = "Jobs")]
    pub collections_url: Option<String>,

    /// Let jobs reach this host and no other: api.example.org, *.example.org; may be given again
    #[arg(
        long = "allow-host",
        value_name = "HOST",
        env = "WORKER_ALLOW_HOSTS",
        value_delimiter = ',',
        help_heading = "Jobs"
    )]
    pub allow_hosts: Vec<HostPattern>,

    /// Let jobs reach addresses that are not on the public internet: this machine, the local network, cloud metadata
    #[arg(long, env = "WORKER_ALLOW_PRIVATE", value_parser = switch, num_args = 0..=1, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", help_heading = "Jobs")]
    pub allow_private: bool,

    /// Send log lines together, where the server knows how (Lightning 2.15.16 and later)
    #[arg(long, env = "WORKER_BATCH_LOGS", value_parser = switch, num_args = 0..=1, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", help_heading = "Reports")]
    pub batch_logs: bool,

    /// How long the first of several log lines waits for others, in milliseconds
    #[arg(long, value_name = "MS", env = "WORKER_BATCH_INTERVAL", default_value_t = 10, help_heading = "Reports")]
    pub batch_interval: u64,

    /// How many log lines go together at most
    #[arg(long, value_name = "N", env = "WORKER_BATCH_LIMIT", default_value_t = 50, help_heading = "Reports", value_parser = clap::value_parser!(u16).range(1..))]
    pub batch_limit: u16,

    /// Keep what the server has not acknowledged in this folder, so that a worker that is killed and started again can settle it
    #[arg(long, value_name = "FOLDER", env = "WORKER_OUTBOX_DIR", help_heading = "Reports")]
    pub outbox: Option<PathBuf>,

    /// How long runs may take to end after SIGTERM, in seconds, before they are ended [default: as long as they take]
    #[arg(long, value_name = "S", env = "WORKER_DRAIN_TIMEOUT_SECONDS", help_heading = "This process")]
    pub drain_timeout: Option<u64>,

    /// The port for /livez, /readyz, /metrics, /claim and /runs; 0 = none
    #[arg(
        short,
        long,
        value_name = "PORT",
        env = "WORKER_PORT",
        default_value_t = 2222,
        help_heading = "This process"
    )]
    pub port: u16,

    /// What to log: none, error, warn, default, info or debug
    #[arg(long, value_name = "LEVEL", env = "WORKER_LOG_LEVEL", help_heading = "This process", value_parser = log)]
    pub log: Option<Log>,

    /// Log as JSON, one object on each line
    #[arg(long, env = "WORKER_LOG_JSON", value_parser = switch, num_args = 0..=1, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", help_heading = "This process")]
    pub log_json: bool,

    /// Flags that mean nothing here.
    #[command(flatten)]
    pub elsewhere: Elsewhere,
}

/// Flags of OpenFn's worker that mean nothing here. They are taken, so that a deployment need not change, and a line says so.
#[derive(Debug, Args)]
pub struct Elsewhere {
    #[arg(long, hide = true)]
    no_loop: bool,
    #[arg(long, hide = true)]
    mock: bool,
    #[arg(short = 'm', long, hide = true, env = "OPENFN_ADAPTORS_REPO")]
    monorepo_dir: Option<String>,
    #[arg(long, hide = true, env = "WORKER_COLLECTIONS_VERSION")]
    collections_version: Option<String>,
    #[arg(long, hide = true, env = "WORKER_SENTRY_DSN")]
    sentry_dsn: Option<String>,
    #[arg(long, hide = true, env = "WORKER_SENTRY_ENV")]
    sentry_env: Option<String>,
    #[arg(long, hide = true, env = "WORKER_SOCKET_TIMEOUT_SECONDS")]
    socket_timeout: Option<String>,
    #[arg(long, hide = true, env = "WORKER_TIMEOUT_RETRY_COUNT")]
    timeout_retry_count: Option<String>,
    #[arg(long, hide = true, env = "WORKER_TIMEOUT_RETRY_DELAY_MS")]
    timeout_retry_delay: Option<String>,
    #[arg(long, hide = true, env = "WORKER_VALIDATION_RETRIES")]
    engine_validation_retries: Option<String>,
    #[arg(long, hide = true, env = "WORKER_VALIDATION_TIMEOUT_MS")]
    engine_validation_timeout_ms: Option<String>,
    #[arg(long, hide = true, env = "WORKER_PROFILE", num_args = 0..=1, default_missing_value = "true")]
    profile: Option<String>,
    #[arg(long, hide = true, env = "WORKER_PROFILE_POLL_INTERVAL_MS")]
    profile_poll_interval_ms: Option<String>,
    #[arg(long, hide = true, env = "WORKER_ENABLE_CGROUP_ENFORCEMENT", num_args = 0..=1, default_missing_value = "true")]
    cgroups: Option<String>,
}

impl Elsewhere {
    /// Those that were given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("--monorepo-dir", &self.monorepo_dir),
            ("--collections-version", &self.collections_version),
            ("--sentry-dsn", &self.sentry_dsn),
            ("--sentry-env", &self.sentry_env),
            ("--socket-timeout", &self.socket_timeout),
            ("--timeout-retry-count", &self.timeout_retry_count),
            ("--timeout-retry-delay", &self.timeout_retry_delay),
            ("--engine-validation-retries", &self.engine_validation_retries),
            ("--engine-validation-timeout-ms", &self.engine_validation_timeout_ms),
            ("--profile", &self.profile),
            ("--profile-poll-interval-ms", &self.profile_poll_interval_ms),
            ("--cgroups", &self.cgroups),
        ];
        let switches = [("--no-loop", self.no_loop), ("--mock", self.mock)];
        let switches = switches.map(|(name, given)| given.then_some(name));
        all.map(|(name, value)| value.is_some().then_some(name)).into_iter().chain(switches).flatten()
    }
}

/// As OpenFn's worker reads its environment.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" | "" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

fn backoff(text: &str) -> Result<(f64, f64), String> {
    let seconds = |part: &str| part.trim().parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds < 1e6);
    let parts = text.split_once('/').and_then(|(min, max)| Some((seconds(min)?, seconds(max)?)));
    match parts {
        Some((min, max)) if min <= max => Ok((min, max)),
        _ => Err("write two numbers of seconds, the smaller first, such as 1/10".to_owned()),
    }
}

fn megabytes(text: &str) -> Result<f64, String> {
    let parsed = text.parse::<f64>().ok().filter(|mb| *mb >= 0.0 && *mb <= f64::from(1 << 20));
    parsed.ok_or_else(|| "write a number of megabytes, such as 10".to_owned())
}

const AFTER_HELP: &str = "\
Examples:
  fulgurite worker --lightning wss://app.example.org/worker --secret \"$WORKER_SECRET\" --capacity 8
  fulgurite worker --outbox /var/lib/fulgurite          what is not acknowledged survives a kill
  curl -X POST -H \"Authorization: Bearer $WORKER_SECRET\" localhost:2222/runs/<id>/abort

What it does:
  GET /metrics on its port is for Prometheus (docs/worker.md). RUST_LOG adds its own traces (RUST_LOG=fulgurite=debug).
  A build with the feature otlp sends spans of its runs to the collector in OTEL_EXPORTER_OTLP_ENDPOINT (docs/profiling.md).

Signals:
  The first SIGTERM or Ctrl-C stops claiming and lets runs finish, the second ends them and reports it.

Exit codes:
  0  stopped as it was told
  1  the server refused this worker
  2  the command line is wrong
  3  a file or a port cannot be used";
