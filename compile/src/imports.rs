//! What a module imports: `defer`, and from the adaptors what it uses of them.

use std::collections::HashSet;

use oxc_ast::ast::{Declaration, ImportDeclarationSpecifier, Statement};

use crate::edit::Output;
use crate::error::Problem;
use crate::parse::Module;
use crate::survey::Survey;
use crate::{Adaptor, Options};

/// The specifier of the module that exports `defer`. Existing compiled jobs import it by this name.
pub const RUNTIME: &str = "@openfn/runtime";

/// By which names the module knows `defer` and the promise it hands on.
pub(crate) struct Defer {
    pub(crate) name: String,
    pub(crate) promise: String,
    is_imported: bool,
}

impl Defer {
    /// The name it has if the job imports it, else one that the job does not use.
    pub(crate) fn choose(module: &Module<'_>) -> Defer {
        let scoping = &module.scoping;
        let unresolved = scoping.root_unresolved_references().keys().map(|name| name.as_str());
        let taken: HashSet<&str> = scoping.symbol_names().chain(unresolved).collect();
        let promise = unused("p", &taken);
        match imported(module) {
            Some(name) => Defer { name, promise, is_imported: true },
            None => Defer { name: unused("_defer", &taken), promise, is_imported: false },
        }
    }
}

/// Finds what the job itself imports from an adaptor that does not export it: V8 would say so only when the step's turn comes.
pub(crate) fn check(module: &Module<'_>, adaptors: &[Adaptor]) -> Result<(), Problem> {
    for statement in &module.program.body {
        let Statement::ImportDeclaration(import) = statement else { continue };
        let adaptor = adaptors.iter().find(|adaptor| import.source.value == adaptor.specifier.as_str());
        let Some(exports) = adaptor.and_then(|adaptor| adaptor.exports.as_ref()) else { continue };
        for specifier in import.specifiers.iter().flatten() {
            let ImportDeclarationSpecifier::ImportSpecifier(specifier) = specifier else { continue };
            let name = specifier.imported.name();
            if name == "default" || exports.iter().any(|export| *export == name.as_str()) {
                continue;
            }
            return Err(Problem {
                message: format!("`{}` does not export `{name}`", import.source.value).into(),
                help: Some(format!("it exports {}", exports.join(", ")).into()),
                offset: specifier.span.start,
            });
        }
    }
    Ok(())
}

/// Writes the imports, and the exports of the adaptors that are used.
pub(crate) fn write(
    survey: &Survey<'_>,
    module: &Module<'_>,
    options: &Options<'_>,
    without_chains: bool,
    defer: &Defer,
    output: &mut Output<'_>,
) {
    let mut free: Vec<&str> =
        survey.free.iter().copied().filter(|name| !options.globals.iter().any(|g| g == name)).collect();
    let exported: HashSet<&str> = module.program.body.iter().filter_map(exports_all).collect();
    let mut reducers: Vec<&str> = Vec::new();
    for adaptor in options.adaptors {
        let known: Option<HashSet<&str>> =
            adaptor.exports.as_ref().map(|exports| exports.iter().map(String::as_str).collect());
        let is_from_here = |name: &str| match &known {
            Some(exports) => exports.contains(name),
            None => !is_of_javascript(name),
        };
        let (used, others): (Vec<&str>, _) = free.into_iter().partition(|name| is_from_here(name));
        free = others;
        if used.is_empty() {
            continue;
        }
        let specifier = serde_json::Value::from(adaptor.specifier.as_str());
        output.new_text(&format!("import {{ {} }} from {specifier};\n", used.join(", ")));
        if !exported.contains(adaptor.specifier.as_str()) {
            output.new_text(&format!("export * from {specifier};\n"));
        }
        if known.is_some_and(|exports| exports.contains("execute")) {
            reducers.push(adaptor.specifier.as_str());
        }
    }
    // Two stars that both bring a name bring none.
    if let [first, _, ..] = reducers[..]
        && !module.program.body.iter().any(exports_execute)
    {
        output.new_text(&format!("export {{ execute }} from {};\n", serde_json::Value::from(first)));
    }
    if !without_chains && !defer.is_imported {
        output.new_text(&format!("import {{ defer as {} }} from \"{RUNTIME}\";\n", defer.name));
    }
}

fn imported(module: &Module<'_>) -> Option<String> {
    for statement in &module.program.body {
        let Statement::ImportDeclaration(import) = statement else { continue };
        for specifier in import.specifiers.iter().flatten().filter(|_| import.source.value == RUNTIME) {
            if let ImportDeclarationSpecifier::ImportSpecifier(specifier) = specifier
                && specifier.imported.name() == "defer"
            {
                return Some(specifier.local.name.to_string());
            }
        }
    }
    None
}

/// The name, with a number if it is taken.
fn unused(name: &str, taken: &HashSet<&str>) -> String {
    let numbered = (1..).map(|number| format!("{name}{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name.as_str())).expect("there are more numbers than names")
}

/// The module of an `export * from "…"`.
fn exports_all<'b>(statement: &'b Statement<'_>) -> Option<&'b str> {
    match statement {
        Statement::ExportAllDeclaration(export) if export.exported.is_none() => Some(export.source.value.as_str()),
        _ => None,
    }
}

/// Whether the job has a reducer of its own.
fn exports_execute(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::ExportDeclaration(export) => match &export.declaration {
            Declaration::FunctionDeclaration(function) => function.id.iter().any(|id| id.name == "execute"),
            Declaration::VariableDeclaration(variables) => variables
                .declarations
                .iter()
                .any(|one| one.id.get_identifier_name().is_some_and(|name| name == "execute")),
            _ => false,
        },
        Statement::ExportNamedDeclaration(export) => {
            export.specifiers.iter().any(|specifier| specifier.exported.name() == "execute")
        }
        Statement::ExportFromDeclaration(export) => {
            export.specifiers.iter().any(|specifier| specifier.exported.name() == "execute")
        }
        _ => false,
    }
}

/// Names that no adaptor is asked for unless it says that it exports them: those of JavaScript and of the global scope,
/// and the words of the job language.
fn is_of_javascript(name: &str) -> bool {
    GLOBALS.binary_search(&name).is_ok()
}

/// Sorted.
#[rustfmt::skip]
const GLOBALS: [&str; 127] = [
    "$", "AbortController", "AbortSignal", "AggregateError", "Array", "ArrayBuffer", "AsyncDisposableStack",
    "Atomics", "BigInt", "BigInt64Array", "BigUint64Array", "Blob", "Boolean", "Buffer", "ByteLengthQueuingStrategy",
    "CompressionStream", "CountQueuingStrategy", "Crypto", "CustomEvent", "DOMException", "DataView", "Date",
    "DecompressionStream", "DisposableStack", "Error", "EvalError", "Event", "EventTarget", "File",
    "FinalizationRegistry", "Float16Array", "Float32Array", "Float64Array", "FormData", "Function", "Headers",
    "Infinity", "Int16Array", "Int32Array", "Int8Array", "Intl", "Iterator", "JSON", "Map", "Math", "MessageChannel",
    "MessageEvent", "MessagePort", "NaN", "Number", "Object", "Performance", "ProgressEvent", "Promise", "Proxy",
    "QuotaExceededError", "RangeError", "ReadableStream", "ReferenceError", "Reflect", "RegExp", "Request",
    "Response", "Set", "SharedArrayBuffer", "String", "SuppressedError", "Symbol", "SyntaxError", "TextDecoder",
    "TextDecoderStream", "TextEncoder", "TextEncoderStream", "TransformStream", "TypeError", "URIError", "URL",
    "URLPattern", "URLSearchParams", "Uint16Array", "Uint32Array", "Uint8Array", "Uint8ClampedArray", "WeakMap",
    "WeakRef", "WeakSet", "WebAssembly", "WebSocket", "WritableStream", "__dirname", "__filename", "atob", "btoa",
    "call", "clearImmediate", "clearInterval", "clearTimeout", "console", "crypto", "decodeURI", "decodeURIComponent",
    "encodeURI", "encodeURIComponent", "escape", "eval", "exports", "fetch", "global", "globalThis", "isFinite",
    "isNaN", "module", "parseFloat", "parseInt", "performance", "process", "queueMicrotask", "require", "self",
    "setImmediate", "setInterval", "setTimeout", "state", "structuredClone", "undefined", "unescape", "window",
];

#[cfg(test)]
mod tests {
    #[test]
    fn globals_are_sorted() {
        assert!(super::GLOBALS.is_sorted());
    }
}
