//! Batches: steps over items, loops, calls of steps by steps, streams between steps, and what templates see.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fulgurite_plan::{Batch, Collect, Condition, Draft, DraftEdge, DraftStep, Job, OnItemError, Plan, WithItems};
use fulgurite_runtime::{Event, Items, Limits, Request, StepStart, start};
use fulgurite_state::{IndexOptions, State};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::{Report, run, step};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("batches::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("items_one_by_one", one_by_one),
        trial("items_see_what_their_input_replaces", replaced),
        trial("items_that_hold_too_much", too_much),
        trial("calls_that_nobody_waits_for", not_awaited),
        trial("calls_and_passes_have_one_budget", one_budget),
        trial("loops_whose_last_pass_fails", last_pass),
        trial("calls_at_the_top_of_a_job", calls_at_the_top),
        trial("items_in_flight_when_their_source_throws", source_throws),
        trial("items_behind_a_forged_then", forged),
        trial("items_in_batches", in_batches),
        trial("what_items_are", sources),
        trial("what_items_are_not", no_sources),
        trial("items_of_streams", streams_of_items),
        trial("streams_are_pulled_lazily", lazily),
        trial("results_come_in_order", order),
        trial("failed_items", failed),
        trial("failed_items_are_tried_again", retries),
        trial("a_crash_ends_it_all", crash),
        trial("nothing_begins_after_the_end", ends_once),
        trial("what_is_collected", collect),
        trial("items_do_not_see_each_other", isolation),
        trial("limits_are_those_of_each_item", limits),
        trial("items_with_jobs_that_are_modules", modules),
        trial("items_over_isolates", isolates),
        trial("items_over_isolates_that_end_badly", bad_isolates),
        trial("untouched_items_are_not_parsed", untouched),
        trial("random_items_come_back", random),
        trial("templates", templates),
        trial("templates_that_fail", bad_templates),
        trial("variables", variables),
        trial("loops_have_budgets", budgets),
        trial("loops_start_afresh", afresh),
        trial("jobs_as_functions", functions),
        trial("call", call),
        trial("call_follow", follow),
        trial("call_rejects", rejects),
        trial("calls_have_budgets", call_budgets),
        trial("calls_are_told", told),
        trial("calls_at_once", at_once),
        trial("calls_hide_what_steps_hide", secrets),
        trial("streams_between_steps", streams),
        trial("streams_that_are_gone", gone),
        trial("streams_that_two_take", taken),
    ]
}

fn with(step: DraftStep, change: impl FnOnce(&mut Job)) -> DraftStep {
    let mut step = step;
    change(step.job.as_mut().expect("the tests' steps have jobs"));
    step
}

fn over(items: &str, code: &str, change: impl FnOnce(&mut WithItems)) -> DraftStep {
    with(step("s", code), |job| {
        let mut items = WithItems::new(items);
        change(&mut items);
        job.with_items = Some(items);
    })
}

fn n(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not 0")
}

fn parse(text: &str) -> State {
    State::parse(text.to_owned(), &IndexOptions::default()).expect("the test's state is JSON")
}

fn request(steps: Vec<DraftStep>, input: &str) -> Request {
    let plan = Plan::new(Draft { steps, ..Draft::default() }).expect("the test's steps are a plan");
    Request { input: Some(parse(input)), ..Request::new(plan) }
}

fn report(steps: Vec<DraftStep>, input: &str) -> Report {
    run(request(steps, input))
}

fn value(report: &Report) -> Value {
    serde_json::from_str(&report.result()).unwrap_or_else(|_| panic!("{}: {}", report.ending(), report.result()))
}

#[track_caller]
fn gives(steps: Vec<DraftStep>, input: &str, expected: Value) {
    let report = report(steps, input);
    assert_eq!(report.ending(), "success");
    assert_eq!(value(&report), expected);
}

const ECHO: &str = "export default [s => ({ data: [s.index, s.item] })]";

fn one_by_one() {
    gives(
        vec![over("state.data.rows", ECHO, |_| {})],
        r#"{"data": {"rows": ["a", {"b": 1}, 3]}, "kept": 1}"#,
        json!({ "data": [[0, "a"], [1, { "b": 1 }], [2, 3]], "kept": 1 }),
    );
    gives(vec![over("$.data", ECHO, |_| {})], r#"{"data": []}"#, json!({ "data": [] }));
    // What the state has under these names is not what the calls see, and is there again afterwards.
    gives(
        vec![over("state.data", ECHO, |_| {})],
        r#"{"item": "mine", "data": [7], "index": 9}"#,
        json!({ "item": "mine", "data": [[0, 7]], "index": 9 }),
    );
    // The first is made otherwise than those that are like it.
    let keys = "export default [s => ({ data: Object.keys(s) })]";
    let expected = json!(["n", "data", "configuration", "item", "index"]);
    gives(
        vec![over("state.data", keys, |_| {})],
        r#"{"n": 1, "data": [1, 2, 3]}"#,
        json!({ "data": [expected, expected, expected], "n": 1 }),
    );
    let report = report(vec![over("state.data", ECHO, |_| {})], r#"{"data": [1, 2, 3]}"#);
    assert_eq!(report.steps.len(), 1, "the step is one execution");
    assert_eq!(report.steps[0].items, Some(Items { calls: 3, failed: 0, retries: 0 }));
}

fn in_batches() {
    let sized = |batch| vec![over("state.data", ECHO, |with| with.batch = batch)];
    let input = r#"{"data": [1, 2, 3, 4, 5]}"#;
    gives(sized(Batch::Count(n(2))), input, json!({ "data": [[0, [1, 2]], [1, [3, 4]], [2, [5]]] }));
    gives(sized(Batch::Count(n(5))), input, json!({ "data": [[0, [1, 2, 3, 4, 5]]] }));
    gives(sized(Batch::Count(n(100))), input, json!({ "data": [[0, [1, 2, 3, 4, 5]]] }));
    gives(sized(Batch::Auto), input, json!({ "data": [[0, [1, 2, 3, 4, 5]]] }));
    gives(sized(Batch::Count(n(1))), r#"{"data": [1]}"#, json!({ "data": [[0, [1]]] }));
    let sizes = "export default [s => ({ data: s.item.length })]";
    let input = json!({ "data": vec!["x".repeat(1000); 1000] }).to_string();
    let report = report(vec![over("state.data", sizes, |with| with.batch = Batch::Auto)], &input);
    let sizes: Vec<u64> = serde_json::from_value(value(&report)["data"].clone()).unwrap();
    assert_eq!(sizes.iter().sum::<u64>(), 1000);
    assert!((3..=5).contains(&sizes.len()), "a quarter of a megabyte each: {sizes:?}");
}

fn sources() {
    let items = |expression: &str| vec![over(expression, "export default [s => ({ data: s.item })]", |_| {})];
    let input = r#"{"data": {"rows": [1, 2, 3], "deep": {"er": {"rows": [4]}}, "a b": [5], "map": {"x": 6}}}"#;
    for (expression, expected) in [
        ("state.data.rows", json!([1, 2, 3])),
        ("$.data.rows", json!([1, 2, 3])),
        ("{{ state.data.rows }}", json!([1, 2, 3])),
        ("state.data['a b']", json!([5])),
        ("state.data.deep.er.rows", json!([4])),
        ("state.data.rows.filter(n => n > 1)", json!([2, 3])),
        ("{{ state.data.rows.map(n => n * 2) }}", json!([2, 4, 6])),
        ("Object.entries(state.data.map)", json!([["x", 6]])),
        ("[\"north\", \"south\"]", json!(["north", "south"])),
        ("new Set([1, 1, 2])", json!([1, 2])),
        ("(function* () { yield 1; yield { two: 2 } })()", json!([1, { "two": 2 }])),
        ("(async function* () { yield 1; yield 2 })()", json!([1, 2])),
        ("new ReadableStream({ start(c) { c.enqueue(1); c.enqueue([2]); c.close() } })", json!([1, [2]])),
        ("vars.list", json!([7, 8])),
        ("parameters.list", json!(["p"])),
    ] {
        let mut request = request(items(expression), input);
        request.parameters.insert("list".into(), json!(["p"]));
        let vars = [("list".to_owned(), json!([7, 8]))].into_iter().collect();
        request.plan = Plan::new(Draft { steps: items(expression), vars, ..Draft::default() }).unwrap();
        let report = run(request);
        assert_eq!(report.ending(), "success", "{expression}");
        assert_eq!(value(&report)["data"], expected, "{expression}");
    }
}

fn no_sources() {
    #[track_caller]
    fn check(items: &str, expected: &str) {
        let report = report(vec![over(items, ECHO, |_| {})], r#"{"data": {"o": {}, "t": "x", "n": null}}"#);
        assert_eq!(report.ending(), expected, "{items}");
    }
    let wrong = |what: &str| {
        format!("fail ItemsError: `with_items` of step s is {what}, and must be an array, a stream or an iterator")
    };
    check("state.data.o", &wrong("an object"));
    check("state.data.t", &wrong("a text"));
    check("state.data.n", &wrong("null"));
    check("state.data.missing", &wrong("undefined"));
    check("state.data.missing.x", &wrong("nothing (cannot read `x` of undefined in `state.data.missing.x`)"));
    check("1 + 1", &wrong("no object"));
    check("({ a: 1 })", &wrong("an object"));
    check("nope", "fail TemplateError: `with_items` of step s: ReferenceError: nope is not defined");
    check("(function* () { yield 1; throw new TypeError('no more') })()", "fail RuntimeError: TypeError: no more");
    check(
        "state.(",
        "crash ValidationError: Failed to compile `with_items` of step s (SyntaxError: Unexpected token '(')",
    );
    check(
        "{{ vars.a }}{{ vars.b }}",
        "crash ValidationError: `with_items` of step s is a text with `{{ … }}` in it, and must be one value",
    );
}

fn streams_of_items() {
    let open = "export default [s => ({ ...s, rows: new ReadableStream({ start(c) { for (let i = 0; i < 5; i++) c.enqueue({ i }); c.close() } }) })]";
    let first = DraftStep { next: vec![DraftEdge::new("s", Condition::Always)], ..step("open", open) };
    let second = over("state.rows", "export default [s => ({ data: s.item.map(row => row.i) })]", |with| {
        with.batch = Batch::Count(n(2));
        with.concurrency = n(3);
    });
    gives(vec![first, second], "{}", json!({ "data": [[0, 1], [2, 3], [4]], "rows": "[stream]" }));
}

/// The source says how far it was read, each call how far that was when it ran.
fn lazily() {
    let source = "(function* () { for (globalThis.pulled = 0; pulled < 1000;) yield ++pulled })()";
    let job =
        "export default [async s => { await new Promise(r => setTimeout(r, 0)); return { data: pulled - s.index } }]";
    for width in [1, 4] {
        let report = report(vec![over(source, job, |with| with.concurrency = n(width))], "{}");
        assert_eq!(report.ending(), "success");
        let ahead: Vec<u32> = serde_json::from_value(value(&report)["data"].clone()).unwrap();
        assert_eq!(ahead.len(), 1000);
        assert!(ahead.iter().all(|ahead| *ahead <= 2 * width), "{:?} at {width}", ahead.iter().max());
    }
    // Who stops has the rest left alone.
    let stops = "export default [s => { if (s.item === 3) throw new Error('enough'); return s }]";
    let source = "(function* () { try { for (let i = 1;; i++) yield i } finally { console.log('closed') } })()";
    let report = report(vec![over(source, stops, |_| {})], "{}");
    assert_eq!(report.ending(), "fail JobError: enough");
    assert_eq!(report.log(), ["info: closed"]);
}

fn order() {
    // Each item waits for the one after it.
    let job = "export default [async s => { await gates[s.index + 1].promise; gates[s.index].resolve(); return { data: [s.item, ++globalThis.turn] } }]";
    let open = "export default [s => { globalThis.turn = 0; globalThis.gates = Array.from({ length: 11 }, () => Promise.withResolvers()); gates[10].resolve(); return s }]";
    let first = DraftStep { next: vec![DraftEdge::new("s", Condition::Always)], ..step("first", open) };
    let second = over("state.data", job, |with| with.concurrency = n(10));
    let report = report(vec![first, second], r#"{"data": [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]}"#);
    let data: Vec<(u32, u32)> = serde_json::from_value(value(&report)["data"].clone()).unwrap();
    assert_eq!(data.iter().map(|(item, _)| *item).collect::<Vec<_>>(), (0..10).map(|i| 2 * i).collect::<Vec<_>>());
    assert_eq!(data[9].1, 1, "the last item was the first to be done: {data:?}");
}

const PICKY: &str =
    "export default [s => { if (s.item % 2) throw new TypeError('odd ' + s.item); return { data: s.item } }]";

fn failed() {
    let steps = |on_error| vec![over("state.data", PICKY, |with| with.on_error = on_error)];
    let report_of = |on_error| report(steps(on_error), r#"{"data": [0, 1, 2, 3]}"#);

    let stop = report_of(OnItemError::Stop);
    assert_eq!(stop.ending(), "fail RuntimeError: TypeError: odd 1");
    assert_eq!(value(&stop)["data"], json!([0, null]));
    let error = &value(&stop)["errors"]["s"];
    assert_eq!(error["details"]["items"]["1"]["message"], "TypeError: odd 1");
    assert_eq!(error["details"]["failed"], 1);
    assert_eq!(error["pos"]["line"], 1);
    assert_eq!(stop.steps[0].items, Some(Items { calls: 2, failed: 1, retries: 0 }));

    let on = report_of(OnItemError::Continue);
    assert_eq!(on.ending(), "fail ItemsError: 2 of 4 items failed; item 1: RuntimeError: TypeError: odd 1");
    assert_eq!(value(&on)["data"], json!([0, null, 2, null]));
    let items = value(&on)["errors"]["s"]["details"]["items"].clone();
    assert_eq!(items.as_object().unwrap().keys().collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(items["3"]["name"], "RuntimeError");
    assert_eq!(on.steps[0].items, Some(Items { calls: 4, failed: 2, retries: 0 }));

    // An error that the job puts on the state itself is one, too.
    let own = "export default [s => ({ ...s, errors: { s: { name: 'Mine', message: 'no ' + s.item } } })]";
    assert_eq!(report(vec![over("state.data", own, |_| {})], r#"{"data": [4]}"#).ending(), "fail Mine: no 4");
    // Nobody waits for a step that has failed in part.
    let mut first = over("state.data", PICKY, |with| with.on_error = OnItemError::Continue);
    first.next = vec![DraftEdge::new("rescue", Condition::OnFailure), DraftEdge::new("rest", Condition::OnSuccess)];
    let rescue = step("rescue", "export default [s => ({ data: Object.keys(s.errors.s.details.items) })]");
    let report = report(vec![first, rescue, step("rest", "export default []")], r#"{"data": [1, 2]}"#);
    assert_eq!((report.ending().as_str(), &value(&report)["data"]), ("success", &json!(["0"])));
}

fn retries() {
    let job = "export default [s => { globalThis.tries ??= {}; tries[s.item] = (tries[s.item] ?? 0) + 1; if (tries[s.item] < s.item) throw new Error('not yet'); return { data: tries[s.item] } }]";
    let steps = |times| vec![over("state.data", job, |with| with.retries = times)];
    let again = report(steps(3), r#"{"data": [1, 4, 2]}"#);
    assert_eq!(again.ending(), "success");
    assert_eq!(value(&again)["data"], json!([1, 4, 2]), "only what failed was tried again");
    assert_eq!(again.steps[0].items, Some(Items { calls: 3, failed: 0, retries: 4 }));
    assert_eq!(report(steps(1), r#"{"data": [1, 4, 2]}"#).ending(), "fail JobError: not yet");
}

fn crash() {
    let job = "export default [async s => { if (s.item === 1) nope(); await new Promise(r => setTimeout(r, 10_000)) }]";
    let steps = vec![over("state.data", job, |with| {
        with.concurrency = n(3);
        with.on_error = OnItemError::Continue;
    })];
    let report = report(steps, r#"{"data": [0, 1, 2]}"#);
    assert_eq!(report.ending(), "crash RuntimeCrash: ReferenceError: nope is not defined");
    let error = report.outcome().error().unwrap();
    assert_eq!((error.step.as_deref(), error.position.as_ref().map(|p| p.line)), (Some("s"), Some(1)));
    for (job, expected) in [
        ("export default 7", "crash RuntimeCrash: the job's default export is 7, not an array of operations"),
        (
            "export default [s => { Promise.reject(new Error('loose')); return s }]",
            "crash ExecutionError: nobody handled Error: loose",
        ),
        ("export default [s => eval('1')]", "kill security SecurityError: Illegal eval statement detected"),
        (
            "export default [s => new Promise(() => {})]",
            "kill idle IdleError: the job waits for a promise that nothing can settle",
        ),
        ("throw new Error('top')", "fail JobError: top"),
        (
            "export default [s => { while (true); }]",
            "kill timeout TimeoutError: Job took longer than 100ms to complete",
        ),
    ] {
        let mut request = request(vec![over("state.data", job, |_| {})], r#"{"data": [1]}"#);
        request.limits.step_timeout = Some(Duration::from_millis(100));
        assert_eq!(run(request).ending(), expected, "{job}");
    }
}

fn ends_once() {
    // The second item would begin to spin when the order to stop has been seen already.
    let job = "export default [async s => { await new Promise(r => setTimeout(r, 1 + s.index)); for (;;); }]";
    let steps = || vec![over("state.data", job, |with| with.concurrency = n(2))];
    let mut spinning = request(steps(), r#"{"data": [1, 2]}"#);
    spinning.limits.step_timeout = Some(Duration::from_millis(200));
    assert_eq!(run(spinning).ending(), "kill timeout TimeoutError: Job took longer than 200ms to complete");
}

fn collect() {
    // What cannot be collected is no reason to run the job again.
    let again = report(
        vec![over("state.data", "export default [s => s]", |with| {
            with.collect = Collect::Expression("state.nothing.there".into());
            with.retries = 3;
        })],
        r#"{"data": [1]}"#,
    );
    assert_eq!(again.steps[0].items, Some(Items { calls: 1, failed: 1, retries: 0 }));
    assert!(again.ending().starts_with("fail TemplateError: `collect` of step s"), "{}", again.ending());
    let job = "export default [s => ({ data: { id: s.item * 2 }, references: [s.item], _private: 1 })]";
    let steps = |collect: Collect| vec![over("state.data", job, |with| with.collect = collect)];
    let input = r#"{"data": [1, 2], "x": 1}"#;
    gives(steps(Collect::Results), input, json!({ "data": [{ "id": 2 }, { "id": 4 }], "x": 1 }));
    gives(steps(Collect::Nothing), input, json!({ "data": [1, 2], "x": 1 }));
    gives(steps(Collect::Expression("state.data.id".into())), input, json!({ "data": [2, 4], "x": 1 }));
    gives(
        steps(Collect::Expression("[item, index, state.references[0]]".into())),
        input,
        json!({ "data": [[1, 0, 1], [2, 1, 2]], "x": 1 }),
    );
    gives(steps(Collect::Expression("{{ state.missing }}".into())), input, json!({ "data": [null, null], "x": 1 }));
    gives(vec![over("state.data", "export default [s => {}]", |_| {})], input, json!({ "data": [null, null], "x": 1 }));
}

fn isolation() {
    // What an item does to the shared state, and to its own top level, nobody else sees.
    let job = "let seen = 0; const list = []; export default [s => { seen++; list.push(1); s.shared.list.push(s.item); delete s.gone; s.shared.n += 1; return { data: [seen, list.length, s.shared.list.length, s.shared.n, 'gone' in s] } }]";
    gives(
        vec![over("state.data", job, |with| with.concurrency = n(2))],
        r#"{"data": [1, 2, 3], "shared": {"list": [0], "n": 5}, "gone": 1}"#,
        json!({ "data": vec![json!([1, 1, 2, 6, false]); 3], "shared": { "list": [0], "n": 5 }, "gone": 1 }),
    );
}

fn limits() {
    // Each call has the time that a step has.
    let job = "export default [async s => { await new Promise(r => setTimeout(r, 20)); return s }]";
    let mut request = request(vec![over("state.data", job, |_| {})], r#"{"data": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}"#);
    request.limits = Limits { step_timeout: Some(Duration::from_millis(150)), ..Limits::default() };
    assert_eq!(run(request.clone()).ending(), "success");
    request.limits.run_timeout = Some(Duration::from_millis(100));
    assert_eq!(run(request).ending(), "kill timeout TimeoutError: Run took longer than 100ms to complete");
    // The results together are no more than a state may be.
    let mut request = self::request(
        vec![over("state.data", "export default [s => ({ data: 'x'.repeat(10_000) })]", |_| {})],
        &json!({ "data": vec![0; 200] }).to_string(),
    );
    request.limits.state = Some(1 << 20);
    assert_eq!(run(request).ending(), "kill oom StateTooLargeError: State exceeds the limit of 1mb");
}

fn modules() {
    // A top-level `await` is what only a module has.
    let job = "let n = 0; await 1; export default [s => ({ data: [++n, s.item] })]";
    gives(
        vec![over("state.data", job, |with| with.concurrency = n(2))],
        r#"{"data": [7, 8]}"#,
        json!({ "data": [[1, 7], [1, 8]] }),
    );
    let job = "export default [s => s];\nawait Promise.reject(new Error('top'))";
    assert_eq!(report(vec![over("state.data", job, |_| {})], r#"{"data": [7]}"#).ending(), "fail JobError: top");
}

fn isolates() {
    let job = "const own = globalThis.own ??= { n: 0 }; export default [s => { own.n++; console.log('item', s.index); s.shared.push(1); return { data: [s.item, s.index, s.shared.length, s.region] } }]";
    let spread = |isolates, concurrency| {
        let step = over("state.data", job, |with| {
            with.isolates = n(isolates);
            with.concurrency = n(concurrency);
        });
        with(step, |job| {
            job.input.insert("region".into(), json!("{{ vars.region }} {{ item }}"));
        })
    };
    for (isolates, concurrency) in [(2, 1), (3, 2), (2, 50)] {
        let items: Vec<u32> = (0..100).collect();
        let vars = [("region".to_owned(), json!("north"))].into_iter().collect();
        let plan = Plan::new(Draft { steps: vec![spread(isolates, concurrency)], vars, ..Draft::default() }).unwrap();
        let input = parse(&json!({ "data": items, "shared": [0] }).to_string());
        let report = run(Request { input: Some(input), ..Request::new(plan) });
        assert_eq!(report.ending(), "success");
        let expected: Vec<Value> = (0..100).map(|i| json!([i, i, 2, format!("north {i}")])).collect();
        assert_eq!(value(&report)["data"], json!(expected));
        assert_eq!(report.steps[0].items, Some(Items { calls: 100, failed: 0, retries: 0 }));
        assert_eq!(report.logs.len(), 100);
        assert!(report.logs.iter().all(|log| log.execution.map(|e| e.0) == Some(1)), "{:?}", report.logs[0]);
    }
    // Of a stream, in batches, with retries and failures.
    let source = "(async function* () { for (let i = 0; i < 25; i++) yield i })()";
    let job = "export default [async s => { await new Promise(r => setTimeout(r, 1)); if (s.index === 1) throw new Error('one'); return { data: s.item } }]";
    let step = over(source, job, |with| {
        with.isolates = n(2);
        with.batch = Batch::Count(n(10));
        with.on_error = OnItemError::Continue;
        with.retries = 2;
    });
    let report = report(vec![step], "{}");
    assert_eq!(report.ending(), "fail ItemsError: 1 of 3 items failed; item 1: JobError: one");
    assert_eq!(value(&report)["data"], json!([(0..10).collect::<Vec<_>>(), null, (20..25).collect::<Vec<_>>()]));
    assert_eq!(report.steps[0].items, Some(Items { calls: 3, failed: 1, retries: 2 }));
}

fn bad_isolates() {
    #[track_caller]
    fn check(job: &str, expected: &str) {
        let step = over("state.data", job, |with| with.isolates = n(2));
        let mut request = request(vec![step, step_other()], r#"{"data": [1, 2, 3, 4, 5, 6]}"#);
        // Isolates take a while to come up beside other tests.
        let time = if expected.contains("timeout") { 200 } else { 60_000 };
        request.limits =
            Limits { step_timeout: Some(Duration::from_millis(time)), heap: Some(128 << 20), ..Limits::default() };
        assert_eq!(run(request).ending(), expected, "{job}");
    }
    fn step_other() -> DraftStep {
        step("other", "export default [s => s]")
    }
    check("export default [s => nope]", "crash RuntimeCrash: ReferenceError: nope is not defined");
    check(
        "export default [s => { while (s.item === 3); return s }]",
        "kill timeout TimeoutError: Job took longer than 200ms to complete",
    );
    check("export default [s => eval('1')]", "kill security SecurityError: Illegal eval statement detected");
    check(
        "export default [s => { Promise.reject(new Error('loose')); return s }]",
        "crash ExecutionError: nobody handled Error: loose",
    );
    check(
        "export default [async s => await call('other', s)]",
        "fail JobError: `other` cannot be called from items that are spread over several isolates",
    );
    check(
        "export default [s => { const all = []; for (;;) all.push(new Array(1000).fill(s)) }]",
        "kill oom OOMError: Run exceeded maximum memory usage (64 MB)",
    );
}

fn untouched() {
    let record = json!({ "id": 1, "name": "x".repeat(100), "list": [1, 2, 3] });
    let input = json!({ "data": { "rows": vec![record; 2000], "other": vec![1; 100_000] } }).to_string();
    let report = report(
        vec![over("state.data.rows", "export default [s => ({ data: s.index })]", |with| {
            with.batch = Batch::Count(n(10))
        })],
        &input,
    );
    assert_eq!(report.ending(), "success");
    let figures = report.steps[0].figures;
    assert!(figures.bytes_parsed < 1000, "{} bytes parsed", figures.bytes_parsed);
}

/// Whatever is cut into items and put together again is what it was.
fn random() {
    let mut seed = 1u64;
    let mut next = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    fn any(next: &mut impl FnMut(u64) -> u64, depth: u32) -> Value {
        match next(if depth > 2 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(next(2) == 0),
            2 => json!(next(1 << 40)),
            3 => json!("\"\\\u{e9}\u{1f600}[{,".repeat(next(4) as usize)),
            4 => json!(next(1000) as f64 + 0.125),
            5 => (0..next(4)).map(|_| any(next, depth + 1)).collect(),
            _ => Value::Object((0..next(4)).map(|i| (format!("k{i}\""), any(next, depth + 1))).collect()),
        }
    }
    for round in 0..40 {
        let items: Vec<Value> = (0..next(20)).map(|_| any(&mut next, 0)).collect();
        let batch = if round % 2 == 0 { Batch::One } else { Batch::Count(n(1 + next(7) as u32)) };
        let pretty = next(2) == 0;
        let input = json!({ "data": items });
        let input = if pretty { serde_json::to_string_pretty(&input) } else { serde_json::to_string(&input) }.unwrap();
        let touched = if next(2) == 0 { "s.item" } else { "JSON.parse(JSON.stringify(s.item))" };
        let source = ["state.data", "state.data.slice()", "state.data[Symbol.iterator]()"][next(3) as usize];
        let report = report(
            vec![over(source, &format!("export default [s => ({{ data: {touched} }})]"), |with| {
                with.batch = batch;
                with.concurrency = n(1 + next(4) as u32);
            })],
            &input,
        );
        let mut data = value(&report)["data"].as_array().unwrap().clone();
        if batch != Batch::One {
            data = data.into_iter().flat_map(|batch| batch.as_array().unwrap().clone()).collect();
        }
        assert_eq!(data, items, "round {round}");
    }
}

fn templates() {
    let input = |map: Value| map.as_object().unwrap().clone();
    let job =
        "export default [s => ({ data: s.data, region: s.region, n: s.n, text: s.text, deep: s.deep, sum: s.sum })]";
    let first = with(step("load-users", "export default [s => ({ data: { users: [1, 2] }, _x: 1 })]"), |job| {
        job.publish =
            input(json!({ "users": "state.data.users", "count": "{{ state.data.users.length }}", "fixed": 5 }));
    });
    let first = DraftStep { next: vec![DraftEdge::new("s", Condition::Always)], ..first };
    let second = with(step("s", job), |job| {
        job.input = input(json!({
            "region": "{{ parameters.region }}",
            "n": "{{ vars.count }}",
            "text": "{{ vars.fixed }} of {{ steps.load-users.data.users }} for {{ system.workflow }} {{ system.run }}",
            "deep": { "users": ["{{ vars.users }}", "{{ steps.load-users.data.users[1] }}"] },
            "sum": "{{ vars.count + vars.fixed }}",
            "missing": "{{ vars.nope }}",
        }));
    });
    let plan = Plan::new(Draft { steps: vec![first, second], name: Some("w".into()), ..Draft::default() }).unwrap();
    let mut request = Request { input: Some(parse("{}")), ..Request::new(plan) };
    request.parameters.insert("region".into(), json!("north"));
    request.system.insert("run".into(), json!("r-1"));
    let report = run(request);
    assert_eq!(report.ending(), "success");
    assert_eq!(
        value(&report),
        json!({
            "data": { "users": [1, 2] },
            "region": "north",
            "n": 2,
            "text": "5 of [1,2] for w r-1",
            "deep": { "users": [[1, 2], 2] },
            "sum": 7,
        })
    );
    // With items.
    let items =
        with(over("state.data", "export default [s => ({ data: [s.region, s.place, s.both] })]", |_| {}), |job| {
            job.input =
                input(json!({ "region": "{{ item.region }}", "place": "#{{ index }}", "both": "{{ [item, index] }}" }));
        });
    gives(
        vec![items],
        r#"{"data": [{"region": "n"}, {"region": "s"}]}"#,
        json!({ "data": [["n", "#0", [{ "region": "n" }, 0]], ["s", "#1", [{ "region": "s" }, 1]]] }),
    );
}

fn bad_templates() {
    let mapped = |template: &str| {
        vec![with(step("s", "export default [s => s]"), |job| {
            job.input.insert("x".into(), json!(template));
        })]
    };
    let check =
        |template: &str, expected: &str| assert_eq!(report(mapped(template), "{}").ending(), expected, "{template}");
    check("{{ vars.a.b }}", "crash TemplateError: `input` of step s: cannot read `b` of undefined in `vars.a.b`");
    check("{{ foo.bar }}", "crash TemplateError: `input` of step s: ReferenceError: foo is not defined");
    check(
        "{{ throw }}",
        "crash ValidationError: Failed to compile `input` of step s (SyntaxError: Unexpected token 'throw')",
    );
    // Parts that are no longer than a state may be can make a text that is.
    let mut long = request(mapped("{{ state.a }}{{ state.a }}"), &format!("{{\"a\": \"{}\"}}", "x".repeat(600)));
    long.limits.state = Some(1000);
    let expected = "crash StateTooLargeError: `input` of step s: what is put together is longer than 1000 bytes";
    assert_eq!(run(long).ending(), expected);
    // Of an item, it is the item's failure.
    let items = with(over("state.data", ECHO, |with| with.on_error = OnItemError::Continue), |job| {
        job.input.insert("x".into(), json!("{{ item.a.b }}"));
    });
    let report = report(vec![items], r#"{"data": [{"a": {"b": 1}}, {}]}"#);
    assert_eq!(
        report.ending(),
        "fail ItemsError: 1 of 2 items failed; item 1: TemplateError: `input` of step s: cannot read `b` of undefined in `item.a.b`"
    );
    let publishing = with(step("s", "export default [s => s]"), |job| {
        job.publish.insert("x".into(), json!("state.nope.x"));
    });
    assert_eq!(
        self::report(vec![publishing], "{}").ending(),
        "crash TemplateError: `publish.x` of step s: cannot read `x` of undefined in `state.nope.x`"
    );
}

fn variables() {
    // A loop that counts in a variable, and collects through one.
    let job = with(step("a", "export default [s => ({ data: s.n })]"), |job| {
        job.input.insert("n".into(), json!("{{ vars.n }}"));
        job.publish.insert("n".into(), json!("vars.n + 1"));
    });
    let job = DraftStep { next: vec![DraftEdge::new("a", Condition::Expression("state.data < 3".into()))], ..job };
    let vars = [("n".to_owned(), json!(0))].into_iter().collect();
    let plan = Plan::new(Draft { steps: vec![job], vars, ..Draft::default() }).unwrap();
    let report = run(Request { input: Some(parse("{}")), ..Request::new(plan) });
    assert_eq!((report.ending().as_str(), report.steps.len()), ("success", 4));
    assert_eq!(value(&report)["data"], 3);
}

fn looping(limit: Option<u32>, condition: &str) -> Vec<DraftStep> {
    let back = DraftEdge {
        max_iterations: limit.and_then(NonZeroU32::new),
        ..DraftEdge::new("a", Condition::parse(condition))
    };
    vec![
        DraftStep {
            next: vec![DraftEdge::new("b", Condition::Always)],
            ..step("a", "export default [s => ({ n: (s.n ?? 0) + 1 })]")
        },
        DraftStep { next: vec![back], ..step("b", "export default [s => s]") },
    ]
}

fn budgets() {
    let limit =
        |times: u32| format!("crash LoopLimitError: the edge `b` -> `a` was to be followed more than {times} times");
    assert_eq!(report(looping(Some(5), "true"), "{}").ending(), limit(5));
    assert_eq!(report(looping(Some(5), "always"), "{}").ending(), limit(5));
    let default = report(looping(None, "true"), "{}");
    assert_eq!((default.ending(), default.steps.len()), (limit(10_000), 20_002));
    let most = report(looping(Some(5), "state.n < 6"), "{}");
    assert_eq!((most.ending().as_str(), most.steps.len()), ("success", 12));
    let mut request = request(looping(None, "true"), "{}");
    request.limits.steps = 7;
    let report = run(request);
    assert_eq!(
        (report.ending().as_str(), report.steps.len()),
        (
            "crash LoopLimitError: the run has executed as many steps as it may; it was about to follow the edge `a` -> `b`",
            7
        )
    );
    assert_eq!(report.outcome().error().unwrap().step.as_deref(), Some("a"));
}

fn afresh() {
    // The top level of a job is evaluated anew for each pass.
    let job = "let passes = 0; const seen = new Set(); export default [s => { passes++; seen.add(s.n); return { n: (s.n ?? 0) + 1, passes, seen: seen.size } }]";
    let steps = vec![DraftStep {
        next: vec![DraftEdge::new("a", Condition::Expression("state.n < 5".into()))],
        ..step("a", job)
    }];
    gives(steps, "{}", json!({ "n": 5, "passes": 1, "seen": 1 }));
}

fn functions() {
    #[track_caller]
    fn check(code: &str, expected: &str) {
        let back = DraftEdge::new("a", Condition::Expression("state.passes < 3".into()));
        let steps = vec![DraftStep { next: vec![back], ..step("a", &format!("{code}\n")) }];
        let report = report(steps, r#"{"passes": 0}"#);
        let got = match report.steps[0].outcome.error() {
            None => report.result(),
            Some(error) => format!(
                "{} {error} at {:?}",
                report.steps[0].outcome.reason(),
                error.position.as_ref().map(|p| (p.line, p.column))
            ),
        };
        assert_eq!(got, expected, "{code}");
    }
    check("export default [s => ({ passes: s.passes + 1, self: typeof this })]", r#"{"passes":3,"self":"undefined"}"#);
    check(
        "const op = s => ({ passes: s.passes + 1 }); export { op as default }",
        "crash RuntimeCrash: the job's default export is a function, not an array of operations at None",
    );
    check("const ops = [s => ({ passes: s.passes + 1 })]; export { ops as default };", r#"{"passes":3}"#);
    check(
        "export const a = 1; export function execute(...ops) { return async s => { for (const op of ops) s = await op(s); return { ...s, a } } } export default [s => ({ passes: s.passes + 1 })]",
        r#"{"passes":3,"a":1}"#,
    );
    check(
        "\n  export default [s => {\n    return s.nope.x }]",
        "fail RuntimeError: TypeError: Cannot read properties of undefined (reading 'x') at Some((3, 19))",
    );
    check(
        "if (true) throw new RangeError('top')\nexport default []",
        "fail RuntimeError: RangeError: top at Some((1, 17))",
    );
    check(
        "export default [s => s]; [1].forEach(() => { undefinedName })",
        "crash RuntimeCrash: ReferenceError: undefinedName is not defined at Some((1, 46))",
    );
    check(
        "export default [s => ({ passes: s.passes + 1, n: undeclared = 1 })]",
        "crash RuntimeCrash: ReferenceError: undeclared is not defined at Some((1, 50))",
    );
}

fn calling(caller: &str, callee: &str) -> Vec<DraftStep> {
    vec![step("main", caller), step("other", callee)]
}

fn call() {
    let double = "export default [s => ({ data: s.data * 2, configuration: 1 })]";
    let caller = "export default [async s => { const out = await call('other', { data: s.data }); return { data: [out.data, Object.keys(out)] } }]";
    gives(calling(caller, double), r#"{"data": 21}"#, json!({ "data": [42, ["data"]] }));
    // In a loop of the job's own, nested, without a state, and of a step that gives nothing.
    let many = "export default [async s => { const all = []; for (let i = 0; i < 300; i++) all.push((await call('other', { data: i })).data); return { data: all.reduce((a, b) => a + b) } }]";
    gives(calling(many, double), "{}", json!({ "data": 89_700 }));
    let factorial = "export default [async s => ({ data: s.data < 2 ? 1 : s.data * (await call('other', { data: s.data - 1 })).data })]";
    gives(
        calling("export default [async s => ({ data: (await call('other', s)).data })]", factorial),
        r#"{"data": 5}"#,
        json!({ "data": 120 }),
    );
    gives(
        calling("export default [async s => ({ data: [await call('other')] })]", "export default [s => { }]"),
        "{}",
        json!({ "data": [null] }),
    );
    gives(
        calling("export default [async s => ({ data: await call('other') })]", "export default [s => s]"),
        "{}",
        json!({ "data": { "data": {} } }),
    );
    gives(
        calling(
            "export default [async s => { const { x } = await call('other'); return { data: x } }]",
            "export default [s => s]",
        ),
        r#"{"x": 5}"#,
        json!({ "data": 5 }),
    );
    // A stream and what is private go there and back.
    let stream = "export default [async s => { const out = await call('other', { rows: new ReadableStream({ start(c) { c.enqueue(1); c.close() } }), _f: x => x + 1 }); return { data: [out.first, out._g(1)] } }]";
    let reads =
        "export default [async s => { for await (const row of s.rows) return { first: s._f(row), _g: x => x + 10 } }]";
    gives(calling(stream, reads), "{}", json!({ "data": [2, 11] }));
    // A step over items.
    let items = with(step("other", "export default [s => ({ data: s.item + 1 })]"), |job| {
        job.with_items = Some(WithItems::new("state.data"))
    });
    gives(
        vec![
            step("main", "export default [async s => ({ data: (await call('other', { data: [1, 2] })).data })]"),
            items,
        ],
        "{}",
        json!({ "data": [2, 3] }),
    );
    // From the items of a step.
    let each = over(
        "state.data",
        "export default [async s => ({ data: (await call('other', { data: s.item })).data })]",
        |with| with.concurrency = n(3),
    );
    gives(vec![each, step("other", double)], r#"{"data": [1, 2, 3, 4]}"#, json!({ "data": [2, 4, 6, 8] }));
    // A module.
    gives(
        calling(
            "export default [async s => ({ data: (await call('other', s)).n })]",
            "await 0; export default [s => ({ n: 1 })]",
        ),
        "{}",
        json!({ "data": 1 }),
    );
}

fn follow() {
    let edge = |to: &str, condition: &str| DraftEdge::new(to, Condition::parse(condition));
    let steps = |caller: &str| {
        vec![
            step("main", caller),
            DraftStep {
                next: vec![edge("b", "always"), edge("c", "state.n > 1")],
                ..step("a", "export default [s => ({ n: s.n + 1 })]")
            },
            DraftStep { next: vec![edge("a", "state.n < 3")], ..step("b", "export default [s => ({ n: s.n, b: 1 })]") },
            step("c", "export default [s => ({ c: s.n })]"),
        ]
    };
    let whole = "export default [async s => ({ data: await call('a', { n: 1 }, { follow: true }) })]";
    gives(steps(whole), "{}", json!({ "data": { "c": { "c": 2 }, "b-1": { "n": 3, "b": 1 }, "c-1": { "c": 3 } } }));
    let alone = "export default [async s => ({ data: await call('a', { n: 1 }) })]";
    gives(steps(alone), "{}", json!({ "data": { "n": 2 } }));
    // Triggers pass on; what fails on the way and is handled is handled.
    let steps = vec![
        step("main", "export default [async s => ({ data: await call('t', { n: 1 }, { follow: true }) })]"),
        DraftStep { id: Some("t".into()), next: vec![edge("bad", "always")], ..DraftStep::default() },
        DraftStep {
            next: vec![edge("rescue", "on_job_failure")],
            ..step("bad", "export default [s => { throw new Error('x') }]")
        },
        step("rescue", "export default [s => ({ saved: s.errors.bad.message, n: s.n })]"),
    ];
    gives(steps, "{}", json!({ "data": { "saved": "x", "n": 1 } }));
}

fn rejects() {
    #[track_caller]
    fn check(caller: &str, callee: &str, expected: &str) {
        let report = report(calling(caller, callee), "{}");
        let got = match report.ending().as_str() {
            "success" => value(&report)["data"].to_string(),
            other => other.to_owned(),
        };
        assert_eq!(got, expected, "{caller} {callee}");
    }
    let caught = "export default [async s => { try { await call('other', s); return { data: 'none' } } catch (e) { return { data: `${e.name}: ${e.message}` } } }]";
    let plain = "export default [async s => await call('other', s)]";
    let fails = "export default [s => { throw new TypeError('no') }]";
    check(caught, fails, "\"TypeError: no\"");
    check(plain, fails, "fail RuntimeError: TypeError: no");
    check(caught, "export default [s => nope]", "\"ReferenceError: nope is not defined\"");
    check(plain, "export default [s => nope]", "crash RuntimeCrash: ReferenceError: nope is not defined");
    check(caught, "export default [s => ({ errors: { other: { name: 'Mine', message: 'm' } } })]", "\"Mine: m\"");
    check(caught, "throw new Error('top')", "\"Error: top\"");
    check(caught, "export default 5", "\"RuntimeCrash: the job's default export is 5, not an array of operations\"");
    check(
        &caught.replace("'other'", "'othr'"),
        fails,
        "\"CallError: there is no step `othr` to call: did you mean `other`?\"",
    );
    check(&caught.replace("'other'", "7"), fails, "\"TypeError: call() takes the id of a step, not number\"");
    // What no job may do cannot be caught.
    check(caught, "export default [s => eval('1')]", "kill security SecurityError: Illegal eval statement detected");
    // Nor is it enough not to wait.
    check(
        "export default [s => { call('other', s); return s }]",
        fails,
        "crash ExecutionError: nobody handled TypeError: no",
    );
    let report = report(calling(plain, fails), "{}");
    assert_eq!(report.outcome().error().unwrap().position.as_ref().unwrap().file, "other.js");
}

fn call_budgets() {
    let endless = "export default [async s => await call('other', s)]";
    let report = report(calling(endless, endless), "{}");
    assert_eq!(
        report.ending(),
        "fail JobError: calls of steps by steps nest more than 32 deep; the last is of `other`"
    );
    let mut request = request(
        calling("export default [async s => { for (;;) await call('other', s) }]", "export default [s => s]"),
        "{}",
    );
    request.limits.steps = 50;
    let report = run(request);
    assert_eq!(
        report.ending(),
        "fail JobError: the run has executed as many steps as it may; `other` was about to be called"
    );
    assert_eq!(report.steps.len(), 50);
}

fn starts(request: Request) -> Vec<StepStart> {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let sink = starts.clone();
    let handle = start(request, move |event| {
        if let Event::StepStart(start) = event {
            sink.lock().unwrap().push(start);
        }
    });
    handle.join();
    Arc::into_inner(starts).unwrap().into_inner().unwrap()
}

fn told() {
    let caller =
        "export default [async s => { console.log('before'); await call('other', s); console.log('after'); return s }]";
    let callee = "export default [async s => { console.log('inside'); await 0; console.log('still inside'); return { data: 1 } }]";
    let steps = || calling(caller, callee);
    let starts = starts(request(steps(), "{}"));
    let shown: Vec<_> = starts
        .iter()
        .map(|s| {
            (
                s.step.as_str(),
                s.execution.0,
                s.caller.as_ref().map(|c| c.as_str()),
                s.called_by.map(|e| e.0),
                s.input_from.map(|e| e.0),
            )
        })
        .collect();
    assert_eq!(shown, [("main", 1, None, None, None), ("other", 2, Some("main"), Some(1), Some(1))]);
    let report = report(steps(), "{}");
    assert_eq!(report.steps.iter().map(|s| s.step.as_str()).collect::<Vec<_>>(), ["other", "main"]);
    assert_eq!(report.complete.as_ref().unwrap().executions, 2);
    let said: Vec<_> = report.logs.iter().map(|log| (log.message.as_str(), log.execution.unwrap().0)).collect();
    assert_eq!(said, [("before", 1), ("inside", 2), ("still inside", 2), ("after", 1)]);
}

fn at_once() {
    let caller = "export default [async s => ({ data: (await Promise.all([30, 10, 20].map(ms => call('other', { data: ms })))).map(s => s.data) })]";
    let callee = "export default [async s => { console.log('begin', s.data); await new Promise(r => setTimeout(r, s.data)); console.log('end', s.data); return s }]";
    let report = report(calling(caller, callee), "{}");
    assert_eq!(value(&report)["data"], json!([30, 10, 20]));
    let said: Vec<_> = report.logs.iter().map(|log| format!("{} {}", log.execution.unwrap().0, log.message)).collect();
    assert_eq!(said, ["2 begin 30", "3 begin 10", "4 begin 20", "3 end 10", "4 end 20", "2 end 30"]);
}

fn secrets() {
    let mut other = step("other", "export default [s => ({ data: 'has ' + s.configuration.token })]");
    let configuration = json!({ "token": "s3cr3t-value" }).as_object().unwrap().clone();
    other.job.as_mut().unwrap().configuration = Some(fulgurite_plan::Configuration::Inline(configuration));
    let main = step("main", "export default [async s => ({ out: await call('other', s) })]");
    let report = report(vec![main, other.clone()], "{}");
    assert_eq!(report.result(), r#"{"out":{"data":"has ***"}}"#);
    let items = with(other, |job| job.with_items = Some(WithItems::new("[1]")));
    assert_eq!(self::report(vec![items], "{}").result(), r#"{"data":["has ***"]}"#);
}

fn stream_steps(second: &str) -> Vec<DraftStep> {
    let open =
        "export default [s => ({ rows: new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close() } }) })]";
    vec![
        DraftStep { next: vec![DraftEdge::new("read", Condition::Always)], ..step("open", open) },
        step("read", second),
    ]
}

fn streams() {
    let read = "export default [async s => { const all = []; for await (const row of s.rows) all.push(row); return { data: all } }]";
    let report = report(stream_steps(read), "{}");
    assert_eq!(value(&report), json!({ "data": [1, 2] }));
    let shown = report.steps[0].output.as_ref().unwrap().to_bytes();
    assert_eq!(shown, r#"{"rows":"[stream]"}"#);
}

fn gone() {
    let read = "export default [async s => { for await (const row of s.rows) return { data: row } }]";
    let items = over("state.rows", ECHO, |_| {});
    for steps in [vec![step("s", read)], vec![items]] {
        let report = report(steps, r#"{"rows": "[stream]"}"#);
        let error = report.outcome().error().unwrap();
        assert_eq!(error.name, "StreamError", "{}", report.ending());
        assert!(error.message.contains("was a stream when this state was stored"), "{}", error.message);
        assert!(error.hint.as_ref().unwrap().contains("start again from the step that opens the stream"));
    }
    // Who does not read it does not mind.
    gives(
        vec![step("s", "export default [s => ({ ...s, n: 1 })]")],
        r#"{"rows": "[stream]"}"#,
        json!({ "rows": "[stream]", "data": {}, "n": 1 }),
    );
}

fn taken() {
    let mut steps = stream_steps("export default [async s => { for await (const row of s.rows); return { read: 1 } }]");
    steps[0].next.push(DraftEdge::new("again", Condition::Always));
    steps.push(step("again", "export default [async s => { for await (const row of s.rows); return { again: 1 } }]"));
    let report = report(steps, "{}");
    let error = report.outcome().error().unwrap();
    assert_eq!((error.name.as_ref(), error.step.as_deref()), ("StreamError", Some("again")), "{}", report.ending());
    assert!(error.message.contains("`rows` has been taken by step `read`"), "{}", error.message);
    assert!(error.hint.as_ref().unwrap().contains("tee()"), "{:?}", error.hint);
    // An explicit tee gives each branch its own.
    let tee = "export default [s => { const [a, b] = new ReadableStream({ start(c) { c.enqueue(1); c.close() } }).tee(); return { a, b } }]";
    let read = |name: &str| {
        format!(
            "export default [async s => {{ const all = []; for await (const row of s.{name}) all.push(row); return {{ {name}: all }} }}]"
        )
    };
    let steps = vec![
        DraftStep {
            next: vec![DraftEdge::new("x", Condition::Always), DraftEdge::new("y", Condition::Always)],
            ..step("open", tee)
        },
        step("x", &read("a")),
        step("y", &read("b")),
    ];
    gives(steps, "{}", json!({ "x": { "a": [1] }, "y": { "b": [1] } }));
}

/// `state` in the `input` of a step over items is what came to the step, with what `input` lays over it.
fn replaced() {
    let given = serde_json::json!({ "data": { "y": "{{ state.data.x }}" } });
    let mut steps = over("[1, 2]", "export default [s => ({ data: s.data.y })]", |_| {});
    steps = with(steps, |job| job.input = given.as_object().expect("an object").clone());
    gives(vec![steps], r#"{"data": {"x": 5}}"#, serde_json::json!({ "data": [5, 5] }));
}

/// What waits for its turn, what is gathered, what errors say, and variables made of themselves: all are no more than a state may be.
fn too_much() {
    let bounded = |step: DraftStep, expected: &str| {
        let mut request = request(vec![step], r#"{"data": 0}"#);
        request.limits.state = Some(1 << 20);
        let report = run(request);
        assert!(report.ending().contains(expected), "{}", report.ending());
        report
    };
    let early = "export default [async s => { if (s.index === 0) await new Promise(r => setTimeout(r, 60_000)); return { data: 'x'.repeat(100_000) } }]";
    bounded(
        over("Array.from({ length: 100 }, (_, i) => i)", early, |with| with.concurrency = n(2)),
        "StateTooLargeError",
    );
    let endless = "(function* () { for (;;) yield 'x'.repeat(100_000) })()";
    let batch =
        over(endless, "export default [s => s]", |with| with.batch = fulgurite_plan::Batch::Count(n(1_000_000)));
    bounded(batch, "a batch of items is larger than a state may be");
    let loud = over(
        "Array.from({ length: 100 }, (_, i) => i)",
        "export default [s => { throw new Error('x'.repeat(100_000)) }]",
        |with| {
            with.on_error = fulgurite_plan::OnItemError::Continue;
            with.collect = fulgurite_plan::Collect::Nothing;
        },
    );
    let report = bounded(loud, "fail ItemsError");
    assert!(report.result().len() < 1 << 20, "{}", report.result().len());
}

/// Every start has its end, also that of a call whose caller did not wait.
fn not_awaited() {
    let caller = step("a", "export default [s => { call('b', { data: 1 }); return s }]");
    let endless = step("b", "export default [s => new Promise(() => {})]");
    let after = DraftStep { next: vec![DraftEdge::new("c", Condition::Always)], ..caller };
    let report = report(vec![after, endless, step("c", "export default [async s => { await null; return s }]")], "{}");
    assert_eq!(report.ending(), "success");
    let ended: Vec<String> =
        report.steps.iter().map(|step| format!("{} {}", step.step, step.outcome.reason())).collect();
    assert_eq!(ended, ["b fail", "a success", "c success"]);
}

fn one_budget() {
    let caller = step(
        "a",
        "export default [async s => { for (let i = 0; i < 5; i++) { try { await call('b', {}) } catch {} } return { n: (s.n ?? 0) + 1 } }]",
    );
    let again =
        DraftEdge { condition: Condition::Expression("state.n < 18".into()), ..DraftEdge::new("a", Condition::Always) };
    let caller = DraftStep { next: vec![again], ..caller };
    let mut request = request(vec![caller, step("b", "export default [s => s]")], "{}");
    request.limits.steps = 20;
    let report = run(request);
    assert!(report.ending().starts_with("crash LoopLimitError"), "{}", report.ending());
    assert!(report.steps.len() <= 20, "{}", report.steps.len());
}

fn last_pass() {
    let failing = step("b", "export default [s => { s.n = (s.n ?? 0) + 1; throw new Error('no') }]");
    let on =
        DraftEdge { condition: Condition::Expression("state.n < 3".into()), ..DraftEdge::new("c", Condition::Always) };
    let failing = DraftStep { next: vec![on], ..failing };
    let back = DraftStep { next: vec![DraftEdge::new("b", Condition::Always)], ..step("c", "export default [s => s]") };
    let report = report(vec![failing, back], "{}");
    assert_eq!(report.ending(), "fail JobError: no");
}

/// What was begun is waited for, and its results are kept.
fn source_throws() {
    let source = "(async function* () { yield 1; yield 2; throw new Error('src') })()";
    let job = "export default [async s => { await new Promise(r => setTimeout(r, 50)); console.log('end', s.index); return { data: s.item } }]";
    let report = report(vec![over(source, job, |with| with.concurrency = n(3))], r#"{"data": 0}"#);
    assert_eq!(report.ending(), "fail JobError: src");
    assert_eq!(report.log(), ["info: end 0", "info: end 1"]);
    assert_eq!(value(&report)["data"], serde_json::json!([1, 2]));
}

/// A job cannot get at what the host says about the next item.
fn forged() {
    let evil =
        "export default [s => { Array.prototype.then = function (done) { done([0, undefined, 'evil']) }; return s }]";
    let first = DraftStep { next: vec![DraftEdge::new("s", Condition::Always)], ..step("first", evil) };
    let source = "(async function* () { yield 1; yield 2 })()";
    let report = report(vec![first, over(source, "export default [s => ({ data: s.item })]", |_| {})], "{}");
    assert_eq!(report.ending(), "success");
    assert_eq!(value(&report)["data"], serde_json::json!([1, 2]));
}

/// A job that calls itself while it is evaluated gets as deep as any other.
fn calls_at_the_top() {
    let caller = step("a", "export default [async s => ({ said: await call('b', {}).catch(error => error.name) })]");
    let callee = step("b", "call('b', {}).catch(() => {}); export default [s => s]");
    let report = report(vec![caller, callee], "{}");
    assert!(report.steps.len() <= 40, "{} executions: {}", report.steps.len(), report.ending());
}
