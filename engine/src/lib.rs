//! Runs in processes of their own.
//!
//! ```text
//!  parent                                                        child, `fulgurite engine`
//!  ┌──────────────────────────────────────┐                      ┌────────────────────────────────┐
//!  │ Pool ── a thread for each child      │   Unix socket pair   │ serve ── main thread           │
//!  │          starts it, watches it,      │ ◄──────────────────► │   hello, harden, warm,         │
//!  │          kills it, replaces it       │   frames, memfds     │   run … done, run … done       │
//!  └──────────────────────────────────────┘                      └────────────────────────────────┘
//! ```
//!
//! A child executes one run at a time. Whatever becomes of it costs that run and nothing else: the run ends with an outcome
//! that says why, and a new child takes the place.
//!
//! This crate knows no V8 and no runtime. States, plans and modules are bytes to it; who uses it says how they are made, and
//! what executes them ([`child::Engine`]). Linux only: on other systems it is empty.
//!
//! Reading order: [`message`], [`frame`], [`memfd`], [`channel`]; [`child`], [`harden`]; [`process`], [`pool`].

#![cfg(target_os = "linux")]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod message;

pub mod frame;
pub mod memfd;
pub mod channel;

pub mod child;
pub mod harden;
pub mod texts;

pub mod process;
pub mod cgroup;
pub mod pool;

pub use pool::{Config, Pool};
