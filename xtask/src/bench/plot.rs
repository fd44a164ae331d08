//! Plots as SVG, by hand: lines over two logarithmic axes, labelled at their ends, and bars of ratios. Light and dark, no script.

use std::fmt::Write as _;

/// A line.
pub(super) struct Line {
    /// The column's id; it gives the colour.
    pub(super) column: &'static str,
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// What is plotted.
pub(super) struct Lines<'a> {
    pub(super) title: &'a str,
    pub(super) x: Axis<'a>,
    pub(super) y: Axis<'a>,
    pub(super) lines: Vec<Line>,
    /// Small, below all else: where this comes from.
    pub(super) foot: Option<String>,
}

/// A logarithmic axis.
pub(super) struct Axis<'a> {
    pub(super) title: &'a str,
    pub(super) show: fn(f64) -> String,
}

/// A bar from 1 to a ratio.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) ratio: f64,
}

/// The colours of the columns, wherever SVG stands: in a page, and alone.
pub(super) const STYLE: &str = "\
.plot{--ink:#1f2328;--dim:#656d76;--grid:#d8dee4;--paper:#fff;--fulgurite:#d9480f;--fulgurite-child:#e8930c;\
--node-runtime:#1971c2;--node-engine:#7048e8;--floor:#57606a;--memcpy:#9aa2ab}\
@media(prefers-color-scheme:dark){.plot{--ink:#e6edf3;--dim:#8d96a0;--grid:#30363d;--paper:#0d1117;--fulgurite:#ff7b3a;\
--fulgurite-child:#ffc078;--node-runtime:#4dabf7;--node-engine:#b197fc;--floor:#adb5bd;--memcpy:#6e7781}}\
.plot text{font:13px system-ui,sans-serif;fill:var(--ink)}.plot .title{font-size:16px;font-weight:600}.plot .dim{fill:var(--dim)}.plot .foot{font-size:11px}\
.plot .grid{stroke:var(--grid);stroke-width:1}.plot .line{fill:none;stroke-width:2}.plot .strong{stroke-width:4}";

const LEFT: f64 = 84.0;
const TOP: f64 = 48.0;
const WIDE: f64 = 520.0;
const HIGH: f64 = 370.0;
const RIGHT: f64 = 296.0;
const BELOW: f64 = 62.0;

/// Lines over two logarithmic axes.
pub(super) fn lines(plot: &Lines) -> Option<String> {
    let points = || plot.lines.iter().flat_map(|line| &line.points);
    let (x, y) = (Scale::of(points().map(|p| p.0))?, Scale::of(points().map(|p| p.1))?);
    let across = |value: f64| LEFT + x.part(value) * WIDE;
    let up = |value: f64| TOP + (1.0 - y.part(value)) * HIGH;
    let below = if plot.foot.is_some() { BELOW + 22.0 } else { BELOW };
    let (width, height) = (LEFT + WIDE + RIGHT, TOP + HIGH + below);
    let mut svg = open(width, height, plot.title);
    if let Some(foot) = &plot.foot {
        text(&mut svg, 16.0, height - 10.0, "start", "dim foot", foot);
    }
    for value in x.ticks() {
        let (at, label) = (across(value), (plot.x.show)(value));
        let _ = write!(svg, r#"<path class="grid" d="M{at:.1} {TOP}V{:.1}"/>"#, TOP + HIGH);
        text(&mut svg, at, TOP + HIGH + 20.0, "middle", "dim", &label);
    }
    for value in y.ticks() {
        let (at, label) = (up(value), (plot.y.show)(value));
        let _ = write!(svg, r#"<path class="grid" d="M{LEFT} {at:.1}H{:.1}"/>"#, LEFT + WIDE);
        text(&mut svg, LEFT - 8.0, at + 4.0, "end", "dim", &label);
    }
    text(&mut svg, LEFT + WIDE / 2.0, TOP + HIGH + 46.0, "middle", "dim", plot.x.title);
    let middle = TOP + HIGH / 2.0;
    let _ = write!(
        svg,
        r#"<text class="dim" text-anchor="middle" transform="translate(18 {middle:.1}) rotate(-90)">{}</text>"#,
        escape(plot.y.title)
    );
    // Ours is drawn last, so that nothing covers it.
    for line in plot.lines.iter().rev() {
        let class = if line.column == "fulgurite" { "line strong" } else { "line" };
        let dash = if line.column == "memcpy" { r#" stroke-dasharray="3 4""# } else { "" };
        let path: Vec<String> = line.points.iter().map(|(x, y)| format!("{:.1} {:.1}", across(*x), up(*y))).collect();
        let _ = write!(
            svg,
            r#"<path class="{class}" style="stroke:var(--{})"{dash} d="M{}"/>"#,
            line.column,
            path.join("L")
        );
        for (x, y) in &line.points {
            let (x, y) = (across(*x), up(*y));
            let _ = write!(svg, r#"<circle r="3.5" cx="{x:.1}" cy="{y:.1}" style="fill:var(--{})"/>"#, line.column);
        }
    }
    let last = |line: &Line| line.points.last().map(|end| end.0);
    if let Some(at) = plot.lines.first().and_then(last).filter(|at| plot.lines.iter().all(|it| last(it) == Some(*at))) {
        text(&mut svg, width - 16.0, 26.0, "end", "dim", &format!("at {}", (plot.x.show)(at)));
    }
    let ends: Vec<_> = plot.lines.iter().filter_map(|line| line.points.last().map(|end| (line, end))).collect();
    let wished: Vec<f64> = ends.iter().map(|(_, end)| up(end.1)).collect();
    for ((line, end), at) in ends.iter().zip(apart(&wished, 18.0, TOP + HIGH)) {
        let (x, y) = (across(end.0), up(end.1));
        let label = LEFT + WIDE + 16.0;
        let _ = write!(
            svg,
            r#"<path d="M{:.1} {y:.1}L{:.1} {at:.1}" style="stroke:var(--{});stroke-width:1;opacity:.5"/>"#,
            x + 5.0,
            label - 3.0,
            line.column
        );
        let weight = if line.column == "fulgurite" { ";font-weight:600" } else { "" };
        let _ = write!(
            svg,
            r#"<text x="{label:.1}" y="{:.1}" style="fill:var(--{}){weight}">{}</text>"#,
            at + 4.5,
            line.column,
            escape(&line.label)
        );
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// Bars from 1 to the left and to the right, in the order in which they come.
pub(super) fn bars(title: &str, worse: &str, better: &str, all: &[Bar]) -> Option<String> {
    const ROW: f64 = 20.0;
    const NAMES: f64 = 220.0;
    let scale = Scale::of(all.iter().map(|bar| bar.ratio).chain([0.5, 2.0]))?;
    if all.is_empty() {
        return None;
    }
    let (wide, high) = (560.0, ROW * all.len() as f64);
    let across = |value: f64| NAMES + scale.part(value) * wide;
    let mut svg = open(NAMES + wide + 70.0, TOP + high + BELOW, title);
    for value in scale.ticks() {
        let at = across(value);
        let _ = write!(svg, r#"<path class="grid" d="M{at:.1} {TOP}V{:.1}"/>"#, TOP + high);
        text(&mut svg, at, TOP + high + 20.0, "middle", "dim", &times(value));
    }
    let one = across(1.0);
    for (at, bar) in all.iter().enumerate() {
        let (top, end) = (TOP + ROW * at as f64, across(bar.ratio));
        let colour = if bar.ratio >= 1.0 { "fulgurite" } else { "node-runtime" };
        let _ = write!(
            svg,
            r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="2" style="fill:var(--{colour})"/>"#,
            one.min(end),
            top + 3.0,
            (end - one).abs().max(1.0),
            ROW - 6.0
        );
        text(&mut svg, NAMES - 10.0, top + 14.5, "end", "", &bar.label);
        text(&mut svg, one.max(end) + 6.0, top + 14.5, "start", "", &times(bar.ratio));
    }
    let _ = write!(svg, r#"<path d="M{one:.1} {TOP}V{:.1}" style="stroke:var(--ink);stroke-width:1.5"/>"#, TOP + high);
    text(&mut svg, one - 10.0, TOP + high + 44.0, "end", "dim", worse);
    text(&mut svg, one + 10.0, TOP + high + 44.0, "start", "dim", better);
    svg.push_str("</svg>");
    Some(svg)
}

/// `0.45×`, `3.1×`, `120×`.
pub(super) fn times(ratio: f64) -> String {
    format!("{}×", digits(ratio))
}

/// Three digits at most, and none that say nothing.
pub(super) fn digits(value: f64) -> String {
    let text = match value.abs() {
        ..0.095 => format!("{value:.3}"),
        ..0.995 => format!("{value:.2}"),
        ..9.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn open(width: f64, height: f64, title: &str) -> String {
    let mut svg = format!(
        r#"<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" role="img" aria-label="{}"><style>{STYLE}</style><rect width="100%" height="100%" style="fill:var(--paper)"/>"#,
        escape(title)
    );
    text(&mut svg, 16.0, 26.0, "start", "title", title);
    svg
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
    let _ =
        write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{}</text>"#, escape(text));
}

/// A logarithmic scale over whole decades where there are several, and a little beyond the figures where there are not.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>) -> Option<Scale> {
        let exponents = values.filter(|value| *value > 0.0).map(f64::log10);
        let (low, high) = exponents.fold((f64::MAX, f64::MIN), |(low, high), it| (low.min(it), high.max(it)));
        (low <= high).then_some(Scale { low: low - 0.1, high: high + 0.1 })
    }

    /// From 0 to 1.
    fn part(&self, value: f64) -> f64 {
        (value.log10() - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let few = self.high - self.low < 2.5;
        let steps: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let (low, high) = (self.low, self.high);
        let decades = low.floor() as i32..=high.ceil() as i32;
        let all = decades.flat_map(move |decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
        all.filter(move |value| (low..=high).contains(&value.log10()))
    }
}

/// Moves labels so that no two are nearer than `gap`, in the order in which they lie.
fn apart(wished: &[f64], gap: f64, lowest: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wished.len()).collect();
    order.sort_by(|a, b| wished[*a].total_cmp(&wished[*b]));
    let mut placed = wished.to_vec();
    for pair in 1..order.len() {
        let (above, below) = (order[pair - 1], order[pair]);
        placed[below] = placed[below].max(placed[above] + gap);
    }
    // What was pushed out below goes up again, and pushes the others.
    let mut limit = lowest;
    for at in order.into_iter().rev() {
        placed[at] = placed[at].min(limit);
        limit = placed[at] - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_cover_each_other() {
        assert_eq!(apart(&[10.0, 50.0], 18.0, 100.0), [10.0, 50.0]);
        assert_eq!(apart(&[50.0, 49.0, 51.0], 10.0, 100.0), [59.0, 49.0, 69.0]);
        assert_eq!(apart(&[99.0, 98.0], 10.0, 100.0), [100.0, 90.0]);
        assert_eq!(apart(&[], 10.0, 100.0), [0.0; 0]);
    }

    #[test]
    fn ticks_are_round_numbers() {
        let ticks = |low, high| Scale { low, high }.ticks().collect::<Vec<_>>();
        assert_eq!(ticks(-0.1, 3.1), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(ticks(-0.1, 1.1), [1.0, 2.0, 5.0, 10.0]);
    }

    #[test]
    fn figures_are_short() {
        let check = |value, text: &str| assert_eq!(times(value), text);
        check(0.0174, "0.017×");
        check(0.456, "0.46×");
        check(1.0, "1×");
        check(3.12, "3.1×");
        check(42.4, "42×");
        check(1234.0, "1234×");
        check(100.0, "100×");
    }

    #[test]
    fn nothing_has_no_plot() {
        let axis = || Axis { title: "x", show: digits };
        assert!(lines(&Lines { title: "t", x: axis(), y: axis(), lines: Vec::new(), foot: None }).is_none());
        assert!(bars("t", "a", "b", &[]).is_none());
    }
}
