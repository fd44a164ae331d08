//! The examples do what their pages say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libtest_mimic::Trial;
use serde_json::{Value, json};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("examples::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("earthquakes", earthquakes),
        trial("small_jobs", small_jobs),
        trial("language", language),
        trial("large_state", large_state),
    ]
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn fulgurite(arguments: &[&str]) -> Output {
    let cache = std::env::temp_dir().join("fulgurite-tests");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    let output = command.args(arguments).current_dir(examples()).env("XDG_CACHE_HOME", cache).output();
    output.expect("the binary can be started")
}

fn earthquakes() {
    let output = fulgurite(&["run", "earthquakes/workflow.yaml", "-s", "earthquakes/state.json", "-O"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = std::fs::read(examples().join("earthquakes/expected.json")).expect("is committed");
    assert_eq!(result, serde_json::from_slice::<Value>(&expected).expect("JSON"));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("_index"), "private keys stay inside");
}

fn small_jobs() {
    for job in ["hello.js", "timer.js", "errors.js"] {
        let output = fulgurite(&["run", job, "-O"]);
        assert!(output.status.success(), "{job}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn language() {
    #[track_caller]
    fn check(arguments: &[&str], expected: Value) {
        let output = fulgurite(&[&["run"], arguments, &["-O"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).expect("JSON"), expected, "{arguments:?}");
    }
    let job = |file: &str, expected| {
        let adaptors = ["-a", "language/registry.js", "-a", "common"];
        check(&[&[format!("language/{file}").as_str()], &adaptors[..]].concat(), expected);
    };
    let booked = |patient, reason| json!({ "patient": patient, "reason": reason });
    let two = json!([booked("p2", "vaccination"), booked("p3", "check-up")]);
    check(&["language/workflow.yaml"], json!({ "data": { "booked": two } }));
    let p2 = json!({ "id": "p2", "name": "Tomás Rivera", "born": "2019-11-02", "district": "south", "visits": 0 });
    job("conditionals.js", json!({ "booked": [booked("p2", "first visit")], "data": p2 }));
    let missing = json!({ "id": "p9", "isMissing": true });
    job("catch.js", json!({ "booked": [booked("p9", "registration")], "data": missing }));
    job("typed.ts", json!({ "booked": [], "data": ["AO", "TR", "LW"] }));
}

/// Ten megabytes here, a hundred in `cargo xtask demo`.
fn large_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, out) = (folder.path().join("in.json"), folder.path().join("out.json"));
    let entry = r#"{"resource":{"resourceType":"Patient","id":"p","name":[{"family":"Doe"}]}},"#.repeat(140_000);
    let state = format!(
        r#"{{"configuration":{{}},"data":{{"resourceType":"Bundle","id":"b","type":"collection","total":140001,"meta":{{"lastUpdated":"2024-01-01T00:00:00Z"}},"entry":[{entry}1]}},"references":[],"cursor":"2024-01-01T00:00:00Z"}}"#
    );
    std::fs::write(&input, &state).expect("can be written");
    let paths = [input.to_str().expect("UTF-8"), out.to_str().expect("UTF-8")];
    let output = fulgurite(&["run", "large-state/workflow.json", "-s", paths[0], "-o", paths[1], "--events", "-"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let events = String::from_utf8(output.stdout).expect("UTF-8");
    let end: Value = events.lines().last().map(|line| serde_json::from_str(line).expect("JSON")).expect("events");
    assert_eq!(end["event"], "run:complete");
    assert!(end["bytes_parsed"].as_u64().expect("a number") < 500, "{end}");
    let written = std::fs::read_to_string(&out).expect("written");
    assert!(written.contains(&entry), "the records are the bytes they came in as");
}
