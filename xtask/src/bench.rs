//! `cargo xtask bench`: runs every criterion benchmark of the workspace, or those whose name holds a word.

use crate::{v8, workspace};
use anyhow::{Result, ensure};
use std::path::Path;

/// Runs them with their output as it comes: criterion's figures are what one waits for.
pub(crate) fn run(root: &Path, filter: Option<&str>, quick: bool) -> Result<()> {
    v8::ensure(root, &v8::Request::default())?;
    let benches = workspace::benches(root)?;
    ensure!(!benches.is_empty(), "the workspace has no benchmarks");
    let mut command = workspace::cargo(root);
    command.arg("bench");
    for (package, name) in &benches {
        command.args(["-p", package, "--bench", name]);
    }
    command.arg("--");
    if quick {
        command.arg("--quick");
    }
    command.args(filter);
    let status = command.status()?;
    ensure!(status.success(), "the benchmarks failed ({status}); their message is above");
    Ok(())
}
