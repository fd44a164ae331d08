//! What was measured, as it is kept: `report.json`.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{machine::Machine, stats};

/// A report of another schema is not read.
const SCHEMA: u64 = 1;

/// Everything of one run of `cargo xtask bench`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// `quick` or `full`.
    pub(super) set: String,
    /// What each column says that it is.
    pub(super) versions: BTreeMap<String, String>,
    /// What has to be known of how it was measured.
    pub(super) notes: Vec<String>,
    pub(super) workloads: Vec<Measured>,
    /// Criterion's latest figures.
    pub(super) criterion: Vec<Criterion>,
}

/// One workload in all columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) name: String,
    /// The part of the name before the size.
    pub(super) group: String,
    /// Chain or fan, when there is more than one step.
    pub(super) graph: Option<String>,
    /// Bytes of the state.
    pub(super) size: u64,
    /// Bytes of our output.
    pub(super) output: Option<u64>,
    /// Whether the columns took turns; where all of them do not fit into memory they go one after another.
    pub(super) in_turn: bool,
    /// By the column's id.
    pub(super) cells: BTreeMap<String, Cell>,
    /// What the time of our run in the middle went into, in nanoseconds.
    pub(super) parts: Vec<(String, u64)>,
    /// Whose output is another than ours, and where.
    pub(super) differs: Vec<String>,
}

/// One workload in one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Runs(Vec<Sample>),
    /// It could not: that is a result.
    Failed {
        reason: String,
        detail: String,
    },
    /// The column is not there.
    Missing(String),
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Nanoseconds.
    pub(super) wall: u64,
    /// Nanoseconds, of all processes of the tree.
    pub(super) cpu: u64,
    /// Bytes, of all processes of the tree.
    pub(super) peak: u64,
}

/// A figure of criterion's, in nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Criterion {
    pub(super) name: String,
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

impl Report {
    pub(super) fn new(machine: Machine, set: &str) -> Report {
        Report {
            machine,
            set: set.into(),
            versions: BTreeMap::new(),
            notes: Vec::new(),
            workloads: Vec::new(),
            criterion: Vec::new(),
        }
    }

    pub(super) fn read(path: &Path) -> Result<Report> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Report::from_json(&text).with_context(|| format!("{} is no report", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.to_json() + "\n").with_context(|| format!("writing {}", path.display()))
    }

    /// All outputs that are not what ours are, each with its workload.
    pub(super) fn differing(&self) -> impl Iterator<Item = &str> {
        self.workloads.iter().flat_map(|workload| workload.differs.iter().map(String::as_str))
    }

    pub(super) fn to_json(&self) -> String {
        let criterion = self.criterion.iter().map(|it| json!([it.name, it.low, it.median, it.high]));
        let value = json!({
            "schema": SCHEMA,
            "machine": self.machine.to_json(),
            "set": self.set,
            "versions": self.versions,
            "notes": self.notes,
            "workloads": self.workloads.iter().map(Measured::to_json).collect::<Vec<_>>(),
            "criterion": criterion.collect::<Vec<_>>(),
        });
        format!("{value:#}")
    }

    pub(super) fn from_json(text: &str) -> Result<Report> {
        let value: Value = serde_json::from_str(text)?;
        match value["schema"].as_u64() {
            Some(SCHEMA) => {}
            Some(other) => bail!("its schema is {other}, and this program knows {SCHEMA}"),
            None => bail!("it names no schema"),
        }
        let criterion = list(&value["criterion"]).map(|it| {
            Some(Criterion {
                name: it[0].as_str()?.into(),
                low: it[1].as_f64()?,
                median: it[2].as_f64()?,
                high: it[3].as_f64()?,
            })
        });
        let versions = value["versions"].as_object().into_iter().flatten();
        Ok(Report {
            machine: Machine::from_json(&value["machine"]),
            set: text_of(&value["set"]),
            versions: versions.map(|(column, version)| (column.clone(), text_of(version))).collect(),
            notes: list(&value["notes"]).map(text_of).collect(),
            workloads: list(&value["workloads"]).map(Measured::from_json).collect::<Result<_>>()?,
            criterion: criterion.collect::<Option<_>>().context("a figure of criterion's is not one")?,
        })
    }
}

impl Measured {
    pub(super) fn wall(&self, column: &str) -> Option<stats::Spread> {
        self.runs(column, |sample| sample.wall as f64 / 1e9)
    }

    pub(super) fn cpu(&self, column: &str) -> Option<stats::Spread> {
        self.runs(column, |sample| sample.cpu as f64 / 1e9)
    }

    /// The most of all runs, in bytes.
    pub(super) fn peak(&self, column: &str) -> Option<f64> {
        self.runs(column, |sample| sample.peak as f64).map(|spread| spread.high)
    }

    /// How many times the median of `left` is that of `right`.
    pub(super) fn ratio(&self, left: &str, right: &str) -> Option<f64> {
        Some(self.wall(left)?.median / self.wall(right)?.median)
    }

    fn runs(&self, column: &str, figure: impl Fn(&Sample) -> f64) -> Option<stats::Spread> {
        match self.cells.get(column)? {
            Cell::Runs(runs) => stats::spread(runs.iter().map(figure)),
            Cell::Failed { .. } | Cell::Missing(_) => None,
        }
    }

    fn to_json(&self) -> Value {
        let cell = |cell: &Cell| match cell {
            Cell::Runs(runs) => {
                let median = |figure: fn(&Sample) -> u64| {
                    stats::spread(runs.iter().map(|run| figure(run) as f64)).map(|spread| spread.median)
                };
                json!({
                    "wall_ns": median(|run| run.wall),
                    "cpu_ns": median(|run| run.cpu),
                    "peak_bytes": runs.iter().map(|run| run.peak).max(),
                    "runs": runs.iter().map(|run| json!([run.wall, run.cpu, run.peak])).collect::<Vec<_>>(),
                })
            }
            Cell::Failed { reason, detail } => json!({ "failed": reason, "detail": detail }),
            Cell::Missing(why) => json!({ "missing": why }),
        };
        let cells = self.cells.iter().map(|(column, it)| (column.clone(), cell(it)));
        json!({
            "name": self.name,
            "group": self.group,
            "graph": self.graph,
            "size": self.size,
            "output": self.output,
            "in_turn": self.in_turn,
            "columns": cells.collect::<serde_json::Map<_, _>>(),
            "parts": self.parts.iter().map(|(name, time)| json!([name, time])).collect::<Vec<_>>(),
            "differs": self.differs,
        })
    }

    fn from_json(value: &Value) -> Result<Measured> {
        let cell = |value: &Value| {
            if let Some(reason) = value["failed"].as_str() {
                return Some(Cell::Failed { reason: reason.into(), detail: text_of(&value["detail"]) });
            }
            if let Some(why) = value["missing"].as_str() {
                return Some(Cell::Missing(why.into()));
            }
            let runs = list(&value["runs"])
                .map(|run| Some(Sample { wall: run[0].as_u64()?, cpu: run[1].as_u64()?, peak: run[2].as_u64()? }));
            runs.collect::<Option<_>>().map(Cell::Runs)
        };
        let name = text_of(&value["name"]);
        let cells = value["columns"].as_object().into_iter().flatten();
        let cells = cells.map(|(column, it)| Some((column.clone(), cell(it)?)));
        Ok(Measured {
            group: text_of(&value["group"]),
            graph: value["graph"].as_str().map(str::to_owned),
            size: value["size"].as_u64().with_context(|| format!("{name} has no size"))?,
            output: value["output"].as_u64(),
            in_turn: value["in_turn"].as_bool().unwrap_or(true),
            cells: cells.collect::<Option<_>>().with_context(|| format!("a column of {name} is not one"))?,
            parts: list(&value["parts"]).filter_map(|it| Some((text_of(&it[0]), it[1].as_u64()?))).collect(),
            differs: list(&value["differs"]).map(text_of).collect(),
            name,
        })
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A small report with everything in it that can go wrong.
#[cfg(test)]
pub(super) fn canned() -> Report {
    let runs = |wall: &[u64]| {
        Cell::Runs(wall.iter().map(|&wall| Sample { wall: wall * 1000, cpu: wall * 1500, peak: 50_000_000 }).collect())
    };
    let measured = |name: &str, size, cells: Vec<(&str, Cell)>| {
        let mut parts = name.split('/');
        let group = format!("{}/{}", parts.next().unwrap(), parts.next().unwrap());
        Measured {
            name: name.into(),
            group,
            graph: parts.nth(1).map(str::to_owned),
            size,
            output: Some(size - 10),
            in_turn: true,
            cells: cells.into_iter().map(|(column, cell)| (column.to_owned(), cell)).collect(),
            parts: vec![("isolate".into(), 3_000_000), ("job".into(), 50_000)],
            differs: Vec::new(),
        }
    };
    let missing = || Cell::Missing("not installed: npm <is> not here".into());
    let failed = || Cell::Failed { reason: "out of memory".into(), detail: "heap & more".into() };
    let mut report = Report::new(
        Machine {
            cpu: "A CPU".into(),
            cores: 2,
            memory: 16_000_000_000,
            kernel: "Linux 6".into(),
            revision: "abc1234".into(),
            date: "2026-11-22 15:00 UTC".into(),
            load: "0.10".into(),
        },
        "quick",
    );
    report.versions.insert("fulgurite".into(), "fulgurite 1".into());
    report.notes.push("a note".into());
    report.workloads = vec![
        measured(
            "fhir/one-key/1KB",
            1_000,
            vec![
                ("fulgurite", runs(&[4000, 4100, 3900])),
                ("fulgurite-child", runs(&[4500])),
                ("node-runtime", runs(&[2000, 2200])),
                ("node-engine", missing()),
                ("floor", runs(&[100])),
                ("memcpy", runs(&[1])),
            ],
        ),
        measured(
            "fhir/one-key/100MB",
            100_000_000,
            vec![
                ("fulgurite", runs(&[60_000, 61_000, 62_000])),
                ("node-runtime", runs(&[9_000_000])),
                ("node-engine", failed()),
                ("floor", runs(&[900_000])),
                ("memcpy", runs(&[12_000])),
            ],
        ),
        measured("text/map/1MB/fan-4", 1_000_000, vec![("fulgurite", failed()), ("node-runtime", runs(&[70_000]))]),
    ];
    report.workloads[2].differs.push("text/map/1MB/fan-4, node-runtime: $.a is 1 here and 2 there".into());
    report.criterion.push(Criterion { name: "step/empty".into(), low: 7.0, median: 8.0, high: 9.5 });
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let report = canned();
        assert_eq!(Report::from_json(&report.to_json()).unwrap(), report);
    }

    #[test]
    fn another_schema_is_refused() {
        let text = canned().to_json().replace("\"schema\": 1", "\"schema\": 2");
        assert!(Report::from_json(&text).unwrap_err().to_string().contains("schema is 2"));
        assert!(Report::from_json("{}").is_err());
        assert!(Report::from_json("").is_err());
    }

    #[test]
    fn ratios_are_of_medians() {
        let report = canned();
        assert_eq!(report.workloads[0].ratio("node-runtime", "fulgurite"), Some(2100.0 / 4000.0));
        assert_eq!(report.workloads[0].ratio("node-engine", "fulgurite"), None);
    }
}
