//! Lines and columns of a text, as JavaScript counts them: a line ends with LF, CR, CR LF, U+2028 or U+2029, and a column is
//! a UTF-16 unit.

use crate::error::Place;

/// Where the lines of a text begin.
#[derive(Debug)]
pub(crate) struct Lines {
    starts: Vec<u32>,
}

impl Lines {
    pub(crate) fn new(text: &str) -> Lines {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (i, &byte) in bytes.iter().enumerate() {
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(i + 1) != Some(&b'\n'),
                // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
                0xa8 | 0xa9 => i >= 2 && bytes[i - 2..i] == [0xe2, 0x80],
                _ => false,
            };
            if ends {
                starts.push(i as u32 + 1);
            }
        }
        Lines { starts }
    }

    /// Where an offset is. One past the end is at the end.
    pub(crate) fn place(&self, text: &str, offset: u32) -> Place {
        let line = self.starts.partition_point(|&start| start <= offset) - 1;
        let before = &text[self.starts[line] as usize..text.floor_char_boundary(offset as usize)];
        let column = if before.is_ascii() { before.len() } else { before.encode_utf16().count() };
        Place { line: line as u32, column: column as u32 }
    }

    /// The text of a line, without its end.
    pub(crate) fn text<'a>(&self, text: &'a str, line: u32) -> &'a str {
        let Some(&start) = self.starts.get(line as usize) else { return "" };
        let end = self.starts.get(line as usize + 1).map_or(text.len(), |&end| end as usize);
        text[start as usize..end].trim_end_matches(is_line_end)
    }
}

/// A line of a text by its number from 1, without its end, as JavaScript counts them; `None` when there are not so many.
pub fn line(text: &str, number: u32) -> Option<&str> {
    let lines = Lines::new(text);
    let index = number.checked_sub(1)?;
    ((index as usize) < lines.starts.len()).then(|| lines.text(text, index))
}

/// Whether a character ends a line.
pub(crate) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, offset: u32, line: u32, column: u32) {
        assert_eq!(Lines::new(text).place(text, offset), Place { line, column }, "{text:?} {offset}");
    }

    #[test]
    fn counts_as_javascript_does() {
        check("", 0, 0, 0);
        check("ab", 2, 0, 2);
        check("a\nb", 2, 1, 0);
        check("a\r\nb", 3, 1, 0);
        check("a\r\nb", 2, 0, 2);
        check("a\rb", 2, 1, 0);
        check("a\u{2028}b", 4, 1, 0);
        check("😀b", 4, 0, 2);
        check("äb", 99, 0, 2);
        assert_eq!(Lines::new("a\r\nb").text("a\r\nb", 0), "a");
    }
}
