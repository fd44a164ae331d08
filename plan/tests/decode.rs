//! `host/src/decode.rs`, tested without V8: `host` links it, and decoding does not need it.
//!
//! A case is a folder of `tests/decode`: a `workflow.json`, `workflow.yaml` or job file with whatever lies beside it,
//! and `plan.txt` or `error.txt` with what comes of it. `UPDATE=1 cargo test -p fulgurite-plan --test decode` writes
//! those.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fulgurite_plan::{Condition, Configuration, Plan};
use proptest::prelude::*;

#[path = "../../host/src"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "in `host` these are the public surface")]
mod host {
    pub mod decode;
}

use host::decode::{self, Credentials, Decoded, Files};

#[test]
fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/decode");
    let update = std::env::var_os("UPDATE").is_some();
    let mut cases: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 25, "only {} cases under {}", cases.len(), root.display());
    let mut wrong = Vec::new();
    for case in &cases {
        let (file, got) = run(case);
        let other = case.join(if file == "plan.txt" { "error.txt" } else { "plan.txt" });
        let path = case.join(file);
        if update {
            fs::write(&path, &got).unwrap();
            let _ = fs::remove_file(other);
        } else if other.exists() || fs::read_to_string(&path).unwrap_or_default() != got {
            wrong.push(format!("{}: now {file} would be\n{got}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The name of the file to compare with and what should be in it. Paths are as if the case were the current folder.
fn run(case: &Path) -> (&'static str, String) {
    let names = ["workflow.json", "workflow.yaml", "workflow.yml", "workflow.txt", "job.js", "job.ts"];
    let name = names.into_iter().find(|name| case.join(name).exists()).expect("a case needs a workflow or a job");
    let read = |path: &Path| {
        // The system's own words differ from one to the next.
        fs::read_to_string(case.join(path)).map_err(|error| io::Error::from(error.kind()))
    };
    let list = |folder: &Path| {
        let entries = fs::read_dir(case.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    };
    let decode = || -> Result<Decoded, decode::Error> {
        let path = ["credentials.json", "credentials.yaml"].map(PathBuf::from);
        let path = path.into_iter().find(|path| case.join(path).exists());
        let credentials = path.map(|path| Credentials::parse(&path, &read(&path).unwrap())).transpose()?;
        decode::file(Path::new(name), &Files { read: &read, list: &list, credentials: credentials.as_ref() })
    };
    match decode() {
        Ok(decoded) => ("plan.txt", dump(&decoded)),
        Err(error) => ("error.txt", format!("{error}\n")),
    }
}

/// A plan as a person would tell it.
fn dump(Decoded { plan, warnings }: &Decoded) -> String {
    let mut text = String::new();
    let name = |name: Option<&str>| name.map(|name| format!(" {name:?}")).unwrap_or_default();
    writeln!(text, "workflow{}{}", name(plan.id()), name(plan.name())).unwrap();
    writeln!(text, "start {}", plan[plan.start()].id).unwrap();
    if let Some(end) = plan.end() {
        writeln!(text, "end {}", plan[end].id).unwrap();
    }
    if *plan.options() != fulgurite_plan::Options::default() {
        writeln!(text, "{:?}", plan.options()).unwrap();
    }
    if let Some(globals) = plan.globals() {
        writeln!(text, "globals {} {:?}", globals.name, globals.text).unwrap();
    }
    if !plan.credentials().is_empty() {
        writeln!(text, "credentials {}", serde_json::to_string(plan.credentials()).unwrap()).unwrap();
    }
    if !plan.vars().is_empty() {
        writeln!(text, "vars {}", serde_json::to_string(plan.vars()).unwrap()).unwrap();
    }
    for step in plan.steps() {
        writeln!(text, "\nstep {}{}", step.id, name(step.name.as_deref())).unwrap();
        if let Some(job) = &step.job {
            writeln!(text, "  runs {} {:?}", job.source.name, job.source.text).unwrap();
            if !job.adaptors.is_empty() {
                writeln!(text, "  adaptors {}", job.adaptors.join(", ")).unwrap();
            }
            match &job.configuration {
                None => {}
                Some(Configuration::Inline(map)) => {
                    writeln!(text, "  configuration {}", serde_json::to_string(map).unwrap()).unwrap();
                }
                Some(Configuration::Named(id)) => writeln!(text, "  configuration named {id:?}").unwrap(),
            }
            if let Some(state) = &job.state {
                writeln!(text, "  state {}", state.get()).unwrap();
            }
            for (module, linker) in &job.linker {
                writeln!(text, "  linker {module} {:?} {:?}", linker.path, linker.version).unwrap();
            }
            if let Some(map) = &job.source_map {
                writeln!(text, "  source map {map}").unwrap();
            }
            if let Some(with) = &job.with_items {
                writeln!(text, "  {with:?}").unwrap();
            }
            for (what, map) in [("input", &job.input), ("publish", &job.publish)] {
                if !map.is_empty() {
                    writeln!(text, "  {what} {}", serde_json::to_string(map).unwrap()).unwrap();
                }
            }
        }
        for edge in &step.next {
            let condition = match &edge.condition {
                Condition::Always => "always".to_owned(),
                Condition::OnSuccess => "on success".to_owned(),
                Condition::OnFailure => "on failure".to_owned(),
                Condition::Never => "never".to_owned(),
                Condition::Expression(code) => format!("if {code}"),
            };
            let label = name(edge.label.as_deref());
            let limit = edge.max_iterations.map(|most| format!(" at most {most}")).unwrap_or_default();
            writeln!(text, "  next {} {condition}{label}{limit}", plan[edge.target].id).unwrap();
        }
    }
    for warning in warnings {
        writeln!(text, "\nwarning: {warning}").unwrap();
    }
    text
}

fn no_files(_: &Path) -> io::Result<String> {
    Err(io::ErrorKind::NotFound.into())
}

fn no_names(_: &Path) -> Vec<String> {
    Vec::new()
}

fn decode_text(name: &str, text: &str) -> Result<Decoded, decode::Error> {
    decode::text(Path::new(name), text, &Files { read: &no_files, list: &no_names, credentials: None })
}

fn first_state(plan: &Plan) -> &str {
    plan.steps()[0].job.as_ref().unwrap().state.as_ref().unwrap().get()
}

/// What a default state is made of is passed on as it stands, whatever is in it.
#[test]
fn a_default_state_keeps_its_bytes() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for data in ["1e400", "-0", "9007199254740993", r#""\ud800""#, r#"{"a":1,"a":2}"#, "[ 1 ,  2 ]", &deep] {
        let state = format!("{{ \"data\": {data} }}");
        let text = format!(r#"{{"steps":[{{"expression":"fn()","state":{state}}}]}}"#);
        assert_eq!(first_state(&decode_text("w.json", &text).unwrap().plan), state);
    }
}

/// YAML has more ways to write what JSON has.
#[test]
fn yaml_scalars() {
    #[track_caller]
    fn check(yaml: &str, json: &str) {
        let text = format!("steps:\n  - expression: fn()\n    state: {{ a: {yaml} }}\n");
        match decode_text("w.yaml", &text) {
            Ok(decoded) => assert_eq!(first_state(&decoded.plan), format!(r#"{{"a":{json}}}"#), "{yaml}"),
            Err(error) => assert!(error.to_string().starts_with(json), "{yaml}: {error}"),
        }
    }
    check("", "null");
    check("~", "null");
    check("Null", "null");
    check("nul", "\"nul\"");
    check("True", "true");
    check("yes", "\"yes\"");
    check("off", "\"off\"");
    check("'true'", "\"true\"");
    check("\"1\"", "\"1\"");
    check("007", "7");
    check("+1", "1");
    check("-0", "-0");
    check("1.50", "1.50");
    check(".5", "0.5");
    check("5.", "5");
    check("-1.e+3", "-1e+3");
    check("1e400", "1e400");
    check("12345678901234567890123", "12345678901234567890123");
    check("0x1F", "31");
    check("0o17", "15");
    check("0x", "\"0x\"");
    check("1_000", "\"1_000\"");
    check("1.2.3", "\"1.2.3\"");
    check("12:30", "\"12:30\"");
    check("2024-01-01", "\"2024-01-01\"");
    check("-", "");
    check(".", "\".\"");
    check("e5", "\"e5\"");
    check("1e", "\"1e\"");
    check(".inf", "JSON has no `.inf`");
    check("!!str 1", "\"1\"");
    check("! 1", "\"1\"");
    check("!!int 1", "1");
    check("!!binary aGk=", "the tag `!!binary` has no meaning here");
    check("!thing 1", "the tag `!thing` has no meaning here");
    check("\"a\\u0000\\n\"", "\"a\\u0000\\n\"");
    check("{ 1: x, true: y, null: z }", r#"{"1":"x","true":"y","null":"z"}"#);
}

/// Aliases are shared, not copied, and what they would add is limited.
#[test]
fn alias_bombs_do_not_go_off() {
    let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for n in 1..40 {
        let aliases = format!("*a{}, ", n - 1).repeat(9);
        writeln!(bomb, "a{n}: &a{n} [{aliases}]").unwrap();
    }
    let error = decode_text("w.yaml", &bomb).unwrap_err().to_string();
    assert!(error.starts_with("aliases add more than 4 MiB to this file"), "{error}");

    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(1000));
    let error = decode_text("w.yaml", &long).unwrap_err().to_string();
    assert!(error.starts_with("aliases add more than 4 MiB to this file"), "{error}");

    let error = decode_text("w.yaml", "a: &a [*a]\n").unwrap_err().to_string();
    assert!(error.starts_with("this"), "{error}");
}

#[test]
fn deep_yaml_is_refused() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(10_000)] {
        let error = decode_text("w.yaml", &text).unwrap_err().to_string();
        assert!(!error.is_empty());
    }
    // Depth through aliases counts too.
    let mut text = String::from("a0: &a0 [1]\n");
    for n in 1..200 {
        writeln!(text, "a{n}: &a{n} [*a{}]", n - 1).unwrap();
    }
    let error = decode_text("w.yaml", &text).unwrap_err().to_string();
    assert!(error.starts_with("this is nested more than 100 levels deep"), "{error}");
}

/// A message about a long line is short, and what is said of one step is not said of the other 20,000.
#[test]
fn many_messages_about_one_line_stay_small() {
    let step = r#"{ "expression": "fn()", "colour": "blue" }, "#;
    let text = format!(r#"{{ "steps": [ {} {{}} ] }}"#, step.repeat(20_000));
    let decoded = decode_text("w.json", &text).unwrap();
    assert_eq!(decoded.warnings.len(), 1);
    assert!(decoded.warnings[0].to_string().len() < 1000);
}

#[test]
fn secrets_stay_out_of_messages() {
    for text in [r#"{ "a": { "password": "hunter2", } }"#, r#"{ "a": "hunter2" }"#, r#"["hunter2"]"#] {
        let error = Credentials::parse(Path::new("c.json"), text).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let credentials = Credentials::parse(Path::new("c.yaml"), "a: { password: hunter2 }").unwrap();
    assert!(!format!("{credentials:?}").contains("hunter2"));
    let workflow = r#"{"steps":[{"expression":"fn()","configuration":"a"}]}"#;
    let files = Files { read: &no_files, list: &no_names, credentials: Some(&credentials) };
    let decoded = decode::text(Path::new("w.json"), workflow, &files).unwrap();
    assert!(!format!("{decoded:?}").contains("hunter2"));
}

/// Code is never a path, and a path with its own mark is never code.
#[test]
fn code_and_paths() {
    let read = |path: &Path| match path.to_str() {
        Some("dir/jobs/a.js" | "dir/b.mjs" | "up.js" | "dir/my jobs/c.js" | "/abs/d.js") => Ok("FILE".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let check = |expression: &str, expected: Result<(&str, usize), &str>| {
        let steps = serde_json::json!({ "steps": [{ "id": "s", "expression": expression }] });
        let files = Files { read: &read, list: &no_names, credentials: None };
        let got = decode::text(Path::new("dir/w.json"), &steps.to_string(), &files)
            .map(|decoded| {
                let job = decoded.plan.steps()[0].job.clone().unwrap();
                assert_eq!(&*job.source.text == "FILE", job.source.name != "s.js", "{expression}");
                (job.source.name, decoded.warnings.len())
            })
            .map_err(|error| error.diagnostic().message.clone());
        assert_eq!(got, expected.map(|(name, n)| (name.to_owned(), n)).map_err(str::to_owned), "{expression}");
    };
    check("./jobs/a.js", Ok(("dir/jobs/a.js", 0)));
    check("jobs/a.js", Ok(("dir/jobs/a.js", 0)));
    check("  jobs/a.js\n", Ok(("dir/jobs/a.js", 0)));
    check("b.mjs", Ok(("dir/b.mjs", 0)));
    check("./my jobs/c.js", Ok(("dir/my jobs/c.js", 0)));
    check("/abs/d.js", Ok(("/abs/d.js", 0)));
    check("../up.js", Err("there is no file `dir/../up.js`"));
    check("./nothing.js", Err("there is no file `dir/nothing.js`"));
    check("nothing.js", Err("there is no file `dir/nothing.js`"));
    check("state.ts", Err("there is no file `dir/state.ts`"));
    check("fn(state => state) // my posts", Ok(("s.js", 0)));
    check("get('x') // see jobs/a.js", Ok(("s.js", 0)));
    check("fn(s => s)\n// jobs/a.js", Ok(("s.js", 0)));
    check("jobs/a.json", Ok(("s.js", 0)));
    check("", Ok(("s.js", 0)));
    check(".js", Ok(("s.js", 0)));
    check("./a\0.js", Ok(("s.js", 0)));
}

/// Text that is near to a workflow, so that the fuzz gets past the first line.
fn near_workflow() -> impl Strategy<Value = String> {
    let words = prop_oneof![
        "[\\x00-\\x7f]{0,6}",
        "\\PC{0,4}",
        proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "'",
            "\n",
            "\n  ",
            "\n- ",
            " ",
            "- ",
            "? ",
            "| \n",
            ">-\n",
            "&a ",
            "*a",
            "!!str ",
            "---\n",
            "...",
            "%YAML 1.2\n",
            "#",
            "\t",
            "<<: *a",
            "\\u",
            "\\ud800",
            "steps",
            "\"steps\":",
            "steps:\n",
            "workflow:",
            "\"workflow\":{",
            "id: ",
            "\"id\":",
            "next: ",
            "\"next\":",
            "expression: fn()",
            "\"expression\":\"fn()\"",
            "state: ",
            "configuration: ",
            "options: ",
            "condition: ",
            "true",
            "null",
            "1e9",
            "0x1",
            "./a.js",
            "a.json",
            "\u{feff}",
            "é",
            "\u{10000}",
            "\0",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(words, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases_of_fuzz()) })]

    #[test]
    fn never_panics(
        text in near_workflow(),
        name in proptest::sample::select(vec!["w.json", "w.yaml", "w.js", "c.yaml", "", ".."]),
    ) {
        let read = |_: &Path| Ok(text.clone());
        let credentials = Credentials::parse(Path::new(name), &text);
        let files = Files { read: &read, list: &no_names, credentials: credentials.as_ref().ok() };
        if let Err(error) = decode::text(Path::new(name), &text, &files) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn never_panics_on_a_broken_workflow(cut in 0usize..600, junk in near_workflow(), yaml: bool) {
        let (name, text) = if yaml { ("w.yaml", WHOLE_YAML) } else { ("w.json", WHOLE_JSON) };
        let cut = text.floor_char_boundary(cut.min(text.len()));
        let text = format!("{}{junk}{}", &text[..cut], &text[cut..]);
        let _ = decode_text(name, &text);
    }

    /// The same document in both notations is the same plan.
    #[test]
    fn json_is_yaml(state in "[a-z0-9 ,:#'\\-]{0,12}", number: i64) {
        let text = serde_json::json!({
            "steps": [{ "id": "a", "expression": "fn()", "state": { "data": [state, number, null, true, {}] } }]
        }).to_string();
        let json = decode_text("w.json", &text).unwrap();
        let yaml = decode_text("w.yaml", &text).unwrap();
        prop_assert_eq!(dump(&json), dump(&yaml));
    }
}

fn cases_of_fuzz() -> u32 {
    std::env::var("FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1000)
}

const WHOLE_JSON: &str = r#"{ "id": "w", "options": { "start": "a", "timeout": 1000 }, "steps": [
  { "id": "a", "name": "é",
    "next": { "b": "on_job_success", "c": { "condition": "state.x", "label": "l", "disabled": false } } },
  { "id": "b", "expression": "fn(s => s)", "adaptors": ["x"], "configuration": { "u": 1 }, "state": { "data": {} } },
  { "id": "c", "expression": "fn()", "linker": { "x": { "path": "p" } }, "next": "b" }
] }"#;

const WHOLE_YAML: &str = r"
id: w
options: { start: a, timeout: 1000 }
steps:
  - id: a
    name: é
    next:
      b: on_job_success
      c: { condition: 'state.x', label: l, disabled: false }
  - id: b
    expression: |
      fn(s => s)
    adaptors: [x]
    state: &state { data: {} }
  - id: c
    expression: >-
      fn()
    state: *state
    next: b
";
