//! There and back again.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::outcome::{ErrorReport, KillReason, OperationPosition, Outcome, Position};
use crate::plan::{Batch, Collect, OnItemError, Sanitize};

/// Everything that a plan holds, as text: its own `Debug` hides the secrets.
fn shown(plan: &Plan) -> String {
    let job = |job: &Job| {
        let configuration = job.configuration.as_ref().map(|configuration| match configuration {
            Configuration::Inline(map) => format!("inline {map:?}"),
            Configuration::Named(id) => format!("named {id:?}"),
        });
        let state = job.state.as_ref().map(|state| state.get());
        format!("{job:?} {:?} {configuration:?} {state:?} {:?} {:?}", job.source_map, job.input, job.publish)
    };
    let jobs: Vec<_> = plan.steps().iter().map(|step| step.job.as_ref().map(job)).collect();
    format!("{plan:?} {:?} {:?} {jobs:?}", plan.credentials(), plan.vars())
}

#[track_caller]
fn crosses(plan: &Plan) {
    let bytes = encode(plan);
    let back = decode(&bytes).unwrap();
    assert_eq!(shown(&back), shown(plan));
    assert_eq!(encode(&back), bytes);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn map() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((any::<String>(), value()), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

fn source() -> impl Strategy<Value = Source> {
    (any::<String>(), any::<String>()).prop_map(|(name, text)| Source { name, text: text.into() })
}

fn job() -> impl Strategy<Value = Job> {
    let configuration =
        prop_oneof![map().prop_map(Configuration::Inline), any::<String>().prop_map(Configuration::Named)];
    let linker =
        (any::<Option<String>>(), any::<Option<String>>()).prop_map(|(path, version)| Linker { path, version });
    (
        source(),
        any::<Option<String>>(),
        prop::collection::vec(any::<String>(), 0..3),
        prop::option::of(configuration),
        prop::option::of(map()),
        prop::collection::btree_map(any::<String>(), linker, 0..3),
        prop::option::of(with_items()),
        map(),
        map(),
    )
        .prop_map(|(source, source_map, adaptors, configuration, state, linker, with_items, input, publish)| Job {
            source,
            source_map,
            adaptors,
            configuration,
            state: state.map(|state| Arc::from(to_raw_value(&state).unwrap())),
            linker,
            with_items,
            input,
            publish,
        })
}

fn with_items() -> impl Strategy<Value = WithItems> {
    let batch = prop_oneof![Just(Batch::One), Just(Batch::Auto), any::<NonZeroU32>().prop_map(Batch::Count)];
    let on_error = prop_oneof![Just(OnItemError::Stop), Just(OnItemError::Continue)];
    let collect =
        prop_oneof![Just(Collect::Results), Just(Collect::Nothing), any::<String>().prop_map(Collect::Expression)];
    (any::<String>(), batch, any::<NonZeroU32>(), any::<NonZeroU32>(), on_error, any::<u32>(), collect).prop_map(
        |(items, batch, concurrency, isolates, on_error, retries, collect)| WithItems {
            items,
            batch,
            concurrency,
            isolates,
            on_error,
            retries,
            collect,
        },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    let step = (any::<Option<String>>(), prop::option::of(job()), any::<Option<String>>(), any::<String>());
    let options =
        (any::<Option<u32>>(), any::<Option<u64>>(), any::<bool>()).prop_map(|(ms, nanos, sanitize)| Options {
            timeout: ms.map(|ms| std::time::Duration::from_millis(ms.into())),
            step_timeout: nanos.map(std::time::Duration::from_nanos),
            sanitize: sanitize.then_some(Sanitize::Obfuscate),
        });
    let globals = prop::option::of(source());
    (prop::collection::vec(step, 1..5), options, globals, map(), any::<Option<String>>(), any::<prop::sample::Index>())
        .prop_map(|(steps, options, globals, credentials, name, at)| {
            let count = steps.len();
            let steps = steps.into_iter().enumerate().map(|(i, (name, job, label, condition))| {
                let conditions = [Condition::Always, Condition::OnFailure, Condition::Expression(condition)];
                let next = (i + 1..count).map(|target| DraftEdge {
                    target: format!("é{target}"),
                    condition: conditions[target % 3].clone(),
                    label: label.clone(),
                    max_iterations: NonZeroU32::new(target as u32 % 4),
                });
                DraftStep { id: Some(format!("é{i}")), name, job, next: next.collect() }
            });
            let draft = Draft {
                id: name.clone(),
                name,
                steps: steps.collect(),
                options,
                globals,
                vars: credentials.clone(),
                credentials,
                ..Draft::default()
            };
            let plan = Plan::new(draft).unwrap();
            let step = plan.index_of(&format!("é{}", at.index(count))).unwrap();
            match at.index(3) {
                0 => plan.only(step),
                1 => plan.starting_at(step),
                _ => plan,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_crosses(plan in plan()) {
        crosses(&plan);
    }

    #[test]
    fn every_detail_crosses(details in prop::option::of(value())) {
        let outcome = Outcome::Fail(ErrorReport { details, ..ErrorReport::new("JobError", "boom") });
        let back: Outcome = serde_json::from_slice(&serde_json::to_vec(&outcome).unwrap()).unwrap();
        prop_assert_eq!(back, outcome);
    }

    #[test]
    fn anything_else_is_refused(bytes: Vec<u8>) {
        prop_assert!(decode(&bytes).is_err());
    }
}

#[test]
fn outcomes_cross() {
    let report = ErrorReport {
        subtype: Some("TypeError".into()),
        step: Some("a".into()),
        position: Some(Position { file: "a.js".into(), line: 3, column: 7, source_line: Some("x".into()) }),
        operation: Some(OperationPosition {
            name: None,
            place: Position { file: "a.js".into(), line: 3, column: 1, source_line: Some("get()".into()) },
        }),
        details: Some(Value::Null),
        hint: Some("try again".into()),
        ..ErrorReport::new("AdaptorError", "boom")
    };
    for outcome in [
        Outcome::Success,
        Outcome::Crash(report.clone()),
        Outcome::Exception(ErrorReport::new("InternalError", "")),
        Outcome::Kill(KillReason::Security, report),
    ] {
        let back: Outcome = serde_json::from_str(&serde_json::to_string(&outcome).unwrap()).unwrap();
        assert_eq!(back, outcome);
    }
}

#[test]
fn values_as_deep_as_they_may_be() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(126), "]".repeat(126));
    let deep: Map<String, Value> = serde_json::from_str(&deep).unwrap();
    let mut job = Job::new(Source { name: String::new(), text: "".into() });
    job.configuration = Some(Configuration::Inline(deep.clone()));
    let steps = vec![DraftStep { job: Some(job), ..DraftStep::default() }];
    crosses(&Plan::new(Draft { steps, credentials: deep, ..Draft::default() }).unwrap());
}

#[test]
fn errors_quote_nothing() {
    let credentials = json!({ "password": "hunter2" }).as_object().cloned().unwrap();
    let plan = Plan::new(Draft { steps: vec![DraftStep::default()], credentials, ..Draft::default() }).unwrap();
    let text = String::from_utf8(encode(&plan)).unwrap();
    let broken = text.replace("{\"password\":\"hunter2\"}", "\"hunter2\"");
    assert_ne!(broken, text);
    let error = decode(broken.as_bytes()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}
