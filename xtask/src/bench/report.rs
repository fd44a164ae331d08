//! The page: plots first, then every figure, then what is to be said of those that are not good.

use std::fmt::Write as _;

use super::{
    columns::{COLUMNS, FLOOR, OURS, RUNTIME},
    compare,
    notes::Notes,
    plot::{self, Axis, Bar, Line, Lines, digits, escape, times},
    result::{Cell, Measured, Report},
    stats,
};

/// Further than this from the floor is something to explain.
const NEAR: f64 = 1.3;

/// The one plot to look at: one key touched, time by size.
pub(super) fn main_plot(report: &Report) -> Option<String> {
    by_size(
        report,
        "fhir/one-key",
        "Change one key of a state of FHIR records: time from bytes to bytes",
        "time of one run in a warm process",
        seconds,
        |workload, column| workload.wall(column).map(|spread| spread.median),
        Some(format!("{} · revision {} · {}", report.machine.date, report.machine.revision, report.machine.line())),
    )
}

/// Why a workload has to be explained; `None` when it is ahead and near the floor.
fn shortfall(workload: &Measured) -> Option<String> {
    let mut why = Vec::new();
    if let Some(ratio) = workload.ratio(OURS, RUNTIME).filter(|ratio| *ratio >= 1.0) {
        why.push(format!("{} the time of @openfn/runtime", times(ratio)));
    }
    if let Some(ratio) = workload.ratio(OURS, FLOOR).filter(|ratio| *ratio > NEAR) {
        why.push(format!("{} the floor", times(ratio)));
    }
    if let Some(Cell::Failed { reason, .. }) = workload.cells.get(OURS) {
        why.push(reason.clone());
    }
    (!why.is_empty()).then(|| why.join(", "))
}

/// Workloads that have to be explained and are not.
pub(super) fn unexplained(report: &Report, notes: &Notes) -> Vec<String> {
    let short = report.workloads.iter().filter(|workload| notes.on(&workload.name).is_none());
    short.filter_map(|workload| Some(format!("{}: {}", workload.name, shortfall(workload)?))).collect()
}

/// A few lines for the terminal.
pub(super) fn summary(report: &Report) -> String {
    let ratios = |column: &str| -> Vec<f64> {
        report.workloads.iter().filter_map(|workload| workload.ratio(column, OURS)).collect()
    };
    let mut text = String::new();
    for column in ["node-runtime", "node-engine", FLOOR] {
        let ratios = ratios(column);
        let longer = ratios.iter().filter(|ratio| **ratio > 1.0).count();
        let label = COLUMNS.iter().find(|shown| shown.id == column).map_or(column, |shown| shown.label);
        if let Some(mean) = stats::geometric_mean(ratios.iter().copied()) {
            let _ = writeln!(
                text,
                "{label} takes {} as long as Fulgurite in the geometric mean of {} workloads, and longer in {longer} of them",
                times(mean),
                ratios.len(),
            );
        }
    }
    text.trim_end().to_owned()
}

/// The page.
pub(super) fn html(report: &Report, notes: &Notes, old: Option<&Report>) -> String {
    let mut page = String::from(HEAD);
    let machine = &report.machine;
    let _ = write!(
        page,
        "<h1>Fulgurite, measured</h1><p class=dim>{} · revision {} · {} set of workloads<br>{}</p>",
        escape(&machine.date),
        escape(&machine.revision),
        escape(&report.set),
        escape(&machine.line())
    );
    for line in summary(report).lines() {
        let _ = write!(page, "<p class=lead>{}</p>", escape(line));
    }
    plots(&mut page, report);
    how(&mut page, report);
    all_figures(&mut page, report);
    explanations(&mut page, report, notes);
    if let Some(old) = old {
        comparison(&mut page, old, report);
    }
    criterion(&mut page, report);
    page.push_str("</main></html>\n");
    page
}

fn plots(page: &mut String, report: &Report) {
    let wall = |workload: &Measured, column: &str| workload.wall(column).map(|spread| spread.median);
    let multiple = |workload: &Measured, column: &str| match workload.size {
        // In a small state the process is what one would see.
        1_000_000.. => workload.peak(column).map(|peak| peak / workload.size as f64),
        _ => None,
    };
    let time = "time of one run in a warm process";
    let memory = "most memory of all its processes, in times the state";
    let all = [
        main_plot(report),
        by_size(
            report,
            "fhir/rewrite",
            "Make every string, number and object of it anew: time from bytes to bytes",
            time,
            seconds,
            wall,
            None,
        ),
        ratios(report, RUNTIME, "How much faster than @openfn/runtime", "slower", "faster"),
        ratios(report, "node-engine", "How much faster than @openfn/engine-multi", "slower", "faster"),
        ratios(
            report,
            FLOOR,
            "Against the floor: bare parse + stringify of the state, without a job",
            "slower",
            "faster than parsing it at all",
        ),
        by_size(report, "fhir/one-key", "Change one key: peak memory", memory, times, multiple, None),
        by_size(report, "fhir/rewrite", "Make everything anew: peak memory", memory, times, multiple, None),
    ];
    for svg in all.into_iter().flatten() {
        let _ = write!(page, "<figure>{svg}</figure>");
    }
}

/// A plot of one group of workloads over the size of the state.
fn by_size(
    report: &Report,
    group: &str,
    title: &str,
    y: &str,
    show: fn(f64) -> String,
    figure: impl Fn(&Measured, &str) -> Option<f64>,
    foot: Option<String>,
) -> Option<String> {
    let mut workloads: Vec<&Measured> =
        report.workloads.iter().filter(|it| it.group == group && it.graph.is_none()).collect();
    workloads.sort_by_key(|workload| workload.size);
    let line = |shown: &super::columns::Shown| {
        let of = |it: &&Measured| Some((it.size as f64, figure(it, shown.id)?));
        let points: Vec<(f64, f64)> = workloads.iter().filter_map(of).collect();
        let failed = workloads.iter().find_map(|it| match it.cells.get(shown.id)? {
            Cell::Failed { reason, .. } => Some(format!(", {reason} at {}", bytes(it.size as f64))),
            Cell::Runs(_) | Cell::Missing(_) => None,
        });
        let last = points.last().map(|(_, value)| show(*value))?;
        let label = format!("{}: {last}{}", shown.label, failed.unwrap_or_default());
        (points.len() > 1).then_some(Line { column: shown.id, label, points })
    };
    plot::lines(&Lines {
        title,
        x: Axis { title: "size of the state (JSON text)", show: bytes },
        y: Axis { title: y, show },
        lines: COLUMNS.iter().filter_map(line).collect(),
        foot,
    })
}

fn ratios(report: &Report, column: &str, title: &str, worse: &str, better: &str) -> Option<String> {
    let bar = |it: &Measured| Some(Bar { label: it.name.clone(), ratio: it.ratio(column, OURS)? });
    let mut all: Vec<Bar> = report.workloads.iter().filter_map(bar).collect();
    all.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    plot::bars(title, &format!("← {worse}"), &format!("{better} →"), &all)
}

fn how(page: &mut String, report: &Report) {
    page.push_str(
        "<h2>What was measured</h2><p>One run in a warm process, from the bytes of the state in memory to the bytes of the output in one piece. \
         Every column has a process of its own that has run before; they take turns, forward and backward, and garbage of the run before is \
         collected off the clock. Times are medians, with the least and the most; CPU time is that of all processes of the tree. Memory is \
         the most of all runs: what the whole tree was seen with at once, looked at every 10 ms (pages that two processes share count \
         twice), or what the kernel says that one process had, whichever is more; the state itself, which everybody holds, is in it. \
         Outputs are compared: they say the same in all columns that have one, unless a line below says otherwise.</p><table><tbody>",
    );
    for shown in &COLUMNS {
        let _ = write!(
            page,
            "<tr><th style=\"color:var(--{})\">{}<td>{}<td class=dim>{}",
            shown.id,
            escape(shown.label),
            escape(shown.about),
            escape(report.versions.get(shown.id).map_or("", String::as_str))
        );
    }
    page.push_str("</tbody></table><ul>");
    for note in &report.notes {
        let _ = write!(page, "<li>{}", escape(note));
    }
    for differing in report.differing() {
        let _ = write!(page, "<li class=bad>outputs differ: {}", escape(differing));
    }
    page.push_str("</ul>");
}

fn all_figures(page: &mut String, report: &Report) {
    page.push_str("<h2>All figures</h2><div class=wide><table><thead><tr><th>workload");
    for shown in &COLUMNS {
        let _ = write!(page, "<th style=\"color:var(--{})\">{}", shown.id, escape(shown.label));
    }
    page.push_str("<th>runtime / ours<th>engine / ours<th>ours / floor<th>what ours goes into</thead><tbody>");
    for workload in &report.workloads {
        let alone = if workload.in_turn { "" } else { "<br><small class=dim>one column after another</small>" };
        let _ = write!(page, "<tr><th>{}{alone}", escape(&workload.name));
        for shown in &COLUMNS {
            let _ = write!(page, "<td>{}", cell(workload, shown.id));
        }
        for (left, right) in [(RUNTIME, OURS), ("node-engine", OURS), (OURS, FLOOR)] {
            let _ = write!(page, "<td>{}", workload.ratio(left, right).map_or("–".into(), times));
        }
        let _ = write!(page, "<td><small>{}</small>", escape(&parts(workload).unwrap_or_default()));
    }
    page.push_str("</tbody></table></div>");
}

fn cell(workload: &Measured, column: &str) -> String {
    match workload.cells.get(column) {
        None => "–".into(),
        Some(Cell::Missing(why)) => format!("<span class=dim title=\"{0}\">{0}</span>", escape(why)),
        Some(Cell::Failed { reason, detail }) => {
            format!("<span class=bad title=\"{}\">{}</span>", escape(detail), escape(reason))
        }
        Some(Cell::Runs(runs)) => {
            let (Some(wall), Some(cpu), Some(peak)) =
                (workload.wall(column), workload.cpu(column), workload.peak(column))
            else {
                return "–".into();
            };
            let spread = match runs.len() {
                1 => "1 run".into(),
                many => format!("{} to {}, {many} runs", seconds(wall.low), seconds(wall.high)),
            };
            format!(
                "<b>{}</b><br><small>{spread}<br>CPU {}, {}</small>",
                seconds(wall.median),
                seconds(cpu.median),
                bytes(peak)
            )
        }
    }
}

fn explanations(page: &mut String, report: &Report, notes: &Notes) {
    page.push_str(
        "<h2>Where we are not ahead, or not near the floor</h2><p>Every workload that takes as long as with @openfn/runtime or longer, or \
         more than 1.3 times the floor.</p>",
    );
    // Workloads that one paragraph explains stand over it together.
    let mut explained: Vec<(&str, Vec<String>)> = Vec::new();
    for workload in &report.workloads {
        let (Some(why), Some(note)) = (shortfall(workload), notes.on(&workload.name)) else { continue };
        let parts =
            parts(workload).map_or(String::new(), |parts| format!(". <span class=dim>{}</span>", escape(&parts)));
        let line = format!("<b>{}</b>: {}{parts}", escape(&workload.name), escape(&why));
        match explained.iter_mut().find(|(known, _)| *known == note) {
            Some((_, lines)) => lines.push(line),
            None => explained.push((note, vec![line])),
        }
    }
    for (note, lines) in explained {
        let _ = write!(page, "<p>{}</p><blockquote>", lines.join("<br>"));
        for paragraph in note.split("\n\n") {
            let _ = write!(page, "<p>{}</p>", escape(paragraph));
        }
        page.push_str("</blockquote>");
    }
    let missing = unexplained(report, notes);
    if !missing.is_empty() {
        let _ = write!(page, "<p class=bad>Without an explanation: {}</p>", escape(&missing.join("; ")));
    }
}

/// What our time goes into, without what is too little to matter.
fn parts(workload: &Measured) -> Option<String> {
    let all: u64 = workload.parts.iter().map(|(_, time)| time).sum();
    let mut parts: Vec<_> = workload.parts.iter().filter(|(_, time)| time * 20 >= all.max(1)).collect();
    parts.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    let shown: Vec<String> =
        parts.iter().map(|(name, time)| format!("{name} {}", seconds(*time as f64 / 1e9))).collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

fn comparison(page: &mut String, old: &Report, new: &Report) {
    let _ = write!(
        page,
        "<h2>Compared with {}</h2><p class=dim>{} · {}</p><table><thead><tr><th>workload<th>column<th>old / new<th></thead><tbody>",
        escape(&old.machine.revision),
        escape(&old.machine.date),
        escape(&old.machine.line())
    );
    for change in compare::changes(old, new) {
        let class = if change.flag() == "slower" { " class=bad" } else { "" };
        let _ = write!(
            page,
            "<tr{class}><th>{}<td>{}<td>{}<td>{}",
            escape(change.name),
            change.column,
            times(change.ratio),
            change.flag()
        );
    }
    page.push_str("</tbody></table>");
}

fn criterion(page: &mut String, report: &Report) {
    if report.criterion.is_empty() {
        return;
    }
    page.push_str(
        "<h2>Criterion's benches</h2><p class=dim>As they were last measured here (cargo xtask bench --criterion): the median, and where it \
         lies with 95 % confidence.</p><table><tbody>",
    );
    for figure in &report.criterion {
        let time = |nanoseconds: f64| seconds(nanoseconds / 1e9);
        let _ = write!(
            page,
            "<tr><th>{}<td>{}<td class=dim>{} to {}",
            escape(&figure.name),
            time(figure.median),
            time(figure.low),
            time(figure.high)
        );
    }
    page.push_str("</tbody></table>");
}

/// `45 ns`, `1.2 ms`, `3 s`.
fn seconds(value: f64) -> String {
    let (number, unit) = match value {
        ..1e-6 => (value * 1e9, "ns"),
        ..1e-3 => (value * 1e6, "µs"),
        ..1.0 => (value * 1e3, "ms"),
        _ => (value, "s"),
    };
    format!("{} {unit}", digits(number))
}

/// `1 KB`, `100 MB`.
fn bytes(value: f64) -> String {
    let (number, unit) = match value {
        ..1e3 => (value, "B"),
        ..1e6 => (value / 1e3, "KB"),
        ..1e9 => (value / 1e6, "MB"),
        _ => (value / 1e9, "GB"),
    };
    format!("{} {unit}", digits(number))
}

const HEAD: &str = "<!doctype html><html lang=en class=plot><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
<title>Fulgurite, measured</title><style>\
html{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}main{max-width:1200px;margin:0 auto;padding:1rem}\
figure{margin:2rem 0;max-width:900px}svg{width:100%;height:auto}.dim,small{color:var(--dim)}.lead{font-size:1.1rem;margin:.2rem 0}\
.bad{color:#e03131}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px}\
th,td{border-bottom:1px solid var(--grid);padding:.3rem .6rem;text-align:left;vertical-align:top}td{font-variant-numeric:tabular-nums}\
blockquote{margin:0 0 2rem;border-left:3px solid var(--fulgurite);padding-left:1rem}\
</style><main>";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::canned;

    fn notes() -> Notes {
        Notes::parse("## `fhir/*`\nBecause <of> that.\n").unwrap()
    }

    #[test]
    fn the_page_has_what_went_wrong_in_it() {
        let page = html(&canned(), &notes(), Some(&canned()));
        for text in [
            "not installed: npm &lt;is&gt; not here",
            "out of memory",
            "heap &amp; more",
            "outputs differ: text/map/1MB/fan-4",
            "Because &lt;of&gt; that.",
            "1.9× the time of @openfn/runtime, 40× the floor",
            "isolate 3 ms",
            "Without an explanation: text/map/1MB/fan-4: out of memory",
            "Compared with abc1234",
            "step/empty",
            "prefers-color-scheme",
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("<script") && !page.contains("NaN"));
    }

    #[test]
    fn what_is_ahead_and_near_needs_no_explanation() {
        let report = canned();
        assert_eq!(shortfall(&report.workloads[1]), None);
        assert_eq!(unexplained(&report, &notes()), ["text/map/1MB/fan-4: out of memory"]);
        assert_eq!(unexplained(&report, &Notes::default()).len(), 2);
    }

    #[test]
    fn the_main_plot_names_its_lines_with_their_last_figures() {
        let svg = main_plot(&canned()).unwrap();
        for text in ["Fulgurite: 61 ms", "@openfn/runtime: 9 s", "memcpy: 12 ms", "size of the state", "100 KB"] {
            assert!(svg.contains(text), "{text}");
        }
        // One point is no line.
        assert!(!svg.contains("engine-multi"));
    }

    #[test]
    fn an_empty_report_is_a_page() {
        let mut report = canned();
        report.workloads.clear();
        assert!(html(&report, &Notes::default(), None).contains("All figures"));
        assert!(main_plot(&report).is_none());
    }

    #[test]
    fn figures_have_units() {
        let check = |value: f64, text: &str| assert_eq!(seconds(value), text);
        check(4.5e-8, "45 ns");
        check(0.0012, "1.2 ms");
        check(61.0, "61 s");
        assert_eq!(bytes(1e8), "100 MB");
        assert_eq!(bytes(1500.0), "1.5 KB");
    }
}
