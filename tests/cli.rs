//! The program as its users know it: each folder of `tests/cli/` is one call of `fulgurite`.
//!
//! A case holds `cmd` (the arguments; words as in a shell, with single quotes), optionally `stdin`, the files that the call finds in its
//! working folder, and what is expected of it in `expected/`: `stdout`, `stderr` (nothing, when the file is missing), `exit`
//! (0, when it is missing), and every file that it should have written. A file that it wrote and that is not expected is a failure, too.
//!
//! `UPDATE_CASES=1 cargo test` writes what happened as what is expected; read the difference before you commit it.
//!
//! Times and heap sizes are made the same everywhere; a file called `events.jsonl` is also checked, field by field,
//! against this file's own strict copy of the format.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};

/// One test for each case, and a few that need more than one call.
pub(crate) fn trials() -> Vec<Trial> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cli"));
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("tests/cli is there")
        .map(|entry| entry.expect("tests/cli can be read").path())
        .filter(|path| path.join("cmd").is_file())
        .collect();
    cases.sort();
    let mut trials: Vec<Trial> = cases
        .iter()
        .cloned()
        .map(|case| {
            let name = format!("cli::{}", case.file_name().unwrap_or_default().to_string_lossy());
            Trial::test(name, move || check(&case, &[]))
        })
        .collect();
    // A process of its own changes nothing that anybody sees.
    #[cfg(target_os = "linux")]
    trials.extend(cases.into_iter().filter(|case| runs(case)).map(|case| {
        let name = format!("cli::apart::{}", case.file_name().unwrap_or_default().to_string_lossy());
        Trial::test(name, move || check(&case, &["--isolate-process"]))
    }));
    trials.push(Trial::test("cli::large_files_are_mapped_and_spliced", large::mapped));
    trials.push(Trial::test("cli::a_closed_pipe_is_no_error", large::closed_pipe));
    trials.push(Trial::test("cli::the_documentation_names_every_key", documented));
    trials.push(Trial::test("cli::memory_that_the_build_cannot_keep", memory));
    #[cfg(unix)]
    trials.push(Trial::test("cli::ctrl_c_stops_the_run", || signals::one(&[])));
    #[cfg(target_os = "linux")]
    trials.push(Trial::test("cli::ctrl_c_stops_a_run_apart", || signals::one(&["--isolate-process"])));
    trials
}

/// What a call left behind: `stdout`, `stderr`, `exit` and files.
type Traces = BTreeMap<String, Vec<u8>>;

/// Whether the case gets as far as a run: another flag then changes nothing of what it says.
#[cfg(target_os = "linux")]
fn runs(case: &Path) -> bool {
    let read = |name: &str| fs::read_to_string(case.join(name)).unwrap_or_default();
    let cmd = read("cmd");
    let explains = read("expected/stderr").contains("Usage:") || cmd.contains("--help");
    let here = cmd.starts_with("run ") && !cmd.contains("--isolate-process");
    here && !explains && std::env::var_os("UPDATE_CASES").is_none()
}

fn check(case: &Path, flags: &[&str]) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let before = copy_inputs(case, folder.path())?;
    let cmd = fs::read_to_string(case.join("cmd"))?;
    let stdin = fs::read(case.join("stdin")).unwrap_or_default();

    let mut child = fulgurite(folder.path())
        .args(words(&cmd))
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut pipe = child.stdin.take().ok_or("no stdin")?;
    let writer = std::thread::spawn(move || pipe.write_all(&stdin));
    let output = child.wait_with_output()?;
    // A program that does not read its stdin closes it early.
    let _ = writer.join();

    let mut traces = Traces::new();
    let mut keep = |name: &str, content: Vec<u8>, default: &[u8]| {
        if content != default {
            traces.insert(name.to_owned(), content);
        }
    };
    keep("stdout", normal(&output.stdout), b"");
    keep("stderr", normal(&output.stderr), b"");
    keep("exit", format!("{}\n", output.status.code().unwrap_or(-1)).into_bytes(), b"0\n");
    for (name, content) in files(folder.path())? {
        if before.get(&name) != Some(&content) {
            let content = if name.ends_with("events.jsonl") { events::normal(&content)? } else { content };
            traces.insert(name, content);
        }
    }
    if cmd.contains("--events -") && !output.stdout.is_empty() {
        let lines = events::normal(&output.stdout)?;
        traces.insert("stdout".to_owned(), lines);
    }
    compare(&case.join("expected"), traces)
}

fn compare(folder: &Path, traces: Traces) -> Result<(), Failed> {
    if std::env::var_os("UPDATE_CASES").is_some() {
        let _ = fs::remove_dir_all(folder);
        for (name, content) in traces {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(path, content)?;
        }
        return Ok(());
    }
    let expected = if folder.is_dir() { files(folder)? } else { Traces::new() };
    let mut report = String::new();
    for name in expected.keys().chain(traces.keys().filter(|name| !expected.contains_key(*name))) {
        let (expected, seen) = (expected.get(name), traces.get(name));
        if expected != seen {
            let text = |content: Option<&Vec<u8>>| match content {
                Some(content) => indented(&String::from_utf8_lossy(content)),
                None => "    (nothing)\n".to_owned(),
            };
            report.push_str(&format!("{name}: expected\n{}  but saw\n{}", text(expected), text(seen)));
        }
    }
    if report.is_empty() { Ok(()) } else { Err(report.into()) }
}

/// Every key that any case expects stands in `docs/events.md`.
fn documented() -> Result<(), Failed> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let page = fs::read_to_string(root.join("docs/events.md"))?;
    for (name, content) in files(&root.join("tests/cli"))? {
        if !name.ends_with("expected/events.jsonl") {
            continue;
        }
        for line in String::from_utf8(content)?.lines() {
            let event: BTreeMap<String, serde_json::Value> = serde_json::from_str(line)?;
            if let Some(key) = event.keys().find(|key| !page.contains(&format!("`{key}`"))) {
                return Err(format!("`{key}` of {name} is not in docs/events.md").into());
            }
        }
    }
    Ok(())
}

/// As much memory as the build can keep, and more: only where pointers are compressed there is a largest heap.
fn memory() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("job.js"), "export default [state => state];\n")?;
    let run = |megabytes: usize| {
        fulgurite(folder.path()).args(["run", "job.js", "-O", "--memory", &megabytes.to_string()]).output()
    };
    let largest = fulgurite_runtime::Limits::LARGEST_HEAP.map_or(1 << 20, |bytes| bytes >> 20);
    let most = run(largest)?;
    if most.status.code() != Some(0) {
        return Err(format!("{largest} MB: {}", String::from_utf8_lossy(&most.stderr)).into());
    }
    let more = run(largest + 1)?;
    if more.status.code() != Some(2) {
        return Err(format!("{} MB: {}", largest + 1, more.status).into());
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn fulgurite(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    // What tests compile is not kept with what the user compiles.
    command.env("XDG_CACHE_HOME", std::env::temp_dir().join("fulgurite-tests"));
    command.current_dir(folder).env_remove("RUST_LOG").env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
    // Help is wrapped at the width of the terminal; without one, at 100.
    command.env_remove("COLUMNS");
    command
}

/// Everything of a case but what describes it.
fn copy_inputs(case: &Path, to: &Path) -> Result<Traces, Failed> {
    let mut inputs = files(case)?;
    inputs.retain(|name, _| name != "cmd" && name != "stdin" && !name.starts_with("expected/"));
    for (name, content) in &inputs {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap_or(to))?;
        fs::write(path, content)?;
    }
    Ok(inputs)
}

/// All files below a folder, by their path from there.
fn files(folder: &Path) -> Result<Traces, Failed> {
    let mut found = Traces::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                found.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// The words of a command line; single quotes keep spaces.
fn words(line: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.trim().chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from).collect()
}

/// The text without what differs from one run to the next: times, heap sizes, stamps and the versions.
fn normal(text: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    let text = text.replace(fulgurite_runtime::v8_version(), "<V8's version>");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "<version>");
    let mut all = String::new();
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        all.push_str(&normal_line(line));
        all.push_str(end);
    }
    all.into_bytes()
}

fn normal_line(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let after_word = rest[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '_');
        let number = rest[at..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |len| at + len);
        let unit = rest[number..].strip_prefix(' ').unwrap_or("");
        let unit = unit.find(|c: char| !c.is_alphabetic()).map_or(unit, |len| &unit[..len]);
        let before = &rest[..at];
        let kind = match unit {
            _ if after_word => None,
            "µs" | "ms" | "s" => Some("<time>"),
            "B" | "kB" | "MB" | "GB" if before.ends_with("heap ") || before.ends_with("process ") => Some("<size>"),
            _ if number - at == 16 => Some("<stamp>"),
            _ => None,
        };
        match kind {
            Some("<stamp>") => {
                out.push_str(before);
                out.push_str("<stamp>");
                rest = &rest[number..];
            }
            Some(kind) => {
                // Numbers in tables stand right: their width changes the blanks before them.
                let trimmed = before.trim_end_matches(' ');
                out.push_str(trimmed);
                if trimmed.len() < before.len() {
                    out.push(' ');
                }
                out.push_str(kind);
                rest = &rest[number + 1 + unit.len()..];
            }
            None => {
                out.push_str(&rest[..number]);
                rest = &rest[number..];
            }
        }
    }
    out.push_str(rest);
    // The head of a table stands over columns of any width.
    if out.starts_with("step") || out.contains("<time>") {
        out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    out
}

/// The format of `docs/events.md`, word for word: an unknown or a missing key fails.
mod events {
    use libtest_mimic::Failed;
    use serde::{Deserialize, Deserializer, Serialize};
    use serde_json::Value;

    /// `null` is allowed, absence is not.
    fn there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        Option::deserialize(from)
    }

    /// What a killed step had used changes from run to run.
    fn details<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
        let mut details: Option<Value> = Option::deserialize(from)?;
        if let Some(Value::Object(used)) = details.as_mut().and_then(|details| details.get_mut("used")) {
            used.values_mut().for_each(|number| *number = Value::from(0));
        }
        Ok(details)
    }

    /// See `items` in `docs/events.md`.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Counts {
        calls: u64,
        failed: u64,
        retries: u64,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(tag = "event", deny_unknown_fields)]
    enum Event {
        #[serde(rename = "run:start")]
        RunStart {
            at: String,
            fulgurite: String,
            #[serde(deserialize_with = "there")]
            plan: Option<String>,
            #[serde(deserialize_with = "there")]
            name: Option<String>,
            start: String,
            bytes_in: u64,
            startup_us: u64,
            isolate_us: u64,
        },
        #[serde(rename = "step:start")]
        StepStart {
            at: String,
            execution: u32,
            step: String,
            #[serde(deserialize_with = "there")]
            name: Option<String>,
            #[serde(deserialize_with = "there")]
            caller: Option<String>,
            #[serde(deserialize_with = "there")]
            called_by: Option<u32>,
            #[serde(deserialize_with = "there")]
            input_from: Option<u32>,
            bytes_in: u64,
            over_items: bool,
        },
        #[serde(rename = "log")]
        Log {
            at: String,
            #[serde(deserialize_with = "there")]
            execution: Option<u32>,
            #[serde(deserialize_with = "there")]
            step: Option<String>,
            source: Source,
            level: Level,
            message: String,
        },
        #[serde(rename = "step:complete")]
        StepComplete {
            at: String,
            execution: u32,
            step: String,
            outcome: String,
            reason: Reason,
            #[serde(deserialize_with = "there")]
            kill_reason: Option<KillReason>,
            #[serde(deserialize_with = "there")]
            error_type: Option<String>,
            #[serde(deserialize_with = "there")]
            error_name: Option<String>,
            #[serde(deserialize_with = "there")]
            error_message: Option<String>,
            #[serde(deserialize_with = "there")]
            error_source: Option<String>,
            #[serde(deserialize_with = "details")]
            error_details: Option<Value>,
            #[serde(deserialize_with = "there")]
            hint: Option<String>,
            #[serde(deserialize_with = "there")]
            position: Option<Position>,
            #[serde(deserialize_with = "there")]
            operation: Option<Operation>,
            next: Vec<String>,
            streams: Vec<String>,
            #[serde(deserialize_with = "there")]
            items: Option<Counts>,
            duration_us: u64,
            view_us: u64,
            encode_us: u64,
            load_us: u64,
            bytes_in: u64,
            bytes_parsed: u64,
            bytes_out: u64,
            bytes_spliced: u64,
            state_walks: u64,
            cpu_us: u64,
            context_clones: u64,
            heap_bytes: u64,
            buffer_bytes: u64,
        },
        #[serde(rename = "run:complete")]
        RunComplete {
            at: String,
            outcome: String,
            reason: Reason,
            #[serde(deserialize_with = "there")]
            kill_reason: Option<KillReason>,
            #[serde(deserialize_with = "there")]
            error_type: Option<String>,
            #[serde(deserialize_with = "there")]
            error_name: Option<String>,
            #[serde(deserialize_with = "there")]
            error_message: Option<String>,
            #[serde(deserialize_with = "there")]
            error_source: Option<String>,
            #[serde(deserialize_with = "details")]
            error_details: Option<Value>,
            #[serde(deserialize_with = "there")]
            hint: Option<String>,
            #[serde(deserialize_with = "there")]
            position: Option<Position>,
            #[serde(deserialize_with = "there")]
            operation: Option<Operation>,
            #[serde(deserialize_with = "there")]
            error_step: Option<String>,
            executions: u32,
            results: Vec<Leaf>,
            duration_us: u64,
            view_us: u64,
            encode_us: u64,
            load_us: u64,
            bytes_in: u64,
            bytes_parsed: u64,
            bytes_out: u64,
            bytes_spliced: u64,
            state_walks: u64,
            cpu_us: u64,
            context_clones: u64,
            heap_bytes: u64,
            buffer_bytes: u64,
        },
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Source {
        Job,
        Runtime,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Debug,
        Info,
        Success,
        Warn,
        Error,
        Always,
    }

    #[derive(Serialize, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Reason {
        Success,
        Fail,
        Crash,
        Exception,
        Kill,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum KillReason {
        Timeout,
        Cpu,
        Idle,
        Oom,
        Abort,
        Security,
        Host,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Position {
        file: String,
        line: u32,
        column: u32,
        #[serde(deserialize_with = "there")]
        source_line: Option<String>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Operation {
        #[serde(deserialize_with = "there")]
        name: Option<String>,
        line: u32,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Leaf {
        name: String,
        bytes: u64,
    }

    /// Checks every line and takes out what differs from one run to the next.
    pub(super) fn normal(text: &[u8]) -> Result<Vec<u8>, Failed> {
        let text = std::str::from_utf8(text)?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("the last event has no line break".into());
        }
        let mut last = String::new();
        let mut out = String::new();
        for (number, line) in text.lines().enumerate() {
            let mut event: Event =
                serde_json::from_str(line).map_err(|error| format!("{error} in the event {line}"))?;
            let is_first = matches!(event, Event::RunStart { .. });
            let is_last = matches!(event, Event::RunComplete { .. });
            // A run that could not start has its end only.
            let refused = is_last && number == 0;
            if is_first != (number == 0 && !refused) || is_last != (number + 1 == text.lines().count()) {
                return Err(format!("this event is in the wrong place: {line}").into());
            }
            let (Event::RunStart { at, .. }
            | Event::StepStart { at, .. }
            | Event::Log { at, .. }
            | Event::StepComplete { at, .. }
            | Event::RunComplete { at, .. }) = &mut event;
            if at.len() != 16 || *at <= last {
                return Err(format!("`at` must have 16 digits and be later than {last}: {line}").into());
            }
            last = std::mem::replace(at, "<stamp>".to_owned());
            match &mut event {
                Event::RunStart { fulgurite, startup_us, isolate_us, .. } => {
                    // In a process of its own the isolate was made before the run was there.
                    if *isolate_us == 0 {
                        return Err(format!("no isolate is made in no time: {line}").into());
                    }
                    *fulgurite = "<version>".to_owned();
                    (*startup_us, *isolate_us) = (0, 0);
                }
                Event::StepComplete { reason, kill_reason, outcome, error_message, .. }
                | Event::RunComplete { reason, kill_reason, outcome, error_message, .. } => {
                    if kill_reason.is_some() != (*reason == Reason::Kill)
                        || error_message.is_some() != (*reason != Reason::Success)
                        || outcome.contains(':') != kill_reason.is_some()
                    {
                        return Err(format!("the parts of this ending do not fit together: {line}").into());
                    }
                }
                Event::StepStart { .. } | Event::Log { .. } => {}
            }
            if let Event::StepComplete {
                duration_us,
                view_us,
                encode_us,
                load_us,
                cpu_us,
                heap_bytes,
                buffer_bytes,
                ..
            }
            | Event::RunComplete {
                duration_us,
                view_us,
                encode_us,
                load_us,
                cpu_us,
                heap_bytes,
                buffer_bytes,
                ..
            } = &mut event
            {
                if *view_us + *encode_us + *load_us > *duration_us {
                    return Err(format!("the parts took longer than the whole: {line}").into());
                }
                for changing in [duration_us, view_us, encode_us, load_us, cpu_us, heap_bytes, buffer_bytes] {
                    *changing = 0;
                }
            }
            out.push_str(&serde_json::to_string(&event)?);
            out.push('\n');
        }
        Ok(out.into_bytes())
    }
}

/// States too large to be committed.
mod large {
    use super::*;

    const JOB: &str = "export default [state => ({ ...state, seen: Object.keys(state.data) })];\n";

    fn input(folder: &Path) -> Result<PathBuf, Failed> {
        let item = r#"{"resourceType":"Patient","name":[{"family":"Ærøskøbing","given":["\u0041da"]}],"n":12345.678},"#;
        let mut text = String::from("{\"data\":{\"entry\":[");
        while text.len() < 8 << 20 {
            text.push_str(item);
        }
        text.pop();
        text.push_str("]}}");
        let path = folder.join("state.json");
        fs::write(&path, text)?;
        fs::write(folder.join("job.js"), JOB)?;
        Ok(path)
    }

    /// Over the file that is mapped, and without parsing what the job did not touch.
    pub(super) fn mapped() -> Result<(), Failed> {
        let folder = tempfile::tempdir()?;
        let state = input(folder.path())?;
        let before = fs::read_to_string(&state)?;
        let output = fulgurite(folder.path())
            .args(["run", "job.js", "-s", "state.json", "-o", "state.json", "--events", "events.jsonl"])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let expected = format!("{},\"seen\":[\"entry\"]}}\n", before.strip_suffix('}').ok_or("no object")?);
        if fs::read_to_string(&state)? != expected {
            return Err("what came out is not what went in and the new key".into());
        }
        let events = fs::read_to_string(folder.path().join("events.jsonl"))?;
        events::normal(events.as_bytes())?;
        let end: serde_json::Value = serde_json::from_str(events.lines().last().ok_or("no events")?)?;
        let figure = |name: &str| end[name].as_u64().unwrap_or(u64::MAX);
        if figure("bytes_parsed") > 1000 || (figure("bytes_spliced") as usize) < before.len() - 1000 {
            return Err(format!("more was parsed than was touched: {end}").into());
        }
        Ok(())
    }

    /// `fulgurite run … -O | head -c 1`
    pub(super) fn closed_pipe() -> Result<(), Failed> {
        let folder = tempfile::tempdir()?;
        input(folder.path())?;
        let mut child = fulgurite(folder.path())
            .args(["run", "job.js", "-s", "state.json", "-O"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let output = child.wait_with_output()?;
        if output.status.code() != Some(0) || !output.stderr.is_empty() {
            return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(())
    }
}

#[cfg(unix)]
mod signals {
    use super::*;
    use std::io::{BufRead as _, BufReader};

    /// The events say when the job runs, so nothing has to be guessed about time.
    pub(super) fn one(flags: &[&str]) -> Result<(), Failed> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("job.js"), "export default [() => { for (;;); }];\n")?;
        fs::write(folder.path().join("output.json"), "the old result")?;
        let mut child = fulgurite(folder.path())
            .args(["run", "job.js", "--events", "-"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut events = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
        for line in events.by_ref() {
            if line?.contains("\"step:start\"") {
                break;
            }
        }
        Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
        let last = events.last().ok_or("no event after the signal")??;
        let output = child.wait_with_output()?;
        let end: serde_json::Value = serde_json::from_str(&last)?;
        if end["outcome"] != "kill:abort" || output.status.code() != Some(130) {
            return Err(format!("{}: {last}", output.status).into());
        }
        if fs::read_to_string(folder.path().join("output.json"))? != "the old result" {
            return Err("an interrupted run replaced the old result".into());
        }
        Ok(())
    }
}
