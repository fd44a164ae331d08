//! The runtime's requests and events as messages, and back. Field by field, so that the compiler asks about every new one.
//!
//! States cross as their text. The child has checked it, and the parent does not look at it again: it only hands it on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use fulgurite_compile::Adaptors;
use fulgurite_engine::channel::Pieces;
use fulgurite_engine::message::{self, Given, Segment};
use fulgurite_engine::{child, pool};
use fulgurite_plan::{ErrorReport, Outcome, Plan, StepId, wire};
use fulgurite_runtime::{
    Cache, Event, Execution, Figures, Items, Level, Limits, Log, LogSource, Request, RunComplete, RunStart,
    StepComplete, StepStart,
};
use fulgurite_state::{IndexOptions, Live, Path, State, path, properties};

use crate::profile::Recorder;

/// A request as it leaves the parent. It is read before it is sent and may be dropped then.
pub fn request(request: &Request) -> pool::Request {
    // What was compiled before stays here; a child keeps what it compiles itself.
    let Request { plan, input, limits, index, state_props_to_remove, adaptors, cache: _, parameters, system } = request;
    let memory = limits.heap.map(|heap| heap as u64 + super::BESIDE);
    let Limits {
        step_timeout,
        run_timeout,
        step_cpu_timeout,
        run_cpu_timeout,
        heap,
        state,
        steps,
        call_depth,
        log_rate,
        log_line,
        ref network,
    } = *limits;
    let IndexOptions { depth, max_keys, max_properties, integer_keys } = *index;
    pool::Request {
        plan: wire::encode(plan).into(),
        input: input.as_ref().map(|input| input.pieces().collect()),
        limits: message::Limits {
            step_timeout,
            run_timeout,
            step_cpu_timeout,
            run_cpu_timeout,
            heap: heap.map(|bytes| bytes as u64),
            state: state.map(|bytes| bytes as u64),
            steps,
            call_depth,
            log_rate: log_rate.map(|bytes| bytes as u64),
            log_line: log_line as u64,
            network: serde_json::to_string(network).expect("plain data is JSON"),
        },
        index: message::Index {
            depth: depth as u64,
            max_keys: max_keys as u64,
            max_properties: max_properties as u64,
            integer_keys,
        },
        state_props_to_remove: state_props_to_remove.clone(),
        modules: adaptors.modules().iter().map(|module| (module.name.clone(), text_of(&module.source))).collect(),
        links: serde_json::to_string(&**adaptors).expect("plain data is JSON"),
        context: serde_json::to_string(&(parameters, system)).expect("plain data is JSON"),
        memory,
    }
}

/// A request as it arrives in the child.
///
/// # Errors
/// What a run ends with that cannot be understood. The parent has sent what it had checked, so this is a bug of ours.
pub fn into_request(asked: &child::Request, cache: &Arc<Cache>) -> Result<Request, Box<Outcome>> {
    let strange = |error: &dyn std::fmt::Display| {
        let report = ErrorReport::new("InternalError", format!("a bug in fulgurite: {error}"));
        Box::new(Outcome::Exception(report))
    };
    let message::Run {
        plan,
        input,
        limits,
        index,
        state_props_to_remove,
        links,
        context,
        run: _,
        modules: _,
        forget: _,
    } = &asked.run;
    let message::Limits {
        step_timeout,
        run_timeout,
        step_cpu_timeout,
        run_cpu_timeout,
        heap,
        state,
        steps,
        call_depth,
        log_rate,
        log_line,
        ref network,
    } = *limits;
    let message::Index { depth, max_keys, max_properties, integer_keys } = *index;
    let index = IndexOptions {
        depth: depth as usize,
        max_keys: max_keys as usize,
        max_properties: max_properties as usize,
        integer_keys,
    };
    let plan = wire::decode(&asked.body(*plan)).map_err(|error| strange(&error))?;
    let input = input.map(|input| {
        let text = asked.body(input);
        let _span = tracing::debug_span!("index", bytes = text.len()).entered();
        State::parse(text, &index)
    });
    let input = input.transpose();
    let texts = asked.modules.iter().map(|(_, text)| std::str::from_utf8(text).map(Arc::from));
    let texts: Vec<Arc<str>> = texts.collect::<Result<_, _>>().map_err(|error| strange(&error))?;
    let adaptors: Adaptors = serde_json::from_str(links).map_err(|error| strange(&error))?;
    let (parameters, system) = serde_json::from_str(context).map_err(|error| strange(&error))?;
    let network = serde_json::from_str(network).map_err(|error| strange(&error))?;
    Ok(Request {
        input: input.map_err(|error| strange(&error.kind))?,
        limits: Limits {
            step_timeout,
            run_timeout,
            step_cpu_timeout,
            run_cpu_timeout,
            heap: heap.map(|bytes| bytes as usize),
            state: state.map(|bytes| bytes as usize),
            steps,
            call_depth,
            log_rate: log_rate.map(|bytes| bytes as usize),
            log_line: log_line as usize,
            network,
        },
        adaptors: Arc::new(adaptors.with_sources(texts)),
        cache: cache.clone(),
        index,
        state_props_to_remove: state_props_to_remove.clone(),
        parameters,
        system,
        ..Request::new(plan)
    })
}

/// A text as a body, without a copy.
fn text_of(source: &Arc<str>) -> Bytes {
    struct Text(Arc<str>);
    impl AsRef<[u8]> for Text {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }
    Bytes::from_owner(Text(source.clone()))
}

/// Turns the events of one run into messages, in the child.
#[derive(Debug, Default)]
pub struct Teller {
    /// Outputs from which nothing followed, by where their text begins: they come again as results.
    leaves: HashMap<(usize, usize), (Execution, State)>,
    /// Executions in flight that another one calls.
    called: HashSet<u32>,
}

impl Teller {
    /// The next event, with its bodies.
    pub fn event(&mut self, event: Event) -> (message::Event, Vec<Pieces>) {
        let mut bodies = Vec::new();
        let event = match event {
            Event::RunStart(RunStart { plan, name, start, bytes_in, startup, isolate }) => {
                let (start, bytes_in) = (start.as_str().to_owned(), bytes_in as u64);
                message::Event::RunStart(message::RunStart { plan, name, start, bytes_in, startup, isolate })
            }
            Event::StepStart(StepStart {
                execution,
                step,
                name,
                caller,
                called_by,
                input_from,
                bytes_in,
                over_items,
            }) => {
                if called_by.is_some() {
                    self.called.insert(execution.0);
                }
                message::Event::StepStart(message::StepStart {
                    execution: execution.0,
                    step: step.as_str().to_owned(),
                    name,
                    caller: caller.map(|caller| caller.as_str().to_owned()),
                    called_by: called_by.map(|execution| execution.0),
                    input_from: input_from.map(|execution| execution.0),
                    bytes_in: bytes_in as u64,
                    over_items,
                })
            }
            Event::Log(Log { step, execution, source, level, message }) => {
                bodies.push(vec![message.into()]);
                message::Event::Log(message::Log {
                    step: step.map(|step| step.as_str().to_owned()),
                    execution: execution.map(|execution| execution.0),
                    of_job: source == LogSource::Job,
                    level: level_number(level),
                    message: 0,
                })
            }
            Event::StepComplete(StepComplete { execution, step, outcome, output, next, figures, items }) => {
                let complete = message::StepComplete {
                    execution: execution.0,
                    step: step.as_str().to_owned(),
                    outcome,
                    output: output.as_ref().map(|output| crossing(output, &mut bodies)),
                    webhook: output.as_ref().and_then(|output| webhook(output, &mut bodies)),
                    next: next.iter().map(|step| step.as_str().to_owned()).collect(),
                    figures: figures_out(figures),
                    items: items.map(items_out),
                };
                // What was called is no result.
                let called = self.called.remove(&execution.0);
                if let Some(output) = output.filter(|_| next.is_empty() && !called) {
                    self.leaves.insert(beginning(&output), (execution, output));
                }
                message::Event::StepComplete(Box::new(complete))
            }
            Event::RunComplete(RunComplete { outcome, results, figures, executions }) => {
                let results = results.into_iter().map(|(name, state)| {
                    let given = match self.leaves.get(&beginning(&state)) {
                        Some((execution, leaf)) if is_same(leaf, &state) => Given::OutputOf(execution.0),
                        _ => Given::Here(crossing(&state, &mut bodies)),
                    };
                    (name, given)
                });
                let results = results.collect();
                let figures = figures_out(figures);
                message::Event::RunComplete(Box::new(message::RunComplete { outcome, results, figures, executions }))
            }
        };
        (event, bodies)
    }
}

/// Turns the messages of one run into events, in the parent.
#[derive(Debug)]
pub struct Listener {
    steps: HashMap<String, StepId>,
    leaves: HashMap<u32, State>,
    /// Executions in flight that another one calls.
    called: HashSet<u32>,
    /// Where what the child traced goes.
    recorder: Option<Recorder>,
}

impl Listener {
    /// For a run of this plan.
    pub fn new(plan: &Plan) -> Listener {
        let steps = plan.steps().iter().map(|step| (step.id.as_str().to_owned(), step.id.clone())).collect();
        Listener { steps, leaves: HashMap::new(), called: HashSet::new(), recorder: None }
    }

    /// Also hands on what the child traces.
    pub fn recording(self, recorder: Option<Recorder>) -> Listener {
        Listener { recorder, ..self }
    }

    /// The next event; `None` for what is none, and when it is about a step that the plan does not have, which no honest child says.
    pub fn event(&mut self, incoming: pool::Incoming) -> Option<Event> {
        let pool::Incoming { event, bodies } = incoming;
        let step = |id: &str| self.steps.get(id).cloned();
        let some = |id: Option<&String>| match id {
            Some(id) => step(id).map(Some),
            None => Some(None),
        };
        let arrived = |state: message::State| {
            let text = bodies.get(state.text as usize).cloned().unwrap_or_default();
            let live = state.live.and_then(|live| serde_json::from_slice(bodies.get(live as usize)?).ok());
            State::trusted(text, live.map(|live| Arc::new(live_in(live))))
        };
        Some(match event {
            message::Event::Traces(body) => {
                if let Some(recorder) = &self.recorder {
                    absorb(recorder, bodies.get(body as usize), None);
                }
                return None;
            }
            message::Event::RunStart(message::RunStart { plan, name, start, bytes_in, startup, isolate }) => {
                let (start, bytes_in) = (step(&start)?, bytes_in as usize);
                Event::RunStart(RunStart { plan, name, start, bytes_in, startup, isolate })
            }
            message::Event::StepStart(start) => {
                if start.called_by.is_some() {
                    self.called.insert(start.execution);
                }
                Event::StepStart(StepStart {
                    execution: Execution(start.execution),
                    step: step(&start.step)?,
                    caller: some(start.caller.as_ref())?,
                    name: start.name,
                    called_by: start.called_by.map(Execution),
                    input_from: start.input_from.map(Execution),
                    bytes_in: start.bytes_in as usize,
                    over_items: start.over_items,
                })
            }
            message::Event::Log(log) => {
                let text = bodies.get(log.message as usize).cloned().unwrap_or_default();
                Event::Log(Log {
                    step: some(log.step.as_ref())?,
                    execution: log.execution.map(Execution),
                    source: if log.of_job { LogSource::Job } else { LogSource::Runtime },
                    level: level(log.level),
                    message: String::from_utf8_lossy(&text).into_owned(),
                })
            }
            message::Event::StepComplete(complete) => {
                let message::StepComplete { execution, step: id, outcome, output, webhook: _, next, figures, items } =
                    *complete;
                let complete = StepComplete {
                    execution: Execution(execution),
                    step: step(&id)?,
                    outcome,
                    output: output.map(arrived),
                    next: next.iter().map(|id| step(id)).collect::<Option<_>>()?,
                    figures: figures_in(figures),
                    items: items.map(items_in),
                };
                let called = self.called.remove(&execution);
                if let Some(output) = complete.output.as_ref().filter(|_| complete.next.is_empty() && !called) {
                    self.leaves.insert(execution, output.clone());
                }
                Event::StepComplete(complete)
            }
            message::Event::RunComplete(complete) => {
                let message::RunComplete { outcome, results, figures, executions } = *complete;
                let results = results.into_iter().map(|(name, given)| match given {
                    Given::Here(state) => (name, arrived(state)),
                    Given::OutputOf(execution) => {
                        // The pool has seen that there was such an output.
                        (name, self.leaves.get(&execution).cloned().unwrap_or_else(State::empty))
                    }
                });
                let results = results.collect();
                Event::RunComplete(RunComplete { outcome, results, figures: figures_in(figures), executions })
            }
        })
    }
}

/// Takes in what a child traced of a run, or of the only one.
pub fn absorb(recorder: &Recorder, body: Option<&Bytes>, run: Option<&str>) {
    // More than a child that is what it says has to tell between two events.
    const MOST: usize = 256 << 20;
    match body.filter(|body| body.len() <= MOST).map(|body| serde_json::from_slice(body)) {
        Some(Ok(batch)) => recorder.absorb(batch, run),
        // The child is one that runs other people's code: what it says need not be true.
        Some(Err(error)) => tracing::warn!(%error, "what an engine process traced cannot be read"),
        None => {}
    }
}

fn crossing(state: &State, bodies: &mut Vec<Pieces>) -> message::State {
    bodies.push(state.pieces().collect());
    let text = bodies.len() as u32 - 1;
    let live = state.live().map(|live| {
        let Live { private, streams } = &**live;
        let segment = |segment: &path::Segment| match segment {
            path::Segment::Key(key) => Segment::Key(key.clone()),
            path::Segment::Index(index) => Segment::Index(*index as u64),
        };
        let streams = streams.iter().map(|path| path.0.iter().map(segment).collect()).collect();
        let live = message::Live { private: private.clone(), streams };
        bodies.push(vec![serde_json::to_vec(&live).expect("plain data is JSON").into()]);
        bodies.len() as u32 - 1
    });
    message::State { text, live }
}

/// The answer that a step has for whoever called a webhook, as a body of its own: the parent reads no states.
fn webhook(state: &State, bodies: &mut Vec<Pieces>) -> Option<message::Body> {
    const KEY: &[u8] = b"\"webhookResponse\"";
    let root = state.root();
    let unindexed;
    let object = match &root.object {
        Some(object) => object,
        // More keys than an index has.
        None => {
            unindexed = properties(&state.to_bytes())?;
            &unindexed
        }
    };
    let text =
        |range: std::ops::Range<usize>| state.slice(root.range.start + range.start..root.range.start + range.end);
    let property = object.properties().iter().rev().find(|property| text(property.key()) == KEY)?;
    bodies.push(vec![text(property.value())]);
    Some(bodies.len() as u32 - 1)
}

fn live_in(live: message::Live) -> Live {
    let message::Live { private, streams } = live;
    let segment = |segment| match segment {
        Segment::Key(key) => path::Segment::Key(key),
        Segment::Index(index) => path::Segment::Index(index as usize),
    };
    let streams = streams.into_iter().map(|path| Path(path.into_iter().map(segment).collect())).collect();
    Live { private, streams }
}

/// Where in memory a state's text begins, and its length.
fn beginning(state: &State) -> (usize, usize) {
    (state.pieces().next().map_or(0, |piece| piece.as_ptr() as usize), state.len())
}

/// Whether two states are clones of one.
fn is_same(a: &State, b: &State) -> bool {
    let live = match (a.live(), b.live()) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    };
    let text = |state: &State| state.pieces().map(|piece| (piece.as_ptr() as usize, piece.len())).collect::<Vec<_>>();
    live && text(a) == text(b)
}

const LEVELS: [Level; 6] = [Level::Debug, Level::Info, Level::Success, Level::Warn, Level::Error, Level::Always];

fn level_number(level: Level) -> u8 {
    LEVELS.iter().position(|known| *known == level).unwrap_or(1) as u8
}

fn level(number: u8) -> Level {
    LEVELS.get(usize::from(number)).copied().unwrap_or(Level::Info)
}

fn items_out(items: Items) -> message::Items {
    let Items { calls, failed, retries } = items;
    message::Items { calls: calls as u64, failed: failed as u64, retries: retries as u64 }
}

fn items_in(items: message::Items) -> Items {
    Items { calls: items.calls as usize, failed: items.failed as usize, retries: items.retries as usize }
}

fn figures_out(figures: Figures) -> message::Figures {
    let Figures {
        duration,
        view,
        encode,
        load,
        bytes_in,
        bytes_parsed,
        bytes_out,
        bytes_spliced,
        state_walks,
        cpu,
        context_clones,
        heap,
        buffers,
    } = figures;
    message::Figures {
        duration,
        view,
        encode,
        load,
        bytes_in: bytes_in as u64,
        bytes_parsed: bytes_parsed as u64,
        bytes_out: bytes_out as u64,
        bytes_spliced: bytes_spliced as u64,
        state_walks: state_walks as u64,
        cpu,
        context_clones: context_clones as u64,
        heap: heap as u64,
        buffers: buffers as u64,
    }
}

fn figures_in(figures: message::Figures) -> Figures {
    Figures {
        duration: figures.duration,
        view: figures.view,
        encode: figures.encode,
        load: figures.load,
        bytes_in: figures.bytes_in as usize,
        bytes_parsed: figures.bytes_parsed as usize,
        bytes_out: figures.bytes_out as usize,
        bytes_spliced: figures.bytes_spliced as usize,
        state_walks: figures.state_walks as usize,
        cpu: figures.cpu,
        context_clones: figures.context_clones as usize,
        heap: figures.heap as usize,
        buffers: figures.buffers as usize,
    }
}
