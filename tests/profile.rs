//! What can be seen of a run from outside: the trace of `--profile`, V8's samples of `--cpu-profile`, and what a collector is told. All
//! by the built program. And what nobody looks at costs nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use libtest_mimic::Trial;
use serde_json::Value;

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("profile::{name}"), move || {
            test();
            Ok(())
        })
    };
    let mut trials = vec![
        trial("spans_of_nobody_allocate_nothing", unwatched),
        trial("a_trace_of_everything", || traced(&[])),
        trial("samples_are_where_the_time_goes", sampled),
        trial("samples_break_no_limit", limits),
    ];
    #[cfg(target_os = "linux")]
    trials.push(trial("a_trace_of_a_process", || traced(&["--isolate-process"])));
    #[cfg(all(feature = "otlp", target_os = "linux"))]
    trials.extend([
        trial("a_collector_hears_of_a_run", collector::run),
        trial("a_collector_hears_of_a_worker", collector::worker),
        trial("a_collector_that_is_away", collector::away),
        trial("collectors_of_the_environment", collector::settings),
    ]);
    trials
}

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all of it is the system's own allocator; a number is counted up beside it, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is going away has no counter any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as asked of us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as asked of us.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn unwatched() {
    let allocations = || ALLOCATIONS.with(Cell::get);
    // The first time `tracing` takes note of the places.
    fulgurite_runtime::bench::spans_of_nobody();
    let before = allocations();
    drop(Box::new(before));
    assert_eq!(allocations(), before + 1, "allocations are counted");
    for _ in 0..1000 {
        fulgurite_runtime::bench::spans_of_nobody();
    }
    assert_eq!(allocations(), before + 1);
}

fn fulgurite(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").env("NO_COLOR", "1");
    command.output().expect("the program runs")
}

fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("it is JSON")
}

const WORKFLOW: &str = r#"
name: traced
steps:
  - id: first
    expression: |
      fn(state => ({ ...state, garbage: Array.from({ length: 100_000 }, (_, i) => ({ i })).length }));
      fn(async state => { await call('called', { data: 1 }); return state; });
    next: second
  - id: second
    with_items: state.data
    concurrency: 3
    expression: |
      fn(async state => { await new Promise(resolve => setTimeout(resolve, 5)); return { data: state.item }; });
  - id: called
    expression: |
      fn(state => state);
"#;

/// One complete event of a trace.
#[derive(Debug, Clone)]
struct Span {
    name: String,
    kind: String,
    lane: (u64, u64),
    start: f64,
    end: f64,
    args: Value,
}

impl Span {
    fn is_within(&self, other: &Span) -> bool {
        // Times are nanoseconds, written as microseconds.
        self.start >= other.start - 0.01 && self.end <= other.end + 0.01
    }
}

fn spans(trace: &Value) -> Vec<Span> {
    let events = trace["traceEvents"].as_array().expect("a trace has events");
    let spans = events.iter().filter(|event| event["ph"] == "X").map(|event| {
        let number = |key: &str| event[key].as_f64().unwrap_or_else(|| panic!("{key} in {event}"));
        assert!(number("dur") >= 0.0 && number("ts") >= 0.0, "{event}");
        Span {
            name: event["name"].as_str().expect("a name").to_owned(),
            kind: event["cat"].as_str().expect("a kind").to_owned(),
            lane: (number("pid") as u64, number("tid") as u64),
            start: number("ts"),
            end: number("ts") + number("dur"),
            args: event["args"].clone(),
        }
    });
    spans.collect()
}

fn traced(flags: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("w.yaml"), WORKFLOW).expect("it is written");
    let input = r#"{"data":[1,2,3,4,5,6,7]}"#;
    fs::write(folder.path().join("s.json"), input).expect("it is written");
    let call = ["run", "w.yaml", "-s", "s.json", "-o", "o.json", "--no-cache", "--profile", "t.json"];
    let output = fulgurite(folder.path(), &[&call[..], flags].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let trace = json(&folder.path().join("t.json"));
    assert_eq!(trace["otherData"]["left_out"], 0);
    let spans = spans(&trace);

    // What is on a lane is a stack.
    let mut lanes: BTreeMap<(u64, u64), Vec<&Span>> = BTreeMap::new();
    spans.iter().for_each(|span| lanes.entry(span.lane).or_default().push(span));
    for lane in lanes.values_mut() {
        lane.sort_by(|a, b| a.start.total_cmp(&b.start).then(b.end.total_cmp(&a.end)));
        let mut open: Vec<&Span> = Vec::new();
        for span in lane.iter() {
            while open.last().is_some_and(|last| last.end <= span.start + 0.01) {
                open.pop();
            }
            if let Some(around) = open.last() {
                assert!(span.is_within(around), "{span:?} is torn out of {around:?}");
            }
            open.push(span);
        }
    }
    let events = trace["traceEvents"].as_array().expect("events");
    let named: BTreeSet<(u64, u64)> = events
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .filter_map(|event| Some((event["pid"].as_u64()?, event["tid"].as_u64()?)))
        .collect();
    assert!(lanes.keys().all(|lane| named.contains(lane)), "every lane has a name");

    let of = |kind: &str| spans.iter().filter(|span| span.kind == kind).cloned().collect::<Vec<_>>();
    let only = |kind: &str| match &of(kind)[..] {
        [only] => only.clone(),
        all => panic!("one {kind}, and not {all:?}"),
    };
    let (run, execute) = (only("run"), only("execute"));
    assert!(spans.iter().all(|span| span.is_within(&run)), "all of it is the run");
    let apart = !flags.is_empty();
    assert_eq!(run.lane.0 != execute.lane.0, apart, "a process of its own has its own number");
    for kind in ["isolate", "compile", "compile_v8", "step", "load", "view", "operation", "encode", "gc"] {
        let all = of(kind);
        assert!(!all.is_empty(), "{kind} in {:?}", spans.iter().map(|span| &span.name).collect::<BTreeSet<_>>());
        for span in all {
            assert_eq!(span.lane.0, execute.lane.0);
            match kind {
                // A process that has had the time has made it before there was a run.
                "isolate" if apart && span.end <= execute.start => {}
                _ => assert!(span.is_within(&execute), "{span:?} in {execute:?}"),
            }
        }
    }
    let steps: HashMap<String, Span> = of("step").into_iter().map(|span| (span.name.clone(), span)).collect();
    let names: BTreeSet<&str> = steps.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["step called", "step first", "step second"]));
    assert!(steps["step called"].is_within(&steps["step first"]));
    assert_eq!(steps["step first"].args["bytes_in"], input.len() + r#","configuration":{}"#.len());
    assert_eq!(steps["step second"].args["outcome"], "success");
    for kind in ["view", "encode", "operation", "load"] {
        for span in of(kind) {
            assert!(steps.values().any(|step| span.is_within(step)), "{span:?} is in no step");
        }
    }
    // Two of the first step, one of the called one, and one for each item.
    let operations = of("operation");
    assert_eq!(operations.len(), 2 + 1 + 7);
    assert!(operations.iter().any(|span| span.name == "fn (line 2)"), "{operations:?}");
    let second: BTreeSet<_> =
        operations.iter().filter(|span| span.is_within(&steps["step second"])).map(|span| span.lane).collect();
    assert!(second.len() >= 3, "three at a time are beside each other: {second:?}");
    let output = only("output");
    assert_eq!(output.args["bytes"], fs::read(folder.path().join("o.json")).expect("a result").len() - 1);
    assert!(of("index").iter().any(|span| span.args["bytes"] == input.len()));
    let threads = events.iter().filter(|event| event["name"] == "thread_name");
    let threads: BTreeSet<&str> = threads.filter_map(|event| event["args"]["name"].as_str()).collect();
    // Jobs are compiled beside the isolate, if that has still to be made.
    let expected: &[&str] = if apart { &["main", "run"] } else { &["main", "run", "compile"] };
    assert!(expected.iter().all(|name| threads.contains(name)), "{threads:?}");
    let heap: Vec<u64> = events
        .iter()
        .filter(|event| event["ph"] == "C" && event["name"] == "heap")
        .filter_map(|event| event["args"]["bytes"].as_u64())
        .collect();
    assert!(heap.len() > 2 && heap.iter().all(|bytes| *bytes > 100_000), "{heap:?}");
}

/// What a job spends its time on, in TypeScript: half of the lines are not in what V8 runs.
const HOT: &str = "interface Row {
  id: number;
  name: string;
}

function burn(rounds: number): number {
  let total = 0;
  for (let i = 0; i < rounds; i++) {
    total += Math.sqrt(i) * (total % 7);
  }
  return total;
}

fn((state: { data: Row }) => ({ ...state, total: burn(30_000_000) }));
";

fn sampled() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("hot.ts"), HOT).expect("it is written");
    let output =
        fulgurite(folder.path(), &["run", "hot.ts", "-o", "o.json", "--no-cache", "--cpu-profile", "p.cpuprofile"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let profile = json(&folder.path().join("p.cpuprofile"));
    let nodes = profile["nodes"].as_array().expect("nodes");
    let burn: HashMap<u64, &Value> = nodes
        .iter()
        .filter(|node| node["callFrame"]["functionName"] == "burn")
        .map(|node| (node["id"].as_u64().expect("an id"), node))
        .collect();
    assert!(!burn.is_empty(), "{profile}");
    for node in burn.values() {
        let frame = &node["callFrame"];
        // Lines count from 0 here, and from 1 below.
        assert_eq!((&frame["url"], &frame["lineNumber"]), (&"hot.ts".into(), &5.into()), "{node}");
        let ticks = node["positionTicks"].as_array().expect("ticks");
        assert!(ticks.iter().all(|tick| (6..=12).contains(&tick["line"].as_u64().unwrap_or(0))), "{node}");
    }
    let samples = profile["samples"].as_array().expect("samples");
    let hot = samples.iter().filter(|sample| sample.as_u64().is_some_and(|id| burn.contains_key(&id))).count();
    assert!(samples.len() > 20 && hot * 2 > samples.len(), "{hot} of {} samples", samples.len());
    assert_eq!(samples.len(), profile["timeDeltas"].as_array().expect("times").len());
    assert!(profile["endTime"].as_u64() > profile["startTime"].as_u64());
}

fn limits() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |job: &str, flags: &[&str], error: &str| {
        fs::write(folder.path().join("j.js"), job).expect("it is written");
        let call = ["run", "j.js", "-o", "o.json", "--no-cache", "--cpu-profile", "p.cpuprofile"];
        let output = fulgurite(folder.path(), &[&call[..], flags].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(error), "{said}");
        let profile = json(&folder.path().join("p.cpuprofile"));
        assert!(profile["samples"].as_array().is_some_and(|samples| !samples.is_empty()), "{profile}");
    };
    check("fn(() => { for (;;); });", &["--timeout", "300"], "TimeoutError");
    check("fn(() => { for (;;); });", &["--cpu-timeout", "200"], "TimeoutError");
    check(
        "fn(() => { const all = []; for (;;) all.push(new Array(100_000).fill(all.length)); });",
        &["--memory", "64"],
        "OOMError",
    );
    check("fn(() => new Promise(() => {}));", &[], "IdleError");
}

#[cfg(all(feature = "otlp", target_os = "linux"))]
mod collector {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::{Duration, Instant};

    use fulgurite::profile::otlp::Settings;

    use super::*;

    /// A collector: what is posted to it, with its head.
    struct Collector {
        url: String,
        posted: Receiver<(String, Value)>,
    }

    impl Collector {
        fn start() -> Collector {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let url = format!("http://{}", listener.local_addr().expect("it is bound"));
            let (post, posted) = channel();
            // It ends with the process of the tests.
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.expect("somebody connects");
                    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                    let (mut head, mut length) = (String::new(), 0);
                    loop {
                        let mut line = String::new();
                        reader.read_line(&mut line).expect("a line");
                        if line == "\r\n" || line.is_empty() {
                            break;
                        }
                        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                            length = value.trim().parse().expect("a number");
                        }
                        head.push_str(&line);
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).expect("a body");
                    // Before the answer, after which nobody waits.
                    if post.send((head, serde_json::from_slice(&body).expect("it is JSON"))).is_err() {
                        return;
                    }
                    // Who has read how it begins may be gone.
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
                }
            });
            Collector { url, posted }
        }

        /// All spans so far, by their ids.
        fn spans(&self) -> HashMap<String, Value> {
            let mut spans = HashMap::new();
            for (head, body) in self.posted.try_iter() {
                assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
                assert!(
                    head.contains("content-type: application/json\r\n") && head.contains("x-key: a b\r\n"),
                    "{head}"
                );
                let [resource] = &body["resourceSpans"].as_array().expect("resources")[..] else { panic!("{body}") };
                let service = &resource["resource"]["attributes"];
                let named = |attribute: &Value| {
                    attribute["key"] == "service.name" && attribute["value"]["stringValue"] == "tests"
                };
                assert!(service.as_array().expect("attributes").iter().any(named), "{service}");
                for span in resource["scopeSpans"][0]["spans"].as_array().expect("spans") {
                    let id = span["spanId"].as_str().expect("an id").to_owned();
                    assert_eq!((id.len(), span["traceId"].as_str().map(str::len)), (16, Some(32)), "{span}");
                    assert!(time(span, "startTimeUnixNano") <= time(span, "endTimeUnixNano"));
                    assert!(spans.insert(id, span.clone()).is_none(), "{span} is there twice");
                }
            }
            spans
        }

        fn command(&self, folder: &Path) -> Command {
            let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
            command.current_dir(folder).env_remove("RUST_LOG").env("NO_COLOR", "1");
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.url).env("OTEL_SERVICE_NAME", "tests");
            command.env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b");
            command
        }
    }

    fn time(span: &Value, key: &str) -> u64 {
        span[key].as_str().and_then(|time| time.parse().ok()).unwrap_or_else(|| panic!("{key} in {span}"))
    }

    fn attribute<'a>(span: &'a Value, name: &str) -> Option<&'a Value> {
        let all = span["attributes"].as_array()?.iter();
        all.filter(|attribute| attribute["key"] == name).map(|attribute| &attribute["value"]).next()
    }

    fn named<'a>(spans: &'a HashMap<String, Value>, name: &str) -> Vec<&'a Value> {
        spans.values().filter(|span| span["name"] == name).collect()
    }

    /// The names from a span up to its root.
    fn line(spans: &HashMap<String, Value>, span: &Value) -> Vec<String> {
        let mut names = vec![span["name"].as_str().expect("a name").to_owned()];
        let mut at = span;
        while let Some(parent) = at["parentSpanId"].as_str() {
            at = spans.get(parent).unwrap_or_else(|| panic!("the parent of {at} is missing"));
            names.push(at["name"].as_str().expect("a name").to_owned());
        }
        names
    }

    fn check(spans: &HashMap<String, Value>) {
        let run = named(spans, "run")[0];
        let since = time(run, "startTimeUnixNano");
        let epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        assert!(epoch.as_nanos() as u64 - since < 300_000_000_000, "a time of today");
        let mut steps: Vec<&Value> = named(spans, "step");
        steps.sort_by_key(|step| time(step, "startTimeUnixNano"));
        let ids: Vec<&Value> =
            steps.iter().filter_map(|step| attribute(step, "step")).map(|id| &id["stringValue"]).collect();
        assert_eq!(ids, ["first", "called", "second"]);
        assert_eq!(line(spans, steps[0]), ["step", "execute", "run"]);
        assert_eq!(line(spans, steps[1]), ["step", "step", "execute", "run"], "what is called is its caller's");
        for name in ["view", "encode", "step", "execute", "isolate"] {
            let all = named(spans, name);
            assert!(!all.is_empty(), "{name}");
            for span in all {
                assert_eq!(span["traceId"], run["traceId"], "{span}");
                assert_eq!(line(spans, span).last().map(String::as_str), Some("run"), "{span}");
            }
        }
        assert!(named(spans, "view").iter().all(|view| line(spans, view)[1] == "step"));
        assert!(named(spans, "operation").is_empty(), "operations are for a profile");
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("w.yaml"), WORKFLOW).expect("it is written");
        fs::write(folder.path().join("s.json"), r#"{"data":[1,2,3]}"#).expect("it is written");
        folder
    }

    pub(super) fn run() {
        for flags in [&[][..], &["--isolate-process"]] {
            let (collector, folder) = (Collector::start(), folder());
            let mut command = collector.command(folder.path());
            let output =
                command.args(["run", "w.yaml", "-s", "s.json", "-o", "o.json", "--no-cache"]).args(flags).output();
            let output = output.expect("the program runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let spans = collector.spans();
            check(&spans);
            let run = named(&spans, "run")[0];
            let id = attribute(run, "run").and_then(|id| id["stringValue"].as_str()).expect("the run's id");
            assert!(id.starts_with("local-"), "{id}");
        }
    }

    /// A server, a worker and a run: what the run's process traced is a part of what the worker did.
    pub(super) fn worker() {
        let (collector, folder) = (Collector::start(), tempfile::tempdir().expect("a folder"));
        let steps = "steps:\n  - id: a\n    expression: fn(state => state);\n    next: b\n  - id: b\n    expression: fn(state => state);\n";
        fs::write(folder.path().join("w.yaml"), steps).expect("it is written");
        fs::write(folder.path().join("s.json"), r#"{"data":[1,2,3]}"#).expect("it is written");
        let mut command = collector.command(folder.path());
        let output =
            command.args(["dev", "w.yaml", "-s", "s.json", "-o", "o.json"]).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let spans = collector.spans();
        let runs = named(&spans, "run");
        assert_eq!(runs.len(), 1, "{said}");
        let id = attribute(runs[0], "run").and_then(|id| id["stringValue"].as_str()).expect("the run's id");
        assert_eq!(runs[0]["traceId"], id.replace('-', ""), "the run's id is the trace's");
        let sends = named(&spans, "send");
        for event in ["run:start", "step:start", "step:complete", "run:complete"] {
            let send =
                sends.iter().find(|send| attribute(send, "event").is_some_and(|name| name["stringValue"] == event));
            let send = send.unwrap_or_else(|| panic!("{event} in {sends:?}\n{said}"));
            assert_eq!(line(&spans, send), ["send", "run"]);
            let size = |name: &str| {
                let value = attribute(send, name).and_then(|value| value["intValue"].as_str()?.parse::<u64>().ok());
                value.unwrap_or_else(|| panic!("{name} of {send}"))
            };
            assert!(size("frame_bytes") > size("bytes"), "{send}");
        }
        assert_eq!(named(&spans, "claim").len(), 1, "one of them brought something");
        let steps = named(&spans, "step");
        assert_eq!(steps.len(), 2, "{said}");
        for step in steps {
            assert_eq!(line(&spans, step).last().map(String::as_str), Some("run"));
            assert_ne!(attribute(step, "process.pid"), attribute(runs[0], "process.pid"));
        }
    }

    /// A collector that is not there costs a line, and no run.
    pub(super) fn away() {
        let (mut collector, folder) = (Collector::start(), folder());
        // A port that was free a moment ago.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        collector.url = format!("http://{}", listener.local_addr().expect("it is bound"));
        drop(listener);
        let began = Instant::now();
        let mut command = collector.command(folder.path());
        let output = command.args(["run", "w.yaml", "-s", "s.json", "-o", "o.json"]).env("RUST_LOG", "warn").output();
        let output = output.expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("spans cannot be sent"), "{said}");
        assert!(began.elapsed() < Duration::from_secs(60));
        let wrong = collector
            .command(folder.path())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4318")
            .args(["run", "w.yaml"])
            .output();
        let wrong = wrong.expect("the program runs");
        let said = String::from_utf8_lossy(&wrong.stderr);
        assert!(!wrong.status.success() && said.contains("plain http only") && said.contains("= help:"), "{said}");
    }

    pub(super) fn settings() {
        let of = |variables: &[(&str, &str)]| {
            let variables: HashMap<String, String> =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Settings::of(|name| variables.get(name).cloned())
        };
        const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(ENDPOINT, "")]), Ok(None));
        assert_eq!(of(&[(ENDPOINT, "http://a:4318"), ("OTEL_SDK_DISABLED", "true")]), Ok(None));
        let general = of(&[(ENDPOINT, "http://a:4318/base/")]).expect("it is usable");
        let specific =
            of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a:4318/base/v1/traces")]).expect("it is usable");
        assert!(general.is_some() && general == specific);
        assert!(of(&[(ENDPOINT, "http://[::1]:4318")]).is_ok_and(|settings| settings.is_some()));
        for wrong in ["https://a:4318", "a:4318", "http://", "http://a:b", "http://me:secret@a:4318"] {
            assert!(of(&[(ENDPOINT, wrong)]).is_err(), "{wrong}");
        }
        assert!(of(&[(ENDPOINT, "http://a:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_err());
    }
}
