//! Jobs as people write them: compiled, with adaptors, from the source to the result, and back to the line when they fail.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fulgurite::adaptors::{Linked, Sources, link, none_installed};
use fulgurite_compile::{Adaptors, Module, StepAdaptor, shape};
use fulgurite_plan::{Condition, Draft, DraftEdge, DraftStep, Job, Outcome, Plan, Source};
use fulgurite_runtime::{Cache, Request};
use fulgurite_state::{IndexOptions, State};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::{Report, run};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("jobs::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("language", language),
        trial("positions", positions),
        trial("operations_of_adaptors", operations_of_adaptors),
        trial("stacks", stacks),
        trial("reducers", reducers),
        trial("imports", imports),
        trial("adaptors_of_other_steps", adaptors_of_other_steps),
        trial("broken_steps", broken_steps),
        trial("broken_in_other_ways", broken_in_other_ways),
        trial("caching", caching),
        trial("what_adaptors_are", what_adaptors_are),
        trial("what_adaptors_are_not", what_adaptors_are_not),
        trial("round_trip", round_trip),
        trial("common", common),
    ]
}

/// A step whose job is called `job.js`.
fn step(id: &str, code: &str, adaptors: &[&str]) -> DraftStep {
    named(id, "job.js", code, adaptors)
}

fn named(id: &str, file: &str, code: &str, adaptors: &[&str]) -> DraftStep {
    let adaptors = adaptors.iter().map(|name| (*name).to_owned()).collect();
    let job = Job { adaptors, ..Job::new(Source { name: file.into(), text: code.into() }) };
    DraftStep { id: Some(id.into()), job: Some(job), ..DraftStep::default() }
}

/// Adaptors that the tests name by path.
const FILES: &[(&str, &str)] = &[
    (
        "http.js",
        "import { answer } from './lib/answer.js';\n\
         const resolve = (value, state) => typeof value === 'function' ? value(state) : value;\n\
         export const get = url => async state => {\n  \
           const path = resolve(url, state);\n  \
           if (path === undefined) throw new TypeError('get() needs a url');\n  \
           if (path === '/down') throw Object.assign(new Error('503 Service Unavailable'), { code: 503 });\n  \
           return { ...state, data: answer(path) };\n\
         };\n\
         export const call = f => state => f(state);\n\
         export const execute = (...operations) => async state => {\n  \
           state = { references: [], ...state };\n  \
           for (const operation of operations) state = await operation(state);\n  \
           return state;\n\
         };\n\
         export const http = { get, fail: () => () => { throw new Error('failed') } };\n\
         let calls = 0;\n\
         export const count = () => state => ({ ...state, calls: ++calls });\n",
    ),
    ("lib/answer.js", "export const answer = path => ({ path, items: [1, 2, 3] });\n"),
    (
        "other.js",
        "export const execute = () => () => ({ other: true });\nexport const nothing = () => state => state;\n",
    ),
    ("late.js", "export const load = name => async state => ({ ...state, loaded: await import(name) });\n"),
];

fn read(path: &Path) -> io::Result<String> {
    let file = FILES.iter().find(|(name, _)| Path::new(name) == path);
    file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn request(steps: Vec<DraftStep>, input: &str) -> Request {
    let plan = Plan::new(Draft { steps, ..Draft::default() }).expect("a plan");
    let linked = link(&plan, &Sources { read: &read, folder: Path::new(""), default: &[], installed: &none_installed });
    let adaptors = linked.unwrap_or_else(|report| panic!("{report:?}")).adaptors;
    let input = State::parse(input.to_owned(), &IndexOptions::default()).expect("JSON");
    Request { input: Some(input), adaptors: Arc::new(adaptors), ..Request::new(plan) }
}

fn job(code: &str, adaptors: &[&str]) -> Report {
    run(request(vec![step("job", code, adaptors)], "{\"data\":{\"items\":[{\"n\":1},{\"n\":2}],\"name\":\"x\"}}"))
}

fn error(report: &Report) -> String {
    let error = report.steps.last().and_then(|step| step.outcome.error()).or(report.outcome().error());
    let Some(error) = error else { return "success".into() };
    let place = error.position.as_ref().map(|place| {
        let line = place.source_line.as_deref().unwrap_or("?");
        format!(" at {}:{}:{} `{}`", place.file, place.line, place.column, line.trim())
    });
    let operation = error.operation.as_ref().map(|operation| {
        format!(" in {} on line {}", operation.name.as_deref().unwrap_or("an operation"), operation.place.line)
    });
    format!("{error}{}{}", place.unwrap_or_default(), operation.unwrap_or_default())
}

fn language() {
    #[track_caller]
    fn check(code: &str, expected: Value) {
        let report = job(code, &["./http.js", "common"]);
        let result: Value = serde_json::from_str(&report.result()).unwrap_or_else(|_| panic!("{}", report.ending()));
        assert_eq!(result["data"], expected, "{code}");
    }
    let path = |path: &str| json!({ "path": path, "items": [1, 2, 3] });
    check("get('/a')", path("/a"));
    check("get($.data.name)", path("x"));
    check("get(`/${$.data.name}`)", path("/x"));
    check("get('/a').then(state => ({ data: state.data.path }))", json!("/a"));
    check("get('/down').catch((error, state) => ({ data: error.code }))", json!(503));
    check(
        "get('/down').catch(e => ({ data: e.message })).then(s => ({ data: [s.data] }))",
        json!(["503 Service Unavailable"]),
    );
    check("get('/down')\n.then(s => ({ data: 'no' }))\n.catch(e => ({ data: e.code }))", json!(503));
    check("fn(state => ({ data: 1 })); fn(state => ({ data: state.data + 1 }));", json!(2));
    check("const twice = n => 2 * n;\nfn(s => ({ data: twice(21) }))", json!(42));
    check("fnIf($.data.name === 'x', get('/yes'))", path("/yes"));
    check("fnIf($.data.name === 'y', fn(s => ({ data: 0 })));\nfn(s => ({ data: s.data.name }))", json!("x"));
    check(
        "each('$.data.items[*]', fn(state => { (state.references ??= []).push(state.data.n); return state; }));\n\
         fn(state => ({ data: state.references }))",
        json!([1, 2]),
    );
    check("each($.data.items, get($.data.n).then(s => s)); fn(s => ({ data: 'done' }))", json!("done"));
    check("fn(async state => { await new Promise(r => setTimeout(r, 1)); return { data: 1 } })", json!(1));
    check("http.get('/h')", path("/h"));
    check("const f: (n: number) => number = n => n + 1;\nfn((state: any) => ({ data: f(1) as number }))", json!(2));
    // One line that ends like a file's name is code.
    check("fn(s => ({ data: 1 })) // my posts", json!(1));
    check("const json = 3; fn(s => ({ data: json }));json", json!(3));
    check("const ErrorMap = 1, createMap = () => ErrorMap;\nfn(s => ({ data: createMap() }))", json!(1));
    check("fn(s => ({ data: 'x //# sourceMappingURL=y' }))\n//# sourceMappingURL=z", json!("x //# sourceMappingURL=y"));
    let rows = "[{ \"a\": \"b, (c)\", \"n\": 1.5 }, null],\n".repeat(30_000);
    check(&format!("const rows = [{rows}];\nfn(s => ({{ data: rows.length }}))"), json!(30_000));
    check(&"fn(s => ({ ...s, data: 1 }));\n".repeat(20_000), json!(1));
    // What is compiled already runs as it is.
    check("export default [state => ({ data: 'compiled' })]", json!("compiled"));
    check(
        "import { get as _get } from './http.js';\nimport { defer as _defer } from '@openfn/runtime';\n\
         export default [_defer(_get('/b'), p => p.then(s => ({ data: s.data.path })))]",
        json!("/b"),
    );
}

fn positions() {
    #[track_caller]
    fn check(code: &str, expected: &str) {
        assert_eq!(error(&job(code, &["./http.js", "common"])), expected, "{code}");
    }
    check(
        "fn(state => state);\n\nget('/a');\nfn(state => {\n  return state.data.x.y;\n});",
        "RuntimeError: TypeError: Cannot read properties of undefined (reading 'y') at job.js:5:23 `return state.data.x.y;`",
    );
    check(
        "get('/a').then(state => {\n  throw new Error('mine');\n});",
        "JobError: mine at job.js:2:9 `throw new Error('mine');`",
    );
    check(
        "each('$.data.items[*]',\n  fn(state => state.data.no.no)\n);",
        "RuntimeError: TypeError: Cannot read properties of undefined (reading 'no') at job.js:2:29 `fn(state => state.data.no.no)`",
    );
    check(
        "get('/a');\n  get($.data.no.no);",
        "RuntimeError: TypeError: Cannot read properties of undefined (reading 'no') at job.js:2:17 `get($.data.no.no);`",
    );
    check(
        "fn(state => state);\n\n fnn(state => state);",
        "RuntimeCrash: ReferenceError: fnn is not defined at job.js:3:2 `fnn(state => state);`",
    );
    check(
        "type A = {\n  n: number\n};\n\nfn((state: A) => state.no.no);",
        "RuntimeError: TypeError: Cannot read properties of undefined (reading 'no') at job.js:5:27 `fn((state: A) => state.no.no);`",
    );
    check(
        "fn(state => {\n  return state\n}));",
        "CompileError: Expected a semicolon or an implicit semicolon after a statement, but found none at job.js:3:3 `}));`",
    );
    check("fn(s => s);\nf(s => s);", "RuntimeCrash: ReferenceError: f is not defined at job.js:2:1 `f(s => s);`");
    check(
        "const a = '\u{2028}';\nfn(s => s.no.no)",
        "RuntimeError: TypeError: Cannot read properties of undefined (reading 'no') at job.js:3:14 `fn(s => s.no.no)`",
    );
    check(
        "fn(s => s);\nfn(s => s);\nconsole.log(2);",
        "RuntimeCrash: operation 3 is nothing, not a function in an operation on line 3",
    );
    // Of two jobs with one name, the one that failed.
    let next = DraftEdge::new("b", Condition::Always);
    let first = DraftStep { next: vec![next], ..step("a", "fn(s => s);", &[]) };
    for _ in 0..4 {
        let report = run(request(vec![first.clone(), step("b", "fn(s => s);\n nope(s => s)", &[])], "{}"));
        assert_eq!(error(&report), "RuntimeCrash: ReferenceError: nope is not defined at job.js:2:2 `nope(s => s)`");
    }
    // A step's name that looks like a URL changes nothing.
    let report = run(request(vec![named("a", "Step: load.js", "fn(s => s);\nfn(s => s.no.no)", &[])], "{}"));
    assert!(error(&report).ends_with("at Step: load.js:2:14 `fn(s => s.no.no)`"), "{}", error(&report));
}

fn operations_of_adaptors() {
    #[track_caller]
    fn check(code: &str, expected: &str) {
        assert_eq!(error(&job(code, &["./http.js", "common"])), expected, "{code}");
    }
    check("fn(s => s);\n\nget('/down');", "AdaptorError: 503 Service Unavailable in get on line 3");
    check("fn(s => s);\nget($.nothing)", "AdaptorError: get() needs a url in get on line 2");
    check("get('/a').then(s => s);\nhttp.fail()", "AdaptorError: failed in an operation on line 2");
    check(
        "call(s => { throw new Error('mine') })",
        "JobError: mine at job.js:1:19 `call(s => { throw new Error('mine') })`",
    );
    check("fn(s => s);\nfn(() => { throw 'text' })", "JobError: text in fn on line 2");
    for (reducer, expected) in [
        (
            "async () => s => s",
            "RuntimeError: TypeError: `execute` must return a function of the state, and returned an object in fn on line 2",
        ),
        ("5", "RuntimeCrash: `execute` is 5, not a function"),
    ] {
        let report = job(&format!("export const execute = {reducer};\nfn(s => s)"), &["common"]);
        assert!(expected.starts_with(&error(&report)), "{}", error(&report));
    }
    // Reducers that fail by themselves have no operation to blame.
    let report = job(
        "import { nothing } from './other.js';\nexport const execute = () => () => { throw new Error('r') };\nnothing()",
        &["./other.js"],
    );
    assert!(error(&report).starts_with("JobError: r at job.js:2:44"), "{}", error(&report));

    let report = job("\nget('/down')", &["./http.js"]);
    let result: Value = serde_json::from_str(&report.result()).unwrap();
    assert_eq!(
        result["errors"]["job"],
        json!({
            "source": "runtime", "name": "AdaptorError", "severity": "fail", "message": "503 Service Unavailable",
            "step": "job", "details": { "code": 503 }, "line": 2, "operationName": "get",
        })
    );
}

fn stacks() {
    let code = "fn(state => {\n  const inner = () => { throw new Error('seen') };\n  try { inner() } catch (error) { console.log(error.stack) }\n  return state;\n});\n\
                get('/down').catch((error, state) => { console.log(error.stack); return state });\n\
                call(state => { try { null.x } catch (error) { console.log(error.stack) } return state });";
    let report = job(code, &["./http.js", "common"]);
    let log = report.log();
    assert_eq!(report.ending(), "success");
    let first: Vec<&str> = log[0].lines().collect();
    assert_eq!(first[..3], ["info: Error: seen", "    at inner (job.js:2:31)", "    at job.js:3:9"], "{}", log[0]);
    assert!(log[1].contains("at http.js:6:"), "{}", log[1]);
    assert!(log[2].contains("at job.js:7:28"), "{}", log[2]);
    // Ids that no URL takes as they are.
    for id in ["Get patients", ".", "..", "a/b", "größe", "%41", "x:1:2"] {
        let code = "fn(state => { console.log(new Error('seen').stack); return state });";
        let report = run(request(vec![named(id, "my job.js", code, &["common"])], "{}"));
        assert_eq!(report.log().join("").lines().nth(1), Some("    at my job.js:1:27"), "{id}: {:?}", report.log());
    }
    for log in &log {
        for hidden in ["job://", "adaptor://", "fulgurite:", "ext:"] {
            assert!(!log.contains(hidden), "{log}");
        }
    }
}

fn reducers() {
    #[track_caller]
    fn check(code: &str, adaptors: &[&str], expected: &str) {
        assert_eq!(job(code, adaptors).result(), expected, "{code}");
    }
    check("get('/a'); call(s => ({ r: s.references }))", &["./http.js"], r#"{"r":[]}"#);
    check("nothing()", &["./other.js"], r#"{"other":true}"#);
    // Of two, the first.
    check("get('/a'); nothing(); call(s => ({ r: s.references }))", &["./http.js", "./other.js"], r#"{"r":[]}"#);
    check("call(s => s); nothing()", &["./other.js", "./http.js"], r#"{"other":true}"#);
    // What is not used has no say.
    check("call(s => ({ r: 1 }))", &["./other.js", "./http.js"], r#"{"r":1}"#);
    // None: one after the other.
    check("export default [s => ({ n: 1 }), async s => ({ n: s.n + 1 })]", &["./other.js"], r#"{"n":2}"#);
}

fn imports() {
    #[track_caller]
    fn check(code: &str, adaptors: &[&str], expected: &str) {
        assert_eq!(job(code, adaptors).ending(), expected, "{code}");
    }
    check("import { get } from './http.js'; get('/a')", &["./http.js"], "success");
    check("import { fn } from '@openfn/language-common'; fn(s => s)", &["common"], "success");
    check("import { fn } from 'common'; fn(s => s)", &["@openfn/language-common@2.0.0"], "success");
    check("fn(async s => { const { fn } = await import('common'); return s })", &["common"], "success");
    check("import './lib/answer.js'", &["./http.js"], "crash ImportError: module blacklisted: ./lib/answer.js");
    check("import './http.js?x'", &["./http.js"], "crash ImportError: module blacklisted: ./http.js?x");
    for specifier in [
        "adaptor://0/0/http.js",
        "job://1/job",
        "ext:core/mod.js",
        "node:fs",
        "fulgurite:runtime",
        "file:///etc/passwd",
        "http://x/y.js",
        "./../http.js",
    ] {
        check(
            &format!("import '{specifier}'"),
            &["./http.js"],
            &format!("crash ImportError: module blacklisted: {specifier}"),
        );
        check(
            &format!("export default [s => import('{specifier}')]"),
            &["./http.js"],
            &format!("crash ImportError: module blacklisted: {specifier}"),
        );
    }
    check(
        "import x from './http.js' with { type: 'json' }",
        &["./http.js"],
        "crash ImportError: module blacklisted: http.js",
    );
    check("import { fn, nope } from 'common'", &["common"], "crash CompileError: `common` does not export `nope`");
    let place = |code: &str| {
        let next = DraftEdge::new("b", Condition::Always);
        let first = DraftStep { next: vec![next], ..named("a", "a.js", "// 'lodash'\nfn(s => s)", &[]) };
        let report = run(request(vec![first, named("b", "b.js", code, &[])], "{}"));
        error(&report).split_once(" at ").map(|(_, place)| place.to_owned())
    };
    assert_eq!(
        place("// 'lodash'\n/* 😀😀 */ import x from 'lodash'").as_deref(),
        Some("b.js:2:26 `/* 😀😀 */ import x from 'lodash'`")
    );
    assert_eq!(place("fn(() => import('lodash'))").as_deref(), Some("b.js:1:17 `fn(() => import('lodash'))`"));
    // An adaptor imports its own files, and nothing that it is told.
    check("load('node:fs')", &["./late.js"], "crash ImportError: module blacklisted: node:fs");
    check("load('./http.js')", &["./late.js", "./http.js"], "crash ImportError: module blacklisted: ./http.js");
}

fn adaptors_of_other_steps() {
    let next = |step: DraftStep, to: &str| {
        let edge = DraftEdge::new(to, Condition::Always);
        DraftStep { next: vec![edge], ..step }
    };
    let steps = vec![
        next(step("a", "count(); count()", &["./http.js"]), "b"),
        next(step("b", "count()", &["./http.js"]), "c"),
        step("c", "import './http.js'", &["common"]),
    ];
    let report = run(request(steps, "{}"));
    assert_eq!(report.ending(), "crash ImportError: module blacklisted: ./http.js");
    let states: Vec<String> = report
        .steps
        .iter()
        .filter_map(|step| step.output.as_ref())
        .map(|state| String::from_utf8_lossy(&state.to_bytes()).into_owned())
        .collect();
    // Each step has its own instance.
    assert_eq!(states, [r#"{"references":[],"data":{},"calls":2}"#, r#"{"references":[],"data":{},"calls":1}"#]);
}

fn broken_steps() {
    let edge = |to: &str, condition| DraftEdge::new(to, condition);
    let plan = |condition: Condition| {
        let first = DraftStep {
            next: vec![edge("b", condition)],
            ..step("a", "fn(s => { console.log('ran'); return s })", &[])
        };
        vec![first, named("b", "b.js", "fn(s => ;", &[])]
    };
    let report = run(request(plan(Condition::OnFailure), "{}"));
    assert_eq!(report.ending(), "crash CompileError: Unexpected token");
    assert_eq!(error(&report), "CompileError: Unexpected token at b.js:1:9 `fn(s => ;`");
    assert_eq!(report.outcome().error().and_then(|error| error.step.as_deref()), Some("b"));
    assert!(report.steps.is_empty() && report.log().is_empty(), "nothing has run");

    let report = run(request(plan(Condition::Never), "{}"));
    assert_eq!(report.ending(), "success");
    let warning =
        "warn: step `b` does not compile; nothing leads to it, so the run goes on: b.js:1:9: Unexpected token";
    assert_eq!(report.log(), [warning, "info: ran"]);

    let steps = vec![
        DraftStep { next: vec![edge("b", Condition::Always)], ..named("a", "a.js", "fn(", &[]) },
        named("b", "b.js", "fn(s => ;", &[]),
    ];
    let report = run(request(steps, "{}"));
    assert_eq!(error(&report), "CompileError: Expected `)` but found the end of the job at a.js:1:4 `fn(`");
    assert_eq!(report.log(), ["error: step `b` does not compile either: b.js:1:9: Unexpected token"]);
}

/// What only V8, or only a look at the adaptors or the globals, finds is known before the first step, too.
fn broken_in_other_ways() {
    let edge = |to: &str| DraftEdge::new(to, Condition::OnFailure);
    let check = |code: &str, expected: &str| {
        let first = DraftStep { next: vec![edge("b")], ..step("a", "fn(s => { console.log('ran'); return s })", &[]) };
        let report = run(request(vec![first, named("b", "b.js", code, &[])], "{}"));
        assert_eq!(error(&report), expected);
        assert!(report.log().is_empty(), "nothing has run");
    };
    check(
        "fn(s => s);\nfn(s => /a(/.test(s))",
        "CompileError: SyntaxError: Invalid regular expression: /a(/: Unterminated group at b.js:2:9 `fn(s => /a(/.test(s))`",
    );
    check(
        "import { fnn } from 'common';\nfnn()",
        "CompileError: `common` does not export `fnn` at b.js:1:10 `import { fnn } from 'common';`",
    );
    let globals = Source { name: "globals.js".into(), text: "export const a = ;".into() };
    let plan =
        Plan::new(Draft { steps: vec![step("a", "fn(s => s)", &[])], globals: Some(globals), ..Draft::default() });
    let report = run(Request::new(plan.expect("a plan")));
    assert_eq!(error(&report), "CompileError: Unexpected token at globals.js:1:18 `export const a = ;`");
}

fn caching() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cache");
    let open = || Arc::new(fulgurite::cache::open(&path).expect("can be kept"));
    let run_with = |cache: Arc<Cache>| {
        let code = "fn(s => ({ ...s, n: 1 }));\nfn(s => s.no.no)";
        run(Request { cache, ..request(vec![step("job", code, &["common"])], "{}") })
    };
    let expected =
        "RuntimeError: TypeError: Cannot read properties of undefined (reading 'no') at job.js:2:14 `fn(s => s.no.no)`";
    let cache = open();
    let first = run_with(cache.clone());
    assert_eq!(error(&first), expected);
    let entries = || -> BTreeMap<PathBuf, Vec<u8>> {
        let builds = std::fs::read_dir(&path).expect("is there").flatten();
        let files = builds.flat_map(|build| std::fs::read_dir(build.path()).into_iter().flatten().flatten());
        files.map(|file| (file.path(), std::fs::read(file.path()).expect("can be read"))).collect()
    };
    let written = entries();
    // The job, its bytecode, and that of each module of the adaptor.
    assert!(written.len() >= 4, "{:?}", written.keys());
    assert_eq!(error(&run_with(cache)), expected, "from memory");
    assert_eq!(error(&run_with(open())), expected, "from disk");
    assert_eq!(entries(), written, "nothing was compiled again");

    for (path, content) in &written {
        std::fs::write(path, &content[..content.len() / 2]).expect("can be written");
    }
    assert_eq!(error(&run_with(open())), expected, "entries that are cut off are not used");
    for (path, content) in &written {
        let mut content = content.clone();
        *content.last_mut().expect("not empty") ^= 1;
        std::fs::write(path, &content).expect("can be written");
    }
    assert_eq!(error(&run_with(open())), expected, "damaged entries are not used");

    // Where others can write, nothing is taken from.
    use std::os::unix::fs::PermissionsExt;
    let open_to_all = folder.path().join("open");
    std::fs::create_dir(&open_to_all).expect("can be made");
    std::fs::set_permissions(&open_to_all, std::fs::Permissions::from_mode(0o777)).expect("is ours");
    assert!(fulgurite::cache::open(&open_to_all).is_err());
    assert_eq!(std::fs::read_dir(&open_to_all).expect("is there").count(), 0);

    // What others have there stays, however old it is; builds of ours that nobody has run for long do not.
    let old = std::time::SystemTime::now() - Duration::from_secs(90 * 24 * 3600);
    for name in ["src", "fulgurite-build-0.0.1-1-2-3"] {
        std::fs::create_dir(path.join(name)).expect("can be made");
        std::fs::File::open(path.join(name)).and_then(|folder| folder.set_modified(old)).expect("is ours");
    }
    open();
    assert!(path.join("src").exists() && !path.join("fulgurite-build-0.0.1-1-2-3").exists());

    // A job that is compiled already is another one than the same text that is not.
    let cache = Arc::new(Cache::default());
    let with_map = |map: Option<&str>| {
        let mut step = step("job", "fn(s => ({ ran: true }))", &["common"]);
        step.job.as_mut().expect("has one").source_map = map.map(str::to_owned);
        run(Request { cache: cache.clone(), ..request(vec![step], "{}") }).ending()
    };
    assert_eq!(with_map(Some("")), "crash RuntimeCrash: ReferenceError: fn is not defined");
    assert_eq!(with_map(None), "success");
}

/// What `fulgurite run` would find with these files.
fn linked(files: &'static [(&'static str, &'static str)], job: Job, default: &[&str]) -> Result<Linked, String> {
    let step = DraftStep { id: Some("s".into()), job: Some(job), ..DraftStep::default() };
    let plan = Plan::new(Draft { steps: vec![step], ..Draft::default() }).expect("a plan");
    let read = |path: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == path);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    let default: Vec<String> = default.iter().map(|name| (*name).to_owned()).collect();
    let linked = link(
        &plan,
        &Sources { read: &read, folder: Path::new("flows"), default: &default, installed: &none_installed },
    );
    linked.map_err(|report| report.render(fulgurite::screen::Style { terminal: false, color: false }))
}

fn named_job(adaptors: &[&str]) -> Job {
    let adaptors = adaptors.iter().map(|name| (*name).to_owned()).collect();
    Job { adaptors, ..Job::new(Source { name: "job.js".into(), text: "x()".into() }) }
}

fn what_adaptors_are() {
    /// `specifier/alias… → file: exports` of each adaptor.
    #[track_caller]
    fn check(files: &'static [(&'static str, &'static str)], job: Job, default: &[&str], expected: &[&str]) {
        let adaptors = linked(files, job, default).unwrap_or_else(|report| panic!("{report}")).adaptors;
        let shown = |adaptor: &StepAdaptor| {
            let names = [&[adaptor.specifier.clone()][..], &adaptor.aliases].concat().join(" ");
            let exports = adaptors.exports(adaptor.module);
            format!("{names} → {}: {}", adaptors.module(adaptor.module).expect("there").name, exports.len())
        };
        let shown: Vec<String> = adaptors.of_step(0).iter().map(shown).collect();
        assert_eq!(shown, expected);
    }
    check(&[], named_job(&[]), &[], &["common @openfn/language-common → common/index.js: 15"]);
    check(
        &[],
        named_job(&["@openfn/language-common@3.1.0"]),
        &["./no.js"],
        &["@openfn/language-common common → common/index.js: 15"],
    );
    check(&[("flows/a.js", "export let x")], named_job(&["./a.js"]), &[], &["./a.js → flows/a.js: 1"]);
    check(&[("a.js", "export let x")], named_job(&["../a.js"]), &[], &["../a.js → a.js: 1"]);
    check(&[("a.js", "export let x")], named_job(&[]), &["a.js"], &["a.js → a.js: 1"]);
    check(&[("b/a.mjs", "export let x, y")], named_job(&[]), &["http=./b/a.mjs"], &["http → b/a.mjs: 2"]);
    check(&[("a/index.js", "export let x")], named_job(&[]), &["./a"], &["./a → a/index.js: 1"]);
    check(
        &[
            ("a/package.json", r#"{"name":"@openfn/language-a","exports":{".":{"import":"./dist/i.js"}}}"#),
            ("a/dist/i.js", "export let x"),
        ],
        named_job(&[]),
        &["./a"],
        &["./a @openfn/language-a → a/dist/i.js: 1"],
    );
    check(
        &[
            ("a.js", "export * from './b.js'; export * as c from './c.js'"),
            ("b.js", "import './a.js'; export let x, y"),
            ("c.js", "export let z"),
        ],
        named_job(&[]),
        &["./a.js", "./c.js"],
        &["./a.js → a.js: 3", "./c.js → c.js: 1"],
    );
    let linker =
        BTreeMap::from([("http".into(), fulgurite_plan::Linker { path: Some("lib/http".into()), version: None })]);
    check(
        &[("flows/lib/http/index.js", "export let x")],
        Job { linker, ..named_job(&["http@1.0.0"]) },
        &[],
        &["http → flows/lib/http/index.js: 1"],
    );
    check(
        &[("m/http.js", "export let x")],
        named_job(&["@openfn/language-http@7.0.0"]),
        &["@openfn/language-http=m/http.js"],
        &["@openfn/language-http → m/http.js: 1"],
    );
    check(&[("a=b/m.js", "export let x")], named_job(&[]), &["./a=b/m.js"], &["./a=b/m.js → a=b/m.js: 1"]);
    let stands_in = linked(&[], named_job(&["@openfn/language-common@3.1.0"]), &[]).expect("is built in");
    assert_eq!(stands_in.warnings.len(), 1, "{:?}", stands_in.warnings);
    assert!(linked(&[], named_job(&["common"]), &[]).expect("is built in").warnings.is_empty());
}

fn what_adaptors_are_not() {
    #[track_caller]
    fn check(files: &'static [(&'static str, &'static str)], adaptor: &str, expected: &str) {
        let report = linked(files, named_job(&[]), &[adaptor]).err().unwrap_or_else(|| panic!("{adaptor} is one"));
        assert_eq!(report.trim_end(), expected.trim_end(), "{adaptor}");
    }
    check(
        &[],
        "http",
        "error: there is no adaptor `http`: npm packages cannot be installed yet\n  \
         = help: give the path of an ES module (./adaptor.js), or use `common`, which is built in",
    );
    check(
        &[],
        "@openfn/language-comon",
        "error: there is no adaptor `@openfn/language-comon`: npm packages cannot be installed yet\n  \
         = help: did you mean `@openfn/language-common`?",
    );
    check(
        &[],
        "./no.js",
        "error: cannot read the adaptor: entity not found\n \
         --> no.js\n  \
         = help: an adaptor is an ES module (.js or .mjs), or a folder with a package.json or an index.js",
    );
    check(
        &[("a.js", "import './b.js';")],
        "./a.js",
        "error: cannot read `b.js`: entity not found\n \
         --> a.js:1:8\n  \
         |\n\
         1 | import './b.js';\n  \
         |        ^\n  \
         = help: an adaptor imports files beside it by their full names",
    );
    check(
        &[("a.js", "export let a;\nimport _ from 'lodash';")],
        "./a.js",
        "error: cannot import `lodash`: npm packages cannot be installed yet\n \
         --> a.js:2:15\n  \
         |\n\
         2 | import _ from 'lodash';\n  \
         |               ^\n  \
         = help: bundle the adaptor into one ES module, with esbuild for example",
    );
    check(
        &[("a.js", "import fs from 'node:fs';")],
        "./a.js",
        "error: cannot import `node:fs`: Node's modules are not there\n \
         --> a.js:1:16\n  \
         |\n\
         1 | import fs from 'node:fs';\n  \
         |                ^\n  \
         = help: write it without Node",
    );
    check(
        &[("a.js", "export const = 1;")],
        "./a.js",
        "error[CompileError]: Unexpected token\n \
         --> a.js:1:14\n  \
         |\n\
         1 | export const = 1;\n  \
         |              ^",
    );
    check(
        &[("a/package.json", r#"{"main": "a.cjs"}"#)],
        "./a",
        "error: the entry `a.cjs` is not an ES module (.js or .mjs)\n \
         --> a/package.json\n  \
         = help: it tells where the adaptor's ES module is",
    );
    check(
        &[("a/package.json", "{")],
        "./a",
        "error: this is not JSON: EOF while parsing an object at line 1 column 1\n \
         --> a/package.json\n  \
         = help: it tells where the adaptor's ES module is",
    );
    check(
        &[("a.js", "import x from './x.json' with { type: 'json' };")],
        "./a.js",
        "error: cannot import `./x.json`: it is no ES module\n \
         --> a.js:1:15\n  \
         |\n\
         1 | import x from './x.json' with { type: 'json' };\n  \
         |               ^\n  \
         = help: put its content into a module: `export default { … }`",
    );
    let twice = linked(&[("a.js", "export let x"), ("b.js", "export let y")], named_job(&[]), &["q=a.js", "q=b.js"]);
    assert!(twice.map(|_| ()).expect_err("cannot be told apart").contains("two adaptors are called `q`"));
    // Nobody needs the adaptor of a step that nothing leads to.
    let unreachable = vec![step("a", "fn(s => s)", &[]), step("b", "get('/x')", &["@openfn/language-http"])];
    let plan = Plan::new(Draft { steps: unreachable, ..Draft::default() }).expect("a plan");
    let found = link(&plan, &Sources { read: &read, folder: Path::new(""), default: &[], installed: &none_installed })
        .expect("is not needed");
    assert!(
        found.warnings[0].message.starts_with("there is no adaptor `@openfn/language-http`"),
        "{:?}",
        found.warnings
    );
    // A step that names it itself is named, too.
    let report = linked(&[], named_job(&["salesforce"]), &[]).map(|_| ()).expect_err("there is none");
    assert!(report.contains("= note: in step `s`"), "{report}");
}

/// Every case of the compiler, loaded: it exports an array of functions. What it imports answers everything with a function.
fn round_trip() {
    const STUB: &str = "const stub = new Proxy(function () {}, {\n  \
        get: (target, key) => key === 'then' ? resolve => { resolve?.(1); return stub } : key === Symbol.toPrimitive ? () => 'stub' : key === Symbol.iterator ? function* () { yield stub } : stub,\n  \
        apply: () => stub, construct: () => stub,\n});\nexport default stub;\n";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compile");
    // What these cases are about keeps V8 from loading them, or the runtime from running them.
    let refused = [
        ("exports_function", "the job's default export is a function"),
        ("imports_nothing_used", "operation 1 is nothing, not a function"),
        ("imports_unknown_exports", "arguments is not defined"),
        ("chain_other_import_from_runtime", "does not provide an export named 'other'"),
        ("syntax_regexp_is_left_to_v8", "Invalid regular expression"),
    ];
    let error_of = |outcome: &Outcome| outcome.error().map(|error| error.message.clone()).unwrap_or_default();
    let mut loaded = 0;
    let mut wrong = Vec::new();
    for case in std::fs::read_dir(folder).expect("is there").flatten() {
        let Ok(code) = std::fs::read_to_string(case.path().join("out.js")) else { continue };
        let name = case.file_name().to_string_lossy().into_owned();
        let shape = shape(&code).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut adaptors = Adaptors::default();
        for import in shape.imports.iter().filter(|import| import.specifier != fulgurite_compile::RUNTIME) {
            let exports: String = names_imported(&code, &import.specifier)
                .iter()
                .map(|name| format!("const stub_{name} = stub;\nexport {{ stub_{name} as {name} }};\n"))
                .collect();
            let source = format!("{STUB}{exports}");
            let stub = fulgurite_compile::shape(&source).expect("JavaScript");
            let module = adaptors.add(Module {
                name: "stub".into(),
                source: source.into(),
                shape: stub,
                imports: BTreeMap::new(),
            });
            adaptors.give(0, StepAdaptor { specifier: import.specifier.clone(), aliases: Vec::new(), module });
        }
        // Names that no adaptor of the case has are globals.
        let mut prelude = STUB.replace("export default stub;\n", "");
        let loaded_or_not = loop {
            match fulgurite_runtime::bench::operations(&format!("{prelude}{code}"), adaptors.clone()) {
                Err(outcome)
                    if let Some(name) = error_of(&outcome).strip_suffix(" is not defined")
                        && let Some(name) = name.strip_prefix("ReferenceError: ")
                        && !prelude.contains(&format!("globalThis.{name} "))
                        && name != "arguments" =>
                {
                    prelude.push_str(&format!("globalThis.{name} = stub;\n"));
                }
                result => break result,
            }
        };
        match loaded_or_not {
            Ok(_) => loaded += 1,
            Err(outcome) if refused.iter().any(|(case, why)| *case == name && error_of(&outcome).contains(why)) => {}
            Err(outcome) => wrong.push(format!("{name}: {}", error_of(&outcome))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(loaded >= 80, "only {loaded} cases load");
}

/// The names that compiled code takes from a module.
fn names_imported(code: &str, specifier: &str) -> Vec<String> {
    let mut names = Vec::new();
    let quoted = Value::from(specifier).to_string();
    for line in code.lines().filter(|line| line.contains(specifier) || line.contains(&quoted)) {
        let Some((_, list)) = line.split_once('{') else { continue };
        let Some((list, _)) = list.split_once('}') else { continue };
        let list = list.split(',').map(|name| name.trim().split(" as ").next().unwrap_or_default().to_owned());
        names.extend(list.filter(|name| !name.is_empty() && name != "default"));
    }
    names.sort();
    names.dedup();
    names
}

/// A run gives its first step `data` that the case may not have, and takes credentials and responses off every output.
fn without_defaults(state: &Value, case: &Value) -> Value {
    let mut state = state.clone();
    if let Value::Object(map) = &mut state {
        map.remove("configuration");
        map.remove("response");
        if case["state"].get("data").is_none() && map.get("data") == Some(&json!({})) {
            map.remove("data");
        }
    }
    state
}

/// The cases of `adaptors/common/test`, of which most were recorded from the npm package: here they are jobs.
fn common() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adaptors/common/test/cases.json");
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).expect("is there")).expect("JSON");
    assert!(cases.len() > 300, "{}", cases.len());
    let cache = Arc::new(Cache::default());
    let start = Instant::now();
    let mut wrong = Vec::new();
    for case in &cases {
        let code = case["code"].as_str().expect("has code");
        let is_value = case["value"] == true;
        let source = match is_value {
            true => {
                // What a run gives its first step was not there when the cases were recorded.
                let data = if case["state"].get("data").is_none() { "delete state.data;" } else { "" };
                format!(
                    "export default [async state => {{ {data} delete state.configuration; return {{ value: await ({code}) }} }}];"
                )
            }
            false => format!("{code};"),
        };
        let request = Request {
            cache: cache.clone(),
            ..request(vec![step("job", &source, &["common"])], &case["state"].to_string())
        };
        let report = run(request);
        let seen = match report.steps.last().map(|step| &step.outcome) {
            Some(Outcome::Success) => Ok(serde_json::from_str(&report.result()).unwrap_or(Value::Null)),
            _ => Err(report
                .steps
                .last()
                .and_then(|step| step.outcome.error())
                .or(report.outcome().error())
                .expect("failed")
                .message
                .clone()),
        };
        let right = match (&seen, case["error"].as_str()) {
            (Err(message), Some(expected)) => message.contains(expected),
            (Ok(seen), None) if is_value => seen.get("value").unwrap_or(&Value::Null) == &case["expected"],
            (Ok(seen), None) => without_defaults(seen, case) == without_defaults(&case["expected"], case),
            _ => false,
        };
        if !right {
            wrong.push(format!(
                "{}\n  {code}\n  expected {}{}\n  seen {seen:?}",
                case["name"], case["expected"], case["error"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
}
