//! A module as the body of a function.
//!
//! A step may be executed a million times, and each execution evaluates the job's top level anew, so that nothing leaks from one to
//! the next. A module can only be evaluated once; a function can be called as often as one likes, and costs nothing but the call.
//! So a module that does at its top level what a function could do, too, is rewritten into one: what it imports becomes
//! parameters, what it exports becomes the result.
//!
//! Every character that stays keeps its place, so positions and source maps are those of the module; only what stands behind the
//! default export, on its last line, moves by one.

use std::collections::HashSet;

use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Declaration, ExportDefaultDeclarationKind, ImportDeclarationSpecifier, ModuleExportName, Statement,
    VariableDeclarationKind,
};
use oxc_ast_visit::Visit;
use oxc_semantic::Scoping;
use oxc_span::{GetSpan, Span};

use crate::deep;

/// A module as a function. It has to be called with `undefined` as `this`, and answers an object of its own exports, with an
/// `execute` that may be undefined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The body. Its first line is not the module's: the second is the first.
    pub body: String,
    /// The parameters, and what they have to be given.
    pub parameters: Vec<(String, Wanted)>,
    /// Of what else the module would export everything, by specifier.
    pub stars: Vec<String>,
    /// What it exports that is another module's: the name, and what it means.
    pub through: Vec<(String, Wanted)>,
}

/// An export of another module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The other module.
    pub specifier: String,
    /// The name there; none for the whole namespace.
    pub name: Option<String>,
}

/// The function that does what the module does; `None` where a function could not: a top-level `await`, `import.meta`, an
/// `import()`, and what else only modules have.
pub fn function(code: &str) -> Option<Function> {
    if has_html_comments(code) {
        return None;
    }
    deep::call(code, || function_here(code)).ok()?
}

/// Whether a script may see comments where a module sees none: `<!--` begins one wherever it stands, `-->` only with nothing but white
/// space and comments before it on its line (<https://tc39.es/ecma262/#sec-html-like-comments>).
fn has_html_comments(code: &str) -> bool {
    let ends_line = |c: char| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
    let closes = |(at, _): (usize, &str)| {
        let before = code[..at].rsplit(ends_line).next().unwrap_or_default().trim_end();
        before.is_empty() || before.ends_with("*/")
    };
    code.contains("<!--") || code.match_indices("-->").any(closes)
}

fn function_here(code: &str) -> Option<Function> {
    let allocator = Allocator::default();
    let (program, scoping) = crate::parse::plain(code, &allocator)?;
    let mut walk = Walk { functions: 0, arrows: Vec::new(), possible: true };
    walk.visit_program(&program);
    if !walk.possible || program.hashbang.is_some() || writes_imports(&scoping) {
        return None;
    }
    let default = unused(&scoping)?;
    let mut made = Making {
        code,
        cuts: Vec::new(),
        before: String::new(),
        exports: Vec::new(),
        function: Function { body: String::new(), parameters: Vec::new(), stars: Vec::new(), through: Vec::new() },
    };
    for statement in &program.body {
        made.statement(statement, &default)?;
    }
    Some(made.finish())
}

/// What is found that a function cannot do.
struct Walk {
    functions: usize,
    /// Whether each function around here, innermost last, is an arrow.
    arrows: Vec<bool>,
    possible: bool,
}

impl<'a> Visit<'a> for Walk {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        let top = self.functions == 0;
        match kind {
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) => {
                self.functions += 1;
                self.arrows.push(matches!(kind, AstKind::ArrowFunctionExpression(_)));
            }
            AstKind::AwaitExpression(_) if top => self.possible = false,
            AstKind::ForOfStatement(each) if top && each.r#await => self.possible = false,
            AstKind::VariableDeclaration(variables) if top && variables.kind == VariableDeclarationKind::AwaitUsing => {
                self.possible = false;
            }
            AstKind::ImportExpression(_) | AstKind::V8IntrinsicExpression(_) => self.possible = false,
            AstKind::ImportMeta(_) => self.possible = false,
            AstKind::NewTarget(_) if top => self.possible = false,
            AstKind::IdentifierReference(name)
                if name.name == "arguments" && self.arrows.iter().all(|is_arrow| *is_arrow) =>
            {
                self.possible = false;
            }
            _ => {}
        }
    }

    fn leave_node(&mut self, kind: AstKind<'a>) {
        if let AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) = kind {
            self.functions -= 1;
            self.arrows.pop();
        }
    }
}

/// Whether an import is assigned to, which a module is told of and a function would do.
fn writes_imports(scoping: &Scoping) -> bool {
    scoping.symbol_ids().any(|symbol| {
        scoping.symbol_flags(symbol).is_import()
            && scoping.get_resolved_references(symbol).any(|reference| reference.is_write())
    })
}

/// A name that the module does not have, short enough to stand where `default` did. With another `$` it is unused, too.
fn unused(scoping: &Scoping) -> Option<String> {
    let unresolved = scoping.root_unresolved_references().keys().map(|name| name.as_str());
    let taken: HashSet<&str> = scoping.symbol_names().chain(unresolved).collect();
    let is_free = |name: &String| !taken.contains(name.as_str()) && !taken.contains(format!("{name}$").as_str());
    (0..1000).map(|number| format!("$d{number}")).find(is_free)
}

const DEFAULT: &str = "export default";

struct Making<'a> {
    code: &'a str,
    /// What goes, and what comes instead: never longer.
    cuts: Vec<(Span, String)>,
    /// What comes before the module's first line.
    before: String,
    /// Exported names, and the local ones behind them.
    exports: Vec<(String, String)>,
    function: Function,
}

impl Making<'_> {
    fn statement(&mut self, statement: &Statement<'_>, default: &str) -> Option<()> {
        match statement {
            Statement::ImportDeclaration(import) => {
                if import.phase.is_some() || import.with_clause.is_some() {
                    return None;
                }
                for specifier in import.specifiers.iter().flatten() {
                    let (local, name) = match specifier {
                        ImportDeclarationSpecifier::ImportSpecifier(one) => {
                            (&one.local, Some(one.imported.name().to_string()))
                        }
                        ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                            (&one.local, Some("default".to_owned()))
                        }
                        ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => (&one.local, None),
                    };
                    let wanted = Wanted { specifier: import.source.value.to_string(), name };
                    self.function.parameters.push((local.name.to_string(), wanted));
                }
                if import.specifiers.as_ref().is_none_or(|specifiers| specifiers.is_empty()) {
                    // For its effects alone: it has to be loaded all the same.
                    let wanted = Wanted { specifier: import.source.value.to_string(), name: None };
                    self.function.through.push((String::new(), wanted));
                }
                self.cuts.push((import.span, ";".into()));
            }
            Statement::ExportAllDeclaration(export) => {
                if export.with_clause.is_some() {
                    return None;
                }
                let specifier = export.source.value.to_string();
                match &export.exported {
                    None => self.function.stars.push(specifier),
                    Some(name) => {
                        self.function.through.push((name.name().to_string(), Wanted { specifier, name: None }));
                    }
                }
                self.cuts.push((export.span, ";".into()));
            }
            Statement::ExportFromDeclaration(export) => {
                if export.with_clause.is_some() {
                    return None;
                }
                for one in &export.specifiers {
                    let name = Some(one.local.name().to_string());
                    let wanted = Wanted { specifier: export.source.value.to_string(), name };
                    self.function.through.push((one.exported.name().to_string(), wanted));
                }
                self.cuts.push((export.span, ";".into()));
            }
            Statement::ExportNamedDeclaration(export) => {
                for one in &export.specifiers {
                    let ModuleExportName::IdentifierReference(local) = &one.local else { return None };
                    self.exports.push((one.exported.name().to_string(), local.name.to_string()));
                }
                self.cuts.push((export.span, ";".into()));
            }
            Statement::ExportDeclaration(export) => {
                match &export.declaration {
                    Declaration::FunctionDeclaration(function) => self.export(function.id.as_ref()?.name.as_str()),
                    Declaration::ClassDeclaration(class) => self.export(class.id.as_ref()?.name.as_str()),
                    Declaration::VariableDeclaration(variables) => {
                        for variable in &variables.declarations {
                            for name in variable.id.get_binding_identifiers() {
                                self.export(name.name.as_str());
                            }
                        }
                    }
                    _ => return None,
                }
                let keyword = Span::new(export.span.start, export.declaration.span().start);
                self.cuts.push((keyword, ";".into()));
            }
            Statement::ExportDefaultDeclaration(export) => {
                if let ExportDefaultDeclarationKind::FunctionDeclaration(_)
                | ExportDefaultDeclarationKind::ClassDeclaration(_) = &export.declaration
                {
                    return None;
                }
                let start = export.span.start;
                if !self.code[start as usize..].starts_with(DEFAULT) {
                    return None;
                }
                // A call and no assignment: after that, V8 would name the functions in stack traces.
                self.exports.push(("default".into(), format!("{default}$")));
                self.before = format!("let {default}$;const {default}=v=>{{{default}$=v}};");
                self.cuts.push((Span::sized(start, DEFAULT.len() as u32), format!("{default}(")));
                self.cuts.push((Span::empty(export.declaration.span().end), ")".into()));
            }
            _ => {}
        }
        Some(())
    }

    fn export(&mut self, name: &str) {
        self.exports.push((name.to_owned(), name.to_owned()));
    }

    fn finish(self) -> Function {
        let Making { code, cuts, before, mut exports, mut function } = self;
        // Whether the module is strict is not asked: it is.
        let mut body = String::with_capacity(code.len() + 128);
        body.push_str("\"use strict\";");
        body.push_str(&before);
        body.push('\n');
        let mut end = 0;
        for (span, instead) in cuts {
            body.push_str(&code[end..span.start as usize]);
            end = span.end as usize;
            let gone = &code[span.start as usize..end];
            body.push_str(&instead);
            let mut filled = instead.len();
            let mut units = 0;
            for character in gone.chars() {
                units += character.len_utf16();
                if matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}') {
                    body.push(character);
                    filled = units;
                } else {
                    // As many as it took of the line, so that what follows keeps its column.
                    while filled < units {
                        body.push(' ');
                        filled += 1;
                    }
                }
            }
        }
        body.push_str(&code[end..]);
        // Without a prototype, V8 would make a dictionary of it, for each call. What is asked of jobs is there in any case.
        let is_job = exports.iter().any(|(name, _)| name == "default");
        if is_job && !exports.iter().any(|(name, _)| name == "execute") {
            exports.push(("execute".into(), "void 0".into()));
        }
        body.push_str("\nreturn{");
        for (name, local) in exports {
            let key = serde_json::Value::from(name.as_str());
            match name.as_str() {
                // Which without brackets would be the prototype.
                "__proto__" => body.push_str(&format!("[{key}]:{local},")),
                _ => body.push_str(&format!("{key}:{local},")),
            }
        }
        body.push_str("};");
        function.body = body;
        function
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, kept: &[&str]) {
        let body = function(code).expect("a function can do that").body;
        let (first, body) = body.split_once('\n').expect("it has a line of ours");
        assert!(first.starts_with("\"use strict\";"));
        let units = |line: &str| line.encode_utf16().count();
        for (written, line) in code.split('\n').zip(body.split('\n')) {
            // Behind the default export comes a bracket more.
            assert!(units(line) - units(written) <= 1, "{written:?} {line:?}");
        }
        for kept in kept {
            let places = |text: &str| text.encode_utf16().collect::<Vec<_>>();
            let (before, _) = code.split_once(kept).unwrap();
            let (after, _) = body.split_once(kept).unwrap_or_else(|| panic!("{kept} is not in {body}"));
            assert_eq!(places(before).len(), places(after).len(), "{kept}");
        }
    }

    #[test]
    fn comments_that_only_scripts_have() {
        for code in ["x <!--y", "\n--> x", "  \t-->", "/* a\nb */ --> x", "a\u{2028}-->", "/**/-->"] {
            assert!(has_html_comments(code), "{code:?}");
        }
        for code in ["// source --> target", "while (n --> 0) {}", "'-->'", "x /* y */ + z-->0", ""] {
            assert!(!has_html_comments(code), "{code:?}");
        }
    }

    #[test]
    fn what_stays_keeps_its_place() {
        check(
            "import { fn } from \"common\"; export * from \"common\";\nexport default [\nfn(s => s),\n];",
            &["[\nfn(s => s),\n]"],
        );
        check(
            "let $d0 = 1\nimport {\n a as \u{e4},\n} from 'x'\n(1)\nexport function execute() {}\nexport const [p, { q }] = [];",
            &["let $d0 = 1\n", "\n(1)\n", "function execute() {}\n", "const [p, { q }] = [];"],
        );
        check("import '\u{1f600}'; x(); export default x", &[" x();"]);
        assert_eq!(function("export/**/default 1"), None);
        let made = function("let $d0 = 1; export default 7; export { $d0 as \"a b\" }").unwrap();
        let expected = "let $d1$;const $d1=v=>{$d1$=v}; let $d0 = 1; $d1( 7); ; return{\"default\":$d1$,\"a b\":$d0,\"execute\":void 0,};";
        let words: Vec<&str> = made.body.split_whitespace().collect();
        assert_eq!(words.join(" "), format!("\"use strict\";{expected}"));
    }

    #[test]
    fn parameters_and_what_goes_through() {
        let made = function("import a, { b as c } from 'x'; import * as d from 'y'; import 'z'; export { execute } from 'x'; export * from 'y'; export default [a, c, d]").unwrap();
        let wanted =
            |specifier: &str, name: Option<&str>| Wanted { specifier: specifier.into(), name: name.map(str::to_owned) };
        assert_eq!(
            made.parameters,
            [
                ("a".to_owned(), wanted("x", Some("default"))),
                ("c".to_owned(), wanted("x", Some("b"))),
                ("d".to_owned(), wanted("y", None)),
            ]
        );
        assert_eq!(made.stars, ["y"]);
        assert_eq!(
            made.through,
            [(String::new(), wanted("z", None)), ("execute".to_owned(), wanted("x", Some("execute")))]
        );
    }

    #[test]
    fn what_only_a_module_can() {
        for code in [
            "await 1; export default []",
            "for await (const x of y) {}",
            "export default [() => import('x')]",
            "export default [import.meta.url]",
            "export default [() => arguments]",
            "import { a } from 'x'; a = 1",
            "export default function f() {}",
            "export default class {}",
            "x <!--y",
            "let a = ",
        ] {
            assert_eq!(function(code), None, "{code}");
        }
        for code in ["export default [async () => { await 1 }]", "export default [function () { return arguments }]"] {
            assert!(function(code).is_some(), "{code}");
        }
    }
}
