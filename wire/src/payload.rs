//! The payload of a frame: JSON text in pieces, some of which will be escaped as the inside of a JSON string.
//!
//! A piece is never copied here. What can be known early is found out when it is put in, by the task that has it: the exact
//! length, and whether it is UTF-8.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use tracing::Span;

use crate::escape;

/// JSON text in parts, as it will stand in a frame.
///
/// Whoever makes one vouches that the parts together are JSON. That they are UTF-8 is checked, and a payload that is not, or that is
/// empty, is never sent: a server would close the connection.
#[derive(Clone)]
pub struct Payload {
    pub(crate) pieces: Vec<Piece>,
    length: u64,
    sound: bool,
    /// What is told how large the frame is, in its field `frame_bytes`.
    pub(crate) span: Span,
}

impl fmt::Debug for Payload {
    /// What is in it is never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes, {})", self.length, if self.sound { "text" } else { "no text" })
    }
}

/// Bytes that go into a frame.
#[derive(Clone)]
pub(crate) enum Piece {
    /// As they are.
    Plain(Bytes),
    /// As the inside of a JSON string.
    Escaped(Bytes),
}

impl Payload {
    /// Nothing yet. As such it cannot be sent.
    #[expect(clippy::new_without_default, reason = "an empty payload is a start, and no value to default to")]
    pub fn new() -> Payload {
        Payload { pieces: Vec::new(), length: 0, sound: true, span: Span::none() }
    }

    /// Has the length of the frame recorded as `frame_bytes` of a span, as soon as it is known.
    pub fn traced(self, span: Span) -> Payload {
        Payload { span, ..self }
    }

    /// `{}`.
    pub fn empty() -> Payload {
        Payload::new().text("{}")
    }

    /// What `serde_json` makes of a value. If that fails, the payload cannot be sent.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Payload {
        match serde_json::to_vec(value) {
            Ok(text) => Payload::new().text(text),
            Err(_) => Payload { sound: false, ..Payload::new() },
        }
    }

    /// Appends JSON text, or a part of one, as it is.
    pub fn text(self, text: impl Into<Bytes>) -> Payload {
        self.spliced([text.into()])
    }

    /// Appends a JSON value, as it is, in pieces that may end anywhere.
    pub fn spliced(mut self, pieces: impl IntoIterator<Item = Bytes>) -> Payload {
        let mut utf8 = Utf8::default();
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            self.sound &= utf8.accepts(&piece);
            self.length += piece.len() as u64;
            self.pieces.push(Piece::Plain(piece));
        }
        self.sound &= utf8.ends();
        self
    }

    /// Appends the same bytes as a JSON string: escaped, in quotes.
    pub fn quoted(mut self, pieces: impl IntoIterator<Item = Bytes>) -> Payload {
        let mut utf8 = Utf8::default();
        self.pieces.push(Piece::Plain(Bytes::from_static(b"\"")));
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            self.sound &= utf8.accepts(&piece);
            self.length += escape::length(&piece);
            self.pieces.push(Piece::Escaped(piece));
        }
        self.pieces.push(Piece::Plain(Bytes::from_static(b"\"")));
        self.length += 2;
        self.sound &= utf8.ends();
        self
    }

    /// How many bytes it will have in a frame, all escapes counted.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing has been put into it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether a frame may carry it.
    pub(crate) fn is_sendable(&self) -> bool {
        self.sound && !self.is_empty()
    }
}

/// Checks text whose characters may be cut by the ends of pieces.
#[derive(Default)]
struct Utf8 {
    /// The start of a character whose rest has not come.
    cut: [u8; 4],
    cut_len: usize,
}

impl Utf8 {
    /// Whether the text is UTF-8 so far.
    fn accepts(&mut self, mut piece: &[u8]) -> bool {
        while self.cut_len > 0
            && let Some((&byte, rest)) = piece.split_first()
        {
            self.cut[self.cut_len] = byte;
            self.cut_len += 1;
            piece = rest;
            match std::str::from_utf8(&self.cut[..self.cut_len]) {
                Ok(_) => self.cut_len = 0,
                // Four bytes are a character or none, so there is always room for the next.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        match simdutf8::compat::from_utf8(piece) {
            Ok(_) => true,
            Err(error) if error.error_len().is_none() => {
                let rest = &piece[error.valid_up_to()..];
                self.cut[..rest.len()].copy_from_slice(rest);
                self.cut_len = rest.len();
                true
            }
            Err(_) => false,
        }
    }

    /// Whether it may end here.
    fn ends(&self) -> bool {
        self.cut_len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &[u8], at: &[usize]) -> Vec<Bytes> {
        let text = Bytes::copy_from_slice(text);
        let ends = at.iter().copied().chain([text.len()]);
        ends.scan(0, |start, end| Some(text.slice(std::mem::replace(start, end)..end))).collect()
    }

    #[test]
    fn lengths_are_exact() {
        let text = "{\"b\":\"\\n\u{1}é\"}";
        let payload = Payload::new().text("{\"a\":").quoted(pieces(text.as_bytes(), &[3, 8])).text("}");
        assert_eq!(payload.len(), serde_json::json!({ "a": text }).to_string().len() as u64);
        assert!(payload.is_sendable());
        assert_eq!(Payload::empty().len(), 2);
        assert_eq!(Payload::json(&[1, 2]).len(), 5);
    }

    #[test]
    fn what_may_not_be_sent() {
        let check = |payload: Payload, expected: bool| assert_eq!(payload.is_sendable(), expected, "{payload:?}");
        check(Payload::new(), false);
        check(Payload::new().text(""), false);
        check(Payload::new().text(&b"\"\xff\""[..]), false);
        check(Payload::new().quoted([Bytes::from_static(b"\xc3")]), false);
        check(Payload::json(&std::collections::BTreeMap::from([((1, 2), 3)])), false);
        check(Payload::new().quoted([]), true);
    }

    #[test]
    fn characters_may_be_cut_anywhere() {
        let text = "a😀é€".as_bytes();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                assert!(Payload::new().quoted(pieces(text, &[first, second])).is_sendable(), "{first} {second}");
            }
        }
        for wrong in
            [&b"\xf0\x9f\x98a"[..], b"\xc3\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80", b"\xf0\x9f\x98"]
        {
            for at in 0..=wrong.len() {
                assert!(!Payload::new().spliced(pieces(wrong, &[at])).is_sendable(), "{wrong:?} {at}");
            }
        }
    }
}
