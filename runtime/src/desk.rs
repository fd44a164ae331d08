//! What the steps of one run share in one isolate: the plan and what it was compiled to, the context, the count of executions, and
//! the reporter. Everything that happens before and after a job's own code happens here, whoever set the step going: the walk, a
//! `call()`, or the items of a step.
//!
//! Most of it can run user code (getters, `toJSON`), which may set other steps going. So nothing here is borrowed while V8 works.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use deno_core::v8;
use fulgurite_context::{Context, Scope as Sight};
use fulgurite_plan::{Configuration, ErrorReport, Job, Outcome, Plan, StepIndex, Visit};
use fulgurite_state::{IndexOptions, State};
use serde_json::json;
use tracing::Span;

use crate::assemble;
use crate::batch::Batch;
use crate::call::Call;
use crate::condition::Conditions;
use crate::encode;
use crate::event::{Event, Execution, Figures, Items, Level, LogSource, StepComplete, StepStart};
use crate::expression::{Evaluator, Expressions, Published, Said, failed};
use crate::function::{Maker, Readiness};
use crate::isolate::Isolate;
use crate::program::Program;
use crate::run::{Gauge, Request, Speaker};
use crate::spans;
use crate::step::{Done, Task, Tools, cpu_timeout, too_large};
use crate::watchdog::{Clock, Killer};

/// See the module.
pub(crate) struct Desk {
    pub(crate) request: Arc<Request>,
    pub(crate) program: Arc<Program>,
    pub(crate) reporter: Speaker,
    pub(crate) options: encode::Options,
    pub(crate) values: encode::Options,
    pub(crate) conditions: Conditions,
    pub(crate) expressions: Expressions,
    pub(crate) tools: Tools,
    pub(crate) maker: Maker,
    pub(crate) killer: Killer,
    pub(crate) context: RefCell<Context>,
    /// How often it was cloned since the last step ended.
    clones: Cell<usize>,
    pub(crate) gauge: Arc<Gauge>,
    /// Operations that run, for whoever traces them, by number, and the last of those.
    running: RefCell<(u32, HashMap<u32, Span>)>,
    pub(crate) executions: Cell<u32>,
    pub(crate) figures: Cell<Figures>,
    /// Executions in flight, by number.
    pub(crate) open: RefCell<HashMap<u32, Open>>,
    /// Steps over items in flight, by the number of their execution.
    pub(crate) batches: RefCell<HashMap<u32, Rc<Batch>>>,
    /// Calls in flight.
    pub(crate) calls: RefCell<HashMap<u32, Rc<Call>>>,
    pub(crate) called: Cell<u32>,
    /// Whether this is an isolate that only runs items for another.
    pub(crate) is_helper: Cell<bool>,
}

/// An execution in flight.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) step: StepIndex,
    /// What it got.
    pub(crate) input: State,
    /// How many calls it is in.
    pub(crate) depth: u32,
    /// Whether it has called others: what they hid may be on its output.
    pub(crate) calls: Rc<Cell<u32>>,
    pub(crate) span: Span,
}

/// What travels along the edges.
#[derive(Clone)]
pub(crate) struct Parcel {
    pub(crate) state: State,
    /// The state as it may be seen outside, where that is another one.
    pub(crate) shown: Option<State>,
    pub(crate) from: Option<Execution>,
}

/// A step that has begun.
pub(crate) struct Begun {
    pub(crate) execution: Execution,
    pub(crate) step: StepIndex,
    pub(crate) input: State,
    /// What it gets may have hidden things on it that are not its own.
    pub(crate) suspicious: bool,
    pub(crate) span: Span,
}

/// A plan that is part of a shared request.
#[derive(Clone)]
pub(crate) struct PlanOf(pub(crate) Arc<Request>);

impl Deref for PlanOf {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0.plan
    }
}

impl Desk {
    /// Sets a desk up in an isolate.
    ///
    /// # Errors
    /// The outcome of the run: a condition or an expression that does not compile.
    pub(crate) fn set_up(
        isolate: &mut Isolate,
        request: &Arc<Request>,
        program: &Arc<Program>,
        reporter: &Speaker,
    ) -> Result<Rc<Desk>, Outcome> {
        let (tools, maker, killer) = (isolate.tools(), isolate.maker.clone(), isolate.killer.clone());
        let gauge = isolate.gauge.clone();
        deno_core::scope!(scope, isolate.runtime);
        let plan = &request.plan;
        let conditions = Conditions::compile(scope, plan)?;
        let expressions = Expressions::compile(scope, plan)?;
        let limit = request.limits.state.unwrap_or(usize::MAX);
        let options = encode::Options {
            index: request.index,
            remove: request.state_props_to_remove.clone(),
            only: &[],
            is_state: true,
            limit,
        };
        let values =
            encode::Options { remove: Vec::new(), is_state: false, index: IndexOptions::default(), ..options.clone() };
        let desk = Rc::new(Desk {
            request: request.clone(),
            program: program.clone(),
            reporter: reporter.clone(),
            options,
            values,
            conditions,
            expressions,
            tools,
            maker,
            killer,
            context: RefCell::new(context(request)),
            clones: Cell::new(0),
            gauge,
            running: RefCell::default(),
            executions: Cell::new(0),
            figures: Cell::default(),
            open: RefCell::default(),
            batches: RefCell::default(),
            calls: RefCell::default(),
            called: Cell::new(0),
            is_helper: Cell::new(false),
        });
        scope.set_slot(desk.clone());
        Ok(desk)
    }

    /// Lets go of every handle.
    pub(crate) fn clear(&self) {
        self.conditions.clear();
        self.expressions.clear();
        drop((self.batches.take(), self.calls.take(), self.running.take()));
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.request.plan
    }

    /// What templates see as it is now, which copies nothing.
    pub(crate) fn context(&self) -> Context {
        self.cloned(1);
        self.context.borrow().clone()
    }

    /// Takes note of clones of the context.
    pub(crate) fn cloned(&self, times: usize) {
        self.clones.set(self.clones.get() + times);
    }

    pub(crate) fn index(&self) -> IndexOptions {
        self.request.index
    }

    /// The id of the step that an execution in flight is of.
    pub(crate) fn step_of(&self, execution: u32) -> Option<String> {
        let step = self.open.borrow().get(&execution)?.step;
        Some(self.plan()[step].id.to_string())
    }

    /// An operation of an execution begins; the number of its span.
    pub(crate) fn operation_began(&self, execution: u32, number: u32) -> u32 {
        let known = self.open.borrow().get(&execution).map(|open| (open.step, open.span.clone()));
        let known = known.or_else(|| {
            // Items of another isolate.
            let batch = self.batches.borrow().get(&execution).cloned()?;
            Some((batch.begun.step, batch.begun.span.clone()))
        });
        let Some((step, around)) = known else { return 0 };
        let operations = self.program.job(step).map(|job| &job.operations[..]).unwrap_or_default();
        let operation = operations.iter().find(|operation| operation.order == number);
        let name = operation.and_then(|operation| operation.name.as_deref());
        let span = spans::operation(&around, number, name, operation.map(|operation| operation.line));
        let mut running = self.running.borrow_mut();
        running.0 += 1;
        let number = running.0;
        running.1.insert(number, span);
        number
    }

    /// It ended.
    pub(crate) fn operation_ended(&self, number: u32) {
        self.running.borrow_mut().1.remove(&number);
    }

    /// What the plan says about a step.
    pub(crate) fn said(&self, step: StepIndex) -> Option<Rc<Said>> {
        self.expressions.of(step)
    }

    /// Renders what the plan says; see [`Evaluator`].
    pub(crate) fn evaluator<'a, 's, 'i>(&'a self, scope: &'a mut v8::PinScope<'s, 'i>) -> Evaluator<'a, 's, 'i> {
        let Tools { views, pristine, .. } = &self.tools;
        Evaluator { scope, expressions: &self.expressions, views, pristine, options: &self.values }
    }

    /// Takes a job in hand: makes its input, and says so. `called_by` is the execution that calls it, if no edge led here.
    ///
    /// # Errors
    /// The outcome of the run.
    pub(crate) fn begin(
        &self,
        scope: &mut v8::PinScope,
        visit: &Visit<Parcel>,
        called_by: Option<Execution>,
    ) -> Result<Begun, Outcome> {
        let plan = self.plan();
        let step = &plan[visit.step];
        let job = step.job.as_ref().expect("a trigger is not begun");
        let given = self.input_of(job, visit)?;
        let said = self.said(visit.step);
        let input = match &said {
            // Of a step over items, each item has its own.
            Some(said) if job.with_items.is_none() && !said.input.is_empty() => {
                let context = self.context();
                let sight = Sight { context: &context, state: Some(&given), item: None };
                let mapped = self.mapped(scope, step.id.as_str(), said, &given, &sight, &[]);
                mapped.map_err(|report| Outcome::Crash(*report))?
            }
            _ => given,
        };
        let execution = Execution(self.executions.get() + 1);
        self.executions.set(execution.0);
        let caller_open = called_by.and_then(|caller| self.open.borrow().get(&caller.0).cloned());
        let caller = match (&caller_open, visit.caller) {
            (_, Some(caller)) => Some(plan[caller].id.clone()),
            (Some(open), None) => Some(plan[open.step].id.clone()),
            (None, None) => None,
        };
        let depth = caller_open.as_ref().map_or(0, |open| open.depth + 1);
        let caller_span = caller_open.as_ref().map(|open| &open.span);
        let span = spans::step(caller_span, step.id.as_str(), execution.0, input.len());
        let open = Open { step: visit.step, input: input.clone(), depth, calls: Rc::default(), span: span.clone() };
        self.open.borrow_mut().insert(execution.0, open);
        let mut reporter = self.reporter.lock();
        reporter.open.push((step.id.clone(), execution));
        reporter.send(Event::StepStart(StepStart {
            execution,
            step: step.id.clone(),
            name: step.name.clone(),
            caller,
            called_by,
            input_from: visit.input.as_ref().and_then(|parcel| parcel.from),
            bytes_in: input.len(),
            over_items: job.with_items.is_some(),
        }));
        let from_elsewhere = called_by.is_some() || said.is_some();
        let suspicious = from_elsewhere || visit.input.as_ref().is_some_and(|parcel| parcel.shown.is_some());
        Ok(Begun { execution, step: visit.step, input, suspicious, span })
    }

    /// A state with what the `input` of its step lays over it, and with more besides.
    ///
    /// # Errors
    /// A template that cannot be rendered.
    pub(crate) fn mapped(
        &self,
        scope: &mut v8::PinScope,
        step: &str,
        said: &Said,
        state: &State,
        sight: &Sight<'_>,
        more: &[(&[u8], &[Bytes])],
    ) -> Result<State, Box<ErrorReport>> {
        let pairs = said.input.render(sight, &mut self.evaluator(scope));
        let pairs = pairs.map_err(|error| failed("input", step, &error))?;
        let (bytes, limit) = (pairs.iter().map(|(_, value)| value.len()).sum::<usize>(), self.options.limit);
        if bytes > limit {
            let message = format!("the `input` of the step is larger than a state may be ({} MB)", limit >> 20);
            return Err(Box::new(ErrorReport {
                step: Some(step.to_owned()),
                ..ErrorReport::new("StateTooLargeError", message)
            }));
        }
        let keys: Vec<&[u8]> = pairs.iter().map(|(key, _)| &key[..]).collect();
        let values: Vec<[Bytes; 1]> = pairs.iter().map(|(_, value)| [value.clone()]).collect();
        let mut all: Vec<(&[u8], &[Bytes])> = more.iter().filter(|(key, _)| !keys.contains(key)).copied().collect();
        all.extend(keys.iter().copied().zip(values.iter().map(|value| &value[..])));
        // Of a step over items it has been done once for all.
        let state = if more.is_empty() { assemble::without(state, &keys, self.index()) } else { state.clone() };
        Ok(assemble::with(&state, &all, self.index()))
    }

    fn input_of(&self, job: &Job, visit: &Visit<Parcel>) -> Result<State, Outcome> {
        let configuration = match &job.configuration {
            Some(Configuration::Inline(map)) => Some(map),
            Some(Configuration::Named(id)) => {
                let message = format!("the credential \"{id}\" has not been loaded");
                return Err(Outcome::Exception(ErrorReport::new("CredentialLoadError", message)));
            }
            None => None,
        };
        let given = visit.input.as_ref().map(|parcel| &parcel.state);
        let credentials = self.plan().credentials();
        self.learn(job, given);
        assemble::input(job, given, credentials, configuration, self.index()).map_err(|error| {
            let message = format!("the default state of step \"{}\": {error}", self.plan()[visit.step].id);
            Outcome::Crash(ErrorReport::new("InputError", message))
        })
    }

    /// Takes note of what must not get out and only a state says; the plan's own credentials are known from the start.
    fn learn(&self, job: &Job, input: Option<&State>) {
        let default = job
            .state
            .as_ref()
            .filter(|text| text.get().contains("configuration"))
            .and_then(|text| State::parse(text.get().as_bytes().to_vec(), &self.index()).ok());
        for state in [default.as_ref(), input].into_iter().flatten() {
            if let Some(configuration) = assemble::configuration_of(state) {
                self.reporter.lock().secrets.add(&configuration);
            }
        }
    }

    /// What is to be executed.
    ///
    /// # Panics
    /// When the step has no job, or one that does not compile: nothing leads to such a step.
    pub(crate) fn task<'a>(&'a self, begun: &Begun, module: String) -> Task<'a> {
        let plan = self.plan();
        let job = plan[begun.step].job.as_ref().expect("what has begun is a job");
        Task {
            source: &job.source,
            executable: self.program.job(begun.step).expect("all that can be reached have compiled"),
            step: Some(begun.step),
            globals: plan.globals().zip(self.program.globals()),
            module,
            input: begun.input.clone(),
            options: &self.options,
            execution: begun.execution.0,
            span: begun.span.clone(),
        }
    }

    /// What to give to `runOnce` of `js/55_calls.js`: the job's exports, or the URL of its module. `Err` = what was thrown.
    pub(crate) fn entry<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        step: StepIndex,
        module: &str,
    ) -> Result<v8::Local<'s, v8::Value>, v8::Local<'s, v8::Value>> {
        let job = self.plan()[step].job.as_ref().expect("what has begun is a job");
        let executable = self.program.job(step).expect("all that can be reached have compiled");
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        match self.maker.ready(scope, &job.source, executable, Some(step)) {
            Ok(Readiness::Ready(job)) => {
                self.maker.sources.enter(Some(step));
                v8::tc_scope!(let scope, scope);
                match job.call(scope) {
                    Some(exports) => Ok(exports.into()),
                    None => Err(scope.exception().unwrap_or(undefined)),
                }
            }
            Ok(_) => {
                self.maker.sources.add(module, &job.source, executable, Some(step));
                self.maker.names.add(module, &job.source.name);
                self.maker.loader.offer(module, executable, Some(step));
                v8::String::new(scope, module).map(Into::into).ok_or(undefined)
            }
            Err(outcome) => {
                let report = outcome.error().cloned().unwrap_or_else(|| ErrorReport::new("CompileError", "unknown"));
                Err(error_value(scope, &report))
            }
        }
    }

    /// Says of a stream that is gone where to start again.
    fn explain(&self, step: StepIndex, done: &mut Done) {
        let Outcome::Fail(report) = &mut done.outcome else { return };
        if report.name != STREAM_ERROR || !report.message.contains(GONE) {
            return;
        }
        let plan = self.plan();
        let before = plan.steps().iter().filter(|other| other.next.iter().any(|edge| edge.target == step));
        let before: Vec<String> = before.map(|other| format!("`{}`", other.id)).collect();
        let from = match before.is_empty() {
            true => "start again from the step that opens the stream".to_owned(),
            false => {
                format!("start again from {}, or from whichever step before opens the stream", before.join(" or "))
            }
        };
        report.hint = Some(format!("{from}: a stream cannot be stored with a state"));
    }

    /// Puts a failure on the output, and finds one that the job put there itself.
    pub(crate) fn settle(&self, step: &str, done: &mut Done) -> Option<ErrorReport> {
        let index = self.index();
        let outcome = std::mem::replace(&mut done.outcome, Outcome::Success);
        let outcome = self.reporter.lock().secrets.mask_outcome(outcome.in_step(step));
        let mut failure = None;
        if let Outcome::Fail(report) = &outcome {
            let output = done.output.take().unwrap_or_else(State::empty);
            let error = outcome.to_error_value().unwrap_or_default();
            let output = assemble::with_error(&output, step, error, index);
            done.figures.bytes_out = output.len();
            done.output = Some(output);
            failure = Some(report.clone());
        }
        done.outcome = outcome;
        if let (Outcome::Success, Some(output)) = (&done.outcome, &done.output)
            && let Some((name, message)) = assemble::error_of(output, step)
        {
            let name = name.unwrap_or_else(|| "JobError".into());
            let message = message.unwrap_or_else(|| format!("the job put an error on state.errors[{step:?}]"));
            let report = ErrorReport { step: Some(step.to_owned()), ..ErrorReport::new(name, message) };
            failure = Some(report.clone());
            done.outcome = Outcome::Fail(report);
        }
        failure
    }

    /// The output as it may be seen outside, if there is anything in it that may not be. What came in from outside goes out
    /// as it is; what the job has written, or was handed by a step that had something to hide, is searched.
    fn shown(&self, begun: &Begun, done: &Done) -> Option<State> {
        let mut reporter = self.reporter.lock();
        let output = done.output.as_ref().filter(|_| !reporter.secrets.is_empty())?;
        let has_called = self.open.borrow().get(&begun.execution.0).is_some_and(|open| open.calls.get() > 0);
        let suspicious = begun.suspicious || has_called;
        if !suspicious && !done.fresh.iter().any(|text| reporter.secrets.is_in(text)) {
            return None;
        }
        let shown = reporter.secrets.mask_state(output, self.index())?;
        let warning = "a value of the step's configuration is on its output; outside of the run it reads \"***\"";
        reporter.log(LogSource::Runtime, Level::Warn, Some(begun.execution.0), warning);
        Some(shown)
    }

    /// What follows from how a step ended: its error on the state, its variables, the edges that are followed.
    pub(crate) fn judge(&self, scope: &mut v8::PinScope, begun: &Begun, done: &mut Done) -> Judged {
        let id = self.plan()[begun.step].id.clone();
        for warning in &done.warnings {
            let execution = Some(begun.execution.0);
            self.reporter.lock().log(LogSource::Runtime, Level::Warn, execution, warning);
        }
        self.explain(begun.step, done);
        let failure = self.settle(id.as_str(), done);
        let shown = self.shown(begun, done);
        let decided = match done.outcome.stops_the_run() {
            true => Err(done.outcome.clone()),
            false => self
                .publish(scope, begun.step, done, failure.is_some())
                .and_then(|()| self.decide(scope, begun.step, done.output.as_ref(), failure.is_some())),
        };
        Judged { failure, shown, decided }
    }

    fn publish(
        &self,
        scope: &mut v8::PinScope,
        step: StepIndex,
        done: &Done,
        failed_step: bool,
    ) -> Result<(), Outcome> {
        let id = &self.plan()[step].id;
        if self.expressions.uses_steps
            && let Some(output) = &done.output
        {
            self.context.borrow_mut().set_step(id.as_str(), output.with_live(None));
        }
        let Some(said) = self.said(step).filter(|said| !said.publish.is_empty() && !failed_step) else { return Ok(()) };
        let empty = State::empty();
        let output = done.output.as_ref().unwrap_or(&empty);
        for (name, published) in &said.publish {
            // One may use what the one before it has set.
            let context = self.context();
            let sight = Sight { context: &context, state: Some(output), item: None };
            let mut evaluator = self.evaluator(scope);
            let value = match published {
                Published::Expression(expression) => expression.value(&sight, &mut evaluator),
                Published::Template(template) => template.render(&sight, &mut evaluator),
                Published::Literal(text) => Ok(Some(text.clone())),
            };
            let value = value
                .map_err(|error| Outcome::Crash(failed(&format!("publish.{name}"), id.as_str(), &error)))?
                .unwrap_or_else(|| Bytes::from_static(b"null"));
            // A variable that is made of itself would grow without end.
            if value.len() > self.options.limit {
                return Err(too_large(self.options.limit).in_step(id.as_str()));
            }
            let value = State::parse(value, &self.index()).unwrap_or_else(|_| State::trusted(Bytes::new(), None));
            self.context.borrow_mut().set_var(name, value);
        }
        Ok(())
    }

    /// Which edges are followed.
    ///
    /// # Errors
    /// The outcome of the run.
    pub(crate) fn decide(
        &self,
        scope: &mut v8::PinScope,
        from: StepIndex,
        state: Option<&State>,
        failed: bool,
    ) -> Result<Vec<bool>, Outcome> {
        let empty;
        let state = match state {
            Some(state) => state,
            None => {
                empty = State::empty();
                &empty
            }
        };
        let plan = self.plan();
        let edges = plan[from].next.iter().enumerate();
        let decided = edges.map(|(place, edge)| match edge.condition.decide(failed) {
            Some(followed) => Ok(followed),
            None => self.conditions.evaluate(scope, &self.tools.views, plan, from, place, state),
        });
        decided.collect::<Result<Vec<bool>, Outcome>>().map_err(|outcome| outcome.in_step(plan[from].id.as_str()))
    }

    /// Says that a step has ended.
    pub(crate) fn complete(&self, begun: &Begun, done: Done, judged: &Judged, items: Option<Items>) -> Option<Parcel> {
        let plan = self.plan();
        let step = &plan[begun.step];
        let is_end = plan.end() == Some(begun.step);
        let next = match &judged.decided {
            Ok(followed) if !is_end => {
                let edges = step.next.iter().zip(followed).filter(|(_, followed)| **followed);
                edges.map(|(edge, _)| plan[edge.target].id.clone()).collect()
            }
            _ => Vec::new(),
        };
        // One that nobody waited for has been said to have ended.
        self.open.borrow_mut().remove(&begun.execution.0)?;
        let shown = judged.shown.clone();
        let Done { outcome, output, figures, .. } = done;
        let figures = Figures { context_clones: self.clones.take(), ..figures };
        self.add(&figures);
        spans::ended(&begun.span, &outcome, &figures);
        let complete = StepComplete {
            execution: begun.execution,
            step: step.id.clone(),
            outcome,
            output: shown.clone().or_else(|| output.clone()),
            next,
            figures,
            items,
        };
        let mut reporter = self.reporter.lock();
        reporter.send(Event::StepComplete(complete));
        reporter.open.retain(|(_, execution)| *execution != begun.execution);
        output.map(|state| Parcel { state, shown, from: Some(begun.execution) })
    }

    /// Whether an execution goes on.
    pub(crate) fn is_open(&self, execution: Execution) -> bool {
        self.open.borrow().contains_key(&execution.0)
    }

    /// Says of all executions but this one that they have ended: nobody waits for them any more.
    pub(crate) fn close_others(&self, execution: Execution, outcome: &Outcome) {
        let mut left: Vec<(u32, StepIndex)> =
            self.open.borrow().iter().map(|(number, open)| (*number, open.step)).collect();
        left.retain(|(number, _)| *number != execution.0);
        left.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        for (number, step) in left {
            let step = &self.plan()[step].id;
            let outcome = match outcome.stops_the_run() {
                true => outcome.clone(),
                false => Outcome::Fail(ErrorReport {
                    step: Some(step.to_string()),
                    ..ErrorReport::new("CallError", "the step that called this one has ended without waiting for it")
                }),
            };
            let complete = StepComplete {
                execution: Execution(number),
                step: step.clone(),
                outcome,
                output: None,
                next: Vec::new(),
                figures: Figures::default(),
                items: None,
            };
            let mut reporter = self.reporter.lock();
            reporter.send(Event::StepComplete(complete));
            reporter.open.retain(|(_, open)| open.0 != number);
            drop(reporter);
            self.open.borrow_mut().remove(&number);
            self.batches.borrow_mut().remove(&number);
        }
    }

    /// Moves the clocks of the step: the call that began first has until `from` plus the limit.
    pub(crate) fn put_off(&self, from: Instant) {
        let limits = &self.request.limits;
        if let Some(limit) = limits.step_timeout {
            self.killer.put_off(Clock::Step, from + limit);
        }
        if let Some(limit) = limits.step_cpu_timeout {
            self.killer.set_cpu(Clock::Step, Some((limit, cpu_timeout(limit, "Job"))));
        }
    }

    pub(crate) fn stripped(&self, state: &State) -> State {
        assemble::stripped(state, &self.options.remove, self.index())
    }

    /// What comes out of a trigger: its input; at the end without credentials, whoever put them there.
    pub(crate) fn passed_on(&self, visit: &Visit<Parcel>, followed: &[bool]) -> Option<Parcel> {
        let leaf = self.plan().end() == Some(visit.step) || !followed.contains(&true);
        visit.input.clone().map(|parcel| match leaf {
            true => Parcel {
                state: self.stripped(&parcel.state),
                shown: parcel.shown.map(|shown| self.stripped(&shown)),
                ..parcel
            },
            false => parcel,
        })
    }

    fn add(&self, figures: &Figures) {
        let mut total = self.figures.get();
        total.view += figures.view;
        total.encode += figures.encode;
        total.load += figures.load;
        total.bytes_in += figures.bytes_in;
        total.bytes_parsed += figures.bytes_parsed;
        total.bytes_out += figures.bytes_out;
        total.bytes_spliced += figures.bytes_spliced;
        total.state_walks += figures.state_walks;
        total.cpu += figures.cpu;
        total.context_clones += figures.context_clones;
        total.heap = total.heap.max(figures.heap);
        total.buffers = total.buffers.max(figures.buffers);
        self.figures.set(total);
    }
}

/// The class of an error about a stream that cannot be read.
pub(crate) const STREAM_ERROR: &str = "StreamError";

const GONE: &str = "was a stream when this state was stored";

/// What to say of a stream that a state only names.
pub(crate) fn gone(what: &str) -> String {
    format!("`{what}` {GONE}, and a stream is gone when its run is over")
}

/// What follows from how a step ended.
pub(crate) struct Judged {
    /// The step's own error.
    pub(crate) failure: Option<ErrorReport>,
    /// The output as it may be seen outside.
    pub(crate) shown: Option<State>,
    /// Which edges are followed, or how the run ends.
    pub(crate) decided: Result<Vec<bool>, Outcome>,
}

/// An error of ours, as JavaScript sees it.
pub(crate) fn error_value<'s>(scope: &mut v8::PinScope<'s, '_>, report: &ErrorReport) -> v8::Local<'s, v8::Value> {
    let made = (|| {
        let message = v8::String::new(scope, &report.message)?;
        let error = v8::Exception::error(scope, message);
        let (key, name) = (v8::String::new(scope, "name")?, v8::String::new(scope, &report.name)?);
        let object: v8::Local<v8::Object> = error.try_into().ok()?;
        object.define_own_property(scope, key.into(), name.into(), v8::PropertyAttribute::DONT_ENUM)?;
        Some(error)
    })();
    made.unwrap_or_else(|| v8::undefined(scope).into())
}

fn context(request: &Request) -> Context {
    let plan = &request.plan;
    let state = |text: String| State::parse(text, &request.index).unwrap_or_else(|_| State::empty());
    let mut system = request.system.clone();
    system.insert("workflow".into(), json!(plan.name().or(plan.id())));
    let parameters = serde_json::Value::Object(request.parameters.clone());
    let mut context = Context::new(state(parameters.to_string()), state(serde_json::Value::Object(system).to_string()));
    for (name, value) in plan.vars() {
        context.set_var(name, state(value.to_string()));
    }
    context
}
