//! One workload: a driver for each column, asked in turn.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    columns::{Column, OURS},
    digest,
    driver::{Driver, Failure, Run},
    result::{Cell, Measured},
};
use crate::workloads::{self, Graph, Workload};

/// Above this the drivers are not all alive at once.
const TOGETHER: u64 = 200_000_000;

/// Warm-ups have smaller states: a run of ten seconds needs none of its own length.
const WARM: u64 = 100_000;

/// A column that has run for so long gets no more rounds.
const ENOUGH: Duration = Duration::from_secs(4);

/// What takes longer has no result.
fn limit(size: u64) -> Duration {
    Duration::from_secs(120 + size / 250_000)
}

fn rounds(size: u64) -> usize {
    match size {
        0..=100_000 => 15,
        100_001..=1_000_000 => 9,
        1_000_001..=10_000_000 => 5,
        _ => 3,
    }
}

/// Measures it in all columns.
pub(super) fn workload(
    columns: &[Column],
    workload: &Workload,
    work: &Path,
    versions: &mut BTreeMap<String, String>,
) -> Result<Measured> {
    let stage =
        Stage { workload, work, state: state(workload, workload.size, work)?, warm: state(workload, WARM, work)? };
    let mut cells = BTreeMap::new();
    let mut runners: Vec<Runner> = Vec::new();
    let in_turn = workload.size < TOGETHER;
    for column in columns {
        match &column.start {
            Err(why) => drop(cells.insert(column.id.to_owned(), Cell::Missing(why.clone()))),
            Ok(_) if in_turn => runners.push(stage.start(column, versions)),
            Ok(_) => {
                let mut alone = [stage.start(column, versions)];
                alternate(&mut alone, rounds(workload.size));
                let [mut alone] = alone;
                alone.finish(&stage);
                runners.push(alone);
            }
        }
    }
    if in_turn {
        alternate(&mut runners, rounds(workload.size));
        runners.iter_mut().for_each(|runner| runner.finish(&stage));
    }
    let differs = stage.compare(&runners)?;
    let ours = runners.iter_mut().find(|runner| runner.column.id == OURS).and_then(Runner::middle);
    let (output, parts) = ours.map(|run| (run.output, run.parts)).unzip();
    cells.extend(runners.into_iter().map(|runner| (runner.column.id.to_owned(), runner.cell())));
    Ok(Measured {
        name: workload.name(),
        group: format!("{}/{}", workload.shape.name(), workload.behaviour.name()),
        graph: match workload.graph {
            Graph::Chain(1) => None,
            Graph::Chain(steps) => Some(format!("chain-{steps}")),
            Graph::Fan(steps) => Some(format!("fan-{steps}")),
        },
        size: workload.size,
        output,
        in_turn,
        cells,
        parts: parts.unwrap_or_default(),
        differs,
    })
}

/// The file of a state; it is kept for the workloads that follow.
fn state(workload: &Workload, size: u64, work: &Path) -> Result<PathBuf> {
    let path = work.join(format!("{}-{}.json", workload.shape.name(), workloads::size(size)));
    if path.metadata().is_ok_and(|file| file.len() == size) {
        return Ok(path);
    }
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    workloads::write(workload.shape, &mut out, size, 1)?;
    out.flush().with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// What all columns of a workload share.
struct Stage<'a> {
    workload: &'a Workload,
    work: &'a Path,
    state: PathBuf,
    warm: PathBuf,
}

/// A column that runs.
struct Runner<'a> {
    column: &'a Column,
    driver: Option<Driver>,
    runs: Vec<Run>,
    failure: Option<Failure>,
    written: Option<PathBuf>,
}

impl Stage<'_> {
    /// Starts a column and warms it up.
    fn start<'a>(&self, column: &'a Column, versions: &mut BTreeMap<String, String>) -> Runner<'a> {
        let mut runner = Runner { column, driver: None, runs: Vec::new(), failure: None, written: None };
        let Ok(start) = &column.start else { return runner };
        let errors = self.work.join(format!("{}.stderr", column.id));
        let prepared = Driver::start(start, &errors, limit(self.workload.size)).and_then(|(mut driver, version)| {
            versions.insert(column.id.to_owned(), version);
            if self.workload.size > WARM {
                driver.load(&Workload { size: WARM, ..*self.workload }.workflow(), &self.warm)?;
                driver.run()?;
                driver.run()?;
            }
            driver.load(&self.workload.workflow(), &self.state)?;
            if self.workload.size <= 1_000_000 {
                driver.run()?;
            }
            Ok(driver)
        });
        match prepared {
            Ok(driver) => runner.driver = Some(driver),
            Err(failure) => runner.failure = Some(failure),
        }
        runner
    }

    /// Compares all outputs with ours.
    fn compare(&self, runners: &[Runner]) -> Result<Vec<String>> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
        let mut written = runners.iter().filter_map(|runner| Some((runner.column.id, runner.written.as_deref()?)));
        let mut differs = Vec::new();
        if let Some((first, ours)) = written.next() {
            let of_ours = digest::digest(&read(ours)?).with_context(|| format!("the output of {first}"))?;
            for (column, theirs) in written {
                let text = read(theirs)?;
                if digest::digest(&text).with_context(|| format!("the output of {column}"))? != of_ours {
                    let difference = digest::difference(&read(ours)?, &text);
                    differs.push(format!("{}, {first} and {column}: {difference}", self.workload.name()));
                }
            }
        }
        for path in runners.iter().filter_map(|runner| runner.written.as_ref()) {
            let _ = fs::remove_file(path);
        }
        Ok(differs)
    }
}

impl Runner<'_> {
    fn round(&mut self) {
        let spent: u64 = self.runs.iter().map(|run| run.sample.wall).sum();
        if Duration::from_nanos(spent) > ENOUGH {
            return;
        }
        let Some(driver) = &mut self.driver else { return };
        match driver.run() {
            Ok(run) => self.runs.push(run),
            Err(failure) => {
                self.failure = Some(failure);
                self.driver = None;
            }
        }
    }

    /// Has the output written and lets the driver go.
    fn finish(&mut self, stage: &Stage) {
        let Some(mut driver) = self.driver.take() else { return };
        if self.column.has_output {
            let path = stage.work.join(format!("output-{}.json", self.column.id));
            match driver.write(&path) {
                Ok(()) => self.written = Some(path),
                Err(failure) => self.failure = Some(failure),
            }
        }
    }

    /// The run in the middle; its parts are taken.
    fn middle(&mut self) -> Option<Run> {
        self.runs.sort_by_key(|run| run.sample.wall);
        let middle = self.runs.len() / 2;
        let run = self.runs.get_mut(middle)?;
        Some(Run { sample: run.sample, output: run.output, parts: std::mem::take(&mut run.parts) })
    }

    /// A column that failed in some round has failed.
    fn cell(self) -> Cell {
        match self.failure {
            Some(Failure { reason, detail }) => Cell::Failed { reason: reason.into(), detail },
            None => Cell::Runs(self.runs.into_iter().map(|run| run.sample).collect()),
        }
    }
}

/// Rounds in which every column has its turn, forward and backward.
fn alternate(runners: &mut [Runner], rounds: usize) {
    for round in 0..rounds {
        for at in 0..runners.len() {
            let at = if round % 2 == 0 { at } else { runners.len() - 1 - at };
            runners[at].round();
        }
    }
}
