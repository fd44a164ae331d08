//! `cargo xtask test`: everything that has to hold before a change is one: V8, format, rules, lints, tests.

use crate::{guard, stage::Stages, tidy, v8, workspace};
use anyhow::Result;
use std::{path::Path, process::Command};

/// The feature that is off by default: all tests are run with it, because it only adds something.
const OTLP: [&str; 2] = ["--features", "fulgurite/otlp"];

/// Runs all stages; the first that fails ends it.
pub(crate) fn run(root: &Path, fix: bool) -> Result<()> {
    v8::ensure(root, &v8::Request::default())?;
    let mut stages = Stages::new(workspace::target(root)?)?;
    let cargo = |args: &[&str]| {
        let mut command = workspace::cargo(root);
        command.args(args);
        command
    };
    let silent = |_: &str| String::new();

    if fix {
        stages.command("fmt", &mut cargo(&["fmt", "--all"]), silent, "mend what rustfmt cannot read")?;
    } else {
        let check = &mut cargo(&["fmt", "--all", "--check"]);
        stages.command("fmt", check, silent, "cargo xtask test --fix, or cargo fmt --all")?;
    }
    stages.work("tidy", || Ok(format!("{} files", tidy::check(root)?)))?;
    let clippy = &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    stages.command("clippy", clippy, silent, "mend what clippy names; it is shown above")?;
    // Of the whole workspace, so that packages keep their features: the host alone is checked again.
    let otlp = &mut cargo(&["clippy", "--workspace", "--all-targets", OTLP[0], OTLP[1], "--", "-D", "warnings"]);
    stages.command("otlp", otlp, silent, "mend what clippy names; it is shown above")?;
    let help = "mend it; one test alone: cargo test -p <crate> <name>";
    if nextest() {
        stages.command(
            "tests",
            &mut cargo(&["nextest", "run", "--workspace", OTLP[0], OTLP[1], "--no-fail-fast"]),
            passed,
            help,
        )?;
        // nextest leaves the examples in the documentation to cargo.
        stages.command("docs", &mut cargo(&["test", "--workspace", OTLP[0], OTLP[1], "--doc"]), passed, help)?;
    } else {
        stages.command(
            "tests",
            &mut cargo(&["test", "--workspace", OTLP[0], OTLP[1], "--no-fail-fast"]),
            passed,
            help,
        )?;
    }
    stages.work("guard", || guard::check(root))?;
    stages.summary();
    Ok(())
}

fn nextest() -> bool {
    let answer = Command::new("cargo-nextest").args(["nextest", "--version"]).output();
    answer.is_ok_and(|o| o.status.success())
}

/// How many tests a log of nextest or of cargo reports.
fn passed(log: &str) -> String {
    let nextest = log.lines().rev().find(|l| l.trim_start().starts_with("Summary [")).and_then(|l| {
        let (_, counts) = l.split_once("] ")?;
        Some(counts.trim().to_owned())
    });
    nextest.unwrap_or_else(|| {
        let results = log.lines().filter_map(|l| l.strip_prefix("test result: ok. ")?.split_once(" passed"));
        format!("{} passed", results.filter_map(|(n, _)| n.parse::<u64>().ok()).sum::<u64>())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_in_either_log() {
        let nextest = "   PASS a\n     Summary [   0.061s] 21 tests run: 21 passed, 0 skipped\n";
        assert_eq!(passed(nextest), "21 tests run: 21 passed, 0 skipped");
        let cargo = "test result: ok. 3 passed; 0 failed\n\ntest result: ok. 4 passed; 0 failed\n";
        assert_eq!(passed(cargo), "7 passed");
    }
}
