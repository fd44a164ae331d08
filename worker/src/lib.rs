//! The worker: it claims runs from a Lightning server, has them executed in processes of their own, and reports every event.
//!
//! ```text
//!   server ──► wire ──► claims ──► session ──► pool ──► one child for each run
//!   server ◄── wire ◄── courier ◄── outbox ◄── intake ◄──┘
//! ```
//!
//! - `claims` asks for runs, and never for more than there is room for.
//! - `session` is one run, from its claim until the server has answered its `run:complete`.
//! - `intake` turns what the engine says into messages; the `outbox` keeps them until the server has them.
//! - `courier` sends them, one at a time and in order, and settles what was on its way when a connection went.
//!
//! It runs nobody's code and knows no V8. States are bytes to it, which it hands on. Reading order: as the modules stand below.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod clock;

#[cfg(target_os = "linux")]
pub mod config;
#[cfg(target_os = "linux")]
pub mod workloop;
#[cfg(target_os = "linux")]
pub mod token;

#[cfg(target_os = "linux")]
mod assignment;
#[cfg(target_os = "linux")]
pub mod dataclip;
#[cfg(target_os = "linux")]
pub mod decode;

#[cfg(target_os = "linux")]
pub mod message;
#[cfg(target_os = "linux")]
mod intake;
#[cfg(target_os = "linux")]
mod outbox;
#[cfg(target_os = "linux")]
mod courier;
#[cfg(target_os = "linux")]
mod desk;

#[cfg(target_os = "linux")]
pub mod engine;
#[cfg(target_os = "linux")]
mod orders;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod claims;

#[cfg(target_os = "linux")]
pub mod metrics;
#[cfg(target_os = "linux")]
mod http;
#[cfg(target_os = "linux")]
mod leftover;
#[cfg(target_os = "linux")]
pub mod life;
