//! Job code to the module that runs.
//!
//! People write a job as a list of calls: `get($.url).then(next); fn(state => …)`. [`compile`] makes an ES module of it
//! whose default export is an array of operations. Five rules do that, each in the file of its name:
//!
//! 1. `lazy.rs`: `$.a` becomes `state.a`, and the argument it stands in becomes `state => …`.
//! 2. `chain.rs`: `get(…).then(f)` outside of functions becomes `_defer(get(…), p => p.then(f))`.
//! 3. and 4. `operations.rs`: calls at the top level move into the default export, which is made if there is none.
//! 5. `imports.rs`: names that nothing declares are imported from the adaptor that exports them.
//!
//! What none of them touches stays as it was written, to the letter; TypeScript alone is printed anew.
//!
//! # What the module needs from whoever runs it
//!
//! - [`RUNTIME`] is a module that exports `defer(operation, complete, error)`. It returns an operation: call
//!   `operation(state)` and take what comes of it as a promise; if that rejects (or the call throws) and there is an
//!   `error`, go on with `error(reason, state)`; then, if there is a `complete`, the result is `complete(promise)`.
//! - The specifiers of the [`Adaptor`]s resolve. Each adaptor that the job uses is also exported (`export *`), so that an
//!   `execute` among its exports is found on the job's own namespace. Of two adaptors that both export `execute` the
//!   first is found there; if it is not known what they export, neither: such is `export *`.
//! - The `n`th of [`Compiled::operations`] is the `n`th element of the default export.
//!
//! This crate is pure: no V8, no I/O, no clock. It borrows one thread per call for its stack (see `deep.rs`).

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod adaptors;
mod chain;
mod deep;
mod edit;
mod error;
mod function;
mod imports;
mod lazy;
mod operations;
mod parse;
mod references;
mod shape;
mod survey;
mod text;

pub use adaptors::{Adaptors, Module, ModuleIndex, StepAdaptor};
pub use error::CompileError;
pub use function::{Function, Wanted, function};
pub use imports::RUNTIME;
pub use references::{import, references};
pub use shape::{Import, Shape, shape};
pub use text::line;

use oxc_allocator::Allocator;

use crate::edit::{Edits, Output};
use crate::error::Place;

/// What a job is compiled with.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// What stack traces call the job. A name that ends in `.ts` says that the job is TypeScript; any other job is
    /// taken as JavaScript if it is, and as TypeScript if not.
    pub file: &'a str,
    /// Where free names come from. The first adaptor that exports a name has it.
    pub adaptors: &'a [Adaptor],
    /// Names that are defined elsewhere (by `globals`), and therefore never imported.
    pub globals: &'a [String],
}

/// A module that a job may use without importing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adaptor {
    /// What to import it by.
    pub specifier: String,
    /// The names it exports. Where they are not known, every free name that JavaScript does not define is imported.
    pub exports: Option<Vec<String>>,
}

/// A job that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The ES module.
    pub code: String,
    /// From its positions to those of the source: a source map (version 3) as JSON, with the source in it.
    pub map: String,
    /// The elements of the default export, up to the first spread one; empty if it is no array.
    pub operations: Vec<Operation>,
}

/// One element of the default export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The function called to make it, such as `get`; unknown for `http.get()`.
    pub name: Option<String>,
    /// The line of the source it starts on, from 1.
    pub line: u32,
    /// The column it starts at, from 1, in UTF-16 units as V8 counts.
    pub column: u32,
    /// Its place among the operations, from 1.
    pub order: u32,
}

/// What a comment names the map of its module with (ECMA-426).
const MAP: &str = "sourceMappingURL=";

/// Compiles a job. See the crate for how.
pub fn compile(source: &str, options: &Options<'_>) -> Result<Compiled, CompileError> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    deep::call(source, || compile_here(source, options)).unwrap_or_else(|refusal| {
        Err(CompileError::new(refusal.message, refusal.help, Place { line: 0, column: 0 }, source))
    })
}

fn compile_here(source: &str, options: &Options<'_>) -> Result<Compiled, CompileError> {
    let allocator = Allocator::default();
    let stripped = Allocator::default();
    let module = parse::module(source, options.file, &allocator, &stripped)?;

    let survey = survey::Survey::of(&module).map_err(|problem| module.error(problem))?;
    imports::check(&module, options.adaptors).map_err(|problem| module.error(problem))?;
    let defer = imports::Defer::choose(&module);
    let mut edits = Edits::default();
    lazy::edit(&survey, &module, &mut edits).map_err(|problem| module.error(problem))?;
    let chains = chain::edit(&survey, &defer, &mut edits).map_err(|problem| module.error(problem))?;
    edits.sort();

    let mut output = Output::new(&module, &edits);
    imports::write(&survey, &module, options, chains.is_empty(), &defer, &mut output);
    let operations = operations::write(&module, &chains, &mut output);
    let (mut code, map) = output.finish(options.file, source);
    // A module that needed nothing keeps the map that it came with.
    if code.trim_end() != source.trim_end() {
        code = without_map(code, &module);
    }
    Ok(Compiled { code, map, operations })
}

/// The code without the comment that names a map: V8 prefers that one to the one that it is given, and it leads to `source`
/// only. The comment keeps its length, so that no position moves.
fn without_map(mut code: String, module: &parse::Module<'_>) -> String {
    let comments = module.program.comments.iter().map(|comment| comment.span.source_text(module.text));
    for comment in comments.filter(|comment| comment.contains(MAP)) {
        code = code.replace(comment, &comment.replace(MAP, "sourceMappingURL "));
    }
    code
}
