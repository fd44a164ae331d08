//! The compiler wrapper: gives four of V8's targets a precompiled header.
//!
//! Most of what clang does for a file of V8 is reading headers. Four targets hold nearly half of all files, and the
//! files of one target include much the same; read once, precompiled, the rest of them compile several times faster,
//! to the same object code. gn knows nothing of this: it puts [`NAME`] in front of every compiler call (`cc_wrapper`).
//!
//! The wrapper is this very program, copied into the work folder under [`NAME`]: `main` looks at the name it was called
//! by. It must never make a build fail: where the header does not compile, or a file does not compile with it, the
//! compiler runs as gn wrote it.

use anyhow::{Context, Result, bail};
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{ErrorKind, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

/// What the copy of this program in the work folder is called.
pub(crate) const NAME: &str = "v8-cc";

/// One list of includes and the targets whose files get it.
struct Header {
    name: &'static str,
    includes: &'static str,
    targets: &'static [&'static str],
}

const HEADERS: [Header; 3] = [
    Header {
        name: "torque",
        includes: include_str!("../../v8/torque.h"),
        targets: &["obj/v8/torque_generated_initializers/", "obj/v8/v8_initializers/"],
    },
    Header { name: "compiler", includes: include_str!("../../v8/compiler.h"), targets: &["obj/v8/v8_compiler/"] },
    Header { name: "base", includes: include_str!("../../v8/base.h"), targets: &["obj/v8/v8_base_without_compiler/"] },
];

/// Puts the wrapper and its headers into `dir`; returns the path to give to gn.
///
/// A header that is there already and reads the same is left untouched: objects depend on its time of change.
pub(crate) fn install(dir: &Path) -> Result<PathBuf> {
    fs::create_dir_all(dir)?;
    for header in &HEADERS {
        let path = dir.join(header.name).with_extension("h");
        if fs::read_to_string(&path).ok().as_deref() != Some(header.includes) {
            fs::write(&path, header.includes).with_context(|| format!("writing {}", path.display()))?;
        }
        remove_if_there(&dir.join(header.name).with_extension("failed"))?; // a new run is a new try
    }
    let (path, fresh) = (dir.join(NAME), dir.join("v8-cc.new"));
    fs::copy(std::env::current_exe()?, &fresh).context("copying this program as compiler wrapper")?;
    fs::rename(&fresh, &path)?;
    Ok(path)
}

/// Runs the compiler call that follows in `args` (the compiler first).
pub(crate) fn run(wrapper: &Path, args: Vec<OsString>) -> Result<ExitCode> {
    let dir = wrapper.parent().context("the compiler wrapper is called by its path")?;
    let Some(call) = Call::parse(args) else { bail!("{NAME} is called by ninja, with a compiler call") };
    let Some(header) = call.header() else { return Err(call.exec(&[])) };
    let precompiled = dir.join(header.name).with_extension("pch");
    if !precompiled.exists() && !make(dir, header, &precompiled, &call)? {
        return Err(call.exec(&[]));
    }
    let out = call.with_header(&precompiled).stdin(Stdio::null()).output()?;
    if out.status.success() {
        return Ok(ExitCode::SUCCESS);
    }
    let mut log = fs::File::options().create(true).append(true).open(dir.join("fallbacks.log"))?;
    writeln!(log, "{:?}\n{}", call.output, String::from_utf8_lossy(&out.stderr))?;
    Err(call.exec(&["-w"]))
}

/// A compiler call as ninja writes it.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    compiler: OsString,
    args: Vec<OsString>,
    output: Option<OsString>,
}

impl Call {
    fn parse(args: Vec<OsString>) -> Option<Self> {
        let mut args = args.into_iter();
        let compiler = args.next()?;
        let args: Vec<_> = args.collect();
        let output = args.iter().position(|a| a == "-o").and_then(|at| args.get(at + 1).cloned());
        Some(Self { compiler, args, output })
    }

    fn header(&self) -> Option<&'static Header> {
        let output = self.output.as_ref()?.to_str()?;
        HEADERS.iter().find(|h| h.targets.iter().any(|t| output.starts_with(t)))
    }

    /// The flags that all files of the target share: the call without what names this one file.
    fn flags(&self) -> Vec<&OsStr> {
        let mut flags = Vec::new();
        let mut args = self.args.iter().map(OsString::as_os_str);
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("-c" | "-o" | "-MF") => drop(args.next()),
                Some("-MD" | "-MMD") => {}
                Some(a) if a.starts_with("-fmodule-name=") => {}
                _ => flags.push(arg),
            }
        }
        flags
    }

    /// The call that makes the precompiled header.
    fn precompile(&self, header: &Path, to: &Path) -> Command {
        let mut command = Command::new(&self.compiler);
        command.args(self.flags()).args(["-w", "-fpch-instantiate-templates", "-x", "c++-header"]);
        command.arg(header).arg("-o").arg(to);
        command
    }

    /// The call itself, with the precompiled header.
    fn with_header(&self, precompiled: &Path) -> Command {
        let mut command = Command::new(&self.compiler);
        command.args(self.args.iter().filter(|a| !a.to_str().is_some_and(|a| a.starts_with("-fmodule-name="))));
        command.args(["-w", "-include-pch"]).arg(precompiled);
        command
    }

    /// Becomes the compiler; returns only when that fails.
    fn exec(&self, more: &[&str]) -> anyhow::Error {
        let error = Command::new(&self.compiler).args(&self.args).args(more).exec();
        anyhow::Error::new(error).context(format!("running {}", self.compiler.display()))
    }
}

/// Precompiles the header once, while the target's other files wait. False when it does not compile.
fn make(dir: &Path, header: &Header, precompiled: &Path, call: &Call) -> Result<bool> {
    let lock = fs::File::create(dir.join(header.name).with_extension("lock"))?;
    lock.lock()?;
    let failed = dir.join(header.name).with_extension("failed");
    if precompiled.exists() || failed.exists() {
        return Ok(precompiled.exists());
    }
    let unfinished = dir.join(header.name).with_extension("unfinished");
    let out = call.precompile(&dir.join(header.name).with_extension("h"), &unfinished).output()?;
    if out.status.success() {
        fs::rename(&unfinished, precompiled)?;
    } else if out.status.code().is_some() {
        fs::write(failed, out.stderr)?; // not when a signal ended it: that is someone's Ctrl-C
    }
    Ok(out.status.success())
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e).with_context(|| format!("removing {}", path.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Call {
        Call::parse(line.split(' ').map(OsString::from).collect()).unwrap()
    }

    fn words(command: &Command) -> String {
        command.get_args().map(|a| a.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    const TORQUE: &str = "clang++ -MD -MF obj/v8/v8_initializers/a.o.d -DX -O2 -fmodule-name=m \
        -c ../../a.cc -o obj/v8/v8_initializers/a.o";

    #[test]
    fn the_output_decides_about_the_header() {
        let name = |line: &str| call(line).header().map(|h| h.name);
        assert_eq!(name(TORQUE), Some("torque"));
        assert_eq!(name("clang++ -c x.cc -o obj/v8/v8_compiler/x.o"), Some("compiler"));
        assert_eq!(name("clang++ -c x.cc -o obj/third_party/icu/x.o"), None);
        assert_eq!(name("clang++ -print-resource-dir"), None);
    }

    #[test]
    fn a_header_is_made_with_the_flags_of_its_target() {
        let command = call(TORQUE).precompile(Path::new("torque.h"), Path::new("torque.tmp"));
        assert_eq!(words(&command), "-DX -O2 -w -fpch-instantiate-templates -x c++-header torque.h -o torque.tmp");
    }

    #[test]
    fn a_file_is_compiled_as_written_plus_the_header() {
        let command = call(TORQUE).with_header(Path::new("torque.pch"));
        assert_eq!(
            words(&command),
            "-MD -MF obj/v8/v8_initializers/a.o.d -DX -O2 -c ../../a.cc -o obj/v8/v8_initializers/a.o \
             -w -include-pch torque.pch"
        );
    }

    #[test]
    fn headers_that_read_the_same_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path()).unwrap();
        let header = dir.path().join("torque.h");
        let before = fs::metadata(&header).unwrap().modified().unwrap();
        fs::write(dir.path().join("torque.failed"), "").unwrap();
        let wrapper = install(dir.path()).unwrap();
        assert_eq!(fs::metadata(&header).unwrap().modified().unwrap(), before);
        assert!(!dir.path().join("torque.failed").exists(), "a new run tries again");
        assert_eq!(wrapper.file_name().unwrap(), NAME);
    }
}
