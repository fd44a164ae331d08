//! Workloops: which queues a worker takes runs from, in which order, and how many at a time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One loop that claims: its queues, in order of preference, and its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workloop {
    /// Names of queues. `*`, which can only be the last, is every queue; without it, no other queue is asked.
    pub queues: Vec<String>,
    /// Runs at a time.
    pub slots: usize,
}

impl Workloop {
    /// The one loop of a worker that was told nothing else: manual runs first, then all others.
    pub fn usual(slots: usize) -> Workloop {
        Workloop { queues: vec!["manual".into(), "*".into()], slots }
    }

    /// Its queues as the server shows them: `manual>*`.
    pub fn name(&self) -> String {
        self.queues.join(">")
    }
}

impl fmt::Display for Workloop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name(), self.slots)
    }
}

/// Why a text names no workloops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing in it.
    #[error("there is no workloop: write queues and slots, such as `fast_lane:1 manual>*:4`")]
    Empty,
    /// A group has no number of slots.
    #[error("`{0}` says no slots: end it with their number, such as `{0}:4`")]
    NoSlots(String),
    /// A number of slots is none.
    #[error("`{slots}` in `{group}` is not a number of slots: write a whole number from 1")]
    BadSlots {
        /// The group.
        group: String,
        /// What should be its number.
        slots: String,
    },
    /// A queue cannot be called so.
    #[error("`{queue}` in `{group}` is not the name of a queue: letters, digits and `_`, or `*` for all")]
    BadQueue {
        /// The group.
        group: String,
        /// The name.
        queue: String,
    },
    /// A wildcard is not the last.
    #[error("`*` in `{0}` is every queue, so nothing can follow it: put it last")]
    AllNotLast(String),
}

/// Several workloops, as they are typed: `fast_lane:1 manual>*:4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workloops(pub Vec<Workloop>);

impl FromStr for Workloops {
    type Err = Error;

    fn from_str(text: &str) -> Result<Workloops, Error> {
        let loops: Vec<Workloop> = text.split_whitespace().map(one).collect::<Result<_, _>>()?;
        if loops.is_empty() { Err(Error::Empty) } else { Ok(Workloops(loops)) }
    }
}

fn one(group: &str) -> Result<Workloop, Error> {
    let (names, slots) = group.rsplit_once(':').ok_or_else(|| Error::NoSlots(group.to_owned()))?;
    let slots = match slots.parse() {
        Ok(slots) if slots > 0 => slots,
        _ => return Err(Error::BadSlots { group: group.to_owned(), slots: slots.to_owned() }),
    };
    let queues: Vec<String> = names.split('>').map(str::to_owned).collect();
    for queue in &queues {
        let is_name = !queue.is_empty() && queue.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name && queue != "*" {
            return Err(Error::BadQueue { group: group.to_owned(), queue: queue.clone() });
        }
    }
    if queues.iter().rev().skip(1).any(|queue| queue == "*") {
        return Err(Error::AllNotLast(group.to_owned()));
    }
    Ok(Workloop { queues, slots })
}

/// How long to wait before asking again, after one was told that there is nothing: longer and longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first time.
    pub min: Duration,
    /// At most.
    pub max: Duration,
}

impl Default for Backoff {
    /// 1 to 10 seconds.
    fn default() -> Backoff {
        Backoff { min: Duration::from_secs(1), max: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// The wait after so many times of nothing in a row, the first being 0: each 1.15 times the one before.
    pub fn after(&self, times: u32) -> Duration {
        let factor = 1.15f64.powi(times.min(200) as i32);
        self.min.mul_f64(factor).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloops_as_they_are_typed() {
        let check = |text: &str, expected: &str| {
            let shown = match text.parse::<Workloops>() {
                Ok(Workloops(loops)) => loops.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                Err(error) => format!("{error:?}"),
            };
            assert_eq!(shown, expected, "{text}");
        };
        check("manual>*:5", "manual>*:5");
        check("  fast_lane:1   manual>*:4 ", "fast_lane:1 manual>*:4");
        check("", "Empty");
        check("manual", "NoSlots(\"manual\")");
        check("manual:0", "BadSlots { group: \"manual:0\", slots: \"0\" }");
        check("*>manual:1", "AllNotLast(\"*>manual:1\")");
        check("a-b:1", "BadQueue { group: \"a-b:1\", queue: \"a-b\" }");
        check(">:1", "BadQueue { group: \">:1\", queue: \"\" }");
    }

    #[test]
    fn waits_get_longer_and_have_an_end() {
        let backoff = Backoff::default();
        assert_eq!(backoff.after(0), Duration::from_secs(1));
        assert_eq!(backoff.after(1), Duration::from_millis(1150));
        assert_eq!(backoff.after(u32::MAX), Duration::from_secs(10));
    }
}
