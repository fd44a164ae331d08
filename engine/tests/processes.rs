//! Real child processes of this very program, with an engine that does what the plan says instead of JavaScript: what the
//! pool does with children that behave, and with those that do not.

use std::fmt::Write as _;

use std::sync::mpsc::{Receiver, RecvTimeoutError, TrySendError, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fulgurite_engine::channel::{self, Pieces};
use fulgurite_engine::child::{self, Engine, Events, Running};
use fulgurite_engine::harden::{Hardening, Measure, Report};
use fulgurite_engine::message::{
    Event, Figures, Gauge, Given, Greeting, Limits, Log, RunComplete, RunStart, State, StepComplete, StepStart,
    ToChild, ToParent,
};
use fulgurite_engine::pool::{Config, Incoming, Pool, Request, Room, StartError};
use fulgurite_engine::process::Program;
use fulgurite_plan::{ErrorReport, KillReason, Outcome};
use libtest_mimic::{Failed, Trial};

const BUILD: &str = "test";

fn main() -> std::process::ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match (words.get(1).map(String::as_str), words.get(2)) {
        (Some("engine"), Some(parent)) => {
            let served = child::serve(parent.parse().unwrap(), BUILD, &mut Fake);
            return if served.is_ok() { 0.into() } else { 1.into() };
        }
        (Some("liar"), _) => {
            liar();
            return 0.into();
        }
        (Some("deaf"), _) => loop {
            std::thread::park();
        },
        (Some("broken"), _) => {
            eprintln!("cannot find libeverything.so");
            return 7.into();
        }
        _ => {}
    }
    let arguments = libtest_mimic::Arguments::from_args();
    let trial = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    let trials = vec![
        trial("a_run_and_its_bodies", echo),
        trial("many_logs_and_a_slow_sink", logs),
        trial("abort", abort),
        trial("abort_of_what_does_not_listen", stubborn),
        trial("a_stopped_child_is_killed", stopped),
        trial("a_hung_child_is_killed_by_the_clock", hung),
        trial("deaths", deaths),
        trial("neighbours_do_not_notice", neighbours),
        trial("an_idle_child_that_dies_is_replaced", idle_death),
        trial("memory", memory),
        trial("recycling", recycling),
        trial("modules_cross_once", modules),
        trial("drain", drain),
        trial("dropping_the_pool_ends_its_runs", dropping),
        trial("hardening", hardening),
        trial("roots_can_be_read", roots),
        trial("network_where_it_is_wanted", network),
        trial("starts_that_fail", starts),
        trial("liars", liars),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

// The fake engine.

struct Fake;

struct Fakery {
    thread: std::thread::JoinHandle<()>,
    told: Arc<(Mutex<Option<String>>, Condvar)>,
}

impl Engine for Fake {
    type Running = Fakery;

    fn warm(&mut self) {}

    fn start(&mut self, request: child::Request, events: Events) -> Result<Fakery, Box<Outcome>> {
        let plan = String::from_utf8(request.body(request.run.plan).to_vec()).unwrap();
        if plan == "refuse" {
            return Err(Box::new(Outcome::Crash(ErrorReport::new("ValidationError", "refused"))));
        }
        let told: Arc<(Mutex<Option<String>>, Condvar)> = Arc::default();
        let hears = told.clone();
        let thread = std::thread::spawn(move || perform(&plan, &request, &events, &hears));
        Ok(Fakery { thread, told })
    }
}

impl Running for Fakery {
    fn abort(&self, message: &str) {
        *self.told.0.lock().unwrap() = Some(message.to_owned());
        self.told.1.notify_all();
    }

    fn gauge(&self) -> Gauge {
        Gauge { heap: 4711, batches: 2 }
    }

    fn join(self) {
        self.thread.join().unwrap();
    }
}

fn perform(plan: &str, request: &child::Request, events: &Events, told: &(Mutex<Option<String>>, Condvar)) {
    let log = |text: String| {
        let log = Log { step: Some("s".into()), execution: Some(1), of_job: true, level: 1, message: 0 };
        events.tell(Event::Log(log), &[vec![text.into()]]);
    };
    let start = RunStart {
        plan: None,
        name: None,
        start: "s".into(),
        bytes_in: 0,
        startup: Duration::ZERO,
        isolate: Duration::ZERO,
    };
    events.tell(Event::RunStart(start), &[]);
    let step = StepStart {
        execution: 1,
        step: "s".into(),
        name: None,
        caller: None,
        called_by: None,
        input_from: None,
        bytes_in: 3,
        over_items: false,
    };
    events.tell(Event::StepStart(step), &[]);
    let (word, rest) = plan.split_once(' ').unwrap_or((plan, ""));
    let mut outcome = Outcome::Success;
    match word {
        "echo" => {}
        "logs" => (0..rest.parse().unwrap()).for_each(|i: u32| log(format!("line {i}"))),
        "wait" | "stubborn" | "hang" => {
            log("waiting".into());
            if word == "stubborn" {
                let report = ErrorReport::new("TimeoutError", "it took too long");
                events.dying(Outcome::Kill(KillReason::Timeout, report));
            }
            let mut message = told.0.lock().unwrap();
            while message.is_none() || word != "wait" {
                message = told.1.wait(message).unwrap();
            }
            let report = ErrorReport::new("AbortError", message.take().unwrap());
            outcome = Outcome::Kill(KillReason::Abort, report);
        }
        "exit" => {
            eprintln!("{rest}");
            std::process::exit(3);
        }
        "crash" => {
            eprintln!("{rest}");
            std::process::abort();
        }
        "grow" => {
            let mut kept = Vec::new();
            for megabyte in 0..rest.parse().unwrap() {
                kept.push(vec![megabyte as u8 | 1; 1 << 20]);
                log(format!("{megabyte}"));
            }
            log(format!("{}", kept.len()));
        }
        "modules" => request.modules.iter().for_each(|(url, text)| log(format!("{url} {}", text.len()))),
        "probe" => log(probe(rest)),
        other => log(format!("unknown: {other}")),
    }
    let input = request.run.input.map(|input| request.body(input));
    let output = input.is_some().then_some(State { text: 0, live: None });
    let bodies: Vec<Pieces> = input.into_iter().map(|input| vec![input]).collect();
    let stops = outcome.stops_the_run();
    let complete = StepComplete {
        execution: 1,
        step: "s".into(),
        outcome: outcome.clone(),
        output: output.clone().filter(|_| !stops),
        webhook: None,
        next: vec![],
        figures: Figures::default(),
        items: None,
    };
    events.tell(Event::StepComplete(Box::new(complete)), if stops { &[] } else { &bodies });
    let results = output.filter(|_| !stops).map(|_| ("s".to_owned(), Given::OutputOf(1)));
    let results = results.into_iter().collect();
    let complete = RunComplete { outcome, results, figures: Figures::default(), executions: 1 };
    events.tell(Event::RunComplete(Box::new(complete)), &[]);
}

/// Tries what a child must not be able to do, and says what it could.
fn probe(readable: &str) -> String {
    let mut could = String::new();
    let mut note = |what: &str, done: bool| {
        if done {
            write!(could, "{what} ").unwrap();
        }
    };
    note("read", std::fs::read("/etc/passwd").is_ok());
    note("list", std::fs::read_dir("/").is_ok());
    note("write", std::fs::write("/tmp/fulgurite-probe", "x").is_ok());
    note("root", !readable.is_empty() && std::fs::read(readable).is_ok_and(|text| text == b"adaptor"));
    note("connect", std::net::TcpStream::connect(("127.0.0.1", 9)).is_ok());
    note("listen", std::net::TcpListener::bind(("127.0.0.1", 0)).is_ok());
    note("datagram", std::net::UdpSocket::bind(("127.0.0.1", 0)).is_ok());
    note("unix", std::os::unix::net::UnixDatagram::unbound().is_ok());
    note("exec", std::process::Command::new("/bin/true").status().is_ok());
    let parent = rustix::process::getppid();
    note("signal", parent.is_some_and(|parent| rustix::process::test_kill_process(parent).is_ok()));
    let call = |number: i64, arguments: [i64; 3]| {
        // SAFETY: None of the calls below is given an address of ours, so none can touch our memory. Should the filter let
        // `fork` through, the new process goes on in the code after it, which only compares and writes a letter.
        unsafe { libc::syscall(number, arguments[0], arguments[1], arguments[2]) != -1 }
    };
    note("ptrace", call(libc::SYS_ptrace, [libc::PTRACE_TRACEME.into(), 0, 0]));
    note("fork", call(libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0]));
    note(
        "clone3",
        call(libc::SYS_clone3, [0, 0, 0]) || std::io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS),
    );
    note("unshare", call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0]));
    note(
        "io_uring",
        call(libc::SYS_io_uring_setup, [4, 0, 0])
            || std::io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS),
    );
    note("keys", call(libc::SYS_keyctl, [0, -2, 0]));
    note("x32", call(0x4000_0000 + 39, [0, 0, 0]));
    // What it must be able to do.
    note("thread", std::thread::spawn(|| true).join().unwrap_or(false));
    note("memory", fulgurite_engine::memfd::filled([&Bytes::from_static(b"x")]).is_ok());
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    note("descriptors", files.maximum == Some(256));
    could.trim_end().to_owned()
}

/// A child that greets as it should and then says what the file at its standard input must not.
fn liar() {
    let socket = std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned().unwrap();
    let mut receiver = channel::Receiver::new(socket.try_clone().unwrap());
    let sender = channel::Sender::new(socket.try_clone().unwrap(), None).unwrap();
    let report = Report {
        privileges: Measure::Applied,
        files: Measure::Applied,
        calls: Measure::Applied,
        resources: Measure::Applied,
    };
    let _: channel::Message<ToChild> = receiver.wait(None).unwrap();
    sender.send(&ToParent::Hello(Greeting::new(BUILD), report), &[]).unwrap();
    sender.send(&ToParent::Ready { startup: Duration::ZERO }, &[]).unwrap();
    let request: channel::Message<ToChild> = receiver.wait(None).unwrap();
    let what = String::from_utf8(request.bodies[0].to_vec()).unwrap();
    let complete = |results| {
        let outcome = Outcome::Success;
        Event::RunComplete(Box::new(RunComplete { outcome, results, figures: Figures::default(), executions: 0 }))
    };
    let log = Event::Log(Log { step: None, execution: None, of_job: true, level: 1, message: 7 });
    let send = |event| sender.send(&ToParent::Event(event), &[]).unwrap();
    match what.as_str() {
        "garbage" => drop(rustix::io::write(&socket, b"HTTP/1.1 200 OK\r\n\r\n").unwrap()),
        "half" => {
            let frame = fulgurite_engine::frame::start(b"{}", &[10]).unwrap();
            rustix::io::write(&socket, &frame[..20]).unwrap();
        }
        "done" => sender.send(&ToParent::Done { cpu: Duration::ZERO }, &[]).unwrap(),
        "bodies" => send(log),
        "result" => send(complete(vec![("x".into(), Given::OutputOf(1))])),
        "twice" => {
            send(complete(vec![]));
            send(complete(vec![]));
        }
        other => panic!("{other}"),
    }
    // Until the parent has had enough.
    loop {
        std::thread::park();
    }
}

// The tests.

fn config(children: usize) -> Config {
    let path = std::env::current_exe().unwrap();
    let program = Program { path, arguments: vec!["engine".into()], environment: vec![] };
    Config { children, grace: Duration::from_millis(300), ..Config::new(program, BUILD) }
}

fn pool(children: usize) -> Pool {
    Pool::start(config(children)).unwrap()
}

fn request(plan: &str) -> Request {
    Request { plan: plan.to_owned().into(), ..Request::default() }
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(30))
}

/// A run and what it says.
struct Going {
    run: fulgurite_engine::pool::Run,
    events: Receiver<Incoming>,
}

struct Gone {
    ending: fulgurite_engine::pool::Ending,
    said: Vec<String>,
    bodies: Vec<Bytes>,
}

fn start(pool: &Pool, request: Request) -> Going {
    let slot = pool.slot(soon()).expect("a child gets free");
    let (sender, events) = channel();
    let run = slot.start(
        request,
        Box::new(move |incoming| {
            if let Some(incoming) = incoming {
                let _ = sender.send(incoming);
            }
            Room::Free
        }),
    );
    Going { run, events }
}

fn words(incoming: &Incoming) -> String {
    match &incoming.event {
        Event::RunStart(_) => "run".into(),
        Event::StepStart(_) => "step".into(),
        Event::Log(log) => String::from_utf8(incoming.bodies[log.message as usize].to_vec()).unwrap(),
        Event::StepComplete(step) => format!("step {}", step.outcome.reason()),
        Event::RunComplete(run) => format!("run {}", run.outcome.reason()),
        Event::Traces(_) => "traces".into(),
    }
}

impl Going {
    fn until(&self, text: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            match self.events.recv_timeout(Duration::from_secs(30)) {
                Ok(incoming) => said.push(words(&incoming)),
                Err(error) => panic!("no `{text}` but {said:?} and {error}"),
            }
            if said.last().unwrap() == text {
                return said;
            }
        }
    }

    fn end(self) -> Gone {
        let (mut said, mut bodies) = (Vec::new(), Vec::new());
        loop {
            match self.events.recv_timeout(Duration::from_secs(30)) {
                Ok(incoming) => {
                    said.push(words(&incoming));
                    if !matches!(incoming.event, Event::Log(_)) {
                        bodies.extend(incoming.bodies);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("no end after {said:?}"),
            }
        }
        Gone { ending: self.run.join(), said, bodies }
    }
}

fn run(pool: &Pool, plan: &str) -> Gone {
    start(pool, request(plan)).end()
}

#[track_caller]
fn ends(gone: &Gone, expected: &str) {
    let ending = match &gone.ending.outcome {
        Outcome::Success => "success".to_owned(),
        Outcome::Kill(reason, error) => format!("kill {reason} {error}"),
        other => format!("{} {}", other.reason(), other.error().unwrap()),
    };
    assert_eq!(ending, expected);
    let last = format!("run {}", gone.ending.outcome.reason());
    assert_eq!(gone.said.last(), Some(&last), "{:?}", gone.said);
    assert_eq!(gone.said.iter().filter(|said| said.starts_with("run ")).count(), 1, "{:?}", gone.said);
    let starts = gone.said.iter().filter(|said| *said == "step").count();
    assert_eq!(gone.said.iter().filter(|said| said.starts_with("step ")).count(), starts, "{:?}", gone.said);
}

fn echo() {
    let pool = pool(1);
    for size in [0, 10, 70_000, 20 << 20] {
        let input = Bytes::from(vec![b'x'; size]);
        let pieces: Pieces = [input.slice(..size / 3), input.slice(size / 3..)].into();
        let gone = start(&pool, Request { input: Some(pieces), ..request("echo") }).end();
        ends(&gone, "success");
        assert_eq!(gone.said, ["run", "step", "step success", "run success"]);
        assert_eq!(gone.bodies, [input]);
        assert!(gone.ending.cpu.is_some());
    }
    let gone = run(&pool, "refuse");
    ends(&gone, "crash ValidationError: refused");
    ends(&run(&pool, "echo"), "success");
}

fn logs() {
    let pool = pool(1);
    let slot = pool.slot(soon()).unwrap();
    let (sender, events) = sync_channel(4);
    let mut waiting = None;
    let sink = move |incoming: Option<Incoming>| {
        if let Some(incoming) = incoming.or_else(|| waiting.take())
            && let Err(TrySendError::Full(incoming)) = sender.try_send(incoming)
        {
            waiting = Some(incoming);
            return Room::Full;
        }
        Room::Free
    };
    let run = slot.start(request("logs 3000"), Box::new(sink));
    let said: Vec<String> = events.iter().map(|incoming| words(&incoming)).collect();
    assert_eq!(said.len(), 3004);
    assert_eq!(said[2..3002], (0..3000).map(|i| format!("line {i}")).collect::<Vec<_>>());
    assert_eq!(run.join().outcome, Outcome::Success);
}

fn abort() {
    let pool = pool(1);
    let going = start(&pool, request("wait"));
    going.until("waiting");
    going.run.abort("enough");
    going.run.abort("a second order changes nothing");
    let child = going.run.child();
    let mut gone = going.end();
    gone.said.insert(0, "step".into());
    ends(&gone, "kill abort AbortError: enough");
    // An order that is as early as the run itself is not lost.
    for _ in 0..20 {
        let going = start(&pool, request("wait"));
        going.run.abort("at once");
        ends(&going.end(), "kill abort AbortError: at once");
    }
    // The child listened, and lives.
    assert_eq!(run(&pool, "echo").ending.child, child);
}

fn stubborn() {
    let pool = pool(1);
    // The child said why before it was killed, and that is the reason.
    let gone = run(&pool, "stubborn");
    ends(&gone, "kill timeout TimeoutError: it took too long");
    assert_eq!(gone.ending.cpu, None);
    assert_eq!(gone.ending.outcome.error().unwrap().step.as_deref(), Some("s"));
    let going = start(&pool, request("hang"));
    going.until("waiting");
    going.run.abort("enough");
    let mut gone = going.end();
    gone.said.insert(0, "step".into());
    ends(&gone, "kill abort AbortError: enough");
    ends(&run(&pool, "echo"), "success");
}

fn signal(child: u32, signal: rustix::process::Signal) {
    let child = rustix::process::Pid::from_raw(child as i32).unwrap();
    rustix::process::kill_process(child, signal).unwrap();
}

fn stopped() {
    let pool = pool(1);
    let going = start(&pool, request("wait"));
    going.until("waiting");
    signal(going.run.child(), rustix::process::Signal::STOP);
    going.run.abort("enough");
    let mut gone = going.end();
    gone.said.insert(0, "step".into());
    ends(&gone, "kill abort AbortError: enough");
    ends(&run(&pool, "echo"), "success");
}

fn hung() {
    let pool = pool(1);
    let limits = Limits { step_timeout: Some(Duration::from_millis(100)), ..Limits::default() };
    let gone = start(&pool, Request { limits, ..request("hang") }).end();
    ends(&gone, "kill timeout TimeoutError: Job took longer than 100ms to complete");
    let limits = Limits { run_timeout: Some(Duration::from_millis(100)), ..Limits::default() };
    let gone = start(&pool, Request { limits, ..request("hang") }).end();
    ends(&gone, "kill timeout TimeoutError: Run took longer than 100ms to complete");
}

fn deaths() {
    let pool = pool(1);
    let gone = run(&pool, "exit goodbye");
    ends(&gone, "exception ExitError: the engine process ended by exit code 3: goodbye");
    let gone = run(&pool, "crash # Check failed: (x).");
    ends(&gone, "exception ExitError: the engine process ended by signal 6 (SIGABRT): # Check failed: (x).");
    let gone = start(
        &pool,
        Request { memory: Some(64 << 20), ..request("crash # Fatal JavaScript out of memory: Reached heap limit") },
    );
    ends(&gone.end(), "kill oom OOMError: Run exceeded maximum memory usage (64 MB)");
    let going = start(&pool, request("wait"));
    going.until("waiting");
    signal(going.run.child(), rustix::process::Signal::KILL);
    let mut gone = going.end();
    gone.said.insert(0, "step".into());
    ends(&gone, "kill host ExitError: the engine process ended by signal 9 (SIGKILL)");
    ends(&run(&pool, "echo"), "success");
}

fn neighbours() {
    let pool = pool(2);
    let neighbour = start(&pool, request("wait"));
    neighbour.until("waiting");
    for plan in ["exit 1", "crash x", "stubborn"] {
        assert_ne!(run(&pool, plan).ending.outcome, Outcome::Success);
    }
    neighbour.run.abort("enough");
    let mut gone = neighbour.end();
    gone.said.insert(0, "step".into());
    ends(&gone, "kill abort AbortError: enough");
}

fn idle_death() {
    let pool = pool(1);
    let child = run(&pool, "echo").ending.child;
    signal(child, rustix::process::Signal::KILL);
    // Either it is replaced before the run comes, or the run finds it dead: a run that finds it dead would be lost.
    let process = rustix::process::Pid::from_raw(child as i32).unwrap();
    if let Ok(handle) = rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()) {
        channel::readable(std::os::fd::AsFd::as_fd(&handle), soon()).unwrap();
    }
    let gone = run(&pool, "echo");
    ends(&gone, "success");
    assert_ne!(gone.ending.child, child);
}

fn memory() {
    let pool = pool(1);
    let gone = start(&pool, Request { memory: Some(100 << 20), ..request("grow 50000") }).end();
    ends(&gone, "kill oom OOMError: Run exceeded maximum memory usage (100 MB)");
    let used = gone.ending.outcome.error().and_then(|error| error.details.as_ref()).expect("it says what was used");
    assert_eq!(used["used"]["memory_bytes"], gone.ending.memory);
    // The kernel has refused the rest.
    assert!(gone.ending.memory < 150 << 20, "{}", gone.ending.memory);
    // What was handed over is not the run's own.
    let input = vec![Bytes::from(vec![b'x'; 150 << 20])];
    let gone = start(&pool, Request { input: Some(input), memory: Some(100 << 20), ..request("echo") }).end();
    ends(&gone, "success");
}

fn recycling() {
    let pool = Pool::start(Config { recycle_runs: 2, ..config(1) }).unwrap();
    let children: Vec<u32> = (0..6).map(|_| run(&pool, "echo").ending.child).collect();
    assert!(children.chunks(2).all(|pair| pair[0] == pair[1]), "{children:?}");
    assert!(children[0] != children[2] && children[2] != children[4], "{children:?}");
}

fn modules() {
    let pool = pool(1);
    let text = Bytes::from(vec![b'm'; 300_000]);
    for _ in 0..3 {
        let modules = vec![("a".to_owned(), text.clone()), ("b".to_owned(), "short".into())];
        let gone = start(&pool, Request { modules, ..request("modules") }).end();
        assert_eq!(gone.said[2..4], ["a 300000", "b 5"]);
        ends(&gone, "success");
    }
}

fn drain() {
    let pool = pool(2);
    let going = start(&pool, request("wait"));
    going.until("waiting");
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| pool.drain(soon()));
        going.run.abort("enough");
        drained.join().unwrap();
    });
    let mut gone = going.end();
    gone.said.insert(0, "step".into());
    ends(&gone, "kill abort AbortError: enough");
}

fn dropping() {
    let pool = pool(1);
    let going = start(&pool, request("hang"));
    going.until("waiting");
    let child = rustix::process::Pid::from_raw(going.run.child() as i32).unwrap();
    drop(pool);
    assert!(rustix::process::test_kill_process(child).is_err(), "the child is gone");
    let mut gone = going.end();
    gone.said.insert(0, "step".into());
    ends(&gone, "kill host AbortError: the host is going away");
}

fn hardening() {
    let pool = pool(1);
    let report = pool.hardening().clone();
    let gone = run(&pool, "probe");
    ends(&gone, "success");
    if report.missing().is_empty() {
        assert_eq!(gone.said[2], "thread memory descriptors");
    } else {
        // What there is of it must hold even so.
        assert!(
            report.missing().iter().all(|missing| missing.contains("not available") || missing.contains("in part"))
        );
        if report.calls == Measure::Applied {
            assert_eq!(gone.said[2], "thread memory descriptors", "{:?}", report.missing());
        }
    }
}

fn roots() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("adaptor.js");
    std::fs::write(&file, "adaptor").unwrap();
    let hardening = Hardening { readable: vec![folder.path().to_owned()], ..Hardening::default() };
    let pool = Pool::start(Config { hardening, ..config(1) }).unwrap();
    let landlocked = !matches!(pool.hardening().files, Measure::Unavailable(_));
    let gone = run(&pool, &format!("probe {}", file.display()));
    ends(&gone, "success");
    if landlocked {
        assert_eq!(gone.said[2], "root thread memory descriptors");
    } else {
        assert!(gone.said[2].contains("root"), "{}", gone.said[2]);
    }
}

fn network() {
    let pool =
        Pool::start(Config { hardening: Hardening { network: true, ..Hardening::default() }, ..config(1) }).unwrap();
    // The internet, but no socket of this machine's own services. So the probe sees what is there, and it was the filter that kept
    // it from being there.
    assert_eq!(run(&pool, "probe").said[2], "datagram thread memory descriptors");
}

fn starts() {
    let started = |config: Config| Pool::start(config).map(drop);
    let program = |word: &str| Program { arguments: vec![word.into()], ..config(1).program };
    let nowhere = Program { path: "/nowhere/at/all".into(), ..config(1).program };
    assert!(matches!(started(Config { program: nowhere, ..config(1) }), Err(StartError::System(_))));
    let error = started(Config { build: "another".into(), ..config(2) }).unwrap_err();
    assert!(matches!(error, StartError::Refused(_)), "{error}");
    let error = started(Config { program: program("broken"), ..config(1) }).unwrap_err();
    let expected = "the engine process ended before its first run: exit code 7: cannot find libeverything.so";
    assert_eq!(error.to_string(), expected);
    let impatient = Config { program: program("deaf"), startup: Duration::from_millis(50), ..config(1) };
    assert!(matches!(started(impatient), Err(StartError::Strange(_))));
}

fn liars() {
    let program = Program { arguments: vec!["liar".into()], ..config(1).program };
    let check = |what: &str, expected: &str| {
        let pool = Pool::start(Config { program: program.clone(), ..config(1) }).unwrap();
        let limits = Limits { run_timeout: Some(Duration::from_millis(50)), ..Limits::default() };
        let gone = start(&pool, Request { limits, ..request(what) }).end();
        let expected = match expected.strip_prefix('!') {
            Some(whole) => whole.to_owned(),
            None => format!("exception EngineError: the engine process cannot be understood: {expected}"),
        };
        ends(&gone, &expected);
    };
    check("garbage", "not a frame");
    check("done", "a message out of order: done before the end");
    check("bodies", "a message out of order: a message without its bodies");
    check("result", "a message out of order: the end of a run that has not ended");
    check("half", "!kill timeout TimeoutError: Run took longer than 50ms to complete");
    // The run has ended by then; the child goes anyhow.
    check("twice", "!success");
}
