//! The text of a state: a list of shared byte segments with their running offsets.
//!
//! A rope is made once and never changed. It is flattened only where something needs one contiguous slice that no single
//! segment holds.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// Immutable text in segments; `clone` is O(1).
#[derive(Clone, Debug)]
pub struct Rope {
    segments: Arc<[Segment]>,
    len: usize,
}

#[derive(Debug)]
struct Segment {
    start: usize,
    bytes: Bytes,
}

impl Rope {
    /// Puts segments together. Empty segments are left out.
    pub fn new(segments: impl IntoIterator<Item = Bytes>) -> Rope {
        let mut len = 0;
        let segments = segments
            .into_iter()
            .filter(|bytes| !bytes.is_empty())
            .map(|bytes| {
                let start = len;
                len += bytes.len();
                Segment { start, bytes }
            })
            .collect();
        Rope { segments, len }
    }

    /// Length of the whole text in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is there no text at all?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The segments in order, as they can be given to a vectored write. No copy.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &Bytes> + Clone {
        self.segments.iter().map(|segment| &segment.bytes)
    }

    /// The pieces of one range, in order. No copy.
    ///
    /// # Panics
    /// When the range does not lie within the rope.
    pub fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = Bytes> {
        assert!(range.start <= range.end && range.end <= self.len, "range {range:?} of a rope of {} bytes", self.len);
        let first = self.segments.partition_point(|segment| segment.start + segment.bytes.len() <= range.start);
        self.segments[first..].iter().take_while(move |segment| segment.start < range.end).map(move |segment| {
            let from = range.start.saturating_sub(segment.start);
            let to = (range.end - segment.start).min(segment.bytes.len());
            segment.bytes.slice(from..to)
        })
    }

    /// One range as one slice: shared when a single segment holds it, copied otherwise.
    ///
    /// # Panics
    /// When the range does not lie within the rope.
    pub fn slice(&self, range: Range<usize>) -> Bytes {
        let len = range.len();
        let mut pieces = self.pieces(range);
        let Some(first) = pieces.next() else { return Bytes::new() };
        if first.len() == len {
            return first;
        }
        let mut flat = Vec::with_capacity(len);
        flat.extend_from_slice(&first);
        for piece in pieces {
            flat.extend_from_slice(&piece);
        }
        flat.into()
    }

    /// One range without a copy and without a share in it; `None` when no single segment holds it.
    ///
    /// # Panics
    /// When the range does not lie within the rope.
    pub fn peek(&self, range: Range<usize>) -> Option<&[u8]> {
        let holding = match &*self.segments {
            [only] => only,
            many => &many[many.partition_point(|segment| segment.start + segment.bytes.len() <= range.start)],
        };
        holding.bytes.get(range.start - holding.start..range.end - holding.start)
    }

    /// The whole text as one slice: shared when the rope has one segment, copied otherwise.
    pub fn flatten(&self) -> Bytes {
        self.slice(0..self.len)
    }
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Rope {
        Rope::new([bytes])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(parts: &[&'static str]) -> Rope {
        Rope::new(parts.iter().map(|part| Bytes::from_static(part.as_bytes())))
    }

    #[test]
    fn slices_cross_segments() {
        let rope = rope(&["abc", "", "de", "f"]);
        assert_eq!(rope.len(), 6);
        for from in 0..=6 {
            for to in from..=6 {
                assert_eq!(rope.slice(from..to), &b"abcdef"[from..to], "{from}..{to}");
            }
        }
    }

    #[test]
    fn a_slice_within_one_segment_is_shared() {
        let rope = rope(&["abc", "defg"]);
        let slice = rope.slice(4..6);
        assert_eq!(slice.as_ptr(), rope.segments().nth(1).unwrap()[1..].as_ptr());
    }

    #[test]
    #[should_panic(expected = "range 2..9 of a rope of 3 bytes")]
    fn a_range_outside_is_a_bug_of_the_caller() {
        let _ = rope(&["abc"]).slice(2..9);
    }
}
