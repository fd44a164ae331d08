//! JSON strings, both ways: quoting what V8 hands out, and reading the raw text of a key.
//!
//! JavaScript strings are sequences of UTF-16 units, lone surrogates included; the output follows ECMA-262's `QuoteJSONString`
//! (`JSON.stringify` escapes lone surrogates, so what is written is always valid UTF-8).

/// Appends `"…"` for a string of UTF-16 units.
pub fn quote_utf16(units: &[u16], out: &mut Vec<u8>) {
    out.push(b'"');
    for item in char::decode_utf16(units.iter().copied()) {
        match item {
            Ok(c) if (c as u32) < 0x80 => push_ascii(c as u8, out),
            Ok(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => push_unit(lone.unpaired_surrogate(), out),
        }
    }
    out.push(b'"');
}

/// Appends `"…"` for a string of Latin-1 bytes (V8's one-byte strings).
pub fn quote_latin1(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().position(|&b| !is_plain(b)).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if let Some((&b, tail)) = rest.split_first() {
            match b {
                0x80.. => out.extend_from_slice((b as char).encode_utf8(&mut [0; 2]).as_bytes()),
                _ => push_ascii(b, out),
            }
            rest = tail;
        }
    }
    out.push(b'"');
}

/// The UTF-16 units of a JSON string given as raw text with its quotes. The text must have passed the scanner.
pub fn unquote_utf16(raw: &[u8]) -> Vec<u16> {
    let inner = &raw[1..raw.len() - 1];
    let mut units = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(backslash) = rest.iter().position(|&b| b == b'\\') {
        push_utf8(&rest[..backslash], &mut units);
        let escape = rest[backslash + 1];
        rest = &rest[backslash + 2..];
        units.push(match escape {
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let hex = rest[..4]
                    .iter()
                    .fold(0, |unit, &digit| unit << 4 | (digit as char).to_digit(16).unwrap_or(0) as u16);
                rest = &rest[4..];
                hex
            }
            other => other as u16,
        });
    }
    push_utf8(rest, &mut units);
    units
}

/// The text of a raw key for people; lone surrogates become U+FFFD.
pub fn unquote_lossy(raw: &[u8]) -> String {
    let inner = &raw[1..raw.len() - 1];
    if !inner.contains(&b'\\') {
        return String::from_utf8_lossy(inner).into_owned();
    }
    String::from_utf16_lossy(&unquote_utf16(raw))
}

fn push_utf8(text: &[u8], units: &mut Vec<u16>) {
    units.extend(String::from_utf8_lossy(text).encode_utf16());
}

fn is_plain(b: u8) -> bool {
    (0x20..0x80).contains(&b) && b != b'"' && b != b'\\'
}

fn push_ascii(b: u8, out: &mut Vec<u8>) {
    match b {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        8 => out.extend_from_slice(b"\\b"),
        9 => out.extend_from_slice(b"\\t"),
        10 => out.extend_from_slice(b"\\n"),
        12 => out.extend_from_slice(b"\\f"),
        13 => out.extend_from_slice(b"\\r"),
        0..0x20 => push_unit(b as u16, out),
        _ => out.push(b),
    }
}

fn push_unit(unit: u16, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[(unit >> shift & 15) as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_json_stringify_does() {
        let check = |units: &[u16], expected: &str| {
            let mut out = Vec::new();
            quote_utf16(units, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        let utf16 = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        check(&utf16("a\"\\\n\u{1}\u{7f}é😀"), "\"a\\\"\\\\\\n\\u0001\u{7f}é😀\"");
        check(&[0xd83d], "\"\\ud83d\"");
        check(&[0xde00, 0x41], "\"\\ude00A\"");
        check(&[0], "\"\\u0000\"");
    }

    #[test]
    fn latin1_and_utf16_agree() {
        let bytes: Vec<u8> = (0..=255).collect();
        let units: Vec<u16> = (0..=255).collect();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        quote_latin1(&bytes, &mut a);
        quote_utf16(&units, &mut b);
        assert_eq!(a, b);
        assert_eq!(unquote_utf16(&a), units);
    }
}
