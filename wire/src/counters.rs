//! What the connection has been through, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the connection has been through since the program started. Each number only grows.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }
    };
}

counters! {
    /// Attempts to connect.
    attempts,
    /// Connections that came to be.
    connections,
    /// Connections that went, other than by our wish.
    drops,
    /// Frames that were sent as a whole, pings and such among them.
    frames_out,
    /// Frames that came.
    frames_in,
    /// Bytes of the frames that were sent, without websocket headers.
    bytes_out,
    /// Bytes of the frames that came, without websocket headers.
    bytes_in,
    /// Frames that came and cannot be read.
    frames_unreadable,
    /// Channels joined for the first time.
    joins,
    /// Channels joined again, after a drop or a crash.
    rejoins,
    /// Channels that the server said have crashed.
    crashes,
    /// Requests that were sent.
    requests,
    /// Requests whose fate nobody knows, because the connection went.
    requests_lost,
    /// Requests that were not answered in time.
    requests_timed_out,
    /// Answers that nobody waits for any more.
    replies_late,
    /// Pushes that were dropped because nobody took those before them.
    pushes_dropped,
    /// Times that the server was silent for a heartbeat, which ends the connection.
    heartbeats_missed,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

/// Adds some.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
