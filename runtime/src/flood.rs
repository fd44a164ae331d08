//! How much a job may log: a bucket of bytes that fills at a steady rate. What does not fit is dropped, and counted out loud.

use std::time::Instant;

/// The bucket of one run.
pub(crate) struct Flood {
    /// Bytes per second; none = no limit.
    rate: Option<usize>,
    /// Bytes that may be logged at once.
    room: f64,
    filled: Instant,
    dropped: Dropped,
}

/// What was dropped since it was last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) lines: usize,
    pub(crate) bytes: usize,
}

/// Seconds of the rate that fit into the bucket: what a job may log in one burst.
const BURST: f64 = 2.0;

impl Flood {
    pub(crate) fn new(rate: Option<usize>, now: Instant) -> Flood {
        Flood { rate, room: rate.map_or(0.0, |rate| rate as f64 * BURST), filled: now, dropped: Dropped::default() }
    }

    /// Whether a line of that many bytes may pass.
    pub(crate) fn admits(&mut self, bytes: usize, now: Instant) -> bool {
        let Some(rate) = self.rate.map(|rate| rate as f64) else { return true };
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.room = (self.room + passed * rate).min(rate * BURST);
        if bytes as f64 <= self.room {
            self.room -= bytes as f64;
            return true;
        }
        self.dropped.lines += 1;
        self.dropped.bytes += bytes;
        false
    }

    /// What is to be told, once.
    pub(crate) fn take_dropped(&mut self) -> Option<Dropped> {
        let dropped = std::mem::take(&mut self.dropped);
        (dropped.lines > 0).then_some(dropped)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut flood = Flood::new(Some(100), start);
        let passed = (0..30).filter(|_| flood.admits(10, start)).count();
        assert_eq!(passed, 20);
        assert_eq!(flood.take_dropped(), Some(Dropped { lines: 10, bytes: 100 }));
        assert_eq!(flood.take_dropped(), None);
        assert!(!flood.admits(60, at(0.5)));
        assert!(flood.admits(50, at(0.5)));
        // However long nothing was said, no more than the burst.
        assert!(!flood.admits(201, at(100.0)));
        assert!(flood.admits(200, at(100.0)));
    }

    #[test]
    fn without_a_limit() {
        let mut flood = Flood::new(None, Instant::now());
        assert!(flood.admits(usize::MAX, Instant::now()));
        assert_eq!(flood.take_dropped(), None);
    }
}
