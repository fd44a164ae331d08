//! Runs in processes of their own: what `fulgurite-engine` carries as bytes is here made of plans, states and events, and back.
//!
//! ```text
//! parent:  Request ──► wire::request ──► Pool … events ──► wire::Listener ──► Event
//! child:   wire::into_request ──► fulgurite_runtime::start ──► wire::Teller
//! ```

pub mod wire;
pub mod worker;

use std::ffi::OsStr;
use std::path::PathBuf;

use fulgurite_engine::Config;
use fulgurite_engine::harden::Hardening;
use fulgurite_engine::process::Program;

use crate::profile::Depth;

/// Memory that a child may have beside the heap of its run: V8's code and its own bookkeeping, what is encoded and not yet
/// handed over, and what a collection has not returned yet.
pub const BESIDE: u64 = 128 << 20;

/// What both ends must be.
pub fn build() -> String {
    format!("{} (V8 {})", env!("CARGO_PKG_VERSION"), fulgurite_runtime::v8_version())
}

/// Children that are this very program. They cannot look for the time zone, so they are told. With a network they can make
/// sockets, and read what looking up a name needs. Traced, they tell what their runs do.
pub fn config(zone: Option<&OsStr>, network: bool, traced: Option<Depth>) -> Config {
    let environment = zone.map(|zone| ("TZ".into(), zone.to_owned())).into_iter().collect();
    let names = ["/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/gai.conf", "/etc/ssl"];
    let readable = if network { names.map(PathBuf::from).to_vec() } else { Vec::new() };
    let hardening = Hardening { network, readable, ..Hardening::default() };
    let program = match traced {
        None => Program::this(&["engine"]),
        Some(depth) => Program::this(&["engine", "--traced", depth.as_str()]),
    };
    Config { hardening, ..Config::new(Program { environment, ..program }, build()) }
}
