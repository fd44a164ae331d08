//! How V8 gets here: five ways, the first that works is taken, and one line says which.
//!
//! 1. `RUSTY_V8_ARCHIVE` names an archive;
//! 2. the `v8` crate's cache holds it;
//! 3. an archive folder holds it (`FULGURITE_V8_DIR`, by default `../shared/v8` beside the workspace);
//! 4. GitHub answers, and the `v8` crate downloads it as it always does;
//! 5. it is built from the crate's own source.
//!
//! Ways 3 and 5 end in the place of way 2, where the `v8` crate looks by itself. V8 with compressed pointers is an archive of
//! its own and comes by the same ways. Nothing here links V8.

mod archive;
mod install;
mod progress;
mod source;
mod tools;
pub(crate) mod wrapper;

pub(crate) use progress::{Line, duration};

use crate::{debian::which, variant::Variant};
use anyhow::{Context, Result, bail, ensure};
use archive::Archive;
use std::{
    env, fs,
    net::{TcpStream, ToSocketAddrs as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// What `cargo xtask v8` was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Which V8.
    pub(crate) variant: Variant,
    /// Only say which way would be taken.
    pub(crate) check: bool,
    /// Take the fifth way whatever is there.
    pub(crate) from_source: bool,
    /// Keep the work folder of the fifth way.
    pub(crate) keep: bool,
    /// Compilers at once on the fifth way.
    pub(crate) jobs: Option<usize>,
}

/// The environment variable by which the `v8` crate is told where its bindings are.
pub(crate) const BINDINGS: &str = "RUSTY_V8_SRC_BINDING_PATH";

/// One of the five ways.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// `RUSTY_V8_ARCHIVE`, as it is set.
    Named(String),
    /// The crate's cache.
    Cached(PathBuf),
    /// A file of this name in an archive folder.
    Folder(PathBuf),
    /// The crate downloads from this address.
    Download(String),
    /// From source.
    Source,
}

/// What is there to choose from. The questions are asked in order and only as far as needed.
trait Surroundings {
    /// `RUSTY_V8_ARCHIVE`.
    fn named(&self) -> Option<String>;
    /// The archive in the crate's cache, if it is there.
    fn cached(&self) -> Option<PathBuf>;
    /// The archive in the archive folder, if it is there.
    fn in_folder(&self) -> Option<PathBuf>;
    /// The address of the archive, if it answers.
    fn online(&self) -> Option<String>;
}

fn choose(around: &dyn Surroundings) -> Way {
    (around.named().map(Way::Named))
        .or_else(|| around.cached().map(Way::Cached))
        .or_else(|| around.in_folder().map(Way::Folder))
        .or_else(|| around.online().map(Way::Download))
        .unwrap_or(Way::Source)
}

/// Makes sure that the next cargo build finds V8. Says on stdout, in one line, how.
pub(crate) fn ensure(root: &Path, request: &Request) -> Result<()> {
    let archive = Archive::of_workspace(root, request.variant)?;
    let machine = Machine { cache: archive.cached(&archive::cargo_home()?), root, archive: &archive };
    let way = if request.from_source { Way::Source } else { choose(&machine) };
    let version = match request.variant {
        Variant::Usual => archive.version.clone(),
        Variant::PointerCompression => format!("{} with pointer compression", archive.version),
    };
    if request.check {
        println!("v8 {version}: {}", would(&way, &machine.work()?));
        return Ok(());
    }
    match way {
        Way::Named(at) => {
            ensure!(
                at.starts_with("http:") || at.starts_with("https:") || Path::new(&at).is_file(),
                "RUSTY_V8_ARCHIVE names {at}, and there is no such file\n  to do: unset it, or name an archive of V8 {version}"
            );
            if let Some(objection) = at.rsplit('/').next().and_then(|name| archive.objection_to(name)) {
                bail!("RUSTY_V8_ARCHIVE names the other V8: {objection}\n  to do: unset it, or name that one");
            }
            println!("v8 {version}: taken from RUSTY_V8_ARCHIVE ({at})");
        }
        Way::Cached(_) => println!("v8 {version}: already here, in cargo's .rusty_v8 folder"),
        Way::Folder(file) => {
            let folder = file.parent().context("the archive has no folder")?;
            let sums = fs::read_to_string(folder.join("SHA256SUMS")).with_context(|| {
                format!(
                    "{} cannot be checked without SHA256SUMS beside it\n  \
                     to do: put the output of sha256sum there, or point FULGURITE_V8_DIR elsewhere",
                    file.display()
                )
            })?;
            let sum = install::checked(&file, &sums, &machine.cache)?;
            println!("v8 {version}: installed from {} (sha256 {}…)", folder.display(), &sum[..12]);
        }
        Way::Download(url) => println!("v8 {version}: the v8 crate downloads it from {url}"),
        Way::Source => {
            let work = machine.work()?;
            println!(
                "v8 {version}: building from source in {} (interrupt it, and the next run goes on)",
                work.display()
            );
            let options = source::Options { work, jobs: request.jobs, keep: request.keep };
            let time = source::build(&archive, &options, &machine.cache)?;
            eprintln!("v8: built in {}", duration(time));
        }
    }
    Ok(())
}

/// The bindings that the build of a variant has to be told of, if it would not find them by itself.
pub(crate) fn bindings(root: &Path, variant: Variant) -> Result<Option<PathBuf>> {
    if variant == Variant::Usual || env::var_os(BINDINGS).is_some() {
        return Ok(None);
    }
    Ok(Archive::of_workspace(root, variant)?.bindings())
}

fn would(way: &Way, work: &Path) -> String {
    match way {
        Way::Named(at) => format!("RUSTY_V8_ARCHIVE names it ({at}); nothing to do"),
        Way::Cached(_) => "it is in cargo's .rusty_v8 folder; nothing to do".into(),
        Way::Folder(file) => format!("would be installed from {}", file.display()),
        Way::Download(url) => format!("would be downloaded by the v8 crate from {url}"),
        Way::Source => format!("would be built from source in {}", work.display()),
    }
}

/// This machine.
struct Machine<'a> {
    root: &'a Path,
    archive: &'a Archive,
    cache: PathBuf,
}

impl Machine<'_> {
    fn work(&self) -> Result<PathBuf> {
        if let Some(work) = env::var_os("FULGURITE_V8_WORK") {
            return Ok(work.into());
        }
        let beside = self.cache.parent().context("the cache has no folder")?;
        let mark = if self.archive.has("v8_enable_pointer_compression") { "-ptrcomp" } else { "" };
        Ok(beside.join(format!("build-{}{mark}", self.archive.version)))
    }
}

impl Surroundings for Machine<'_> {
    fn named(&self) -> Option<String> {
        env::var("RUSTY_V8_ARCHIVE").ok().filter(|s| !s.is_empty())
    }

    fn cached(&self) -> Option<PathBuf> {
        self.cache.is_file().then(|| self.cache.clone())
    }

    fn in_folder(&self) -> Option<PathBuf> {
        let folder = match env::var_os("FULGURITE_V8_DIR") {
            Some(dir) => PathBuf::from(dir),
            None => self.root.parent()?.join("shared/v8"),
        };
        Some(folder.join(self.archive.file_name())).filter(|f| f.is_file())
    }

    fn online(&self) -> Option<String> {
        let url = self.archive.url();
        answers(&url).then_some(url)
    }
}

/// Whether this address can be downloaded from, found out within a few seconds.
fn answers(url: &str) -> bool {
    let Some(host) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Path::new(url).is_file(); // RUSTY_V8_MIRROR may name a folder
    };
    if which("curl").is_some() {
        // curl knows about proxies and redirects; so do the tools that the crate downloads with.
        return Command::new("curl")
            .args(["--head", "--location", "--fail", "--silent", "--connect-timeout", "3", "--max-time", "8"])
            .arg(url)
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|s| s.success());
    }
    let proxied = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"].iter().any(|p| env::var_os(p).is_some());
    let host = host.split('/').next().unwrap_or_default();
    let address = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{}", if url.starts_with("https:") { 443 } else { 80 })
    };
    !proxied
        && address.to_socket_addrs().is_ok_and(|mut all| {
            all.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(3)).is_ok())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[derive(Default)]
    struct Described {
        named: bool,
        cached: bool,
        folder: bool,
        online: bool,
        asked_the_network: Cell<bool>,
    }

    impl Surroundings for Described {
        fn named(&self) -> Option<String> {
            self.named.then(|| "archive".into())
        }
        fn cached(&self) -> Option<PathBuf> {
            self.cached.then(|| "cache".into())
        }
        fn in_folder(&self) -> Option<PathBuf> {
            self.folder.then(|| "folder/file".into())
        }
        fn online(&self) -> Option<String> {
            self.asked_the_network.set(true);
            self.online.then(|| "url".into())
        }
    }

    #[test]
    fn the_first_way_that_is_open_is_taken() {
        let all = || Described { named: true, cached: true, folder: true, online: true, ..Described::default() };
        let check = |around: Described, expected: Way| assert_eq!(choose(&around), expected);
        check(all(), Way::Named("archive".into()));
        check(Described { named: false, ..all() }, Way::Cached("cache".into()));
        check(Described { named: false, cached: false, ..all() }, Way::Folder("folder/file".into()));
        check(Described { online: true, ..Described::default() }, Way::Download("url".into()));
        check(Described::default(), Way::Source);
    }

    #[test]
    fn the_network_is_asked_last() {
        let around = Described { folder: true, ..Described::default() };
        choose(&around);
        assert!(!around.asked_the_network.get());
    }
}
