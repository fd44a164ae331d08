//! Runs in processes of their own: real children of the built program. What the pool does with children that misbehave on
//! purpose is tested in `engine/tests/processes.rs`; here are those that run JavaScript.
//!
//! Nothing sleeps: every wait is for something that happens, and has an end.

use std::io::{BufRead, BufReader};
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fulgurite::engine::{build, config, wire};
use fulgurite_engine::channel::{self, readable};
use fulgurite_engine::harden::Hardening;
use fulgurite_engine::message::{Greeting, ToChild, ToParent};
use fulgurite_engine::pool::{Ending, Room, Run, StartError};
use fulgurite_engine::process::{Memory, Process, Program};
use fulgurite_engine::{Config, Pool};
use fulgurite_plan::{Condition, Draft, DraftEdge, DraftStep, Outcome, Plan, WithItems};
use fulgurite_runtime::{Event, Figures, Limits, Request, RunComplete};
use fulgurite_state::{IndexOptions, State};
use libtest_mimic::Trial;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::support::{self, request, step};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("engine::{name}"), move || {
            test();
            Ok(())
        })
    };
    let long = |name: &str, test: fn()| trial(name, test).with_ignored_flag(true);
    vec![
        trial("the_same_events_as_in_process", same_events),
        trial("results_that_cross_once", results_once),
        trial("large_states_both_ways", large),
        trial("limits", limits),
        trial("out_of_memory", out_of_memory),
        trial("abort", abort),
        trial("batches_in_flight", batches_in_flight),
        trial("many_private_keys", many_private_keys),
        trial("time_zone_and_chance", zone_and_chance),
        trial("a_killed_child_and_its_neighbour", neighbour),
        trial("a_killed_parent_takes_its_children_along", parent_death),
        trial("another_build_is_refused", another_build),
        trial("garbage_is_refused", garbage),
        trial("three_hundred_runs", || many(300)),
        long("long_ten_thousand_runs", || many(10_000)),
        long("long_cost_of_the_boundary", cost),
    ]
}

/// The built program as a child.
pub(crate) fn program() -> Program {
    Program { path: PathBuf::from(env!("CARGO_BIN_EXE_fulgurite")), ..Program::this(&["engine"]) }
}

fn pool(children: usize) -> Pool {
    Pool::start(Config { program: program(), children, ..config(None, false, None) }).expect("children start")
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(60))
}

/// A run in a child.
pub(crate) struct Going {
    pub(crate) run: Run,
    pub(crate) events: Receiver<Event>,
}

/// Starts a run in a child that is free, or gets free soon.
pub(crate) fn start(pool: &Pool, request: &Request) -> Going {
    let slot = pool.slot(soon()).expect("a child gets free");
    let (sender, events) = channel();
    let mut listener = wire::Listener::new(&request.plan);
    let sink = move |incoming: Option<_>| {
        if let Some(event) = incoming.and_then(|incoming| listener.event(incoming)) {
            let _ = sender.send(event);
        }
        Room::Free
    };
    Going { run: slot.start(wire::request(request), Box::new(sink)), events }
}

impl Going {
    /// Waits until the job logs something.
    fn wait_for_log(&self) {
        loop {
            match self.events.recv_timeout(Duration::from_secs(60)).expect("the job logs something") {
                Event::Log(_) => return,
                Event::RunComplete(run) => panic!("{:?}", run.outcome),
                _ => {}
            }
        }
    }

    fn end(self) -> (Vec<Event>, Ending) {
        let events = self.events.iter().collect();
        (events, self.run.join())
    }
}

fn complete(events: &[Event]) -> &RunComplete {
    match events.last() {
        Some(Event::RunComplete(run)) => run,
        other => panic!("{other:?} is not the end of a run"),
    }
}

fn run(pool: &Pool, request: &Request) -> (String, Ending) {
    let (events, ending) = start(pool, request).end();
    let run = complete(&events);
    assert_eq!(run.outcome, ending.outcome);
    let ending_of = match &run.outcome {
        Outcome::Success => "success".into(),
        Outcome::Kill(reason, error) => format!("kill {reason} {error}"),
        other => format!("{} {}", other.reason(), other.error().expect("only a success has none")),
    };
    (ending_of, ending)
}

/// An event as text, without what no two runs share.
fn shown(event: &Event) -> String {
    let timeless = |figures: &Figures| Figures {
        duration: Duration::ZERO,
        view: Duration::ZERO,
        encode: Duration::ZERO,
        load: Duration::ZERO,
        cpu: Duration::ZERO,
        heap: 0,
        buffers: 0,
        ..*figures
    };
    let state = |state: &State| {
        let live = state.live().map(|live| (live.private.clone(), live.streams.clone()));
        format!("{} {live:?}", String::from_utf8_lossy(&state.to_bytes()))
    };
    match event {
        Event::RunStart(run) => {
            format!(
                "{:?}",
                fulgurite_runtime::RunStart { startup: Duration::ZERO, isolate: Duration::ZERO, ..run.clone() }
            )
        }
        Event::StepStart(_) | Event::Log(_) => format!("{event:?}"),
        Event::StepComplete(step) => {
            let output = step.output.as_ref().map(state);
            let figures = timeless(&step.figures);
            format!("{:?} {} {:?} {output:?} {:?} {figures:?}", step.execution, step.step, step.outcome, step.next)
        }
        Event::RunComplete(run) => {
            let results: Vec<_> = run.results.iter().map(|(name, result)| (name, state(result))).collect();
            let figures = timeless(&run.figures);
            format!("{:?} {results:?} {:?} {figures:?}", run.outcome, run.executions)
        }
    }
}

/// Runs it here and in a child.
fn both(pool: &Pool, request: &Request) {
    let (sender, here) = channel();
    let handle = fulgurite_runtime::start(request.clone(), move |event| drop(sender.send(event)));
    let here: Vec<Event> = here.iter().collect();
    handle.join();
    let (there, _) = start(pool, request).end();
    let text = |events: &[Event]| events.iter().map(shown).collect::<Vec<_>>();
    assert_eq!(text(&there), text(&here));
}

fn plan(steps: Vec<DraftStep>) -> Request {
    let plan = Plan::new(Draft { steps, name: Some("a name".into()), ..Draft::default() }).expect("a plan");
    Request { input: Some(state("{\"data\":{\"n\":1.0,\"s\":\"é\"}}")), ..Request::new(plan) }
}

fn state(text: &str) -> State {
    State::parse(text.to_owned(), &IndexOptions::default()).expect("the test's input is JSON")
}

fn to(targets: &[&str], condition: &Condition) -> Vec<DraftEdge> {
    let edge = |target: &&str| DraftEdge::new(*target, condition.clone());
    targets.iter().map(edge).collect()
}

fn same_events() {
    let pool = pool(1);
    let all = "export default [s => { for (const level of ['debug', 'log', 'success', 'warn', 'error', 'always']) \
               console[level](level, 'é😀'); return s }];";
    let changes = "export default [s => ({ ...s, _private: 1, list: [1, s.data], map: new Map([[1, 2]]), n: 10n })];";
    let stream = "export default [s => ({ ...s, rows: new ReadableStream() })];";
    let throws = "export default [s => { const error = new TypeError('boom'); error.code = { deep: [1.5, null] }; throw error }];";
    both(&pool, &plan(vec![step("a", all)]));
    both(&pool, &plan(vec![step("a", changes), step("b", all)]));
    both(&pool, &plan(vec![step("a", stream)]));
    both(&pool, &plan(vec![step("a", throws)]));
    both(&pool, &plan(vec![step("a", "export default [() => undefined];")]));
    both(&pool, &plan(vec![step("a", "export default [s => nowhere(s)];")]));
    both(&pool, &plan(vec![step("a", "export default [syntax error];")]));
    both(&pool, &plan(vec![step("a", "import 'elsewhere'; export default [];")]));
    both(&pool, &plan(vec![step("a", "export default [() => new Promise(() => {})];")]));
    // A diamond, a failure that is handled, a condition over the state, and a trigger.
    let always = Condition::Always;
    let diamond = vec![
        DraftStep { id: Some("t".into()), next: to(&["a"], &always), ..DraftStep::default() },
        DraftStep { next: to(&["b", "c"], &always), name: Some("first".into()), ..step("a", changes) },
        DraftStep { next: to(&["d"], &Condition::OnFailure), ..step("b", throws) },
        DraftStep { next: to(&["d"], &Condition::Expression("state.list".into())), ..step("c", all) },
        step("d", stream),
    ];
    both(&pool, &plan(diamond));
    let loops = vec![DraftStep {
        next: to(&["a"], &Condition::Expression("state.data.n < 5".into())),
        ..step("a", "export default [s => { s.data.n++; return s }];")
    }];
    both(&pool, &plan(loops));
}

fn results_once() {
    let pool = pool(1);
    let always = Condition::Always;
    let leaf = "export default [s => ({ ...s, [Math.abs(1)]: 1 })];";
    let request =
        plan(vec![DraftStep { next: to(&["b", "c"], &always), ..step("a", leaf) }, step("b", leaf), step("c", leaf)]);
    let (events, _) = start(&pool, &request).end();
    let outputs: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::StepComplete(step) if step.next.is_empty() => step.output.clone(),
            _ => None,
        })
        .collect();
    let results = &complete(&events).results;
    assert_eq!((outputs.len(), results.len()), (2, 2));
    for (output, (_, result)) in outputs.iter().zip(results) {
        assert_eq!(output.to_bytes().as_ptr(), result.to_bytes().as_ptr());
    }
}

fn large() {
    let pool = pool(1);
    let rows: Vec<String> =
        (0..200_000).map(|i| format!("{{\"id\":{i},\"name\":\"someone number {i}\",\"on\":true}}")).collect();
    let text = format!("{{\"data\":{{\"rows\":[{}]}}}}", rows.join(","));
    let bytes = text.len();
    assert!(bytes > 8 << 20);
    let untouched =
        Request { input: Some(state(&text)), ..plan(vec![step("a", "export default [s => ({ ...s, seen: 1 })];")]) };
    let (events, _) = start(&pool, &untouched).end();
    let result = complete(&events).result().expect("a result").to_bytes();
    assert_eq!(&result[..], format!("{},\"seen\":1}}", &text[..bytes - 1]).as_bytes());
    assert_eq!(complete(&events).figures.bytes_parsed, 0);
    let touched = "export default [s => ({ data: s.data.rows.map(row => row.id) })];";
    both(&pool, &Request { input: Some(state(&text)), ..plan(vec![step("a", touched)]) });
}

fn limits() {
    let pool = pool(1);
    let limited = |code: &str, limits: Limits| Request { limits, ..request(code, "{}", 3) };
    let cpu = |ms: u64| Limits { step_cpu_timeout: Some(Duration::from_millis(ms)), ..Limits::default() };
    let endless = "export default [() => { for (;;); }];";
    let (ended, ending) = run(&pool, &limited(endless, cpu(200)));
    assert_eq!(ended, "kill cpu TimeoutError: Job used more than 200ms of CPU time");
    let used = ending.cpu.expect("the child lives");
    assert!((Duration::from_millis(200)..Duration::from_millis(400)).contains(&used), "{used:?}");
    let (ended, _) = run(&pool, &limited("for (;;);", cpu(50)));
    assert_eq!(ended, "kill cpu TimeoutError: Job used more than 50ms of CPU time");
    let microtasks = "export default [async () => { for (;;) await null; }];";
    assert_eq!(
        run(&pool, &limited(microtasks, cpu(50))).0,
        "kill cpu TimeoutError: Job used more than 50ms of CPU time"
    );
    // Waiting costs nothing.
    let waits = "export default [s => new Promise(resolve => setTimeout(() => resolve(s), 400))];";
    assert_eq!(run(&pool, &limited(waits, cpu(200))).0, "success");
    let run_cpu = Limits { run_cpu_timeout: Some(Duration::from_millis(100)), ..Limits::default() };
    let spends = "export default [s => { const t = Date.now() + 30; while (Date.now() < t); return s }];";
    let steps = (0..200).map(|i| DraftStep {
        next: if i < 199 { to(&[&format!("s{}", i + 1)], &Condition::Always) } else { vec![] },
        ..step(&format!("s{i}"), spends)
    });
    let (ended, _) = run(&pool, &Request { limits: run_cpu, ..plan(steps.collect()) });
    assert_eq!(ended, "kill cpu TimeoutError: Run used more than 100ms of CPU time");
    let wall = Limits { step_timeout: Some(Duration::from_millis(100)), ..Limits::default() };
    assert_eq!(
        run(&pool, &limited(endless, wall)).0,
        "kill timeout TimeoutError: Job took longer than 100ms to complete"
    );
    let small = Limits { state: Some(1000), ..Limits::default() };
    let (ended, _) = run(&pool, &limited("export default [() => ({ a: 'x'.repeat(5000) })];", small));
    assert!(ended.starts_with("kill oom StateTooLargeError"), "{ended}");
    let child = run(&pool, &request("export default [];", "{}", 3)).1.child;
    assert_eq!(child, ending.child, "no limit cost the child");
}

fn out_of_memory() {
    let pool = pool(1);
    let limits = Limits { heap: Some(64 << 20), ..Limits::default() };
    let limited = |code: &str| Request { limits: limits.clone(), ..request(code, "{}", 3) };
    let grows = "export default [() => { const all = []; for (;;) all.push(new Array(1000).fill(all.length)); }];";
    assert_eq!(run(&pool, &limited(grows)).0, "kill oom OOMError: Run exceeded maximum memory usage (64 MB)");
    assert_eq!(run(&pool, &limited("export default [s => s];")).0, "success");
}

fn abort() {
    let pool = pool(1);
    for code in [
        "export default [() => { console.log('on'); for (;;); }];",
        "export default [() => { console.log('on'); return new Promise(resolve => setTimeout(resolve, 1e8)); }];",
    ] {
        let going = start(&pool, &request(code, "{}", 3));
        going.wait_for_log();
        going.run.abort("enough");
        let (events, _) = going.end();
        let Outcome::Kill(fulgurite_plan::KillReason::Abort, error) = &complete(&events).outcome else { panic!() };
        assert_eq!((error.message.as_str(), error.step.as_deref()), ("enough", Some("step")));
    }
}

/// Names of what lives beside a state may be as large as the state.
fn many_private_keys() {
    let pool = pool(1);
    let code = "export default [() => { const o = {}; for (let i = 0; i < 120000; i++) o['_' + 'x'.repeat(200) + i] = 1; return o; }, state => ({ n: Object.keys(state).length })];";
    let two = "export default [state => ({ ...state })];";
    assert_eq!(run(&pool, &request(code, "{}", 3)).0, "success");
    let keep = code.replace(", state => ({ n: Object.keys(state).length })", "");
    assert_eq!(run(&pool, &request(&keep, "{}", 3)).0, "success");
    assert_eq!(run(&pool, &request(two, "{}", 3)).0, "success");
}

fn zone_and_chance() {
    let zone = Config {
        program: Program { path: program().path, ..config(Some("Asia/Kathmandu".as_ref()), false, None).program },
        ..config(None, false, None)
    };
    let pool = Pool::start(zone).expect("children start");
    let code = "export default [() => ({ offset: new Date(0).getTimezoneOffset(), chance: Math.random() })];";
    let result = || {
        let (events, _) = start(&pool, &request(code, "{}", 3)).end();
        String::from_utf8(complete(&events).result().expect("a result").to_bytes().to_vec()).expect("a state is UTF-8")
    };
    let (one, two) = (result(), result());
    assert!(one.starts_with("{\"offset\":-330,") && one != two, "{one} {two}");
}

fn neighbour() {
    let pool = pool(2);
    let sums = "export default [async s => { console.log('on'); let sum = 0; for (let i = 0; i < 50; i++) { \
                sum += i; await new Promise(resolve => setTimeout(resolve, 1)); } return { sum } }];";
    let neighbour = start(&pool, &request(sums, "{}", 3));
    neighbour.wait_for_log();
    let victim = start(&pool, &request("export default [() => { console.log('on'); for (;;); }];", "{}", 3));
    victim.wait_for_log();
    kill_process(pid(victim.run.child()), Signal::KILL).expect("it lives");
    let (events, _) = victim.end();
    let outcome = &complete(&events).outcome;
    let Outcome::Kill(fulgurite_plan::KillReason::Host, error) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.to_string(), "ExitError: the engine process ended by signal 9 (SIGKILL)");
    assert!(events.iter().any(|event| matches!(event, Event::StepComplete(step) if step.outcome == *outcome)));
    let (events, _) = neighbour.end();
    assert_eq!(complete(&events).result().expect("a result").to_bytes(), "{\"sum\":1225}");
    // And there are two children again.
    let again = [start(&pool, &request(sums, "{}", 3)), start(&pool, &request(sums, "{}", 3))];
    again.into_iter().for_each(|going| assert_eq!(going.end().1.outcome, Outcome::Success));
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(process as i32).expect("a process has a number")
}

fn parent_death() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("job.js"), "export default [() => { console.log('on'); for (;;); }];")
        .expect("a job");
    let mut parent = Command::new(env!("CARGO_BIN_EXE_fulgurite"))
        .args(["run", "job.js", "-O", "--isolate-process"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let said = BufReader::new(parent.stderr.take().expect("piped"));
    assert!(said.lines().map_while(Result::ok).any(|line| line.contains("on")), "the job runs");
    let of = |thread: std::path::PathBuf| std::fs::read_to_string(thread.join("children")).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{}/task", parent.id())).expect("it lives");
    let children: String = threads.flatten().map(|thread| of(thread.path())).collect();
    let child: u32 = children.trim().parse().unwrap_or_else(|_| panic!("one child, not {children:?}"));
    let child = pidfd_open(pid(child), PidfdFlags::empty()).expect("it lives");
    parent.kill().expect("it lives");
    parent.wait().expect("it ends");
    assert!(readable(child.as_fd(), soon()).expect("it can be waited for"), "the child outlives its parent");
}

fn another_build() {
    let error =
        Pool::start(Config { program: program(), build: "0.0.0 (V8 1.2.3)".into(), ..config(None, false, None) })
            .unwrap_err();
    let StartError::Refused(why) = error else { panic!("{error}") };
    assert!(why.contains("0.0.0 (V8 1.2.3)") && why.contains(&build()), "{why}");
}

fn garbage() {
    #[track_caller]
    fn check(greeted: bool, bytes: &[u8]) {
        let process = Process::spawn(&program()).expect("it starts");
        let mut receiver =
            process.receiver.socket().try_clone_to_owned().map(channel::Receiver::new).expect("a socket");
        if greeted {
            let hello = ToChild::Hello(Greeting::new(&build()), Hardening::default());
            process.sender.send(&hello, &[]).expect("it listens");
            for _ in 0..2 {
                let _: channel::Message<ToParent> = receiver.wait(soon()).expect("it answers");
            }
        }
        rustix::io::write(process.receiver.socket(), bytes).expect("it listens");
        let end = receiver.wait::<ToParent>(soon()).expect_err("it leaves");
        assert!(matches!(end, channel::Error::Closed), "{end}");
    }
    let frame = |head: &[u8]| fulgurite_engine::frame::start(head, &[]).expect("it is short");
    check(false, b"GET / HTTP/1.1\r\n\r\n");
    check(false, &frame(b"{}"));
    check(false, &frame(b"\"Leave\""));
    check(true, b"GET / HTTP/1.1\r\n\r\n");
    check(true, &frame(b"{\"Run\":{}}"));
    check(true, &frame(b"\"Leave\""));
}

/// Whoever asks how the children are sees how many calls over items each has in flight.
fn batches_in_flight() {
    let mut over = step("a", "export default [() => new Promise(resolve => setTimeout(resolve, 600_000))];");
    let items = WithItems { concurrency: NonZeroU32::new(3).expect("not 0"), ..WithItems::new("state.data") };
    over.job.as_mut().expect("a step has a job").with_items = Some(items);
    let plan = Plan::new(Draft { steps: vec![over], ..Draft::default() }).expect("one step is a plan");
    let input = State::parse("{\"data\":[1,2,3,4,5]}", &IndexOptions::default()).expect("it is JSON");
    let pool = pool(1);
    let batches = || pool.conditions()[0].map(|condition| condition.batches);
    assert_eq!(batches(), Some(0));
    let going = start(&pool, &Request { input: Some(input), ..Request::new(plan) });
    let until = soon().expect("there is an end");
    while batches() != Some(3) {
        assert!(Instant::now() < until, "{:?}", pool.conditions());
        std::thread::yield_now();
    }
    going.run.abort("seen");
    let (events, ending) = going.end();
    assert_eq!(pool.conditions()[0].map(|condition| condition.process), Some(ending.child));
    assert!(matches!(complete(&events).outcome, Outcome::Kill(..)));
    assert_eq!(batches(), Some(0));
}

/// Short runs through one parent: neither it nor its children grow.
fn many(runs: usize) {
    let pool =
        Pool::start(Config { program: program(), children: 2, recycle_runs: u64::MAX, ..config(None, false, None) })
            .expect("children start");
    let request = request("export default [s => ({ ...s, n: (s.n ?? 0) + 1 })];", "{\"data\":[1,2,3]}", 3);
    let pair = || {
        let both = [start(&pool, &request), start(&pool, &request)];
        both.map(|going| {
            let (events, ending) = going.end();
            let result = complete(&events).result();
            let result = result.unwrap_or_else(|| panic!("{:?}", complete(&events).outcome));
            assert_eq!(result.to_bytes(), "{\"data\":[1,2,3],\"n\":1}");
            ending.child
        })
    };
    let children = (0..25).map(|_| pair()).next_back().expect("some runs");
    let memory = |process: u32| Memory::of(process).expect("it lives").own;
    let parent = std::process::id();
    let (parent_before, children_before) = (memory(parent), children.map(memory));
    let began = Instant::now();
    for _ in 0..runs / 2 {
        pair();
    }
    let time = began.elapsed();
    let (parent_after, children_after) = (memory(parent), children.map(memory));
    let text = format!(
        "{runs} runs in {time:?}; the parent from {} to {} kB, its children from {} and {} to {} and {} kB",
        parent_before >> 10,
        parent_after >> 10,
        children_before[0] >> 10,
        children_before[1] >> 10,
        children_after[0] >> 10,
        children_after[1] >> 10
    );
    if runs > 1000 {
        eprintln!("{text}");
        assert!(parent_after < parent_before + (5 << 20), "{text}");
    }
    // The tests beside this one are in the same parent.
    assert!(children_after.iter().zip(children_before).all(|(after, before)| *after < before + (64 << 20)), "{text}");
}

/// What the boundary costs; prints it.
fn cost() {
    let request = request("export default [s => ({ ...s, n: 1 })];", "{\"data\":[1,2,3]}", 3);
    let median = |run: &dyn Fn()| {
        let mut times: Vec<Duration> = (0..300)
            .map(|_| {
                let began = Instant::now();
                run();
                began.elapsed()
            })
            .collect();
        times.sort();
        times[times.len() / 2]
    };
    let here = median(&|| drop(support::run(request.clone())));
    let pool = pool(1);
    let there = median(&|| drop(start(&pool, &request).end()));
    // A child that has had the time to get the next isolate ready.
    let mut rested: Vec<Duration> = (0..100)
        .map(|_| {
            std::thread::park_timeout(Duration::from_millis(20));
            let began = Instant::now();
            drop(start(&pool, &request).end());
            began.elapsed()
        })
        .collect();
    rested.sort();
    let rested = rested[rested.len() / 2];
    let idle = Memory::of(start(&pool, &request).end().1.child).expect("it lives");
    let began = Instant::now();
    drop(self::pool(1));
    eprintln!(
        "a tiny run: {here:?} in this process, {there:?} in a warm child, {rested:?} in one that has rested; a child: {:?} to start and end, {} kB of which {} kB its own",
        began.elapsed(),
        idle.resident >> 10,
        idle.own >> 10
    );
    let limits = Limits { step_cpu_timeout: Some(Duration::from_millis(200)), ..Limits::default() };
    let endless = Request { limits, ..self::request("export default [() => { for (;;); }];", "{}", 3) };
    let used: Vec<_> = (0..10).filter_map(|_| start(&pool, &endless).end().1.cpu).collect();
    eprintln!(
        "a loop with 200 ms of CPU time, its isolate included, used {:?} to {:?}",
        used.iter().min(),
        used.iter().max()
    );
    let large = state(&format!("{{\"data\":\"{}\"}}", "x".repeat(100 << 20)));
    let request = Request { input: Some(large), ..request };
    let time = |run: &dyn Fn()| {
        (0..5)
            .map(|_| {
                let began = Instant::now();
                run();
                began.elapsed()
            })
            .min()
    };
    let here = time(&|| drop(support::run(request.clone())));
    let there = time(&|| drop(start(&pool, &request).end()));
    eprintln!("100 MB in and out, untouched: {here:?} in this process, {there:?} in a warm child");
}
