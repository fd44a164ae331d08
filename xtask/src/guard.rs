//! `cargo xtask guard`: counts the instructions of what every step does, and compares them with a committed file.
//!
//! Times depend on the machine and on who else uses it; callgrind's counts do not: valgrind shows every program the same made-up
//! processor, and the cases (`benches/instructions/`) leave nothing to chance, so that two runs agree to the instruction. What is
//! counted is the tests' own build, debug assertions included: V8 is not compiled again, and what grows there grows in a
//! release.

mod baseline;

use crate::{debian, stage, v8, workspace};
use anyhow::{Context, Result, bail, ensure};
use baseline::{Baseline, Counts};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// The committed counts.
const BASELINE: &str = "benches/instructions.json";

/// The benches with the cases.
const BENCHES: &str = "instructions-*";

/// The function inside which instructions count, as `benches/instructions/counted.rs` has it.
const COUNTED: &str = "*counted::counted*";

/// What to do with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Compare them, and fail where they have grown.
    Compare,
    /// Make them the committed ones.
    Bless,
}

/// Counts, and shows a table.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<()> {
    v8::ensure(root, &v8::Request::default())?;
    let measured = measure(root)?;
    let path = root.join(BASELINE);
    let mut baseline = Baseline::read(&path)?;
    let rows = baseline::compare(baseline.of(&measured.instruction_set), &measured.counts);
    print!("{}", baseline::table(&rows));
    if mode == Mode::Bless {
        baseline.bless(measured.toolchain, &measured.instruction_set, measured.counts);
        fs::write(&path, baseline.text()).with_context(|| format!("writing {}", path.display()))?;
        println!("{BASELINE} has the counts of {} now", measured.instruction_set);
        return Ok(());
    }
    println!("{}", judge(&baseline, &measured)?);
    Ok(())
}

/// Counts and compares, as a stage of the tests; says how it went in a few words.
pub(crate) fn check(root: &Path) -> Result<String> {
    if !cfg!(target_os = "linux") {
        return Ok("not counted: callgrind is for Linux".into());
    }
    let measured = measure(root)?;
    judge(&Baseline::read(&root.join(BASELINE))?, &measured)
}

/// What was counted, and by whose code.
struct Measured {
    toolchain: String,
    instruction_set: String,
    counts: Counts,
}

fn judge(baseline: &Baseline, measured: &Measured) -> Result<String> {
    let known = baseline.of(&measured.instruction_set);
    if known.is_empty() {
        // Another kind of machine: there is nothing that could have grown.
        return Ok(format!(
            "not judged: {BASELINE} has no counts for {}; `cargo xtask guard --bless` adds them",
            measured.instruction_set
        ));
    }
    let rows = baseline::compare(known, &measured.counts);
    if let Some(complaint) = baseline::complaint(&rows) {
        let other = match baseline.toolchain.as_str() {
            known if known == measured.toolchain => String::new(),
            known => format!("\n  note:  the committed counts are of {known}, these of {}", measured.toolchain),
        };
        bail!("{complaint}{other}\n  to do: make it cheap again, or run `cargo xtask guard --bless` if that is meant");
    }
    Ok(baseline::summary(&rows))
}

fn measure(root: &Path) -> Result<Measured> {
    debian::ensure("counting instructions", &["valgrind".into()], || debian::which("valgrind").is_some())?;
    let valgrind = debian::which("valgrind").context("valgrind is not on the path")?;
    let logs = workspace::target(root)?.join("xtask/guard");
    fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;

    let mut cases = Vec::new();
    for bench in build(root)? {
        let listed = output(Command::new(&bench).arg("--list"))?;
        cases.extend(listed.lines().map(|name| (bench.clone(), name.to_owned())));
    }
    ensure!(!cases.is_empty(), "there are no benches whose names begin like {BENCHES}");

    let (next, counted) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((bench, name)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let count = count(&valgrind, bench, name, &logs);
                    counted.lock().expect("nobody panics").push((name.clone(), count));
                }
            });
        }
    });

    let mut measured = Measured { toolchain: toolchain(root)?, instruction_set: String::new(), counts: Counts::new() };
    for (name, count) in counted.into_inner().expect("nobody panics") {
        let (instruction_set, instructions) = count.with_context(|| format!("counting {name}"))?;
        measured.instruction_set = instruction_set;
        ensure!(measured.counts.insert(name.clone(), instructions).is_none(), "two cases are called {name}");
    }
    Ok(measured)
}

/// Builds the benches as tests are built, with the whole workspace's features, so that nothing is compiled twice.
fn build(root: &Path) -> Result<Vec<PathBuf>> {
    let mut command = workspace::cargo(root);
    command.args([
        "test",
        "--workspace",
        "--bench",
        BENCHES,
        "--no-run",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let messages = output(&mut command).context("building the benches")?;
    let executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    Ok(executables.collect())
}

/// Runs one case under callgrind. Returns the instruction set that it saw, and how many instructions it took.
fn count(valgrind: &Path, bench: &Path, name: &str, logs: &Path) -> Result<(String, u64)> {
    let out = logs.join(name).with_extension("callgrind");
    let said = output(
        Command::new(valgrind)
            .env_clear() // it lies on the stack, and the stack's place is to be the same
            .args(["--tool=callgrind", "--smc-check=all-non-file", "--collect-atstart=no"])
            .arg(format!("--toggle-collect={COUNTED}"))
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(bench)
            .arg(name),
    )?;
    let profile = fs::read_to_string(&out).with_context(|| format!("reading {}", out.display()))?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok()).unwrap_or(0);
    ensure!(total > 0, "callgrind has not seen {COUNTED} in {}", bench.display());
    Ok((said.trim().to_owned(), total))
}

fn toolchain(root: &Path) -> Result<String> {
    Ok(output(Command::new("rustc").arg("--version").current_dir(root))?.trim().to_owned())
}

/// What a command says; when it fails, all that it said is the message.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let out = command.output().with_context(|| format!("running {program}"))?;
    if !out.status.success() {
        let text = String::from_utf8_lossy(&out.stderr);
        let lines: Vec<_> = text.lines().filter(|line| !stage::is_routine(line)).collect();
        bail!("{program} failed ({})\n{}", out.status, lines[lines.len().saturating_sub(60)..].join("\n"));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
