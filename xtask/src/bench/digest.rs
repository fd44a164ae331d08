//! Whether two outputs say the same, whatever their spelling: keys in any order, `1.0` and `1`, `é` and `\u00e9`.
//!
//! A digest is made in one pass and takes no memory, because outputs may be as large as states.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};

/// The digest of a JSON text.
///
/// # Errors
/// When the text is not JSON. It is only checked as far as a digest needs.
pub(super) fn digest(text: &[u8]) -> Result<u64> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value()?;
    reader.space();
    if reader.at < text.len() {
        bail!("there is more after the JSON value, at byte {}", reader.at);
    }
    Ok(value)
}

/// The first place where two texts differ. Only what differs is gone into, so that this takes no memory either.
pub(super) fn difference(left: &[u8], right: &[u8]) -> String {
    let (mut left, mut right, mut path) = (left, right, "$".to_owned());
    loop {
        let (Ok(ours), Ok(theirs)) = (parts(left), parts(right)) else { return format!("{path} is no JSON") };
        if (&ours, &theirs) == (&Vec::new(), &Vec::new()) || left.first() != right.first() {
            return match digest(left).ok() == digest(right).ok() {
                true => "only in how it is written".into(),
                false => format!("{path} is {} here and {} there", short(left), short(right)),
            };
        }
        let by_name =
            |parts: &[Part]| parts.iter().map(|part| (part.name.clone(), part.digest)).collect::<HashMap<_, _>>();
        let (known, wanted) = (by_name(&theirs), by_name(&ours));
        let Some(part) = ours.iter().find(|part| known.get(&part.name) != Some(&part.digest)) else {
            return match theirs.iter().find(|part| !wanted.contains_key(&part.name)) {
                Some(part) => format!("{path}{} is only in theirs", part.name),
                None => "only in how it is written".into(),
            };
        };
        path.push_str(&part.name);
        let Some(other) = theirs.iter().find(|other| other.name == part.name) else {
            return format!("{path} is only in ours");
        };
        (left, right) = (part.text, other.text);
    }
}

fn short(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(60)]).trim().to_owned()
}

/// A member of an object or an element of an array.
#[derive(Debug, PartialEq)]
struct Part<'a> {
    /// As a path has it.
    name: String,
    text: &'a [u8],
    digest: u64,
}

/// The parts of a value, in order; scalars have none.
fn parts(text: &[u8]) -> Result<Vec<Part<'_>>> {
    let mut reader = Reader { text, at: 0 };
    let mut parts = Vec::new();
    let close = match reader.next()? {
        b'{' => b'}',
        b'[' => b']',
        _ => return Ok(parts),
    };
    loop {
        match reader.next()? {
            byte if byte == close => return Ok(parts),
            b',' => reader.space(),
            _ => reader.at -= 1,
        }
        if text.get(reader.at) == Some(&close) {
            continue;
        }
        let mut name = format!("[{}]", parts.len());
        if close == b'}' {
            let start = reader.at + 1;
            reader.value()?;
            name = format!(".{}", String::from_utf8_lossy(&text[start..reader.at - 1]));
            if reader.next()? != b':' {
                bail!("no colon at byte {}", reader.at - 1);
            }
        }
        reader.space();
        let start = reader.at;
        let digest = reader.value()?;
        parts.push(Part { name, text: &text[start..reader.at], digest });
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Result<u8> {
        self.space();
        let byte = *self.text.get(self.at).context("the JSON ends too early")?;
        self.at += 1;
        Ok(byte)
    }

    fn value(&mut self) -> Result<u64> {
        Ok(match self.next()? {
            b'{' => {
                // The sum does not ask for an order.
                let mut sum = 1_u64;
                let mut byte = self.next()?;
                while byte != b'}' {
                    if byte == b',' {
                        byte = self.next()?;
                    }
                    if byte != b'"' {
                        bail!("no key at byte {}", self.at - 1);
                    }
                    let key = self.string()?;
                    if self.next()? != b':' {
                        bail!("no colon at byte {}", self.at - 1);
                    }
                    sum = sum.wrapping_add(mix(key ^ mix(self.value()?)));
                    byte = self.next()?;
                }
                mix(sum)
            }
            b'[' => {
                let mut all = 2;
                loop {
                    match self.next()? {
                        b']' => break mix(all),
                        b',' => {}
                        _ => self.at -= 1,
                    }
                    if self.text.get(self.at) == Some(&b']') {
                        continue;
                    }
                    all = mix(all ^ self.value()?);
                }
            }
            b'"' => self.string()?,
            b't' => self.word(b"rue", 3)?,
            b'f' => self.word(b"alse", 4)?,
            b'n' => self.word(b"ull", 5)?,
            _ => {
                let start = self.at - 1;
                while self.text.get(self.at).is_some_and(|b| b.is_ascii_digit() || b"+-.eE".contains(b)) {
                    self.at += 1;
                }
                let number = std::str::from_utf8(&self.text[start..self.at])?;
                let number: f64 = number.parse().with_context(|| format!("no value at byte {start}"))?;
                // Minus nothing is nothing.
                mix((number + 0.0).to_bits() ^ 6)
            }
        })
    }

    fn word(&mut self, rest: &[u8], number: u64) -> Result<u64> {
        if !self.text[self.at..].starts_with(rest) {
            bail!("no value at byte {}", self.at - 1);
        }
        self.at += rest.len();
        Ok(mix(number))
    }

    /// After the opening quote. Escapes count as what they stand for, surrogates alone as themselves.
    fn string(&mut self) -> Result<u64> {
        let mut all = 7_u64;
        let mut take = |byte: u8| all = (all ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        loop {
            let byte = *self.text.get(self.at).context("the JSON ends within a string")?;
            self.at += 1;
            match byte {
                b'"' => return Ok(mix(all)),
                b'\\' => {
                    let kind = *self.text.get(self.at).context("the JSON ends within a string")?;
                    self.at += 1;
                    match kind {
                        b'n' => take(b'\n'),
                        b't' => take(b'\t'),
                        b'r' => take(b'\r'),
                        b'b' => take(8),
                        b'f' => take(12),
                        b'u' => {
                            let mut unit = self.unit()?;
                            let rest = &self.text[self.at..];
                            if (0xd800..0xdc00).contains(&unit) && rest.starts_with(b"\\u") {
                                self.at += 2;
                                let low = self.unit()?;
                                if (0xdc00..0xe000).contains(&low) {
                                    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                                } else {
                                    self.at -= 6;
                                }
                            }
                            match char::from_u32(unit) {
                                Some(letter) => letter.encode_utf8(&mut [0; 4]).bytes().for_each(&mut take),
                                None => unit.to_le_bytes().into_iter().for_each(&mut take),
                            }
                        }
                        other => take(other),
                    }
                }
                other => take(other),
            }
        }
    }

    fn unit(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).context("the JSON ends within a string")?;
        self.at += 4;
        Ok(u32::from_str_radix(std::str::from_utf8(digits)?, 16)?)
    }
}

/// SplitMix64's finish: every bit counts everywhere.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_has_the_same_digest() {
        let check = |left: &str, right: &str| {
            assert_eq!(digest(left.as_bytes()).unwrap(), digest(right.as_bytes()).unwrap(), "{left} {right}");
        };
        check(r#"{"a":1,"b":[1,2]}"#, r#" { "b" : [ 1 , 2.0 ] , "a" : 1e0 } "#);
        check(r#""é😀\n""#, r#""\u00e9\ud83d\ude00\u000a""#);
        check("[]", "[ ]");
        check("-0", "0");
        check(r#""\ud800\ud800\udc00""#, r#""\uD800𐀀""#);
    }

    #[test]
    fn what_differs_has_another() {
        let check = |left: &str, right: &str| {
            assert_ne!(digest(left.as_bytes()).unwrap(), digest(right.as_bytes()).unwrap(), "{left} {right}");
        };
        check(r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#);
        check("[1,2]", "[2,1]");
        check("[]", "{}");
        check("[[]]", "[]");
        check("1", "\"1\"");
        check("null", "false");
        check(r#"{"a":1}"#, r#"{"a":1,"b":1}"#);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "[1", "{\"a\"}", "\"", "nul", "1 2", "x"] {
            assert!(digest(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_difference_has_a_path() {
        let check = |left: &str, right: &str, expected: &str| {
            assert_eq!(difference(left.as_bytes(), right.as_bytes()), expected);
        };
        check(r#"{"a":[1,{"b":2}]}"#, r#"{"a":[1,{"b":3}]}"#, "$.a[1].b is 2 here and 3 there");
        check(r#"{"a":1}"#, r#"{}"#, "$.a is only in ours");
        check(r#"{}"#, r#"{"a":1}"#, "$.a is only in theirs");
        check("[1]", "[1,2]", "$[1] is only in theirs");
        check("[1]", "{}", "$ is [1] here and {} there");
        check("[1.0]", "[1]", "only in how it is written");
    }
}
