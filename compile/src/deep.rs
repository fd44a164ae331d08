//! A stack that no job can exhaust.
//!
//! The parser and all that walks its tree call themselves once per level of nesting, and a job may nest as deep as it is
//! long: ten thousand parentheses would end the process. So each compilation runs on a thread with a stack in
//! proportion to the source. Memory that is not touched costs nothing, and starting the thread some twenty microseconds.

use std::borrow::Cow;
use std::thread;

/// What one byte of source can take at most: an opening parenthesis, through the parser, the binder and the walks.
/// Measured by `tests/compile.rs`; unoptimised code takes the larger one.
const STACK_PER_BYTE: usize = if cfg!(debug_assertions) { 12 << 10 } else { 4 << 10 };

const SMALLEST: usize = 2 << 20;
const LARGEST: usize = 8 << 30;

/// Why a source is not even looked at.
pub(crate) struct Refusal {
    pub(crate) message: &'static str,
    pub(crate) help: Option<Cow<'static, str>>,
}

/// Calls `f` with a stack that is deep enough for `source`.
pub(crate) fn call<T: Send>(source: &str, f: impl FnOnce() -> T + Send) -> Result<T, Refusal> {
    let stack = source.len().saturating_mul(STACK_PER_BYTE).saturating_add(SMALLEST);
    if stack > LARGEST && depth(source) > LARGEST / STACK_PER_BYTE {
        return Err(Refusal {
            message: "the code is too large: it could be nested too deeply to be read",
            help: Some("split it, or read its data from the state".into()),
        });
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("compile".into()).stack_size(stack.min(LARGEST));
        match thread.spawn_scoped(scope, f) {
            Ok(thread) => thread.join().map_err(|panic| std::panic::resume_unwind(panic)),
            Err(_) => Err(Refusal {
                message: "there is not enough memory to read the code",
                help: Some("give the process more memory, or make the code smaller".into()),
            }),
        }
    })
}

/// More levels than the source can have: no level is made without one of these. What only separates, ends or quotes makes
/// none, so data of any length is flat.
fn depth(source: &str) -> usize {
    const FLAT: &[u8] = b",;\"'`)]}_$#@\\";
    let makes_a_level = |byte: &u8| {
        byte.is_ascii() && !byte.is_ascii_alphanumeric() && !byte.is_ascii_whitespace() && !FLAT.contains(byte)
    };
    source.as_bytes().iter().filter(|byte| makes_a_level(byte)).count()
}
