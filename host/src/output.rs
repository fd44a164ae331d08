//! Writes the result of a run: piece by piece from the rope, never flattened.
//!
//! A file is written beside its target and renamed over it when it is whole. The input may be a mapping of that very file, and
//! a run that does not get to its end must leave the old output as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fulgurite_state::State;

use crate::config::Output;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::report::Report;

/// Slices in one vectored write: what Linux takes at most (`IOV_MAX`).
const SLICES: usize = 1024;

/// Bytes in one write, so that Ctrl-C does not wait for gigabytes.
const CHUNK: usize = 64 << 20;

/// Finds out before a long run what would keep its result from being written after it.
///
/// # Errors
/// [`Error::Output`] when there is no folder for the file.
pub fn check(output: &Output) -> Result<(), Error> {
    let Output::File(path) = output else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(refused(path, &io::ErrorKind::IsADirectory.into()));
    }
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(refused(path, &io::ErrorKind::NotADirectory.into())),
        Err(error) => Err(refused(path, &error)),
    }
}

/// Writes the state, and a line break after it.
///
/// # Errors
/// [`Error::Output`] when the file cannot be written, [`Error::Interrupted`] after Ctrl-C. A reader of stdout that went away
/// is neither: it has seen what it wanted.
pub fn write(state: &State, output: &Output, interrupt: &Interrupt) -> Result<(), Error> {
    let _span = tracing::debug_span!("output", bytes = state.len()).entered();
    let (written, path) = match output {
        Output::Stdout => (stdout(state, interrupt), Path::new("<stdout>")),
        Output::File(path) => (file(state, path, interrupt), path.as_path()),
    };
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(_) if interrupt.requested() => Err(Error::Interrupted),
        Err(error) => Err(refused(path, &error)),
    }
}

fn refused(path: &Path, error: &io::Error) -> Error {
    let help = match error.kind() {
        io::ErrorKind::NotFound => "the folder does not exist: create it, or name another file with -o",
        io::ErrorKind::IsADirectory => "this is a folder: name a file in it",
        io::ErrorKind::StorageFull => "make room, or name a file on another disk with -o",
        _ => "name another file with -o, or show the result with -O",
    };
    Error::output(Report::error(format!("cannot write the result: {error}")).in_file(path).help(help))
}

fn stdout(state: &State, interrupt: &Interrupt) -> io::Result<()> {
    // Not `io::stdout()`: it looks for line breaks in everything that goes through it.
    let mut stdout = unbuffered_stdout()?;
    pieces(state, &mut stdout, interrupt)
}

#[cfg(unix)]
fn unbuffered_stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdout().flush()?;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn unbuffered_stdout() -> io::Result<io::StdoutLock<'static>> {
    Ok(io::stdout().lock())
}

fn file(state: &State, path: &Path, interrupt: &Interrupt) -> io::Result<()> {
    // Through a symbolic link, to the file that it stands for.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        // A device or a pipe cannot be replaced, and has nothing to lose.
        Ok(metadata) if !metadata.is_file() => {
            return pieces(state, &mut OpenOptions::new().write(true).open(&target)?, interrupt);
        }
        Ok(metadata) => Some(metadata),
        Err(_) => None,
    };
    let mut draft = Draft::beside(&target)?;
    if let Some(existing) = existing {
        draft.file.set_permissions(existing.permissions())?;
    }
    pieces(state, &mut draft.file, interrupt)?;
    draft.publish(&target)
}

/// A file under a name of its own, removed again unless it is published.
struct Draft {
    file: File,
    path: Option<PathBuf>,
}

impl Draft {
    fn beside(target: &Path) -> io::Result<Draft> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        // Another process may have our number: in a container of its own that shares the folder.
        let mut number = 0;
        loop {
            let path = target.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Draft { file, path: Some(path) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn publish(mut self, target: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            fs::rename(path, target)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

fn pieces(state: &State, to: &mut impl Write, interrupt: &Interrupt) -> io::Result<()> {
    let mut rest = state.pieces().chain([Bytes::from_static(b"\n")]).filter(|piece| !piece.is_empty()).peekable();
    let mut batch: Vec<Bytes> = Vec::new();
    while rest.peek().is_some() {
        batch.clear();
        batch.extend(rest.by_ref().take(SLICES));
        all(&mut batch, to, interrupt)?;
    }
    to.flush()
}

/// Writes all of some pieces, however little one call takes.
fn all(batch: &mut [Bytes], to: &mut impl Write, interrupt: &Interrupt) -> io::Result<()> {
    let mut first = 0;
    while first < batch.len() {
        if interrupt.requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut room = CHUNK;
        let slices: Vec<IoSlice<'_>> = batch[first..]
            .iter()
            .map_while(|piece| {
                let part = &piece[..piece.len().min(room)];
                room -= part.len();
                (!part.is_empty()).then(|| IoSlice::new(part))
            })
            .collect();
        let mut written = match to.write_vectored(&slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        while written > 0 {
            let step = written.min(batch[first].len());
            let _ = batch[first].split_to(step);
            written -= step;
            if batch[first].is_empty() {
                first += 1;
            }
        }
    }
    Ok(())
}
