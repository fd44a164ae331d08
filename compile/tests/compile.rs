//! Jobs and what becomes of them.
//!
//! A case is a folder of `tests/compile` with an `in.js` (or `in.ts`), and `out.js` or `error.txt` with what comes of it.
//! `options.json` says what it is compiled with, if not with [`COMMON`]. `UPDATE=1 cargo test -p fulgurite-compile` writes
//! the results.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fulgurite_compile::{Adaptor, CompileError, Compiled, Operation, Options, compile};
use oxc_allocator::Allocator;
use oxc_ast::ast::{Expression, Statement};
use oxc_parser::Parser;
use oxc_sourcemap::SourceMap;
use oxc_span::{GetSpan, SourceType};
use proptest::prelude::*;
use serde_json::Value;

/// What cases without an `options.json` are compiled with.
const COMMON: &str = r#"{
    "adaptors": [{
        "specifier": "@openfn/language-common",
        "exports": [
            "execute", "fn", "fnIf", "each", "combine", "dataPath", "dataValue", "lastReferenceValue", "field", "fields",
            "merge", "sourceValue", "as", "map", "cursor", "get", "post", "http", "util"
        ]
    }]
}"#;

#[test]
fn cases() {
    let update = std::env::var_os("UPDATE").is_some();
    let cases = Case::all();
    assert!(cases.len() >= 80, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let (file, other, got) = match case.compile() {
            Ok(compiled) => ("out.js", "error.txt", compiled.code),
            Err(error) => ("error.txt", "out.js", show(&error, &case.file)),
        };
        let (path, other) = (case.path.join(file), case.path.join(other));
        if update {
            fs::write(&path, &got).unwrap();
            let _ = fs::remove_file(other);
        } else if other.exists() || fs::read_to_string(&path).unwrap_or_default() != got {
            wrong.push(format!("{}: now {file} would be\n{got}", case.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_compiled_stays() {
    for case in Case::all() {
        let Ok(first) = case.compile() else { continue };
        let second = Case { source: first.code.clone(), file: "out.js".to_owned(), ..case }.compile().unwrap();
        assert_eq!(second.code, first.code);
    }
}

#[test]
fn maps_lead_back() {
    for case in Case::all() {
        let Ok(compiled) = case.compile() else { continue };
        let name = case.path.display();
        let map = SourceMap::from_json_string(&compiled.map).unwrap();
        let source = case.source.trim_start_matches('\u{feff}');
        assert_eq!(map.get_sources().collect::<Vec<_>>(), [case.file.as_str()]);
        assert_eq!(map.get_source_content(0), Some(source));

        let starts = element_starts(&compiled.code);
        assert!(starts.len() >= compiled.operations.len(), "{name}");
        let table = map.generate_lookup_table();
        for (operation, start) in compiled.operations.iter().zip(starts) {
            let (line, column) = place(&compiled.code, start);
            let token = map.lookup_token(&table, line, column).unwrap_or_else(|| panic!("{name}: no token"));
            assert_eq!(
                (token.get_src_line() + 1, token.get_src_col() + 1),
                (operation.line, operation.column),
                "{name}: {operation:?}"
            );
        }
        // Whatever is mapped and is not new stands at the other end too, unless it was printed anew.
        if case.path.file_name().unwrap().to_str().unwrap().starts_with("typescript") {
            continue;
        }
        let new = ["state", "p", "undefined", "later"];
        for token in map.get_tokens() {
            let word = word(at(&compiled.code, token.get_dst_line(), token.get_dst_col()));
            let from = at(source, token.get_src_line(), token.get_src_col());
            if !word.is_empty() && !new.contains(&word) && !word.starts_with("_defer") {
                assert_eq!(word, self::word(from), "{name}: {token:?}");
            }
        }
    }
}

#[test]
fn operations_are_named_and_placed() {
    #[track_caller]
    fn check(source: &str, expected: &[(Option<&str>, u32, u32)]) {
        let expected: Vec<_> = (1..)
            .zip(expected)
            .map(|(order, &(name, line, column))| Operation { name: name.map(str::to_owned), line, column, order })
            .collect();
        assert_eq!(common(source).unwrap().operations, expected, "{source}");
    }
    check("fn(x)", &[(Some("fn"), 1, 1)]);
    check("const a = 1;\n\n  get($.a);\n// why\npost(a)", &[(Some("get"), 3, 3), (Some("post"), 5, 1)]);
    check("http.get(1); fn(2)", &[(None, 1, 1), (Some("fn"), 1, 14)]);
    check("\n(fn(1))", &[(Some("fn"), 2, 2)]);
    check("get(1)\n  .then(x)\n  .catch(y)", &[(Some("get"), 1, 1)]);
    check("http.get(1).then(x)", &[(None, 1, 1)]);
    check("/* 😀 */ fn(1)", &[(Some("fn"), 1, 10)]);
    check(
        "fn(1);\nexport default [s => s, get(2).then(x)];",
        &[(None, 2, 17), (Some("get"), 2, 25), (Some("fn"), 1, 1)],
    );
    check("export default [fn(1), ...more]; ", &[(Some("fn"), 1, 17)]);
    check("export default s => s", &[]);
    check("type A = 1;\n\nfn((x: A) => x);\nget(2)", &[(Some("fn"), 3, 1), (Some("get"), 4, 1)]);
    check("const a = 1", &[]);
}

#[test]
fn names_of_unknown_exports_are_imported_unless_javascript_has_them() {
    let adaptors = [Adaptor { specifier: "a".into(), exports: None }];
    let options = Options { file: "job.js", adaptors: &adaptors, globals: &["config".to_owned()] };
    let code = compile("createMap(new Map(), ErrorHandler, Error, state, $, config)", &options).unwrap().code;
    assert!(code.starts_with("import { createMap, ErrorHandler } from \"a\";\n"), "{code}");
}

#[test]
fn depth_ends_no_process() {
    let parts = [
        "(",
        "[",
        "{",
        "!",
        "- ",
        "fn(",
        "$.f(",
        "a=>",
        "`${",
        "a?",
        "a?b:",
        "if(a)",
        "if(a){",
        "new ",
        "a+",
        "a.b().",
        "a=",
        "async()=>",
        "class A{a=",
        "{a:",
        "a<",
        "a<b>(",
        "await ",
        "x:",
        "function f(){",
        "a.then(",
        "a().then(b).",
        "a[",
        "let x:[",
        "type A=(",
        "a**",
        "for(;;)",
        "do ",
        "...[",
        "a,",
        "/*",
        "import(",
        "yield ",
        "a??",
        "<T>",
        "a as ",
        "a!.",
        "get(1).then(",
        "[a]=[",
        "({a}={",
        "delete ",
        "a||",
        "f``",
    ];
    for part in parts {
        let mut longest = Duration::ZERO;
        for suffix in ["", "a", ";", "1)"] {
            let start = Instant::now();
            let _ = common(&(part.repeat(2_000) + suffix));
            longest = longest.max(start.elapsed());
        }
        println!("{part:>12} {longest:?}");
    }
}

#[test]
fn speed() {
    let lines = [
        "get('/patients', { query: { since: $.lastRun } })",
        "  .then(state => ({ ...state, patients: state.data }))",
        "  .catch((error, state) => ({ ...state, error }));",
        "const pick = ({ id, name, birthDate }) => ({ id, name, birthDate }); ",
        "each('$.patients[*]', post(`/records/${$.data.id}`, $.data));",
        "// Only those that are new.",
        "fn(state => {",
        "  const seen = new Set(state.seen.map(item => item.id));",
        "  return { ...state, patients: state.patients.filter(patient => !seen.has(patient.id)) };",
        "});",
    ];
    let mut job = String::new();
    for i in 0..20 {
        job += &lines.join("\n").replace("pick", &format!("pick{i}"));
        job.push('\n');
    }
    let mut times: Vec<Duration> = (0..300)
        .map(|_| {
            let start = Instant::now();
            common(&job).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    let (lines, kilobytes) = (job.lines().count(), job.len() / 1000);
    println!("{lines} lines, {kilobytes} kB: median {:?}, fastest {:?}, 99% {:?}", times[150], times[0], times[297]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_compiled_or_refused(text in any::<String>()) {
        holds(&text);
    }

    #[test]
    fn any_words_are_compiled_or_refused(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..40)) {
        holds(&words.concat());
    }

    #[test]
    fn any_change_to_a_job_is_compiled_or_refused(
        job in any::<prop::sample::Index>(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..8_usize, prop::sample::select(WORDS.to_vec())),
            1..6,
        ),
    ) {
        let cases = Case::all();
        let mut text = job.get(&cases).source.clone();
        for (at, cut, word) in changes {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((start + cut).min(text.len()));
            text.replace_range(start..end.max(start), word);
        }
        holds(&text);
    }
}

const WORDS: [&str; 60] = [
    "",
    "fn",
    "get",
    "post",
    "each",
    "(",
    ")",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    "\n",
    " ",
    "$",
    "$.a",
    "$.b.c",
    "$?.d",
    "$[0]",
    ".then",
    ".catch",
    ".finally",
    "=>",
    "state",
    "state => ",
    "s => ",
    "async ",
    "await ",
    "`",
    "${",
    "'x'",
    "/x/g",
    "1",
    "const a = ",
    "export default ",
    "export ",
    "import x from 'y';",
    "import ",
    "function f() ",
    "class A ",
    "//c\n",
    "/*d*/",
    "\r\n",
    "\u{2028}",
    "😀",
    "...",
    ".a",
    ": number",
    " as any",
    "type T = ",
    "interface I ",
    "enum E { A }",
    "new ",
    "return ",
    "if (x) ",
    "?.",
    "!",
];

#[test]
fn hopeless_type_arguments_are_not_tried() {
    let start = Instant::now();
    assert!(common(&"a<".repeat(50_000)).is_err());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// What holds for every text: it is compiled to a module, or refused at a place that exists.
fn holds(text: &str) {
    match common(text) {
        Ok(compiled) => {
            let allocator = Allocator::default();
            let parsed = Parser::new(&allocator, &compiled.code, SourceType::mjs()).parse();
            assert!(parsed.diagnostics.is_empty(), "{text:?}\n{}\n{:?}", compiled.code, parsed.diagnostics);
            SourceMap::from_json_string(&compiled.map).unwrap();
        }
        Err(error) => {
            assert!(!error.message.is_empty());
            let width = error.source_line.encode_utf16().count() as u32;
            assert!(error.line > 0 && error.column > 0 && error.column <= width + 1, "{text:?}\n{error:?}");
        }
    }
}

struct Case {
    path: PathBuf,
    source: String,
    file: String,
    adaptors: Vec<Adaptor>,
    globals: Vec<String>,
}

impl Case {
    fn all() -> Vec<Case> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compile");
        let paths = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
        let by_path: BTreeMap<_, _> = paths.filter(|path| path.is_dir()).map(|path| (path.clone(), path)).collect();
        by_path.into_values().map(Case::read).collect()
    }

    fn read(path: PathBuf) -> Case {
        let file = ["in.js", "in.ts"].into_iter().find(|file| path.join(file).exists()).expect("a case needs a job");
        let source = fs::read_to_string(path.join(file)).unwrap();
        let options = fs::read_to_string(path.join("options.json")).unwrap_or_else(|_| COMMON.to_owned());
        Case::new(path, source, file, &options)
    }

    fn new(path: PathBuf, source: String, file: &str, options: &str) -> Case {
        let options: Value = serde_json::from_str(options).unwrap();
        let texts = |value: &Value| -> Option<Vec<String>> {
            Some(value.as_array()?.iter().map(|text| text.as_str().unwrap().to_owned()).collect())
        };
        let adaptors = options["adaptors"].as_array().into_iter().flatten();
        let adaptors = adaptors.map(|adaptor| Adaptor {
            specifier: adaptor["specifier"].as_str().unwrap().to_owned(),
            exports: texts(&adaptor["exports"]),
        });
        Case {
            path,
            source,
            file: file.to_owned(),
            adaptors: adaptors.collect(),
            globals: texts(&options["globals"]).unwrap_or_default(),
        }
    }

    fn compile(&self) -> Result<Compiled, CompileError> {
        compile(&self.source, &Options { file: &self.file, adaptors: &self.adaptors, globals: &self.globals })
    }
}

fn common(source: &str) -> Result<Compiled, CompileError> {
    Case::new(PathBuf::new(), source.to_owned(), "job.js", COMMON).compile()
}

/// An error as a person should see it.
fn show(error: &CompileError, file: &str) -> String {
    let CompileError { message, line, column, source_line, help } = error;
    let caret = " ".repeat(*column as usize - 1);
    let help = help.as_ref().map(|help| format!("help: {help}\n")).unwrap_or_default();
    format!("{file}:{line}:{column}: {message}\n{source_line}\n{caret}^\n{help}")
}

/// Where the elements of the default export start.
fn element_starts(code: &str) -> Vec<usize> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, code, SourceType::mjs()).parse();
    assert!(parsed.diagnostics.is_empty(), "{code}\n{:?}", parsed.diagnostics);
    for statement in &parsed.program.body {
        if let Statement::ExportDefaultDeclaration(export) = statement
            && let Some(Expression::ArrayExpression(array)) =
                export.declaration.as_expression().map(|expression| expression.without_parentheses())
        {
            return array
                .elements
                .iter()
                .map(|element| match element.as_expression() {
                    Some(expression) => expression.without_parentheses().span().start as usize,
                    None => element.span().start as usize,
                })
                .collect();
        }
    }
    Vec::new()
}

/// Line and column from 0, for texts whose lines end in LF, CR LF or CR.
fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = text[..offset].replace("\r\n", "\n").replace(['\r', '\u{2028}'], "\n");
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap().encode_utf16().count();
    (line as u32, column as u32)
}

/// What stands there.
fn at(text: &str, line: u32, column: u32) -> &str {
    let ends = |c: char| matches!(c, '\n' | '\r' | '\u{2028}');
    let mut rest = text;
    for _ in 0..line {
        let end = rest.find(ends).unwrap();
        rest =
            rest[end..].strip_prefix("\r\n").unwrap_or(&rest[end..][rest[end..].chars().next().unwrap().len_utf8()..]);
    }
    let mut units = 0;
    let offset = rest.char_indices().find(|(_, c)| {
        let found = units >= column;
        units += c.len_utf16() as u32;
        found
    });
    &rest[offset.map_or(rest.len(), |(offset, _)| offset)..]
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}
