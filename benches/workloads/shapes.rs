//! The states: each is a frame, as many units as fit, and a last one that takes up the rest to the byte. They are written as
//! streams, so that half a gigabyte takes no memory.

use std::io::Write;

use anyhow::{Result, ensure};

use super::Shape;
use crate::fhir::{self, random::Random};

/// Writes a state of exactly `size` bytes.
pub(crate) fn write(shape: Shape, out: &mut impl Write, size: u64, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    match shape {
        Shape::Fhir => fhir::write(out, size, seed).map(drop),
        Shape::Text => {
            units(out, size, &Frame { open: r#"{"text":""#, comma: "", close: r#""}"# }, |at, out| match at {
                At::Unit(_) => line(&mut random, out),
                At::Last(room) => fill(room, out),
            })
        }
        Shape::Tree => {
            // In a small state the branches are shorter, so that there is more than one.
            let depth = (size / 400).clamp(4, 256);
            units(out, size, &Frame { open: r#"{"tree":["#, comma: ",", close: "]}" }, |at, out| match at {
                At::Unit(_) => branch(&mut random, depth, out),
                At::Last(room) => {
                    out.extend_from_slice(br#"{"level":0,"name":""#);
                    fill(room, out);
                    out.extend_from_slice(br#"","child":null}"#);
                }
            })
        }
        Shape::Wide => units(out, size, &Frame { open: "{", comma: ",", close: "}" }, |at, out| match at {
            At::Unit(number) => {
                let (value, on) = (random.below(1_000_000), random.below(2) == 0);
                put(
                    out,
                    format_args!(r#""key-{number:08}":{{"value":{value},"name":"{}","on":{on}}}"#, word(&mut random)),
                );
            }
            At::Last(room) => {
                out.extend_from_slice(br#""last":{"value":0,"name":""#);
                fill(room, out);
                out.extend_from_slice(br#"","on":false}"#);
            }
        }),
        Shape::Matrix => {
            units(out, size, &Frame { open: r#"{"rows":["#, comma: ",", close: "]}" }, |at, out| match at {
                At::Unit(_) => row(&mut random, out),
                // A number has one digit or two, and all others one and a comma.
                At::Last(room) => {
                    out.extend_from_slice(if room % 2 == 0 { b"[1" } else { b"[11" });
                    (0..room / 2).for_each(|_| out.extend_from_slice(b",1"));
                    out.push(b']');
                }
            })
        }
    }
}

const HEAD: &str = r#"{"configuration":{},"data":"#;
const TAIL: &str = r#","references":[],"cursor":"2024-01-01T00:00:00Z"}"#;

/// What is around the units.
struct Frame {
    open: &'static str,
    comma: &'static str,
    close: &'static str,
}

/// What is to be written.
enum At {
    /// The unit of this number.
    Unit(u64),
    /// The last one, with so many bytes more than it needs.
    Last(usize),
}

fn units(out: &mut impl Write, size: u64, frame: &Frame, mut put: impl FnMut(At, &mut Vec<u8>)) -> Result<()> {
    let mut unit = Vec::new();
    put(At::Last(0), &mut unit);
    let around = (HEAD.len() + frame.open.len() + unit.len() + frame.close.len() + TAIL.len()) as u64;
    ensure!(size >= around, "the smallest state of this shape has {around} bytes, and {size} were asked for");
    let mut room = size - around;
    out.write_all(HEAD.as_bytes())?;
    out.write_all(frame.open.as_bytes())?;
    for number in 0.. {
        unit.clear();
        put(At::Unit(number), &mut unit);
        unit.extend_from_slice(frame.comma.as_bytes());
        let Some(left) = room.checked_sub(unit.len() as u64) else { break };
        room = left;
        out.write_all(&unit)?;
    }
    unit.clear();
    put(At::Last(room as usize), &mut unit);
    out.write_all(&unit)?;
    out.write_all(frame.close.as_bytes())?;
    out.write_all(TAIL.as_bytes())?;
    Ok(())
}

/// Letters beyond ASCII and escapes are there, as in what people write.
const WORDS: [&str; 16] = [
    "visit",
    "clinic",
    "Zoë",
    "measured",
    "às",
    "twice",
    "\\\"stable\\\"",
    "fever",
    "naïve",
    "dose",
    "ward",
    "नमस्ते",
    "night",
    "a\\u0301",
    "reported",
    "follow-up",
];

fn word(random: &mut Random) -> &'static str {
    random.pick::<&str>(&WORDS)
}

fn line(random: &mut Random, out: &mut Vec<u8>) {
    for _ in 0..random.within(4, 14) {
        out.extend_from_slice(word(random).as_bytes());
        out.push(b' ');
    }
    out.extend_from_slice(b"\\n");
}

fn branch(random: &mut Random, depth: u64, out: &mut Vec<u8>) {
    for level in 0..depth {
        put(out, format_args!(r#"{{"level":{level},"name":"{}","child":"#, word(random)));
    }
    out.extend_from_slice(b"null");
    (0..depth).for_each(|_| out.push(b'}'));
}

fn row(random: &mut Random, out: &mut Vec<u8>) {
    for column in 0..64 {
        out.push(if column == 0 { b'[' } else { b',' });
        let (whole, part) = (random.below(2_000_000) as i64 - 1_000_000, random.within(1, 999));
        match random.below(3) {
            0 => put(out, format_args!("{whole}")),
            1 => put(out, format_args!("{}", whole / 1000)),
            // Some end in a zero, which JavaScript leaves off.
            _ => put(out, format_args!("{whole}.{part:03}")),
        }
    }
    out.push(b']');
}

fn fill(room: usize, out: &mut Vec<u8>) {
    out.extend(b"This takes up what is left of the size. ".iter().cycle().take(room));
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use sha2::{Digest as _, Sha256};

    fn state(shape: Shape, size: u64, seed: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write(shape, &mut out, size, seed).unwrap();
        out
    }

    #[test]
    fn every_size_is_met_to_the_byte_and_is_json() {
        for shape in Shape::ALL {
            for size in (1000..2500).step_by(13).chain([10_000, 40_001, 1_000_000]) {
                let text = state(shape, size, size);
                assert_eq!(text.len() as u64, size, "{shape:?}");
                if shape == Shape::Tree && size > 50_000 {
                    continue; // deeper than `serde_json` goes
                }
                let state: Value = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{shape:?}: {e}"));
                assert_eq!(state["cursor"], "2024-01-01T00:00:00Z");
                assert!(state["data"].is_object());
            }
        }
    }

    #[test]
    fn size_and_seed_fix_every_byte() {
        for shape in Shape::ALL {
            assert_eq!(state(shape, 50_000, 1), state(shape, 50_000, 1));
            assert_ne!(state(shape, 50_000, 1), state(shape, 50_000, 2));
        }
    }

    #[test]
    fn the_bytes_are_the_same_on_every_machine() {
        // When a generator changes on purpose, figures measured before no longer compare: say so in the changelog.
        let sums = Shape::ALL.map(|shape| {
            let sum = Sha256::digest(state(shape, 100_000, 1));
            sum[..4].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        });
        assert_eq!(sums, ["eb891d89", "c5ba793a", "46002604", "ab6fa4fb", "e09b9baa"]);
    }

    #[test]
    fn too_small_a_size_is_refused() {
        for shape in Shape::ALL {
            assert!(write(shape, &mut Vec::new(), 60, 1).unwrap_err().to_string().contains("smallest"));
        }
    }

    #[test]
    fn shapes_are_what_they_are_called() {
        let text = String::from_utf8(state(Shape::Tree, 200_000, 1)).unwrap();
        let depth = text.bytes().scan(0, |at, byte| {
            *at += i32::from(byte == b'{') - i32::from(byte == b'}');
            Some(*at)
        });
        assert_eq!(depth.max(), Some(2 + 256));
        let wide: Value = serde_json::from_slice(&state(Shape::Wide, 100_000, 1)).unwrap();
        assert!(wide["data"].as_object().unwrap().len() > 1_000);
        let matrix: Value = serde_json::from_slice(&state(Shape::Matrix, 100_000, 1)).unwrap();
        assert_eq!(matrix["data"]["rows"][0].as_array().unwrap().len(), 64);
        let text: Value = serde_json::from_slice(&state(Shape::Text, 100_000, 1)).unwrap();
        assert!(text["data"]["text"].as_str().unwrap().len() > 80_000);
    }
}
