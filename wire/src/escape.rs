//! JSON text as the inside of a JSON string.

/// How many bytes the text has when it is escaped.
pub(crate) fn length(text: &[u8]) -> u64 {
    text.iter().map(|&byte| cost(byte)).sum()
}

fn cost(byte: u8) -> u64 {
    match byte {
        b'"' | b'\\' | 8 | 9 | 10 | 12 | 13 => 2,
        0..0x20 => 6,
        _ => 1,
    }
}
