//! Plans: order, conditions, errors on state, results, limits, and what a job finds around it.

use std::time::Duration;

use fulgurite_plan::{Condition, Draft, DraftEdge, DraftStep, Plan, Source};
use fulgurite_runtime::Request;
use fulgurite_state::{IndexOptions, State};
use libtest_mimic::Trial;

use crate::support::{Report, request, run, step};

/// Steps one after the other, whatever happens.
pub(crate) fn chain(codes: &[&str], input: &str) -> Report {
    let steps = codes.iter().enumerate().map(|(i, code)| {
        let next = (i + 1 < codes.len()).then(|| edge(&format!("s{}", i + 1), Condition::Always));
        DraftStep { next: next.into_iter().collect(), ..step(&format!("s{i}"), code) }
    });
    let plan = Plan::new(Draft { steps: steps.collect(), ..Draft::default() }).expect("a chain is a plan");
    let input = State::parse(input.to_owned(), &IndexOptions::default()).expect("the test's input is JSON");
    run(Request { input: Some(input), ..Request::new(plan) })
}

fn edge(target: &str, condition: Condition) -> DraftEdge {
    DraftEdge::new(target, condition)
}

fn op(body: &str) -> Report {
    run(request(&format!("export default [state => {body}];"), "{\"data\":1}", 3))
}

#[track_caller]
fn ends(code: &str, expected: &str) {
    let report = run(request(code, "{\"data\":1}", 3));
    assert_eq!(report.ending(), expected, "{code}");
}

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("run::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("endings", endings),
        trial("positions", positions),
        trial("source_maps", source_maps),
        trial("operations", operations),
        trial("diamond_runs_twice", diamond),
        trial("conditions", conditions),
        trial("conditions_that_do_not_compile", bad_conditions),
        trial("loops_with_a_condition", loops),
        trial("globals", globals),
        trial("time_limits", time_limits),
        trial("loops_that_v8_forgets_to_check", forgotten_checks),
        trial("memory_limit", memory),
        trial("memory_of_buffers", buffers),
        trial("state_limit", state_limit),
        trial("many_keys_cost_no_time_of_ours", many_keys),
        trial("triggers_have_clocks_too", triggers),
        trial("a_run_may_end_on_a_trigger", end_on_a_trigger),
        trial("a_tampered_world", tampered),
        trial("timers_end_with_their_step", timers),
        trial("teardown_while_collecting", teardown),
        trial("errors_that_cannot_be_shown", unshowable),
        trial("abort", abort),
        trial("the_world_of_a_job", world),
        trial("console", console),
        trial("stacks", stacks),
        trial("listeners_that_throw", listeners),
    ]
}

fn endings() {
    ends("export default [s => s]", "success");
    ends("export default [s => { throw new Error('x') }]", "fail JobError: x");
    ends("export default [s => { throw 'x' }]", "fail JobError: x");
    ends("export default [s => { throw null }]", "fail JobError: null");
    ends(
        "export default [s => { throw { code: 1 } }]",
        "fail JobError: the job threw an object that has no message; see its details",
    );
    ends("export default [s => Promise.reject(new RangeError('r'))]", "fail RuntimeError: RangeError: r");
    ends(
        "export default [s => s.a.b]",
        "fail RuntimeError: TypeError: Cannot read properties of undefined (reading 'b')",
    );
    ends("export default [s => nope]", "crash RuntimeCrash: ReferenceError: nope is not defined");
    ends("throw new Error('top')", "fail JobError: top");
    ends("nope", "crash RuntimeCrash: ReferenceError: nope is not defined");
    ends("export default [s => s", "crash CompileError: Expected `]` but found the end of the job");
    ends("export default [s => eval('1')]", "kill security SecurityError: Illegal eval statement detected");
    ends(
        "export default [s => new Function('return 1')()]",
        "kill security SecurityError: Illegal eval statement detected",
    );
    ends(
        "export default [s => (async () => {}).constructor('1')]",
        "kill security SecurityError: Illegal eval statement detected",
    );
    ends("import x from 'y'; export default []", "crash ImportError: module blacklisted: y");
    ends("import x from 'node:fs'; export default []", "crash ImportError: module blacklisted: node:fs");
    ends(
        "import x from 'ext:core/mod.js'; export default []",
        "crash ImportError: module blacklisted: ext:core/mod.js",
    );
    ends(
        "export default [s => import('data:text/javascript,1')]",
        "crash ImportError: module blacklisted: data:text/javascript,1",
    );
    ends("export default [s => import('x').catch(() => s)]", "success");
    ends(
        "export default [s => new Promise(() => {})]",
        "kill idle IdleError: the job waits for a promise that nothing can settle",
    );
    ends(
        "await new Promise(() => {}); export default []",
        "kill idle IdleError: the job waits for a promise that nothing can settle",
    );
    ends(
        "export default [s => { Promise.reject(new Error('loose')); return s }]",
        "crash ExecutionError: nobody handled Error: loose",
    );
    ends(
        "export default [s => { setTimeout(() => { throw new Error('late') }, 1); return new Promise(() => setTimeout(() => {}, 1000)) }]",
        "crash ExecutionError: nobody handled Error: late",
    );
    ends("export default [s => { const p = Promise.reject(new Error('x')); return p.catch(() => s) }]", "success");
    ends("export default 5", "crash RuntimeCrash: the job's default export is 5, not an array of operations");
    // As OpenFn has it: a job without operations passes its input on.
    ends("export const x = 1", "success");
    ends("export default [s => s, 5]", "crash RuntimeCrash: operation 2 is 5, not a function");
    ends(
        "export default [s => { const f = () => f(); f() }]",
        "fail RuntimeError: RangeError: Maximum call stack size exceeded",
    );
}

fn listeners() {
    let listener = "export default [s => { const t = new EventTarget(); t.addEventListener('a', () => { throw new Error('in a listener') }); t.dispatchEvent(new Event('a')); return s }]";
    ends(listener, "crash ExecutionError: nobody handled Error: in a listener");
    let later = listener.replace("s => {", "async s => { await null;");
    ends(&later, "crash ExecutionError: nobody handled Error: in a listener");
    let timer = "export default [s => new Promise(r => { const t = new EventTarget(); t.addEventListener('a', () => { throw new Error('in a listener') }); setTimeout(() => { t.dispatchEvent(new Event('a')); r(s) }, 1) })]";
    ends(timer, "crash ExecutionError: nobody handled Error: in a listener");
}

fn positions() {
    let check = |code: &str, expected: &str| {
        let report = run(request(code, "{}", 3));
        let position = report.outcome().error().unwrap().position.clone();
        let shown = position.map_or("nowhere".into(), |p| {
            format!("{}:{}:{} {:?}", p.file, p.line, p.column, p.source_line.unwrap_or_default())
        });
        assert_eq!(shown, expected, "{code}");
    };
    check("export default [\n  s => s.a.b,\n];", "step.js:2:12 \"  s => s.a.b,\"");
    check(
        "export default [\n  async s => {\n    await null;\n    throw new Error('x');\n  },\n];",
        "step.js:4:11 \"    throw new Error('x');\"",
    );
    check("const f = x => x.y.z;\nexport default [s => [{}].map(f)];", "step.js:1:20 \"const f = x => x.y.z;\"");
    check("export default [\n  s => {\n];", "step.js:3:1 \"];\"");
    check("import a from 'b';\nimport x from 'y';\nexport default [];", "step.js:1:15 \"import a from 'b';\"");
    check("export default [s => 'é'.é.x]", "step.js:1:28 \"export default [s => 'é'.é.x]\"");
}

/// A compiled job with an inline map: `throw` stands on line 1 of it and on line 3 of what the author wrote.
fn source_maps() {
    // One segment: generated 1:0 is original 3:2 of `job.ts`.
    let map = r#"{"version":3,"sources":["job.ts"],"sourcesContent":["\n\n  throw new Error('x')"],"names":[],"mappings":"AAEE"}"#;
    let encoded = base64(map.as_bytes());
    let code = format!(
        "throw new Error('x'); export default [];\n//# sourceMappingURL=data:application/json;base64,{encoded}"
    );
    let report = run(request(&code, "{}", 3));
    let position = report.outcome().error().unwrap().position.clone().unwrap();
    assert_eq!((position.file.as_str(), position.line, position.column), ("step.js", 3, 3));
    assert_eq!(
        position.source_line.as_deref(),
        Some("  throw new Error('x')"),
        "the author's line, not the compiled one"
    );
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, &b| group << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

fn operations() {
    let report = run(request(
        "export default [s => ({ n: 1 }), async s => ({ n: s.n + 1 }), s => new Promise(r => setTimeout(() => r({ n: s.n * 10 }), 5))]",
        "{}",
        3,
    ));
    assert_eq!(report.result(), "{\"n\":20}");
    let report = run(request("export default [s => null, s => ({ got: Object.keys(s) })]", "{}", 3));
    assert_eq!(report.result(), "{\"got\":[]}");
    assert_eq!(
        report.log(),
        ["warn: operation 1 returned null: the next one gets an empty state. Did it forget to return state?"]
    );
    let execute = "export const execute = (...ops) => async s => { for (const op of ops) s = await op({ ...s, references: [] }); return { ...s, ran: ops.length } }; export default [s => s, s => s]";
    assert_eq!(run(request(execute, "{\"data\":1}", 3)).result(), "{\"data\":1,\"references\":[],\"ran\":2}");
    // A failed step hands on its input as the job left it.
    let report = run(request(
        "export default [s => { s.data.n = 2; return { other: 1 } }, s => { throw new Error('x') }]",
        "{\"data\":{\"n\":1}}",
        3,
    ));
    assert!(report.result().starts_with("{\"data\":{\"n\":2},\"errors\":{\"step\":{"), "{}", report.result());
}

fn diamond() {
    let mark = |id: &str| {
        step(
            id,
            &format!(
                "let times = 0; export default [s => ({{ ...s, path: [...(s.path ?? []), '{id}'], times: ++times }})];"
            ),
        )
    };
    let steps = vec![
        DraftStep { next: vec![edge("a", Condition::Always), edge("b", Condition::Always)], ..mark("start") },
        DraftStep { next: vec![edge("x", Condition::Always)], ..mark("a") },
        DraftStep { next: vec![edge("x", Condition::Always)], ..mark("b") },
        mark("x"),
    ];
    let plan = Plan::new(Draft { steps, ..Draft::default() }).unwrap();
    let report = run(Request::new(plan));
    let order: Vec<_> = report.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(order, ["start", "a", "b", "x", "x"]);
    assert_eq!(
        report.result(),
        r#"{"x":{"data":{},"path":["start","a","x"],"times":1},"x-1":{"data":{},"path":["start","b","x"],"times":1}}"#
    );
}

fn fork(condition: Condition, code: &str) -> Report {
    let steps = vec![
        DraftStep { next: vec![edge("yes", condition)], ..step("first", code) },
        step("yes", "export default [s => ({ yes: true })];"),
    ];
    run(Request::new(Plan::new(Draft { steps, ..Draft::default() }).unwrap()))
}

fn conditions() {
    let followed = |condition: Condition, code: &str| fork(condition, code).steps.len() == 2;
    let expression = |text: &str| Condition::Expression(text.into());
    let (ok, failing) =
        ("export default [s => ({ data: { n: 5 } })];", "export default [s => { throw new Error('x') }];");
    assert!(followed(expression("state.data.n > 4"), ok));
    assert!(!followed(expression("state.data.n > 5"), ok));
    assert!(followed(expression("true;"), ok) && followed(expression(" state.data.n === 5 ; "), ok));
    let loose = fork(expression("(Promise.reject(new Error('loose')), true)"), ok);
    assert_eq!((loose.ending().as_str(), loose.steps.len()), ("crash ExecutionError: nobody handled Error: loose", 1));
    assert!(followed(expression("upstreamStepId === 'first' // a comment"), ok));
    assert!(
        followed(expression("!state.errors"), ok)
            && followed(expression("state.errors.first.name === 'JobError'"), failing)
    );
    assert!(followed(Condition::OnSuccess, ok) && !followed(Condition::OnSuccess, failing));
    assert!(!followed(Condition::OnFailure, ok) && followed(Condition::OnFailure, failing));
    assert!(followed(Condition::Always, failing) && !followed(Condition::Never, ok));
    // An error that the job itself put on the state counts.
    assert!(followed(Condition::OnFailure, "export default [s => ({ errors: { first: { message: 'mine' } } })];"));
    // What a condition changes is seen by nobody.
    let report = fork(expression("(state.data.n = 99, true)"), ok);
    assert_eq!(String::from_utf8_lossy(&report.steps[0].output.as_ref().unwrap().to_bytes()), "{\"data\":{\"n\":5}}");
    let report = fork(expression("state.a.b"), ok);
    assert_eq!(
        report.ending(),
        "crash EdgeConditionError: Failed to evaluate edge condition first->yes (TypeError: Cannot read properties of undefined (reading 'b'))"
    );
    assert_eq!(fork(Condition::Always, failing).ending(), "success", "handled downstream");
}

fn bad_conditions() {
    let report = fork(Condition::Expression("state.(".into()), "export default [s => s];");
    assert_eq!(
        report.ending(),
        "crash ValidationError: Failed to compile edge condition first->yes (SyntaxError: Unexpected token '(')"
    );
    assert!(report.steps.is_empty(), "nothing ran");
}

fn loops() {
    let steps = vec![
        DraftStep {
            next: vec![edge("b", Condition::Always)],
            ..step("a", "export default [s => ({ n: (s.n ?? 0) + 1 })];")
        },
        DraftStep {
            next: vec![edge("a", Condition::Expression("state.n < 50".into()))],
            ..step("b", "export default [s => s];")
        },
    ];
    let report = run(Request::new(Plan::new(Draft { steps, ..Draft::default() }).unwrap()));
    assert_eq!(report.steps.len(), 100);
    assert!(report.result().contains("\"n\":50"), "{}", report.result());
}

fn globals() {
    let code = "export default [s => ({ n: addOne(1), kept: typeof counter, seen: counter() })];";
    let steps = vec![DraftStep { next: vec![edge("b", Condition::Always)], ..step("a", code) }, step("b", code)];
    let text = "let n = 0; export const counter = () => ++n; export function addOne(x) { return x + 1 }";
    let globals = Some(Source { name: "globals.js".into(), text: text.into() });
    let report = run(Request::new(Plan::new(Draft { steps, globals, ..Draft::default() }).unwrap()));
    assert_eq!(report.result(), r#"{"n":2,"kept":"function","seen":1}"#, "evaluated anew for each step");
}

fn limited(body: &str, change: impl FnOnce(&mut Request)) -> Report {
    let mut request = request(&format!("export default [state => {body}];"), "{\"data\":1}", 3);
    request.limits.step_timeout = Some(Duration::from_millis(200));
    change(&mut request);
    run(request)
}

fn time_limits() {
    for body in [
        "{ while (true); }",
        "new Promise(r => setTimeout(r, 60000))",
        "{ const spin = () => Promise.resolve().then(spin); return spin(); }",
        "(async () => { while (true) await null })()",
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "({ toJSON() { while (true); } })",
        "({ get a() { while (true); } })",
        "new Proxy({}, { ownKeys() { while (true); } })",
        "{ try { while (true); } catch {} finally { return state } }",
        "[3, 2, 1].sort(() => { while (true); })",
    ] {
        let report = limited(body, |_| ());
        assert_eq!(report.ending(), "kill timeout TimeoutError: Job took longer than 200ms to complete", "{body}");
    }
    let report = limited("new Promise(r => setTimeout(() => r(state), 60000))", |request| {
        request.limits = fulgurite_runtime::Limits {
            step_timeout: None,
            run_timeout: Some(Duration::from_millis(100)),
            ..request.limits.clone()
        };
    });
    assert_eq!(report.ending(), "kill timeout TimeoutError: Run took longer than 100ms to complete");
    let top = run({
        let mut request = request("while (true); export default [];", "{}", 3);
        request.limits.step_timeout = Some(Duration::from_millis(200));
        request
    });
    assert!(top.ending().starts_with("kill timeout"), "{}", top.ending());
}

/// What a run ends on is a result, too, and has no credentials on it.
fn end_on_a_trigger() {
    let trigger = DraftStep { id: Some("t".into()), next: vec![edge("a", Condition::Always)], ..DraftStep::default() };
    let steps = vec![trigger, step("a", "export default [s => s]")];
    let plan = Plan::new(Draft { steps, end: Some("t".into()), ..Draft::default() }).unwrap();
    let input = r#"{"data":1,"configuration":{"password":"hunter2"},"_private":1}"#;
    let input = State::parse(input.to_owned(), &IndexOptions::default()).unwrap();
    assert_eq!(run(Request { input: Some(input), ..Request::new(plan) }).result(), r#"{"data":1}"#);
}

/// See `initialize` in the runtime: V8 leaves the interrupt check out of the wrong loop.
fn forgotten_checks() {
    for body in
        ["{ while (1) new Array(1000).fill(0) }", "{ for (;;) { for (let i = 0; i < 100; i++); new Array(500); } }"]
    {
        let report = limited(body, |_| ());
        assert!(report.ending().starts_with("kill timeout"), "{body}: {}", report.ending());
    }
}

fn memory() {
    for body in [
        "{ const a = []; while (true) a.push({}); }",
        "{ const a = []; while (true) a.push(new Array(1000).fill(0)); }",
        "{ const m = new Map(); for (let i = 0; ; i++) m.set(i, 'x' + i); }",
    ] {
        let report = limited(body, |request| {
            request.limits.step_timeout = Some(Duration::from_secs(60));
            request.limits.heap = Some(64 << 20);
        });
        assert_eq!(report.ending(), "kill oom OOMError: Run exceeded maximum memory usage (64 MB)", "{body}");
    }
}

/// A buffer is refused, or V8 sees the pressure on its heap first.
#[track_caller]
fn assert_out_of_memory(report: &Report) {
    let ending = report.ending();
    assert!(
        ending.starts_with("kill oom") || ending == "fail RuntimeError: RangeError: Array buffer allocation failed",
        "{ending}"
    );
}

fn buffers() {
    let report = limited(
        "{ const a = []; for (let i = 0; i < 15; i++) a.push(new Uint8Array(1e7).fill(1)); return { n: a.length } }",
        |request| {
            request.limits.heap = Some(64 << 20);
            request.limits.step_timeout = Some(Duration::from_secs(60));
        },
    );
    assert_out_of_memory(&report);
    let report = limited(
        "{ for (let i = 0; i < 200; i++) new Uint8Array(1e6); return { ok: new Uint8Array(4).length } }",
        |request| {
            request.limits.heap = Some(64 << 20);
            request.limits.step_timeout = Some(Duration::from_secs(20));
        },
    );
    assert_eq!(report.result(), "{\"ok\":4}", "what is collected is given back");
    // Half of it on the heap and half in buffers.
    let report = limited(
        "{ const keep = []; for (let i = 0; i < 1e6; i++) keep.push({ i }); const a = []; for (let i = 0; i < 60; i++) a.push(new Uint8Array(1e6).fill(1)); return { n: keep.length + a.length } }",
        |request| {
            request.limits.heap = Some(64 << 20);
            request.limits.step_timeout = Some(Duration::from_secs(60));
        },
    );
    assert_out_of_memory(&report);
    let report = limited("JSON.parse('[' + '1.5,'.repeat(6e7) + '1]').length", |request| {
        request.limits.heap = Some(32 << 20);
        request.limits.step_timeout = Some(Duration::from_secs(60));
    });
    assert!(report.ending().starts_with("kill oom"), "{}", report.ending());
}

fn many_keys() {
    let many = "export default [s => Object.fromEntries(Array.from({ length: 60000 }, (_, i) => ['k' + i, i]))];";
    let start = std::time::Instant::now();
    let report =
        chain(&[many, "export default [s => s];", "export default [s => ({ n: Object.keys(s).length })];"], "{}");
    assert_eq!(report.result(), "{\"n\":60002}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

fn triggers() {
    let trigger = DraftStep {
        id: Some("t".into()),
        next: vec![edge("a", Condition::Expression("(() => { while (true); })()".into()))],
        ..DraftStep::default()
    };
    let plan =
        Plan::new(Draft { steps: vec![trigger, step("a", "export default [s => s]")], ..Draft::default() }).unwrap();
    let mut request = Request::new(plan);
    request.limits.step_timeout = Some(Duration::from_millis(200));
    assert!(run(request).ending().starts_with("kill timeout"));
}

fn tampered() {
    let set = "void Object.defineProperty(Array.prototype, 0, { set(v) {}, get() { return 7 }, configurable: true });";
    let report = run(request(&format!("{set} export default [s => ({{ ran: true }})];"), "{}", 3));
    assert_eq!(report.ending(), "success");
    let then = "Object.prototype.then = function (done) { done('hijacked') }; export default [s => { delete Object.prototype.then; return { ran: true } }];";
    assert_eq!(run(request(then, "{}", 3)).result(), "{\"ran\":true}");
    ends(
        "export default [async s => { await import('x').catch(() => 0); throw new Error('other') }]",
        "fail JobError: other",
    );
    ends("await import('x').catch(() => 0); throw new Error('other')", "fail JobError: other");
    ends(
        "export default [s => { setTimeout('1', 1); return s }]",
        "fail RuntimeError: TypeError: the callback of a timer must be a function, not string",
    );
}

fn timers() {
    let first = "export default [s => { setTimeout(() => { throw new Error('late') }, 20); setInterval(() => console.log('tick'), 5); return s }];";
    let second = "export default [s => new Promise(r => setTimeout(() => r(s), 60))];";
    let report = chain(&[first, second], "{}");
    assert_eq!((report.ending().as_str(), report.log().len()), ("success", 0));
    let idle = chain(&[first, "export default [s => new Promise(() => {})];"], "{}");
    assert!(idle.ending().starts_with("kill idle"), "{}", idle.ending());
    ends(
        "export default [s => new Promise(r => { let n = 0; const id = setInterval(() => { if (++n === 3) { clearInterval(id); r({ n }) } }, 1) })]",
        "success",
    );
}

/// The isolate goes while its collector is at work: V8 calls back, and what it calls must still be there.
fn teardown() {
    for _ in 0..5 {
        ends(
            "export default [s => { const a = []; for (let i = 0; i < 800000; i++) a.push({ i, s: 'x' + i }); globalThis.k = a; return { n: a.length } }]",
            "success",
        );
    }
}

fn unshowable() {
    for code in [
        "export default [s => { throw new Error('x'.repeat(2 ** 29 - 30)) }]",
        "export default [s => import('x'.repeat(2 ** 29 - 24))]",
        "export default [s => { throw Object.defineProperty(new Error('x'), 'message', { get() { throw 1 } }) }]",
        "export default [s => { throw Object.assign(new Error('x'), { name: { toString() { return 'n'.repeat(2 ** 29 - 30) } } }) }]",
        "Error.prepareStackTrace = (e, c) => c; export default [s => s]",
        "export default [s => { throw new Proxy(new Error('x'), { get() { throw 2 } }) }]",
        "export default [s => { throw Object.assign(new Error('x'), { get stack() { throw 3 } }) }]",
    ] {
        let report = run(request(code, "{}", 3));
        assert!(report.outcome().error().is_some(), "{code}");
    }
}

fn state_limit() {
    for body in ["({ a: 'x'.repeat(3000000), b: [1] })", "({ a: Array.from({ length: 1e6 }, () => 1234567) })"] {
        let report = limited(body, |request| {
            request.limits.state = Some(2 << 20);
            // It is about size: a busy machine must not make it about time.
            request.limits.step_timeout = Some(Duration::from_secs(60));
        });
        assert_eq!(report.ending(), "kill oom StateTooLargeError: State exceeds the limit of 2mb", "{body}");
    }
}

fn abort() {
    let (started, wait) = std::sync::mpsc::channel();
    let mut request = request("export default [s => { console.log('on'); while (true); }];", "{}", 3);
    request.limits.step_timeout = None;
    let handle = fulgurite_runtime::start(request, move |event| {
        if let fulgurite_runtime::Event::Log(_) = event {
            started.send(()).expect("the test waits");
        }
    });
    wait.recv().expect("the job logs");
    handle.abort("asked to");
    let outcome = handle.join();
    assert_eq!(outcome.error().unwrap().to_string(), "AbortError: asked to");
}

fn world() {
    let report = op(
        "({ gone: ['Deno', '__bootstrap', '__infra', '__fulgurite', 'process', 'require', 'SharedArrayBuffer', 'Atomics', 'WebAssembly', 'Buffer', 'EventSource', 'WebSocket'].filter(n => n in globalThis),
        there: ['URL', 'URLSearchParams', 'TextEncoder', 'TextDecoder', 'ReadableStream', 'WritableStream', 'TransformStream', 'AbortController', 'structuredClone', 'setTimeout', 'queueMicrotask', 'Blob', 'atob', 'btoa', 'Event', 'EventTarget', 'crypto', 'performance', 'CompressionStream', 'Intl'].filter(n => !(n in globalThis)),
        meta: Object.keys(Deno_()),
        url: new URL('../x?y=1', 'http://a/b/c').href, text: new TextDecoder().decode(new TextEncoder().encode('é')),
        b64: btoa('a'), uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
        random: crypto.getRandomValues(new Uint8Array(8)).length, clone: structuredClone({ d: new Date(0) }) })"
            .replace("meta: Object.keys(Deno_()),", "")
            .as_str(),
    );
    assert_eq!(
        report.result(),
        r#"{"gone":[],"there":[],"url":"http://a/x?y=1","text":"é","b64":"YQ==","uuid":true,"random":8,"clone":{"d":"1970-01-01T00:00:00.000Z"}}"#
    );
    // Nothing of one run is left for the next.
    op("(globalThis.left = 1, Array.prototype.left = 1, state)");
    assert_eq!(op("({ left: typeof left, on: [].left === undefined })").result(), r#"{"left":"undefined","on":true}"#);
    let report = op(
        "(async () => { const chunks = []; const s = new Blob(['abc']).stream().pipeThrough(new CompressionStream('gzip')).pipeThrough(new DecompressionStream('gzip')); for await (const c of s) chunks.push(...c); return { chunks } })()",
    );
    assert_eq!(report.result(), "{\"chunks\":[97,98,99]}");
    let report = op(
        "(async () => { const c = new AbortController(); setTimeout(() => c.abort(new Error('stop')), 1); await new Promise((_, no) => c.signal.addEventListener('abort', () => no(c.signal.reason))) })()",
    );
    assert_eq!(report.ending(), "fail JobError: stop");
}

/// What a job sees of its own stack: its files, and nothing of ours.
fn stacks() {
    let report = run(request(
        "export default [s => { function f() { return new Error('x').stack } return { stack: f() } }]",
        "{}",
        3,
    ));
    assert_eq!(report.result(), r#"{"stack":"Error: x\n    at f (step.js:1:46)\n    at step.js:1:85"}"#);
}

fn console() {
    let secret = r#"{"data":1,"configuration":{"password":"hunter2"}}"#;
    let report = run(request("export default [s => { console.log(s); console.success('s', s); return s }]", secret, 3));
    let shown = "{ data: 1, configuration: \"****\" }";
    assert_eq!(report.log(), [format!("info: {shown}"), format!("success: s {shown}")]);
    let report = op(
        "(console.log('a', 1, { b: [1] }), console.info('i'), console.warn('w'), console.error('e'), console.debug('d'), console.success('s'), console.always('x'), console.log('two\\nlines'), console.log(), state)",
    );
    assert_eq!(
        report.log(),
        [
            "info: a 1 { b: [ 1 ] }",
            "info: i",
            "warn: w",
            "error: e",
            "debug: d",
            "success: s",
            "always: x",
            "info: two\nlines",
            "info: "
        ]
    );
}
