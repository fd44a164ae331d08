//! The text that comes out: what was written, some of it moved, with edits, and a mapping for every word.

use std::borrow::Cow;

use oxc_sourcemap::SourceMapBuilder;
use oxc_span::Span;

use crate::error::Place;
use crate::parse::Module;
use crate::text::is_line_end;

/// A stretch of the text and what takes its place. Edits may contain each other, but never overlap.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) span: Span,
    pub(crate) parts: Vec<Part>,
}

/// A part of the text that takes the place of another.
#[derive(Debug)]
pub(crate) enum Part {
    /// New text. It maps to where the edit begins.
    New(Cow<'static, str>),
    /// What was written there, with the edits inside of it.
    Written(Span),
}

/// All edits of a module.
#[derive(Debug, Default)]
pub(crate) struct Edits(Vec<Edit>);

impl Edits {
    pub(crate) fn add(&mut self, span: Span, parts: impl Into<Vec<Part>>) {
        self.0.push(Edit { span, parts: parts.into() });
    }

    /// Outer before inner, earlier before later.
    pub(crate) fn sort(&mut self) {
        self.0.sort_by_key(|edit| (edit.span.start, std::cmp::Reverse(edit.span.end)));
    }
}

/// The compiled module as it is written.
pub(crate) struct Output<'a> {
    module: &'a Module<'a>,
    edits: &'a [Edit],
    code: String,
    /// Where `code` ends.
    place: Place,
    /// Pairs of where in `code` and where in the source, in the order of `code`.
    mappings: Vec<(Place, Place)>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(module: &'a Module<'a>, edits: &'a Edits) -> Output<'a> {
        let length = module.text.len();
        Output {
            module,
            edits: &edits.0,
            code: String::with_capacity(length + length / 4 + 256),
            place: Place { line: 0, column: 0 },
            mappings: Vec::with_capacity(length / 3),
        }
    }

    /// New text that stands for nothing in the source.
    pub(crate) fn new_text(&mut self, text: &str) {
        self.code.push_str(text);
        for c in text.chars() {
            self.advance(c);
        }
    }

    /// What was written there, with the edits inside of it.
    pub(crate) fn written(&mut self, span: Span) {
        self.edited(span, self.edits);
    }

    /// Ends the line, if there is anything on it.
    pub(crate) fn end_line(&mut self) {
        if self.place.column > 0 {
            self.new_text("\n");
        }
    }

    /// What has been written so far.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// The code and its source map.
    pub(crate) fn finish(self, file: &str, source: &str) -> (String, String) {
        let mut map = SourceMapBuilder::default();
        map.set_file(file);
        let id = map.set_source_and_content(file, source);
        for (to, from) in self.mappings {
            map.add_token(to.line, to.column, from.line, from.column, Some(id), None);
        }
        let map = map.into_sourcemap().to_json_string();
        (self.code, map)
    }

    fn edited(&mut self, span: Span, edits: &'a [Edit]) {
        let mut position = span.start;
        let mut next = edits.partition_point(|edit| edit.span.start < span.start);
        while let Some(edit) = edits.get(next).filter(|edit| edit.span.start < span.end) {
            if edit.span.end > span.end {
                next += 1;
                continue;
            }
            self.copy(Span::new(position, edit.span.start));
            let inner = &edits[next + 1..];
            let inner = &inner[..inner.partition_point(|inner| inner.span.start < edit.span.end)];
            for part in &edit.parts {
                match part {
                    Part::New(text) => {
                        self.map(self.module.place(edit.span.start));
                        self.new_text(text);
                    }
                    Part::Written(span) => self.edited(*span, inner),
                }
            }
            position = edit.span.end;
            next += 1 + inner.len();
        }
        self.copy(Span::new(position, span.end));
    }

    /// The text as it is, with a mapping for every word and every sign: whoever reads the map takes the nearest one to
    /// the left and no more.
    fn copy(&mut self, span: Span) {
        if span.start >= span.end {
            return;
        }
        let text = &self.module.text[span.start as usize..span.end as usize];
        let mut from = self.module.text_place(span.start);
        let mut in_word = false;
        for (i, c) in text.char_indices() {
            let is_word = c.is_alphanumeric() || c == '_' || c == '$';
            if i == 0 || !(c.is_whitespace() || (is_word && in_word)) {
                self.map(self.module.written_place(from));
            }
            in_word = is_word;
            let ends_line = self.advance_after(c, &text[i..]);
            if ends_line {
                from = Place { line: from.line + 1, column: 0 };
            } else {
                from.column += c.len_utf16() as u32;
            }
        }
        self.code.push_str(text);
    }

    fn map(&mut self, from: Place) {
        if let Some(&(to, last)) = self.mappings.last() {
            if to.line == self.place.line && last == from {
                return;
            }
            if to == self.place {
                self.mappings.pop();
            }
        }
        self.mappings.push((self.place, from));
    }

    fn advance(&mut self, c: char) {
        if c == '\n' {
            self.place = Place { line: self.place.line + 1, column: 0 };
        } else {
            self.place.column += c.len_utf16() as u32;
        }
    }

    /// Whether the first character of `rest` ended a line; of CR LF only the LF does.
    fn advance_after(&mut self, c: char, rest: &str) -> bool {
        let ends_line = is_line_end(c) && !(c == '\r' && rest[1..].starts_with('\n'));
        if ends_line {
            self.place = Place { line: self.place.line + 1, column: 0 };
        } else {
            self.place.column += c.len_utf16() as u32;
        }
        ends_line
    }
}
