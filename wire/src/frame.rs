//! Frames of serializer V2: what a server's say, and how ours begin.
//!
//! Reading is lenient where servers differ, and whatever bytes come, they are a frame or an error. Payloads are slices of the frame
//! that they came in; nobody looks into them here, but for the status of a reply.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::client::{Reply, Response};
use crate::payload::Payload;

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The join that it belongs to.
    pub join_ref: Option<Ref>,
    /// The topic.
    pub topic: String,
    /// What about it.
    pub kind: Kind,
}

/// What a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An answer to the frame of ours that had this ref.
    Reply(Option<Ref>, Reply),
    /// The channel crashed.
    Error,
    /// The channel is closed.
    Close,
    /// Something of the server's own accord.
    Push(String, Response),
}

/// The number of a frame of ours. Counted from 1; what a server says and cannot be ours is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref(pub u64);

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why bytes are no frame. What they are is not said: secrets may be in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A text that is no list of ref, ref, topic, event and payload.
    #[error("text that is no frame, from byte {0}")]
    Text(usize),
    /// The payload of a reply has no status.
    #[error("a reply without a status")]
    Status,
    /// Bytes that end too early.
    #[error("a binary frame that is cut")]
    Cut,
    /// A kind that there is not.
    #[error("a binary frame of kind {0}")]
    Kind(u8),
    /// Names that are no text.
    #[error("a binary frame whose names are no text")]
    Name,
}

/// Payloads up to this size are copied, so that they do not keep alive what they were read into.
const SMALL: usize = 4 << 10;

/// Reads a text frame. The bytes are known to be UTF-8.
pub fn decode_text(frame: &Bytes) -> Result<Frame, Unreadable> {
    let parts: Parts<'_> = serde_json::from_slice(frame).map_err(|error| Unreadable::Text(error.column()))?;
    let (topic, payload) = (parts.topic.into_owned(), parts.payload.get());
    let replied = parts.event.strip_prefix("chan_reply_");
    let kind = if parts.event == "phx_reply" || replied.is_some() {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            status: Cow<'a, str>,
            #[serde(borrow, default)]
            response: Option<&'a RawValue>,
        }
        let answer: Answer<'_> = serde_json::from_str(payload).map_err(|_| Unreadable::Status)?;
        // `Option` takes a null for itself.
        let response = answer.response.map_or(Bytes::from_static(b"null"), |response| part(frame, response.get()));
        let reference = parts.reference.as_deref().or(replied).map(reference);
        Kind::Reply(reference, reply(&answer.status, Response::Json(response)))
    } else {
        match &*parts.event {
            "phx_error" => Kind::Error,
            "phx_close" => Kind::Close,
            // Phoenix pushes objects; where a string comes, the object is in it.
            event => Kind::Push(event.to_owned(), Response::Json(unquoted(frame, payload))),
        }
    };
    Ok(Frame { join_ref: parts.join_ref.as_deref().map(reference), topic, kind })
}

/// Reads a binary frame.
pub fn decode_binary(frame: &Bytes) -> Result<Frame, Unreadable> {
    let mut rest = frame.clone();
    let kind = take(&mut rest, 1)?[0];
    let names = match kind {
        0 => 3,
        1 => 4,
        2 => 2,
        other => return Err(Unreadable::Kind(other)),
    };
    let lengths = take(&mut rest, names)?;
    let mut lengths = lengths.iter();
    let mut name = || -> Result<Option<Bytes>, Unreadable> {
        let Some(&length) = lengths.next() else { return Ok(None) };
        let name = take(&mut rest, length.into())?;
        simdutf8::basic::from_utf8(&name).map_err(|_| Unreadable::Name)?;
        Ok(Some(name))
    };
    let mut text = || name().map(|name| String::from_utf8_lossy(&name.unwrap_or_default()).into_owned());
    let join_ref = if kind == 2 { String::new() } else { text()? };
    let reply_ref = if kind == 1 { text()? } else { String::new() };
    let (topic, event) = (text()?, text()?);
    let body = Response::Binary(owned(rest));
    let known = |text: &str| (!text.is_empty()).then(|| reference(text));
    let kind = match kind {
        1 => Kind::Reply(known(&reply_ref), reply(&event, body)),
        _ => Kind::Push(event, body),
    };
    Ok(Frame { join_ref: known(&join_ref), topic, kind })
}

/// How a frame of ours begins; its payload and [`END`] come after.
pub(crate) fn head(join_ref: Option<Ref>, reference: Ref, topic: &str, event: &str) -> Vec<u8> {
    let mut head = Vec::with_capacity(topic.len() + event.len() + 40);
    head.push(b'[');
    match join_ref {
        Some(join_ref) => head.extend_from_slice(format!("\"{join_ref}\"").as_bytes()),
        None => head.extend_from_slice(b"null"),
    }
    head.extend_from_slice(format!(",\"{reference}\",").as_bytes());
    for name in [topic, event] {
        serde_json::to_writer(&mut head, name).expect("text can be written to memory");
        head.push(b',');
    }
    head
}

/// How a frame of ours ends.
pub(crate) const END: &[u8] = b"]";

/// How many bytes a frame of ours has.
pub(crate) fn length(head: &[u8], payload: &Payload) -> u64 {
    head.len() as u64 + payload.len() + END.len() as u64
}

/// The five things in a frame, and nothing of what may come after them.
struct Parts<'a> {
    join_ref: Option<Cow<'a, str>>,
    reference: Option<Cow<'a, str>>,
    topic: Cow<'a, str>,
    event: Cow<'a, str>,
    payload: &'a RawValue,
}

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Parts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two refs, a topic, an event and a payload")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Parts<'de>, A::Error> {
                use serde::de::Error;
                let mut reference = || -> Result<Option<Cow<'de, str>>, A::Error> {
                    let text: Option<Text<'de>> = list.next_element()?.ok_or_else(|| A::Error::custom("no ref"))?;
                    Ok(text.map(|text| text.0))
                };
                let (join_ref, own_ref) = (reference()?, reference()?);
                let mut name = || -> Result<Cow<'de, str>, A::Error> {
                    Ok(list.next_element::<Text<'de>>()?.ok_or_else(|| A::Error::custom("no name"))?.0)
                };
                let (topic, event) = (name()?, name()?);
                let payload = list.next_element()?.ok_or_else(|| A::Error::custom("no payload"))?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Parts { join_ref, reference: own_ref, topic, event, payload })
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// Text that is borrowed unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn reference(text: &str) -> Ref {
    Ref(text.parse().unwrap_or(0))
}

fn reply(status: &str, response: Response) -> Reply {
    match status {
        "ok" => Reply::Ok(response),
        _ => Reply::Error(response),
    }
}

fn take(bytes: &mut Bytes, n: usize) -> Result<Bytes, Unreadable> {
    if bytes.len() < n { Err(Unreadable::Cut) } else { Ok(bytes.split_to(n)) }
}

/// A part of the frame, without a copy if that would be one to speak of.
fn part(frame: &Bytes, text: &str) -> Bytes {
    owned(frame.slice_ref(text.as_bytes()))
}

fn owned(bytes: Bytes) -> Bytes {
    if bytes.len() <= SMALL { Bytes::copy_from_slice(&bytes) } else { bytes }
}

fn unquoted(frame: &Bytes, payload: &str) -> Bytes {
    match payload.starts_with('"').then(|| serde_json::from_str::<String>(payload)) {
        Some(Ok(inside)) => inside.into(),
        _ => part(frame, payload),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &'static str) -> Response {
        Response::Json(Bytes::from_static(text.as_bytes()))
    }

    fn text(frame: &str) -> Result<Frame, Unreadable> {
        decode_text(&Bytes::copy_from_slice(frame.as_bytes()))
    }

    #[test]
    fn text_frames() {
        let check = |frame: &str, join_ref: Option<u64>, topic: &str, kind: Kind| {
            let expected = Frame { join_ref: join_ref.map(Ref), topic: topic.into(), kind };
            assert_eq!(text(frame), Ok(expected), "{frame}");
        };
        let ok = |reference: u64, response| Kind::Reply(Some(Ref(reference)), Reply::Ok(response));
        let error = |reference: u64, response| Kind::Reply(Some(Ref(reference)), Reply::Error(response));
        check(
            r#"["1","1","worker:queue","phx_reply",{"status":"ok","response":{}}]"#,
            Some(1),
            "worker:queue",
            ok(1, json("{}")),
        );
        check(
            r#"[null,"9","phoenix","phx_reply",{"response":null,"status":"ok"}]"#,
            None,
            "phoenix",
            ok(9, json("null")),
        );
        check(r#"["1","9","t","phx_reply",{"status":"ok"}]"#, Some(1), "t", ok(9, json("null")));
        check(
            r#"["4","5","t","phx_reply",{"status":"error","response":"try \"again\""},"more",{}]"#,
            Some(4),
            "t",
            error(5, json(r#""try \"again\"""#)),
        );
        check(r#" [ "1" , null , "t" , "phx_error" , {} ] "#, Some(1), "t", Kind::Error);
        check(r#"["1","1","t","phx_close",{}]"#, Some(1), "t", Kind::Close);
        check(
            r#"["1",null,"q","work-available",{"a": 1.0}]"#,
            Some(1),
            "q",
            Kind::Push("work-available".into(), json(r#"{"a": 1.0}"#)),
        );
        // Refs that are not ours, escapes in names.
        check(r#"["x",null,"\u0074","e",[]]"#, Some(0), "t", Kind::Push("e".into(), json("[]")));
        // As OpenFn's mock says it.
        check(r#"[null,"7","t","chan_reply_7",{"status":"ok","response":[1]}]"#, None, "t", ok(7, json("[1]")));
        check(r#"[null,null,"t","chan_reply_7",{"status":"ok","response":[1]}]"#, None, "t", ok(7, json("[1]")));
        check(
            r#"[null,null,"q","work-available","{\"a\":1}"]"#,
            None,
            "q",
            Kind::Push("work-available".into(), json(r#"{"a":1}"#)),
        );
    }

    #[test]
    fn texts_that_are_none() {
        for frame in
            ["", "{}", "[]", r#"["1","1","t","e"]"#, r#"["1","1",null,"e",{}]"#, r#"[1,"1","t","e",{}]"#, "[\"1\""]
        {
            assert!(matches!(text(frame), Err(Unreadable::Text(_))), "{frame}");
        }
        for payload in ["{}", "[]", "null", r#"{"status":1}"#] {
            assert_eq!(text(&format!(r#"["1","1","t","phx_reply",{payload}]"#)), Err(Unreadable::Status));
        }
    }

    #[test]
    fn binary_frames() {
        let check = |frame: &'static [u8], expected: Result<Frame, Unreadable>| {
            assert_eq!(decode_binary(&Bytes::from_static(frame)), expected, "{frame:?}");
        };
        let body = || Response::Binary(Bytes::from_static(b"{}"));
        let frame = |join_ref, topic: &str, kind| Ok(Frame { join_ref, topic: topic.into(), kind });
        check(
            b"\x01\x01\x01\x05\x0245run:xok{}",
            frame(Some(Ref(4)), "run:x", Kind::Reply(Some(Ref(5)), Reply::Ok(body()))),
        );
        check(b"\x01\x00\x01\x01\x055terror{}", frame(None, "t", Kind::Reply(Some(Ref(5)), Reply::Error(body()))));
        check(b"\x00\x01\x01\x014te{}", frame(Some(Ref(4)), "t", Kind::Push("e".into(), body())));
        check(b"\x02\x01\x01te{}", frame(None, "t", Kind::Push("e".into(), body())));
        check(b"", Err(Unreadable::Cut));
        check(b"\x02\x01", Err(Unreadable::Cut));
        check(b"\x02\x01\xffte{}", Err(Unreadable::Cut));
        check(b"\x03\x01\x01te{}", Err(Unreadable::Kind(3)));
        check(b"\x02\x01\x01\xffe{}", Err(Unreadable::Name));
    }

    #[test]
    fn a_large_payload_is_not_copied() {
        let large = "x".repeat(SMALL);
        let frame = Bytes::from(format!(r#"["1","2","t","phx_reply",{{"status":"ok","response":"{large}"}}]"#));
        let Ok(Frame { kind: Kind::Reply(_, Reply::Ok(response)), .. }) = decode_text(&frame) else {
            panic!("it is a reply")
        };
        assert!(frame.as_ptr_range().contains(&response.bytes().as_ptr()));
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(
            join_ref in proptest::option::of(1..u64::MAX),
            reference in 1..u64::MAX,
            topic in "\\PC{0,20}",
            event in "\\PC{1,20}",
            payload in "[a-z\"\\\\\u{0}-\u{10}é]{0,30}",
        ) {
            prop_assume!(!event.starts_with("phx_") && !event.starts_with("chan_reply_"));
            let join_ref = join_ref.map(Ref);
            let payload = serde_json::json!({ "a": payload }).to_string();
            let mut frame = head(join_ref, Ref(reference), &topic, &event);
            frame.extend_from_slice(payload.as_bytes());
            frame.extend_from_slice(END);
            let found = decode_text(&frame.into()).expect("it is a frame");
            prop_assert_eq!(found, Frame { join_ref, topic, kind: Kind::Push(event, Response::Json(payload.into())) });
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40), kind in 0..4_u8) {
            let mut binary = vec![kind];
            binary.extend_from_slice(&bytes);
            let _ = decode_binary(&binary.into());
            let _ = decode_text(&bytes.into());
        }
    }
}
