//! One isolate: one thread, one owner, one run.
//!
//! ```text
//!  thread of the run                                   watchdog thread
//!  ┌───────────────────────────────────────────┐       ┌──────────────────────────┐
//!  │ tokio, current thread                     │       │ deadlines, abort, memory │
//!  │  └ Isolate ── JsRuntime (from snapshot)   │ ◄──── │ stores the reason,       │
//!  │       ├ Views     (slot of the isolate)   │ stop  │ then terminates V8       │
//!  │       └ Pristine  (functions of ours)     │       └──────────────────────────┘
//!  └───────────────────────────────────────────┘
//! ```
//!
//! V8 wants isolates to be dropped on the thread that made them, in reverse order; there is one, so there is no order to keep.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use deno_core::error::{CoreError, CoreErrorKind};
use deno_core::{JsRuntime, ModuleSpecifier, PollEventLoopOptions, RuntimeOptions, v8};
use fulgurite_compile::Adaptors;
use fulgurite_plan::{ErrorReport, KillReason, Outcome, Source, StepIndex};

use crate::buffers::{Budget, allocator};
use crate::cache::Cache;
use crate::collector::{Collection, Watch};
use crate::cpu::ThreadClock;
use crate::desk::Desk;
use crate::encode::Pristine;
use crate::executable::Executable;
use crate::fault::{self, Moment, Sources};
use crate::fetch::{self, Fetcher};
use crate::function::Maker;
use crate::live::StreamFunctions;
use crate::loader::{Loader, refusal};
use crate::network::Network;
use crate::ops::{LogSink, extensions};
use crate::run::Gauge;
use crate::sampler::Sampler;
use crate::spans;
use crate::step::Tools;
use crate::view::Views;
use crate::watchdog::{Kill, Killer, Watchdog};

static SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/snapshot.bin"));

/// An isolate that is ready for user code.
pub(crate) struct Isolate {
    // Dropped in this order: nothing may outlive the runtime's isolate.
    watchdog: Watchdog,
    pub(crate) killer: Killer,
    pub(crate) views: Rc<Views>,
    pub(crate) pristine: Rc<Pristine>,
    pub(crate) functions: Functions,
    pub(crate) sources: Rc<Sources>,
    names: Names,
    /// Makes functions of jobs.
    pub(crate) maker: Maker,
    pub(crate) loader: Rc<Loader>,
    pub(crate) gauge: Arc<Gauge>,
    budget: Option<Arc<Budget>>,
    clock: Option<ThreadClock>,
    /// How long it took to make.
    pub(crate) took: Duration,
    /// When the step began, and the CPU time of the thread by then.
    step_began: (Instant, Option<Duration>),
    pub(crate) runtime: JsRuntime,
    /// After the runtime, because its teardown may collect.
    collections: Watch,
    /// Samples it, and who gets what comes of that.
    sampler: Option<(Sampler, Profiled)>,
}

/// Gets a CPU profile, in the form of V8.
pub(crate) type Profiled = Box<dyn FnOnce(serde_json::Value) + Send>;

/// Inner functions of `js/`.
pub(crate) struct Functions {
    pub(crate) run: v8::Global<v8::Function>,
    pub(crate) operations_of: v8::Global<v8::Function>,
    pub(crate) run_items: v8::Global<v8::Function>,
    pub(crate) clear_timers: v8::Global<v8::Function>,
    pub(crate) timed: v8::Global<v8::Function>,
}

/// Where log lines go. Shared, because both the isolate's ops and the run write to it.
pub(crate) type Logger = Rc<RefCell<dyn FnMut(i32, u32, &str)>>;

impl Isolate {
    /// Makes an isolate from the snapshot and locks it down. Must be called inside a current-thread tokio runtime.
    ///
    /// # Errors
    /// When the isolate cannot be made, which is our or the machine's fault.
    pub(crate) fn new(heap: Option<usize>, killer: Killer, gauge: Arc<Gauge>) -> Result<Isolate, CoreError> {
        let _span = spans::isolate();
        let starts = Instant::now();
        let names = Names::default();
        let loader = Loader::new(names.clone());
        let budget = heap.map(Budget::new);
        let params = heap.zip(budget.as_ref()).map(|(heap, budget)| {
            let params = v8::CreateParams::default().heap_limits(0, heap);
            params.array_buffer_allocator(allocator(budget))
        });
        let mut runtime = JsRuntime::try_new(RuntimeOptions {
            module_loader: Some(loader.clone()),
            extensions: fetch::plug(extensions()),
            startup_snapshot: Some(SNAPSHOT),
            create_params: params,
            ..Default::default()
        })?;
        runtime.v8_isolate().set_prepare_stack_trace_callback(stack_trace);
        watch_heap(&mut runtime, heap, &killer, &gauge);
        let collections = gauge_heap(&mut runtime, heap, budget.clone(), &killer, &gauge);
        let watchdog = Watchdog::start(killer.clone(), runtime.v8_isolate().thread_safe_handle())
            .map_err(|error| CoreErrorKind::Io(error).into_box())?;

        runtime.v8_isolate().set_slot(names.clone());
        let (views, pristine, functions) = {
            deno_core::scope!(scope, runtime);
            let taken = take_inner(scope).ok_or_else(|| CoreErrorKind::ExecutionTerminated.into_box())?;
            let context = scope.get_current_context();
            context.set_allow_generation_from_strings(false);
            taken
        };
        let clock = ThreadClock::current();
        let sources = Rc::new(Sources::new(loader.clone()));
        let maker =
            Maker { functions: Rc::default(), loader: loader.clone(), sources: sources.clone(), names: names.clone() };
        let mut isolate = Isolate {
            watchdog,
            killer,
            views,
            pristine: Rc::new(pristine),
            functions,
            sources,
            names,
            maker,
            loader,
            gauge,
            budget,
            clock,
            step_began: (Instant::now(), clock.and_then(ThreadClock::now)),
            runtime,
            collections,
            sampler: None,
            took: Duration::ZERO,
        };
        isolate.heap();
        isolate.took = starts.elapsed();
        Ok(isolate)
    }

    /// Gives it what the run brings along: where its log goes, what its jobs may import, and what was compiled before.
    pub(crate) fn equip(&mut self, logger: Logger, adaptors: &Arc<Adaptors>, cache: &Arc<Cache>) {
        let sink = LogSink(Box::new(move |level, execution, text| (logger.borrow_mut())(level, execution, text)));
        self.runtime.op_state().borrow_mut().put(sink);
        self.loader.equip(adaptors.clone(), cache.clone());
        self.begin_step();
    }

    /// Evaluates a job, or globals, anew; answers an object of its exports. What can be a function is called; a module is loaded
    /// under a name of its own. With a step it may import that step's adaptors.
    ///
    /// # Errors
    /// The outcome of the step.
    pub(crate) async fn load(
        &mut self,
        module: &str,
        source: &Source,
        executable: &Executable,
        step: Option<StepIndex>,
    ) -> Result<v8::Global<v8::Object>, Outcome> {
        if let Some(job) = self.prepare(source, executable, step).await? {
            return self.call(&job);
        }
        self.sources.add(module, source, executable, step);
        self.names.add(module, &source.name);
        self.loader.offer(module, executable, step);
        self.import(module).await
    }

    /// Has V8 read a module that will be loaded later, so that what only V8 refuses (a regular expression, say) is known before
    /// anything runs. What has been read before, here or in another run, is not read again.
    ///
    /// # Errors
    /// The outcome of the run.
    pub(crate) fn compiles(
        &mut self,
        source: &Source,
        executable: &Executable,
        step: StepIndex,
    ) -> Result<(), Outcome> {
        if executable.function.is_some() {
            return self.compile(source, executable, Some(step));
        }
        let key = Executable::bytecode_key(&executable.code);
        if self.loader.knows(&key) {
            return Ok(());
        }
        const URL: &str = "job://0/0";
        self.sources.add(URL, source, executable, None);
        self.loader.offer(URL, executable, None);
        let outcome = {
            let Isolate { runtime, loader, sources, .. } = self;
            deno_core::scope!(scope, runtime);
            v8::tc_scope!(let scope, scope);
            let module = (|| {
                let code = v8::String::new(scope, &executable.code)?;
                let name = v8::String::new(scope, URL)?;
                let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, -1, None, false, false, true, None);
                let mut source = v8::script_compiler::Source::new(code, Some(&origin));
                v8::script_compiler::compile_module(scope, &mut source)
            })();
            match (module, scope.exception()) {
                (Some(module), _) => {
                    if let Some(bytecode) = module.get_unbound_module_script(scope).create_code_cache() {
                        loader.keep(key, &bytecode);
                    }
                    None
                }
                (None, Some(exception)) => {
                    Some(fault::from_exception(scope, sources, exception, Moment::Compile, None, &[]))
                }
                (None, None) => Some(idle()),
            }
        };
        self.loader.withdraw(URL);
        match outcome {
            None => Ok(()),
            Some(outcome) => Err(match self.killer.fired() {
                Some(kill) => self.killed(kill),
                None => outcome,
            }),
        }
    }

    /// Loads and evaluates a module that the loader knows, once.
    ///
    /// # Errors
    /// The outcome of the step.
    pub(crate) async fn import(&mut self, url: &str) -> Result<v8::Global<v8::Object>, Outcome> {
        let specifier = ModuleSpecifier::parse(url).expect("made by us");
        let loaded = self.runtime.load_side_es_module(&specifier).await;
        let id = loaded.map_err(|error| self.outcome_of(error, Moment::Compile))?;
        let evaluated = self.runtime.mod_evaluate(id);
        self.until(evaluated, Moment::Load).await?;
        self.runtime.get_module_namespace(id).map_err(|error| self.outcome_of(error, Moment::Load))
    }

    /// What reads how a job ended.
    pub(crate) fn tools(&self) -> Tools {
        let Isolate { views, pristine, sources, loader, .. } = self;
        let (views, pristine) = (views.clone(), pristine.clone());
        Tools { views, pristine, sources: sources.clone(), loader: loader.clone() }
    }

    /// The outcome, or that of the kill that came before it.
    pub(crate) fn or_killed(&mut self, outcome: Outcome) -> Outcome {
        match self.killer.fired() {
            Some(kill) => self.killed(kill),
            None => outcome,
        }
    }

    /// Drives the event loop until `future` is ready or the run is killed.
    ///
    /// # Errors
    /// The outcome of the step: a kill, an idle wait, or an error that nobody handled.
    pub(crate) async fn until<T, E>(
        &mut self,
        future: impl Future<Output = Result<T, E>> + Unpin,
        moment: Moment,
    ) -> Result<T, Outcome>
    where
        CoreError: From<E>,
    {
        let killer = self.killer.clone();
        let result = tokio::select! {
            biased;
            result = self.runtime.with_event_loop_promise(future, PollEventLoopOptions::default()) => result,
            kill = killer.killed() => return Err(self.killed(kill)),
        };
        if let Some(kill) = self.killer.fired() {
            return Err(self.killed(kill));
        }
        result.map_err(|error| self.outcome_of(error, moment))
    }

    /// Gives the event loop one turn, so that rejections that nobody handled come out.
    ///
    /// # Errors
    /// The outcome of the step.
    pub(crate) async fn turn(&mut self) -> Result<(), Outcome> {
        // The order to stop has been seen, and nobody repeats it: what is still ready to run might never end.
        if let Some(kill) = self.killer.fired() {
            return Err(self.killed(kill));
        }
        let options = PollEventLoopOptions::default();
        let polled = std::future::poll_fn(|cx| Poll::Ready(self.runtime.poll_event_loop(cx, options))).await;
        match polled {
            Poll::Ready(Err(error)) => Err(self.outcome_of(error, Moment::Loose)),
            _ => Ok(()),
        }
    }

    /// The outcome for an order to stop, which is hereby seen.
    pub(crate) fn killed(&mut self, kill: Kill) -> Outcome {
        self.watchdog.acknowledge();
        self.runtime.v8_isolate().cancel_terminate_execution();
        let details = kill.report.details.or_else(|| Some(self.used()));
        Outcome::Kill(kill.reason, ErrorReport { details, ..kill.report })
    }

    /// From now on what is used counts as that of a new step.
    pub(crate) fn begin_step(&mut self) {
        self.step_began = (Instant::now(), self.clock.and_then(ThreadClock::now));
    }

    /// What the step has used so far, for whoever wonders which limit to raise.
    fn used(&mut self) -> serde_json::Value {
        let (began, _) = self.step_began;
        let cpu = self.step_cpu();
        serde_json::json!({
            "used": {
                "wall_us": began.elapsed().as_micros() as u64,
                "cpu_us": cpu.map(|cpu| cpu.as_micros() as u64),
                "heap_bytes": self.runtime.v8_isolate().get_heap_statistics().used_heap_size(),
                "buffer_bytes": self.budget.as_ref().map(|budget| budget.buffers()),
            }
        })
    }

    /// The outcome for an error of deno_core. The stored reason wins over whatever the error says.
    pub(crate) fn outcome_of(&mut self, error: CoreError, moment: Moment) -> Outcome {
        if let Some(kill) = self.killer.fired() {
            return self.killed(kill);
        }
        let refused = self.loader.take_refused();
        match error.as_kind() {
            CoreErrorKind::Js(error) => {
                if error.exception_message == STALLED && moment != Moment::Run {
                    return idle();
                }
                match refused {
                    Some(refused) if error.exception_message.contains(&refusal(&refused.specifier)) => {
                        Outcome::Crash(self.sources.import_error(&refused))
                    }
                    _ => fault::from_js_error(&self.sources, error, moment),
                }
            }
            CoreErrorKind::PendingPromiseResolution => idle(),
            other if let Some(refused) = refused => {
                tracing::debug!(error = %other, "an import was refused");
                Outcome::Crash(self.sources.import_error(&refused))
            }
            other => Outcome::Crash(ErrorReport::new("ExecutionError", other.to_string())),
        }
    }

    /// Samples what runs here from now on, to the isolate's end.
    pub(crate) fn sample(&mut self, profiled: Profiled) {
        self.sampler = Some((Sampler::start(&mut self.runtime), profiled));
    }

    /// Hands over what was sampled.
    pub(crate) fn end_samples(&mut self) {
        let Some((sampler, profiled)) = self.sampler.take() else { return };
        // An order to stop has been seen by then, and V8 may answer.
        self.runtime.v8_isolate().cancel_terminate_execution();
        if let Some(profile) = sampler.stop(&self.sources, &self.loader) {
            profiled(profile);
        }
    }

    /// Lets jobs have a network. Without this call they have none.
    pub(crate) fn allow_network(&mut self, network: &Network) {
        self.runtime.op_state().borrow_mut().put(Fetcher::new(network.clone()));
    }

    fn fetcher(&mut self) -> Option<Fetcher> {
        self.runtime.op_state().borrow().try_borrow::<Fetcher>().cloned()
    }

    /// A step begins, and with it the time in which requests can be made.
    pub(crate) fn begin_requests(&mut self) {
        if let Some(fetcher) = self.fetcher() {
            fetcher.begin();
        }
    }

    /// Ends the requests that are left of a step, so that none is answered in the next. What waits for them is told now, while
    /// the step still counts; what that throws is nobody's concern any more.
    ///
    /// # Errors
    /// The outcome of the step, when it is killed meanwhile.
    pub(crate) async fn end_requests(&mut self, keep_responses: bool) -> Result<(), Outcome> {
        if self.fetcher().is_some_and(|fetcher| fetcher.end(keep_responses)) {
            // One for the requests, one for responses that are read by what waited for them, one to be sure.
            for _ in 0..3 {
                tokio::task::yield_now().await;
                let _ = self.turn().await;
                self.clear_timers();
            }
        }
        match self.killer.fired() {
            Some(kill) => Err(self.killed(kill)),
            None => Ok(()),
        }
    }

    /// Clears the timers that are left of a step, so that none goes off in the next.
    pub(crate) fn clear_timers(&mut self) {
        deno_core::scope!(scope, self.runtime);
        let clear = v8::Local::new(scope, &self.functions.clear_timers);
        let undefined = v8::undefined(scope).into();
        // It runs nothing of the job's; it fails only when the run is being killed.
        let _ = clear.call(scope, undefined, &[]);
    }

    /// Reads the heap into the gauge and answers it, in bytes.
    pub(crate) fn heap(&mut self) -> usize {
        let used = self.runtime.v8_isolate().get_heap_statistics().used_heap_size();
        self.gauge.set_heap(used);
        spans::heap(used);
        self.buffers();
        used
    }

    /// Reads the most that was behind ArrayBuffers into the gauge and answers it, in bytes.
    pub(crate) fn buffers(&self) -> usize {
        let most = self.budget.as_ref().map_or(0, |budget| budget.most_buffers());
        self.gauge.set_most_buffers(most);
        most
    }

    /// CPU time of the thread since the step began, where there is a clock for it.
    pub(crate) fn step_cpu(&self) -> Option<Duration> {
        let (_, then) = self.step_began;
        self.clock.and_then(ThreadClock::now).zip(then).map(|(now, then)| now.saturating_sub(then))
    }
}

/// What deno_core says when a top-level `await` waits for nothing; there is no kind for it. What a job throws begins with
/// "Uncaught", so that none can say this.
const STALLED: &str = "Top-level await promise never resolved";

/// A promise that nothing can settle any more: no timer, no request, nothing that the host still works on.
pub(crate) fn idle() -> Outcome {
    let report = ErrorReport {
        hint: Some("a promise is awaited that nothing can resolve: is a `resolve()` call missing?".into()),
        ..ErrorReport::new("IdleError", "the job waits for a promise that nothing can settle")
    };
    Outcome::Kill(KillReason::Idle, report)
}

impl Drop for Isolate {
    /// Handles must be given back while the isolate is alive. `v8::Weak` cannot be dropped later: the isolate's own teardown
    /// would call back into memory that is already free. Dropping the slots with the isolate is too late for that.
    fn drop(&mut self) {
        self.buffers();
        self.end_samples();
        self.collections.end(self.runtime.v8_isolate());
        self.maker.functions.clear();
        if let Some(desk) = self.runtime.v8_isolate().get_slot::<Rc<Desk>>().cloned() {
            desk.clear();
        }
        self.runtime.v8_isolate().remove_slot::<Rc<Desk>>();
        self.runtime.v8_isolate().remove_slot::<Rc<Views>>();
        self.views.clear();
    }
}

fn take_inner(scope: &mut v8::PinScope) -> Option<(Rc<Views>, Pristine, Functions)> {
    let global = scope.get_current_context().global(scope);
    let inner: v8::Local<v8::Object> = get(scope, global, "__fulgurite")?.try_into().ok()?;
    fn function(
        scope: &mut v8::PinScope,
        inner: v8::Local<v8::Object>,
        name: &str,
    ) -> Option<v8::Global<v8::Function>> {
        let function: v8::Local<v8::Function> = get(scope, inner, name)?.try_into().ok()?;
        Some(v8::Global::new(scope, function))
    }
    let pristine = Pristine {
        stringify: function(scope, inner, "stringify")?,
        is_stream: function(scope, inner, "isStream")?,
        is_source: function(scope, inner, "isSource")?,
    };
    let streams = StreamFunctions {
        watch: function(scope, inner, "watch")?,
        is_taken: function(scope, inner, "isTaken")?,
        stand_in: function(scope, inner, "standIn")?,
    };
    let functions = Functions {
        run: function(scope, inner, "run")?,
        operations_of: function(scope, inner, "operationsOf")?,
        run_items: function(scope, inner, "runItems")?,
        clear_timers: function(scope, inner, "clearTimers")?,
        timed: function(scope, inner, "timed")?,
    };
    let views = Views::install(scope, streams);
    let connect: v8::Local<v8::Function> = get(scope, inner, "connect")?.try_into().ok()?;
    let natives = crate::natives::object(scope)?;
    let undefined = v8::undefined(scope).into();
    connect.call(scope, undefined, &[natives.into()])?;
    let lockdown: v8::Local<v8::Function> = get(scope, inner, "lockdown")?.try_into().ok()?;
    let undefined = v8::undefined(scope).into();
    lockdown.call(scope, undefined, &[])?;
    Some((views, pristine, functions))
}

fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<v8::Object>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let key = v8::String::new(scope, name)?;
    object.get(scope, key.into())
}

/// deno_core's own way to write a stack, kept from what it panics over (a panic below V8 ends the process): a name or a
/// message that is no string or very long.
fn stack_trace<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    const LONGEST: usize = 1 << 20;
    let harmless = {
        v8::tc_scope!(let scope, scope);
        v8::Local::<v8::Object>::try_from(error).is_ok_and(|object| {
            ["name", "message"].iter().all(|name| {
                let Some(value) = get(scope, object, name) else { return false };
                value.is_undefined()
                    || v8::Local::<v8::String>::try_from(value).is_ok_and(|text| text.length() <= LONGEST)
            })
        })
    };
    if harmless {
        let stack = deno_core::error::prepare_stack_trace_callback(scope, error, sites);
        return authors_stack(scope, stack).unwrap_or(stack);
    }
    v8::String::new(scope, "Error: (its name or message cannot be shown)")
        .unwrap_or_else(|| v8::String::empty(scope))
        .into()
}

/// A stack as the author of a job knows it: without the frames of ours, and with the names of his files.
fn authors_stack<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    stack: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let text = v8::Local::<v8::String>::try_from(stack).ok()?;
    let text = crate::text::lossy(scope, text);
    let names = scope.get_slot::<Names>()?.0.borrow();
    let ours = |line: &str| {
        let at = |scheme| line.contains(&format!("({scheme}:")) || line.contains(&format!(" {scheme}:"));
        line.starts_with("    at ") && (at("ext") || at("fulgurite"))
    };
    let mut shown = String::with_capacity(text.len());
    for line in text.split('\n').filter(|line| !ours(line)) {
        if !shown.is_empty() {
            shown.push('\n');
        }
        match names.iter().find(|(module, _)| line.contains(module.as_str())) {
            Some((module, name)) => shown.push_str(&line.replace(module.as_str(), name)),
            None => shown.push_str(line),
        }
    }
    drop(names);
    Some(v8::String::new(scope, &shown)?.into())
}

/// What the author calls each module; also in a slot of the isolate.
#[derive(Clone, Default)]
pub(crate) struct Names(Rc<RefCell<Vec<(String, String)>>>);

impl Names {
    pub(crate) fn add(&self, url: &str, name: &str) {
        self.0.borrow_mut().push((format!("{url}:"), format!("{name}:")));
    }
}

/// Reads the heap after every collection: a thread that looks on cannot ask V8 itself. Together with the buffers it may be
/// too much, long before the heap alone is.
fn gauge_heap(
    runtime: &mut JsRuntime,
    limit: Option<usize>,
    budget: Option<Arc<Budget>>,
    killer: &Killer,
    gauge: &Arc<Gauge>,
) -> Watch {
    /// V8 gives back what was behind dead buffers only after it has told us of the collection.
    const SWEPT_AFTER: Duration = Duration::from_millis(100);
    let (killer, gauge) = (killer.clone(), gauge.clone());
    let over_since: Cell<Option<Instant>> = Cell::new(None);
    Watch::start(runtime.v8_isolate(), move |used, collection| {
        gauge.set_heap(used);
        spans::heap(used);
        let (Collection::Whole, Some(budget), Some(limit)) = (collection, &budget, limit) else { return };
        match (budget.set_heap(used), over_since.get()) {
            (false, _) => over_since.set(None),
            (true, None) => over_since.set(Some(Instant::now())),
            (true, Some(since)) if since.elapsed() >= SWEPT_AFTER => killer.kill(out_of_memory(limit)),
            (true, Some(_)) => {}
        }
    })
}

fn out_of_memory(limit: usize) -> Kill {
    let report = ErrorReport {
        hint: Some("process the data in smaller parts, or give the run more memory (--memory)".into()),
        ..ErrorReport::new("OOMError", format!("Run exceeded maximum memory usage ({} MB)", limit >> 20))
    };
    Kill { reason: KillReason::Oom, report }
}

/// Near the heap limit the run is killed, and V8 gets room to unwind in: without it, it would end the process.
fn watch_heap(runtime: &mut JsRuntime, limit: Option<usize>, killer: &Killer, gauge: &Arc<Gauge>) {
    let killer = killer.clone();
    let gauge = gauge.clone();
    runtime.add_near_heap_limit_callback(move |current, initial| {
        gauge.set_heap(current);
        let limit = limit.unwrap_or(initial);
        killer.kill(out_of_memory(limit));
        // Twice is not enough when a single array of 1 GiB, V8's largest, is what did not fit.
        current + current.max(1 << 30)
    });
}
