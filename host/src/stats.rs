//! The table of `--stats`: what each execution of a step cost, and all of them.

use std::time::Duration;

use fulgurite_runtime::{Event, Figures};

use crate::screen::visible;
use crate::units;

/// Collects what a run cost.
#[derive(Debug, Default)]
pub struct Stats {
    rows: Vec<Row>,
    startup: Duration,
    heap: usize,
}

#[derive(Debug)]
struct Row {
    name: String,
    outcome: &'static str,
    figures: Figures,
}

impl Stats {
    /// Keeps up with the run.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStart(run) => self.startup = run.startup,
            Event::StepComplete(step) => self.rows.push(Row {
                name: step.step.to_string(),
                outcome: step.outcome.reason().as_str(),
                figures: step.figures,
            }),
            Event::RunComplete(run) => {
                self.heap = run.figures.heap;
                self.rows.push(Row {
                    name: "(run)".to_owned(),
                    outcome: run.outcome.reason().as_str(),
                    figures: run.figures,
                });
            }
            Event::StepStart(_) | Event::Log(_) => {}
        }
    }

    /// The table, each line ended.
    pub fn table(&self) -> String {
        const HEAD: [&str; 10] =
            ["step", "outcome", "time", "view", "encode", "bytes in", "parsed", "out", "spliced", "walks"];
        let mut cells = vec![HEAD.map(str::to_owned).to_vec()];
        cells.extend(self.rows.iter().map(|row| {
            let Figures { duration, view, encode, bytes_in, bytes_parsed, bytes_out, bytes_spliced, .. } = row.figures;
            vec![
                visible(&row.name),
                row.outcome.to_owned(),
                units::time(duration),
                units::time(view),
                units::time(encode),
                units::bytes(bytes_in),
                units::bytes(bytes_parsed),
                units::bytes(bytes_out),
                units::bytes(bytes_spliced),
                row.figures.state_walks.to_string(),
            ]
        }));
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
        let mut text = String::new();
        for row in &cells {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    // Words stand left, numbers right.
                    0 => line.push_str(&format!("{cell:<width$}")),
                    1 => line.push_str(&format!("  {cell:<width$}")),
                    _ => line.push_str(&format!("  {cell:>width$}")),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push_str(&format!(
            "\nisolate ready after {}, heap {} at most{}\n",
            units::time(self.startup),
            units::bytes(self.heap),
            peak_memory().map(|bytes| format!(", process {} at most", units::bytes(bytes))).unwrap_or_default()
        ));
        text
    }
}

/// The most memory that this process has held so far (`VmHWM`), where the kernel says so. A state that was read from a file
/// is in it once: as the pages of the file.
fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
