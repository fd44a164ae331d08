//! The rules of the house that no compiler knows, checked over every file that git has or would take.
//!
//! Rules are pure functions from a file to complaints; a complaint names the file, the line, and what to do.

use anyhow::{Context, Result, bail};
use std::{fs, path::Path, process::Command};

/// Paths that only exist on somebody's machine, in two parts so that this file passes its own check.
const MACHINE_PATHS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];

/// Package registries. Which one a machine uses is its own affair, and cargo's settings say it.
const REGISTRIES: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("npm", "js."),
    concat!("py", "pi.org"),
    concat!("artifact", "ory"),
    concat!("://regis", "try."),
    concat!("proxy.go", "lang.org"),
];

/// Crates that know no V8.
const PLAIN: [&str; 7] = ["state/", "plan/", "context/", "engine/", "wire/", "worker/", "lightning/"];

/// Files that tools write: cargo's and npm's own lock files name their registries.
const WRITTEN_BY_TOOLS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// Above this a text file is data.
const LARGEST_TEXT: u64 = 1 << 20;

/// Checks the whole workspace. Returns how many files were looked at.
pub(crate) fn check(root: &Path) -> Result<usize> {
    let files = files(root)?;
    let mut complaints = Vec::new();
    for name in ["README.md", "CHANGELOG.md"] {
        if !files.iter().any(|f| f == name) {
            complaints.push(format!("{name}: missing; to do: write it"));
        }
    }
    for name in &files {
        let path = root.join(name);
        if !path.metadata().is_ok_and(|m| m.is_file() && m.len() <= LARGEST_TEXT) {
            continue; // a link, a deleted file, or data
        }
        if let Ok(text) = fs::read_to_string(&path) {
            complaints.extend(complaints_about(name, &text));
        }
    }
    if complaints.is_empty() {
        return Ok(files.len());
    }
    bail!("{} of the house's rules broken\n  {}", complaints.len(), complaints.join("\n  "))
}

fn complaints_about(name: &str, text: &str) -> Vec<String> {
    let mut all = Vec::new();
    if name.ends_with(".rs") {
        all.extend(opens_with_docs(name, text));
    }
    if PLAIN.iter().any(|f| name.starts_with(f)) {
        all.extend(knows_no_v8(name, text));
    }
    if ["lightning/", "wire/"].iter().any(|f| name.starts_with(f)) {
        all.extend(stands_alone(name, text));
    }
    if PLAIN.iter().chain(&["runtime/"]).any(|f| name.starts_with(f)) {
        all.extend(knows_no_host(name, text));
    }
    if !WRITTEN_BY_TOOLS.iter().any(|f| Path::new(name).ends_with(f)) {
        all.extend(names_no_machine(name, text));
    }
    all
}

/// Every Rust file opens by saying what it is.
fn opens_with_docs(name: &str, text: &str) -> Option<String> {
    let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    (!first.starts_with("//!")).then(|| format!("{name}:1: a file opens with `//!` and what it is"))
}

/// Server and client have nothing in common, so that what one of them gets wrong is seen by the other.
fn stands_alone(name: &str, text: &str) -> Vec<String> {
    if !name.ends_with("Cargo.toml") {
        return Vec::new();
    }
    dependencies(text)
        .filter(|(_, dep)| dep.starts_with("fulgurite"))
        .map(|(line, dep)| format!("{name}:{line}: depends on {dep}; this crate knows no other of ours"))
        .collect()
}

/// These crates are plain Rust: they build and test without V8.
fn knows_no_v8(name: &str, text: &str) -> Vec<String> {
    if !name.ends_with("Cargo.toml") {
        return Vec::new();
    }
    dependencies(text)
        .filter(|(_, dep)| dep.starts_with("deno_") || matches!(*dep, "v8" | "serde_v8" | "fulgurite-runtime"))
        .map(|(line, dep)| format!("{name}:{line}: depends on {dep}; this crate knows no V8"))
        .collect()
}

/// Data flows from the host into the runtime by arguments; the runtime never asks back.
fn knows_no_host(name: &str, text: &str) -> Vec<String> {
    if name.ends_with("Cargo.toml") {
        return dependencies(text)
            .filter(|(_, dep)| *dep == "fulgurite")
            .map(|(line, _)| format!("{name}:{line}: depends on the host crate; pass in what is needed"))
            .collect();
    }
    if !name.ends_with(".rs") {
        return Vec::new();
    }
    numbered(text)
        .filter(|(_, l)| {
            ["use fulgurite::", "use fulgurite;", " ::fulgurite::"].iter().any(|import| l.contains(import))
        })
        .filter(|(_, l)| !l.trim_start().starts_with("//"))
        .map(|(line, _)| format!("{name}:{line}: names the host crate; pass in what is needed"))
        .collect()
}

/// Nothing in the project depends on where somebody built it.
fn names_no_machine(name: &str, text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (line, text) in numbered(text) {
        for path in MACHINE_PATHS {
            // Only where a path can start: a folder of that name further along is somebody's address or data.
            if text
                .match_indices(path)
                .any(|(at, _)| !text[..at].ends_with(|c: char| is_word(c) || "./-~}".contains(c)))
            {
                all.push(format!("{name}:{line}: a path of one machine ({path}…); make it relative or a variable"));
            }
        }
        for registry in REGISTRIES.iter().filter(|r| text.contains(*r)) {
            all.push(format!("{name}:{line}: a package registry's host ({registry}); cargo's settings choose it"));
        }
    }
    all
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

/// The names in all tables of dependencies, with their lines.
fn dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    numbered(manifest).filter_map(move |(number, line)| {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies");
            // `[dependencies.v8]` is a table of its own.
            return table.rsplit_once("dependencies.").map(|(_, name)| (number, name));
        }
        let name = line.split(['=', '.', ' ']).next().unwrap_or_default().trim_matches('"');
        (inside && !name.is_empty() && !name.starts_with('#')).then_some((number, name))
    })
}

/// What git tracks or would take, relative to the root.
fn files(root: &Path) -> Result<Vec<String>> {
    let out = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("running git, which knows the project's files")?;
    if !out.status.success() {
        bail!("git cannot list the project's files: {}", String::from_utf8_lossy(&out.stderr).trim());
    }
    let names = String::from_utf8(out.stdout).context("a file's name is not UTF-8")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, complaints: usize) {
        let found = complaints_about(name, text);
        assert_eq!(found.len(), complaints, "{name}: {found:?}");
    }

    #[test]
    fn rust_files_open_with_docs() {
        check("host/src/a.rs", "//! What it is.\nfn a() {}", 0);
        check("host/src/a.rs", "\n//! What it is.", 0);
        check("host/src/a.rs", "use std::fs;\n//! Too late.", 1);
        check("host/src/a.rs", "", 1);
        check("host/a.md", "words", 0);
    }

    #[test]
    fn state_and_plan_know_no_v8() {
        check("state/Cargo.toml", "[package]\nname = \"v8\"\n[dependencies]\nbytes.workspace = true", 0);
        check("state/Cargo.toml", "[dependencies]\nv8 = \"1\"", 1);
        check("plan/Cargo.toml", "[dev-dependencies]\ndeno_core.workspace = true", 1);
        check("plan/Cargo.toml", "[dependencies.serde_v8]\nversion = \"1\"", 1);
        check("runtime/Cargo.toml", "[dependencies]\ndeno_core = \"1\"", 0);
    }

    #[test]
    fn the_runtime_knows_no_host() {
        check("runtime/src/a.rs", "//! A.\nuse fulgurite_state::State;", 0);
        check("runtime/src/a.rs", "//! A, unlike fulgurite::cli.\n", 0);
        check("runtime/src/a.rs", "//! A.\nuse fulgurite::cli;", 1);
        check("runtime/src/a.rs", "//! A.\ndeno_core::extension!(fulgurite);\nlet e = fulgurite::init();", 0);
        check("runtime/Cargo.toml", "[dependencies]\nfulgurite = { path = \"../host\" }", 1);
        check("runtime/Cargo.toml", "[dependencies]\nfulgurite-state.workspace = true", 0);
        check("host/src/main.rs", "//! A.\nuse fulgurite::cli;", 0);
    }

    #[test]
    fn no_file_names_a_machine() {
        let root = MACHINE_PATHS[0];
        check("README.md", &format!("cd {root}x"), 1);
        check("README.md", &format!("\"{root}x\""), 1);
        check("README.md", &format!("https://example.org{root}x"), 0);
        check("README.md", &format!("see {}", REGISTRIES[0]), 1);
        check("Cargo.lock", &format!("source = \"{}\"", REGISTRIES[0]), 0);
    }

    #[test]
    fn this_file_keeps_its_own_rules() {
        check("xtask/src/tidy.rs", include_str!("tidy.rs"), 0);
    }
}
