//! Claims about cost that a test can hold: counters and sizes, never times.

use std::process::Command;

use libtest_mimic::Trial;

use crate::support::{request, run};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("claims::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("untouched_is_not_walked", untouched),
        trial("touched_is_walked_once", touched),
        trial("memory_stays_near_the_size_of_the_state", memory),
        trial("memory_does_not_grow_with_the_items", memory_of_items),
        trial("memory_does_not_grow_with_the_passes_of_a_loop", memory_of_loops),
        trial("memory_does_not_grow_with_the_calls", memory_of_calls),
    ]
}

fn state(records: usize) -> String {
    let record = r#"{"id":1,"name":"x","nested":{"a":[1,2,3]}},"#;
    format!(
        r#"{{"data":{{"records":[{}0],"more":[{}0]}},"cursor":"c"}}"#,
        record.repeat(records),
        record.repeat(records)
    )
}

fn untouched() {
    let text = state(10_000);
    for body in ["state", "(state.cursor = 'd', state)", "({ ...state, data: state.data, cursor: 'd' })"] {
        let figures = run(request(&format!("export default [state => {body}];"), &text, 3)).steps[0].figures;
        assert_eq!(figures.state_walks, 0, "{body}");
        assert!(figures.bytes_parsed < 10, "{body}: {}", figures.bytes_parsed);
        assert!(figures.bytes_spliced > text.len() - 100, "{body}: {} of {}", figures.bytes_spliced, text.len());
    }
}

fn touched() {
    let text = state(10_000);
    let half = text.len() / 2;
    let figures = run(request("export default [state => { state.data.records[0].id = 2; return state; }];", &text, 3))
        .steps[0]
        .figures;
    assert_eq!(figures.state_walks, 1);
    assert!((half - 100..half + 100).contains(&figures.bytes_parsed), "{} of {}", figures.bytes_parsed, text.len());
    assert!((half - 100..half + 100).contains(&figures.bytes_spliced), "{} of {}", figures.bytes_spliced, text.len());
}

/// One key of 100 MB, through the program, from a file to a file.
fn memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = state(1_200_000);
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("in.json"), &text).expect("can be written");
    std::fs::write(path("job.js"), "export default [s => { s.cursor = 'd'; return s; }];").expect("can be written");
    let arguments = ["run", &path("job.js"), "-s", &path("in.json"), "-o", &path("out.json"), "--stats"];
    let peak = peak(&arguments);
    assert!(peak < 2.5 * text.len() as f64, "{peak} for a state of {} bytes", text.len());
}

/// Bytes that the program held at most, by its own account.
fn peak(arguments: &[&str]) -> f64 {
    let output = Command::new(env!("CARGO_BIN_EXE_fulgurite")).args(arguments).output().expect("can be started");
    let stats = String::from_utf8_lossy(&output.stderr);
    let Some(peak) = stats.split(", process ").nth(1).and_then(|rest| rest.split(" at most").next()) else {
        panic!("--stats does not say how much memory the process took: {stats}");
    };
    let (number, unit) = peak.split_once(' ').expect("a number and a unit");
    assert!(unit == "MB" || unit == "GB", "{peak}");
    number.parse::<f64>().expect("a number") * if unit == "GB" { 1e9 } else { 1e6 }
}

/// Ten times as much may take this much more: what V8 lets its heap grow to before it collects.
const ROOM: f64 = 64e6;

#[track_caller]
fn flat(workflow: impl Fn(usize) -> String, count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let [few, many] = [count, 10 * count].map(|count| {
        std::fs::write(path("workflow.yaml"), workflow(count)).expect("can be written");
        peak(&["run", &path("workflow.yaml"), "-o", &path("out.json"), "--stats"])
    });
    assert!(many < few + ROOM, "{many} for {} and {few} for {count}", 10 * count);
}

fn memory_of_items() {
    let items = |count: usize| {
        format!(
            r#"steps:
  - id: s
    expression: "export default [s => ({{ data: s.item.id }})];"
    with_items: "(function* () {{ for (let i = 0; i < {count}; i++) yield {{ id: i, text: 'x'.repeat(1000) }} }})()"
    collect: none
"#
        )
    };
    flat(items, 10_000);
}

fn memory_of_loops() {
    let passes = |count: usize| {
        format!(
            r#"steps:
  - id: s
    expression: "const own = 'x'.repeat(10_000); export default [s => ({{ n: (s.n ?? 0) + 1 }})];"
    next:
      s: {{ condition: "state.n < {count}", max_iterations: 1000000 }}
"#
        )
    };
    flat(passes, 3_000);
}

fn memory_of_calls() {
    let calls = |count: usize| {
        format!(
            r#"steps:
  - id: s
    expression: "export default [async s => {{ for (let i = 0; i < {count}; i++) await call('other', {{ data: i }}); return s }}];"
  - id: other
    expression: "export default [s => s];"
"#
        )
    };
    flat(calls, 5_000);
}
