//! On what machine, from what revision, and when.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::size;

/// What figures depend on and no bench can change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: u64,
    /// Bytes.
    pub(super) memory: u64,
    pub(super) kernel: String,
    /// Of this repository; with `-dirty` when there was more.
    pub(super) revision: String,
    pub(super) date: String,
    /// Processes that wanted to run when it began, by the kernel's average over a minute.
    pub(super) load: String,
}

impl Machine {
    /// In one line.
    pub(super) fn line(&self) -> String {
        let Machine { cpu, cores, memory, kernel, load, .. } = self;
        format!("{cpu}, {cores} cores, {} of memory, {kernel}, load {load} when it began", size::show(*memory))
    }

    pub(super) fn to_json(&self) -> Value {
        let Machine { cpu, cores, memory, kernel, revision, date, load } = self;
        json!({
            "cpu": cpu, "cores": cores, "memory": memory, "kernel": kernel, "revision": revision, "date": date, "load": load,
        })
    }

    pub(super) fn from_json(value: &Value) -> Machine {
        let text = |key: &str| value[key].as_str().unwrap_or("unknown").to_owned();
        let number = |key: &str| value[key].as_u64().unwrap_or(0);
        Machine {
            cpu: text("cpu"),
            cores: number("cores"),
            memory: number("memory"),
            kernel: text("kernel"),
            revision: text("revision"),
            date: text("date"),
            load: text("load"),
        }
    }
}

/// This one, now.
pub(super) fn describe(root: &Path) -> Machine {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let memory = field(&file("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kilobytes: u64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let kernel = file("/proc/sys/kernel/osrelease");
    Machine {
        cpu: field(&file("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64),
        memory: kilobytes << 10,
        kernel: format!("Linux {}", kernel.trim()),
        revision: revision(root).unwrap_or_else(|| "unknown".into()),
        date: date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())),
        load: file("/proc/loadavg").split(' ').next().unwrap_or_default().into(),
    }
}

fn revision(root: &Path) -> Option<String> {
    // What is rendered from measurements may differ; the code that is measured may not.
    let git =
        |args: &[&str]| Command::new("git").current_dir(root).args(args).output().ok().filter(|o| o.status.success());
    let head = String::from_utf8(git(&["rev-parse", "--short=10", "HEAD"])?.stdout).ok()?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!*.md", ":!docs"])?;
    let dirty = if changed.stdout.is_empty() { "" } else { "-dirty" };
    Some(format!("{}{dirty}", head.trim()))
}

/// Seconds since 1970 as people write them.
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, so that a leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month < 3);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3600, rest / 60 % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_are_those_of_the_calendar() {
        let check = |seconds, text: &str| assert_eq!(super::date(seconds), text);
        check(0, "1970-01-01 00:00 UTC");
        check(951_782_400, "2000-02-29 00:00 UTC");
        check(951_868_800, "2000-03-01 00:00 UTC");
        check(1_767_225_599, "2025-12-31 23:59 UTC");
        check(1_795_361_400, "2026-11-22 15:30 UTC");
    }
}
