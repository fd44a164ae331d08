//! What must not get out of a run: credentials, in logs, errors and outputs; and more log than may be.

use fulgurite_plan::{Condition, Configuration, Draft, DraftEdge, DraftStep, Job, Plan, Source};
use fulgurite_runtime::Request;
use fulgurite_state::{IndexOptions, State};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::{Report, run};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("secrets::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("logs", logs),
        trial("errors", errors),
        trial("outputs", outputs),
        trial("what_came_in", what_came_in),
        trial("floods_of_logs", floods_of_logs),
    ]
}

const TOKEN: &str = "tok-\"42\"/secret";

/// Steps one after the other; the first has the credential.
fn steps(codes: &[&str], input: &str) -> Report {
    let configuration = json!({ "token": TOKEN, "baseUrl": "https://example.org" });
    let Value::Object(configuration) = configuration else { unreachable!() };
    let steps = codes.iter().enumerate().map(|(place, code)| {
        let job = Job::new(Source { name: format!("s{place}.js"), text: (*code).into() });
        let configuration = (place == 0).then(|| Configuration::Inline(configuration.clone()));
        let next = DraftEdge::new(format!("s{}", place + 1), Condition::Always);
        DraftStep {
            id: Some(format!("s{place}")),
            job: Some(Job { configuration, ..job }),
            next: (place + 1 < codes.len()).then_some(next).into_iter().collect(),
            ..DraftStep::default()
        }
    });
    let plan = Plan::new(Draft { steps: steps.collect(), ..Draft::default() }).expect("a plan");
    let input = State::parse(input.to_owned(), &IndexOptions::default()).expect("JSON");
    let report = run(Request { input: Some(input), ..Request::new(plan) });
    let seen = format!("{:?} {:?} {}", report.log(), report.outcome(), report.result());
    assert!(!seen.contains("42\"/secret") && !seen.contains("42\\\"/secret"), "{seen}");
    report
}

fn outputs_of(report: &Report) -> Vec<String> {
    let outputs = report.steps.iter().filter_map(|step| step.output.as_ref());
    outputs.map(|state| String::from_utf8_lossy(&state.to_bytes()).into_owned()).collect()
}

fn logs() {
    let report = steps(
        &["export default [state => {
            const { token, baseUrl } = state.configuration;
            console.log(token);
            console.log({ nested: [token] });
            console.log('Basic ' + btoa('user:' + token));
            console.log(baseUrl + '?q=' + encodeURIComponent(token));
            console.error(new Error('bad ' + token));
            return {};
        }]"],
        "{}",
    );
    let log = report.log();
    assert_eq!(log[0], "info: ***");
    assert_eq!(log[1], "info: { nested: [ '***' ] }");
    assert!(log[2].starts_with("info: Basic dXNlcj") && log[2].contains("***"), "{}", log[2]);
    assert_eq!(log[3], "info: https://example.org?q=***");
    assert!(log[4].starts_with("error: Error: bad ***"), "{}", log[4]);
    assert_eq!(log.len(), 5);
}

fn errors() {
    let code = "export default [state => {
        throw Object.assign(new Error('401 for ' + state.configuration.token), { headers: [state.configuration.token] });
    }]";
    let report = steps(&[code], "{}");
    let error = report.steps[0].outcome.error().expect("failed");
    assert_eq!(error.message, "401 for ***");
    assert_eq!(error.details, Some(json!({ "headers": ["***"] })));
    assert!(report.result().contains("401 for ***"), "{}", report.result());
    let report = steps(&["export default [state => { throw state.configuration.token }]"], "{}");
    assert_eq!(report.steps[0].outcome.error().expect("failed").message, "***");
    // What is cut shows no half of one, and names are searched like messages.
    for code in [
        "throw new Error('z'.repeat(65536 - 10) + state.configuration.token)",
        "throw Object.assign(new Error('x'), { name: 'Z'.repeat(190) + state.configuration.token })",
        "return { data: 1, errors: { s0: { name: state.configuration.token, message: 'x' } } }",
    ] {
        let report = steps(&[&format!("export default [state => {{ {code} }}]")], "{}");
        let error = format!("{:?}", report.steps[0].outcome.error().expect("failed"));
        assert!(!error.contains("tok-"), "{}", &error[error.len().saturating_sub(400)..]);
    }
}

fn outputs() {
    let keep = "export default [state => ({ ...state, data: { token: state.configuration.token } })]";
    let check = format!("export default [state => ({{ ...state, same: state.data.token === {} }})]", json!(TOKEN));
    let untouched = "export default [state => state]";
    let report = steps(&[keep, &check, untouched, "export default [state => ({ again: state.data.token })]"], "{}");
    // The next step has it; whoever looks on has not.
    let expected = [
        r#"{"data":{"token":"***"}}"#,
        r#"{"data":{"token":"***"},"same":true}"#,
        r#"{"data":{"token":"***"},"same":true}"#,
        r#"{"again":"***"}"#,
    ];
    assert_eq!(outputs_of(&report), expected);
    assert_eq!(report.result(), expected[3]);
    let warnings =
        report.log().iter().filter(|line| line.starts_with("warn: a value of the step's configuration")).count();
    assert_eq!(warnings, 4);

    // JSON within JSON alone.
    let report =
        steps(&["export default [state => ({ body: JSON.stringify({ t: state.configuration.token }) })]"], "{}");
    assert_eq!(outputs_of(&report), [r#"{"body":"{\"t\":\"***\"}"}"#]);
    // As JSON within JSON, as a key, in base64, and the whole configuration under another name.
    let report = steps(
        &["export default [state => ({
            json: JSON.stringify({ t: state.configuration.token }),
            [state.configuration.token]: 1,
            header: 'Basic ' + btoa(state.configuration.token),
            copy: state.configuration,
            list: Array.from({ length: 1000 }, () => state.configuration.token),
        })]"],
        "{}",
    );
    let output = outputs_of(&report).remove(0);
    let output: Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(output["json"], "{\"t\":\"***\"}");
    assert_eq!(output["***"], 1);
    assert_eq!(output["header"].as_str().map(|header| header.starts_with("Basic ***")), Some(true), "{output}");
    assert_eq!(output["copy"], json!({ "token": "***", "baseUrl": "https://example.org" }));
    assert_eq!(output["list"][999], "***");
}

/// What is in the input already is not hidden from whoever gave it; what a job touches of it is searched.
fn what_came_in() {
    let long = "x".repeat(100_000);
    let input =
        json!({ "data": { "long": [long, TOKEN] }, "configuration": { "password": "from-the-state" } }).to_string();
    let report = steps(&["export default [state => ({ ...state, p: state.configuration.password })]"], &input);
    let output = outputs_of(&report).remove(0);
    assert!(output.contains("\"p\":\"***\""), "the state's own configuration counts");
}

fn floods_of_logs() {
    let code = "export default [state => { for (let i = 0; i < 5000; i++) console.log('x'.repeat(10_000)); return {}; }, state => { console.log('y'.repeat(3_000_000)); return state }]";
    let report = steps(&[code], "{}");
    let log = report.log();
    let told: Vec<&String> = log.iter().filter(|line| line.contains("dropped")).collect();
    assert!(!told.is_empty(), "{} lines", log.len());
    let dropped: usize = told
        .iter()
        .map(|line| line["warn: ".len()..].split(' ').next().unwrap().parse::<usize>().expect("a number"))
        .sum();
    let lines = log.iter().filter(|line| line.starts_with("info: x") || line.starts_with("info: y")).count();
    assert_eq!(lines + dropped, 5001, "every line is there or is counted");
    assert!(lines >= 800, "{lines}");
    let code = "export default [state => { console.log('é'.repeat(1_000_000)); return state }]";
    let report = steps(&[code], "{}");
    let line = &report.log()[0];
    assert!(
        line.ends_with("é… (951424 more bytes are not shown)"),
        "{}",
        &line[line.floor_char_boundary(line.len() - 60)..]
    );
}
