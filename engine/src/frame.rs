//! How a message lies on the socket. Pure: bytes in, parts out; nothing here reads, writes or allocates by what it was told.
//!
//! ```text
//! ┌───────┬───────┬──────┬────────┬───────────────┬──────────┬─────────────────┐
//! │ magic │ flags │ head │ bodies │ length × body │ head     │ bodies, in line │   integers: little-endian
//! │ u32   │ u32   │ u32  │ u32    │ u64           │          │                 │
//! └───────┴───────┴──────┴────────┴───────────────┴──────────┴─────────────────┘
//!   PRELUDE, 16 bytes
//! ```
//!
//! Bodies of more than [`INLINE`] bytes in all are not in line. They lie one after the other in one sealed memfd, whose
//! descriptor travels with the first byte of the frame; the flag [`IN_MEMORY`] says so. A frame so carries one descriptor at
//! most, however many states it is about.

use std::ops::Range;

/// `FLG` and the form of the prelude.
const MAGIC: u32 = u32::from_le_bytes(*b"FLG\x01");

/// Bytes that a frame starts with.
pub const PRELUDE: usize = 16;

/// Bodies of at most this many bytes together go through the socket.
pub const INLINE: usize = 64 << 10;

/// Longest head: what a job can put into one is an error's details, next to which this is generous.
pub const MAX_HEAD: usize = 16 << 20;

/// Most bodies of one frame.
pub const MAX_BODIES: usize = 1 << 16;

/// Flag: the bodies are in a memfd.
const IN_MEMORY: u32 = 1;

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not the start of a frame.
    #[error("not a frame")]
    Magic,
    /// A flag that this build does not know.
    #[error("unknown flags {0:#x}")]
    Flags(u32),
    /// A head, or more bodies, than anybody sends.
    #[error("a frame with a head of {head} bytes and {bodies} bodies")]
    TooLarge {
        /// Bytes.
        head: usize,
        /// How many.
        bodies: usize,
    },
    /// More bytes in line than belong there, or a sum that no memory holds.
    #[error("bodies of more bytes than they may have")]
    Lengths,
    /// The parts do not add up to the frame.
    #[error("a frame of {actual} bytes instead of {expected}")]
    Length {
        /// As the prelude says.
        expected: usize,
        /// As it is.
        actual: usize,
    },
}

/// The first 16 bytes, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prelude {
    head: usize,
    bodies: usize,
    /// Whether a memfd comes with the frame.
    pub in_memory: bool,
}

impl Prelude {
    /// Reads a prelude.
    ///
    /// # Errors
    /// When it is none, or announces more than there can be.
    pub fn parse(bytes: &[u8; PRELUDE]) -> Result<Prelude, Error> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        if word(0) != MAGIC {
            return Err(Error::Magic);
        }
        if word(4) & !IN_MEMORY != 0 {
            return Err(Error::Flags(word(4)));
        }
        let (head, bodies) = (word(8) as usize, word(12) as usize);
        if head > MAX_HEAD || bodies > MAX_BODIES {
            return Err(Error::TooLarge { head, bodies });
        }
        Ok(Prelude { head, bodies, in_memory: word(4) & IN_MEMORY != 0 })
    }

    /// Bytes between the prelude and the bodies: their lengths and the head.
    pub fn middle(&self) -> usize {
        8 * self.bodies + self.head
    }
}

/// What follows a prelude: where everything is. Ranges of bodies count from the start of the first body, wherever that lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Of the middle.
    pub head: Range<usize>,
    /// One after the other.
    pub bodies: Vec<Range<usize>>,
    /// Bytes of all bodies.
    pub total: usize,
}

impl Layout {
    /// Reads the lengths at the start of the middle.
    ///
    /// # Errors
    /// When the middle has another length than the prelude says, or the bodies are too long for where they are.
    pub fn parse(prelude: &Prelude, middle: &[u8]) -> Result<Layout, Error> {
        if middle.len() != prelude.middle() {
            return Err(Error::Length { expected: prelude.middle(), actual: middle.len() });
        }
        let (lengths, _) = middle.split_at(8 * prelude.bodies);
        let mut total = 0usize;
        let mut bodies = Vec::with_capacity(prelude.bodies);
        for length in lengths.chunks_exact(8) {
            let length = u64::from_le_bytes(length.try_into().expect("eight bytes"));
            let length = usize::try_from(length).map_err(|_| Error::Lengths)?;
            let end = total.checked_add(length).filter(|end| *end <= isize::MAX as usize).ok_or(Error::Lengths)?;
            bodies.push(total..end);
            total = end;
        }
        // Either way there is one form for each message, and a limit for what is read before anything is checked.
        if prelude.in_memory != (total > INLINE) {
            return Err(Error::Lengths);
        }
        Ok(Layout { head: lengths.len()..middle.len(), bodies, total })
    }

    /// Bytes of the bodies that come through the socket.
    pub fn in_line(&self) -> usize {
        if self.total > INLINE { 0 } else { self.total }
    }
}

/// A frame without its bodies: prelude, lengths and head.
///
/// # Errors
/// When the head is too long, or there are too many bodies.
pub fn start(head: &[u8], bodies: &[usize]) -> Result<Vec<u8>, Error> {
    if head.len() > MAX_HEAD || bodies.len() > MAX_BODIES {
        return Err(Error::TooLarge { head: head.len(), bodies: bodies.len() });
    }
    let total: usize = bodies.iter().sum();
    let flags = if total > INLINE { IN_MEMORY } else { 0 };
    let mut frame = Vec::with_capacity(PRELUDE + 8 * bodies.len() + head.len() + if flags == 0 { total } else { 0 });
    for word in [MAGIC, flags, head.len() as u32, bodies.len() as u32] {
        frame.extend_from_slice(&word.to_le_bytes());
    }
    for length in bodies {
        frame.extend_from_slice(&(*length as u64).to_le_bytes());
    }
    frame.extend_from_slice(head);
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(frame: &[u8]) -> Result<(Prelude, Layout), Error> {
        let prelude = Prelude::parse(frame[..PRELUDE].try_into().unwrap())?;
        Ok((prelude, Layout::parse(&prelude, &frame[PRELUDE..])?))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(head: Vec<u8>, bodies in prop::collection::vec(0usize..40_000, 0..6)) {
            let frame = start(&head, &bodies).unwrap();
            let (prelude, layout) = parse(&frame).unwrap();
            prop_assert_eq!(&frame[PRELUDE..][layout.head.clone()], &head[..]);
            prop_assert_eq!(layout.bodies.iter().map(ExactSizeIterator::len).collect::<Vec<_>>(), bodies.clone());
            prop_assert_eq!(prelude.in_memory, bodies.iter().sum::<usize>() > INLINE);
        }
    }

    #[test]
    fn refusals() {
        #[track_caller]
        fn check(words: [u32; 4], expected: Error) {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            assert_eq!(Prelude::parse(&bytes.try_into().unwrap()), Err(expected));
        }
        check([0, 0, 0, 0], Error::Magic);
        check([MAGIC, 2, 0, 0], Error::Flags(2));
        check([MAGIC, 0, u32::MAX, 0], Error::TooLarge { head: u32::MAX as usize, bodies: 0 });
        check([MAGIC, 0, 0, 1 << 20], Error::TooLarge { head: 0, bodies: 1 << 20 });

        let with_lengths = |flags: u32, lengths: &[u64]| {
            let mut frame = Vec::new();
            for word in [MAGIC, flags, 0, lengths.len() as u32] {
                frame.extend_from_slice(&word.to_le_bytes());
            }
            lengths.iter().for_each(|length| frame.extend_from_slice(&length.to_le_bytes()));
            parse(&frame).map(|(_, layout)| layout.total)
        };
        assert_eq!(with_lengths(0, &[1, 2]), Ok(3));
        assert_eq!(with_lengths(1, &[1 << 20]), Ok(1 << 20));
        assert_eq!(with_lengths(0, &[1 << 20]), Err(Error::Lengths));
        assert_eq!(with_lengths(1, &[1]), Err(Error::Lengths));
        assert_eq!(with_lengths(1, &[u64::MAX, 2]), Err(Error::Lengths));
        assert_eq!(with_lengths(1, &[1 << 62, 1 << 62]), Err(Error::Lengths));
        let prelude = Prelude { head: 3, bodies: 0, in_memory: false };
        assert_eq!(Layout::parse(&prelude, b"ab"), Err(Error::Length { expected: 3, actual: 2 }));
    }
}
