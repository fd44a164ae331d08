//! The property that the whole idea rests on: for any state and any edits, view → edit → encode gives what plain
//! `JSON.parse` → edit → `JSON.stringify` gives, at every depth.
//!
//! A run has several steps. Each makes the same random edits to its view and to a plain object that the isolate keeps from
//! step to step, so that states which were put together from spliced pieces are viewed and edited again. The edits are chosen
//! by looking at the object; if view and plain object ever differ, so do the edits.

use fulgurite_plan::{Condition, Draft, DraftEdge, DraftStep, Plan};
use fulgurite_runtime::Request;
use fulgurite_state::{IndexOptions, State};
use libtest_mimic::Trial;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::{run, step};

const STEPS: usize = 6;

pub(crate) fn trials() -> Vec<Trial> {
    let cases = std::env::var("RANDOM_EDITS").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60);
    (0..=4)
        .map(|depth| {
            Trial::test(format!("random_edits::depth_{depth}"), move || {
                let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
                runner
                    .run(&(state(), any::<u32>()), |(text, seed)| agree(&text, seed, depth))
                    .map_err(|e| e.to_string().into())
            })
        })
        .collect()
}

/// JSON text of an object with every spelling of strings and numbers.
fn state() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_string()),
        Just("true".to_string()),
        Just("-0".to_string()),
        Just("1e400".to_string()),
        Just("9007199254740993".to_string()),
        "-?(0|[1-9][0-9]{0,15})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?",
        text(),
    ];
    let value = scalar.prop_recursive(5, 60, 6, |inner| {
        let members = prop::collection::vec((key(), inner.clone()), 0..6)
            .prop_map(|members| members.iter().map(|(k, v)| format!("{k} : {v}")).collect::<Vec<_>>().join(","));
        prop_oneof![
            1 => prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(" , "))),
            2 => members.prop_map(|members| format!("{{{members}}}")),
        ]
    });
    prop::collection::vec((prop::sample::select(vec!["a", "b", "c", "d", "longer_key"]), value), 1..5).prop_map(
        |members| format!("{{{}}}", members.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect::<Vec<_>>().join(",")),
    )
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "\"[a-f]\"",
        1 => prop::sample::select(vec!["\"\"", "\"__proto__\"", "\"\\ud83d\"", "\"\\u0061\"", "\"q\\\"\"", "\"é\"", "\"_p\"", "\"toString\"", "\"length\""]).prop_map(String::from),
        1 => prop::sample::select(vec!["\"0\"", "\"7\"", "\"01\"", "\"4294967295\""]).prop_map(String::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-zA-Z ]{0,8}".boxed(),
        1 => prop::sample::select(vec!["\\\"", "\\\\", "\\/", "\\n", "\\u00e9", "\\ud83d", "\\udc00x", "\\u0000", "é", "😀", "\u{2028}"]).prop_map(String::from).boxed(),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// One step: `edits` random edits to the view and to the plain object.
fn code(text: Option<&str>, seed: u32, check: bool) -> String {
    let start = text
        .map(|text| format!("globalThis.plain = JSON.parse({});", serde_json::to_string(text).unwrap()))
        .unwrap_or_default();
    const EDIT: &str = include_str!("random_edits.js");
    format!(
        "{EDIT}\nexport default [state => {{\n{start}\nplain.data ??= {{}};\ndelete state.configuration;\n{}\nstate = edit(state, {seed});\nplain = edit(plain, {seed});\nplain = JSON.parse(JSON.stringify(plain) ?? 'null');\nreturn state;\n}}];",
        if check { "same(state, plain);" } else { "" }
    )
}

fn agree(text: &str, seed: u32, depth: usize) -> Result<(), TestCaseError> {
    let mut steps: Vec<DraftStep> = (0..STEPS)
        .map(|i| {
            let seed = seed.wrapping_add(i as u32 * 7919);
            // Looking at everything makes nothing lazy any more, so only some steps look.
            let code = code((i == 0).then_some(text), seed, seed.is_multiple_of(5));
            let next = DraftEdge::new(format!("s{}", i + 1), Condition::OnSuccess);
            DraftStep { next: vec![next], ..step(&format!("s{i}"), &code) }
        })
        .collect();
    let last = format!(
        "{}\nexport default [state => {{ delete state.configuration; plain.data ??= {{}}; same(state, plain); return state; }}];",
        include_str!("random_edits.js")
    );
    steps.push(step(&format!("s{STEPS}"), &last));
    let plan = Plan::new(Draft { steps, ..Draft::default() }).expect("a chain is a plan");
    let index = IndexOptions::with_depth(depth);
    let input = State::parse(text.to_owned(), &index).expect("the strategy makes JSON");
    let report = run(Request { input: Some(input), index, ..Request::new(plan) });
    prop_assert_eq!(
        report.ending(),
        "success",
        "depth {}, seed {}\n{}\n{}",
        depth,
        seed,
        text,
        report.log().join("\n")
    );
    prop_assert_eq!(report.steps.len(), STEPS + 1);
    Ok(())
}
