//! The frames of Phoenix channels, serializer V2: text is a list of five, binary has lengths in front.
//!
//! What does not decode is an exception in the real server's socket process, which takes the connection with it.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use serde_json::value::RawValue;

use crate::frame::Opcode;
use crate::jsonb::{self, Refused, Style};

/// What a worker sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The `phx_join` that it belongs to.
    pub join_ref: Option<String>,
    /// What its reply names.
    pub msg_ref: Option<String>,
    /// The channel.
    pub topic: String,
    /// What is asked for.
    pub event: String,
    /// What with.
    pub payload: Payload,
}

/// What comes with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// JSON text.
    Json(Bytes),
    /// Bytes, which no handler takes.
    Binary(Bytes),
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// JSON text.
    Json(String),
    /// Bytes: a frame of its own kind.
    Binary(Bytes),
}

impl Response {
    /// `null`.
    pub fn null() -> Response {
        Response::Json("null".to_owned())
    }
}

/// Whether a request was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It was.
    Ok,
    /// It was not, and the response says why.
    Error,
}

impl Status {
    /// As it stands in a frame.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Error => "error",
        }
    }
}

/// What is wrong with a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// JSON, but not `[join_ref, ref, topic, event, payload]`.
    #[error("not a list of five, of which two are strings or null and two are strings")]
    Form,
    /// A binary frame that is no push, or too short for its lengths.
    #[error("not a binary push")]
    Binary,
}

/// A message from a text frame.
pub fn text(frame: &Bytes) -> Result<Message, Error> {
    let json = |error: serde_json::Error| Error::Json(error.to_string());
    // Skipping finds neither half a surrogate pair nor a number that is too large; the real decoder does.
    if is_suspicious(frame) {
        let whole = str::from_utf8(frame).map_err(|error| Error::Json(error.to_string()))?;
        if let Err(refused @ (Refused::Malformed(_) | Refused::Number(_))) = jsonb::print(whole, Style::Compact, None) {
            return Err(Error::Json(refused.to_string()));
        }
    }
    let parts: Vec<&RawValue> = serde_json::from_slice(frame).map_err(json)?;
    let [join_ref, msg_ref, topic, event, payload, ..] = parts[..] else { return Err(Error::Form) };
    let reference = |part: &RawValue| serde_json::from_str::<Option<String>>(part.get()).map_err(|_| Error::Form);
    let name = |part: &RawValue| serde_json::from_str::<String>(part.get()).map_err(|_| Error::Form);
    Ok(Message {
        join_ref: reference(join_ref)?,
        msg_ref: reference(msg_ref)?,
        topic: name(topic)?,
        event: name(event)?,
        payload: Payload::Json(frame.slice_ref(payload.get().as_bytes())),
    })
}

/// There is a `\ud` or an exponent of three digits in it somewhere.
fn is_suspicious(frame: &[u8]) -> bool {
    frame.windows(4).any(|window| match *window {
        [b'\\', b'u', b'd' | b'D', _] => true,
        [b'e' | b'E', a, b, c] => (a == b'+' || a.is_ascii_digit()) && b.is_ascii_digit() && c.is_ascii_digit(),
        _ => false,
    })
}

/// A message from a binary frame.
pub fn binary(frame: &Bytes) -> Result<Message, Error> {
    let [0, join_ref, msg_ref, topic, event, ..] = frame[..] else { return Err(Error::Binary) };
    let mut at = 5;
    let mut next = |length: u8| {
        let end = at + usize::from(length);
        let part = frame.get(at..end).and_then(|part| str::from_utf8(part).ok()).ok_or(Error::Binary)?;
        at = end;
        Ok(part.to_owned())
    };
    let (join_ref, msg_ref, topic, event) = (next(join_ref)?, next(msg_ref)?, next(topic)?, next(event)?);
    let some = |text: String| (!text.is_empty()).then_some(text);
    Ok(Message {
        join_ref: some(join_ref),
        msg_ref: some(msg_ref),
        topic,
        event,
        payload: Payload::Binary(frame.slice(at..)),
    })
}

/// Topic and event of a text frame of which only the beginning is there.
pub fn peek(prefix: &[u8]) -> Option<(&str, &str)> {
    let mut rest = prefix.trim_ascii_start().strip_prefix(b"[")?;
    let mut parts = [""; 4];
    for part in &mut parts {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix(b"null") {
            rest = after;
        } else {
            let text = rest.strip_prefix(b"\"")?;
            let end = text.iter().position(|b| matches!(b, b'"' | b'\\'))?;
            *part = str::from_utf8(&text[..end]).ok()?;
            rest = text[end..].strip_prefix(b"\"")?;
        }
        rest = rest.trim_ascii_start().strip_prefix(b",")?;
    }
    Some((parts[2], parts[3]))
}

/// A frame on its way out: what kind, and its payload in pieces, so that a large body is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Text or binary.
    pub opcode: Opcode,
    /// One after the other.
    pub pieces: Vec<Bytes>,
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy)]
pub struct Address<'a> {
    /// The `phx_join` of the channel, if there is one.
    pub join_ref: Option<&'a str>,
    /// The request.
    pub msg_ref: Option<&'a str>,
    /// The channel.
    pub topic: &'a str,
}

impl Address<'_> {
    /// A reply.
    pub fn reply(&self, status: Status, response: &Response) -> Encoded {
        self.reply_as("phx_reply", status, response)
    }

    /// A reply under another name than `phx_reply`.
    pub fn reply_as(&self, event: &str, status: Status, response: &Response) -> Encoded {
        let status = status.name();
        match response {
            Response::Json(json) => self.text(event, &format!("{{\"response\":{json},\"status\":\"{status}\"}}")),
            Response::Binary(body) => {
                let parts = [self.join_ref.unwrap_or(""), self.msg_ref.unwrap_or(""), self.topic, status];
                let mut head = BytesMut::from(&[1_u8][..]);
                // Lengths have one byte each; refs and topics that a client chose longer cannot be answered in binary.
                head.extend(parts.iter().map(|part| part.len().min(255) as u8));
                for part in parts {
                    head.extend_from_slice(&part.as_bytes()[..part.len().min(255)]);
                }
                Encoded { opcode: Opcode::Binary, pieces: vec![head.freeze(), body.clone()] }
            }
        }
    }

    /// A push, or anything else that is text.
    pub fn text(&self, event: &str, payload: &str) -> Encoded {
        let mut frame = String::with_capacity(payload.len() + self.topic.len() + event.len() + 64);
        frame.push('[');
        for reference in [self.join_ref, self.msg_ref] {
            match reference {
                Some(reference) => quote(&mut frame, reference),
                None => frame.push_str("null"),
            }
            frame.push(',');
        }
        quote(&mut frame, self.topic);
        frame.push(',');
        quote(&mut frame, event);
        frame.push(',');
        frame.push_str(payload);
        frame.push(']');
        Encoded { opcode: Opcode::Text, pieces: vec![frame.into()] }
    }
}

fn quote(out: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = write!(out, "{}", serde_json::Value::from(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_frames_are_lists_of_five() {
        fn check(frame: &'static str, expected: Result<(&str, &str), Error>) {
            let seen = text(&Bytes::from_static(frame.as_bytes()));
            let seen = seen.map(|m| match m.payload {
                Payload::Json(json) => (m.event, String::from_utf8(json.to_vec()).unwrap()),
                Payload::Binary(_) => panic!("text"),
            });
            assert_eq!(seen, expected.map(|(event, json)| (event.to_owned(), json.to_owned())), "{frame}");
        }
        check(r#"["1","2","t","e",{"a": 1}]"#, Ok(("e", r#"{"a": 1}"#)));
        check(r#"[null,null,"t","e",null,"sixth"]"#, Ok(("e", "null")));
        check(r#"["1","2","t","e"]"#, Err(Error::Form));
        check(r#"[1,"2","t","e",{}]"#, Err(Error::Form));
        check(r#"["1","2",null,"e",{}]"#, Err(Error::Form));
        assert!(matches!(text(&Bytes::from_static(b"{}")), Err(Error::Json(_))));
        check(r#"["1","2","t","e","1e400 \ud83d\ude00 \u0000"]"#, Ok(("e", r#""1e400 \ud83d\ude00 \u0000""#)));
        check(r#"["1","2","t","e",1e300]"#, Ok(("e", "1e300")));
        assert!(matches!(text(&Bytes::from_static(br#"["1","2","t","e","\ud800"]"#)), Err(Error::Json(_))));
        assert!(matches!(text(&Bytes::from_static(br#"["1","2","t","e",{"a":1e400}]"#)), Err(Error::Json(_))));
    }

    #[test]
    fn a_beginning_says_what_a_frame_is() {
        fn check(prefix: &str, expected: Option<(&str, &str)>) {
            assert_eq!(peek(prefix.as_bytes()), expected, "{prefix}");
        }
        check(r#"["3","9","run:R","step:complete",{"out"#, Some(("run:R", "step:complete")));
        check(r#" [ null , "9","phoenix","heartbeat",{}]"#, Some(("phoenix", "heartbeat")));
        check(r#"["3","9","run:R","step:comp"#, None);
        check(r#"{"topic":"#, None);
    }

    #[test]
    fn binary_frames_have_lengths_in_front() {
        let address = Address { join_ref: Some("4"), msg_ref: Some("5"), topic: "run:x" };
        let reply = address.reply(Status::Ok, &Response::Binary(Bytes::from_static(b"{}")));
        assert_eq!(reply.pieces.concat(), b"\x01\x01\x01\x05\x0245run:xok{}");
        let push = binary(&Bytes::from_static(b"\x00\x01\x01\x01\x0212tev{}")).unwrap();
        assert_eq!((push.join_ref.as_deref(), push.topic.as_str(), push.event.as_str()), (Some("1"), "t", "ev"));
        assert_eq!(push.payload, Payload::Binary(Bytes::from_static(b"{}")));
        assert_eq!(binary(&Bytes::from_static(b"\x01\x01\x01\x01\x0212tev{}")), Err(Error::Binary));
        assert_eq!(binary(&Bytes::from_static(b"\x00\x01\x01\xff\x0212tev{}")), Err(Error::Binary));
    }

    #[test]
    fn replies_are_lists_of_five() {
        let address = Address { join_ref: None, msg_ref: Some("9"), topic: "a\"b" };
        let reply = address.reply(Status::Error, &Response::null());
        assert_eq!(reply.pieces.concat(), br#"[null,"9","a\"b","phx_reply",{"response":null,"status":"error"}]"#);
    }
}
