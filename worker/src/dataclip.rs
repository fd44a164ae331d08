//! Dataclips, both ways: a run's input in the forms in which servers send it, and a step's output in the form in which they keep it.

use bytes::Bytes;
use fulgurite_state::{IndexOptions, State};
use memchr::memmem;
use serde::Deserialize;

/// JSON text in pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body(Vec<Bytes>);

impl Body {
    /// Of these pieces.
    pub fn new(pieces: impl IntoIterator<Item = Bytes>) -> Body {
        Body(pieces.into_iter().filter(|piece| !piece.is_empty()).collect())
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|piece| piece.len() as u64).sum()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pieces. No copy.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> {
        self.0.iter().cloned()
    }

    /// As one slice: shared when it is one piece.
    pub fn flat(&self) -> Bytes {
        match self.0.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }

    fn starts_with(&self, byte: u8) -> bool {
        self.0.first().is_some_and(|piece| piece.first() == Some(&byte))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body::new([bytes])
    }
}

/// What was changed in a body, and had to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What can be kept.
    pub body: Body,
    /// How many characters became U+FFFD: NULs, for which the server's database has no place, and halves of surrogate pairs, which
    /// are no characters.
    pub replaced: usize,
}

/// A state as a server can keep it: an object, without NULs and lone surrogates.
///
/// The text comes from a process that runs other people's code. Were it no JSON, it would cost more than its own run, so it is
/// looked at, which is a fraction of what sending it costs.
///
/// # Errors
/// Where it is no JSON, or has a number that no server can read: it would cost the connection, and all runs on it.
pub fn kept(body: &Body) -> Result<Kept, String> {
    let Kept { body, replaced } = kept_value(body)?;
    Ok(Kept { body: as_object(body), replaced })
}

/// Any value as a server can keep it.
///
/// # Errors
/// As [`kept`].
pub fn kept_value(body: &Body) -> Result<Kept, String> {
    let flat = IndexOptions { depth: 0, ..IndexOptions::default() };
    // What was checked is what is sent: without a byte order mark and white space around it.
    let text = State::parse(body.flat(), &flat).map_err(|error| error.to_string())?.to_bytes();
    if may_overflow(&text)
        && let Err(error) = serde_json::from_slice::<serde_json::Value>(&text)
    {
        return Err(error.to_string());
    }
    let places = no_characters(&text);
    if places.is_empty() {
        return Ok(Kept { body: text.into(), replaced: 0 });
    }
    let mut changed = text.to_vec();
    for at in &places {
        changed[*at..at + ESCAPE].copy_from_slice(b"\\ufffd");
    }
    Ok(Kept { body: Bytes::from(changed).into(), replaced: places.len() })
}

/// An object as it is; anything else under `value`, as servers keep it.
pub fn as_object(body: Body) -> Body {
    if body.starts_with(b'{') {
        return body;
    }
    let ends = [Bytes::from_static(b"{\"value\":"), Bytes::from_static(b"}")];
    let [open, close] = ends;
    Body::new([open].into_iter().chain(body.pieces()).chain([close]))
}

/// Bytes of an escape such as `\u0000`.
const ESCAPE: usize = 6;

/// Where valid JSON text has escapes of what is no character: `\u0000`, and halves of surrogate pairs. JSON has no NUL that is not
/// written so, and UTF-8 has no surrogates.
fn no_characters(text: &[u8]) -> Vec<usize> {
    let is_escape = |at: usize| text[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0;
    let unit = |at: usize| -> Option<u16> {
        let escape = text.get(at..at + ESCAPE)?;
        let hex = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
        u16::from_str_radix(hex, 16).ok()
    };
    let mut places = Vec::new();
    let mut paired = None;
    for at in memmem::find_iter(text, b"\\u").filter(|at| is_escape(*at)) {
        match unit(at) {
            Some(0) => places.push(at),
            Some(0xd800..=0xdbff) if matches!(unit(at + ESCAPE), Some(0xdc00..=0xdfff)) => paired = Some(at + ESCAPE),
            Some(0xdc00..=0xdfff) if paired == Some(at) => {}
            Some(0xd800..=0xdfff) => places.push(at),
            _ => {}
        }
    }
    places
}

/// Whether there may be a number beyond what a double can hold: one with an exponent of three digits, or of some 300 digits. What
/// JavaScript made has none; what went through untouched may have.
fn may_overflow(text: &[u8]) -> bool {
    const LONG: usize = 300;
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let exponent = |at: usize| {
        let digits = if text.get(at + 1) == Some(&b'+') { at + 2 } else { at + 1 };
        at > 0 && is_digit(at - 1) && (digits..digits + 3).all(is_digit)
    };
    // A run of so many digits covers two of these places.
    let places = || (0..text.len()).step_by(LONG / 2);
    let long = |at: usize| is_digit(at) && (at..at + LONG / 2).all(is_digit);
    memchr::memchr2_iter(b'e', b'E', text).any(exponent) || places().any(long)
}

/// The answer to `fetch:dataclip`: bytes in a binary frame, or, from OpenFn's mock, a list of them as numbers. `None` = there is
/// no input.
///
/// # Errors
/// When it is neither.
pub fn input(answer: &fulgurite_wire::Response) -> Result<Option<Bytes>, String> {
    let bytes = match answer {
        fulgurite_wire::Response::Binary(bytes) => bytes.clone(),
        fulgurite_wire::Response::Json(text) if text.trim_ascii_start().starts_with(b"[") => {
            let numbers: ByteList =
                serde_json::from_slice(text).map_err(|error| format!("not a list of bytes: {error}"))?;
            numbers.0.into()
        }
        fulgurite_wire::Response::Json(text) => text.clone(),
    };
    Ok(if bytes.trim_ascii() == b"null" || bytes.trim_ascii().is_empty() { None } else { Some(bytes) })
}

#[derive(Deserialize)]
struct ByteList(Vec<u8>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_as_servers_keep_them() {
        let check = |text: &'static str, expected: &str, nuls: usize| {
            let kept = kept(&Bytes::from_static(text.as_bytes()).into()).unwrap();
            assert_eq!((std::str::from_utf8(&kept.body.flat()).unwrap(), kept.replaced), (expected, nuls), "{text}");
        };
        check(r#"{"a":1}"#, r#"{"a":1}"#, 0);
        check("[1]", r#"{"value":[1]}"#, 0);
        check("null", r#"{"value":null}"#, 0);
        check(r#"{"a":"x\u0000\u0000"}"#, r#"{"a":"x\ufffd\ufffd"}"#, 2);
        // Halves of pairs, alone and in the wrong order; and a pair.
        check(r#"{"a":"\ud800"}"#, r#"{"a":"\ufffd"}"#, 1);
        check(r#"{"a":"\udc00\ud800x\uD83D\uDE00"}"#, r#"{"a":"\ufffd\ufffdx\uD83D\uDE00"}"#, 2);
        check(r#"{"a":"\ud83d\ud83d\ude00\ude00"}"#, r#"{"a":"\ufffd\ud83d\ude00\ufffd"}"#, 2);
        check(r#"{"a":"\\ud800"}"#, r#"{"a":"\\ud800"}"#, 0);
        // What is around it, and a byte order mark.
        check(" {\"a\": 1}\n", "{\"a\": 1}", 0);
        check("\u{feff}{}", "{}", 0);
        // A backslash, and then text that looks like one.
        check(r#"{"a":"x\\u0000"}"#, r#"{"a":"x\\u0000"}"#, 0);
        check(r#"{"a":"x\\\u0000"}"#, r#"{"a":"x\\\ufffd"}"#, 1);
        assert!(kept(&Bytes::from_static(b"{\"a\":").into()).is_err());
        assert!(kept(&Bytes::from_static(b"\"\xff\"").into()).is_err());
        assert!(kept(&Body::default()).is_err());
        // What a double can hold stays as it is, whatever it looks like.
        check(r#"{"a":1e100,"b":"1e999","c":123e-999}"#, r#"{"a":1e100,"b":"1e999","c":123e-999}"#, 0);
        for beyond in
            ["{\"a\":1e400}".to_owned(), "{\"a\":-1.5E+999}".to_owned(), format!("{{\"a\":{}.5}}", "9".repeat(400))]
        {
            assert!(kept(&Bytes::from(beyond.clone()).into()).is_err(), "{beyond}");
        }
    }

    #[test]
    fn inputs_in_all_their_forms() {
        use fulgurite_wire::Response::{Binary, Json};
        let text = |bytes: &'static [u8]| Bytes::from_static(bytes);
        assert_eq!(input(&Binary(text(b"{\"a\": 1}"))), Ok(Some(text(b"{\"a\": 1}"))));
        assert_eq!(input(&Json(text(b"[123,125]"))), Ok(Some(text(b"{}"))));
        assert_eq!(input(&Binary(text(b"null"))), Ok(None));
        assert_eq!(input(&Json(text(b"null"))), Ok(None));
        assert!(input(&Json(text(b"[1,2000]"))).is_err());
    }
}
