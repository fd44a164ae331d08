//! JSON text as the inside of a JSON string, and the mask that every byte to a server wears.
//!
//! Both write into a buffer of the caller's that is smaller than the text, so escaping says how far it came. What is escaped is what
//! JSON demands: quotes, backslashes and control characters. JSON text is full of quotes, so the fast way has no branch for one.
//!
//! Masking is a second pass over what has just been written and is in the cache: a tenth of what escaping takes, too little to make
//! one pass out of two (`benches/escape.rs`).

#[cfg(target_arch = "x86_64")]
mod x86;

/// How many bytes the text has when it is escaped.
pub fn length(text: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if x86::available() {
        // SAFETY: `available` has just found every feature that the function names.
        return unsafe { x86::length(text) };
    }
    length_portable(text)
}

/// Escapes as much of the text as there is room for. Returns how many bytes were taken and how many written.
pub fn escape(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    if x86::available() {
        // SAFETY: `available` has just found every feature that the function names.
        return unsafe { x86::escape(text, out) };
    }
    escape_portable(text, out)
}

/// Masks bytes that stand at `at` in what is masked with this key.
pub fn mask(bytes: &mut [u8], mut key: [u8; 4], at: usize) {
    key.rotate_left(at % 4);
    let (blocks, rest) = bytes.as_chunks_mut::<32>();
    let wide: [u8; 32] = std::array::from_fn(|at| key[at % 4]);
    for block in blocks {
        for (byte, key) in block.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in rest.iter_mut().zip(wide) {
        *byte ^= key;
    }
}

/// [`length`] where nothing better is there.
fn length_portable(text: &[u8]) -> u64 {
    text.iter().map(|&byte| escaped(byte).1 as u64).sum()
}

/// [`escape`] where nothing better is there.
pub fn escape_portable(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut taken, mut written) = (0, 0);
    while let (Some(block), Some(room)) = (text[taken..].first_chunk::<8>(), out[written..].first_chunk_mut::<16>()) {
        let step = match kind(u64::from_le_bytes(*block)) {
            Kind::Plain => {
                room[..8].copy_from_slice(block);
                (8, 8)
            }
            Kind::Marks => {
                // Two bytes are written for each, and the second is written over if it was one too many.
                let mut at = 0;
                for &byte in block {
                    let mark = byte == b'"' || byte == b'\\';
                    room[at] = if mark { b'\\' } else { byte };
                    room[at + 1] = byte;
                    at += 1 + usize::from(mark);
                }
                (8, at)
            }
            Kind::Controls => escape_bytes(block, &mut out[written..]),
        };
        taken += step.0;
        written += step.1;
        if step.0 < 8 {
            return (taken, written);
        }
    }
    let step = escape_bytes(&text[taken..], &mut out[written..]);
    (taken + step.0, written + step.1)
}

/// Byte for byte, for ends and for what is rare.
fn escape_bytes(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    let mut written = 0;
    for (taken, &byte) in text.iter().enumerate() {
        let (escape, length) = escaped(byte);
        let Some(room) = out.get_mut(written..written + length) else { return (taken, written) };
        room.copy_from_slice(&escape[..length]);
        written += length;
    }
    (text.len(), written)
}

/// What a byte becomes, and how much of it.
fn escaped(byte: u8) -> ([u8; 6], usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        9 => b't',
        10 => b'n',
        12 => b'f',
        13 => b'r',
        0..0x20 => return ([b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]], 6),
        _ => return ([byte, 0, 0, 0, 0, 0], 1),
    };
    ([b'\\', short, 0, 0, 0, 0], 2)
}

/// What eight bytes are.
enum Kind {
    /// Nothing that needs an escape.
    Plain,
    /// Quotes or backslashes, too.
    Marks,
    /// Control characters, too.
    Controls,
}

fn kind(word: u64) -> Kind {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // The lowest byte that is found is found rightly, which is all that "is there one" needs.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH != 0;
    let has = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    if below(word, 0x20) {
        Kind::Controls
    } else if has(b'"') || has(b'\\') {
        Kind::Marks
    } else {
        Kind::Plain
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Escape = fn(&[u8], &mut [u8]) -> (usize, usize);
    const ESCAPES: [(&str, Escape); 2] = [("best", escape), ("portable", escape_portable)];

    /// In steps, each with room for so many bytes.
    fn in_steps(escape: Escape, text: &[u8], rooms: &[usize]) -> Vec<u8> {
        let mut rooms = rooms.iter().copied().cycle();
        let (mut rest, mut all) = (text, Vec::new());
        while !rest.is_empty() {
            // Six bytes are the longest escape: with less, some text would never get on.
            let mut room = vec![0xaa; rooms.next().map_or(4096, |room| room.max(6))];
            let (taken, written) = escape(rest, &mut room);
            assert!(taken > 0 && room[written..].len() <= room.len());
            all.extend_from_slice(&room[..written]);
            rest = &rest[taken..];
        }
        all
    }

    fn check(text: &str, rooms: &[usize]) {
        let expected = serde_json::to_string(text).expect("a string");
        let expected = &expected.as_bytes()[1..expected.len() - 1];
        for (name, escape) in ESCAPES {
            assert_eq!(in_steps(escape, text.as_bytes(), rooms), expected, "{name}");
        }
        assert_eq!(length(text.as_bytes()), expected.len() as u64);
        assert_eq!(length_portable(text.as_bytes()), expected.len() as u64);
    }

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..0x80_u8 {
            for at in 0..70 {
                let text = format!("{}{}{}", "x".repeat(at), char::from(byte), "é".repeat(40));
                check(&text, &[]);
                check(&text, &[64, 7]);
            }
        }
    }

    #[test]
    fn all_that_needs_an_escape() {
        check(&"\"".repeat(1000), &[100]);
        check(&"\u{1f}".repeat(1000), &[100]);
        check(&"\n\"\\".repeat(1000), &[]);
        check("", &[]);
        check("\u{7f}\u{80}\u{2028}😀", &[]);
    }

    proptest! {
        #[test]
        fn as_serde_json_does(text in "(\\PC|[\"\\\\\u{0}-\u{20}a-z]){0,400}", rooms in proptest::collection::vec(6..300_usize, 0..8)) {
            check(&text, &rooms);
        }

        #[test]
        fn masks_as_rfc_6455_does(bytes in proptest::collection::vec(any::<u8>(), 0..200), key in any::<[u8; 4]>(), cut in 0..200_usize) {
            let expected: Vec<u8> = bytes.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
            let mut found = bytes;
            let cut = cut.min(found.len());
            mask(&mut found[..cut], key, 0);
            mask(&mut found[cut..], key, cut);
            prop_assert_eq!(found, expected);
        }
    }
}
