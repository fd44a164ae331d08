//! Doors for the benches and for claims that tests hold: one warm isolate, and the floor to compare it with. Not part of the
//! public surface.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use deno_core::v8;
use fulgurite_compile::Adaptors;
use fulgurite_plan::{Draft, DraftStep, Job, Outcome, Plan, Source};
use fulgurite_state::{IndexOptions, State};

use crate::cache::Cache;
use crate::encode;
use crate::event::Figures;
use crate::executable::Executable;
use crate::isolate::Isolate;
use crate::program::Program;
use crate::run::Gauge;
use crate::step::{self, Task};
use crate::text::{append_utf8, string_from, utf8_bound};
use crate::watchdog::Killer;

/// An isolate on this thread. There must be no other one on the same thread while it lives.
pub struct Warm {
    tokio: tokio::runtime::Runtime,
    isolate: Option<Isolate>,
    options: encode::Options,
    loaded: usize,
}

/// A job that a [`Warm`] isolate has loaded.
pub struct Loaded {
    source: Source,
    executable: Executable,
    namespace: v8::Global<v8::Object>,
}

impl Warm {
    /// Makes an isolate. [`crate::initialize`] must have been called.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(index: IndexOptions) -> Warm {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let isolate = tokio.block_on(async { isolate() });
        let remove = vec!["configuration".into(), "response".into()];
        let options = encode::Options { index, remove, only: &[], is_state: true, limit: usize::MAX };
        Warm { tokio, isolate: Some(isolate), options, loaded: 0 }
    }

    /// Loads a job.
    ///
    /// # Panics
    /// When it does not load.
    pub fn load(&mut self, code: &str) -> Loaded {
        let source = Source { name: "bench.js".into(), text: code.into() };
        let isolate = self.isolate.as_mut().expect("only dropped at the end");
        self.loaded += 1;
        let module = format!("job://{}/bench", self.loaded);
        let namespace = self.tokio.block_on(isolate.load(&module, &source, &Executable::plain(&source), None));
        Loaded {
            executable: Executable::plain(&source),
            source,
            namespace: namespace.unwrap_or_else(|outcome| panic!("{outcome:?}")),
        }
    }

    /// One execution without loading the module again: view, run, encode.
    ///
    /// # Panics
    /// When the step does not succeed.
    pub fn step(&mut self, job: &Loaded, input: &State) -> (State, Figures) {
        let isolate = self.isolate.as_mut().expect("only dropped at the end");
        let task = Task {
            source: &job.source,
            executable: &job.executable,
            step: None,
            globals: None,
            module: String::new(),
            input: input.clone(),
            options: &self.options,
            execution: 1,
            span: tracing::Span::none(),
        };
        let done = self.tokio.block_on(step::execute_loaded(isolate, &task, &job.namespace));
        assert_eq!(done.outcome, Outcome::Success);
        (done.output.expect("the bench's job returns its state"), done.figures)
    }

    /// The floor: `JSON.parse`, `JSON.stringify` and a copy to UTF-8, bare, in the same isolate. Answers the output's length
    /// and the times of the three.
    ///
    /// # Panics
    /// When the text is not JSON or too long for V8.
    pub fn floor(&mut self, text: &Bytes) -> (usize, [Duration; 3]) {
        let isolate = self.isolate.as_mut().expect("only dropped at the end");
        deno_core::scope!(scope, isolate.runtime);
        let start = Instant::now();
        let string = string_from(scope, text).expect("fits");
        let value = v8::json::parse(scope, string).expect("JSON");
        let parsed = start.elapsed();
        let start = Instant::now();
        let stringify = v8::Local::new(scope, &isolate.pristine.stringify);
        let undefined = v8::undefined(scope).into();
        let json = stringify.call(scope, undefined, &[value]).expect("JSON");
        let json: v8::Local<v8::String> = json.try_into().expect("a string");
        let stringified = start.elapsed();
        let start = Instant::now();
        let mut out = Vec::with_capacity(utf8_bound(json));
        append_utf8(scope, json, 0, 0, &mut out);
        (out.len(), [parsed, stringified, start.elapsed()])
    }

    /// Sets up the view of a state within `measured`.
    ///
    /// # Panics
    /// When there is no view of it.
    pub fn view(&mut self, state: &State, measured: impl FnOnce(&mut dyn FnMut())) {
        let Isolate { runtime, views, .. } = self.isolate.as_mut().expect("only dropped at the end");
        deno_core::scope!(scope, runtime);
        measured(&mut || assert!(views.root(scope, state).is_some(), "a view"));
    }

    /// Lets a function, given as JavaScript, have the view of a state, and encodes what it answers within `measured`.
    ///
    /// # Panics
    /// When the function throws, or its answer has no JSON form.
    pub fn encode(&mut self, function: &str, state: &State, measured: impl FnOnce(&mut dyn FnMut())) {
        let Isolate { runtime, views, pristine, .. } = self.isolate.as_mut().expect("only dropped at the end");
        deno_core::scope!(scope, runtime);
        let source = v8::String::new(scope, &format!("({function})")).expect("fits");
        let function = v8::Script::compile(scope, source, None).and_then(|script| script.run(scope));
        let function: v8::Local<v8::Function> = function.expect("it runs").try_into().expect("a function");
        let view = views.root(scope, state).expect("a view");
        let undefined = v8::undefined(scope).into();
        let answer = function.call(scope, undefined, &[view]).expect("it answers");
        measured(&mut || {
            let encoded = encode::encode(scope, views, pristine, &self.options, answer);
            assert!(encoded.is_ok_and(|encoded| encoded.state.is_some()), "a state");
        });
    }

    /// Collects garbage, so that one measurement does not pay for the one before.
    pub fn collect(&mut self) {
        self.isolate.as_mut().expect("only dropped at the end").runtime.v8_isolate().low_memory_notification();
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        let guard = self.tokio.enter();
        drop(self.isolate.take());
        drop(guard);
    }
}

/// Loads a compiled job and counts its operations, without running them.
///
/// # Errors
/// The outcome that a step with this job would have.
pub fn operations(code: &str, adaptors: Adaptors) -> Result<usize, Outcome> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let plan = Plan::new(Draft { steps: vec![DraftStep::default()], ..Draft::default() }).expect("a step is a plan");
    tokio.block_on(async {
        let mut isolate = isolate_with(Arc::new(adaptors));
        let source = Source { name: "job.js".into(), text: code.into() };
        let executable = Executable::plain(&source);
        let namespace = isolate.load("job://1/job", &source, &executable, Some(plan.start())).await?;
        step::count(&mut isolate, &namespace)
    })
}

fn isolate() -> Isolate {
    isolate_with(Arc::default())
}

fn isolate_with(adaptors: Arc<Adaptors>) -> Isolate {
    let logger = Rc::new(RefCell::new(|_: i32, _: u32, _: &str| {}));
    let mut isolate = Isolate::new(None, Killer::default(), Arc::new(Gauge::default())).expect("an isolate");
    isolate.equip(logger, &adaptors, &Arc::default());
    isolate
}

/// Compiles a job with its adaptors as a run does, or takes it from the cache; answers how long that took.
///
/// # Panics
/// When it does not compile.
pub fn compile(code: &str, adaptors: &Adaptors, cache: &Cache) -> Duration {
    let job = Job::new(Source { name: "job.js".into(), text: code.into() });
    let step = DraftStep { job: Some(job), ..DraftStep::default() };
    let plan = Plan::new(Draft { steps: vec![step], ..Draft::default() }).expect("a step is a plan");
    let start = Instant::now();
    let program = Program::compile(&plan, adaptors, cache, &tracing::Span::none());
    let time = start.elapsed();
    assert!(program.job(plan.start()).is_some());
    time
}

/// Time from nothing to the first line of user code, and to the end of a run that does nothing more.
///
/// # Panics
/// When the isolate cannot be made.
pub fn cold_start() -> (Duration, Duration) {
    let start = Instant::now();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio.block_on(async {
        let mut isolate = isolate();
        let source = Source { name: "bench.js".into(), text: "export default [state => state];".into() };
        let loaded = isolate.load("job://0/bench", &source, &Executable::plain(&source), None).await;
        assert!(loaded.is_ok());
        let first = start.elapsed();
        drop(isolate);
        (first, start.elapsed())
    })
}

/// Every span that a step makes, as it makes them when nobody looks.
pub fn spans_of_nobody() {
    use crate::spans;

    let execute = spans::execute(&tracing::Span::none(), Some("plan"));
    let step = spans::step(None, "step", 1, 100);
    let called = spans::step(Some(&step), "called", 2, 100);
    drop((spans::load(&step), spans::view(&step, 100), spans::collection("young")));
    drop((spans::isolate(), spans::compile(&execute, "job.js", 100), spans::compile_v8("job.js")));
    if spans::of_operations() {
        drop(spans::operation(&step, 1, Some("fn"), Some(1)));
    }
    spans::heap(100);
    let encoded = encode::Encoded { state: None, warnings: Vec::new(), spliced: 0, walks: 0, fresh: Vec::new() };
    spans::encoded(&spans::encode(&step), &encoded);
    spans::ended(&called, &Outcome::Success, &Figures::default());
}
