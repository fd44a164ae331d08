//! Where a job uses a name that nothing declares, and where it imports what it may not.
//!
//! V8 gives the load of a global variable no position of its own: in `[fn(a), fnn(b)]` it blames `fn(a)` for the missing
//! `fnn`. So whoever has to tell where it happened looks it up here.

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    ExportAllDeclaration, ExportFromDeclaration, Expression, ImportDeclaration, ImportExpression, StringLiteral,
};
use oxc_span::GetSpan;

use crate::error::Place;
use crate::{deep, parse};

/// Line and column (from 1, in UTF-16 units) of every use of a free name, in the order of the source; nothing for a source
/// that cannot be read. `file` is that of [`crate::Options`].
pub fn references(source: &str, file: &str, name: &str) -> Vec<(u32, u32)> {
    deep::call(source, || here(source, file, name)).unwrap_or_default()
}

fn here(source: &str, file: &str, name: &str) -> Vec<(u32, u32)> {
    let (allocator, stripped) = (Allocator::default(), Allocator::default());
    let Ok(module) = parse::module(source, file, &allocator, &stripped) else { return Vec::new() };
    let mut uses = Uses { name, module: &module, places: Vec::new() };
    oxc_ast_visit::Visit::visit_program(&mut uses, &module.program);
    uses.places.sort_unstable();
    uses.places.into_iter().map(|place| (place.line + 1, place.column + 1)).collect()
}

/// Line and column of the first import of a specifier, at its quote; `None` when nothing imports it by its name.
pub fn import(source: &str, file: &str, specifier: &str) -> Option<(u32, u32)> {
    let find = || {
        let (allocator, stripped) = (Allocator::default(), Allocator::default());
        let module = parse::module(source, file, &allocator, &stripped).ok()?;
        let mut imports = Imports { specifier, first: None };
        oxc_ast_visit::Visit::visit_program(&mut imports, &module.program);
        let place = module.place(imports.first?);
        Some((place.line + 1, place.column + 1))
    };
    deep::call(source, find).ok().flatten()
}

struct Imports<'a> {
    specifier: &'a str,
    first: Option<u32>,
}

impl Imports<'_> {
    fn take(&mut self, literal: &StringLiteral<'_>) {
        if literal.value == self.specifier && self.first.is_none_or(|first| literal.span.start < first) {
            self.first = Some(literal.span.start);
        }
    }
}

impl<'a> oxc_ast_visit::Visit<'a> for Imports<'_> {
    fn visit_import_declaration(&mut self, import: &ImportDeclaration<'a>) {
        self.take(&import.source);
    }

    fn visit_export_all_declaration(&mut self, export: &ExportAllDeclaration<'a>) {
        self.take(&export.source);
    }

    fn visit_export_from_declaration(&mut self, export: &ExportFromDeclaration<'a>) {
        self.take(&export.source);
    }

    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        if let Expression::StringLiteral(literal) = &import.source {
            self.take(literal);
        }
        oxc_ast_visit::walk::walk_import_expression(self, import);
    }
}

struct Uses<'a> {
    name: &'a str,
    module: &'a parse::Module<'a>,
    places: Vec<Place>,
}

impl<'a> oxc_ast_visit::Visit<'a> for Uses<'_> {
    fn visit_identifier_reference(&mut self, identifier: &oxc_ast::ast::IdentifierReference<'a>) {
        let scoping = &self.module.scoping;
        let symbol = identifier.reference_id.get().and_then(|reference| scoping.get_reference(reference).symbol_id());
        if identifier.name == self.name && symbol.is_none() {
            self.places.push(self.module.place(identifier.span().start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, file: &str, expected: &[(u32, u32)]) {
        assert_eq!(references(source, file, "x"), expected, "{source}");
    }

    #[test]
    fn places() {
        check("x(1);\n  fn(s => x)", "job.js", &[(1, 1), (2, 11)]);
        check("(x => x)(a.x)", "job.js", &[]);
        check("const a: number = x;\n/* 😀 */ x", "job.ts", &[(1, 19), (2, 10)]);
        check("fn(", "job.js", &[]);
    }

    #[test]
    fn imports() {
        #[track_caller]
        fn check(source: &str, file: &str, expected: Option<(u32, u32)>) {
            assert_eq!(import(source, file, "x"), expected, "{source}");
        }
        check("// 'x'\nimport a from 'x';", "job.js", Some((2, 15)));
        check("/* 😀 */ fn(s => import('x'))", "job.js", Some((1, 25)));
        check("const t: string = 'x';\nexport * from 'x'", "job.ts", Some((2, 15)));
        check("const x = 'x'; import(x)", "job.js", None);
    }
}
