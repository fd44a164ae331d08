//! What the flags of `fulgurite worker` mean.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use fulgurite_runtime::{Certificates, Hosts, Limits, Network};
use fulgurite_worker::config::{self, Batch, StateForm};
use fulgurite_worker::token::Verifier;
use fulgurite_worker::workloop::{Backoff, Workloop, Workloops};

use crate::cli;
use crate::error::Error;
use crate::report::Report;

/// A worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Where the server is.
    pub url: String,
    /// What both share.
    pub secret: String,
    /// How it works.
    pub worker: config::Config,
    /// What runs may use, beyond what their plans may say.
    pub limits: Limits,
    /// Installed adaptors.
    pub repository: Option<PathBuf>,
    /// Its own port.
    pub port: Option<u16>,
    /// The time zone of jobs.
    pub zone: Option<OsString>,
    /// Trust the certificate authorities of this machine.
    pub system_certificates: bool,
    /// Flags that mean nothing here.
    pub ignored: Vec<&'static str>,
}

/// OpenFn's mock, as its own flag calls it.
const MOCK: &str = "ws://localhost:8888/worker";

impl Worker {
    pub(super) fn new(flags: cli::Worker, pod: Option<String>, zone: Option<OsString>) -> Result<Worker, Error> {
        let mock = flags.lightning == "mock";
        let secret = match flags.secret.filter(|secret| !secret.is_empty()) {
            Some(secret) => secret,
            None if mock => "mock".to_owned(),
            None => {
                let report = Report::error("the worker has no secret to show to the server");
                return Err(Error::usage(
                    report.help("give the server's WORKER_SECRET with --secret or in the environment"),
                ));
            }
        };
        let unusable =
            |error: &dyn std::fmt::Display| Error::usage(Report::error(format!("--lightning-public-key: {error}")));
        let verifier = flags.lightning_public_key.filter(|key| !key.is_empty());
        let verifier = verifier.map(|key| Verifier::new(&key)).transpose().map_err(|error| unusable(&error))?;
        let workloops = match (flags.workloops, flags.capacity) {
            (Some(Workloops(loops)), _) => loops,
            (None, capacity) => vec![Workloop::usual(usize::from(capacity.unwrap_or(5)))],
        };
        let slots: usize = workloops.iter().map(|workloop| workloop.slots).sum();
        if slots > MOST_SLOTS {
            let report =
                Report::error(format!("{slots} slots are more than the {MOST_SLOTS} that one connection can have"));
            return Err(Error::usage(report.help("start several workers")));
        }
        let seconds = Duration::from_secs;
        let bytes = |mb: f64| (mb * f64::from(1 << 20)) as u64;
        let defaults = config::Limits {
            run_timeout: seconds(flags.max_run_duration_seconds),
            memory: u64::from(flags.run_memory) << 20,
            state: flags.state_memory.map(|mb| u64::from(mb) << 20),
            payload: bytes(flags.payload_memory),
            log_line: bytes(flags.log_payload_memory),
        };
        let memory = usize::try_from(defaults.memory).unwrap_or(usize::MAX);
        super::keepable(&Limits { heap: Some(memory), ..Limits::default() }, "--run-memory")?;
        let network = Network {
            hosts: if flags.allow_hosts.is_empty() { Hosts::Any } else { Hosts::Only(flags.allow_hosts) },
            private: if flags.allow_private { Hosts::Any } else { Hosts::none() },
            certificates: if flags.system_certificates { Certificates::System } else { Certificates::Bundled },
            ..Network::strict()
        };
        let (min, max) = flags.backoff;
        let batch = Batch { interval: Duration::from_millis(flags.batch_interval), limit: flags.batch_limit.into() };
        Ok(Worker {
            url: if mock { MOCK.to_owned() } else { flags.lightning },
            secret,
            worker: config::Config {
                name: flags.name.or(pod).filter(|name| !name.is_empty()),
                workloops,
                backoff: Backoff { min: Duration::from_secs_f64(min), max: Duration::from_secs_f64(max) },
                message_timeout: seconds(flags.message_timeout),
                claim_timeout: seconds(flags.claim_timeout),
                verifier,
                defaults,
                state_props_to_remove: flags.state_props_to_remove.into_iter().filter(|key| !key.is_empty()).collect(),
                states: if flags.no_stringify_state { StateForm::Json } else { StateForm::Text },
                batch_logs: flags.batch_logs.then_some(batch),
                collections: flags.collections_url.filter(|url| !url.is_empty()),
                outbox: flags.outbox,
                drain: flags.drain_timeout.map(seconds),
                ..config::Config::new(slots)
            },
            limits: Limits {
                // A server knows runs, and no timeouts of steps.
                step_timeout: None,
                run_cpu_timeout: flags.max_run_cpu_seconds.map(seconds),
                network,
                ..Limits::default()
            },
            repository: flags.repo_dir,
            port: (flags.port > 0).then_some(flags.port),
            zone,
            system_certificates: flags.system_certificates,
            ignored: flags.elsewhere.given().collect(),
        })
    }
}

/// A server lets 100 channels be joined on one connection, of which one is the queue's.
const MOST_SLOTS: usize = 99;
