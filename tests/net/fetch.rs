//! What a job can do with `fetch`.

use std::time::Duration;

use fulgurite_runtime::Network;
use libtest_mimic::Trial;

use super::server::Server;
use super::{answer, job, refusal, steps, trial, under, value};

pub(super) fn trials() -> Vec<Trial> {
    let group = "fetch";
    vec![
        trial(group, "json", json),
        trial(group, "methods_headers_and_bodies", echo),
        trial(group, "headers_that_are_not_the_jobs", headers),
        trial(group, "forms", forms),
        trial(group, "streams_in", streams_in),
        trial(group, "streams_out", streams_out),
        trial(group, "gzip_and_brotli", compressed),
        trial(group, "statuses", statuses),
        trial(group, "redirects", redirects),
        trial(group, "connections_are_kept", keep_alive),
        trial(group, "responses_that_nobody_reads_yet", read_ahead),
        trial(group, "a_stale_connection_is_no_failure", stale),
        trial(group, "signals", signals),
        trial(group, "what_breaks_off", broken),
        trial(group, "big", big),
        trial(group, "data_and_blob", data_and_blob),
        trial(group, "not_idle_while_a_request_is_open", not_idle),
        trial(group, "requests_end_with_their_step", end_of_step),
        trial(group, "responses_end_with_their_step", end_of_responses),
        trial(group, "a_response_lives_on_in_the_state", response_as_stream),
        trial(group, "no_requests_between_steps", between_steps),
        trial(group, "a_tampered_world", tampered),
        trial(group, "time_limit_of_a_step", time_limit),
        trial(group, "the_world", world),
    ]
}

fn json() {
    let server = Server::start();
    assert_eq!(answer(&server.base, "return (await fetch(`${base}/json`)).json()"), r#"{"a":[1,2,{"b":"é"}]}"#);
    let body = "const r = await fetch(new Request(`${base}/json`)); return [r.ok, r.status, r.url === `${base}/json`, r.type, r.headers.get('Content-Type'), (await r.arrayBuffer()).byteLength]";
    assert_eq!(answer(&server.base, body), r#"[true,200,true,"basic","application/json",26]"#);
}

fn echo() {
    let server = Server::start();
    let body = "const r = await (await fetch(`${base}/echo?q=1#f`, { method: 'PUT', headers: { 'X-A': 'b' }, body: 'gr\u{fc}n' })).json(); \
                return [r.method, r.target, r.headers['x-a'], r.body, r.headers['content-length'], r.headers['content-type']]";
    assert_eq!(answer(&server.base, body), r#"["PUT","/echo?q=1","b","grün","5","text/plain;charset=UTF-8"]"#);
    let body = "const r = await (await fetch(`${base}/echo`, { method: 'POST' })).json(); return [r.method, r.body, r.headers['content-length']]";
    assert_eq!(answer(&server.base, body), r#"["POST","","0"]"#);
    let body = "const r = await (await fetch(`${base}/echo`, { method: 'DELETE', body: new Uint8Array([104, 105]) })).json(); return [r.method, r.body]";
    assert_eq!(answer(&server.base, body), r#"["DELETE","hi"]"#);
    let body = "const r = await fetch(`${base}/echo`, { method: 'HEAD' }); return [r.status, await r.text(), r.headers.has('content-length')]";
    assert_eq!(answer(&server.base, body), r#"[200,"",true]"#);
}

fn headers() {
    let server = Server::start();
    let body = "const { headers: h } = await (await fetch(base.replace('//', '//me:p%40ss@') + '/echo', { headers: { \
                host: 'evil.example', 'content-length': '99', connection: 'close', 'transfer-encoding': 'chunked', te: 'x', upgrade: 'h2c', \
                'proxy-authorization': 'x', expect: '100-continue' } })).json(); \
                return [h.host === base.slice(7), h.authorization, Object.keys(h).sort(), h['user-agent'].startsWith('fulgurite/')]";
    let expected = r#"[true,"Basic bWU6cEBzcw==",["accept","accept-encoding","accept-language","authorization","host","user-agent"],true]"#;
    assert_eq!(answer(&server.base, body), expected);
    let body = "const { headers: h } = await (await fetch(base.replace('//', '//me:p@') + '/echo', { headers: { authorization: 'Bearer x' } })).json(); return h.authorization";
    assert_eq!(answer(&server.base, body), "\"Bearer x\"");
    let body = "const { headers: h } = await (await fetch(`${base}/echo`, { headers: { 'user-agent': 'mine', accept: 'a/b', range: 'bytes=0-' } })).json(); \
                return [h['user-agent'], h.accept, h['accept-encoding']]";
    assert_eq!(answer(&server.base, body), r#"["mine","a/b","identity"]"#);
}

fn forms() {
    let server = Server::start();
    let body = "const form = new FormData(); form.append('a', '1'); form.append('f', new File(['text'], 'f.txt', { type: 'text/plain' })); \
                const r = await (await fetch(`${base}/echo`, { method: 'POST', body: form })).json(); \
                return [r.headers['content-type'].startsWith('multipart/form-data; boundary='), r.body.includes('filename=\"f.txt\"'), r.body.includes('name=\"a\"')]";
    assert_eq!(answer(&server.base, body), "[true,true,true]");
    let body = "const r = await (await fetch(`${base}/echo`, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) })).json(); \
                return [r.headers['content-type'], r.body]";
    assert_eq!(answer(&server.base, body), r#"["application/x-www-form-urlencoded;charset=UTF-8","a=b+c"]"#);
    let body = "const f = await new Response('a=1&b=2', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }).formData(); return [...f]";
    assert_eq!(answer(&server.base, body), r#"[["a","1"],["b","2"]]"#);
}

fn streams_in() {
    let server = Server::start();
    let body = "const r = await fetch(`${base}/chunks`); let text = ''; \
                for await (const piece of r.body.pipeThrough(new TextDecoderStream())) text += piece; return text";
    assert_eq!(answer(&server.base, body), r#""onetwothree""#);
    let body = "const reader = (await fetch(`${base}/endless`)).body.getReader(); let n = 0; \
                while (n < 1e6) n += (await reader.read()).value.length; await reader.cancel(); return n >= 1e6";
    assert_eq!(answer(&server.base, body), "true");
    server.wait_for_hang_up();
    // What has come can be read before the rest has.
    let body = "const reader = (await fetch(`${base}/stalls`)).body.getReader(); return new TextDecoder().decode((await reader.read()).value)";
    assert_eq!(answer(&server.base, body), r#""half.""#);
}

fn streams_out() {
    let server = Server::start();
    let body = "let i = 0; const body = new ReadableStream({ pull(c) { i < 3 ? c.enqueue(new TextEncoder().encode(`part ${i++} `)) : c.close() } }); \
                const r = await (await fetch(`${base}/echo`, { method: 'POST', body, duplex: 'half' })).json(); \
                return [r.body, r.headers['transfer-encoding'], r.headers['content-length'] ?? null]";
    assert_eq!(answer(&server.base, body), r#"["part 0 part 1 part 2 ","chunked",null]"#);
    let body = "const one = await fetch(`${base}/big?300000`); \
                const r = await (await fetch(`${base}/echo`, { method: 'POST', body: one.body, duplex: 'half' })).json(); return r.body.length";
    assert_eq!(answer(&server.base, body), "300000");
    let failing = "const body = new ReadableStream({ pull() { throw new Error('out of ink') } }); \
                   try { await fetch(`${base}/echo`, { method: 'POST', body, duplex: 'half' }); return 'sent' } catch (e) { return e.message.includes('out of ink') }";
    assert_eq!(answer(&server.base, failing), "true");
}

fn compressed() {
    let server = Server::start();
    for path in ["gzip", "brotli"] {
        let body = format!(
            "const r = await fetch(`${{base}}/{path}`); return [await r.text(), r.headers.get('content-encoding') !== null]"
        );
        assert_eq!(answer(&server.base, &body), r#"["hello, hello, hello, hello",true]"#, "{path}");
    }
    // A job that asks for it as it is gets it as it is.
    let body = "const r = await fetch(`${base}/gzip`, { headers: { 'accept-encoding': 'identity' } }); return [...new Uint8Array(await r.arrayBuffer())].slice(0, 2)";
    assert_eq!(answer(&server.base, body), "[31,139]");
    let body =
        "const r = await fetch(`${base}/broken-gzip`); try { return await r.text() } catch (e) { return e.name }";
    assert_eq!(answer(&server.base, body), r#""TypeError""#);
}

fn statuses() {
    let server = Server::start();
    let body = "const out = []; for (const s of [200, 201, 400, 404, 500, 599]) { const r = await fetch(`${base}/status?${s}`); out.push([r.status, r.ok, await r.text()]) } return out";
    assert_eq!(
        answer(&server.base, body),
        r#"[[200,true,"a body"],[201,true,"a body"],[400,false,"a body"],[404,false,"a body"],[500,false,"a body"],[599,false,"a body"]]"#
    );
    assert_eq!(answer(&server.base, "const r = await fetch(`${base}/empty`); return [r.status, r.body]"), "[204,null]");
}

fn redirects() {
    let server = Server::start();
    let body = "const r = await fetch(`${base}/redirect?/json`); return [r.redirected, r.url === `${base}/json`, (await r.json()).a.length]";
    assert_eq!(answer(&server.base, body), "[true,true,3]");
    let body = "const r = await (await fetch(`${base}/redirect?/echo`, { method: 'POST', body: 'x' })).json(); return [r.method, r.body]";
    assert_eq!(answer(&server.base, body), r#"["GET",""]"#);
    let body = "const r = await (await fetch(`${base}/redirect-307?/echo`, { method: 'POST', body: 'x' })).json(); return [r.method, r.body]";
    assert_eq!(answer(&server.base, body), r#"["POST","x"]"#);
    let body = "const r = await fetch(`${base}/redirect?/json`, { redirect: 'manual' }); return [r.status, r.headers.get('location'), await r.text()]";
    assert_eq!(answer(&server.base, body), r#"[302,"/json","moved"]"#);
    let tried = |init: &str, path: &str| {
        answer(
            &server.base,
            &format!(
                "try {{ await fetch(`${{base}}/{path}`, {init}) }} catch (e) {{ return e.name + ': ' + e.message }}"
            ),
        )
    };
    assert_eq!(
        tried("{ redirect: 'error' }", "redirect?/json"),
        r#""TypeError: Fetch failed: Encountered redirect while redirect mode is set to 'error'""#
    );
    assert_eq!(tried("{}", "loop"), r#""TypeError: Fetch failed: Maximum number of redirects (20) reached""#);
    assert_eq!(
        tried("{}", "redirect?file:///etc/passwd"),
        r#""TypeError: Fetch failed: Can not redirect to a non HTTP(s) url""#
    );
    // Another port is another origin: what identifies the job does not go there.
    let other = Server::start();
    let body = format!(
        "const {{ headers: h }} = await (await fetch(`${{base}}/redirect?{}/echo`, {{ headers: {{ authorization: 'a', cookie: 'c', 'x-y': 'z' }} }})).json(); \
         return [h.authorization ?? null, h.cookie ?? null, h['x-y']]",
        other.base
    );
    assert_eq!(answer(&server.base, &body), r#"[null,null,"z"]"#);
}

fn keep_alive() {
    let server = Server::start();
    let body = "for (let i = 0; i < 5; i++) await (await fetch(`${base}/json`)).text(); await fetch(`${base}/empty`); await (await fetch(`${base}/redirect?/json`)).json(); return 1";
    assert_eq!(answer(&server.base, body), "1");
    assert_eq!(server.connections(), 1);
}

/// More responses are waited for than there may be connections, and none is read before all are there.
fn read_ahead() {
    let server = Server::start();
    let network = Network { connections: 2, ..Network::default() };
    let body = "const all = await Promise.all(Array.from({ length: 20 }, () => fetch(`${base}/json`))); \
                return { v: (await Promise.all(all.map(r => r.json()))).length };";
    assert_eq!(value(under(network, &job(&server.base, body))), "20");
    assert!(server.connections() <= 2, "{}", server.connections());
}

fn stale() {
    let server = Server::start();
    let body =
        "let n = 0; for (let i = 0; i < 20; i++) n += await (await fetch(`${base}/json-and-hang-up`)).json(); return n";
    assert_eq!(answer(&server.base, body), "20");
}

fn signals() {
    let server = Server::start();
    let tried = |signal: &str, path: &str, then: &str| {
        let body = format!(
            "const controller = new AbortController(); try {{ const r = await fetch(`${{base}}/{path}`, {{ signal: {signal} }}); {then} }} \
             catch (e) {{ return e.name ?? e }}"
        );
        answer(&server.base, &body)
    };
    assert_eq!(tried("AbortSignal.timeout(1)", "never", ""), r#""TimeoutError""#);
    assert_eq!(tried("AbortSignal.abort()", "never", ""), r#""AbortError""#);
    assert_eq!(tried("(queueMicrotask(() => controller.abort('mine')), controller.signal)", "never", ""), r#""mine""#);
    assert_eq!(tried("controller.signal", "stalls", "controller.abort(); await r.text()"), r#""AbortError""#);
    assert_eq!(tried("AbortSignal.timeout(1)", "stalls", "await r.text()"), r#""TimeoutError""#);
}

fn broken() {
    let server = Server::start();
    let network = Network::default;
    let told =
        |text: String| text.replace(&server.base, "BASE").replace(&format!("127.0.0.1:{}", server.port()), "SERVER");
    let said = told(refusal(network(), &server.base, "await (await fetch(`${base}/breaks`)).text()"));
    assert_eq!(said, "the response of BASE/breaks breaks off: end of file before message length reached");
    let said = told(refusal(network(), &server.base, "await (await fetch(`${base}/breaks-chunk`)).text()"));
    assert!(said.starts_with("the response of BASE/breaks-chunk breaks off: "), "{said}");
    let said = told(refusal(network(), &server.base, "await fetch(`${base}/hangs-up?secret`)"));
    assert_eq!(said, "cannot fetch BASE/hangs-up: connection closed before message completed");
    let gone = Server::start();
    let base = gone.base.clone();
    drop(gone);
    let said = refusal(network(), &base, "await fetch(`${base}/json`)");
    assert!(said.contains("cannot connect: 127.0.0.1:") && said.contains("Connection refused"), "{said}");
    let said = refusal(network(), &base, "await fetch('http://nowhere.invalid/')");
    assert!(said.starts_with("cannot fetch http://nowhere.invalid/: cannot look nowhere.invalid up: "), "{said}");
    let said = refusal(network(), &server.base, "await fetch(base.replace('http', 'https'))");
    assert!(said.contains("no secure connection: "), "{said}");
}

fn big() {
    let server = Server::start();
    assert_eq!(answer(&server.base, "return (await (await fetch(`${base}/big?20000000`)).text()).length"), "20000000");
}

fn data_and_blob() {
    let server = Server::start();
    assert_eq!(answer(&server.base, "return (await fetch('data:text/plain;base64,aGk=')).text()"), r#""hi""#);
    let body = "const url = URL.createObjectURL(new Blob(['hi'], { type: 'a/b' })); const r = await fetch(url); return [await r.text(), r.headers.get('content-type')]";
    assert_eq!(answer(&server.base, body), r#"["hi","a/b"]"#);
}

/// Nothing else could settle the promise.
fn not_idle() {
    let server = Server::start();
    assert_eq!(answer(&server.base, "return (await fetch(`${base}/slow?1`)).text()"), r#""done""#);
    let report =
        under(Network::default(), &job(&server.base, "await fetch(`${base}/json`); await new Promise(() => {});"));
    assert_eq!(report.ending(), "kill idle IdleError: the job waits for a promise that nothing can settle");
}

fn end_of_step() {
    let server = Server::start();
    // Nobody waits for it; nobody hears of it, and what would have come after it does not happen in the next step.
    let first = "globalThis.late = []; \
                 fetch(`${base}/never`).then(() => late.push('answered')); \
                 fetch(`${base}/never`).catch(e => { late.push(e.message.replace(base, '')); setTimeout(() => late.push('timer'), 0); fetch(`${base}/json`).catch(e => late.push(e.message.replace(base, ''))) }); \
                 return state;";
    let second = "await new Promise(r => setTimeout(r, 1)); return { v: late };";
    let report = steps(&server.base, &[first, second]);
    let expected = r#"["cannot fetch /never: the step that made the request has ended","cannot fetch /json: a request can be made only while a step runs"]"#;
    assert_eq!(value(report), expected);
    // A step that fails ends its requests, too.
    let report = steps(&server.base, &["fetch(`${base}/never`); throw new Error('x')"]);
    assert_eq!(report.ending(), "fail JobError: x");
}

fn end_of_responses() {
    let server = Server::start();
    let first = "globalThis.r = await fetch(`${base}/stalls`); r.text().then(t => { globalThis.got = t }, e => { globalThis.got = e.message.replace(base, '') }); return state;";
    let second = "return { v: got };";
    assert_eq!(
        value(steps(&server.base, &[first, second])),
        r#""the response of /stalls breaks off: the step that made the request has ended""#
    );
    server.wait_for_hang_up();
}

fn response_as_stream() {
    let server = Server::start();
    let first = "const r = await fetch(`${base}/big?1000000`); return { file: r.body };";
    let second = "let n = 0; for await (const piece of state.file) n += piece.length; return { v: n };";
    let report = steps(&server.base, &[first, second]);
    assert_eq!(report.steps[0].output.as_ref().expect("it has one").to_bytes(), r#"{"file":"[stream]"}"#.as_bytes());
    assert_eq!(value(report), "1000000");
    let first = "return { _r: await fetch(`${base}/json`) };";
    let second = "return { v: (await state._r.json()).a.length };";
    assert_eq!(value(steps(&server.base, &[first, second])), "3");
}

fn between_steps() {
    use fulgurite_plan::{Condition, Draft, DraftEdge, DraftStep, Plan};
    let server = Server::start();
    let condition = format!("(fetch('{}/json').catch(e => {{ globalThis.said = e.message }}), true)", server.base);
    let edge = DraftEdge::new("b", Condition::Expression(condition));
    let first = DraftStep { next: vec![edge], ..crate::support::step("a", "export default [s => s]") };
    let second =
        crate::support::step("b", "export default [async s => { await null; return { v: said.replace(/.*: /, '') } }]");
    let plan = Plan::new(Draft { steps: vec![first, second], ..Draft::default() }).expect("a plan");
    let report = crate::support::run(fulgurite_runtime::Request::new(plan));
    assert_eq!(value(report), r#""a request can be made only while a step runs""#);
    assert_eq!(server.connections(), 0);
}

fn tampered() {
    let server = Server::start();
    let body = "const evil = () => { throw new Error('tampered') }; const { fetch } = globalThis; \
                const all = [[Array.prototype, ['push', 'filter', 'map', 'splice', 'includes', 'concat', 'slice', Symbol.iterator]], \
                  [Promise.prototype, ['catch', 'finally']], [Map.prototype, ['get', 'set', 'has']], [String.prototype, ['toLowerCase', 'split']], \
                  [JSON, ['stringify']], [Object, ['defineProperty']], [Reflect, ['apply']], [Function.prototype, ['apply', 'bind']], \
                  [globalThis, ['Request', 'Response', 'Headers', 'URL', 'ReadableStream', 'TextDecoder', 'AbortSignal', 'Uint8Array', 'Promise']]]; \
                for (let i = 0; i < all.length; i++) for (let j = 0; j < all[i][1].length; j++) all[i][0][all[i][1][j]] = evil; \
                Object.prototype.__inspectorNetwork = { isEnabled: evil }; Object.prototype.__telemetry = { TRACING_ENABLED: true }; \
                const r = await fetch(`${base}/redirect?/json`, { headers: { a: 'b' } }); return { v: (await r.json()).a.length };";
    assert_eq!(value(under(Network::default(), &job(&server.base, body))), "3");
    // The one thing that deno_core looks up in the job's world when it calls an op.
    let body = "const f = () => {}; f.call = 1; try { Function.prototype.call = () => {} } catch (e) { return [f.call, e.name, (() => 5).call()] }";
    assert_eq!(answer("", body), r#"[1,"TypeError",5]"#);
}

fn time_limit() {
    let server = Server::start();
    for body in [
        "await fetch(`${base}/never`)",
        "await (await fetch(`${base}/stalls`)).text()",
        "while (true) await (await fetch(`${base}/json`)).text()",
    ] {
        let mut request = crate::support::request(&job(&server.base, body), "{}", 3);
        request.limits.step_timeout = Some(Duration::from_millis(100));
        assert_eq!(
            crate::support::run(request).ending(),
            "kill timeout TimeoutError: Job took longer than 100ms to complete",
            "{body}"
        );
    }
}

fn world() {
    let body = "const names = ['fetch', 'Headers', 'Request', 'Response', 'FormData', 'crypto', 'Crypto', 'CryptoKey', 'SubtleCrypto']; \
                return [names.filter(n => typeof globalThis[n] === 'undefined'), typeof Deno, typeof EventSource, Reflect.ownKeys(Crypto), Reflect.ownKeys(SubtleCrypto), Reflect.ownKeys(CryptoKey), fetch.name, fetch.length, Object.keys(globalThis).includes('fetch')]";
    assert_eq!(
        answer("", body),
        r#"[[],"undefined","undefined",["length","name","prototype"],["length","name","prototype","supports"],["length","name","prototype","fromCloneData"],"fetch",1,true]"#
    );
}
