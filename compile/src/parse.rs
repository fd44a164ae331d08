//! From text to a tree of plain JavaScript.
//!
//! What is valid JavaScript means what JavaScript says. Only a job that is not is read as TypeScript, stripped of its
//! types and printed; everything after that works on what was printed, and [`Module`] knows where it came from.

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_codegen::{Codegen, CodegenOptions, IndentChar};
use oxc_diagnostics::{Diagnostics, OxcDiagnostic, Severity};
use oxc_parser::Parser;
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::SourceType;
use oxc_transformer::{TransformOptions, Transformer};

use crate::error::{CompileError, Place, Problem};
use crate::text::Lines;

/// A job as a tree of plain JavaScript.
pub(crate) struct Module<'a> {
    pub(crate) program: Program<'a>,
    pub(crate) scoping: Scoping,
    /// What `program` was parsed from: the source, or what TypeScript became.
    pub(crate) text: &'a str,
    lines: Lines,
    source: &'a str,
    /// With TypeScript: from `text` to `source`, sorted.
    origins: Option<Vec<(Place, Place)>>,
}

impl Module<'_> {
    /// Where in `text` an offset is.
    pub(crate) fn text_place(&self, offset: u32) -> Place {
        self.lines.place(self.text, offset)
    }

    /// Where in the source an offset of `text` comes from.
    pub(crate) fn place(&self, offset: u32) -> Place {
        self.written_place(self.text_place(offset))
    }

    /// Where in the source a place of `text` comes from.
    pub(crate) fn written_place(&self, place: Place) -> Place {
        let Some(origins) = &self.origins else { return place };
        match origins.partition_point(|(text, _)| *text <= place) {
            0 => Place { line: 0, column: 0 },
            after => origins[after - 1].1,
        }
    }

    pub(crate) fn error(&self, problem: Problem) -> CompileError {
        CompileError::new(problem.message, problem.help, self.place(problem.offset), self.source)
    }
}

/// Parses a job; `stripped` holds what TypeScript becomes.
pub(crate) fn module<'a>(
    source: &'a str,
    file: &str,
    allocator: &'a Allocator,
    stripped: &'a Allocator,
) -> Result<Module<'a>, CompileError> {
    let failure = if file.ends_with(".ts") {
        None
    } else {
        match Tree::parse(source, SourceType::mjs(), allocator) {
            Ok(Tree { program, scoping }) => {
                let lines = Lines::new(source);
                return Ok(Module { program, scoping, text: source, lines, source, origins: None });
            }
            Err(failure) => Some(failure),
        }
    };
    let error = |failure: Failure| {
        let lines = Lines::new(source);
        // What is missing at the end is shown behind the last word and not on an empty line.
        let offset = failure.offset.min(source.trim_end().len() as u32);
        CompileError::new(failure.message, failure.help, lines.place(source, offset), source)
    };
    let tree = match typed(source, allocator) {
        Ok(tree) => tree,
        // Whichever reading got further understood more of what was meant.
        Err(typed) => {
            return Err(error(match failure {
                Some(plain) if (plain.parsed, plain.offset) >= (typed.parsed, typed.offset) => plain,
                _ => typed,
            }));
        }
    };
    let (text, origins) = tree.strip(file, allocator).map_err(error)?;
    let text = stripped.alloc_str(&text);
    // What was printed is valid, unless it has what V8 does not: decorators, say.
    let Tree { program, scoping } = Tree::parse(text, SourceType::mjs(), stripped).map_err(|failure| {
        let place = Lines::new(text).place(text, failure.offset);
        let origin = origins[..origins.partition_point(|(text, _)| *text <= place)].last();
        let place = origin.map_or(Place { line: 0, column: 0 }, |(_, origin)| *origin);
        CompileError::new(failure.message, failure.help, place, source)
    })?;
    Ok(Module { program, scoping, text, lines: Lines::new(text), source, origins: Some(origins) })
}

/// Reads text that is plain JavaScript; `None` for anything else.
pub(crate) fn plain<'a>(text: &'a str, allocator: &'a Allocator) -> Option<(Program<'a>, Scoping)> {
    Tree::parse(text, SourceType::mjs(), allocator).ok().map(|tree| (tree.program, tree.scoping))
}

/// Reads TypeScript. The parser takes each `<` for the start of type arguments first, and goes back if it was not: many
/// of them, none closed, take it minutes.
fn typed<'a>(source: &'a str, allocator: &'a Allocator) -> Result<Tree<'a>, Failure> {
    const MOST: usize = 200;
    let (mut open, mut last) = (0_usize, b' ');
    for (offset, byte) in source.bytes().enumerate() {
        match byte {
            b'<' => open += 1,
            b'>' if last != b'=' => open = open.saturating_sub(1),
            b';' | b'}' => open = 0,
            _ => {}
        }
        last = byte;
        if open > MOST {
            let message = "there are too many `<` for type arguments".to_owned();
            return Err(Failure { parsed: false, offset: offset as u32, message, help: None });
        }
    }
    Tree::parse(source, SourceType::ts().with_module(true), allocator)
}

struct Tree<'a> {
    program: Program<'a>,
    scoping: Scoping,
}

struct Failure {
    /// Whether it is a fine sentence and only wrong in what it says.
    parsed: bool,
    offset: u32,
    message: String,
    help: Option<std::borrow::Cow<'static, str>>,
}

impl<'a> Tree<'a> {
    fn parse(text: &'a str, language: SourceType, allocator: &'a Allocator) -> Result<Tree<'a>, Failure> {
        let parsed = Parser::new(allocator, text, language).parse();
        check(false, &parsed.diagnostics, parsed.panicked)?;
        let program = parsed.program;
        let bound = SemanticBuilder::new_compiler().with_enum_eval(language.is_typescript()).build(&program);
        check(true, &bound.diagnostics, false)?;
        let scoping = bound.semantic.into_scoping();
        Ok(Tree { program, scoping })
    }

    /// The same without types, and where it comes from.
    fn strip(mut self, file: &str, allocator: &'a Allocator) -> Result<(String, Vec<(Place, Place)>), Failure> {
        let path = Path::new(file);
        let options = TransformOptions::default();
        let transformed =
            Transformer::new(allocator, path, &options).build_with_scoping(self.scoping, &mut self.program);
        check(true, &transformed.diagnostics, false)?;
        let options = CodegenOptions {
            source_map_path: Some(path.to_path_buf()),
            indent_char: IndentChar::Space,
            indent_width: 2,
            ..CodegenOptions::default()
        };
        let printed = Codegen::new().with_options(options).build(&self.program);
        let mut origins = Vec::new();
        for token in printed.map.iter().flat_map(|map| map.get_tokens()) {
            if token.get_source_id().is_some() {
                let place = Place { line: token.get_dst_line(), column: token.get_dst_col() };
                origins.push((place, Place { line: token.get_src_line(), column: token.get_src_col() }));
            }
        }
        Ok((printed.code, origins))
    }
}

fn check(parsed: bool, diagnostics: &Diagnostics, panicked: bool) -> Result<(), Failure> {
    let wrong = |diagnostic: &&OxcDiagnostic| panicked || diagnostic.severity == Severity::Error;
    let Some(first) = diagnostics.iter().find(wrong) else {
        return match panicked {
            false => Ok(()),
            true => Err(Failure { parsed, offset: 0, message: "the job cannot be read".into(), help: None }),
        };
    };
    // What is there twice is shown where it is for the second time.
    let mut offsets = first.labels.iter().map(|label| label.offset());
    let is_twice =
        ["already been declared", "multiple default exports"].iter().any(|part| first.message.contains(part));
    let offset = if is_twice { offsets.max() } else { offsets.next() };
    Err(Failure {
        parsed,
        offset: offset.unwrap_or(0),
        message: first.message.replace("`EOF`", "the end of the job"),
        help: first.help.clone(),
    })
}
