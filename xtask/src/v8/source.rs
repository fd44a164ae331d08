//! Builds V8 from the source that the `v8` crate carries, with the machine's own tools and nothing from GitHub.
//!
//! Everything happens in one work folder and can be interrupted at any point: each stage leaves its result under a
//! final name only when it is whole, and ninja goes on with what is missing.

use super::{archive::Archive, install, progress, tools, wrapper};
use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// The crate whose `icudtl.dat` fits the ICU of this V8; the `v8` crate leaves that file out.
const ICU_DATA: (&str, &str) = ("deno_core_icudata", "=0.77.0");

/// What Chromium's own clang has and Debian's does not: file, text, what to put in its place.
const PATCHES: [(&str, &str, &str); 3] = [
    ("build/config/sanitizers/sanitizers.gni", r#""-fsanitize-ignore-for-ubsan-feature=${invoker.sanitizer}","#, ""),
    ("build/config/compiler/BUILD.gn", r#"cflags += [ "-fno-lifetime-dse" ]"#, ""),
    ("build/config/compiler/BUILD.gn", r#"cflags += [ "-fdiagnostics-show-inlining-chain" ]"#, ""),
];

/// How to build.
pub(crate) struct Options {
    /// The work folder; a later run continues in it.
    pub(crate) work: PathBuf,
    /// Compilers at once; by default one for each core that has memory for it.
    pub(crate) jobs: Option<usize>,
    /// Leave the work folder behind (6 GB) when done.
    pub(crate) keep: bool,
}

/// Builds, and installs the archive at `to`. Returns the time it took, interrupted runs included.
pub(crate) fn build(archive: &Archive, options: &Options, to: &Path) -> Result<Duration> {
    ensure!(
        archive.target == "x86_64-unknown-linux-gnu",
        "building V8 from source is only worked out for x86_64-unknown-linux-gnu, and this is {}\n  \
         to do: bring an archive yourself (RUSTY_V8_ARCHIVE or FULGURITE_V8_DIR)",
        archive.target
    );
    let work = std::path::absolute(&options.work)?;
    ensure!(
        !work.to_string_lossy().contains(char::is_whitespace),
        "gn and ninja cannot work in {} because its path has a space\n  to do: set FULGURITE_V8_WORK to another folder",
        work.display()
    );
    fs::create_dir_all(&work).with_context(|| format!("creating {}", work.display()))?;
    let lock = File::create(work.join("lock"))?;
    ensure!(lock.try_lock().is_ok(), "another build of V8 is running in {}", work.display());

    let mut clock = Clock::start(&work);
    tools::ensure_packages()?;
    let source = unpack(archive, &work)?;
    let out = generate(archive, &work, &source)?;
    ninja(&work, &out, options.jobs.unwrap_or_else(jobs), &mut clock)?;
    eprintln!("v8: compressing the archive");
    install::compressed(&out.join("obj/librusty_v8.a"), to)?;
    let time = clock.save();
    if !options.keep {
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))?;
    }
    Ok(time)
}

/// The crate's source, patched, with the ICU data in place.
fn unpack(archive: &Archive, work: &Path) -> Result<PathBuf> {
    let source = work.join("v8");
    if source.exists() {
        return Ok(source);
    }
    eprintln!("v8: unpacking the source");
    let unfinished = work.join("v8.unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    copy_folder(&archive.source, &unfinished)?;
    let icu = unfinished.join("third_party/icu/common");
    fs::create_dir_all(&icu)?;
    fs::copy(icu_data(work)?.join("src/icudtl.dat"), icu.join("icudtl.dat")).context("copying the ICU data")?;
    for (file, text, replacement) in PATCHES {
        let path = unfinished.join(file);
        let before = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        fs::write(&path, before.replace(text, replacement))?;
    }
    fs::rename(unfinished, &source)?;
    Ok(source)
}

/// The unpacked crate that carries the ICU data, fetched by cargo through a project of one dependency.
fn icu_data(work: &Path) -> Result<PathBuf> {
    let (name, version) = ICU_DATA;
    let project = work.join("icu");
    fs::create_dir_all(project.join("src"))?;
    fs::write(project.join("src/lib.rs"), "")?;
    fs::write(
        project.join("Cargo.toml"),
        format!(
            "[package]\nname = \"icu-data\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\n{name} = \"{version}\"\n"
        ),
    )?;
    let metadata = workspace::metadata(&project, &[]).with_context(|| format!("fetching {name} {version}"))?;
    let package = metadata["packages"].as_array().into_iter().flatten().find(|p| p["name"] == name);
    let manifest = package.and_then(|p| p["manifest_path"].as_str()).context("cargo metadata forgot the ICU data")?;
    Ok(Path::new(manifest).parent().context("the ICU data has no folder")?.to_owned())
}

/// Runs gn; leaves alone what it wrote before with the same arguments.
fn generate(archive: &Archive, work: &Path, source: &Path) -> Result<PathBuf> {
    let out = source.join("out");
    let llvm = tools::llvm(work)?;
    let compiler = wrapper::install(&work.join("cc"))?;
    let args = gn_args(archive, &llvm, &compiler);
    let stamp = work.join("gn-args");
    if out.join("build.ninja").exists() && fs::read_to_string(&stamp).ok().as_deref() == Some(&args) {
        return Ok(out);
    }
    eprintln!("v8: running gn");
    let gn = tools::gn(work)?;
    let done = Command::new(&gn[0])
        .args(&gn[1..])
        .current_dir(source)
        .args(["gen", "out", "--script-executable=python3"])
        .arg(format!("--args={args}"))
        .output()
        .context("running gn")?;
    if !done.status.success() {
        bail!("gn failed\n{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    }
    fs::write(stamp, args)?;
    Ok(out)
}

/// The same settings as the crate's own build script gives, then what is particular to building without Chromium's tools.
fn gn_args(archive: &Archive, llvm: &Path, compiler: &Path) -> String {
    let sandbox = archive.has("v8_enable_sandbox");
    let llvm_version = tools::LLVM;
    [
        "is_debug=false".into(),
        format!("use_custom_libcxx={}", archive.has("use_custom_libcxx")),
        format!("v8_enable_sandbox={sandbox}"),
        format!("v8_enable_pointer_compression={}", sandbox || archive.has("v8_enable_pointer_compression")),
        format!("v8_enable_v8_checks={}", archive.has("v8_enable_v8_checks")),
        format!("rusty_v8_enable_simdutf={}", archive.has("simdutf")),
        "v8_monolithic_for_shared_library=true".into(),
        "symbol_level=0".into(),
        // Debian's clang, with warnings of its own.
        format!("clang_base_path=\"{}\"", llvm.display()),
        format!("clang_version=\"{llvm_version}\""),
        "treat_warnings_as_errors=false".into(),
        format!("cc_wrapper=\"{}\"", compiler.display()),
        // Rust inside V8 is its Temporal, which wants Chromium's own rustc.
        "enable_rust=false".into(),
        "enable_rust_cxx=false".into(),
        "v8_enable_temporal_support=false".into(),
    ]
    .join(" ")
}

/// Runs ninja under a progress line, with all it says in a log.
fn ninja(work: &Path, out: &Path, jobs: usize, clock: &mut Clock) -> Result<()> {
    let (mut done, total) = tallies(work, out)?;
    let log_path = work.join("build.log");
    let mut log = File::options().create(true).append(true).open(&log_path)?;
    eprintln!("v8: running ninja, {jobs} at once; all it says goes to {}", log_path.display());
    let mut child =
        ninja_command(out).args(["-j", &jobs.to_string()]).stdout(Stdio::piped()).spawn().context("running ninja")?;
    let stdout = child.stdout.take().context("ninja has no output")?;
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(std::result::Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    let (mut line, mut at, mut tail) = (progress::Line::new(), "starting".to_owned(), Vec::new());
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(text) => {
                writeln!(log, "{text}")?;
                if let Some((_, _, what)) = progress::parse(&text) {
                    what.clone_into(&mut at);
                    done.add(what);
                    tail.clear(); // what a finished step printed is of no interest, unless it is the last one
                }
                tail.push(text);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        line.show(&progress::text(done, total, clock.total(), &at));
        clock.tick();
    }
    line.clear();
    drop(reader.join());
    let status = child.wait()?;
    if !status.success() {
        let tail = tail[tail.len().saturating_sub(40)..].join("\n");
        bail!(
            "building V8 failed after {} of {} steps ({status})\n{tail}\n  log:   {}\n  \
             to do: mend what it names and run the same command again; it goes on from here",
            done.steps,
            total.steps,
            log_path.display()
        );
    }
    Ok(())
}

fn ninja_command(out: &Path) -> Command {
    let mut command = Command::new("ninja");
    command.arg("-C").arg(out).arg("rusty_v8").env("NINJA_STATUS", progress::STATUS);
    command
}

/// What earlier runs did and what the whole build is: ninja itself only counts what is left.
fn tallies(work: &Path, out: &Path) -> Result<(progress::Tally, progress::Tally)> {
    let plan = ninja_command(out).arg("-n").output().context("running ninja")?;
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    let left = progress::Tally::of(plan.lines());
    let first = work.join("steps");
    if !first.exists() {
        fs::write(&first, &plan)?;
    }
    let total = progress::Tally::of(fs::read_to_string(first)?.lines());
    let done = progress::Tally {
        steps: total.steps.saturating_sub(left.steps),
        weight: (total.weight - left.weight).max(0.0),
    };
    Ok((done, total))
}

/// One compiler for each core, but no more than the memory carries: a file of V8 takes up to 1.5 GB.
fn jobs() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
        line.trim().strip_suffix(" kB")?.parse::<usize>().ok()
    });
    memory.map_or(cores, |kb| cores.min(kb / 1_500_000)).max(1)
}

/// Adds up the time of all runs that went into this build.
struct Clock {
    file: PathBuf,
    before: Duration,
    started: Instant,
    saved: Instant,
}

impl Clock {
    fn start(work: &Path) -> Self {
        let file = work.join("seconds");
        let seconds = fs::read_to_string(&file).ok().and_then(|s| s.trim().parse().ok()).unwrap_or(0);
        Self { file, before: Duration::from_secs(seconds), started: Instant::now(), saved: Instant::now() }
    }

    fn total(&self) -> Duration {
        self.before + self.started.elapsed()
    }

    fn tick(&mut self) {
        if self.saved.elapsed() > Duration::from_secs(10) {
            self.save();
        }
    }

    /// A figure for people: failing to keep it must not stop the build.
    fn save(&mut self) -> Duration {
        let total = self.total();
        self.saved = Instant::now();
        drop(fs::write(&self.file, total.as_secs().to_string()));
        total
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(features: &[&str]) -> String {
        let archive = Archive {
            version: "150.4.0".into(),
            target: "x86_64-unknown-linux-gnu".into(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            source: PathBuf::new(),
            base: String::new(),
        };
        gn_args(&archive, Path::new("/w/llvm"), Path::new("/w/cc/v8-cc"))
    }

    #[test]
    fn gn_is_told_what_the_workspace_asks_of_v8() {
        let args = args(&["simdutf", "use_custom_libcxx"]);
        for part in [
            "use_custom_libcxx=true",
            "v8_enable_pointer_compression=false",
            "rusty_v8_enable_simdutf=true",
            "clang_base_path=\"/w/llvm\"",
            "cc_wrapper=\"/w/cc/v8-cc\"",
        ] {
            assert!(args.contains(part), "{part} in {args}");
        }
    }

    #[test]
    fn pointer_compression_comes_without_the_sandbox() {
        let args = args(&["simdutf", "v8_enable_pointer_compression"]);
        for part in ["v8_enable_pointer_compression=true", "v8_enable_sandbox=false"] {
            assert!(args.contains(part), "{part} in {args}");
        }
    }

    #[test]
    fn folders_are_copied_whole() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/c"), "x").unwrap();
        copy_folder(&dir.path().join("a"), &dir.path().join("z")).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("z/b/c")).unwrap(), "x");
    }

    #[test]
    fn time_adds_up_over_runs() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("seconds"), "100").unwrap();
        assert!(Clock::start(dir.path()).save() >= Duration::from_secs(100));
        assert_eq!(fs::read_to_string(dir.path().join("seconds")).unwrap(), "100");
    }
}
