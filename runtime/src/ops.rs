//! The whole list of what a job may ask of the host. What is not here (or in the web APIs of `deno_web`) is not refused: it
//! does not exist.
//!
//! This file is compiled twice: into the runtime, and into `build.rs`, which makes the snapshot with the same list.

use deno_core::{OpState, op2};
use deno_error::JsErrorBox;

deno_core::extension!(
    fulgurite,
    deps = [deno_webidl, deno_web],
    ops = [op_log, op_random_bytes, op_random_uuid],
    esm_entry_point = "ext:fulgurite/99_lockdown.js",
    esm = [dir "../js", "10_world.js", "20_log.js", "50_step.js", "99_lockdown.js"],
);

/// The extensions in the order that the snapshot fixes.
pub(crate) fn extensions() -> Vec<deno_core::Extension> {
    use deno_web::{BlobStore, InMemoryBroadcastChannel};
    vec![
        deno_webidl::deno_webidl::init(),
        deno_web::deno_web::init(BlobStore::default_arc(), None, false, InMemoryBroadcastChannel::default()),
        fulgurite::init(),
    ]
}

/// Where `op_log` sends its lines: level (see `js/20_log.js`; -1 is the runtime itself) and text.
pub(crate) struct LogSink(pub(crate) Box<Log>);

type Log = dyn FnMut(i32, &str);

#[op2(fast)]
fn op_log(state: &mut OpState, #[smi] level: i32, #[string] text: &str) {
    // There is none while the snapshot is made.
    if let Some(sink) = state.try_borrow_mut::<LogSink>() {
        (sink.0)(level, text.strip_suffix('\n').unwrap_or(text));
    }
}

#[op2(fast)]
fn op_random_bytes(#[buffer] out: &mut [u8]) -> Result<(), JsErrorBox> {
    getrandom::fill(out).map_err(|error| JsErrorBox::generic(format!("no random bytes: {error}")))
}

/// A version 4 UUID (RFC 9562, section 5.4).
#[op2]
#[string]
fn op_random_uuid() -> Result<String, JsErrorBox> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| JsErrorBox::generic(format!("no random bytes: {error}")))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    Ok(text)
}
