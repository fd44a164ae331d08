//! A run as its events tell it: which steps, how they ended, what they cost.
//!
//! A tolerant reader: it takes the fields that it shows and leaves the rest, so that a new field breaks no demo.

use crate::size;
use serde_json::Value;
use std::{fmt::Write as _, time::Duration};

/// What happened, in order.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Part>,
    pub(crate) run: Part,
    /// From the start of the run's thread until user code could run.
    pub(crate) startup: Option<Duration>,
}

/// A step or the run: its completing event.
#[derive(Debug, Default)]
pub(crate) struct Part(Value);

impl Story {
    /// Reads events, one JSON object on each line.
    pub(crate) fn read(lines: &str) -> Self {
        let mut story = Self::default();
        for event in lines.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()) {
            match event["event"].as_str().unwrap_or_default() {
                "step:complete" => story.steps.push(Part(event)),
                "run:complete" => story.run = Part(event),
                "run:start" => story.startup = Part(event).time("startup_us"),
                _ => {}
            }
        }
        story
    }

    /// One line for each step and one for the run.
    pub(crate) fn table(&self) -> String {
        let width = self.steps.iter().map(|s| s.name().chars().count()).max().unwrap_or(0).max(4);
        let mut out =
            format!("   {:<width$}  {:<9} {:>9} {:>9} {:>9} {:>9}\n", "step", "outcome", "time", "in", "parsed", "out");
        for part in self.steps.iter().chain([&self.run]) {
            let bytes = |figure| part.bytes(figure).map_or("-".into(), size::show);
            let time = part.time("duration_us").map_or("-".into(), time);
            let line = format!(
                "   {:<width$}  {:<9} {time:>9} {:>9} {:>9} {:>9}  {}",
                part.name(),
                part.outcome(),
                bytes("bytes_in"),
                bytes("bytes_parsed"),
                bytes("bytes_out"),
                part.message()
            );
            writeln!(out, "{}", line.trim_end()).expect("writing to memory");
        }
        out
    }
}

impl Part {
    /// A number of bytes.
    pub(crate) fn bytes(&self, name: &str) -> Option<u64> {
        self.0[name].as_u64()
    }

    /// A time; events give microseconds.
    pub(crate) fn time(&self, name: &str) -> Option<Duration> {
        self.0[name].as_u64().map(Duration::from_micros)
    }

    fn name(&self) -> &str {
        self.0["step"].as_str().unwrap_or("(run)")
    }

    fn outcome(&self) -> &str {
        self.0["reason"].as_str().unwrap_or("-")
    }

    fn message(&self) -> &str {
        self.0["error_message"].as_str().and_then(|m| m.lines().next()).unwrap_or_default()
    }
}

/// A duration with three digits that matter: `740 µs`, `3.21 ms`, `41.0 ms`, `1.25 s`.
pub(crate) fn time(time: Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    match us {
        ..1e3 => format!("{us:.0} µs"),
        ..1e4 => format!("{:.2} ms", us / 1e3),
        ..1e5 => format!("{:.1} ms", us / 1e3),
        ..1e6 => format!("{:.0} ms", us / 1e3),
        _ => format!("{:.2} s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_line_by_line() {
        let story = Story::read(concat!(
            r#"{"event":"run:start","startup_us":4000}"#,
            "\n",
            r#"{"event":"step:complete","step":"fetch","reason":"success","duration_us":3200,"bytes_in":1500,"bytes_parsed":12,"bytes_out":999}"#,
            "\n",
            r#"{"event":"step:complete","step":"alarm","reason":"fail","duration_us":400,"error_message":"no such key\n at a.js"}"#,
            "\nnot json\n",
            r#"{"event":"run:complete","reason":"fail","duration_us":12000}"#,
        ));
        assert_eq!(story.startup, Some(Duration::from_millis(4)));
        assert_eq!(
            story.table(),
            "   step   outcome        time        in    parsed       out\n   \
             fetch  success     3.20 ms    1.5 kB      12 B     999 B\n   \
             alarm  fail         400 µs         -         -         -  no such key\n   \
             (run)  fail        12.0 ms         -         -         -\n"
        );
    }

    #[test]
    fn times_keep_three_digits() {
        let check = |us: u64, text: &str| assert_eq!(time(Duration::from_micros(us)), text);
        check(740, "740 µs");
        check(3_210, "3.21 ms");
        check(41_000, "41.0 ms");
        check(741_000, "741 ms");
        check(1_250_000, "1.25 s");
    }
}
