//! The host: everything that a person or a server meets. It knows `runtime` by its public surface only, and nothing of V8.
//!
//! ```text
//! cli ──► config ──► commands ──► decode, adaptors, input ──► runtime ──► events, logs, output
//! ```
//!
//! The groups of modules below are in reading order: from what was typed to what is done, what comes in, what goes out, and
//! the small tools of all of them.

pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod exit_code;

pub mod adaptors;
pub mod cache;
pub mod decode;
pub mod input;

#[cfg(target_os = "linux")]
pub mod engine;
pub mod running;
#[cfg(target_os = "linux")]
pub mod served;
#[cfg(target_os = "linux")]
pub mod worker;

pub mod events;
pub mod profile;
pub mod logs;
pub mod output;
pub mod progress;
pub mod report;
pub mod stats;

pub use fulgurite_worker::clock;
pub mod interrupt;
pub mod screen;
pub mod units;
