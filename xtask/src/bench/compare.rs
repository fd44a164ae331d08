//! This report beside an older one: ratios of medians, and what changed by more than a tenth.

use std::{fmt::Write as _, path::Path};

use anyhow::{Result, bail};

use super::{
    columns::OURS,
    plot::times,
    result::{Measured, Report},
};

/// A change of less than this says nothing.
const WORTH_SAYING: f64 = 0.1;

/// One workload in both.
pub(super) struct Change<'a> {
    pub(super) name: &'a str,
    pub(super) column: &'static str,
    /// The old time in the new one: 2 is twice as fast as before.
    pub(super) ratio: f64,
}

impl Change<'_> {
    /// What there is to say of it.
    pub(super) fn flag(&self) -> &'static str {
        match self.ratio {
            ratio if ratio > 1.0 + WORTH_SAYING => "faster",
            ratio if ratio < 1.0 / (1.0 + WORTH_SAYING) => "slower",
            _ => "",
        }
    }
}

/// Finds a report by the beginning of its revision, or by its path.
pub(super) fn find(folder: &Path, name: &str) -> Result<Report> {
    let path = Path::new(name);
    if path.is_file() {
        return Report::read(path);
    }
    let mut kept: Vec<_> = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let is_latest = |path: &Path| path.ends_with("report.json") || path.ends_with(super::FILTERED);
    kept.retain(|path| path.extension().is_some_and(|it| it == "json") && !is_latest(path));
    kept.sort();
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match kept.iter().find(|path| stem(path).starts_with(name)) {
        Some(path) => Report::read(path),
        None => {
            let names: Vec<String> = kept.iter().map(|path| stem(path)).collect();
            let kept = if names.is_empty() { "none is".to_owned() } else { format!("kept are {}", names.join(", ")) };
            bail!("no report of {name:?} is kept in {}: {kept}", folder.display())
        }
    }
}

/// All workloads that both have, in our columns.
pub(super) fn changes<'a>(old: &Report, new: &'a Report) -> Vec<Change<'a>> {
    let mut all = Vec::new();
    for workload in &new.workloads {
        let Some(before) = old.workloads.iter().find(|before| before.name == workload.name) else { continue };
        for column in [OURS, "fulgurite-child"] {
            let median = |it: &Measured| it.wall(column).map(|spread| spread.median);
            if let (Some(before), Some(now)) = (median(before), median(workload)) {
                all.push(Change { name: &workload.name, column, ratio: before / now });
            }
        }
    }
    all
}

/// For the terminal.
pub(super) fn table(old: &Report, new: &Report) -> String {
    let mut text = format!("compared with {} ({}), old / new:\n", old.machine.revision, old.machine.date);
    if old.machine.cpu != new.machine.cpu || old.machine.cores != new.machine.cores {
        let _ = writeln!(text, "  the machines differ: {} then, {} now", old.machine.cpu, new.machine.cpu);
    }
    for change in changes(old, new) {
        let _ =
            writeln!(text, "  {:<34} {:<16} {:>7} {}", change.name, change.column, times(change.ratio), change.flag());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::{Cell, canned};

    #[test]
    fn what_changed_by_a_tenth_is_said_both_ways() {
        let (old, mut new) = (canned(), canned());
        let scale = |report: &mut Report, at: usize, by: f64| {
            if let Some(Cell::Runs(runs)) = report.workloads[at].cells.get_mut(OURS) {
                runs.iter_mut().for_each(|run| run.wall = (run.wall as f64 * by) as u64);
            }
        };
        scale(&mut new, 0, 1.2);
        scale(&mut new, 1, 0.5);
        let found = changes(&old, &new);
        let said: Vec<_> = found.iter().map(|change| (change.name, change.column, change.flag())).collect();
        // What failed in one of them has no ratio.
        assert_eq!(
            said,
            [
                ("fhir/one-key/1KB", "fulgurite", "slower"),
                ("fhir/one-key/1KB", "fulgurite-child", ""),
                ("fhir/one-key/100MB", "fulgurite", "faster"),
            ]
        );
        assert!(table(&old, &new).contains("2×"));
    }

    #[test]
    fn a_little_is_not_worth_saying() {
        let flag = |ratio| Change { name: "a", column: OURS, ratio }.flag();
        assert_eq!([flag(1.05), flag(0.95), flag(1.11), flag(0.9)], ["", "", "faster", "slower"]);
    }

    #[test]
    fn reports_are_found_by_revision_and_path() {
        let folder = tempfile::tempdir().unwrap();
        canned().write(&folder.path().join("abc1234.json")).unwrap();
        canned().write(&folder.path().join("report.json")).unwrap();
        assert_eq!(find(folder.path(), "abc").unwrap(), canned());
        assert_eq!(find(folder.path(), folder.path().join("report.json").to_str().unwrap()).unwrap(), canned());
        let error = find(folder.path(), "def").unwrap_err().to_string();
        assert!(error.contains("kept are abc1234"), "{error}");
        assert!(find(&folder.path().join("nowhere"), "abc").is_err());
    }
}
