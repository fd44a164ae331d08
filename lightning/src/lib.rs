//! A Lightning server in memory, as strict as the real one.
//!
//! ```text
//!              ┌──────────────── a port ────────────────┐
//!  worker ◄──► │ socket ──► channel ──► queue, run ──┐  │
//!              │   ▲ frames, cut where faults say    ▼  │
//!  people ◄──► │ http ───────────────────────────► store│ ◄── Handle
//!              └────────────────────────────────────────┘
//! ```
//!
//! It is there for tests, and for trying a workflow on one machine. It shares no code with the client in this workspace: it
//! has its own copy of the wire format, so that a drift between the two is seen. Where the real server tolerates what a
//! correct worker does not do, it tolerates it too, and notes a violation; tests assert that there are none.
//!
//! Reading order: [`config`], [`token`], [`frame`], `link`, [`phoenix`], `socket`, `channel`; `queue`, [`run`], `store`;
//! [`fault`], `rules`; `http`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod config;
pub mod token;

pub mod frame;
mod link;
pub mod phoenix;
mod socket;
mod channel;

mod payload;
mod jsonb;
mod scrub;
mod queue;
pub mod run;
mod store;
mod rules;

pub mod fault;
pub mod happening;
pub mod record;

mod http;
mod handle;
mod server;

pub use config::{Config, ServerVersion};
pub use fault::{Action, Chaos, Cut, Direction, Fault, How, Place};
pub use handle::Handle;
pub use happening::{Happened, Happening};
pub use record::{Answer, Recorded};
pub use run::{LogLine, NewClip, NewRun, Run, RunId, RunState, Step};
pub use server::Server;
