//! Compiled jobs and bytecode on disk, for the next time that the program is started.
//!
//! Each build of the program has a folder of its own, so what one wrote is never read by another. An entry is a file with the
//! SHA-256 of its content in front: V8 would run anything that it is given.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fulgurite_runtime::{Cache, Key, Store};
use sha2::{Digest, Sha256};

/// What all entries of a build may take on disk, in bytes.
const LIMIT: u64 = 256 << 20;
/// What is kept in memory of a process.
const MEMORY: usize = 64 << 20;
const DIGEST: usize = 32;

/// The cache of this program in a folder; without one, in memory only.
pub fn open(folder: Option<&Path>) -> Cache {
    let disk = folder.and_then(|folder| match Disk::open(folder) {
        Ok(disk) => Some(Box::new(disk) as Box<dyn Store>),
        Err(error) => {
            // A run is none the worse for it.
            tracing::warn!(folder = %folder.display(), %error, "nothing is cached on disk");
            None
        }
    });
    Cache::new(MEMORY, disk)
}

struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn open(folder: &Path) -> io::Result<Disk> {
        // Nobody else may put anything here.
        let create = |folder: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        create(folder)?;
        let metadata = fs::metadata(folder)?;
        let us = rustix::process::geteuid().as_raw();
        if metadata.uid() != us || metadata.mode() & 0o022 != 0 {
            return Err(io::Error::other("others can write to the folder, so what is in it cannot be trusted"));
        }
        let this = build()?;
        forget_other_builds(folder, &this);
        let folder = folder.join(this);
        create(&folder)?;
        Ok(Disk { folder })
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(key.to_string())
    }

    fn write(&self, key: &Key, content: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        let unfinished = path.with_extension(std::process::id().to_string());
        let written =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).and_then(|mut file| {
                file.write_all(&Sha256::digest(content))?;
                file.write_all(content)
            });
        // Whoever reads finds all of it or nothing.
        let renamed = written.and_then(|()| fs::rename(&unfinished, &path));
        if renamed.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        self.shrink();
        renamed
    }

    /// Removes the oldest entries when there are too many.
    fn shrink(&self) {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = files(&self.folder);
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        if total <= LIMIT {
            return;
        }
        files.sort();
        for (_, size, path) in files {
            if total <= LIMIT / 4 * 3 {
                break;
            }
            let _ = fs::remove_file(path);
            total -= size;
        }
    }
}

impl Store for Disk {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(key)).ok()?;
        let digest = bytes.first_chunk::<DIGEST>()?;
        if Sha256::digest(&bytes[DIGEST..])[..] != digest[..] {
            tracing::warn!(%key, "a damaged cache entry is not used");
            return None;
        }
        bytes.drain(..DIGEST);
        Some(bytes)
    }

    fn put(&self, key: &Key, content: &[u8]) {
        if let Err(error) = self.write(key, content) {
            tracing::debug!(%key, %error, "not cached on disk");
        }
    }
}

/// What tells this build from all others: bytecode and compiled jobs follow from the program itself.
fn build() -> io::Result<String> {
    let metadata = fs::metadata(std::env::current_exe()?)?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!("{version}-{:x}-{:x}-{:x}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Builds that have not run for a month leave nothing behind.
fn forget_other_builds(folder: &Path, this: &str) {
    const MONTH: u64 = 30 * 24 * 3600;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if entry.file_name() != *this && age.is_some_and(|age| age.as_secs() > MONTH) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn files(folder: &Path) -> Vec<(SystemTime, u64, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let metadata = entry.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len(), entry.path()))
    };
    entries.filter_map(file).collect()
}
