//! What the flags of `fulgurite lightning` and `fulgurite dev` mean.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use fulgurite_lightning::{Config, ServerVersion};
use fulgurite_runtime::Limits;

use super::{Input, Output, Worker};
use crate::cli;
use crate::error::Error;
use crate::report::Report;

/// A server.
#[derive(Debug, Clone)]
pub struct Lightning {
    /// How it behaves.
    pub server: Config,
    /// Whether the secret was made up, and has to be shown.
    pub new_secret: bool,
}

/// A workflow with a server and a worker of its own.
#[derive(Debug, Clone)]
pub struct Dev {
    /// The job or workflow.
    pub path: PathBuf,
    /// What it starts with.
    pub input: Input,
    /// Where its result goes.
    pub output: Output,
    /// Where credentials are.
    pub credentials: Option<PathBuf>,
    /// Whether to go on serving.
    pub keep: bool,
    /// The server.
    pub server: Config,
    /// The worker.
    pub worker: Worker,
}

impl Lightning {
    pub(super) fn new(flags: cli::Lightning) -> Result<Lightning, Error> {
        let private_key = flags.private_key.map(|path| {
            std::fs::read_to_string(&path).map_err(|error| {
                let report = Report::error(format!("cannot read the private key: {error}")).in_file(&path);
                Error::input(report.help("it is an RSA key in PEM, or leave --private-key out for a new one"))
            })
        });
        let given = flags.secret.filter(|secret| !secret.is_empty());
        Ok(Lightning {
            new_secret: given.is_none(),
            server: Config {
                bind: SocketAddr::new(flags.bind, flags.port),
                secret: given.unwrap_or_else(secret),
                version: flags.server_version,
                quirks: flags.mock,
                private_key: private_key.transpose()?,
                broadcast: !flags.no_broadcast,
                ..Config::default()
            },
        })
    }
}

impl Dev {
    pub(super) fn new(flags: cli::Dev, zone: Option<OsString>) -> Dev {
        let input = match flags.state_path {
            Some(path) => Input::File(path),
            None if flags.state_stdin => Input::Stdin,
            None => Input::Nothing,
        };
        let secret = secret();
        let mut worker = fulgurite_worker::config::Config::new(CAPACITY);
        if flags.server_version >= ServerVersion::OBJECT_CLIPS {
            worker.states = fulgurite_worker::config::StateForm::Json;
        }
        Dev {
            path: flags.path,
            input,
            output: flags.output_path.map_or(Output::Stdout, Output::File),
            credentials: flags.credentials,
            keep: flags.keep,
            server: Config {
                bind: SocketAddr::from((Ipv4Addr::LOCALHOST, flags.port)),
                secret: secret.clone(),
                version: flags.server_version,
                ..Config::default()
            },
            worker: Worker {
                url: String::new(),
                secret,
                worker,
                // A job that one runs on one's own machine may reach what one reaches oneself.
                limits: Limits { step_timeout: None, ..Limits::default() },
                repository: None,
                port: None,
                zone,
                system_certificates: false,
                ignored: Vec::new(),
            },
        }
    }
}

/// Runs at a time, for one who tries something.
const CAPACITY: usize = 2;

fn secret() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
