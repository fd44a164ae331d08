//! A stage: one command of a longer task, shown as one line with its time.
//!
//! What the command prints goes to a log; on a terminal its latest line is shown while it runs. Only when it fails is
//! the log shown, because then it is the message.

use crate::v8::{Line, duration};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Runs stages and keeps count.
pub(crate) struct Stages {
    logs: PathBuf,
    started: Instant,
    names: Vec<&'static str>,
}

impl Stages {
    /// Logs go to `<target>/xtask/<stage>.log`.
    pub(crate) fn new(target: PathBuf) -> Result<Self> {
        let logs = target.join("xtask");
        fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        Ok(Self { logs, started: Instant::now(), names: Vec::new() })
    }

    /// Runs work of our own. What it returns is shown at the end of the line.
    pub(crate) fn work(&mut self, name: &'static str, work: impl FnOnce() -> Result<String>) -> Result<()> {
        let started = Instant::now();
        let done = work();
        self.line(name, done.is_ok(), started.elapsed(), done.as_deref().unwrap_or_default());
        done.map(drop)
    }

    /// Runs a command; `note` turns its log into what is shown at the end of the line, `help` is said when it fails.
    pub(crate) fn command(
        &mut self,
        name: &'static str,
        command: &mut Command,
        note: fn(&str) -> String,
        help: &str,
    ) -> Result<()> {
        let path = self.logs.join(name).with_extension("log");
        let log = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        if io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("running {}", command.get_program().display()))?;
        let (mut line, mut source) = (Line::new(), File::open(&path)?);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(if started.elapsed().as_secs() < 1 { 10 } else { 100 }));
            if started.elapsed() > Duration::from_millis(500) {
                line.show(&format!("{name}: {}: {}", duration(started.elapsed()), last_line(&mut source)));
            }
        };
        line.clear();
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let note = if status.success() { note(&plain(&text)) } else { String::new() };
        self.line(name, status.success(), started.elapsed(), &note);
        if !status.success() {
            text.lines().filter(|l| !is_routine(&plain(l))).for_each(|l| eprintln!("{l}"));
            bail!("{name} failed ({status})\n  log:   {}\n  to do: {help}", path.display());
        }
        Ok(())
    }

    /// The last line: how many stages, how long.
    pub(crate) fn summary(&self) {
        println!("{} stages ok in {}: {}", self.names.len(), duration(self.started.elapsed()), self.names.join(", "));
    }

    fn line(&mut self, name: &'static str, ok: bool, time: Duration, note: &str) {
        let outcome = if ok { "ok" } else { "FAILED" };
        let seconds = format!("{:.1} s", time.as_secs_f64());
        println!("{}", format!("{name:<8} {outcome:<6} {seconds:>9}  {note}").trim_end());
        self.names.push(name);
    }
}

/// Whether a line only says that work goes on, as most lines of a log do.
pub(crate) fn is_routine(line: &str) -> bool {
    const WORDS: [&str; 6] = ["Compiling", "Checking", "Downloaded", "Fresh", "PASS", "Blocking"];
    line.split_whitespace().next().is_some_and(|first| WORDS.contains(&first))
}

/// The last line that a log has so far.
fn last_line(log: &mut File) -> String {
    let length = log.metadata().map_or(0, |m| m.len());
    let mut tail = Vec::new();
    let read = log.seek(SeekFrom::Start(length.saturating_sub(1000))).and_then(|_| log.read_to_end(&mut tail));
    let text = plain(&String::from_utf8_lossy(&tail));
    read.ok().and_then(|_| Some(text.lines().rfind(|l| !l.trim().is_empty())?.trim().to_owned())).unwrap_or_default()
}

/// The text without a terminal's colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        out.push_str(&part[end..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(plain("\x1b[1m\x1b[32mCompiling\x1b[0m v8"), "Compiling v8");
        assert_eq!(plain("no colours"), "no colours");
    }

    #[test]
    fn routine_is_told_from_messages() {
        assert!(is_routine("   Compiling v8 v150.4.0") && is_routine("        PASS [   0.005s] xtask a"));
        assert!(
            !is_routine("error: expected one of `;`")
                && !is_routine("        FAIL [   0.005s] xtask a")
                && !is_routine("")
        );
    }

    #[test]
    fn a_failing_stage_says_where_its_log_is_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let mut stages = Stages::new(dir.path().to_owned()).unwrap();
        stages.command("true", &mut Command::new("true"), |_| String::new(), "nothing").unwrap();
        let error = stages.command("false", &mut Command::new("false"), |_| String::new(), "mend it").unwrap_err();
        let error = error.to_string();
        assert!(error.contains("false.log") && error.contains("mend it"), "{error}");
    }
}
