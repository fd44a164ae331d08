//! The workspace as cargo sees it: its root, its target folder, its benchmarks.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The root: this crate's folder is one level below.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// The cargo that runs us, or the one on the path, in the given folder.
pub(crate) fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir);
    command
}

/// What `cargo metadata` with these arguments says in that folder.
pub(crate) fn metadata(dir: &Path, args: &[&str]) -> Result<Value> {
    let out = cargo(dir)
        .args(["metadata", "--format-version", "1"])
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .context("running cargo metadata")?;
    ensure!(out.status.success(), "cargo metadata failed in {}; its message is above", dir.display());
    serde_json::from_slice(&out.stdout).context("reading the answer of cargo metadata")
}

/// Where cargo builds.
pub(crate) fn target(root: &Path) -> Result<PathBuf> {
    let metadata = metadata(root, &["--no-deps"])?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata names no target folder")?.into())
}

/// All benchmarks that take times: package and name. Those that have their instructions counted belong to `cargo xtask guard`.
pub(crate) fn benches(root: &Path) -> Result<Vec<(String, String)>> {
    let metadata = metadata(root, &["--no-deps"])?;
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            if target["kind"].as_array().is_some_and(|k| k.iter().any(|k| k == "bench"))
                && let (Some(package), Some(name)) = (package["name"].as_str(), target["name"].as_str())
                && !name.starts_with("instructions-")
            {
                found.push((package.to_owned(), name.to_owned()));
            }
        }
    }
    Ok(found)
}
