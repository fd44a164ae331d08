//! Time stamps as OpenFn's logs and events carry them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Gives out stamps of which each is later than all before it, whatever the system's clock does.
#[derive(Debug, Default)]
pub struct Clock {
    last: AtomicU64,
}

/// Microseconds since 1970, shown as 16 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

impl Clock {
    /// A stamp whose [`Stamp::next`] nobody else will get, either: for what may have to be said about what it is for.
    pub fn roomy(&self) -> Stamp {
        let stamp = self.stamp();
        let _room = self.stamp();
        stamp
    }

    /// Now, or one microsecond after the last stamp if that is later.
    pub fn stamp(&self) -> Stamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let next = |last: u64| now.max(last + 1);
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        Stamp(next(last.unwrap_or_else(|last| last)))
    }
}

impl Stamp {
    /// The microsecond after it.
    pub fn next(self) -> Stamp {
        Stamp(self.0 + 1)
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
