//! A file as bytes without reading it: the one place of this crate with `unsafe`.
//!
//! Worth it because a state is mostly spliced: what no job touches goes from the page cache to the output without ever
//! being copied into memory of ours, and the kernel may drop those pages whenever it needs them for something else.

use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::{Advice, Mmap};

/// Maps a whole regular file.
///
/// The known trade-off: if another program truncates the file while the run goes on, reading past its new end raises SIGBUS
/// and the process dies; if it overwrites the file in place, the run may see a mix of old and new. Our own output never does
/// either, since it is written beside its target and renamed over it (`output.rs`).
pub(super) fn file(file: &File) -> io::Result<Bytes> {
    // SAFETY: the map is private and read-only, so nothing in this process changes it. Another program might: the text is
    // checked once and then trusted to be UTF-8 and JSON. That trust is what every program that maps its input takes, and
    // whoever owns the file owns the run too.
    let map = unsafe { memmap2::MmapOptions::new().map_copy_read_only(file)? };
    advise(&map);
    Ok(Bytes::from_owner(map))
}

/// The first thing that happens is one pass from front to back.
fn advise(map: &Mmap) {
    if let Err(error) = map.advise(Advice::Sequential) {
        tracing::debug!(%error, "the kernel takes no advice about the map");
    }
}
