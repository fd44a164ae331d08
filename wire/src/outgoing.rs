//! A frame on its way out: its bytes come in small steps, each escaped and masked as it goes into a buffer that is used again.
//!
//! The frame never exists as a whole. Its length is known before its first byte, and stands in its header.

use std::sync::Arc;

use bytes::Bytes;

use crate::escape;
use crate::frame;
use crate::payload::{Payload, Piece};

/// How much is made at once: it stays in the cache until it is written, and reading gets its turn after each.
pub(crate) const STEP: usize = 128 << 10;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// Why we go: all is well.
static NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

/// A websocket's frame that is being written.
pub(crate) struct Outgoing {
    header: Vec<u8>,
    head: Bytes,
    payload: Option<Arc<Payload>>,
    /// Which part comes next: 0 is the head, then come the payload's pieces, then the end.
    part: usize,
    /// What of that part is done.
    done: usize,
    key: [u8; 4],
    /// How many bytes have been masked.
    masked: usize,
    length: u64,
}

impl Outgoing {
    /// A text frame: its head, its payload, its end.
    pub(crate) fn text(head: Vec<u8>, payload: Arc<Payload>) -> Outgoing {
        let length = frame::length(&head, &payload);
        Outgoing::new(TEXT, head.into(), Some(payload), length)
    }

    /// A ping of the websocket itself.
    pub(crate) fn ping() -> Outgoing {
        Outgoing::new(PING, Bytes::new(), None, 0)
    }

    /// The last thing that is said.
    pub(crate) fn close() -> Outgoing {
        Outgoing::new(CLOSE, Bytes::from_static(&NORMAL), None, 2)
    }

    fn new(opcode: u8, head: Bytes, payload: Option<Arc<Payload>>, length: u64) -> Outgoing {
        // What nobody can foresee, so that nobody can choose what a proxy on the way sees.
        let key = getrandom::u32().unwrap_or_else(|_| fastrand::u32(..)).to_ne_bytes();
        let mut header = vec![0x80 | opcode];
        match length {
            0..126 => header.push(0x80 | length as u8),
            126..0x1_0000 => {
                header.push(0x80 | 126);
                header.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                header.push(0x80 | 127);
                header.extend_from_slice(&length.to_be_bytes());
            }
        }
        header.extend_from_slice(&key);
        Outgoing { header, head, payload, part: 0, done: 0, key, masked: 0, length }
    }

    /// How many bytes the frame has, without the websocket's header.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Makes the next bytes, and says how many they are; 0 when there are no more. The buffer has room for [`STEP`] bytes.
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> usize {
        let header = std::mem::take(&mut self.header);
        out[..header.len()].copy_from_slice(&header);
        let start = header.len();
        let mut end = start;
        while let Some((bytes, escaped)) = self.current() {
            let rest = &bytes[self.done..];
            let (taken, written) = if escaped {
                escape::escape(rest, &mut out[end..])
            } else {
                let n = rest.len().min(out.len() - end);
                out[end..end + n].copy_from_slice(&rest[..n]);
                (n, n)
            };
            let all = taken == rest.len();
            self.done += taken;
            end += written;
            if !all {
                break;
            }
            self.part += 1;
            self.done = 0;
        }
        escape::mask(&mut out[start..end], self.key, self.masked);
        self.masked += end - start;
        end
    }

    /// The part that comes next, and whether it is to be escaped.
    fn current(&self) -> Option<(&[u8], bool)> {
        if self.part == 0 {
            return Some((&self.head, false));
        }
        let payload = self.payload.as_ref()?;
        match payload.pieces.get(self.part - 1) {
            Some(Piece::Plain(bytes)) => Some((bytes, false)),
            Some(Piece::Escaped(bytes)) => Some((bytes, true)),
            None => (self.part == payload.pieces.len() + 1).then_some((frame::END, false)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All bytes of a frame, unmasked, as they come in steps of this size.
    fn all(mut frame: Outgoing, step: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; step]);
        loop {
            let n = frame.fill(&mut buffer);
            if n == 0 {
                break;
            }
            bytes.extend_from_slice(&buffer[..n]);
        }
        let header = match bytes[1] & 0x7f {
            126 => 8,
            127 => 14,
            _ => 6,
        };
        let mut body = bytes.split_off(header);
        let key: [u8; 4] = bytes[header - 4..].try_into().expect("four bytes");
        escape::mask(&mut body, key, 0);
        (bytes, body)
    }

    #[test]
    fn headers() {
        let header = |length: usize| {
            let frame = Outgoing::text(b"[".to_vec(), Payload::new().text("x".repeat(length - 2)).into());
            let (mut header, body) = all(frame, STEP);
            assert_eq!(body.len(), length);
            header.truncate(header.len() - 4);
            header
        };
        assert_eq!(header(125), [0x81, 0x80 | 125]);
        assert_eq!(header(126), [0x81, 0x80 | 126, 0, 126]);
        assert_eq!(header(65535), [0x81, 0x80 | 126, 255, 255]);
        assert_eq!(header(65536), [0x81, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(all(Outgoing::ping(), STEP).0[..2], [0x89, 0x80]);
        assert_eq!(all(Outgoing::close(), STEP).1, [3, 232]);
    }

    proptest! {
        #[test]
        fn steps_make_the_whole(texts in proptest::collection::vec("(\\PC|[\"\\\\\u{0}-\u{20}]){0,50}", 0..6), step in 30..200_usize) {
            let pieces = || texts.iter().map(|text| Bytes::from(text.clone()));
            let payload = Payload::new().text("[").quoted(pieces()).text(",0,").spliced(pieces()).text("]");
            let frame = Outgoing::text(b"[\"t\",".to_vec(), payload.into());
            let length = frame.length();
            let whole = texts.concat();
            let quoted = serde_json::to_string(&whole).expect("text");
            let body = all(frame, step).1;
            prop_assert_eq!(body.len() as u64, length);
            prop_assert_eq!(String::from_utf8(body).expect("text"), format!("[\"t\",[{quoted},0,{whole}]]"));
        }
    }
}
