//! Puts an archive where the `v8` crate looks for it: checked before, whole or not at all.

use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter},
    path::Path,
};

/// Installs `file`, whose checksum `sums` (the text of a `SHA256SUMS`) has to hold. Returns the checksum.
pub(crate) fn checked(file: &Path, sums: &str, to: &Path) -> Result<String> {
    let name = file.file_name().and_then(|n| n.to_str()).context("the archive has no name")?;
    let Some(expected) = listed(sums, name) else {
        bail!(
            "SHA256SUMS beside {} has no line for it, so it cannot be checked\n  \
             to do: add the line that `sha256sum {name}` prints, or point FULGURITE_V8_DIR elsewhere",
            file.display()
        );
    };
    let found = sha256(file)?;
    if found != expected {
        bail!(
            "the V8 archive is not the one that its SHA256SUMS describes\n  \
             file:      {}\n  expected:  {expected}\n  found:     {found}\n  \
             to do: copy it again, or point FULGURITE_V8_DIR elsewhere (an empty folder turns this way off)",
            file.display()
        );
    }
    atomically(to, |out| {
        io::copy(&mut File::open(file)?, out)?;
        Ok(())
    })?;
    Ok(found)
}

/// Installs a `.a` that was just built, compressed.
pub(crate) fn compressed(library: &Path, to: &Path) -> Result<()> {
    atomically(to, |out| {
        let mut gz = GzEncoder::new(BufWriter::with_capacity(1 << 20, out), Compression::new(6));
        io::copy(&mut BufReader::with_capacity(1 << 20, File::open(library)?), &mut gz)?;
        gz.finish()?.into_inner().map_err(|e| e.into_error())?;
        Ok(())
    })
    .with_context(|| format!("installing {}", library.display()))
}

/// Writes beside the destination, then renames: who looks sees all of it or nothing.
fn atomically(to: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let dir = to.parent().context("the destination has no folder")?;
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    let unfinished = to.with_extension(format!("{}.unfinished", std::process::id()));
    let done: Result<()> = (|| {
        let mut file = File::create(&unfinished)?;
        write(&mut file)?;
        file.sync_all()?;
        Ok(fs::rename(&unfinished, to)?)
    })();
    if done.is_err() {
        drop(fs::remove_file(&unfinished));
    }
    done.with_context(|| format!("writing {}", to.display()))
}

/// The checksum that a `SHA256SUMS` gives for this file name.
fn listed(sums: &str, name: &str) -> Option<String> {
    sums.lines().find_map(|line| {
        let (sum, file) = line.split_once(char::is_whitespace)?;
        (file.trim_start().trim_start_matches('*') == name).then(|| sum.to_ascii_lowercase())
    })
}

fn sha256(file: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut source = File::open(file).with_context(|| format!("opening {}", file.display()))?;
    io::copy(&mut source, &mut hash).with_context(|| format!("reading {}", file.display()))?;
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn folder() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lib.a.gz");
        fs::write(&file, "abc").unwrap();
        let to = dir.path().join("cache/.rusty_v8/url");
        (dir, file, to)
    }

    #[test]
    fn the_right_sum_installs() {
        let (_dir, file, to) = folder();
        assert_eq!(checked(&file, &format!("0000  other.gz\n{ABC}  lib.a.gz\n"), &to).unwrap(), ABC);
        assert_eq!(fs::read(&to).unwrap(), b"abc");
        assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 1, "nothing unfinished stays");
    }

    #[test]
    fn a_wrong_sum_says_what_where_and_what_to_do() {
        let (_dir, file, to) = folder();
        let error = checked(&file, &format!("{}  lib.a.gz", "0".repeat(64)), &to).unwrap_err().to_string();
        for part in ["lib.a.gz", ABC, &"0".repeat(64), "to do:"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!to.exists());
    }

    #[test]
    fn no_sum_is_an_error() {
        let (_dir, file, to) = folder();
        assert!(
            checked(&file, &format!("{ABC}  another.gz"), &to).unwrap_err().to_string().contains("cannot be checked")
        );
        assert!(!to.exists());
    }

    #[test]
    fn what_is_built_is_compressed() {
        let (_dir, file, to) = folder();
        compressed(&file, &to).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(File::open(to).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    }
}
