//! One execution of one step: view, run, encode.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use deno_core::v8;
use fulgurite_compile::line;
use fulgurite_plan::{ErrorReport, KillReason, OperationPosition, Outcome, Position, Source, StepIndex};
use fulgurite_state::{IndexOptions, State};
use tracing::Span;

use crate::assemble;
use crate::batch::{self, Batch, ItemsFrom};
use crate::desk::{Begun, Desk};
use crate::elsewhere::Helpers;
use crate::encode::{self, Encoded, Pristine};
use crate::event::{Figures, Items};
use crate::executable::Executable;
use crate::fault::{self, Moment, Sources};
use crate::isolate::{Functions, Isolate, idle};
use crate::loader::Loader;
use crate::ops::Elsewhere;
use crate::spans;
use crate::view::Views;
use crate::watchdog::Kill;

/// What to execute.
pub(crate) struct Task<'a> {
    pub(crate) source: &'a Source,
    /// What the source was compiled to.
    pub(crate) executable: &'a Executable,
    /// Whose adaptors the job may import.
    pub(crate) step: Option<StepIndex>,
    /// Code whose exports become globals while the step runs.
    pub(crate) globals: Option<(&'a Source, &'a Executable)>,
    /// A name for the module that no other execution has.
    pub(crate) module: String,
    pub(crate) input: State,
    pub(crate) options: &'a encode::Options,
    /// Its number, for what it logs and calls.
    pub(crate) execution: u32,
    pub(crate) span: Span,
}

impl Task<'_> {
    /// The operation of that number, from 1.
    fn operation(&self, number: u32) -> Option<OperationPosition> {
        let operation = self.executable.operations.iter().find(|operation| operation.order == number)?;
        let place = Position {
            file: self.source.name.clone(),
            line: operation.line,
            column: operation.column,
            source_line: line(&self.source.text, operation.line).map(str::to_owned),
        };
        Some(OperationPosition { name: operation.name.clone(), place })
    }
}

/// How it went.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    /// `None` when the job gave `undefined`, or when the run stops here.
    pub(crate) output: Option<State>,
    pub(crate) warnings: Vec<String>,
    /// What of the output's text the job may have put there.
    pub(crate) fresh: Vec<Bytes>,
    pub(crate) figures: Figures,
}

impl Done {
    /// Nothing has been done with the input yet.
    pub(crate) fn new(input: &State) -> Done {
        let figures = Figures { bytes_in: input.len(), ..Figures::default() };
        Done { outcome: Outcome::Success, output: None, warnings: Vec::new(), fresh: Vec::new(), figures }
    }

    /// What an answer came to.
    pub(crate) fn of(ended: Ended, input: &State) -> Done {
        let mut done = Done::new(input);
        done.take(ended.encoded);
        if let Err(outcome) = ended.outcome {
            done.outcome = outcome;
        }
        done
    }

    fn take(&mut self, encoded: Encoded) {
        self.figures.bytes_spliced = encoded.spliced;
        self.figures.state_walks = encoded.walks;
        self.figures.bytes_out = encoded.state.as_ref().map_or(0, State::len);
        self.output = encoded.state;
        self.warnings = encoded.warnings;
        self.fresh = encoded.fresh;
    }
}

/// Executes a step. On a failure the output is what the job has made of its input so far.
pub(crate) async fn execute(isolate: &mut Isolate, task: &Task<'_>) -> Done {
    let (start, mut done) = prepare(isolate, task);
    let result = run(isolate, task, &mut done).await;
    conclude(isolate, task, start, done, result)
}

/// The same for a job whose module has been loaded before.
pub(crate) async fn execute_loaded(isolate: &mut Isolate, task: &Task<'_>, namespace: &v8::Global<v8::Object>) -> Done {
    let (start, mut done) = prepare(isolate, task);
    let result = run_loaded(isolate, task, &mut done, namespace).await;
    conclude(isolate, task, start, done, result)
}

/// Runs a step of nothing, so that what V8 does when functions are called for the first time is done. Nothing is left of it.
pub(crate) async fn rehearse(isolate: &mut Isolate) {
    let exports = {
        deno_core::scope!(scope, isolate.runtime);
        v8::tc_scope!(let scope, scope);
        (|| {
            let code = v8::String::new(
                scope,
                "\"use strict\";\nreturn{\"default\":[state => ({ ...state })],\"execute\":void 0,};",
            )?;
            let mut source = v8::script_compiler::Source::new(code, None);
            let options = v8::script_compiler::CompileOptions::NoCompileOptions;
            let reason = v8::script_compiler::NoCacheReason::NoReason;
            let job = v8::script_compiler::compile_function(scope, &mut source, &[], &[], options, reason)?;
            let undefined = v8::undefined(scope).into();
            v8::Local::<v8::Object>::try_from(job.call(scope, undefined, &[])?).ok()
        })()
        .map(|exports| v8::Global::new(scope, exports))
    };
    let Some(exports) = exports else { return };
    let source = Source { name: String::new(), text: "".into() };
    let options = encode::Options {
        index: IndexOptions::default(),
        remove: vec!["configuration".into()],
        only: &[],
        is_state: true,
        limit: usize::MAX,
    };
    let task = Task {
        source: &source,
        executable: &Executable::plain(&source),
        step: None,
        globals: None,
        module: String::new(),
        input: assemble::no_input(IndexOptions::default()),
        options: &options,
        execution: 0,
        span: Span::none(),
    };
    execute_loaded(isolate, &task, &exports).await;
    isolate.clear_timers();
}

fn prepare(isolate: &mut Isolate, task: &Task<'_>) -> (Instant, Done) {
    let _ = isolate.views.take_cost();
    (Instant::now(), Done::new(&task.input))
}

fn conclude(
    isolate: &mut Isolate,
    task: &Task<'_>,
    start: Instant,
    mut done: Done,
    result: Result<(), Outcome>,
) -> Done {
    if let Err(outcome) = result {
        done.outcome = outcome;
        // A job that failed before it could hand anything on hands on what it was given.
        if !done.outcome.stops_the_run() && done.output.is_none() {
            done.output = unchanged(task).state;
        }
    }
    if done.outcome.stops_the_run() {
        done.output = None;
        done.figures.bytes_spliced = 0;
    }
    let (parsed, time) = isolate.views.take_cost();
    done.figures.bytes_parsed = parsed;
    done.figures.view += time;
    done.figures.bytes_out = done.output.as_ref().map_or(0, State::len);
    done.figures.heap = isolate.heap();
    done.figures.buffers = isolate.buffers();
    done.figures.cpu = isolate.step_cpu().unwrap_or_default();
    done.figures.duration = start.elapsed();
    done
}

/// Installs the plan's globals, evaluated anew.
async fn globals(isolate: &mut Isolate, task: &Task<'_>) -> Result<Vec<v8::Global<v8::Name>>, Outcome> {
    let Some((source, executable)) = task.globals else { return Ok(Vec::new()) };
    let namespace = isolate.load(&format!("{}/globals", task.module), source, executable, None).await?;
    Ok(install(isolate, &namespace))
}

async fn run(isolate: &mut Isolate, task: &Task<'_>, done: &mut Done) -> Result<(), Outcome> {
    let start = Instant::now();
    isolate.begin_requests();
    let span = spans::load(&task.span);
    let globals = globals(isolate, task).await?;
    let loaded = isolate.load(&task.module, task.source, task.executable, task.step).await;
    drop(span);
    done.figures.load = start.elapsed();
    let result = match loaded {
        Ok(namespace) => run_loaded(isolate, task, done, &namespace).await,
        Err(outcome) => Err(outcome),
    };
    uninstall(isolate, &globals);
    // A stream that the step hands on may be a response's.
    let live = done.output.as_ref().is_some_and(|output| output.live().is_some());
    let ended = isolate.end_requests(live).await;
    isolate.clear_timers();
    ended.and(result)
}

/// Makes the exports of a module globals; answers their names.
fn install(isolate: &mut Isolate, namespace: &v8::Global<v8::Object>) -> Vec<v8::Global<v8::Name>> {
    deno_core::scope!(scope, isolate.runtime);
    let namespace = v8::Local::new(scope, namespace);
    let global = scope.get_current_context().global(scope);
    let Some(names) = namespace.get_own_property_names(scope, v8::GetPropertyNamesArgs::default()) else {
        return Vec::new();
    };
    let names = (0..names.length()).filter_map(|index| {
        let name: v8::Local<v8::Name> = names.get_index(scope, index)?.try_into().ok()?;
        let value = namespace.get(scope, name.into())?;
        global.create_data_property(scope, name, value)?;
        Some(v8::Global::new(scope, name))
    });
    names.collect()
}

fn uninstall(isolate: &mut Isolate, names: &[v8::Global<v8::Name>]) {
    if names.is_empty() {
        return;
    }
    deno_core::scope!(scope, isolate.runtime);
    let global = scope.get_current_context().global(scope);
    for name in names {
        let name = v8::Local::new(scope, name);
        global.delete(scope, name.into());
    }
}

async fn run_loaded(
    isolate: &mut Isolate,
    task: &Task<'_>,
    done: &mut Done,
    namespace: &v8::Global<v8::Object>,
) -> Result<(), Outcome> {
    let (promise, view) = begin(isolate, task, namespace, &mut done.figures.view)?;
    let answer = finish(isolate, promise).await?;
    isolate.turn().await?;

    let start = Instant::now();
    let ended = end(isolate, task, answer, view)?;
    done.figures.encode = start.elapsed();
    // Encoding may have run user code that left a rejection behind.
    isolate.turn().await?;

    done.take(ended.encoded);
    ended.outcome
}

/// Executes a step over items, which are many executions in one.
pub(crate) async fn execute_items(
    isolate: &mut Isolate,
    desk: &Rc<Desk>,
    task: &Task<'_>,
    begun: &Rc<Begun>,
) -> (Done, Items) {
    let (start, mut done) = prepare(isolate, task);
    isolate.begin_requests();
    let mut items = Items::default();
    let result = match globals(isolate, task).await {
        Ok(globals) => {
            let result = run_items(isolate, desk, task, begun, &mut done, &mut items).await;
            uninstall(isolate, &globals);
            result
        }
        Err(outcome) => Err(outcome),
    };
    let live = done.output.as_ref().is_some_and(|output| output.live().is_some());
    let ended = isolate.end_requests(live).await;
    isolate.clear_timers();
    (conclude(isolate, task, start, done, ended.and(result)), items)
}

async fn run_items(
    isolate: &mut Isolate,
    desk: &Rc<Desk>,
    task: &Task<'_>,
    begun: &Rc<Begun>,
    done: &mut Done,
    items: &mut Items,
) -> Result<(), Outcome> {
    // What every call needs is loaded once.
    isolate.prepare(task.source, task.executable, task.step).await?;
    let started = {
        deno_core::scope!(scope, isolate.runtime);
        let number = v8::Integer::new_from_unsigned(scope, task.execution).into();
        scope.set_continuation_preserved_embedder_data(number);
        let started = batch::items_of(desk, scope, begun).map(|from| {
            let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
            let (text, source) = match from {
                ItemsFrom::Array(text) => (Some(text), undefined),
                ItemsFrom::Source(source) => (None, source),
            };
            let batch = Batch::new(desk, begun.clone(), text);
            desk.batches.borrow_mut().insert(task.execution, batch.clone());
            (batch, v8::Global::new(scope, source))
        });
        let nothing = v8::undefined(scope).into();
        scope.set_continuation_preserved_embedder_data(nothing);
        started
    };
    let (batch, source) = started.map_err(|outcome| isolate.or_killed(outcome))?;
    let mut helpers = match batch.with.isolates.get() {
        1 => None,
        _ => Some(Helpers::start(desk, isolate, &batch)?),
    };
    let promise = start_items(isolate, desk, task.execution, &batch, &source)?;
    let answered = finish(isolate, promise).await;
    let turned = isolate.turn().await;
    desk.batches.borrow_mut().remove(&task.execution);
    let mut left_behind = None;
    if let Some(helpers) = &mut helpers {
        let over = !batch.is_through() || answered.is_err();
        let report = ErrorReport::new("AbortError", "the step is over");
        helpers.end(isolate.killer.fired().or(over.then_some(Kill { reason: KillReason::Abort, report })));
        // What the last items left behind is known only now; one that was told to end says just that.
        left_behind = helpers.fate().filter(|_| !over);
        drop(isolate.runtime.op_state().borrow_mut().try_take::<Elsewhere>());
    }
    let answer = answered?;
    turned?;
    if let Some(outcome) = left_behind {
        return Err(isolate.or_killed(outcome));
    }
    let thrown = {
        deno_core::scope!(scope, isolate.runtime);
        read(scope, &answer)
            .filter(|answer| answer.ok != Some(true))
            .map(|answer| batch::thrown(desk, scope, answer.value))
    };
    *items = batch.conclude(desk, thrown, done);
    if let Some(kill) = isolate.killer.fired() {
        return Err(isolate.killed(kill));
    }
    match std::mem::replace(&mut done.outcome, Outcome::Success) {
        Outcome::Success => Ok(()),
        outcome => Err(outcome),
    }
}

/// Sets JavaScript to work on a batch; answers the promise of the end.
fn start_items(
    isolate: &mut Isolate,
    desk: &Desk,
    execution: u32,
    batch: &Batch,
    source: &v8::Global<v8::Value>,
) -> Result<v8::Global<v8::Promise>, Outcome> {
    let promise = {
        let Isolate { runtime, functions, .. } = isolate;
        deno_core::scope!(scope, runtime);
        let undefined = v8::undefined(scope).into();
        let execution = v8::Integer::new_from_unsigned(scope, execution).into();
        let width = v8::Integer::new_from_unsigned(scope, batch.width(desk)).into();
        let source = v8::Local::new(scope, source);
        let run_items = v8::Local::new(scope, &functions.run_items);
        let promise = run_items.call(scope, undefined, &[execution, width, source]);
        let promise = promise.and_then(|promise| v8::Local::<v8::Promise>::try_from(promise).ok());
        promise.map(|promise| v8::Global::new(scope, promise))
    };
    promise.ok_or_else(|| isolate.or_killed(idle()))
}

/// Runs the items that another isolate sends, until there are no more.
///
/// # Errors
/// What ends the run.
pub(crate) async fn serve_items(
    isolate: &mut Isolate,
    desk: &Rc<Desk>,
    task: &Task<'_>,
    batch: &Rc<Batch>,
) -> Result<(), Outcome> {
    isolate.begin_requests();
    let globals = globals(isolate, task).await?;
    isolate.prepare(task.source, task.executable, task.step).await?;
    let elsewhere = {
        deno_core::scope!(scope, isolate.runtime);
        let elsewhere: v8::Local<v8::Value> = v8::null(scope).into();
        v8::Global::new(scope, elsewhere)
    };
    let promise = start_items(isolate, desk, task.execution, batch, &elsewhere)?;
    let answered = finish(isolate, promise).await;
    let turned = isolate.turn().await;
    uninstall(isolate, &globals);
    let ended = isolate.end_requests(false).await;
    isolate.clear_timers();
    answered?;
    turned.and(ended)
}

type Pair = (v8::Global<v8::Promise>, v8::Global<v8::Value>);

/// Checks the operations and starts them; answers the promise of their end and the view of the input.
fn begin(
    isolate: &mut Isolate,
    task: &Task<'_>,
    namespace: &v8::Global<v8::Object>,
    time: &mut Duration,
) -> Result<Pair, Outcome> {
    let Isolate { runtime, views, functions, sources, killer, .. } = isolate;
    let outcome = {
        deno_core::scope!(scope, runtime);
        v8::tc_scope!(let scope, scope);
        let namespace = v8::Local::new(scope, namespace);
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        let started = (|| {
            let operations = match checked(scope, functions, namespace)? {
                Ok(operations) => operations,
                Err(Invalid { report, operation }) => {
                    let operation = task.operation(operation);
                    return Some(Err(Outcome::Crash(ErrorReport { operation, ..report })));
                }
            };
            let execute = v8::String::new(scope, "execute")?;
            let execute = namespace.get(scope, execute.into())?;
            let operations = match spans::of_operations() {
                true => {
                    let timed = v8::Local::new(scope, &functions.timed);
                    timed.call(scope, undefined, &[operations.into()])?
                }
                false => operations.into(),
            };
            let (before, span) = (Instant::now(), spans::view(&task.span, task.input.len()));
            let view = views.root(scope, &task.input)?;
            *time = before.elapsed();
            drop(span);
            let run = v8::Local::new(scope, &functions.run);
            let number = v8::Integer::new_from_unsigned(scope, task.execution).into();
            scope.set_continuation_preserved_embedder_data(number);
            let promise = run.call(scope, undefined, &[operations, execute, view]);
            scope.set_continuation_preserved_embedder_data(undefined);
            let promise = promise?;
            let promise: v8::Local<v8::Promise> = promise.try_into().ok()?;
            Some(Ok((v8::Global::new(scope, promise), v8::Global::new(scope, view))))
        })();
        match started {
            Some(started) => return started,
            None => match (killer.fired(), scope.exception()) {
                // Terminated, and not by us: deno_core does that for what a listener throws, and keeps the exception.
                (None, _) if scope.has_terminated() => {
                    let nothing = v8::undefined(scope).into();
                    let error = deno_core::error::exception_to_err(scope, nothing, false, true);
                    fault::from_js_error(sources, &error, Moment::Loose)
                }
                (None, Some(exception)) => fault::from_exception(scope, sources, exception, Moment::Run, None, &[]),
                _ => idle(),
            },
        }
    };
    Err(match isolate.killer.fired() {
        Some(kill) => isolate.killed(kill),
        None => outcome,
    })
}

/// What is wrong with a job's exports, and with which operation, from 1.
struct Invalid {
    report: ErrorReport,
    operation: u32,
}

/// The operations of a module, or what is wrong with them. `None` when something was thrown.
fn checked<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    functions: &Functions,
    namespace: v8::Local<'s, v8::Object>,
) -> Option<Result<v8::Local<'s, v8::Array>, Invalid>> {
    let check = v8::Local::new(scope, &functions.operations_of);
    let undefined = v8::undefined(scope).into();
    let checked: v8::Local<v8::Array> = check.call(scope, undefined, &[namespace.into()])?.try_into().ok()?;
    if let Ok(operations) = checked.get_index(scope, 0)?.try_into() {
        return Some(Ok(operations));
    }
    let mut text = |index| {
        let value = checked.get_index(scope, index)?;
        let text = value.to_string(scope)?;
        Some(crate::text::lossy(scope, text))
    };
    let message = text(1)?;
    let hint = text(2);
    let operation = checked.get_index(scope, 3)?.uint32_value(scope)?;
    Some(Err(Invalid { report: ErrorReport { hint, ..ErrorReport::new("RuntimeCrash", message) }, operation }))
}

/// How many operations a loaded job has.
pub(crate) fn count(isolate: &mut Isolate, namespace: &v8::Global<v8::Object>) -> Result<usize, Outcome> {
    let Isolate { runtime, functions, .. } = isolate;
    deno_core::scope!(scope, runtime);
    v8::tc_scope!(let scope, scope);
    let namespace = v8::Local::new(scope, namespace);
    match checked(scope, functions, namespace) {
        Some(Ok(operations)) => Ok(operations.length() as usize),
        Some(Err(invalid)) => Err(Outcome::Crash(invalid.report)),
        None => Err(idle()),
    }
}

/// Waits for the operations; answers `{ok, value}`.
pub(crate) async fn finish(
    isolate: &mut Isolate,
    promise: v8::Global<v8::Promise>,
) -> Result<v8::Global<v8::Value>, Outcome> {
    // Most jobs never wait for anything outside: their promise is settled by microtasks alone.
    let settled = {
        deno_core::scope!(scope, isolate.runtime);
        let promise = v8::Local::new(scope, &promise);
        scope.perform_microtask_checkpoint();
        match promise.state() {
            v8::PromiseState::Fulfilled => {
                let result = promise.result(scope);
                Some(v8::Global::new(scope, result))
            }
            _ => None,
        }
    };
    if let Some(kill) = isolate.killer.fired() {
        return Err(isolate.killed(kill));
    }
    if let Some(answer) = settled {
        return Ok(answer);
    }
    let promise = {
        deno_core::scope!(scope, isolate.runtime);
        let promise: v8::Local<v8::Value> = v8::Local::new(scope, &promise).into();
        v8::Global::new(scope, promise)
    };
    let resolved = isolate.runtime.resolve(promise);
    isolate.until(Box::pin(resolved), Moment::Loose).await
}

/// What it takes to read how a job ended.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) views: Rc<Views>,
    pub(crate) pristine: Rc<Pristine>,
    pub(crate) sources: Rc<Sources>,
    pub(crate) loader: Rc<Loader>,
}

/// How the operations of a job ended, as `js/50_step.js` says it.
pub(crate) struct Answer<'s> {
    /// `None` when the job has no operations: then the value is what to say about it.
    pub(crate) ok: Option<bool>,
    /// The output, or what was thrown.
    pub(crate) value: v8::Local<'s, v8::Value>,
    /// The operation that was started last, from 1.
    pub(crate) running: u32,
}

/// How it ended, with what it hands on.
pub(crate) struct Ended {
    pub(crate) outcome: Result<(), Outcome>,
    pub(crate) encoded: Encoded,
}

fn end(
    isolate: &mut Isolate,
    task: &Task<'_>,
    answer: v8::Global<v8::Value>,
    view: v8::Global<v8::Value>,
) -> Result<Ended, Outcome> {
    let tools = isolate.tools();
    let ended = {
        deno_core::scope!(scope, isolate.runtime);
        match read(scope, &answer) {
            None => Err(idle()),
            Some(answer) => {
                let view = v8::Local::new(scope, &view);
                Ok(read_answer(scope, &tools, task, answer, Some(view)))
            }
        }
    };
    match isolate.killer.fired() {
        Some(kill) => Err(isolate.killed(kill)),
        None => ended,
    }
}

fn read<'s>(scope: &mut v8::PinScope<'s, '_>, answer: &v8::Global<v8::Value>) -> Option<Answer<'s>> {
    let answer: v8::Local<v8::Object> = v8::Local::new(scope, answer).try_into().ok()?;
    let (ok, value) = (v8::String::new(scope, "ok")?, v8::String::new(scope, "value")?);
    let running = v8::String::new(scope, "running")?;
    let running = answer.get(scope, running.into())?.uint32_value(scope)?;
    let ok = Some(answer.get(scope, ok.into())?.is_true());
    Some(Answer { ok, value: answer.get(scope, value.into())?, running })
}

/// Encodes the output; on a failure the input as the job left it, if somebody has a use for that. Whether the run is being killed
/// is the caller's to ask.
pub(crate) fn read_answer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    tools: &Tools,
    task: &Task<'_>,
    answer: Answer<'s>,
    view: Option<v8::Local<'s, v8::Value>>,
) -> Ended {
    let Tools { sources, loader, .. } = tools;
    let refused = loader.take_refused();
    let Answer { ok, value, running } = answer;
    match ok {
        Some(true) => match encoded(scope, tools, task, value) {
            Ok(encoded) => Ended { outcome: Ok(()), encoded },
            Err(error) => {
                let outcome = encode_outcome(scope, sources, error, &task.options.remove);
                Ended { outcome: Err(outcome), encoded: unchanged(task) }
            }
        },
        Some(false) => {
            let operation = task.operation(running);
            let outcome = match refused {
                Some(refused) if names_import(scope, value, &refused.specifier) => {
                    Outcome::Crash(sources.import_error(&refused))
                }
                _ => fault::from_exception(scope, sources, value, Moment::Run, operation, &task.options.remove),
            };
            let encoded = match view.map(|view| encoded(scope, tools, task, view)) {
                Some(Ok(encoded)) => encoded,
                // The input itself cannot be encoded any more: hand on what it was.
                Some(Err(error)) => {
                    let warning = format!("{}; the step hands on its input as it was given", error.in_words());
                    Encoded { warnings: vec![warning], ..unchanged(task) }
                }
                None => Encoded { state: None, warnings: Vec::new(), spliced: 0, walks: 0, fresh: Vec::new() },
            };
            Ended { outcome: Err(outcome), encoded }
        }
        None => {
            let mut text = |place| {
                let value = v8::Local::<v8::Object>::try_from(value).ok()?.get_index(scope, place)?;
                let text = v8::Local::<v8::String>::try_from(value).ok()?;
                Some(crate::text::lossy(scope, text))
            };
            let message = text(0).unwrap_or_else(|| "the job has no operations".into());
            let report = ErrorReport {
                hint: text(1),
                operation: task.operation(running),
                ..ErrorReport::new("RuntimeCrash", message)
            };
            Ended { outcome: Err(Outcome::Crash(report)), encoded: unchanged(task) }
        }
    }
}

fn encoded<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    tools: &Tools,
    task: &Task<'_>,
    value: v8::Local<'s, v8::Value>,
) -> Result<Encoded, encode::Error> {
    let span = spans::encode(&task.span);
    let encoded = encode::encode(scope, &tools.views, &tools.pristine, task.options, value)?;
    spans::encoded(&span, &encoded);
    Ok(encoded)
}

/// The input as an output: without the keys that no output has.
fn unchanged(task: &Task<'_>) -> Encoded {
    let state = assemble::stripped(&task.input, &task.options.remove, task.options.index);
    Encoded { spliced: state.len(), state: Some(state), warnings: Vec::new(), walks: 0, fresh: Vec::new() }
}

/// Is the exception the one for this import? A job may have caught that one and failed with another.
fn names_import(scope: &mut v8::PinScope, exception: v8::Local<v8::Value>, specifier: &str) -> bool {
    let Some(text) = exception.to_detail_string(scope) else { return false };
    crate::text::lossy(scope, text).contains(&crate::loader::refusal(specifier))
}

fn encode_outcome(
    scope: &mut v8::PinScope,
    sources: &fault::Sources,
    error: encode::Error,
    remove: &[String],
) -> Outcome {
    match error {
        encode::Error::Threw { path, exception } => {
            let exception = v8::Local::new(scope, exception);
            let cause = fault::from_exception(scope, sources, exception, Moment::Run, None, remove);
            let cause = cause.error().cloned().unwrap_or_else(|| ErrorReport::new("JobError", "unknown"));
            let message = format!("cannot turn the step's output into JSON: {path} threw {}", cause.message);
            Outcome::Fail(ErrorReport {
                subtype: cause.subtype,
                position: cause.position,
                ..ErrorReport::new("StateEncodeError", message)
            })
        }
        encode::Error::Cannot { path, why } => {
            let message = format!("cannot turn the step's output into JSON: {path} {why}");
            Outcome::Fail(ErrorReport::new("StateEncodeError", message))
        }
        encode::Error::TooLarge { limit } => too_large(limit),
        encode::Error::Terminated => idle(),
    }
}

/// The kill for a state that is too large.
pub(crate) fn too_large(limit: usize) -> Outcome {
    let message = format!("State exceeds the limit of {}mb", limit >> 20);
    let hint = Some("return only what the next step needs".into());
    Outcome::Kill(KillReason::Oom, ErrorReport { hint, ..ErrorReport::new("StateTooLargeError", message) })
}

/// The kill for a step that took too long.
pub(crate) fn timeout(limit: Duration, what: &str) -> crate::watchdog::Kill {
    let message = format!("{what} took longer than {}ms to complete", limit.as_millis());
    crate::watchdog::Kill { reason: KillReason::Timeout, report: ErrorReport::new("TimeoutError", message) }
}

/// The kill for a step or a run that used too much CPU time.
pub(crate) fn cpu_timeout(limit: Duration, what: &str) -> crate::watchdog::Kill {
    let message = format!("{what} used more than {}ms of CPU time", limit.as_millis());
    crate::watchdog::Kill { reason: KillReason::Cpu, report: ErrorReport::new("TimeoutError", message) }
}
