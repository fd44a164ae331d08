//! A step over items: where they come from, one call for each, what came of them.
//!
//! Every call gets the same shared state with its item beside it; an array is cut into items as they are needed, and never parsed;
//! a stream is pulled as they are needed. What the calls return is written into one array in the order of the items. So memory holds
//! the items in flight and the results, and nothing else.

mod collected;
mod items;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use deno_core::v8;
use fulgurite_context::{Context, Scope as Sight};
use fulgurite_plan::{Batch as Size, Collect, ErrorReport, OnItemError, Outcome, WithItems};
use fulgurite_state::State;
use fulgurite_state::pick::Elements;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use self::collected::Collected;
pub(crate) use self::items::{ItemsFrom, items_of, thrown};
use crate::assemble;
use crate::desk::{Begun, Desk};
use crate::encode;
use crate::event::{Figures, Items};
use crate::expression::{Said, failed};
use crate::run::InFlight;
use crate::spans;
use crate::step::{Answer, Done, Task, read_answer, too_large};

/// Bytes of a batch that nobody has given a size.
const AUTO: usize = 256 * 1024;

/// Errors of items that are told one by one; of more there is only the count.
const MOST_ERRORS: usize = 1000;

/// Warnings of calls that are told.
const MOST_WARNINGS: usize = 20;

/// A step over items in flight.
pub(crate) struct Batch {
    pub(crate) begun: Rc<Begun>,
    pub(crate) with: WithItems,
    said: Rc<Said>,
    /// What every call gets, without its item.
    base: State,
    /// As it was when the step began.
    context: Context,
    /// What of the outputs is encoded.
    options: encode::Options,
    inner: RefCell<Inner>,
}

struct Inner {
    source: Source,
    /// The place of the next item.
    next: usize,
    tickets: u32,
    flights: HashMap<u32, Flight>,
    /// When the calls began, first ones first; some have ended.
    began: VecDeque<(u32, Instant)>,
    /// `None` when nobody wants the results.
    collected: Option<Collected>,
    errors: Vec<(usize, Map<String, Value>)>,
    first: Option<(usize, ErrorReport)>,
    counts: Items,
    stop: Stop,
    figures: Figures,
    warnings: Vec<String>,
}

/// Whether more items are wanted.
enum Stop {
    No,
    /// Those in flight may end.
    NoMore,
    /// The run ends.
    Now(Box<Outcome>),
}

enum Source {
    Array(Elements),
    /// Elements of the next batch, with commas between them, and how many.
    Stream(Vec<u8>, u32),
    /// Another isolate, which pulls for this one.
    Elsewhere,
}

/// A call in flight.
struct Flight {
    index: usize,
    item: Text,
    tries: u32,
    /// Why it cannot even be begun.
    unfit: Option<Box<ErrorReport>>,
    /// Who waits for how it ends, if that is another isolate.
    asked_by: Option<oneshot::Sender<Ended>>,
    /// How it ended there.
    ended: Option<Ended>,
    _counted: InFlight,
}

/// An item for another isolate.
pub(crate) struct Work {
    pub(crate) ticket: u32,
    index: usize,
    item: Text,
    asked_by: oneshot::Sender<Ended>,
}

/// How an item ended.
pub(crate) struct Ended {
    outcome: Result<Option<Bytes>, Outcome>,
    retries: usize,
    spliced: usize,
    walks: usize,
    warnings: Vec<String>,
}

/// An item, or the elements of a batch.
#[derive(Clone)]
pub(crate) enum Text {
    One(Bytes),
    Many(Bytes),
}

impl Text {
    fn pieces(&self) -> Vec<Bytes> {
        match self {
            Text::One(text) => vec![text.clone()],
            Text::Many(elements) => vec![Bytes::from_static(b"["), elements.clone(), Bytes::from_static(b"]")],
        }
    }

    fn whole(&self) -> Bytes {
        match self {
            Text::One(text) => text.clone(),
            Text::Many(elements) => [b"[", &elements[..], b"]"].concat().into(),
        }
    }
}

/// What JavaScript does after a call.
pub(crate) enum Next {
    /// It pulls the next item.
    Pull,
    /// It tries that one again.
    Again,
    /// It stops.
    Over,
}

impl Batch {
    /// Gets a step over items going.
    pub(crate) fn new(desk: &Desk, begun: Rc<Begun>, from: Option<Bytes>) -> Rc<Batch> {
        let job = desk.plan()[begun.step].job.as_ref().expect("a step over items has a job");
        let with = job.with_items.clone().expect("a step over items has some");
        let said = desk.said(begun.step).expect("a step over items says which");
        let mut keys: Vec<&[u8]> = vec![ITEM, INDEX];
        keys.extend(said.input.keys().map(|key| &key[..]));
        let base = assemble::without(&begun.input, &keys, desk.index());
        let source = match from.and_then(Elements::of) {
            Some(elements) => Source::Array(elements),
            None if desk.is_helper.get() => Source::Elsewhere,
            None => Source::Stream(Vec::new(), 0),
        };
        let context = desk.context();
        let only: &[&str] = match with.collect {
            Collect::Results => &["data", "errors"],
            Collect::Nothing => &["errors"],
            Collect::Expression(_) => &[],
        };
        let options = encode::Options { only, ..desk.options.clone() };
        let collected = (with.collect != Collect::Nothing).then(Collected::new);
        Rc::new(Batch {
            begun,
            with,
            said,
            base,
            context,
            options,
            inner: RefCell::new(Inner {
                source,
                next: 0,
                tickets: 0,
                flights: HashMap::new(),
                began: VecDeque::new(),
                collected,
                errors: Vec::new(),
                first: None,
                counts: Items::default(),
                stop: Stop::No,
                figures: Figures::default(),
                warnings: Vec::new(),
            }),
        })
    }

    /// Calls that may be in flight, in all isolates together.
    pub(crate) fn width(&self, desk: &Desk) -> u32 {
        match desk.is_helper.get() {
            true => self.with.concurrency.get(),
            false => self.with.concurrency.get().saturating_mul(self.with.isolates.get()),
        }
    }

    /// Whether nothing is in flight, nor will be.
    pub(crate) fn is_through(&self) -> bool {
        let inner = self.inner.borrow();
        inner.flights.is_empty() && !matches!(inner.stop, Stop::Now(_))
    }

    /// Whether there is any use for another item.
    pub(crate) fn wants_more(&self) -> bool {
        matches!(self.inner.borrow().stop, Stop::No)
    }

    /// Takes an element of a stream; answers whether the next call has enough of them.
    ///
    /// # Errors
    /// What to throw: it has no JSON form.
    pub(crate) fn gather(
        &self,
        desk: &Desk,
        scope: &mut v8::PinScope,
        value: v8::Local<v8::Value>,
    ) -> Result<bool, Box<ErrorReport>> {
        let tools = &desk.tools;
        let value = v8::Local::new(scope, value);
        let encoded = encode::encode(scope, &tools.views, &tools.pristine, &desk.values, value);
        let encoded = encoded.map_err(|error| {
            Box::new(ErrorReport::new(
                "ItemsError",
                format!("an item cannot be turned into JSON: {}", error.in_words()),
            ))
        })?;
        let text = encoded.state.map_or(Bytes::from_static(b"null"), |state| state.to_bytes());
        let mut inner = self.inner.borrow_mut();
        let Source::Stream(elements, count) = &mut inner.source else { return Ok(true) };
        if *count > 0 {
            elements.push(b',');
        }
        elements.extend_from_slice(&text);
        *count += 1;
        let limit = desk.options.limit;
        if elements.len() > limit {
            let message = format!("a batch of items is larger than a state may be ({} MB)", limit >> 20);
            let hint = Some("a smaller `batch_size`, or `auto`".to_owned());
            return Err(Box::new(ErrorReport { hint, ..ErrorReport::new("ItemsError", message) }));
        }
        Ok(match self.with.batch {
            Size::One => true,
            Size::Count(size) => *count >= size.get(),
            Size::Auto => elements.len() >= AUTO,
        })
    }

    /// Takes the next item, or batch of them, in hand.
    pub(crate) fn pull(&self, desk: &Desk) -> Option<u32> {
        let mut inner = self.inner.borrow_mut();
        let Inner { source, next, tickets, flights, began, stop, counts, .. } = &mut *inner;
        let Stop::No = stop else { return None };
        let item = match source {
            Source::Stream(elements, count) => {
                if *count == 0 {
                    return None;
                }
                *count = 0;
                let text: Bytes = std::mem::take(elements).into();
                if self.with.batch == Size::One { Text::One(text) } else { Text::Many(text) }
            }
            Source::Elsewhere => return None,
            Source::Array(elements) => {
                let first = elements.next_range()?;
                let mut end = first.end;
                match self.with.batch {
                    Size::One => Text::One(elements.slice(first)),
                    Size::Count(size) => {
                        for _ in 1..size.get() {
                            let Some(range) = elements.next_range() else { break };
                            end = range.end;
                        }
                        Text::Many(elements.slice(first.start..end))
                    }
                    Size::Auto => {
                        while end - first.start < AUTO {
                            let Some(range) = elements.next_range() else { break };
                            end = range.end;
                        }
                        Text::Many(elements.slice(first.start..end))
                    }
                }
            }
        };
        *tickets += 1;
        let _counted = InFlight::new(&desk.gauge);
        let flight = Flight { index: *next, item, tries: 0, unfit: None, asked_by: None, ended: None, _counted };
        flights.insert(*tickets, flight);
        *next += 1;
        counts.calls += 1;
        if desk.request.limits.step_timeout.is_some() {
            if began.is_empty() {
                // Its time begins now, however long the source took.
                desk.put_off(Instant::now());
            }
            began.push_back((*tickets, Instant::now()));
        }
        Some(*tickets)
    }

    /// What JavaScript needs to make a call: `[ticket, entry, view]`, `[ticket, undefined, error]`, or `[ticket, null]` when another
    /// isolate makes it.
    pub(crate) fn frame<'s>(
        &self,
        desk: &Desk,
        scope: &mut v8::PinScope<'s, '_>,
        ticket: u32,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let number: v8::Local<v8::Value> = v8::Integer::new_from_unsigned(scope, ticket).into();
        if self.with.isolates.get() > 1 && !desk.is_helper.get() {
            let elsewhere = v8::null(scope).into();
            let nothing = v8::undefined(scope).into();
            return Some(v8::Array::new_with_elements(scope, &[number, elsewhere, nothing]).into());
        }
        let (index, item, tries) = {
            let inner = self.inner.borrow();
            let flight = inner.flights.get(&ticket)?;
            (flight.index, flight.item.clone(), flight.tries)
        };
        let begun = match self.call_state(desk, scope, index, &item) {
            Ok(state) => {
                let module = format!("job://{}.{ticket}.{tries}/{}", self.begun.execution.0, self.begun.step.get());
                match desk.entry(scope, self.begun.step, &module) {
                    Ok(entry) => {
                        let beside = !self.said.input.keys().any(|key| key == INDEX);
                        let beside = beside.then_some(("index", index as f64));
                        let span = spans::view(&self.begun.span, state.len());
                        let view = desk.tools.views.root_beside(scope, &state, beside)?;
                        drop(span);
                        Ok((entry, view))
                    }
                    Err(thrown) => Err(thrown),
                }
            }
            Err(report) => {
                if let Some(flight) = self.inner.borrow_mut().flights.get_mut(&ticket) {
                    flight.unfit = Some(report);
                }
                Err(v8::undefined(scope).into())
            }
        };
        let (entry, given) = match begun {
            Ok(begun) => begun,
            Err(thrown) => (v8::undefined(scope).into(), thrown),
        };
        Some(v8::Array::new_with_elements(scope, &[number, entry, given]).into())
    }

    fn call_state(
        &self,
        desk: &Desk,
        scope: &mut v8::PinScope,
        index: usize,
        item: &Text,
    ) -> Result<State, Box<ErrorReport>> {
        let pieces = item.pieces();
        let more: [(&[u8], &[Bytes]); 1] = [(ITEM, &pieces)];
        if self.said.input.is_empty() {
            return Ok(assemble::with(&self.base, &more, desk.index()));
        }
        let whole = item.whole();
        let sight = Sight { context: &self.context, state: Some(&self.begun.input), item: Some((&whole, index)) };
        desk.mapped(scope, desk.plan()[self.begun.step].id.as_str(), &self.said, &self.base, &sight, &more)
    }

    /// Takes note of how a call ended.
    pub(crate) fn left<'s>(
        &self,
        desk: &Desk,
        scope: &mut v8::PinScope<'s, '_>,
        ticket: u32,
        answer: Answer<'s>,
    ) -> Next {
        let elsewhere = self.inner.borrow_mut().flights.get_mut(&ticket).and_then(|flight| flight.ended.take());
        let ended = match elsewhere {
            Some(ended) => ended,
            None => match self.ended(desk, scope, ticket, answer) {
                Some(ended) => ended,
                None => return Next::Again,
            },
        };
        if desk.killer.fired().is_some() {
            return Next::Over;
        }
        let mut inner = self.inner.borrow_mut();
        let Some(flight) = inner.flights.remove(&ticket) else { return Next::Over };
        let next = match flight.asked_by {
            Some(asked_by) => {
                // Who does not wait any more does not want to know.
                let _ = asked_by.send(ended);
                Next::Pull
            }
            None => inner.settle(desk, &self.with, flight.index, ended),
        };
        // The call that began first of those that are left.
        while let Some((ticket, _)) = inner.began.front()
            && !inner.flights.contains_key(ticket)
        {
            inner.began.pop_front();
        }
        let from = inner.began.front().map_or_else(Instant::now, |(_, began)| *began);
        drop(inner);
        desk.put_off(from);
        next
    }

    /// How a call ended; `None` when it is to be made again.
    fn ended<'s>(
        &self,
        desk: &Desk,
        scope: &mut v8::PinScope<'s, '_>,
        ticket: u32,
        answer: Answer<'s>,
    ) -> Option<Ended> {
        let unfit = self.inner.borrow_mut().flights.get_mut(&ticket).and_then(|flight| flight.unfit.take());
        if let Some(report) = unfit {
            let outcome = Err(Outcome::Fail(*report));
            return Some(Ended { outcome, retries: 0, spliced: 0, walks: 0, warnings: Vec::new() });
        }
        let task = desk.task(&self.begun, String::new());
        let task = Task { input: self.base.clone(), options: &self.options, ..task };
        let read = read_answer(scope, &desk.tools, &task, answer, None);
        let step = desk.plan()[self.begun.step].id.as_str();
        let output = read.encoded.state.as_ref();
        let outcome = match read.outcome {
            Ok(()) => match output.and_then(|output| assemble::error_of(output, step)) {
                None => Ok(()),
                Some((name, message)) => {
                    let name = name.unwrap_or_else(|| "JobError".into());
                    let message = message.unwrap_or_else(|| format!("the job put an error on state.errors[{step:?}]"));
                    Err(Outcome::Fail(ErrorReport::new(name, message)))
                }
            },
            Err(outcome) => Err(outcome),
        };
        let mut tries = 0;
        if let Some(flight) = self.inner.borrow_mut().flights.get_mut(&ticket) {
            if matches!(outcome, Err(Outcome::Fail(_))) && flight.tries < self.with.retries {
                flight.tries += 1;
                return None;
            }
            tries = flight.tries;
        }
        // The job has done its work: what cannot be collected is no reason to do it twice.
        let outcome = outcome.and_then(|()| self.value(desk, scope, ticket, output));
        let encode::Encoded { spliced, walks, warnings, .. } = read.encoded;
        Some(Ended { outcome, retries: tries as usize, spliced, walks, warnings })
    }

    /// An item as another isolate gets it, and where that will say how it ended.
    pub(crate) fn work(&self, ticket: u32) -> Option<(Work, oneshot::Receiver<Ended>)> {
        let inner = self.inner.borrow();
        let flight = inner.flights.get(&ticket)?;
        let (asked_by, receiver) = oneshot::channel();
        Some((Work { ticket, index: flight.index, item: flight.item.clone(), asked_by }, receiver))
    }

    /// Another isolate has ended with an item.
    pub(crate) fn ended_elsewhere(&self, ticket: u32, ended: Result<Ended, Outcome>) {
        let mut inner = self.inner.borrow_mut();
        let Some(flight) = inner.flights.get_mut(&ticket) else { return };
        flight.ended = Some(ended.unwrap_or_else(|outcome| Ended {
            outcome: Err(outcome),
            retries: 0,
            spliced: 0,
            walks: 0,
            warnings: Vec::new(),
        }));
    }

    /// Takes an item in hand for another isolate.
    pub(crate) fn take(&self, desk: &Desk, work: Work) -> u32 {
        let Work { ticket, index, item, asked_by } = work;
        let mut inner = self.inner.borrow_mut();
        let _counted = InFlight::new(&desk.gauge);
        let asked_by = Some(asked_by);
        inner.flights.insert(ticket, Flight { index, item, tries: 0, unfit: None, asked_by, ended: None, _counted });
        if inner.flights.len() == 1 {
            desk.put_off(Instant::now());
        }
        ticket
    }

    /// The context that the items are seen in.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// What of an output is collected.
    fn value(
        &self,
        desk: &Desk,
        scope: &mut v8::PinScope,
        ticket: u32,
        output: Option<&State>,
    ) -> Result<Option<Bytes>, Outcome> {
        let Some(output) = output else { return Ok(None) };
        match &self.with.collect {
            Collect::Nothing => Ok(None),
            Collect::Results => Ok(assemble::property(output, "data").map(|span| output.slice(span.range))),
            Collect::Expression(_) => {
                let Some(expression) = &self.said.collect else { return Ok(None) };
                let at_hand =
                    self.inner.borrow().flights.get(&ticket).map(|flight| (flight.item.whole(), flight.index));
                let item = at_hand.as_ref().map(|(text, index)| (text, *index));
                let sight = Sight { context: &self.context, state: Some(output), item };
                let value = expression.value(&sight, &mut desk.evaluator(scope));
                let step = desk.plan()[self.begun.step].id.as_str();
                value.map_err(|error| Outcome::Fail(failed("collect", step, &error)))
            }
        }
    }

    /// How the step ended. `thrown` = its source of items threw.
    pub(crate) fn conclude(&self, desk: &Desk, thrown: Option<Outcome>, done: &mut Done) -> Items {
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let counts = inner.counts;
        done.figures.bytes_spliced += inner.figures.bytes_spliced;
        done.figures.state_walks += inner.figures.state_walks;
        done.warnings = std::mem::take(&mut inner.warnings);
        if let Stop::Now(outcome) = std::mem::replace(&mut inner.stop, Stop::NoMore) {
            done.outcome = *outcome;
            done.output = None;
            return counts;
        }
        let input = desk.stripped(&self.begun.input);
        let output = match &mut inner.collected {
            None => input,
            Some(collected) => {
                let results = collected.finish();
                done.fresh = results.pieces().collect();
                assemble::with_data(&input, results, desk.index())
            }
        };
        done.figures.bytes_out = output.len();
        done.output = Some(output);
        let errors = Value::Object(
            inner.errors.drain(..).map(|(index, error)| (index.to_string(), Value::Object(error))).collect(),
        );
        done.outcome = match (thrown, inner.first.take()) {
            (None, None) => Outcome::Success,
            (Some(outcome), _) => outcome,
            (None, Some((index, first))) => {
                let details = json!({ "items": errors, "failed": counts.failed, "calls": counts.calls });
                let what = format!("{} of {} items failed", counts.failed, counts.calls);
                let report = match self.with.on_error {
                    OnItemError::Stop => {
                        let hint = format!(
                            "item {index} failed, and no other was begun; `on_item_error: continue` goes on, `retries` tries again"
                        );
                        ErrorReport { details: Some(details), hint: Some(hint), ..first }
                    }
                    OnItemError::Continue => ErrorReport {
                        details: Some(details),
                        position: first.position,
                        hint: Some("what failed is `null` in `data`, and has its error in `errors`".into()),
                        ..ErrorReport::new(
                            "ItemsError",
                            format!("{what}; item {index}: {}: {}", first.name, first.message),
                        )
                    },
                };
                Outcome::Fail(report)
            }
        };
        counts
    }
}

impl Inner {
    fn settle(&mut self, desk: &Desk, with: &WithItems, index: usize, ended: Ended) -> Next {
        let Ended { outcome, retries, spliced, walks, warnings } = ended;
        self.counts.retries += retries;
        self.figures.bytes_spliced += spliced;
        self.figures.state_walks += walks;
        for warning in warnings {
            match self.warnings.len() {
                MOST_WARNINGS => self.warnings.push("there are more warnings like these".into()),
                fewer if fewer < MOST_WARNINGS && !self.warnings.contains(&warning) => self.warnings.push(warning),
                _ => {}
            }
        }
        match outcome {
            Ok(value) => self.put(index, value),
            Err(Outcome::Fail(report)) => {
                self.failed(index, report, desk);
                if with.on_error == OnItemError::Stop {
                    self.stop = Stop::NoMore;
                }
            }
            Err(outcome) => {
                self.stop = Stop::Now(Box::new(outcome));
                return Next::Over;
            }
        }
        let limit = desk.options.limit;
        if self.collected.as_ref().is_some_and(|collected| collected.len() > limit) {
            self.stop = Stop::Now(Box::new(too_large(limit)));
            return Next::Over;
        }
        Next::Pull
    }

    fn put(&mut self, index: usize, value: Option<Bytes>) {
        if let Some(collected) = &mut self.collected {
            collected.put(index, value);
        }
    }

    fn failed(&mut self, index: usize, report: ErrorReport, desk: &Desk) {
        let report = shortened(report);
        self.counts.failed += 1;
        self.put(index, None);
        if self.errors.len() < MOST_ERRORS {
            let outcome = desk.reporter.lock().secrets.mask_outcome(Outcome::Fail(report.clone()));
            self.errors.push((index, outcome.to_error_value().unwrap_or_default()));
        }
        if self.first.as_ref().is_none_or(|(first, _)| index < *first) {
            self.first = Some((index, report));
        }
    }
}

/// An error as it is kept for each item: there may be a thousand of them.
fn shortened(report: ErrorReport) -> ErrorReport {
    const MOST: usize = 4 << 10;
    let mut message = report.message;
    if message.len() > MOST {
        message.truncate(message.floor_char_boundary(MOST));
        message.push('…');
    }
    let is_small = |details: &serde_json::Value| serde_json::to_vec(details).is_ok_and(|text| text.len() <= MOST);
    ErrorReport { message, details: report.details.filter(is_small), ..report }
}

const ITEM: &[u8] = b"\"item\"";
const INDEX: &[u8] = b"\"index\"";
