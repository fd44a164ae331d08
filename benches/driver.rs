//! A driver of the side-by-side: one long-lived process for one column of it. `cargo xtask bench` starts it; alone it does nothing.
//!
//! It is asked by lines of JSON and answers by lines of JSON, as `benches/peers/driver.mjs` does. One run is: bytes of the state
//! in memory → checked, run, encoded → bytes of the output, in one piece.
//!
//! | column | what a run is |
//! |---|---|
//! | `here` | a fresh isolate on a thread of this process, made after the run before as a worker's children do |
//! | `apart` | a run in a hardened child, as `fulgurite worker` has it |
//! | `floor` | bare `JSON.parse`, `JSON.stringify` and a copy to UTF-8 in an isolate of ours; no job |
//! | `memcpy` | a copy of the bytes into memory that is there already |

use std::process::ExitCode;

/// Asked for on Linux only: the pool of children is there, and so is what measures us.
#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let column: Box<dyn columns::Column> = match arguments[..] {
        ["engine", parent] => return columns::serve(parent),
        ["here", megabytes] => Box::new(columns::Here::new(columns::bytes(megabytes))),
        ["apart", megabytes] => Box::new(columns::Apart::new(columns::bytes(megabytes))),
        ["floor", _] => Box::<columns::Floor>::default(),
        ["memcpy", _] => Box::<columns::Memcpy>::default(),
        _ => {
            println!("cargo xtask bench starts this");
            return ExitCode::SUCCESS;
        }
    };
    serve(column);
    ExitCode::SUCCESS
}

/// There is nothing to measure.
#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("runs are measured on Linux only");
    ExitCode::SUCCESS
}

/// Answers until nobody asks any more.
#[cfg(target_os = "linux")]
fn serve(mut column: Box<dyn columns::Column>) {
    use std::io::{BufRead, Write};

    use serde_json::{Value, json};

    let mut out = std::io::stdout();
    let mut answer = |said: Value| {
        // Whoever asked may be gone, and then so are we.
        let _ = writeln!(out, "{said}").and_then(|()| out.flush());
    };
    answer(json!({ "ready": column.versions() }));
    let mut output = None;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let said = match serde_json::from_str(&line) {
            Ok(question) => columns::answer(column.as_mut(), &question, &mut output),
            Err(error) => Err(format!("not a question: {error}")),
        };
        answer(said.unwrap_or_else(|error| json!({ "error": error })));
    }
}

#[cfg(target_os = "linux")]
mod columns {
    //! What is measured.

    use std::hint::black_box;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;
    use std::process::ExitCode;
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};
    use std::time::{Duration, Instant};

    use bytes::Bytes;
    use fulgurite::decode::{self, Files};
    use fulgurite::engine::{build, config, wire, worker::Worker};
    use fulgurite_engine::pool::Room;
    use fulgurite_engine::{Config, Pool, child};
    use fulgurite_plan::{Outcome, Plan};
    use fulgurite_runtime::bench::Warm;
    use fulgurite_runtime::{Cache, Event, Handle, Limits, Request, RunComplete, Standby};
    use fulgurite_state::{IndexOptions, State};
    use serde_json::{Value, json};

    /// One column.
    pub(super) trait Column {
        /// What it is.
        fn versions(&self) -> String;
        /// Takes the plan and the bytes of the state, off the clock.
        fn load(&mut self, plan: Plan, state: Bytes);
        /// One run; the output, if its column has one, or how long it would be.
        fn run(&mut self) -> Result<Output, String>;
        /// What the time of the last run went into, if that is known.
        fn parts(&self) -> Option<Value> {
            None
        }
        /// What a run leaves to do when its output is there, and what the next one finds done. It counts as CPU time of the run.
        fn rest(&mut self) {}
        /// Garbage of the run before, off the clock.
        fn collect(&mut self) {}
    }

    /// What a run makes.
    pub(super) enum Output {
        /// The bytes.
        Bytes(Bytes),
        /// There is no job, and nothing to compare.
        Length(usize),
    }

    /// What one question is answered with.
    pub(super) fn answer(
        column: &mut dyn Column,
        question: &Value,
        output: &mut Option<Bytes>,
    ) -> Result<Value, String> {
        match question["do"].as_str() {
            Some("load") => {
                *output = None;
                let state = std::fs::read(question["state"].as_str().unwrap_or_default());
                column.load(plan(&question["workflow"].to_string())?, state.map_err(|error| error.to_string())?.into());
                Ok(json!({}))
            }
            Some("collect") => {
                *output = None;
                column.collect();
                Ok(json!({}))
            }
            Some("run") => {
                let start = Instant::now();
                let made = column.run()?;
                let wall = start.elapsed();
                column.rest();
                let length = match made {
                    Output::Bytes(bytes) => output.insert(bytes).len(),
                    Output::Length(length) => length,
                };
                Ok(json!({ "wall": wall.as_nanos() as u64, "bytes": length, "parts": column.parts() }))
            }
            Some("write") => {
                let path = question["path"].as_str().unwrap_or_default();
                let output = output.as_ref().ok_or("there is no output")?;
                std::fs::write(path, output).map_err(|error| error.to_string())?;
                Ok(json!({}))
            }
            _ => Err("no such question".into()),
        }
    }

    /// What somebody typed in megabytes.
    pub(super) fn bytes(megabytes: &str) -> usize {
        megabytes.parse::<usize>().expect("a number of megabytes") << 20
    }

    fn plan(workflow: &str) -> Result<Plan, String> {
        let read = |_: &Path| Ok(workflow.to_owned());
        let files = Files { read: &read, list: &|_| Vec::new(), credentials: None };
        let decoded = decode::file(Path::new("workflow.json"), &files);
        decoded.map(|decoded| decoded.plan).map_err(|error| error.diagnostic().message.clone())
    }

    /// No limit but that of memory may decide a measurement.
    fn request(plan: &Plan, memory: usize, cache: &Arc<Cache>) -> Request {
        let limits = Limits { heap: Some(memory), step_timeout: None, state: None, ..Limits::default() };
        Request { limits, cache: cache.clone(), ..Request::new(plan.clone()) }
    }

    fn result(complete: RunComplete) -> Result<Output, String> {
        match &complete.outcome {
            Outcome::Success => Ok(Output::Bytes(complete.result().unwrap_or_else(State::empty).to_bytes())),
            Outcome::Fail(error) | Outcome::Crash(error) | Outcome::Exception(error) | Outcome::Kill(_, error) => {
                Err(format!("{}: {}", error.name, error.message))
            }
        }
    }

    fn ours() -> String {
        format!("fulgurite {}", build())
    }

    /// What was loaded.
    struct Loaded {
        plan: Plan,
        state: Bytes,
    }

    /// What the time of a run goes into.
    #[derive(Default)]
    struct Parts {
        /// Checking and indexing the input.
        index: Duration,
        /// A new isolate.
        isolate: Duration,
        /// Jobs' modules, loaded and evaluated.
        load: Duration,
        /// Views, and parsing what was touched.
        view: Duration,
        encode: Duration,
        /// What steps take beside that: users' code, and collecting its garbage.
        job: Duration,
        /// All else: the thread, the events, the isolate's end.
        rest: Duration,
        /// Making the output one piece.
        flatten: Duration,
    }

    impl Parts {
        fn take(&mut self, event: &Event) {
            match event {
                Event::RunStart(run) => self.isolate = run.startup,
                Event::StepComplete(step) => {
                    let figures = &step.figures;
                    self.load += figures.load;
                    self.view += figures.view;
                    self.encode += figures.encode;
                    self.job += figures.duration.saturating_sub(figures.load + figures.view + figures.encode);
                }
                _ => {}
            }
        }

        fn known(&self) -> Duration {
            self.index + self.isolate + self.load + self.view + self.encode + self.job + self.flatten
        }

        fn to_json(&self) -> Value {
            let Parts { index, isolate, load, view, encode, job, rest, flatten } = self;
            let parts = [
                ("check and index", index),
                ("isolate", isolate),
                ("modules", load),
                ("view and parse", view),
                ("job", job),
                ("encode", encode),
                ("one piece", flatten),
                ("rest", rest),
            ];
            parts.into_iter().map(|(name, time)| (name.to_owned(), Value::from(time.as_nanos() as u64))).collect()
        }
    }

    /// Runs on threads of this process, each in an isolate that was made when the run before had ended.
    pub(super) struct Here {
        memory: usize,
        next: Option<Standby>,
        running: Option<Handle>,
        cache: Arc<Cache>,
        loaded: Option<Loaded>,
        parts: Parts,
    }

    impl Here {
        pub(super) fn new(memory: usize) -> Here {
            fulgurite_runtime::initialize();
            Here { memory, next: None, running: None, cache: Arc::default(), loaded: None, parts: Parts::default() }
        }
    }

    impl Column for Here {
        fn versions(&self) -> String {
            ours()
        }

        fn load(&mut self, plan: Plan, state: Bytes) {
            self.loaded = Some(Loaded { plan, state });
        }

        fn run(&mut self) -> Result<Output, String> {
            let Loaded { plan, state } = self.loaded.as_ref().ok_or("nothing is loaded")?;
            let start = Instant::now();
            let request = request(plan, self.memory, &self.cache);
            let input = State::parse(state.clone(), &request.index).map_err(|error| error.to_string())?;
            let mut parts = Parts { index: start.elapsed(), ..Parts::default() };
            let (ended, end) = channel();
            let sink = move |event| {
                parts.take(&event);
                if let Event::RunComplete(complete) = event {
                    let _ = ended.send((complete, std::mem::take(&mut parts)));
                }
            };
            let isolate = self.next.take().unwrap_or_else(|| Standby::new(request.limits.heap));
            self.running = Some(isolate.start(Request { input: Some(input), ..request }, sink));
            let (complete, mut parts) = end.recv().map_err(|_| "the run has no end")?;
            let joined = Instant::now();
            let output = result(complete);
            parts.flatten = joined.elapsed();
            parts.rest = start.elapsed().saturating_sub(parts.known());
            self.parts = parts;
            output
        }

        fn parts(&self) -> Option<Value> {
            Some(self.parts.to_json())
        }

        fn rest(&mut self) {
            self.running.take().map(Handle::join);
            self.next = Some(Standby::new(Some(self.memory)));
            std::thread::park_timeout(AN_ISOLATE);
        }
    }

    /// By then an isolate has been made; nothing tells.
    const AN_ISOLATE: Duration = Duration::from_millis(12);

    /// Hears of the end.
    fn told(ended: Sender<RunComplete>) -> impl FnMut(Event) + Send {
        move |event| {
            if let Event::RunComplete(complete) = event {
                let _ = ended.send(complete);
            }
        }
    }

    /// Runs in a child.
    pub(super) struct Apart {
        memory: usize,
        pool: Pool,
        running: Option<fulgurite_engine::pool::Run>,
        loaded: Option<Loaded>,
    }

    impl Apart {
        pub(super) fn new(memory: usize) -> Apart {
            // A child that is replaced between two runs would be no warm one.
            let config = Config { recycle_growth: u64::MAX, recycle_runs: u64::MAX, ..config(None, false, None) };
            Apart { memory, pool: Pool::start(config).expect("a child"), running: None, loaded: None }
        }
    }

    impl Column for Apart {
        fn rest(&mut self) {
            if let Some(running) = self.running.take() {
                running.join();
            }
            // The child makes its next isolate.
            std::thread::park_timeout(AN_ISOLATE);
        }

        fn versions(&self) -> String {
            ours()
        }

        fn load(&mut self, plan: Plan, state: Bytes) {
            self.loaded = Some(Loaded { plan, state });
        }

        fn run(&mut self) -> Result<Output, String> {
            let Loaded { plan, state } = self.loaded.as_ref().ok_or("nothing is loaded")?;
            let request = wire::request(&request(plan, self.memory, &Arc::default()));
            let request = fulgurite_engine::pool::Request { input: Some(vec![state.clone()]), ..request };
            let (ended, end) = channel();
            let (mut listener, mut tell) = (wire::Listener::new(plan), told(ended));
            let sink = move |incoming: Option<_>| {
                incoming.and_then(|incoming| listener.event(incoming)).into_iter().for_each(&mut tell);
                Room::Free
            };
            let slot = self.pool.slot(None).ok_or("there is no child")?;
            // Whoever reports a run does so when it has told its end; its process is not ready for the next one then.
            self.running = Some(slot.start(request, Box::new(sink)));
            result(end.recv().map_err(|_| "the run has no end")?)
        }
    }

    /// A child of [`Apart`].
    pub(super) fn serve(parent: &str) -> ExitCode {
        match child::serve(parent.parse().unwrap_or_default(), &build(), &mut Worker::default()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }

    /// What everybody pays who parses.
    pub(super) struct Floor {
        warm: Warm,
        state: Bytes,
    }

    impl Default for Floor {
        fn default() -> Floor {
            fulgurite_runtime::initialize();
            Floor { warm: Warm::new(IndexOptions::default()), state: Bytes::new() }
        }
    }

    impl Column for Floor {
        fn versions(&self) -> String {
            format!("V8 {}", fulgurite_runtime::v8_version())
        }

        fn load(&mut self, _: Plan, state: Bytes) {
            self.state = state;
        }

        fn run(&mut self) -> Result<Output, String> {
            // The state is JSON, so it is the isolate's memory that was not enough for it.
            let floor = catch_unwind(AssertUnwindSafe(|| self.warm.floor(&self.state).0));
            floor.map(Output::Length).map_err(|_| "out of memory, with the heap that V8 chooses by itself".to_owned())
        }

        fn collect(&mut self) {
            self.warm.collect();
        }
    }

    /// What the memory of the machine can do.
    #[derive(Default)]
    pub(super) struct Memcpy {
        from: Bytes,
        to: Vec<u8>,
    }

    impl Column for Memcpy {
        fn versions(&self) -> String {
            String::new()
        }

        fn load(&mut self, _: Plan, state: Bytes) {
            self.to = vec![1; state.len()];
            self.from = state;
        }

        fn run(&mut self) -> Result<Output, String> {
            self.to.copy_from_slice(black_box(&self.from));
            black_box(&self.to);
            Ok(Output::Length(self.to.len()))
        }
    }
}
