//! The columns of the side-by-side, and how the driver of each is started.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::peers::Peers;
use crate::workspace;

/// The bench that is a driver and measures nothing when it is run alone.
pub(super) const DRIVER: &str = "driver";

/// Megabytes of heap that everybody may have. Production's limits are far lower (500 MB a run in OpenFn's worker); a lower one
/// would only turn figures into failures.
const MEMORY: &str = "12288";

pub(super) const OURS: &str = "fulgurite";
pub(super) const RUNTIME: &str = "node-runtime";
pub(super) const FLOOR: &str = "floor";

/// How a column is shown.
pub(super) struct Shown {
    pub(super) id: &'static str,
    /// In tables and at the ends of lines.
    pub(super) label: &'static str,
    /// One sentence.
    pub(super) about: &'static str,
}

/// All of them, in the order in which they are shown.
pub(super) const COLUMNS: [Shown; 6] = [
    Shown { id: OURS, label: "Fulgurite", about: "a fresh isolate on a thread of a warm process" },
    Shown {
        id: "fulgurite-child",
        label: "Fulgurite, child process",
        about: "the same run in a warm, hardened child, as the worker has it",
    },
    Shown {
        id: RUNTIME,
        label: "@openfn/runtime",
        about: "JSON.parse, OpenFn's runtime in a warm Node process, JSON.stringify: the least that production does",
    },
    Shown {
        id: "node-engine",
        label: "@openfn/engine-multi",
        about: "JSON.parse, OpenFn's engine with its child process and a thread for the run, JSON.stringify: what OpenFn's worker does before it speaks to the server",
    },
    Shown {
        id: FLOOR,
        label: "V8 parse + stringify",
        about: "bare JSON.parse, JSON.stringify and a copy to UTF-8 in an isolate of ours: the floor of everybody who parses; no job",
    },
    Shown { id: "memcpy", label: "memcpy", about: "the bytes of the state copied into memory that is there already" },
];

/// A column that can be started, or why it cannot.
pub(super) struct Column {
    pub(super) id: &'static str,
    pub(super) start: Result<Start, String>,
    /// Whether it has an output that must be like ours.
    pub(super) has_output: bool,
}

/// How a driver is started.
pub(super) struct Start {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
}

impl Start {
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder);
        // What somebody has set for other purposes decides nothing here.
        command.env_remove("NODE_OPTIONS");
        command
    }
}

/// Builds our driver; where it is.
pub(super) fn build(root: &Path) -> Result<PathBuf> {
    let out = workspace::cargo(root)
        .args([
            "bench",
            "--no-run",
            "-p",
            "fulgurite",
            "--bench",
            DRIVER,
            "--message-format",
            "json-render-diagnostics",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("running cargo bench")?;
    ensure!(out.status.success(), "the driver does not build; the message is above");
    let lines = String::from_utf8_lossy(&out.stdout);
    let built = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        (message["target"]["name"] == DRIVER).then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    built.context("cargo names no driver that it has built")
}

/// All columns.
pub(super) fn all(ours: &Path, peers: &Peers) -> Vec<Column> {
    let native = |id, column: &str, has_output| Column {
        id,
        start: Ok(Start {
            program: ours.to_owned(),
            arguments: vec![column.into(), MEMORY.into()],
            folder: ours.parent().unwrap_or(Path::new(".")).to_owned(),
        }),
        has_output,
    };
    let node = |id, column: &str| Column {
        id,
        start: peers.column(column).map(|(program, folder)| Start {
            program,
            arguments: [
                "--experimental-vm-modules",
                "--no-warnings",
                "--expose-gc",
                &format!("--max-old-space-size={MEMORY}"),
                "driver.mjs",
                column,
                MEMORY,
            ]
            .map(str::to_owned)
            .into(),
            folder,
        }),
        has_output: true,
    };
    let [ours, child, runtime, engine, floor, memcpy] = COLUMNS.map(|shown| shown.id);
    vec![
        native(ours, "here", true),
        native(child, "apart", true),
        node(runtime, "runtime"),
        node(engine, "engine"),
        native(floor, "floor", false),
        native(memcpy, "memcpy", false),
    ]
}
