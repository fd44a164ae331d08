//! What a Phoenix server says: whatever bytes come, as text and as binary, they are a frame or an error, and what a frame holds was in
//! the bytes.
#![no_main]

use bytes::Bytes;
use fulgurite_wire::Reply;
use fulgurite_wire::internals::{Frame, Kind, decode_binary, decode_text, escape, escape_portable, length};
use libfuzzer_sys::fuzz_target;

fn payload(frame: &Frame) -> Option<&Bytes> {
    match &frame.kind {
        Kind::Reply(_, Reply::Ok(response) | Reply::Error(response)) | Kind::Push(_, response) => Some(response.bytes()),
        Kind::Error | Kind::Close => None,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(frame) = decode_binary(&bytes) {
        let payload = payload(&frame).expect("binary frames have one");
        assert!(bytes.ends_with(payload));
    }
    if let Ok(text) = std::str::from_utf8(&bytes) {
        if let Ok(frame) = decode_text(&bytes)
            && let Some(payload) = payload(&frame)
        {
            // A string is given out without its quotes, and then nobody vouches for what is in it.
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(payload).is_ok();
            assert!(is_json || matches!(frame.kind, Kind::Push(..)));
        }
        let expected = serde_json::to_string(text).expect("text");
        let mut out = vec![0; expected.len()];
        for escape in [escape, escape_portable] {
            assert_eq!(escape(text.as_bytes(), &mut out), (text.len(), expected.len() - 2));
            assert_eq!(&out[..expected.len() - 2], &expected.as_bytes()[1..expected.len() - 1]);
        }
        assert_eq!(length(text.as_bytes()), expected.len() as u64 - 2);
    }
});
