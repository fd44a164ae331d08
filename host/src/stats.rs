//! The table of `--stats`: what each execution of a step cost, and all of them.

use std::time::Duration;

use fulgurite_runtime::{Event, Figures};

use crate::screen::visible;
use crate::units;

/// Collects what a run cost.
#[derive(Debug, Default)]
pub struct Stats {
    rows: Vec<Row>,
    /// Rows stand for several executions.
    together: bool,
    startup: Duration,
    heap: usize,
}

#[derive(Debug)]
struct Row {
    name: String,
    outcome: &'static str,
    figures: Figures,
    /// Executions in it.
    count: usize,
}

/// More executions than anybody reads are put together by step and outcome.
const MOST_ROWS: usize = 200;

impl Stats {
    /// Keeps up with the run.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStart(run) => self.startup = run.startup,
            Event::StepComplete(step) => self.add(Row {
                name: step.step.to_string(),
                outcome: step.outcome.reason().as_str(),
                figures: step.figures,
                count: 1,
            }),
            Event::RunComplete(run) => {
                self.heap = run.figures.heap;
                self.rows.push(Row {
                    name: "(run)".to_owned(),
                    outcome: run.outcome.reason().as_str(),
                    figures: run.figures,
                    count: 1,
                });
            }
            Event::StepStart(_) | Event::Log(_) => {}
        }
    }

    fn add(&mut self, row: Row) {
        if self.rows.len() < MOST_ROWS && !self.together {
            return self.rows.push(row);
        }
        if !std::mem::replace(&mut self.together, true) {
            let single = std::mem::take(&mut self.rows);
            single.into_iter().for_each(|row| self.put_together(row));
        }
        self.put_together(row);
    }

    /// There are as many rows as steps that ended, each in at most five ways.
    fn put_together(&mut self, row: Row) {
        let same = |other: &&mut Row| other.name == row.name && other.outcome == row.outcome;
        match self.rows.iter_mut().find(same) {
            Some(same) => {
                same.figures = sum(&same.figures, &row.figures);
                same.count += row.count;
            }
            None => self.rows.push(row),
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
                match row.count {
                    1 => visible(&row.name),
                    count => format!("{} ×{count}", visible(&row.name)),
                },
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

fn sum(a: &Figures, b: &Figures) -> Figures {
    Figures {
        duration: a.duration + b.duration,
        view: a.view + b.view,
        encode: a.encode + b.encode,
        load: a.load + b.load,
        bytes_in: a.bytes_in + b.bytes_in,
        bytes_parsed: a.bytes_parsed + b.bytes_parsed,
        bytes_out: a.bytes_out + b.bytes_out,
        bytes_spliced: a.bytes_spliced + b.bytes_spliced,
        state_walks: a.state_walks + b.state_walks,
        cpu: a.cpu + b.cpu,
        context_clones: a.context_clones + b.context_clones,
        heap: a.heap.max(b.heap),
        buffers: a.buffers.max(b.buffers),
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
