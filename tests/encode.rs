//! What comes out for what goes in, one line each: every corner of JSON, and every kind of value that a job may return.

use libtest_mimic::Trial;

use crate::support::{Report, request, run};

/// Runs one operation, `state => body`, over `input` at depth 3.
fn op(body: &str, input: &str) -> Report {
    run(request(&format!("export default [state => {body}];"), input, 3))
}

#[track_caller]
fn check(input: &str, body: &str, expected: &str) {
    let report = op(body, input);
    assert_eq!(report.ending(), "success", "{body} over {input}");
    assert_eq!(report.result(), expected, "{body} over {input}");
}

#[track_caller]
fn check_log(input: &str, body: &str, expected: &str, log: &[&str]) {
    let report = op(body, input);
    assert_eq!(report.result(), expected, "{body} over {input}");
    assert_eq!(report.log(), log, "{body} over {input}");
}

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("encode::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("untouched_bytes_are_kept", untouched),
        trial("touched_values_are_v8s", touched),
        trial("keys", keys),
        trial("kinds_of_values", kinds),
        trial("private_and_removed_keys", private),
        trial("streams", streams),
        trial("cycles_and_other_refusals", refusals),
        trial("user_code_while_encoding", user_code),
        trial("views_are_plain_objects", plain),
        trial("views_behave_like_plain_objects", like_plain),
        trial("moved_views_stay_bytes", moved),
        trial("objects_of_many_keys", wide),
        trial("frozen_views", frozen),
        trial("deep_values", deep),
        trial("long_arrays", long_arrays),
        trial("views_are_collected", collected),
        trial("arrays_that_are_tampered_with", tampered),
        trial("secrets_stay_inside", secrets),
        trial("an_array_of_600_mb", six_hundred),
    ]
}

fn untouched() {
    for text in [
        r#"{"data":{"a": 1.0, "b":-0,"c":1e400,"d":9007199254740993,"e":1E+2},"x":[ 1 , 2 ]}"#,
        r#"{"data":{"s":"\ud800","t":"\u0000","u":"é😀","v":"\/"},"x":"\u00e9"}"#,
        r#"{"data":{"twice":1,"twice":2,"0":{"1":2}},"x":{}}"#,
    ] {
        check(text, "state", text);
    }
    let report = op("(state.data.n = 1, state)", r#"{"data":{"big":[1,2,3],"n":0},"x":[4]}"#);
    assert_eq!(report.result(), r#"{"data":{"big":[1,2,3],"n":1},"x":[4]}"#);
    let figures = report.steps[0].figures;
    assert_eq!((figures.bytes_parsed, figures.state_walks), (0, 0), "an assignment parses nothing");
}

fn touched() {
    check(
        r#"{"data": [1.0, -0, 1e400, 9007199254740993, 1E+2]}"#,
        "(state.data.length, state)",
        r#"{"data":[1,0,null,9007199254740992,100]}"#,
    );
    check(r#"{"data": "\ud800\u0000\u00e9"}"#, "(state.data.length, state)", "{\"data\":\"\\ud800\\u0000é\"}");
    check(r#"{"data": {"a": 1.50}}"#, "({ data: state.data.a })", r#"{"data":1.5}"#);
    check(r#"{"data": [{"a": 1}, {"a": 2}]}"#, "(state.data[1].a = 3, state)", r#"{"data":[{"a":1},{"a":3}]}"#);
    let report = op("(state.data, state.x[0], state)", r#"{"data":{"big":[1,2,3]},"x":[4],"y":[5]}"#);
    let figures = report.steps[0].figures;
    assert_eq!((figures.bytes_parsed, figures.state_walks), (3, 1), "x was parsed and walked once, nothing else");
}

fn keys() {
    check(
        r#"{"data":{"":1,"a\"b":2,"\n":3,"é":4,"\ud800":5}}"#,
        "({ data: { ...state.data } })",
        r#"{"data":{"":1,"a\"b":2,"\n":3,"é":4,"\ud800":5}}"#,
    );
    check(
        r#"{"data":{"":1,"a\"b":2,"\n":3,"\u00e9":4,"\ud800":5}}"#,
        "(state.data.z = 1, state)",
        r#"{"data":{"":1,"a\"b":2,"\n":3,"é":4,"\ud800":5,"z":1}}"#,
    );
    check(
        r#"{"data":{"__proto__":{"x":1},"a":1}}"#,
        "({ data: state.data, own: Object.hasOwn(state.data, '__proto__'), x: state.data.x === undefined })",
        r#"{"data":{"__proto__":{"x":1},"a":1},"own":true,"x":true}"#,
    );
    check(
        r#"{"data":{"a":1,"a":2,"b":3}}"#,
        "({ keys: Object.keys(state.data), a: state.data.a })",
        r#"{"keys":["a","b"],"a":2}"#,
    );
    check(
        r#"{"data":{"b":1,"2":2,"1":3}}"#,
        "({ keys: Object.keys(state.data), data: state.data })",
        r#"{"keys":["1","2","b"],"data":{"1":3,"2":2,"b":1}}"#,
    );
    check(r#"{"toJSON":1,"constructor":2,"then":3}"#, "state", r#"{"toJSON":1,"constructor":2,"then":3,"data":{}}"#);
    let many = format!("{{\"data\":{{{}}}}}", (0..300).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(","));
    check(&many, "(state.data.k7 = 'seven', state)", &many.replace("\"k7\":7", "\"k7\":\"seven\""));
}

fn kinds() {
    let value = |js: &str, json: &str| {
        check("{}", &format!("({{ v: {js}, n: {{ v: {js} }} }})"), &format!("{{\"v\":{json},\"n\":{{\"v\":{json}}}}}"))
    };
    value("1", "1");
    value("-0", "0");
    value("-2147483648", "-2147483648");
    value("4294967296.5", "4294967296.5");
    value("1e21", "1e+21");
    value("NaN", "null");
    value("'\\u2028<\\x7f'", "\"\u{2028}<\u{7f}\"");
    value("null", "null");
    value("new Date(0)", "\"1970-01-01T00:00:00.000Z\"");
    value("new Map([[1, 2]])", "{}");
    value("new Set([1])", "{}");
    value("/x/g", "{}");
    value("new Number(3)", "3");
    value("new String('s')", "\"s\"");
    value("new Boolean(false)", "false");
    value("new Uint8Array([1, 2])", "{\"0\":1,\"1\":2}");
    value("new (class A { constructor() { this.x = 1; this.f = () => {}; } get y() { return 2 } })()", "{\"x\":1}");
    value("({ get y() { return 2 } })", "{\"y\":2}");
    value("({ toJSON() { return { j: 1 } } })", "{\"j\":1}");
    value("Object.assign(new TypeError('no'), { code: 7 })", "{\"name\":\"TypeError\",\"message\":\"no\",\"code\":7}");
    value("Object.create({ inherited: 1 })", "{}");
    value("[undefined, () => 1, Symbol('s'), 1]", "[null,null,null,1]");
    value("new Proxy({ a: 1 }, {})", "{\"a\":1}");
    value("new URL('http://a.b/c?d')", "\"http://a.b/c?d\"");
    check("{}", "({ a: undefined, b: () => 1, c: Symbol('s'), [Symbol('t')]: 1, d: { e: undefined } })", "{\"d\":{}}");
    check("{}", "[1, { a: 2 }]", "[1,{\"a\":2}]");
    check("{}", "'text'", "\"text\"");
    check("{}", "42", "42");
    check("{}", "undefined", "-");
    check("{}", "(() => 1)", "-");
    check_log(
        "{}",
        "({ a: 1n, b: { c: [2n, 3] } })",
        r#"{"a":"1","b":{"c":["2",3]}}"#,
        &["warn: a is a BigInt, written as a string of digits (so are all others)"],
    );
}

fn private() {
    check(
        r#"{"_in": 1, "data": {"_id": 7}, "response": {}}"#,
        "({ ...state, _x: 1, configuration: { p: 1 } })",
        r#"{"data":{"_id":7}}"#,
    );
    let chain = |first: &str, second: &str| {
        let code = [first, second].map(|body| format!("export default [state => {body}];"));
        crate::run::chain(&[&code[0], &code[1]], "{}")
    };
    let report = chain(
        "({ ...state, _m: new Map([['k', 'v']]), n: 1 })",
        "({ got: state._m.get('k'), keys: Object.keys(state) })",
    );
    assert_eq!(report.result(), r#"{"got":"v","keys":["data","n","configuration","_m"]}"#);
}

fn streams() {
    check(
        r#"{"data":1}"#,
        "({ ...state, s: new ReadableStream(), n: { s: new ReadableStream() } })",
        r#"{"data":1,"s":"[stream]","n":{"s":"[stream]"}}"#,
    );
    check(
        "{}",
        "({ s: (async function* () { yield 1 })(), r: { pipe() {}, read() {}, on() {} } })",
        r#"{"s":"[stream]","r":"[stream]"}"#,
    );
    check("{}", "({ list: [1, new ReadableStream()] })", r#"{"list":[1,"[stream]"]}"#);
    let read = "export default [async state => { const out = []; for await (const x of state.data.s) out.push(x); return { out, list: typeof state.list[0].cancel } }];";
    let make = "export default [state => ({ data: { a: 1, s: new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close(); } }) }, list: [new ReadableStream(), 5] })];";
    let report = crate::run::chain(&[make, read], "{}");
    assert_eq!((report.ending(), report.result()), ("success".into(), r#"{"out":[1,2],"list":"function"}"#.into()));
    let streams = report.steps[0]
        .output
        .as_ref()
        .unwrap()
        .live()
        .unwrap()
        .streams
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    assert_eq!(streams, ["data.s", "list[0]"]);
    // A stream that nobody touches goes along, also when its view moves.
    let pass = "export default [state => ({ data: state.data, moved: { here: state.data } })];";
    let report = crate::run::chain(
        &[
            make,
            pass,
            "export default [state => ({ a: typeof state.data.s.cancel, b: typeof state.moved.here.s.cancel })];",
        ],
        "{}",
    );
    assert_eq!(report.result(), r#"{"a":"function","b":"function"}"#);
}

fn refusals() {
    check_log(
        "{}",
        "{ const a = { n: 1 }; a.self = a; return { a, ok: [1] } }",
        r#"{"a":{"n":1,"self":"[Circular]"},"ok":[1]}"#,
        &["warn: a.self is circular, written as \"[Circular]\""],
    );
    check(
        "{}",
        "{ const d = { x: { y: { z: {} } } }; d.x.y.z.back = d.x; d.x.y.big = 2n; return { d } }",
        r#"{"d":{"x":{"y":{"z":{"back":"[Circular]"},"big":"2"}}}}"#,
    );
    check("{}", "(state.me = state, state)", r#"{"data":{},"me":"[Circular]"}"#);
    check(
        "{}",
        "{ const list = [{ a: 1 }, {}]; list[1].list = list; return { list } }",
        r#"{"list":[{"a":1},{"list":"[Circular]"}]}"#,
    );
    let fails = |body: &str, expected: &str| assert_eq!(op(body, "{}").ending(), expected, "{body}");
    fails(
        "({ a: { b: [{ toJSON() { throw new Error('no') } }] } })",
        "fail StateEncodeError: cannot turn the step's output into JSON: a.b[0] threw no",
    );
    fails(
        "({ get a() { throw new TypeError('getter') } })",
        "fail StateEncodeError: cannot turn the step's output into JSON: a threw TypeError: getter",
    );
    fails(
        "({ a: new Proxy({}, { ownKeys() { throw 'trap' } }) })",
        "fail StateEncodeError: cannot turn the step's output into JSON: a threw trap",
    );
    let report = op("({ a: { toJSON() { throw new Error('no') } } })", r#"{"data":1,"configuration":{"secret":1}}"#);
    let expected = r#"{"data":1,"errors":{"step":{"source":"runtime","name":"StateEncodeError","severity":"fail","message":"cannot turn the step's output into JSON: a threw no","pos":{"line":1,"column":51,"src":"export default [state => ({ a: { toJSON() { throw new Error('no') } } })];"},"step":"step"}}}"#;
    assert_eq!(report.result(), expected, "what the job was given, without its credentials");
}

fn user_code() {
    // A getter, a toJSON and a Proxy that look at lazy properties while the encoder is at work see values, never a sentinel.
    check(
        r#"{"data":{"x":[1],"y":[2]}}"#,
        "(Object.defineProperty(state.data, 'z', { enumerable: true, get() { return state.data.x.concat(state.data.y) } }), state)",
        r#"{"data":{"x":[1],"y":[2],"z":[1,2]}}"#,
    );
    check(
        r#"{"a":[1],"b":{"c":[2]}}"#,
        "({ first: { toJSON: () => state.b.c }, b: state.b, a: state.a })",
        r#"{"first":[2],"b":{"c":[2]},"a":[1]}"#,
    );
    check(
        r#"{"b":{"c":[2],"d":[3]}}"#,
        "({ p: new Proxy(state.b, {}), b: state.b })",
        r#"{"p":{"c":[2],"d":[3]},"b":{"c":[2],"d":[3]}}"#,
    );
    check(
        r#"{"data":{"x":1}}"#,
        "{ JSON.stringify = () => '\"mine\"'; Array.prototype.slice = () => []; Array.prototype.concat = 1; return { data: state.data, n: [1] } }",
        r#"{"data":{"x":1},"n":[1]}"#,
    );
    check(
        "{}",
        "{ Object.prototype.toJSON = function () { return 'hijacked' }; return { a: { b: 1 } } }",
        "\"hijacked\"",
    );
}

fn plain() {
    let views = r#"{"data":{"a":{"b":[1,2]},"c":"s"},"list":[1]}"#;
    check(
        views,
        "({ d: Object.getOwnPropertyDescriptor(state.data, 'c'), p: Object.getPrototypeOf(state.data) === Object.prototype })",
        r#"{"d":{"value":"s","writable":true,"enumerable":true,"configurable":true},"p":true}"#,
    );
    check(views, "({ s: JSON.stringify(state.data) })", r#"{"s":"{\"a\":{\"b\":[1,2]},\"c\":\"s\"}"}"#);
    check(views, "({ c: structuredClone(state.data) })", r#"{"c":{"a":{"b":[1,2]},"c":"s"}}"#);
    check(
        views,
        "({ e: Object.entries(state.data.a), k: Object.keys(state.data), i: 'a' in state.data, h: Object.hasOwn(state.data, 'zz') })",
        r#"{"e":[["b",[1,2]]],"k":["a","c"],"i":true,"h":false}"#,
    );
    check(
        views,
        "{ const { data: { a, ...rest } } = state; delete state.data.a; return { a, rest, left: state.data } }",
        r#"{"a":{"b":[1,2]},"rest":{"c":"s"},"left":{"c":"s"}}"#,
    );
    check(
        views,
        "(Object.assign(state.data, { c: 't', z: 1 }), state)",
        r#"{"data":{"a":{"b":[1,2]},"c":"t","z":1},"list":[1]}"#,
    );
    check(
        views,
        "{ for (const k in state.data) delete state.data[k]; state.data.c = 1; return state }",
        r#"{"data":{"c":1},"list":[1]}"#,
    );
    let report = op("(console.log(state.data), console.log(Object.keys(state)), state)", views);
    assert_eq!(
        report.log(),
        ["info: { a: { b: [ 1, 2 ] }, c: \"s\" }", "info: [ \"data\", \"list\", \"configuration\" ]"]
    );
}

fn like_plain() {
    const OBJECT: &str = r#"{"a":1,"b":{"x":[1,{"y":2}]},"c":"s"}"#;
    let code = include_str!("like_plain.js");
    let names: Vec<&str> =
        code.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": o =>")).map(|(name, _)| name).collect();
    let first: Vec<String> =
        names.iter().map(|name| format!("{name:?}:{},\"own {name}\":0}}", &OBJECT[..OBJECT.len() - 1])).collect();
    let more: Vec<String> = (0..3 * names.len()).map(|number| format!("\"o{number}\":{OBJECT}")).collect();
    let input = format!("{{\"first\":{{{}}},\"more\":{{{}}}}}", first.join(","), more.join(","));
    let report = run(request(code, &input, 3));
    let expected = format!("{{\"data\":{{\"differing\":[],\"operations\":{}}}}}", names.len());
    assert_eq!((report.ending().as_str(), report.result()), ("success", expected));
    assert!(names.len() > 40, "{}", names.len());
}

fn moved() {
    let report = op(
        "({ references: [state.data, state.data], x: { y: { z: { w: state.data } } } })",
        r#"{"data":{"big":[1, 2],"n":{"m":[3, 4]}}}"#,
    );
    assert_eq!(
        report.result(),
        r#"{"references":[{"big":[1, 2],"n":{"m":[3, 4]}},{"big":[1, 2],"n":{"m":[3, 4]}}],"x":{"y":{"z":{"w":{"big":[1,2],"n":{"m":[3,4]}}}}}}"#
    );
    let report = op("({ ...state, references: [state.data] })", r#"{"data":{"big":[1, 2]}}"#);
    assert_eq!(report.result(), r#"{"data":{"big":[1, 2]},"references":[{"big":[1, 2]}]}"#);
    assert_eq!(report.steps[0].figures.bytes_parsed, 0, "neither the spread nor the array parses what is below");
}

fn wide() {
    let values = ["1.5", "\"s\"", "null", "true"];
    let of = |last: &str| {
        let pairs: Vec<String> = (0..1000).map(|number| format!("\"k{number}\":{}", values[number % 4])).collect();
        format!("{{\"data\":{{{},\"last\":{last}}}}}", pairs.join(","))
    };
    let report = op("(state.data.last = 7, state)", &of("0"));
    assert_eq!(report.result(), of("7"));
    assert_eq!(report.steps[0].figures.state_walks, 1, "what is as JSON has it is written as a whole");
    // What is not is looked for among however many there are.
    let report = op("(state.data.last = new Error('no'), state)", &of("0"));
    assert_eq!(report.result(), of(r#"{"name":"Error","message":"no"}"#));
    let report =
        op("(state.data.last = { b: state.more }, state)", &of("0").replacen('{', "{\"more\":{\"n\":1.0},", 1));
    assert!(report.result().contains(r#""last":{"b":{"n":1.0}}"#), "{}", report.result());
}

fn frozen() {
    check(
        r#"{"data":{"a":[1],"b":{"c":[2]}}}"#,
        "(Object.freeze(state.data), Object.seal(state.data.b), state)",
        r#"{"data":{"a":[1],"b":{"c":[2]}}}"#,
    );
    // What is read of a frozen object is the same each time, and what a job does to it shows.
    check(
        r#"{"data":{"a":[1],"b":{"c":[2]}}}"#,
        "(Object.freeze(state.data), state.data.a.push(2), state.data.b.c.push(state.data.a === state.data.a), state)",
        r#"{"data":{"a":[1,2],"b":{"c":[2,true]}}}"#,
    );
    let report = op("(Object.freeze(state), Object.freeze(state.data), state)", r#"{"data":{"a":[1.0]}}"#);
    assert_eq!(report.result(), r#"{"data":{"a":[1.0]}}"#);
    assert_eq!(report.steps[0].figures.bytes_parsed, 0, "to freeze is not to read");
    // Encoding must not change what a job keeps: the same view is encoded twice, frozen or not.
    let keep = "export default [state => { globalThis.kept = state.data; globalThis.cold = Object.freeze({ ...state }).data; return { data: state.data } }];";
    let look = "export default [state => ({ kept: kept.a, same: kept.b.c[0], now: state.data.a })];";
    let report = crate::run::chain(&[keep, look], r#"{"data":{"a":[1],"b":{"c":[2]}}}"#);
    assert_eq!(report.result(), r#"{"kept":[1],"same":2,"now":[1]}"#);
}

fn deep() {
    // As deep as the scanner lets in: touched, and so parsed and stringified by V8.
    let text = format!("{{\"data\":{}{}}}", "[".repeat(4000), "]".repeat(4000));
    check(&text, "(state.data.length, state)", &text);
    // Deeper, made by the job: an error with the path, and nothing else is lost by it.
    let nest = "{ let a = []; for (let i = 0; i < 5000; i++) a = [a]; ";
    let too_deep = |body: &str, path: &str| {
        let report = op(&format!("{nest}{body} }}"), r#"{"data":1,"configuration":{"password":"hunter2"}}"#);
        let expected = format!(
            "fail StateEncodeError: cannot turn the step's output into JSON: {path} nests deeper than 4096 levels, which nothing could read back"
        );
        assert_eq!(report.ending(), expected, "{body}");
        assert!(report.result().starts_with("{\"data\":1,\"errors\""), "{}", report.result());
        assert!(!report.result().contains("hunter2"), "{}", report.result());
    };
    too_deep("return { a: { b: a } }", "a.b");
    too_deep("return new Proxy({ ...state, a }, {})", "state");
    too_deep("return { ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => ['k' + i, i])), a }", "a");
    let report = op(&format!("{nest}state.deep = a; state[7] = 1; throw Error(1) }}"), r#"{"data":1}"#);
    assert_eq!(report.ending(), "fail JobError: 1");
    assert_eq!(
        report.log(),
        [
            "warn: deep nests deeper than 4096 levels, which nothing could read back; the step hands on its input as it was given"
        ]
    );
    let report = op("{ let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return { a } }", "{}");
    assert!(report.ending().starts_with("fail StateEncodeError"), "{}", report.ending());
    // As deep as can be, and then moved down by one step after the other.
    let text = format!("{{\"data\":{}{}}}", "[".repeat(4095), "]".repeat(4095));
    let down = "export default [state => ({ data: { down: state } })];";
    assert!(crate::run::chain(&[down, down, down], &text).ending().starts_with("fail StateEncodeError"));
    let report = op(&format!("{nest}state.deep = a; state[7] = 1; throw Error(1) }}"), r#"{"data":1}"#);
    assert_eq!(report.ending(), "fail JobError: 1");
    assert_eq!(
        report.log(),
        [
            "warn: deep nests deeper than 4096 levels, which nothing could read back; the step hands on its input as it was given"
        ]
    );
    let report = op("{ let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return { a } }", "{}");
    assert!(
        report.ending() == "success" || report.ending().starts_with("fail StateEncodeError"),
        "{}",
        report.ending()
    );
    let report =
        op("{ let a = { toJSON() { return 1n } }; for (let i = 0; i < 5000; i++) a = { a }; return { a } }", "{}");
    assert!(report.ending().starts_with("fail StateEncodeError"), "{}", report.ending());
}

fn long_arrays() {
    check(
        "{}",
        "({ n: Array.from({ length: 100000 }, (_, i) => i).concat([undefined]) })",
        &format!("{{\"n\":[{},null]}}", (0..100_000).map(|i| i.to_string()).collect::<Vec<_>>().join(",")),
    );
    let holes = op("{ const a = new Array(50000); a[49999] = 1; a[3] = 5n; return { a } }", "{}");
    assert_eq!(holes.result(), format!("{{\"a\":[null,null,null,\"5\",{}1]}}", "null,".repeat(49_995)));
    let report = op("{ const a = Array.from({ length: 40000 }, () => ({})); a[39999].up = a; return { a } }", "{}");
    assert!(report.result().ends_with("{},{\"up\":\"[Circular]\"}]}"));
}

fn collected() {
    // Views of a state die with it: many steps' worth of them do not pile up.
    let report = op(
        "{ let n = 0; for (let i = 0; i < 200000; i++) { n += JSON.parse('{\"a\":1}').a; } state.n = n; return state }",
        r#"{"data":{"a":{"b":{"c":1}}}}"#,
    );
    assert_eq!(report.result(), r#"{"data":{"a":{"b":{"c":1}}},"n":200000}"#);
}

fn tampered() {
    let numbers = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    check(
        "{}",
        "{ const a = Array.from({ length: 16385 }, (_, i) => i); a.constructor = { [Symbol.species]: function () { return {} } }; return { a } }",
        &format!("{{\"a\":[{}]}}", numbers(16385)),
    );
    let report = op(
        "{ const a = Array.from({ length: 40000 }, (_, i) => i); a[3] = { toJSON() { Array.prototype.toJSON = () => 5; return 1 } }; return { a } }",
        "{}",
    );
    assert!(serde_json::from_str::<serde_json::Value>(&report.result()).is_ok(), "whatever it is, it is JSON");
    check(
        "{}",
        "({ data: { a: [new ReadableStream(), new Error('z')] } })",
        r#"{"data":{"a":["[stream]",{"name":"Error","message":"z"}]}}"#,
    );
    check("{}", "({ v: Object(1n) })", r#"{"v":"1"}"#);
    assert!(
        op("{ const a = [1, 2]; a.toJSON = () => { throw new Error('no') }; return { a } }", "{}")
            .ending()
            .starts_with("fail StateEncodeError")
    );
    // A stream under a key that is not Unicode: the next step sees the text, and no code of the job runs while it is read.
    let make = r#"export default [s => ({ list: [Object.fromEntries([["\ud800", { z: new ReadableStream() }], ["b", 1n]]), 2] })];"#;
    let look = r#"export default [s => { Object.defineProperty(Object.prototype, "\ufffd", { configurable: true, get() { delete s.list; return {} } }); return { n: s.list.length } }];"#;
    assert_eq!(crate::run::chain(&[make, look], "{}").result(), r#"{"n":2}"#);
}

fn secrets() {
    let secret = r#"{"data":1,"configuration":{"password":"hunter2"}}"#;
    for body in [
        "new Proxy({ ...state, _secret: 'hunter' + 2 }, {})",
        "({ toJSON() { return { _secret: 'hunter' + 2, configuration: state.configuration, ok: 1 } } })",
        "{ throw state }",
        "{ state._k = 'hunter' + 2; throw Object.assign(new Error('x'), { configuration: state.configuration, _k: state._k }) }",
        "{ Promise.reject(new Error('x')); return state }",
        "state.a.b",
        "({ a: { toJSON() { throw new Error('no') } } })",
    ] {
        let report = op(body, secret);
        assert!(!report.result().contains("hunter2"), "{body}: {}", report.result());
        assert!(!format!("{:?}", report.outcome()).contains("hunter2"), "{body}: {:?}", report.outcome());
    }
    let report = run(request("throw new Error('before it ran'); export default [];", secret, 3));
    assert!(!report.result().contains("hunter2"), "{}", report.result());
}

/// More than fits into one V8 string, in both directions.
fn six_hundred() {
    let element = format!("\"{}\",", "x".repeat((1 << 20) - 3));
    let mut text = String::with_capacity(620 << 20);
    text.push_str("{\"data\":[");
    for _ in 0..600 {
        text.push_str(&element);
    }
    text.push_str("0]}");
    let size = text.len();
    let mut request =
        request("export default [state => { state.data[600] = state.data.length; return state; }];", "{}", 3);
    let index = request.index;
    request.input = Some(fulgurite_state::State::parse(text, &index).expect("it is JSON"));
    request.limits.heap = Some(4 << 30);
    let report = run(request);
    assert_eq!(report.ending(), "success");
    let output = report.complete.unwrap().result().unwrap();
    assert_eq!(output.len(), size + 2);
    assert_eq!(output.slice(output.len() - 10..output.len()), "xxxx\",601]}"[1..]);
}
