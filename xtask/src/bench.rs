//! `cargo xtask bench`: the same workflows on Fulgurite, on the Node code that ships to production, and on bare V8, side by side in
//! one run; and the report of it.
//!
//! ```text
//! workloads ──► drivers, one process for each column ──► measure, in alternation ──► report.json ──► index.html, bench.svg
//! ```

mod columns;
mod compare;
mod criterion;
mod digest;
mod driver;
mod machine;
mod measure;
mod notes;
mod peers;
mod plot;
mod process;
mod report;
mod result;
mod stats;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{v8, workloads, workspace};
use result::Report;

/// The figures of a run with a filter.
const FILTERED: &str = "filtered.json";

/// What was typed.
pub(crate) struct Options<'a> {
    /// Only workloads, or benches, whose name holds this.
    pub(crate) filter: Option<&'a str>,
    pub(crate) full: bool,
    /// A revision whose report is kept, or the path of one.
    pub(crate) compare: Option<&'a str>,
    /// A built checkout of OpenFn's kit, in place of what npm has.
    pub(crate) kit: Option<&'a Path>,
}

/// Measures and reports.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "process trees are measured on Linux only; --criterion works everywhere");
    let folder = root.join("benches/report");
    // What is compared with must be there before an hour is spent.
    let old = options.compare.map(|name| compare::find(&folder, name)).transpose()?;
    let mut chosen = if options.full { workloads::full() } else { workloads::quick() };
    if let Some(word) = options.filter {
        chosen.retain(|workload| workload.name().contains(word));
        ensure!(!chosen.is_empty(), "no workload's name holds {word:?}");
    }

    v8::ensure(root, &v8::Request::default())?;
    let target = workspace::target(root)?;
    let work = target.join("bench");
    fs::create_dir_all(&work).with_context(|| format!("creating {}", work.display()))?;
    let ours = columns::build(root)?;
    let peers = peers::install(root, &work, options.kit);
    let columns = columns::all(&ours, &peers);

    let mut report = Report::new(machine::describe(root), if options.full { "full" } else { "quick" });
    report.notes = peers.notes();
    let started = Instant::now();
    for (at, workload) in chosen.iter().enumerate() {
        let left = started.elapsed().mul_f64((chosen.len() - at) as f64 / at.max(1) as f64);
        progress(at, chosen.len(), &workload.name(), (at > 0).then_some(left));
        let measured = measure::workload(&columns, workload, &work, &mut report.versions)?;
        report.workloads.push(measured);
        // Whoever interrupts has what was measured so far.
        report.write(&work.join("unfinished.json"))?;
    }
    eprintln!("{} workloads in {}", chosen.len(), v8::duration(started.elapsed()));
    report.criterion = criterion::latest(&target);

    let explained = notes::Notes::parse(include_str!("../../benches/workloads/notes.md"))?;
    let page = publish(root, &folder, &report, &explained, old.as_ref(), options.filter.is_none())?;
    println!("{}", report::summary(&report));
    for unexplained in report::unexplained(&report, &explained) {
        println!("no explanation: {unexplained}");
    }
    if let Some(old) = &old {
        print!("{}", compare::table(old, &report));
    }
    println!("{}", page.display());
    let differing: Vec<&str> = report.differing().collect();
    ensure!(differing.is_empty(), "outputs differ: {}", differing.join("; "));
    Ok(())
}

/// Writes the page again from what was measured last, without measuring.
pub(crate) fn render(root: &Path, compare: Option<&str>) -> Result<()> {
    let folder = root.join("benches/report");
    let report = Report::read(&folder.join("report.json"))?;
    let old = compare.map(|name| compare::find(&folder, name)).transpose()?;
    let explained = notes::Notes::parse(include_str!("../../benches/workloads/notes.md"))?;
    println!("{}", publish(root, &folder, &report, &explained, old.as_ref(), true)?.display());
    for unexplained in report::unexplained(&report, &explained) {
        println!("no explanation: {unexplained}");
    }
    if let Some(old) = &old {
        print!("{}", compare::table(old, &report));
    }
    Ok(())
}

/// Writes everything that is kept; the page's path.
fn publish(
    root: &Path,
    folder: &Path,
    report: &Report,
    notes: &notes::Notes,
    old: Option<&Report>,
    all: bool,
) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let write = |path: &Path, text: &str| fs::write(path, text).with_context(|| format!("writing {}", path.display()));
    // What a filter left over does not take the place of everything.
    let (figures, page) = if all { ("report.json", "index.html") } else { (FILTERED, "filtered.html") };
    report.write(&folder.join(figures))?;
    if all {
        report.write(&folder.join(format!("{}.json", report.machine.revision)))?;
        if let Some(svg) = report::main_plot(report) {
            write(&root.join("docs/bench.svg"), &svg)?;
        }
    }
    let page = folder.join(page);
    write(&page, &report::html(report, notes, old))?;
    Ok(page)
}

fn progress(at: usize, of: usize, name: &str, left: Option<Duration>) {
    let left = left.map_or_else(String::new, |left| format!(", {} left", v8::duration(left)));
    eprintln!("[{}/{of}] {name}{left}", at + 1);
}

/// Runs criterion's benches, with their output as it comes: the figures are what one waits for.
pub(crate) fn run_criterion(root: &Path, filter: Option<&str>, quick: bool) -> Result<()> {
    v8::ensure(root, &v8::Request::default())?;
    let benches = workspace::benches(root)?;
    ensure!(!benches.is_empty(), "the workspace has no benchmarks");
    let mut command = workspace::cargo(root);
    command.arg("bench");
    // The driver is no bench: it waits to be asked.
    for (package, name) in benches.iter().filter(|(_, name)| name != columns::DRIVER) {
        command.args(["-p", package, "--bench", name]);
    }
    command.arg("--");
    if quick {
        command.arg("--quick");
    }
    command.args(filter);
    let status = command.status()?;
    ensure!(status.success(), "the benchmarks failed ({status}); their message is above");
    Ok(())
}
