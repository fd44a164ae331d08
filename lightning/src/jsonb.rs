//! What Postgres makes of JSON: keys sorted, the last of equals kept, a blank after `:` and `,`, numbers without exponents.
//!
//! One pass from text to text, strict, without a tree: outputs of jobs are large.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// How deep values may be nested. The real bound is a stack, of which the server's thread has less.
const MAX_DEPTH: usize = 1_000;

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As `jsonb::text` does.
    Jsonb,
    /// In the order it came in, without blanks.
    Compact,
}

impl Style {
    pub(crate) fn of(jsonb: bool) -> Style {
        if jsonb { Style::Jsonb } else { Style::Compact }
    }
}

/// What is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("malformed JSON at byte {0}")]
    Malformed(usize),
    #[error("a NUL character, which Postgres does not store")]
    Nul,
    #[error("a number that does not fit at byte {0}")]
    Number(usize),
    #[error("nested too deep")]
    Depth,
}

/// What a value is, as far as it matters for how it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Object,
    Other,
}

/// Prints a value, without the top-level key `without`.
pub(crate) fn print(text: &str, style: Style, without: Option<&str>) -> Result<(String, Shape), Refused> {
    let mut printer = Printer { text, bytes: text.as_bytes(), at: 0, style, out: String::with_capacity(text.len()) };
    printer.blanks();
    let shape = if printer.peek() == Some(b'{') { Shape::Object } else { Shape::Other };
    printer.value(0, without)?;
    printer.blanks();
    if printer.at < text.len() {
        return Err(Refused::Malformed(printer.at));
    }
    Ok((printer.out, shape))
}

/// Prints a value as what a dataclip holds: an object, which anything else is wrapped in.
pub(crate) fn clip(text: &str, style: Style) -> Result<String, Refused> {
    let (text, shape) = print(text, style, Some("configuration"))?;
    Ok(match (shape, style) {
        (Shape::Object, _) => text,
        (Shape::Other, Style::Jsonb) => format!("{{\"value\": {text}}}"),
        (Shape::Other, Style::Compact) => format!("{{\"value\":{text}}}"),
    })
}

struct Printer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    style: Style,
    out: String,
}

/// A property that has been printed.
struct Entry<'a> {
    key: Cow<'a, str>,
    /// With its key, in `out`.
    range: Range<usize>,
}

impl<'a> Printer<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Refused> {
        self.blanks();
        if self.peek() != Some(byte) {
            return Err(Refused::Malformed(self.at));
        }
        self.at += 1;
        Ok(())
    }

    /// A comma, or the end of a list.
    fn more(&mut self, end: u8) -> Result<bool, Refused> {
        self.blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(Refused::Malformed(self.at)),
        }
    }

    fn value(&mut self, depth: usize, without: Option<&str>) -> Result<(), Refused> {
        if depth > MAX_DEPTH {
            return Err(Refused::Depth);
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.object(depth, without),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                let text = self.string()?;
                quote(&mut self.out, &text);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<(), Refused> {
        let rest = &self.text[self.at..];
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
        let word = word.ok_or(Refused::Malformed(self.at))?;
        self.at += word.len();
        self.out.push_str(word);
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Refused> {
        self.at += 1;
        self.out.push('[');
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.out.push(']');
            return Ok(());
        }
        loop {
            self.value(depth + 1, None)?;
            if !self.more(b']')? {
                break;
            }
            self.out.push_str(self.comma());
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, depth: usize, without: Option<&str>) -> Result<(), Refused> {
        self.at += 1;
        self.out.push('{');
        self.blanks();
        let start = self.out.len();
        let mut entries: Vec<Entry<'a>> = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                self.blanks();
                let key = self.string()?;
                self.expect(b':')?;
                if !entries.is_empty() {
                    self.out.push_str(self.comma());
                }
                let from = self.out.len();
                quote(&mut self.out, &key);
                self.out.push_str(if self.style == Style::Jsonb { ": " } else { ":" });
                self.value(depth + 1, None)?;
                entries.push(Entry { key, range: from..self.out.len() });
                if !self.more(b'}')? {
                    break;
                }
            }
        }
        self.arrange(start, entries, without);
        self.out.push('}');
        Ok(())
    }

    /// Brings the properties that have been printed since `start` into order.
    fn arrange(&mut self, start: usize, mut entries: Vec<Entry<'a>>, without: Option<&str>) {
        fn rank<'k>(entry: &'k Entry<'_>) -> (usize, &'k str) {
            (entry.key.len(), &entry.key)
        }
        let is_in_order = match self.style {
            Style::Jsonb => entries.is_sorted_by(|a, b| rank(a) < rank(b)),
            Style::Compact => {
                let mut keys: Vec<&str> = entries.iter().map(|entry| &*entry.key).collect();
                keys.sort_unstable();
                keys.is_sorted_by(|a, b| a < b)
            }
        };
        if is_in_order && !entries.iter().any(|entry| Some(&*entry.key) == without) {
            return;
        }
        let printed = self.out.split_off(start);
        entries.retain(|entry| Some(&*entry.key) != without);
        // The last of equals stays, where it stands.
        let mut seen = HashSet::new();
        entries.reverse();
        entries.retain(|entry| seen.insert(entry.key.clone()));
        entries.reverse();
        if self.style == Style::Jsonb {
            entries.sort_by(|a, b| rank(a).cmp(&rank(b)));
        }
        for (n, entry) in entries.iter().enumerate() {
            if n > 0 {
                self.out.push_str(self.comma());
            }
            self.out.push_str(&printed[entry.range.start - start..entry.range.end - start]);
        }
    }

    fn comma(&self) -> &'static str {
        if self.style == Style::Jsonb { ", " } else { "," }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Refused> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(Refused::Malformed(start));
        }
        let mut is_plain = true;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_plain = false;
                    self.at += 2;
                }
                Some(0..0x20) | None => return Err(Refused::Malformed(start)),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let token = self.text.get(start..self.at).ok_or(Refused::Malformed(start))?;
        if is_plain {
            return Ok(Cow::Borrowed(&token[1..token.len() - 1]));
        }
        let text: String = serde_json::from_str(token).map_err(|_| Refused::Malformed(start))?;
        if text.contains('\0') { Err(Refused::Nul) } else { Ok(Cow::Owned(text)) }
    }

    fn number(&mut self) -> Result<(), Refused> {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        let token = &self.text[start..self.at];
        serde_json::from_str::<serde::de::IgnoredAny>(token).map_err(|_| Refused::Malformed(start))?;
        if token == "-0" {
            self.out.push('0');
        } else if self.style == Style::Compact || !token.contains(['e', 'E']) {
            self.out.push_str(token);
        }
        // A number with a point or an exponent is a double before Postgres sees it.
        if token.contains(['.', 'e', 'E']) {
            let number: f64 = token.parse().map_err(|_| Refused::Number(start))?;
            if !number.is_finite() {
                return Err(Refused::Number(start));
            }
            if self.style == Style::Jsonb && token.contains(['e', 'E']) {
                self.out.push_str(&number.to_string());
            }
        }
        Ok(())
    }
}

fn quote(out: &mut String, text: &str) {
    if text.bytes().any(|b| b < 0x20 || matches!(b, b'"' | b'\\')) {
        out.push_str(&serde_json::Value::from(text).to_string());
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_prints_in_its_own_way() {
        fn check(text: &str, expected: &str) {
            assert_eq!(print(text, Style::Jsonb, None).unwrap().0, expected, "{text}");
        }
        check("null", "null");
        check(r#"{"data":{"b":1,"a":[1,2]},"x":true}"#, r#"{"x": true, "data": {"a": [1, 2], "b": 1}}"#);
        check(r#"{"a":1,"b":2,"a":3}"#, r#"{"a": 3, "b": 2}"#);
        check(r#"{"bb":1,"a":{},"c":[]}"#, r#"{"a": {}, "c": [], "bb": 1}"#);
        check("\"\\u00e9\\/\\n\\u0001\"", "\"é/\\n\\u0001\"");
        check("[1.0, 1e3, -0, 12345678901234567890123]", "[1.0, 1000, 0, 12345678901234567890123]");
    }

    #[test]
    fn compact_keeps_the_order() {
        fn check(text: &str, expected: &str) {
            assert_eq!(print(text, Style::Compact, None).unwrap().0, expected, "{text}");
        }
        check(r#"{ "data" : { "b" : 1 }, "x": [1e3, 2] }"#, r#"{"data":{"b":1},"x":[1e3,2]}"#);
        check(r#"{"b":1,"a":2,"b":3}"#, r#"{"a":2,"b":3}"#);
    }

    #[test]
    fn clips_are_objects_without_configuration() {
        fn check(text: &str, expected: &str) {
            assert_eq!(clip(text, Style::Jsonb).unwrap(), expected, "{text}");
        }
        check(r#"{"configuration":{"k":"secret"},"data":{"configuration":1}}"#, r#"{"data": {"configuration": 1}}"#);
        check("42", r#"{"value": 42}"#);
        check("[1,2]", r#"{"value": [1, 2]}"#);
        check("null", r#"{"value": null}"#);
    }

    #[test]
    fn what_is_not_stored() {
        fn check(text: &str, expected: Refused) {
            assert_eq!(print(text, Style::Jsonb, None).unwrap_err(), expected, "{text}");
        }
        check("", Refused::Malformed(0));
        check("{\"a\":1", Refused::Malformed(6));
        check("[1,]", Refused::Malformed(3));
        check("{\"a\" 1}", Refused::Malformed(5));
        check("1 2", Refused::Malformed(2));
        check("01", Refused::Malformed(0));
        check("\"abc", Refused::Malformed(0));
        check("\"\\", Refused::Malformed(0));
        check("\"\\ud800\"", Refused::Malformed(0));
        check("{\"a\":\"x\\u0000\"}", Refused::Nul);
        check("{\"\\u0000\":1}", Refused::Nul);
        check("1e400", Refused::Number(0));
        check(&"[".repeat(2_000), Refused::Depth);
    }
}
