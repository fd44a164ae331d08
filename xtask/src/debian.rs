//! Packages of Debian and its relatives, for what cargo cannot bring along.

use anyhow::{Result, bail, ensure};
use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Makes sure that the packages are there, which `present` says: installs those that are missing as root on Debian, else says
/// the command that does. `purpose` is what they are for: "counting instructions".
pub(crate) fn ensure(purpose: &str, packages: &[String], present: impl FnOnce() -> bool) -> Result<()> {
    if present() {
        return Ok(());
    }
    ensure!(
        which("apt-get").is_some() && which("dpkg-query").is_some(),
        "{purpose} needs {}, which can be installed here on Debian and its relatives only\n  to do: bring it yourself",
        packages.join(" ")
    );
    let missing: Vec<_> = packages.iter().filter(|p| !installed(p)).map(String::as_str).collect();
    if !is_root() {
        bail!(
            "{purpose} needs {} that this machine does not have\n  to do: {}",
            if missing.len() == 1 { "a package" } else { "packages" },
            install_command("sudo ", &missing)
        );
    }
    eprintln!("{purpose}: installing {}", missing.join(" "));
    let apt = |args: &[&str]| {
        Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(args).stdout(Stdio::null()).status()
    };
    apt(&["update", "-q"])?; // may fail in part; what matters is whether the packages can be had
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(&missing);
    ensure!(
        apt(&install)?.success(),
        "apt-get could not install what {purpose} needs; its message is above\n  to do: {}",
        install_command("", &missing)
    );
    Ok(())
}

/// The one command that installs the packages.
fn install_command(sudo: &str, packages: &[&str]) -> String {
    format!("{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// Whether dpkg has the package.
pub(crate) fn installed(package: &str) -> bool {
    let out = Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]).output();
    out.is_ok_and(|o| o.stdout == b"installed")
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

/// Where a program is on the path.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_packages_make_one_command() {
        let command = install_command("sudo ", &["clang-22", "lld-22"]);
        assert_eq!(command, "sudo apt-get update && sudo apt-get install -y --no-install-recommends clang-22 lld-22");
    }

    #[test]
    fn nothing_is_asked_for_when_all_is_there() {
        ensure("a test", &["no-such-package".into()], || true).unwrap();
    }
}
