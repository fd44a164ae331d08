//! The live line of a long build: steps done, share, time so far, estimate.
//!
//! Pure apart from [`Line`], which writes to stderr: over itself on a terminal, once a minute elsewhere.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// What every line of ninja's output starts with once `NINJA_STATUS` is [`STATUS`].
pub(crate) const STATUS: &str = "@%f/%t@ ";

/// Reads `@12/2223@ CXX obj/…`: steps done, steps in all, what was done. `None` for any other line.
pub(crate) fn parse(line: &str) -> Option<(u32, u32, &str)> {
    let (counts, what) = line.strip_prefix('@')?.split_once("@ ")?;
    let (done, total) = counts.split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?, what))
}

/// `1 h 02 min`, `3 min 05 s`, `41 s`.
pub(crate) fn duration(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

/// Steps, and what they weigh: a file of V8's compiler takes thirty times as long as one of its tables.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) steps: u32,
    pub(crate) weight: f64,
}

impl Tally {
    /// All steps that these lines of ninja's name.
    pub(crate) fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut tally = Self::default();
        lines.filter_map(parse).for_each(|(_, _, what)| tally.add(what));
        tally
    }

    /// Counts one step.
    pub(crate) fn add(&mut self, what: &str) {
        self.steps += 1;
        self.weight += weight(what);
    }
}

/// How long a step takes on one core, in seconds, by what it makes: averages of one build, precompiled headers in use.
fn weight(what: &str) -> f64 {
    let known = WEIGHTS.iter().find(|(part, _)| what.contains(part)).map(|(_, seconds)| *seconds);
    known.unwrap_or(if what.starts_with("CXX ") { 1.5 } else { 0.2 })
}

const WEIGHTS: [(&str, f64); 9] = [
    ("obj/v8/v8_compiler/", 7.4),
    ("obj/v8/torque_generated_initializers/", 5.1),
    ("obj/v8/torque_base/", 3.7),
    ("obj/v8/v8_initializers/", 3.6),
    ("obj/v8/src/", 3.5),
    ("obj/v8/v8_base_without_compiler/", 3.2),
    ("obj/v8/torque_generated_definitions/", 1.4),
    ("obj/third_party/icu/", 0.7),
    ("obj/buildtools/", 0.5),
];

/// The text of the line.
pub(crate) fn text(done: Tally, total: Tally, elapsed: Duration, what: &str) -> String {
    let share = (done.weight / total.weight.max(1.0)).clamp(0.0, 1.0);
    // Before a hundredth is done the estimate would say more about the first files than about the build.
    let left = if share < 0.01 {
        String::new()
    } else {
        format!(", about {} left", duration(elapsed.mul_f64((1.0 - share) / share)))
    };
    let (steps, all, percent) = (done.steps, total.steps.max(done.steps), (share * 100.0).floor());
    format!("v8: {steps}/{all} steps, {percent:.0}%, {}{left}: {what}", duration(elapsed))
}

/// A line on stderr that is rewritten in place.
pub(crate) struct Line {
    terminal: bool,
    last: Option<Instant>,
}

impl Line {
    pub(crate) fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        // In a log the first line comes after the first minute: what is over before needs none.
        Self { terminal, last: (!terminal).then(Instant::now) }
    }

    /// Shows the text, unless one was shown a moment ago.
    pub(crate) fn show(&mut self, text: &str) {
        let pause = if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(60) };
        if self.last.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        self.last = Some(Instant::now());
        if self.terminal {
            let cut: String = text.chars().take(110).collect();
            eprint!("\r\x1b[2K{cut}");
            drop(io::stderr().flush());
        } else {
            eprintln!("{text}");
        }
    }

    /// Removes the line, so that other output starts at the margin.
    pub(crate) fn clear(&mut self) {
        if self.terminal && self.last.take().is_some() {
            eprint!("\r\x1b[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninja_lines_are_read_and_others_left() {
        assert_eq!(parse("@12/2223@ CXX obj/a.o"), Some((12, 2223, "CXX obj/a.o")));
        assert_eq!(parse("FAILED: obj/a.o"), None);
        assert_eq!(parse("@x/3@ CXX"), None);
    }

    #[test]
    fn an_estimate_appears_once_it_means_something() {
        let check = |done: f64, seconds, expected: &str| {
            let (done, total) = (Tally { steps: done as u32, weight: done }, Tally { steps: 1000, weight: 1000.0 });
            assert_eq!(text(done, total, Duration::from_secs(seconds), "CXX a.o"), expected);
        };
        check(5.0, 30, "v8: 5/1000 steps, 0%, 30 s: CXX a.o");
        check(500.0, 90, "v8: 500/1000 steps, 50%, 1 min 30 s, about 1 min 30 s left: CXX a.o");
        check(999.0, 7200, "v8: 999/1000 steps, 99%, 2 h 00 min, about 7 s left: CXX a.o");
    }

    #[test]
    fn steps_are_weighed_by_what_they_make() {
        let tally = Tally::of(["@1/2@ CXX obj/v8/v8_compiler/a.o", "@2/2@ COPY a", "ninja: no work"].into_iter());
        assert_eq!(tally.steps, 2);
        assert!(tally.weight > 2.0, "{tally:?}");
    }
}
