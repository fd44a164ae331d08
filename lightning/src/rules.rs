//! What a correct worker does not do, even where the server would let it pass.
//!
//! A request whose reply may not have arrived is ambiguous, and asking again is the worker's right: what comes again after a
//! connection has ended is judged by the server's own rules alone.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Answered requests that are kept as perhaps not delivered, should the connection end.
const RECENT: usize = 64;

/// Log lines, likewise.
const RECENT_LINES: usize = 4096;

/// What is remembered of a run to judge its worker by.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The latest timestamp in its log.
    pub(crate) last_log: Option<i64>,
    /// `run:start` has been accepted.
    pub(crate) started: bool,
    /// `run:complete` has been accepted.
    pub(crate) completed: bool,
    /// The input has been fetched.
    pub(crate) fetched: bool,
    in_flight: Vec<Flight>,
    recent: VecDeque<(u64, u64)>,
    /// Lines that were kept, which may come again in other batches.
    lines: VecDeque<(u64, u64)>,
    ambiguous: HashSet<u64>,
    /// Events of which one was ambiguous.
    unsure: HashSet<String>,
}

#[derive(Debug)]
struct Flight {
    socket: u64,
    seq: u64,
    event: String,
    print: u64,
}

/// Two requests with the same are the same.
pub(crate) fn fingerprint(event: &str, payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    payload.hash(&mut hasher);
    hasher.finish()
}

/// Logs may be pipelined; everything else waits for its reply.
fn is_log(event: &str) -> bool {
    matches!(event, "run:log" | "run:batch_logs")
}

impl Watch {
    /// A request came in. What is wrong with that, if anything.
    pub(crate) fn request(&mut self, socket: u64, seq: u64, event: &str, payload: &[u8]) -> Option<String> {
        let open = self.in_flight.iter().find(|flight| flight.socket == socket && !is_log(&flight.event));
        let wrong = open.map(|open| format!("{event} while {} is not answered", open.event));
        let print = fingerprint(event, payload);
        self.in_flight.push(Flight { socket, seq, event: event.to_owned(), print });
        wrong
    }

    /// A reply is about to be written, or never will be.
    pub(crate) fn answered(&mut self, seq: u64) {
        let Some(at) = self.in_flight.iter().position(|flight| flight.seq == seq) else { return };
        let flight = self.in_flight.remove(at);
        self.recent.push_back((flight.socket, flight.print));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// A connection has ended.
    pub(crate) fn gone(&mut self, socket: u64) {
        for at in (0..self.in_flight.len()).rev() {
            if self.in_flight[at].socket == socket {
                self.doubt_flight(at);
            }
        }
        let recent = std::mem::take(&mut self.recent);
        self.recent = self.doubt(recent, socket);
        self.doubt_lines(socket);
    }

    fn doubt_lines(&mut self, socket: u64) {
        let lines = std::mem::take(&mut self.lines);
        self.lines = self.doubt(lines, socket);
    }

    /// What went over a connection is ambiguous from now on. The rest is returned.
    fn doubt(&mut self, prints: VecDeque<(u64, u64)>, socket: u64) -> VecDeque<(u64, u64)> {
        let (gone, kept): (VecDeque<_>, _) = prints.into_iter().partition(|(s, _)| *s == socket);
        self.ambiguous.extend(gone.into_iter().map(|(_, print)| print));
        kept
    }

    /// A log line is kept. Whether the worker may not know that it has been kept before.
    pub(crate) fn line(&mut self, socket: u64, timestamp: i64, message: &str) -> bool {
        let print = fingerprint(message, &timestamp.to_le_bytes());
        self.lines.push_back((socket, print));
        if self.lines.len() > RECENT_LINES {
            self.lines.pop_front();
        }
        self.ambiguous.contains(&print)
    }

    /// A reply was kept back by a fault: whoever asked may ask again.
    pub(crate) fn lost(&mut self, seq: u64) {
        if let Some(at) = self.in_flight.iter().position(|flight| flight.seq == seq) {
            let socket = self.in_flight[at].socket;
            self.doubt_flight(at);
            self.doubt_lines(socket);
        }
    }

    fn doubt_flight(&mut self, at: usize) {
        let flight = self.in_flight.remove(at);
        self.ambiguous.insert(flight.print);
        self.unsure.insert(flight.event);
    }

    /// A worker may not know whether a request of this kind was handled, and so say the same in other words: without the part
    /// that may have been what went wrong.
    pub(crate) fn may_rephrase(&self, event: &str) -> bool {
        self.unsure.contains(event)
    }

    /// It may have been asked before, without the worker knowing the answer.
    pub(crate) fn is_repeat(&self, event: &str, payload: &[u8]) -> bool {
        !self.ambiguous.is_empty() && self.ambiguous.contains(&fingerprint(event, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_logs_are_pipelined() {
        let mut watch = Watch::default();
        assert_eq!(watch.request(1, 0, "run:log", b"a"), None);
        assert_eq!(watch.request(1, 1, "run:log", b"b"), None);
        assert_eq!(watch.request(1, 2, "step:start", b""), None, "after logs");
        assert_eq!(watch.request(1, 3, "run:log", b"c").as_deref(), Some("run:log while step:start is not answered"));
        watch.answered(2);
        assert_eq!(watch.request(1, 4, "run:log", b"d"), None);
        assert_eq!(watch.request(2, 5, "fetch:plan", b""), None);
    }

    #[test]
    fn what_may_not_have_arrived_may_be_asked_again() {
        let mut watch = Watch::default();
        watch.request(1, 0, "run:start", b"{}");
        assert!(!watch.is_repeat("run:start", b"{}"));
        watch.gone(2);
        assert!(!watch.is_repeat("run:start", b"{}"), "another connection");
        watch.answered(0);
        watch.request(1, 1, "step:start", b"{}");
        watch.gone(1);
        assert!(watch.is_repeat("run:start", b"{}"), "the reply may not have arrived");
        assert!(watch.is_repeat("step:start", b"{}"));
        assert!(!watch.line(2, 5, "x"));
        assert!(!watch.line(2, 5, "x"));
        watch.gone(2);
        assert!(watch.line(3, 5, "x"));
        assert!(!watch.line(3, 6, "x"));
        assert!(!watch.is_repeat("step:start", b"{\"other\":1}"));
    }
}
