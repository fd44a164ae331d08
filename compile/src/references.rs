//! Where a job uses a name that nothing declares.
//!
//! V8 gives the load of a global variable no position of its own: in `[fn(a), fnn(b)]` it blames `fn(a)` for the missing
//! `fnn`. So whoever has to tell where it happened looks it up here.

use oxc_allocator::Allocator;
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
}
