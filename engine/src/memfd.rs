//! Memory with a descriptor: what is too large for the socket is written into one, sealed, handed over and mapped.
//!
//! The seals are what makes it safe to look at memory that somebody else wrote: nobody can change it or cut it off any more,
//! not even who made it. A descriptor without them is refused.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use rustix::io::Errno;

/// Everything that a later change would need.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::WRITE).union(SealFlags::SEAL);

/// Pieces of one vectored write; the kernel takes 1,024.
const PIECES: usize = 256;

/// The pieces, one after the other, in sealed memory. One copy.
///
/// # Errors
/// When the system has no memory or no descriptor for it.
pub fn filled<'a>(pieces: impl IntoIterator<Item = &'a Bytes>) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know the second flag, which keeps anybody from executing it.
    let memory = match memfd_create("fulgurite", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create("fulgurite", flags)?,
        other => other?,
    };
    let mut file = File::from(memory);
    let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).peekable();
    while pieces.peek().is_some() {
        let mut slices: Vec<IoSlice<'_>> = pieces.by_ref().take(PIECES).map(|piece| IoSlice::new(piece)).collect();
        let mut slices = &mut slices[..];
        while !slices.is_empty() {
            match file.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    fcntl_add_seals(&file, SEALS)?;
    Ok(file.into())
}

/// The bytes of sealed memory that somebody else filled. No copy; they are given back when the last slice of them is.
///
/// # Errors
/// When it is not sealed, or has another length.
pub fn mapped(memory: OwnedFd, length: usize) -> io::Result<Bytes> {
    let refused = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    // Only memory has seals: files, pipes and sockets answer with an error.
    if !fcntl_get_seals(memory.as_fd()).is_ok_and(|seals| seals.contains(SEALS)) {
        return Err(refused("a descriptor that is not sealed memory"));
    }
    if fstat(memory.as_fd())?.st_size != length as i64 {
        return Err(refused("sealed memory of another length"));
    }
    if length == 0 {
        return Ok(Bytes::new());
    }
    Ok(Bytes::from_owner(map::read_only(&memory, length)?))
}

mod map {
    //! The one `unsafe` of this crate.

    use std::io;
    use std::os::fd::OwnedFd;

    use memmap2::{Mmap, MmapOptions};

    /// The caller has seen the seals and the length.
    pub(super) fn read_only(memory: &OwnedFd, length: usize) -> io::Result<Mmap> {
        // SAFETY: The mapping must not change, nor lose its end, while it is looked at. The memory is sealed against writing,
        // shrinking and growing, and against losing its seals: no process can do either, whoever it is.
        unsafe { MmapOptions::new().len(length).map(memory) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let pieces: Vec<Bytes> = (0..1000u32).map(|i| Bytes::from(i.to_le_bytes().repeat((i % 5) as usize))).collect();
        let all: Vec<u8> = pieces.iter().flatten().copied().collect();
        let memory = filled(&pieces).unwrap();
        assert_eq!(mapped(memory.try_clone().unwrap(), all.len()).unwrap(), all);
        // Nobody writes into it any more.
        assert!(File::from(memory.try_clone().unwrap()).write(b"x").is_err());
        assert!(mapped(memory, all.len() + 1).is_err());
        assert_eq!(mapped(filled([]).unwrap(), 0).unwrap(), "");
    }

    #[test]
    fn what_is_not_sealed_is_refused() {
        let open = memfd_create("open", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        File::from(open.try_clone().unwrap()).write_all(b"abc").unwrap();
        assert!(mapped(open.try_clone().unwrap(), 3).is_err());
        // A shrinking file would end the process with SIGBUS.
        fcntl_add_seals(&open, SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL).unwrap();
        assert!(mapped(open, 3).is_err());
        assert!(mapped(File::open("/dev/null").unwrap().into(), 0).is_err());
    }
}
