//! How the server behaves: plain data with defaults, which are those of a real one.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// What worker tokens are signed with, as it stands: not base64.
    pub secret: String,
    /// An RSA private key in PEM, for run tokens. Without it, one is made.
    pub private_key: Option<String>,
    /// The version that it pretends to be.
    pub version: ServerVersion,
    /// Behave like the mock server of the JavaScript worker, where that differs.
    pub quirks: bool,
    /// Print dataclips as Postgres prints `jsonb`. Without it an input goes out as it came in.
    pub jsonb: bool,
    /// How long a run may take, from its claim, if its plan does not say.
    pub run_timeout: Duration,
    /// What it gets on top before it is lost.
    pub grace: Duration,
    /// How often lost runs are looked for.
    pub janitor: Duration,
    /// A socket on which nothing came in for so long is closed.
    pub idle: Duration,
    /// Most bytes of a message from a worker.
    pub max_frame: u64,
    /// Most channels of a socket. Versions before 2.18.0 have no such bound.
    pub max_channels: usize,
    /// Tell workers when a run has been created.
    pub broadcast: bool,
    /// Creations within so long are told once.
    pub debounce: Duration,
    /// Give runs back that were claimed in a reply which could not be sent.
    pub rollback_claims: bool,
    /// Values of the `Origin` header that are welcome.
    pub origins: Vec<String>,
    /// Let steps start while others are open, as those that a job calls do.
    pub overlaps: bool,
    /// Most requests that are remembered. The oldest go first.
    pub records: usize,
    /// Most bytes of a request's payload that are remembered.
    pub record_payload: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            secret: "secret".to_owned(),
            private_key: None,
            version: ServerVersion(2, 18, 2),
            quirks: false,
            jsonb: true,
            run_timeout: Duration::from_secs(300),
            grace: Duration::from_secs(10),
            janitor: Duration::from_secs(300),
            idle: Duration::from_secs(60),
            max_frame: 11_000_000,
            max_channels: 100,
            broadcast: true,
            debounce: Duration::from_millis(500),
            rollback_claims: false,
            origins: Vec::new(),
            overlaps: false,
            records: 100_000,
            record_payload: 1 << 20,
        }
    }
}

/// A version of Lightning. What a server understands depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion(pub u16, pub u16, pub u16);

impl ServerVersion {
    /// `run:batch_logs` exists.
    pub const BATCH_LOGS: ServerVersion = ServerVersion(2, 15, 16);
    /// `run:complete` reads `final_dataclip_id` and `final_state`.
    pub const FINAL_STATE: ServerVersion = ServerVersion(2, 16, 0);
    /// What is not an object is wrapped before it is stored.
    pub const WRAPS: ServerVersion = ServerVersion(2, 16, 2);
    /// Plans name their project.
    pub const PROJECT: ServerVersion = ServerVersion(2, 16, 3);
    /// Steps and dataclips must belong to the run and its project.
    pub const OWNERSHIP: ServerVersion = ServerVersion(2, 17, 0);
    /// Plans have `meta`, and a socket a bound on its channels.
    pub const META: ServerVersion = ServerVersion(2, 18, 0);
    /// An output may be a JSON value and not only JSON text in a string.
    pub const OBJECT_CLIPS: ServerVersion = ServerVersion(2, 18, 1);
    /// Tokens must have all their claims.
    pub const CLAIMS: ServerVersion = ServerVersion(2, 18, 2);
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Not three numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version such as 2.18.2")]
pub struct BadVersion(String);

impl FromStr for ServerVersion {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<ServerVersion, BadVersion> {
        let numbers: Option<Vec<u16>> = text.trim().split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok(ServerVersion(major, minor, patch)),
            _ => Err(BadVersion(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_three_numbers() {
        fn check(text: &str, expected: Option<ServerVersion>) {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        check("2.18.2", Some(ServerVersion(2, 18, 2)));
        check("2.18", None);
        check("2.18.2-pre", None);
        check("", None);
        assert!(ServerVersion(2, 9, 0) < ServerVersion::BATCH_LOGS);
    }
}
