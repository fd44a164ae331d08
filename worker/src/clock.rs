//! Time stamps as OpenFn's logs and events carry them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds that are kept free after a roomy stamp.
pub const ROOM: u64 = 16;

/// Gives out stamps of which each is later than all before it, whatever the system's clock does.
#[derive(Debug, Default)]
pub struct Clock {
    last: AtomicU64,
}

/// Microseconds since 1970, shown as 16 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

impl Clock {
    /// A stamp with [`ROOM`] after it that nobody else gets: for what may have to be said about what it is for.
    pub fn roomy(&self) -> Stamp {
        self.stamp_with(ROOM)
    }

    /// Now, or one microsecond after the last stamp if that is later.
    pub fn stamp(&self) -> Stamp {
        self.stamp_with(0)
    }

    fn stamp_with(&self, room: u64) -> Stamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let next = |last: u64| now.max(last + 1);
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last) + room));
        Stamp(next(last.unwrap_or_else(|last| last)))
    }
}

impl Stamp {
    /// So many microseconds after it, but not beyond its [`ROOM`].
    pub fn plus(self, micros: u64) -> Stamp {
        Stamp(self.0 + micros.min(ROOM))
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> u64 {
        self.0
    }
}

impl From<u64> for Stamp {
    fn from(micros: u64) -> Stamp {
        Stamp(micros)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}", self.0)
    }
}

impl serde::Serialize for Stamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
