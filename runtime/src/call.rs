//! `call()`: a step that runs from within another, by itself or with everything that follows it.
//!
//! `js/55_calls.js` does the waiting: it asks for the next step to run, runs it, and says how it ended.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use deno_core::v8;
use fulgurite_plan::{Completion, ErrorReport, Outcome, StepIndex, Visit, Walk, suggest};
use fulgurite_state::State;

use crate::assemble;
use crate::batch::{self, Batch, ItemsFrom};
use crate::desk::{Begun, Desk, Parcel, PlanOf, error_value};
use crate::event::{Execution, Figures};
use crate::function::Readiness;
use crate::spans;
use crate::step::{Answer, Done, read_answer};
use crate::watchdog::Kill;

/// A call in flight.
pub(crate) struct Call {
    caller: Option<Execution>,
    inner: RefCell<Inner>,
}

struct Inner {
    course: Course,
    running: Option<Running>,
    /// What steps threw when they ran last.
    thrown: HashMap<StepIndex, v8::Global<v8::Value>>,
}

enum Course {
    /// One step, to be run.
    Step(Option<Box<Visit<Parcel>>>),
    /// One step that has run.
    Ended(Result<Option<Parcel>, Box<Outcome>>),
    /// A walk, and the visit whose turn it is.
    Walk(Box<Walk<PlanOf, Parcel>>, Option<Box<Visit<Parcel>>>),
}

/// The step that is running.
struct Running {
    visit: Visit<Parcel>,
    begun: Rc<Begun>,
    since: Instant,
    /// The view that it was given; none for a step over items.
    view: Option<v8::Global<v8::Value>>,
}

/// Kinds of frames, as in `js/55_calls.js`.
const STEP: u32 = 0;
const ITEMS: u32 = 1;
const LACKS: u32 = 2;

/// Begins a call; answers its number.
///
/// # Errors
/// What to throw.
pub(crate) fn open<'s>(
    desk: &Rc<Desk>,
    scope: &mut v8::PinScope<'s, '_>,
    step: &str,
    state: v8::Local<'s, v8::Value>,
    follow: v8::Local<'s, v8::Value>,
    caller: u32,
) -> Result<u32, Box<ErrorReport>> {
    let plan = desk.plan();
    let Some(target) = plan.index_of(step) else {
        let meant = suggest::nearest(step, plan.steps().iter().map(|step| step.id.as_str()));
        let hint = meant.map(|meant| format!("did you mean `{meant}`?"));
        let message = match &hint {
            Some(hint) => format!("there is no step `{step}` to call: {hint}"),
            None => format!("there is no step `{step}` to call"),
        };
        return Err(Box::new(ErrorReport { hint, ..ErrorReport::new("CallError", message) }));
    };
    if desk.is_helper.get() {
        let message = format!("`{step}` cannot be called from items that are spread over several isolates");
        let hint = Some("leave `isolates` out; `concurrency` works with call()".to_owned());
        return Err(Box::new(ErrorReport { hint, ..ErrorReport::new("CallError", message) }));
    }
    let limits = &desk.request.limits;
    let open = desk.open.borrow().get(&caller).cloned();
    let depth = open.as_ref().map_or(0, |open| open.depth);
    if depth >= limits.call_depth {
        let message =
            format!("calls of steps by steps nest more than {} deep; the last is of `{step}`", limits.call_depth);
        return Err(Box::new(ErrorReport::new("CallDepthError", message)));
    }
    let tools = &desk.tools;
    let state = match &open {
        Some(open) if state.is_undefined() => desk.stripped(&open.input),
        _ => {
            let encoded = crate::encode::encode(scope, &tools.views, &tools.pristine, &desk.options, state);
            let encoded = encoded.map_err(|error| {
                let message = format!("the state of call(\"{step}\") cannot be turned into JSON: {}", error.in_words());
                Box::new(ErrorReport::new("StateEncodeError", message))
            })?;
            encoded.state.unwrap_or_else(State::empty)
        }
    };
    if let Some(open) = &open {
        open.calls.set(open.calls.get() + 1);
    }
    let caller = open.map(|_| Execution(caller));
    let parcel = Parcel { state, shown: None, from: caller };
    let course = match follow.is_true() {
        true => {
            let left = limits.steps.saturating_sub(desk.executions.get());
            let walk = Walk::from(PlanOf(desk.request.clone()), target, parcel).within(left);
            Course::Walk(Box::new(walk), None)
        }
        false => Course::Step(Some(Box::new(Visit { step: target, input: Some(parcel), caller: None, execution: 1 }))),
    };
    let id = desk.called.get() + 1;
    desk.called.set(id);
    let call = Call { caller, inner: RefCell::new(Inner { course, running: None, thrown: HashMap::new() }) };
    desk.calls.borrow_mut().insert(id, Rc::new(call));
    Ok(id)
}

/// The next step to run, as `[kind, execution, …]`; `None` when there is none.
///
/// # Errors
/// What to throw.
pub(crate) fn next<'s>(
    desk: &Rc<Desk>,
    scope: &mut v8::PinScope<'s, '_>,
    call: &Call,
) -> Result<Option<v8::Local<'s, v8::Value>>, Box<ErrorReport>> {
    loop {
        let Some(visit) = call.turn() else { return Ok(None) };
        let step = &desk.plan()[visit.step];
        let Some(job) = &step.job else {
            let state = visit.input.as_ref().map(|parcel| parcel.state.clone());
            let decided = desk.decide(scope, visit.step, state.as_ref(), false);
            let output = decided.as_ref().ok().and_then(|followed| desk.passed_on(&visit, followed));
            call.conclude(*visit, output, None, decided);
            continue;
        };
        let Some(executable) = desk.program.job(visit.step) else {
            let message = format!("step `{}` cannot be called: its job does not compile", step.id);
            return Err(Box::new(ErrorReport::new("CallError", message)));
        };
        match desk.maker.ready(scope, &job.source, executable, Some(visit.step)) {
            Ok(Readiness::Lacks(urls)) => {
                call.give_back(visit);
                let urls: Vec<v8::Local<v8::Value>> =
                    urls.iter().filter_map(|url| Some(v8::String::new(scope, url)?.into())).collect();
                let urls = v8::Array::new_with_elements(scope, &urls).into();
                let nothing = v8::undefined(scope).into();
                return Ok(Some(frame(scope, LACKS, 0, urls, nothing)));
            }
            Ok(_) => {}
            Err(outcome) => return Err(Box::new(report_of(&outcome))),
        }
        if desk.executions.get() >= desk.request.limits.steps {
            let message = format!("the run has executed as many steps as it may; `{}` was about to be called", step.id);
            return Err(Box::new(ErrorReport::new("CallLimitError", message)));
        }
        if job.with_items.as_ref().is_some_and(|with| with.isolates.get() > 1) {
            let message = format!("step `{}` cannot be called: its items are spread over several isolates", step.id);
            return Err(Box::new(ErrorReport::new("CallError", message)));
        }
        if call.caller.is_some_and(|caller| !desk.is_open(caller)) {
            let message = format!("step `{}` cannot be called any more: the step that called it has ended", step.id);
            return Err(Box::new(ErrorReport::new("CallError", message)));
        }
        let begun = desk.begin(scope, &visit, call.caller).map_err(|outcome| Box::new(report_of(&outcome)))?;
        let since = Instant::now();
        let execution = begun.execution.0;
        if job.with_items.is_some() {
            let begun = Rc::new(begun);
            let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
            let (text, source) = match batch::items_of(desk, scope, &begun) {
                Ok(ItemsFrom::Array(text)) => (Some(text), undefined),
                Ok(ItemsFrom::Source(source)) => (None, source),
                Err(outcome) => {
                    let output = Some(desk.stripped(&begun.input));
                    let done = Done { outcome, output, ..Done::new(&begun.input) };
                    call.inner.borrow_mut().running = Some(Running { visit: *visit, begun, since, view: None });
                    finish(desk, scope, call, done, None, None);
                    continue;
                }
            };
            let batch = Batch::new(desk, begun.clone(), text);
            let width = v8::Integer::new_from_unsigned(scope, batch.width(desk)).into();
            desk.batches.borrow_mut().insert(execution, batch);
            call.inner.borrow_mut().running = Some(Running { visit: *visit, begun, since, view: None });
            return Ok(Some(frame(scope, ITEMS, execution, width, source)));
        }
        // What its top level does is its own doing, and not its caller's.
        let outer = scope.get_continuation_preserved_embedder_data();
        let number = v8::Integer::new_from_unsigned(scope, execution).into();
        scope.set_continuation_preserved_embedder_data(number);
        let entry = desk.entry(scope, visit.step, &format!("job://{execution}/{}", visit.step.get()));
        scope.set_continuation_preserved_embedder_data(outer);
        let entry = match entry {
            Ok(entry) => entry,
            Err(thrown) => {
                // The job's own top level threw; it is told like an operation that did.
                let view = None;
                let thrown = v8::Global::new(scope, thrown);
                call.inner.borrow_mut().running = Some(Running { visit: *visit, begun: Rc::new(begun), since, view });
                let thrown = v8::Local::new(scope, &thrown);
                leave(desk, scope, call, Answer { ok: Some(false), value: thrown, running: 0 });
                continue;
            }
        };
        let span = spans::view(&begun.span, begun.input.len());
        let view = desk.tools.views.root(scope, &begun.input);
        drop(span);
        let Some(view) = view else {
            return Err(Box::new(ErrorReport::new("RangeError", "the state cannot be shown")));
        };
        let kept = Some(v8::Global::new(scope, view));
        call.inner.borrow_mut().running = Some(Running { visit: *visit, begun: Rc::new(begun), since, view: kept });
        return Ok(Some(frame(scope, STEP, execution, entry, view)));
    }
}

/// Takes note of how the step ended that was running.
pub(crate) fn leave<'s>(desk: &Rc<Desk>, scope: &mut v8::PinScope<'s, '_>, call: &Call, answer: Answer<'s>) {
    let Some((begun, view)) = call.running() else { return };
    let (failed, threw) = (answer.ok != Some(true), answer.ok == Some(false));
    let value = answer.value;
    let batch = desk.batches.borrow_mut().remove(&begun.execution.0);
    let (done, items) = match batch {
        Some(batch) => {
            let mut done = Done::new(&begun.input);
            let thrown = failed.then(|| batch::thrown(desk, scope, value));
            let items = batch.conclude(desk, thrown, &mut done);
            (done, Some(items))
        }
        None => {
            let view = view.map(|view| v8::Local::new(scope, view));
            let ended = read_answer(scope, &desk.tools, &desk.task(&begun, String::new()), answer, view);
            (Done::of(ended, &begun.input), None)
        }
    };
    if desk.killer.fired().is_some() {
        return;
    }
    let thrown = threw.then(|| v8::Global::new(scope, value));
    finish(desk, scope, call, done, items, thrown);
}

fn finish(
    desk: &Rc<Desk>,
    scope: &mut v8::PinScope,
    call: &Call,
    mut done: Done,
    items: Option<crate::event::Items>,
    thrown: Option<v8::Global<v8::Value>>,
) {
    let Some(Running { visit, begun, since, .. }) = call.inner.borrow_mut().running.take() else { return };
    if done.outcome.stops_the_run() {
        done.output = None;
    }
    let (parsed, time) = desk.tools.views.take_cost();
    let figures = Figures { bytes_parsed: parsed, duration: since.elapsed(), ..done.figures };
    done.figures = Figures { view: figures.view + time, ..figures };
    // What no job may do, and what is too much, ends the run, whoever called.
    if let Outcome::Kill(reason, report) = &done.outcome {
        desk.killer.kill(Kill { reason: *reason, report: report.clone() });
    }
    let judged = desk.judge(scope, &begun, &mut done);
    let mut inner = call.inner.borrow_mut();
    match thrown {
        Some(thrown) => drop(inner.thrown.insert(begun.step, thrown)),
        None => drop(inner.thrown.remove(&begun.step)),
    }
    drop(inner);
    let parcel = desk.complete(&begun, done, &judged, items);
    call.conclude(visit, parcel, judged.failure, judged.decided);
}

/// What the call resolves with. `Err` = what it rejects with.
pub(crate) fn result<'s>(
    desk: &Desk,
    scope: &mut v8::PinScope<'s, '_>,
    call: &Call,
) -> Result<Option<v8::Local<'s, v8::Value>>, v8::Local<'s, v8::Value>> {
    let (state, outcome) = {
        let mut inner = call.inner.borrow_mut();
        match &mut inner.course {
            Course::Ended(Ok(parcel)) => (parcel.take().map(|parcel| parcel.state), Outcome::Success),
            Course::Ended(Err(outcome)) => (None, (**outcome).clone()),
            Course::Step(_) => (None, Outcome::Success),
            Course::Walk(walk, _) => {
                let results: Vec<(String, State)> =
                    walk.results().iter().map(|(name, parcel)| (name.clone(), parcel.state.clone())).collect();
                let state = match &results[..] {
                    [] => None,
                    [(_, only)] => Some(only.clone()),
                    many => Some(assemble::by_name(many)),
                };
                (state, walk.run_outcome())
            }
        }
    };
    if let Some(report) = outcome.error() {
        let inner = call.inner.borrow();
        let step = report.step.as_deref().and_then(|step| desk.plan().index_of(step));
        return Err(match step.and_then(|step| inner.thrown.get(&step)) {
            Some(thrown) => v8::Local::new(scope, thrown),
            None => error_value(scope, report),
        });
    }
    Ok(match state {
        // As a state of the walk: what came in is indexed as far as this run looks.
        Some(state) => desk.tools.views.root(scope, &state),
        None => Some(v8::undefined(scope).into()),
    })
}

impl Call {
    /// The visit whose turn it is.
    fn turn(&self) -> Option<Box<Visit<Parcel>>> {
        match &mut self.inner.borrow_mut().course {
            Course::Step(visit) => visit.take(),
            Course::Ended(_) => None,
            Course::Walk(walk, waiting) => waiting.take().or_else(|| walk.next().map(Box::new)),
        }
    }

    fn give_back(&self, visit: Box<Visit<Parcel>>) {
        match &mut self.inner.borrow_mut().course {
            Course::Step(waiting) | Course::Walk(_, waiting) => *waiting = Some(visit),
            Course::Ended(_) => {}
        }
    }

    fn running(&self) -> Option<(Rc<Begun>, Option<v8::Global<v8::Value>>)> {
        let inner = self.inner.borrow();
        inner.running.as_ref().map(|running| (running.begun.clone(), running.view.clone()))
    }

    fn conclude(
        &self,
        visit: Visit<Parcel>,
        output: Option<Parcel>,
        failure: Option<ErrorReport>,
        decided: Result<Vec<bool>, Outcome>,
    ) {
        let mut inner = self.inner.borrow_mut();
        match &mut inner.course {
            Course::Walk(walk, _) => match decided {
                Ok(followed) => walk.complete(visit, Completion { output, failure, followed }),
                Err(outcome) => walk.abort(visit, outcome),
            },
            one => {
                *one = Course::Ended(match (decided, failure) {
                    (Err(outcome), _) => Err(Box::new(outcome)),
                    (Ok(_), Some(report)) => Err(Box::new(Outcome::Fail(report))),
                    (Ok(_), None) => Ok(output),
                });
            }
        }
    }
}

fn frame<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    kind: u32,
    execution: u32,
    first: v8::Local<'s, v8::Value>,
    second: v8::Local<'s, v8::Value>,
) -> v8::Local<'s, v8::Value> {
    let kind = v8::Integer::new_from_unsigned(scope, kind).into();
    let execution = v8::Integer::new_from_unsigned(scope, execution).into();
    v8::Array::new_with_elements(scope, &[kind, execution, first, second]).into()
}

fn report_of(outcome: &Outcome) -> ErrorReport {
    outcome.error().cloned().unwrap_or_else(|| ErrorReport::new("CallError", "unknown"))
}
