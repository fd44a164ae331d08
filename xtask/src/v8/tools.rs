//! What a build from source needs of the machine: Debian's compiler, linker and ninja, and a gn that is young enough.

use crate::debian;
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The LLVM that is known to compile this V8. Older ones lack C++ that V8 uses.
pub(crate) const LLVM: u32 = 22;

/// gn and what it links, taken from Debian sid: the one in Debian 12 is of 2022 and does not read this V8's files.
const GN_PACKAGES: [&str; 4] = ["generate-ninja", "libc6", "libgcc-s1", "libstdc++6"];

/// Debian's packages for the build.
fn packages() -> Vec<String> {
    [format!("clang-{LLVM}"), format!("lld-{LLVM}"), format!("llvm-{LLVM}"), format!("libclang-rt-{LLVM}-dev")]
        .into_iter()
        .chain(["ninja-build", "pkg-config", "libglib2.0-dev", "python3"].map(String::from))
        .collect()
}

/// Makes sure that the packages are there.
pub(crate) fn ensure_packages() -> Result<()> {
    let packages = packages();
    debian::ensure("building V8 from source", &packages, || packages.iter().all(|package| debian::installed(package)))
        .context("an archive of your own (RUSTY_V8_ARCHIVE or FULGURITE_V8_DIR) avoids this")
}

/// A folder that looks to gn like an LLVM installation and has the compiler runtime where Chromium's build expects it.
///
/// Debian keeps the runtime in `lib/linux`, Chromium asks for `lib/<triple>`: a folder of links, instead of a link
/// in the system's own directories.
pub(crate) fn llvm(work: &Path) -> Result<PathBuf> {
    let system = PathBuf::from(format!("/usr/lib/llvm-{LLVM}"));
    let (ours, inner) = (work.join("llvm"), format!("lib/clang/{LLVM}"));
    let triple = ours.join(&inner).join("lib/x86_64-unknown-linux-gnu");
    fs::create_dir_all(&triple)?;
    link(&system.join("bin"), &ours.join("bin"))?;
    for entry in fs::read_dir(system.join(&inner)).context("reading the compiler's folder")? {
        let entry = entry?;
        if entry.file_name() != "lib" {
            link(&entry.path(), &ours.join(&inner).join(entry.file_name()))?;
        }
    }
    let runtime = system.join(&inner).join("lib/linux");
    link(&runtime, &ours.join(&inner).join("lib/linux"))?;
    link(&runtime.join("libclang_rt.builtins-x86_64.a"), &triple.join("libclang_rt.builtins.a"))?;
    Ok(ours)
}

/// gn, as the words to run it with: `$GN`, or Debian sid's in a folder of its own.
pub(crate) fn gn(work: &Path) -> Result<Vec<PathBuf>> {
    if let Some(gn) = env::var_os("GN") {
        return Ok(vec![gn.into()]);
    }
    let root = work.join("gn/root");
    let lib = root.join("usr/lib/x86_64-linux-gnu");
    if !root.exists() {
        fetch_gn(&work.join("gn"), &root)
            .context("fetching gn from Debian sid (a gn of 2025 or later as $GN avoids this)")?;
    }
    // sid's program with sid's libc: run through that libc's own loader.
    Ok(vec![lib.join("ld-linux-x86-64.so.2"), "--library-path".into(), lib, root.join("usr/bin/gn")])
}

/// Downloads with settings of its own, so that the system's apt never hears of sid.
fn fetch_gn(dir: &Path, root: &Path) -> Result<()> {
    eprintln!("v8: fetching gn");
    for sub in ["lists/partial", "cache/archives/partial", "packages"] {
        fs::create_dir_all(dir.join(sub))?;
    }
    let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    let signed = if keyring.exists() { format!("[signed-by={}] ", keyring.display()) } else { String::new() };
    fs::write(dir.join("sources.list"), format!("deb {signed}{} sid main\n", debian_mirror()))?;
    let option = |name: &str, value: &Path| format!("-o{name}={}", value.display());
    let options = [
        option("Dir::Etc::SourceList", &dir.join("sources.list")),
        option("Dir::Etc::SourceParts", Path::new("/dev/null")),
        option("Dir::State::Lists", &dir.join("lists")),
        option("Dir::Cache", &dir.join("cache")),
        "-oAcquire::Languages=none".into(),
        "-oAPT::Sandbox::User=root".into(), // whoever runs this: the folder is ours
    ];
    let packages = dir.join("packages");
    let apt = |args: &[&str]| -> Result<()> {
        let status = Command::new("apt-get")
            .current_dir(&packages)
            .args(&options)
            .arg("-q")
            .args(args)
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "apt-get {} failed; its message is above", args.join(" "));
        Ok(())
    };
    apt(&["update"])?;
    let mut download = vec!["download"];
    download.extend(GN_PACKAGES);
    apt(&download)?;
    let unfinished = dir.join("root.unfinished");
    for package in fs::read_dir(&packages)? {
        let package = package?.path();
        let status = Command::new("dpkg").arg("-x").arg(&package).arg(&unfinished).status()?;
        ensure!(status.success(), "dpkg could not unpack {}", package.display());
    }
    fs::rename(unfinished, root)?;
    Ok(())
}

/// The mirror that this machine's apt uses already, which is the one it can reach.
fn debian_mirror() -> String {
    let mut texts = vec![fs::read_to_string("/etc/apt/sources.list").unwrap_or_default()];
    if let Ok(dir) = fs::read_dir("/etc/apt/sources.list.d") {
        texts.extend(dir.flatten().filter_map(|e| fs::read_to_string(e.path()).ok()));
    }
    texts.iter().find_map(|t| mirror_in(t)).unwrap_or_else(|| "https://deb.debian.org/debian".into())
}

/// The first address in apt's settings that ends like a Debian mirror's.
fn mirror_in(sources: &str) -> Option<String> {
    let lines = sources.lines().filter(|l| !l.trim_start().starts_with('#'));
    lines.flat_map(str::split_whitespace).find_map(|word| {
        let address = word.strip_suffix('/').unwrap_or(word);
        (address.starts_with("http") && address.ends_with("/debian")).then(|| address.to_owned())
    })
}

fn link(to: &Path, at: &Path) -> Result<()> {
    if at.symlink_metadata().is_err() {
        std::os::unix::fs::symlink(to, at).with_context(|| format!("linking {}", at.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_read_from_either_format() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(mirror_in(text).as_deref(), expected);
        check("deb http://mirror.example/debian bookworm main\n", Some("http://mirror.example/debian"));
        check(
            "Types: deb\n# http://old.example/debian\nURIs: https://a.example/debian/\nSuites: trixie\n",
            Some("https://a.example/debian"),
        );
        check("deb http://mirror.example/debian-security bookworm-security main", None);
        check("", None);
    }
}
