//! The committed counts, and what is said of new ones beside them. Pure but for reading the file.

use anyhow::{Context, Result};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _, fs, io::ErrorKind, path::Path};

/// Names and instructions.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Growth of more than this fails; shrinkage of more than this is worth a new baseline.
const PERCENT: u64 = 5;

/// The committed file: counts by instruction set, of which each has code of its own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Baseline {
    /// Whose code was counted.
    pub(crate) toolchain: String,
    sets: BTreeMap<String, Counts>,
}

impl Baseline {
    /// Reads the file; nothing is in one that is not there.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Self::default()),
            text => text.map_err(Into::into).and_then(|text| Self::parse(&text)),
        }
        .with_context(|| format!("reading {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let mut baseline = Self::default();
        for (name, value) in value.as_object().context("it is no object")? {
            match value.as_object() {
                None => {
                    value
                        .as_str()
                        .context("what is no set of counts is the toolchain")?
                        .clone_into(&mut baseline.toolchain);
                }
                Some(counts) => {
                    let counts = counts.iter().map(|(name, count)| {
                        Ok((name.clone(), count.as_u64().with_context(|| format!("{name} has no count"))?))
                    });
                    baseline.sets.insert(name.clone(), counts.collect::<Result<_>>()?);
                }
            }
        }
        Ok(baseline)
    }

    /// The counts of an instruction set; none, if nobody has counted there.
    pub(crate) fn of(&self, instruction_set: &str) -> &Counts {
        static NONE: Counts = Counts::new();
        self.sets.get(instruction_set).unwrap_or(&NONE)
    }

    /// Puts these counts in the place of those of the same instruction set.
    pub(crate) fn bless(&mut self, toolchain: String, instruction_set: &str, counts: Counts) {
        self.toolchain = toolchain;
        self.sets.insert(instruction_set.to_owned(), counts);
    }

    /// The file: sorted, a line for each name.
    pub(crate) fn text(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut text = format!("{{\n  \"toolchain\": {}", quoted(&self.toolchain));
        for (set, counts) in &self.sets {
            let lines: Vec<_> = counts.iter().map(|(name, n)| format!("    {}: {n}", quoted(name))).collect();
            let _ = write!(text, ",\n  {}: {{\n{}\n  }}", quoted(set), lines.join(",\n"));
        }
        text + "\n}\n"
    }
}

/// One name: what is committed and what was counted, of which at least one is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    name: String,
    known: Option<u64>,
    now: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Grown,
    Shrunk,
    /// Counted, and not in the file.
    Unknown,
    /// In the file, and there is no such case.
    Gone,
}

impl Row {
    fn verdict(&self) -> Verdict {
        match (self.known, self.now) {
            (None, _) => Verdict::Unknown,
            (_, None) => Verdict::Gone,
            (Some(known), Some(now)) if now * 100 > known * (100 + PERCENT) => Verdict::Grown,
            (Some(known), Some(now)) if now * 100 < known * (100 - PERCENT) => Verdict::Shrunk,
            _ => Verdict::Fine,
        }
    }

    /// `+7.3 %`; nothing where there is nothing to compare.
    fn change(&self) -> String {
        match (self.known, self.now) {
            (Some(known), Some(now)) => format!("{:+.2} %", (now as f64 / known.max(1) as f64 - 1.0) * 100.0),
            _ => String::new(),
        }
    }
}

/// Puts both side by side.
pub(crate) fn compare(known: &Counts, now: &Counts) -> Vec<Row> {
    let mut names: Vec<_> = known.keys().chain(now.keys()).collect();
    names.sort();
    names.dedup();
    let row = |name: &String| Row { name: name.clone(), known: known.get(name).copied(), now: now.get(name).copied() };
    names.into_iter().map(row).collect()
}

/// All rows, for people.
pub(crate) fn table(rows: &[Row]) -> String {
    const TITLE: &str = "instructions";
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(TITLE.len());
    let mut text = format!("{TITLE:<width$}  {:>14}  {:>14}  {:>9}\n", "baseline", "now", "change");
    for row in rows {
        let shown = |count: Option<u64>| count.map_or("–".into(), grouped);
        let note = match row.verdict() {
            Verdict::Fine => "",
            Verdict::Grown => "  GROWN",
            Verdict::Shrunk => "  shrunk",
            Verdict::Unknown => "  not in the baseline",
            Verdict::Gone => "  no such case",
        };
        let (known, now, change) = (shown(row.known), shown(row.now), row.change());
        let _ =
            writeln!(text, "{}", format!("{:<width$}  {known:>14}  {now:>14}  {change:>9}{note}", row.name).trim_end());
    }
    text
}

/// What is wrong, if anything is.
pub(crate) fn complaint(rows: &[Row]) -> Option<String> {
    let lines: Vec<_> = rows
        .iter()
        .filter_map(|row| match row.verdict() {
            Verdict::Grown => {
                let (known, now) = (row.known.map(grouped)?, row.now.map(grouped)?);
                Some(format!("  {}: {known} instructions have become {now} ({})", row.name, row.change()))
            }
            Verdict::Unknown => Some(format!("  {}: is not in the baseline", row.name)),
            Verdict::Gone => Some(format!("  {}: is in the baseline, and there is no such case", row.name)),
            Verdict::Fine | Verdict::Shrunk => None,
        })
        .collect();
    (!lines.is_empty()).then(|| format!("instruction counts are not what they were\n{}", lines.join("\n")))
}

/// What is said when nothing is wrong.
pub(crate) fn summary(rows: &[Row]) -> String {
    let largest = rows.iter().max_by(|a, b| growth(a).total_cmp(&growth(b)));
    let change = largest.map_or(String::new(), |row| format!(", {} at most", row.change()));
    let shrunk: Vec<_> =
        rows.iter().filter(|row| row.verdict() == Verdict::Shrunk).map(|row| row.name.as_str()).collect();
    let hint = match shrunk.is_empty() {
        true => String::new(),
        false => format!("; cheaper than committed, so bless them: {}", shrunk.join(", ")),
    };
    format!("{} counts{change}{hint}", rows.len())
}

fn growth(row: &Row) -> f64 {
    row.now.unwrap_or(0) as f64 / row.known.unwrap_or(0).max(1) as f64
}

/// `1,234,567`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(entries: &[(&str, u64)]) -> Counts {
        entries.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn growth_of_more_than_five_percent_fails() {
        let check = |now: u64, expected: Verdict| {
            let rows = compare(&counts(&[("a", 1000)]), &counts(&[("a", now)]));
            assert_eq!(rows[0].verdict(), expected, "{now}");
            assert_eq!(complaint(&rows).is_some(), expected == Verdict::Grown, "{now}");
        };
        check(1000, Verdict::Fine);
        check(1050, Verdict::Fine);
        check(1051, Verdict::Grown);
        check(950, Verdict::Fine);
        check(949, Verdict::Shrunk);
    }

    #[test]
    fn a_name_on_one_side_only_fails() {
        let unknown = complaint(&compare(&counts(&[]), &counts(&[("new", 1)]))).unwrap();
        assert!(unknown.contains("new: is not in the baseline"), "{unknown}");
        let gone = complaint(&compare(&counts(&[("old", 1)]), &counts(&[]))).unwrap();
        assert!(gone.contains("old: is in the baseline"), "{gone}");
    }

    #[test]
    fn shrinkage_is_a_hint() {
        let rows = compare(&counts(&[("a", 100), ("b", 100)]), &counts(&[("a", 50), ("b", 101)]));
        assert_eq!(complaint(&rows), None);
        assert_eq!(summary(&rows), "2 counts, +1.00 % at most; cheaper than committed, so bless them: a");
    }

    #[test]
    fn the_table_has_a_row_for_each_name() {
        let rows = compare(&counts(&[("a", 1_000_000), ("b", 5)]), &counts(&[("a", 2_000_000), ("c", 7)]));
        let expected = "\
instructions        baseline             now     change
a                  1,000,000       2,000,000  +100.00 %  GROWN
b                          5               –             no such case
c                          –               7             not in the baseline
";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn the_file_is_sorted_and_reads_as_written() {
        let mut baseline = Baseline::default();
        baseline.bless("rustc 1".into(), "x", counts(&[("b", 2), ("a", 1)]));
        baseline.bless("rustc 2".into(), "a", counts(&[("b", 3)]));
        let text = baseline.text();
        assert_eq!(
            text,
            "{\n  \"toolchain\": \"rustc 2\",\n  \"a\": {\n    \"b\": 3\n  },\n  \"x\": {\n    \"a\": 1,\n    \"b\": 2\n  }\n}\n"
        );
        assert_eq!(Baseline::parse(&text).unwrap(), baseline);
    }

    #[test]
    fn a_file_that_is_no_baseline_is_refused() {
        for text in ["", "[]", "{\"x\": 1}", "{\"x\": {\"a\": \"1\"}}"] {
            assert!(Baseline::parse(text).is_err(), "{text}");
        }
    }
}
