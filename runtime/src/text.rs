//! Text across the edge of V8: JSON bytes in, strings out, without a copy where there is a way.
//!
//! All `unsafe` that strings ask for is here.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use bytes::Bytes;
use deno_core::v8;

/// The longest string that V8 can hold, in UTF-16 units (`v8::String::kMaxLength`).
pub(crate) const MAX_STRING: usize = (1 << 29) - 24;

/// Shorter texts are copied into V8's heap, which costs less than an external string with its entry in a table.
const EXTERNAL_FROM: usize = 64 * 1024;

/// The bytes behind external strings, by address, with the number of strings that use them. V8 gives back an address and a
/// length when it collects such a string, on whatever thread that happens.
static HELD: LazyLock<Mutex<Held>> = LazyLock::new(Mutex::default);

type Held = HashMap<(usize, usize), (Bytes, usize)>;

/// A string with the characters of a valid UTF-8 text; `None` when it is longer than V8 can hold.
pub(crate) fn string_from<'s>(scope: &mut v8::PinScope<'s, '_>, text: &Bytes) -> Option<v8::Local<'s, v8::String>> {
    if !v8::simdutf::validate_ascii(text) {
        return v8::String::new_from_utf8(scope, text, v8::NewStringType::Normal);
    }
    if text.len() < EXTERNAL_FROM {
        return v8::String::new_from_one_byte(scope, text, v8::NewStringType::Normal);
    }
    if text.len() > MAX_STRING {
        return None;
    }
    external(scope, text)
}

fn external<'s>(scope: &mut v8::PinScope<'s, '_>, text: &Bytes) -> Option<v8::Local<'s, v8::String>> {
    let key = (text.as_ptr() as usize, text.len());
    held().entry(key).or_insert_with(|| (text.clone(), 0)).1 += 1;
    // SAFETY: the text is ASCII, and `HELD` keeps it alive and in place until `release` is called, which V8 does once, when
    // the string dies. V8 never writes to an external string.
    let string = unsafe { v8::String::new_external_onebyte_raw(scope, text.as_ptr() as *mut _, text.len(), release) };
    if string.is_none() {
        drop_one(key);
    }
    string
}

/// # Safety
/// Called by V8 with what `external` handed over.
unsafe extern "C" fn release(start: *mut std::ffi::c_char, len: usize) {
    drop_one((start as usize, len));
}

fn drop_one(key: (usize, usize)) {
    let mut held = held();
    if let Some(entry) = held.get_mut(&key) {
        entry.1 -= 1;
        if entry.1 == 0 {
            held.remove(&key);
        }
    }
}

fn held() -> std::sync::MutexGuard<'static, Held> {
    HELD.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Bytes that `string` takes as UTF-8, at most: exact for ASCII, up to three times its length otherwise.
pub(crate) fn utf8_bound(string: v8::Local<v8::String>) -> usize {
    string.length() + if string.is_onebyte() { 0 } else { string.length() }
}

/// Is it `[…]`?
pub(crate) fn is_bracketed(isolate: &mut v8::Isolate, string: v8::Local<v8::String>) -> bool {
    let view = v8::ValueView::new(isolate, string);
    match view.data() {
        v8::ValueViewData::OneByte(text) => matches!(text, [b'[', .., b']']),
        v8::ValueViewData::TwoByte(text) => matches!(text, [0x5b, .., 0x5d]),
    }
}

/// Appends `string` as UTF-8, without its first `skip_first` and last `skip_last` units, which must be ASCII. A lone surrogate,
/// which JSON text from V8 never has, would become U+FFFD.
pub(crate) fn append_utf8(
    isolate: &mut v8::Isolate,
    string: v8::Local<v8::String>,
    skip_first: usize,
    skip_last: usize,
    out: &mut Vec<u8>,
) {
    let view = v8::ValueView::new(isolate, string);
    match view.data() {
        v8::ValueViewData::OneByte(latin1) => {
            let latin1 = &latin1[skip_first..latin1.len() - skip_last];
            if v8::simdutf::validate_ascii(latin1) {
                return out.extend_from_slice(latin1);
            }
            let len = v8::simdutf::utf8_length_from_latin1(latin1);
            // SAFETY: the room is exactly what the text takes.
            append_with(out, len, |room| unsafe { v8::simdutf::convert_latin1_to_utf8(latin1, room) });
        }
        v8::ValueViewData::TwoByte(units) => {
            let units = &units[skip_first..units.len() - skip_last];
            if v8::simdutf::validate_utf16le(units) {
                let len = v8::simdutf::utf8_length_from_utf16le(units);
                // SAFETY: the units are valid UTF-16 and the room is exactly what they take.
                append_with(out, len, |room| unsafe { v8::simdutf::convert_valid_utf16le_to_utf8(units, room) });
            } else {
                out.extend_from_slice(String::from_utf16_lossy(units).as_bytes());
            }
        }
    }
}

/// Appends `len` bytes that `fill` writes; `fill` answers how many it wrote.
fn append_with(out: &mut Vec<u8>, len: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
    let start = out.len();
    out.resize(start + len, 0);
    let written = fill(&mut out[start..]);
    out.truncate(start + written);
}

/// Appends `string` as a quoted JSON string.
pub(crate) fn append_quoted(isolate: &mut v8::Isolate, string: v8::Local<v8::String>, out: &mut Vec<u8>) {
    let view = v8::ValueView::new(isolate, string);
    match view.data() {
        v8::ValueViewData::OneByte(latin1) => fulgurite_state::quote::quote_latin1(latin1, out),
        v8::ValueViewData::TwoByte(units) => fulgurite_state::quote::quote_utf16(units, out),
    }
}

/// A key, given as raw JSON text with its quotes. `None` when it is longer than V8 can hold.
pub(crate) fn key_from<'s>(scope: &mut v8::PinScope<'s, '_>, raw: &[u8]) -> Option<v8::Local<'s, v8::Name>> {
    let inner = &raw[1..raw.len() - 1];
    let string = if inner.contains(&b'\\') {
        let units = fulgurite_state::quote::unquote_utf16(raw);
        v8::String::new_from_two_byte(scope, &units, v8::NewStringType::Internalized)?
    } else {
        v8::String::new_from_utf8(scope, inner, v8::NewStringType::Internalized)?
    };
    Some(string.into())
}

/// The text of a value for people; never runs user code.
pub(crate) fn lossy(isolate: &mut v8::Isolate, string: v8::Local<v8::String>) -> String {
    v8::ValueView::new(isolate, string).to_cow_lossy().into_owned()
}
