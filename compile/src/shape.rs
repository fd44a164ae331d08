//! What a module exports and imports, by its syntax alone.

use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;
use oxc_syntax::module_record::{ExportExportName, ExportImportName};

use crate::deep;
use crate::error::{CompileError, Place};
use crate::text::Lines;

/// What a module exports and imports.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Names that it exports itself, sorted, `default` among them.
    pub exports: Vec<String>,
    /// Those of its exports that are another module's: the name, the specifier, and the name there.
    pub through: Vec<(String, String, String)>,
    /// Specifiers of modules of which it exports everything (`export * from "…"`).
    pub stars: Vec<String>,
    /// All specifiers that it imports from, in the order of the source; of dynamic imports those that are plain strings.
    pub imports: Vec<Import>,
}

/// One specifier.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Import {
    /// Such as `./util.js`.
    pub specifier: String,
    /// The line where it first stands, from 1.
    pub line: u32,
    /// The column, from 1, in UTF-16 units.
    pub column: u32,
    /// The text of that line.
    pub source_line: String,
    /// Only `import()` names it, so that it may never be needed.
    pub is_dynamic: bool,
}

/// Reads the shape of an ES module.
///
/// # Errors
/// When it is not JavaScript.
pub fn shape(source: &str) -> Result<Shape, CompileError> {
    deep::call(source, || shape_here(source)).unwrap_or_else(|refusal| {
        Err(CompileError::new(refusal.message, refusal.help, Place { line: 0, column: 0 }, source))
    })
}

fn shape_here(source: &str) -> Result<Shape, CompileError> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::mjs()).parse();
    let lines = Lines::new(source);
    if let Some(first) = parsed.diagnostics.iter().next() {
        let offset = first.labels.iter().map(|label| label.offset()).next().unwrap_or(0);
        let offset = offset.min(source.trim_end().len() as u32);
        let message = first.message.replace("`EOF`", "the end of the module");
        return Err(CompileError::new(message, first.help.clone(), lines.place(source, offset), source));
    }
    let record = &parsed.module_record;
    let own = record.local_export_entries.iter().chain(&record.indirect_export_entries);
    let mut exports: Vec<String> = own
        .filter(|entry| !entry.is_type)
        .filter_map(|entry| match &entry.export_name {
            ExportExportName::Name(name) => Some(name.name.to_string()),
            ExportExportName::Default(_) => Some("default".to_owned()),
            ExportExportName::Null => None,
        })
        .collect();
    exports.sort();
    exports.dedup();
    let through = record.indirect_export_entries.iter().filter_map(|entry| {
        let ExportExportName::Name(name) = &entry.export_name else { return None };
        let ExportImportName::Name(there) = &entry.import_name else { return None };
        Some((name.name.to_string(), entry.module_request.as_ref()?.name.to_string(), there.name.to_string()))
    });
    let through = through.collect();
    let stars =
        record.star_export_entries.iter().filter_map(|entry| Some(entry.module_request.as_ref()?.name.to_string()));
    let mut imports: Vec<(u32, String, bool)> = Vec::new();
    for (specifier, requests) in &record.requested_modules {
        let first = requests.iter().map(|request| request.span.start).min();
        imports.push((first.unwrap_or(0), specifier.to_string(), false));
    }
    for import in &record.dynamic_imports {
        let span = import.module_request;
        if let Some(specifier) = plain_string(&source[span.start as usize..span.end as usize]) {
            imports.push((span.start, specifier.to_owned(), true));
        }
    }
    imports.sort();
    let mut found: Vec<Import> = Vec::new();
    for (offset, specifier, is_dynamic) in imports {
        if let Some(import) = found.iter_mut().find(|import| import.specifier == specifier) {
            import.is_dynamic &= is_dynamic;
            continue;
        }
        let place = lines.place(source, offset);
        let source_line = lines.text(source, place.line).to_owned();
        let (line, column) = (place.line + 1, place.column + 1);
        found.push(Import { specifier, line, column, source_line, is_dynamic });
    }
    Ok(Shape { exports, through, stars: stars.collect(), imports: found })
}

/// The content of a string literal without escapes.
fn plain_string(literal: &str) -> Option<&str> {
    let quote = literal.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let content = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    (!content.contains(['\\', '$', quote])).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, exports: &[&str], stars: &[&str], imports: &[&str]) {
        let shape = shape(source).unwrap();
        assert_eq!(shape.exports, exports, "exports of {source}");
        assert_eq!(shape.stars, stars, "stars of {source}");
        let specifiers: Vec<&str> = shape.imports.iter().map(|import| import.specifier.as_str()).collect();
        assert_eq!(specifiers, imports, "imports of {source}");
    }

    #[test]
    fn exports() {
        check("export const a = 1, { b, c: [d] } = x;", &["a", "b", "d"], &[], &[]);
        check("export function f() {} export class C {}", &["C", "f"], &[], &[]);
        check("const a = 1; export { a as b, a as default };", &["b", "default"], &[], &[]);
        check("export default 1", &["default"], &[], &[]);
        check("export * from 'x'; export * as y from './y.js'", &["y"], &["x"], &["x", "./y.js"]);
        check("import { a } from 'x'; export { a }; export { b as c } from 'z'", &["a", "c"], &[], &["x", "z"]);
        check("a; b()", &[], &[], &[]);
    }

    #[test]
    fn imports() {
        check("import 'a'; import b from \"b\"; import 'a'", &[], &[], &["a", "b"]);
        check("f(() => import('./late.js')); import(name); import(`t`); import(`${t}`)", &[], &[], &["./late.js", "t"]);
    }

    #[test]
    fn places() {
        let shape = shape("// 😀\n/* 😀 */ import 'a';").unwrap();
        let import = &shape.imports[0];
        assert_eq!((import.line, import.column, import.source_line.as_str()), (2, 17, "/* 😀 */ import 'a';"));
        let error = super::shape("export const a = ;").unwrap_err();
        assert_eq!((error.line, error.column), (1, 18));
    }
}
