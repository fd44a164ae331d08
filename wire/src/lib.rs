//! The client's side of Phoenix channels, serializer V2.
//!
//! ```text
//!  Client, Channel ── commands ──► Driver ──► Protocol (no I/O) ──► Outgoing ──► Socket
//!                  ◄── answers ──         ◄──                   ◄── Frame   ◄──
//! ```
//!
//! One [`Driver`] owns one connection and makes a new one when it goes. What was asked for and never left is sent when the
//! channel is joined again; what may have reached the server is the caller's to judge ([`RequestError::Lost`]). Payloads are JSON
//! text in pieces; they are escaped and masked in small steps into a buffer that is used again, so that a frame of 11 MB never
//! exists as a whole.
//!
//! This crate knows no runs, no plans and no Lightning: topics, events and payloads are text to it.
//!
//! Reading order: [`payload`](Payload), `frame`, `channel`; `escape`, `outgoing`, `socket`; `client`, `driver`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod payload;

mod frame;
mod channel;

mod escape;
mod outgoing;
mod socket;

mod client;
mod counters;
mod settings;

mod driver;

pub use client::{Channel, Client, JoinError, Push, Reply, RequestError, Response};
pub use counters::Counters;
pub use driver::{Driver, Fatal, Status, connect};
pub use payload::Payload;
pub use settings::{Backoff, OnFrame, Settings, UrlError};

#[doc(hidden)]
pub mod internals {
    //! Doors for the fuzz targets and the benches; not part of the public surface.
    pub use crate::escape::{escape, escape_portable, length, mask};
    pub use crate::frame::{Frame, Kind, Ref, Unreadable, decode_binary, decode_text};

    /// Makes a whole frame with this payload, in steps of the buffer's size. Returns how many bytes it has.
    pub fn frame(payload: std::sync::Arc<crate::Payload>, step: &mut [u8]) -> usize {
        let head = crate::frame::head(None, crate::frame::Ref(1), "run:1", "step:complete");
        let mut frame = crate::outgoing::Outgoing::text(head, payload);
        std::iter::repeat_with(|| frame.fill(step)).take_while(|made| *made > 0).sum()
    }
}
