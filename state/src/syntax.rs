//! Why a text is not JSON, and where: the slow and careful reader that runs only after the scanner has refused.

use std::fmt;

use crate::scan::{MAX_DEPTH, number_len};

/// The first place where a text stops being JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column} (byte {offset})")]
pub struct SyntaxError {
    /// What is wrong.
    pub kind: SyntaxErrorKind,
    /// Bytes before the place.
    pub offset: usize,
    /// Line of the place, from 1.
    pub line: usize,
    /// Column of the place in characters, from 1.
    pub column: usize,
    /// The line of the place, cut to some 120 characters around it.
    pub excerpt: String,
    /// Column of the place within the excerpt, from 1.
    pub excerpt_column: usize,
}

/// What can be wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// There is nothing but white space.
    Empty,
    /// The text stops in the middle of something.
    UnexpectedEnd {
        /// What should have come.
        expected: &'static str,
    },
    /// A character that cannot stand here.
    Unexpected {
        /// The character.
        found: char,
        /// What could stand here.
        expected: &'static str,
    },
    /// A word other than `true`, `false`, `null`.
    UnknownWord(String),
    /// A number that JSON does not allow (leading zero, missing digits, …).
    BadNumber(String),
    /// A control character inside a string; it must be written as an escape.
    ControlCharacter(u8),
    /// A backslash followed by something that is no escape.
    BadEscape(char),
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// Arrays and objects nest deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl fmt::Display for SyntaxErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "empty input, expected a JSON value"),
            Self::UnexpectedEnd { expected } => write!(f, "unexpected end of input, expected {expected}"),
            Self::Unexpected { found, expected } => write!(f, "unexpected {}, expected {expected}", Shown(*found)),
            Self::UnknownWord(word) => write!(f, "unknown word `{word}`, expected a JSON value"),
            Self::BadNumber(text) => write!(f, "`{text}` is not a JSON number"),
            Self::ControlCharacter(byte) => {
                write!(f, "control character U+{byte:04X} inside a string, write it as an escape such as \\u{byte:04x}")
            }
            Self::BadEscape(c) => {
                write!(f, "{} is no escape, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX", Shown(*c))
            }
            Self::NotUtf8 => write!(f, "bytes that are not UTF-8"),
            Self::TooDeep => write!(f, "nesting deeper than {MAX_DEPTH} levels"),
        }
    }
}

struct Shown(char);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_control() { write!(f, "character U+{:04X}", self.0 as u32) } else { write!(f, "`{}`", self.0) }
    }
}

/// The first error of a text, or `None` when it is JSON.
pub fn diagnose(text: &[u8]) -> Option<SyntaxError> {
    let mut reader = Reader { text, at: 0 };
    let found = reader.document().err();
    // Not UTF-8 is an error of its own place, unless an earlier byte was already wrong.
    let utf8 = std::str::from_utf8(text).err().map(|error| error.valid_up_to());
    match (found, utf8) {
        (Some((_, at)), Some(bad)) if bad <= at => Some(error(text, SyntaxErrorKind::NotUtf8, bad)),
        (Some((kind, at)), _) => Some(error(text, kind, at)),
        (None, Some(bad)) => Some(error(text, SyntaxErrorKind::NotUtf8, bad)),
        (None, None) => None,
    }
}

fn error(text: &[u8], kind: SyntaxErrorKind, offset: usize) -> SyntaxError {
    let (line, column, excerpt, excerpt_column) = locate(text, offset);
    SyntaxError { kind, offset, line, column, excerpt, excerpt_column }
}

/// Line and column (from 1, in characters) of a byte offset, the line around it cut to about 120 characters, and the column
/// within that cut.
pub fn locate(text: &[u8], offset: usize) -> (usize, usize, String, usize) {
    const AROUND: usize = 60;
    let offset = offset.min(text.len());
    let before = &text[..offset];
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
    let column = 1 + String::from_utf8_lossy(&text[line_start..offset]).chars().count();

    let line_end = text[offset..].iter().position(|&b| b == b'\n' || b == b'\r').map_or(text.len(), |end| offset + end);
    let from = char_boundary(text, offset.saturating_sub(AROUND).max(line_start)).min(offset);
    let to = char_boundary(text, (offset + AROUND).min(line_end));
    let clean = |bytes: &[u8]| -> String {
        String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    let (head, tail) = (clean(&text[from..offset]), clean(&text[offset..to.max(offset)]));
    let lead = if from > line_start { "…" } else { "" };
    let trail = if to < line_end { "…" } else { "" };
    let excerpt_column = 1 + lead.chars().count() + head.chars().count();
    (line, column, format!("{lead}{head}{tail}{trail}"), excerpt_column)
}

fn char_boundary(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at] & 0xc0 == 0x80 {
        at += 1;
    }
    at
}

type Step = Result<(), (SyntaxErrorKind, usize)>;

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Step {
        self.space();
        if self.at == self.text.len() {
            return Err((SyntaxErrorKind::Empty, self.at));
        }
        // `true` = an object. A vector, not recursion: the text may nest as deep as it is long.
        let mut open: Vec<bool> = Vec::new();
        loop {
            // A value starts here.
            match self.text.get(self.at) {
                Some(&bracket @ (b'{' | b'[')) => {
                    if open.len() == MAX_DEPTH {
                        return Err((SyntaxErrorKind::TooDeep, self.at));
                    }
                    self.at += 1;
                    self.space();
                    let object = bracket == b'{';
                    if self.text.get(self.at) != Some(&if object { b'}' } else { b']' }) {
                        open.push(object);
                        if object {
                            self.key("a key in quotes or `}`")?;
                        } else if self.at == self.text.len() {
                            return Err((SyntaxErrorKind::UnexpectedEnd { expected: "a value or `]`" }, self.at));
                        }
                        continue;
                    }
                    self.at += 1;
                }
                _ => self.scalar()?,
            }
            // A value has ended: close what closes, or go on to the next one.
            loop {
                self.space();
                let Some(&object) = open.last() else {
                    return match self.at == self.text.len() {
                        true => Ok(()),
                        false => Err(self.unexpected("the end of the input")),
                    };
                };
                match (self.text.get(self.at), object) {
                    (Some(b','), _) => {
                        self.at += 1;
                        self.space();
                        if object {
                            self.key("a key in quotes")?;
                        }
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        open.pop();
                    }
                    (_, true) => return Err(self.unexpected("`,` or `}`")),
                    (_, false) => return Err(self.unexpected("`,` or `]`")),
                }
            }
        }
    }

    fn key(&mut self, expected: &'static str) -> Step {
        if self.text.get(self.at) != Some(&b'"') {
            return Err(self.unexpected(expected));
        }
        self.string()?;
        self.space();
        if self.text.get(self.at) != Some(&b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn scalar(&mut self) -> Step {
        match self.text.get(self.at) {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b) if b.is_ascii_alphabetic() => self.word(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn word(&mut self) -> Step {
        let len = self.text[self.at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let word = &self.text[self.at..self.at + len];
        if !matches!(word, b"true" | b"false" | b"null") {
            let shown = String::from_utf8_lossy(&word[..len.min(40)]).into_owned();
            return Err((SyntaxErrorKind::UnknownWord(shown), self.at));
        }
        self.at += len;
        Ok(())
    }

    fn number(&mut self) -> Step {
        let run = self.text[self.at..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-._".contains(b)).count();
        match number_len(&self.text[self.at..]) {
            Some(len) if len == run => {
                self.at += len;
                Ok(())
            }
            _ => {
                let shown = String::from_utf8_lossy(&self.text[self.at..self.at + run.min(40)]).into_owned();
                Err((SyntaxErrorKind::BadNumber(shown), self.at))
            }
        }
    }

    fn string(&mut self) -> Step {
        let start = self.at;
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                None => {
                    return Err((
                        SyntaxErrorKind::UnexpectedEnd { expected: "the end of the string that starts here" },
                        start,
                    ));
                }
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape(start)?,
                Some(&b) if b < 0x20 => return Err((SyntaxErrorKind::ControlCharacter(b), self.at)),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, start: usize) -> Step {
        let rest = &self.text[self.at + 1..];
        match rest.first() {
            None => Err((SyntaxErrorKind::UnexpectedEnd { expected: "the end of the string that starts here" }, start)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') if rest.len() >= 5 && rest[1..5].iter().all(u8::is_ascii_hexdigit) => {
                self.at += 6;
                Ok(())
            }
            Some(_) => Err((SyntaxErrorKind::BadEscape(char_at(rest)), self.at)),
        }
    }

    fn unexpected(&self, expected: &'static str) -> (SyntaxErrorKind, usize) {
        let kind = match self.text.get(self.at) {
            None => SyntaxErrorKind::UnexpectedEnd { expected },
            Some(_) => SyntaxErrorKind::Unexpected { found: char_at(&self.text[self.at..]), expected },
        };
        (kind, self.at)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }
}

fn char_at(text: &[u8]) -> char {
    let head = &text[..text.len().min(4)];
    head.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = diagnose(text.as_bytes()).expect("should be refused");
        assert_eq!(error.to_string(), expected);
        assert!(
            crate::State::parse(text.as_bytes().to_vec(), &Default::default()).is_err(),
            "the scanner lets it through"
        );
    }

    #[test]
    fn says_what_and_where() {
        check("", "empty input, expected a JSON value at line 1, column 1 (byte 0)");
        check(" \n ", "empty input, expected a JSON value at line 2, column 2 (byte 3)");
        check("{\"a\":1,}", "unexpected `}`, expected a key in quotes at line 1, column 8 (byte 7)");
        check("{\"a\" 1}", "unexpected `1`, expected `:` at line 1, column 6 (byte 5)");
        check("{a:1}", "unexpected `a`, expected a key in quotes or `}` at line 1, column 2 (byte 1)");
        check("[1 2]", "unexpected `2`, expected `,` or `]` at line 1, column 4 (byte 3)");
        check("[1,]", "unexpected `]`, expected a value at line 1, column 4 (byte 3)");
        check("[1}", "unexpected `}`, expected `,` or `]` at line 1, column 3 (byte 2)");
        check("{} x", "unexpected `x`, expected the end of the input at line 1, column 4 (byte 3)");
        check("{\"é\":\n  tru}", "unknown word `tru`, expected a JSON value at line 2, column 3 (byte 9)");
        check("[\"é\", 01]", "`01` is not a JSON number at line 1, column 7 (byte 7)");
        check("-", "`-` is not a JSON number at line 1, column 1 (byte 0)");
        check("1.", "`1.` is not a JSON number at line 1, column 1 (byte 0)");
        check("1e", "`1e` is not a JSON number at line 1, column 1 (byte 0)");
        check("NaN", "unknown word `NaN`, expected a JSON value at line 1, column 1 (byte 0)");
        check("'a'", "unexpected `'`, expected a value at line 1, column 1 (byte 0)");
        check(
            "\"a\nb\"",
            "control character U+000A inside a string, write it as an escape such as \\u000a at line 1, column 3 (byte 2)",
        );
        check(
            "\"a\\xb\"",
            "`x` is no escape, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX at line 1, column 3 (byte 2)",
        );
        check(
            "\"\\u12g4\"",
            "`u` is no escape, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX at line 1, column 2 (byte 1)",
        );
        check(
            "[\"abc",
            "unexpected end of input, expected the end of the string that starts here at line 1, column 2 (byte 1)",
        );
        check(
            "\"abc\\",
            "unexpected end of input, expected the end of the string that starts here at line 1, column 1 (byte 0)",
        );
        check("[", "unexpected end of input, expected a value or `]` at line 1, column 2 (byte 1)");
        check("{\"a\":", "unexpected end of input, expected a value at line 1, column 6 (byte 5)");
        check("[1]]", "unexpected `]`, expected the end of the input at line 1, column 4 (byte 3)");
        check("\u{c}1", "unexpected character U+000C, expected a value at line 1, column 1 (byte 0)");
        check("[1\u{1a}2]", "unexpected character U+001A, expected `,` or `]` at line 1, column 3 (byte 2)");
        check("{\"a\"}", "unexpected `}`, expected `:` at line 1, column 5 (byte 4)");
        check("\\\"", "unexpected `\\`, expected a value at line 1, column 1 (byte 0)");
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        check(&deep, "nesting deeper than 4096 levels at line 1, column 4097 (byte 4096)");
        let fits = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
        assert_eq!(diagnose(fits.as_bytes()), None);
        let objects = "{\"a\":".repeat(100_000);
        check(&objects, "nesting deeper than 4096 levels at line 1, column 20481 (byte 20480)");
    }

    #[test]
    fn not_utf8() {
        for (text, offset) in [(&b"\"\xff\""[..], 1), (b"[\"a\", \"\xed\xa0\x80\"]", 7), (b"\xff", 0)] {
            let error = diagnose(text).unwrap();
            assert_eq!((error.kind, error.offset), (SyntaxErrorKind::NotUtf8, offset));
        }
        // An earlier error is reported first.
        assert_eq!(diagnose(b"[x, \"\xff\"]").unwrap().offset, 1);
    }

    #[test]
    fn the_excerpt_is_short_and_the_caret_is_right() {
        let text = format!("{{\"k\": [{}oops{}]}}", "1,".repeat(500), ",2".repeat(500));
        let error = diagnose(text.as_bytes()).unwrap();
        assert!(error.excerpt.chars().count() < 130);
        let at: String = error.excerpt.chars().skip(error.excerpt_column - 1).take(4).collect();
        assert_eq!(at, "oops");
        assert!(error.excerpt.starts_with('…') && error.excerpt.ends_with('…'));
    }
}
