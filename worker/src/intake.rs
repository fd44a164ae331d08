//! What the engine says about a run becomes letters to the server. It knows the plan's side of a run, and nothing of what the
//! server has or has not got.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use fulgurite_engine::message::{self, Event, Given};
use fulgurite_engine::pool::Incoming;
use fulgurite_engine::process::Memory;
use fulgurite_plan::{ErrorReport, KillReason, Outcome};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::clock::{Clock, Stamp};
use crate::dataclip::{self, Body};
use crate::message::{Ending, Letter, Message, Output, Source, StepComplete};

/// What a run's letters depend on.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The dataclip that the run starts from.
    pub(crate) input: Option<String>,
    /// Bytes of a state that is sent.
    pub(crate) payload: u64,
    /// Whether outputs are sent.
    pub(crate) outputs: bool,
    /// Whether what jobs log is sent.
    pub(crate) job_logs: bool,
}

/// Makes letters of one run.
#[derive(Debug)]
pub(crate) struct Intake {
    clock: Arc<Clock>,
    terms: Terms,
    /// Whether an abort is somebody's wish, and not ours.
    cancelled: bool,
    open: HashMap<u32, Open>,
    /// The dataclips of executions, by their number.
    clips: HashMap<u32, String>,
    /// Outputs from which nothing followed: what the run results in.
    leaves: HashMap<u32, Leaf>,
    /// How the run ended, once it has.
    pub(crate) ending: Option<Ending>,
    /// What was last told about a step's error, so that the run does not tell all of it again.
    told: Option<ErrorReport>,
    /// Outputs that were too large to be sent.
    pub(crate) withheld: u64,
}

#[derive(Debug, Clone)]
enum Leaf {
    Here(Body),
    /// Only its size is known any more.
    Large(u64),
}

impl Leaf {
    fn len(&self) -> u64 {
        match self {
            Leaf::Here(body) => body.len(),
            Leaf::Large(bytes) => *bytes,
        }
    }
}

#[derive(Debug)]
struct Open {
    id: String,
    job: String,
    /// Another execution called it: what it gives is no result of the run.
    called: bool,
}

impl Intake {
    pub(crate) fn new(clock: Arc<Clock>, terms: Terms) -> Intake {
        Intake {
            clock,
            terms,
            cancelled: false,
            open: HashMap::new(),
            clips: HashMap::new(),
            leaves: HashMap::new(),
            ending: None,
            told: None,
            withheld: 0,
        }
    }

    /// From now on an abort is what somebody asked for.
    pub(crate) fn cancelled(&mut self) {
        self.cancelled = true;
    }

    /// A log line of the worker's own.
    pub(crate) fn log(&self, source: Source, level: &str, text: impl Into<String>) -> Letter {
        Letter::log(self.clock.roomy(), None, source, level, text)
    }

    /// The letters that follow from an event, in order. `child` is the process that it happened in.
    pub(crate) fn letters(&mut self, incoming: Incoming, child: u32) -> Vec<Letter> {
        let Incoming { event, bodies } = incoming;
        match event {
            // The server was told before the engine was.
            Event::RunStart(_) | Event::Traces(_) => Vec::new(),
            Event::StepStart(start) => vec![self.step_start(start)],
            Event::Log(log) => self.line(log, &bodies).into_iter().collect(),
            Event::StepComplete(complete) => self.step_complete(*complete, &bodies, child),
            Event::RunComplete(complete) => self.run_complete(*complete, &bodies),
        }
    }

    /// The letters of a run that ended before the engine had it.
    pub(crate) fn refused(&mut self, outcome: &Outcome) -> Vec<Letter> {
        let ending = self.ending(outcome, false);
        let mut letters = self.epilogue(&ending, outcome);
        letters.push(self.run_end(ending, None, None));
        letters
    }

    fn step_start(&mut self, start: message::StepStart) -> Letter {
        let id = Uuid::new_v4().to_string();
        tracing::debug!(step = id, job = start.step, execution = start.execution, "step start");
        self.open.insert(
            start.execution,
            Open { id: id.clone(), job: start.step.clone(), called: start.called_by.is_some() },
        );
        let input = match (start.input_from, start.called_by) {
            (Some(execution), _) => self.clips.get(&execution).cloned(),
            (None, None) => self.terms.input.clone(),
            // A state that a job made: the server has it nowhere.
            (None, Some(_)) => None,
        };
        let message = Message::StepStart { step: id, job: start.step, input };
        Letter { at: self.clock.roomy(), message, body: None }
    }

    fn line(&self, log: message::Log, bodies: &[Bytes]) -> Option<Letter> {
        if log.of_job && !self.terms.job_logs {
            return None;
        }
        const LEVELS: [&str; 6] = ["debug", "info", "success", "warn", "error", "always"];
        let level = LEVELS.get(usize::from(log.level)).copied().unwrap_or("info");
        let source = if log.of_job { Source::Job } else { Source::Runtime };
        let step = log.execution.and_then(|execution| Some(self.open.get(&execution)?.id.clone()));
        let text = bodies.get(log.message as usize).map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
        Some(Letter::log(self.clock.roomy(), step, source, level, text))
    }

    fn step_complete(&mut self, complete: message::StepComplete, bodies: &[Bytes], child: u32) -> Vec<Letter> {
        // The pool has seen to it that every end has a beginning.
        let Some(open) = self.open.remove(&complete.execution) else { return Vec::new() };
        let mut letters = Vec::new();
        let mut say = |clock: &Clock, level: &str, text: String| {
            letters.push(Letter::log(clock.roomy(), Some(open.id.clone()), Source::Runtime, level, text));
        };
        if let Some(report) = complete.outcome.error() {
            self.told = Some(report.clone());
            say(&self.clock, "error", told(report, matches!(complete.outcome, Outcome::Fail(_)), &open.job));
        }
        let answer = complete.webhook.and_then(|place| bodies.get(place as usize).cloned());
        let webhook = answer.and_then(|text| match webhook(&Body::from(text), self.terms.payload) {
            Ok(answer) => Some(answer),
            Err(why) => {
                say(&self.clock, "warn", format!("`webhookResponse` will not be sent back to the app: {why}"));
                None
            }
        });
        let given = complete.output.as_ref().and_then(|state| bodies.get(state.text as usize)).cloned();
        let stops = complete.outcome.stops_the_run();
        let text = match given {
            Some(text) => Body::from(text),
            None => Body::from(Bytes::from_static(b"{}")),
        };
        let bytes = text.len();
        let limit = self.terms.payload;
        let id = Uuid::new_v4().to_string();
        let (output, body) = if !self.terms.outputs {
            (Output::Erased(id.clone()), None)
        } else if bytes > limit {
            self.withheld += 1;
            say(&self.clock, "warn", too_large(bytes, limit));
            (Output::Withheld { bytes, limit }, None)
        } else {
            match dataclip::kept(&text) {
                Ok(kept) => {
                    if kept.replaced > 0 {
                        let count = kept.replaced;
                        say(
                            &self.clock,
                            "warn",
                            format!(
                                "{count} characters in the output are kept as U+FFFD: the server has no place for NULs and lone surrogates"
                            ),
                        );
                    }
                    (Output::Inline(id.clone()), Some(kept.body))
                }
                Err(error) => {
                    tracing::error!(step = open.id, %error, "the output of a step cannot be kept by a server");
                    let text =
                        format!("The server cannot keep this output, so it will not be sent back to the app: {error}");
                    say(&self.clock, "error", text);
                    (Output::None, None)
                }
            }
        };
        if matches!(output, Output::Inline(_) | Output::Erased(_)) {
            self.clips.insert(complete.execution, id);
        }
        if complete.next.is_empty() && complete.output.is_some() && !stops && !open.called {
            // What is too large to be sent is not kept until the end for it.
            let leaf = if bytes > limit { Leaf::Large(bytes) } else { Leaf::Here(text) };
            self.leaves.insert(complete.execution, leaf);
        }
        let figures = &complete.figures;
        let reason = complete.outcome.reason().as_str();
        tracing::debug!(step = open.id, job = open.job, reason, took = ?figures.duration, bytes, "step complete");
        let memory = (complete.figures.heap, Memory::of(child).map_or(0, |memory| memory.resident));
        let message = Message::StepComplete(StepComplete {
            step: open.id,
            job: open.job,
            ending: self.ending(&complete.outcome, true),
            output,
            webhook,
            memory,
            duration: complete.figures.duration.as_millis() as u64,
            thread: child,
        });
        letters.push(Letter { at: self.clock.roomy(), message, body });
        letters
    }

    fn run_complete(&mut self, complete: message::RunComplete, bodies: &[Bytes]) -> Vec<Letter> {
        let ending = self.ending(&complete.outcome, false);
        let mut letters = self.epilogue(&ending, &complete.outcome);
        let mut results: Vec<(String, Leaf, Option<String>)> = Vec::new();
        for (name, given) in complete.results {
            let (body, clip) = match given {
                Given::Here(state) => {
                    (bodies.get(state.text as usize).cloned().map(|text| Leaf::Here(text.into())), None)
                }
                Given::OutputOf(execution) => (self.leaves.remove(&execution), self.clips.get(&execution).cloned()),
            };
            results.push((name, body.unwrap_or(Leaf::Here(Body::default())), clip));
        }
        let clip = match results.as_slice() {
            [(_, _, clip)] => clip.clone(),
            _ => None,
        };
        let (limit, bytes) = (self.terms.payload, results.iter().map(|(_, leaf, _)| leaf.len()).sum::<u64>());
        let body = if bytes > limit {
            self.withheld += 1;
            let text = format!(
                "The final state is {}, more than the limit of {}: it will not be sent back to the app.",
                size(bytes),
                size(limit)
            );
            letters.push(self.log(Source::Runtime, "warn", text));
            None
        } else {
            let here: Vec<(String, Body)> = results
                .into_iter()
                .filter_map(|(name, leaf, _)| match leaf {
                    Leaf::Here(body) => Some((name, body)),
                    Leaf::Large(_) => None,
                })
                .collect();
            match here.as_slice() {
                [] => None,
                [(_, only)] => Some(only.clone()),
                many => Some(by_name(many)),
            }
        };
        let body = body.and_then(|body| match dataclip::kept(&body) {
            Ok(kept) => Some(kept.body),
            Err(error) => {
                tracing::error!(%error, "the final state cannot be kept by a server");
                let text =
                    format!("The server cannot keep the final state, so it will not be sent back to the app: {error}");
                letters.push(self.log(Source::Runtime, "error", text));
                None
            }
        });
        letters.push(self.run_end(ending, clip, body));
        letters
    }

    fn run_end(&mut self, ending: Ending, clip: Option<String>, body: Option<Body>) -> Letter {
        self.ending = Some(ending.clone());
        Letter { at: self.clock.roomy(), message: Message::RunComplete { ending, clip }, body }
    }

    /// What is said at the end of a run.
    fn epilogue(&self, ending: &Ending, outcome: &Outcome) -> Vec<Letter> {
        let level = if ending.reason == "success" { "success" } else { "error" };
        let mut letters =
            vec![self.log(Source::Runtime, level, format!("Run complete with status: {}", ending.reason))];
        if let Some(report) = outcome.error() {
            let is_told = self.told.as_ref() == Some(report);
            let text = if is_told { report.to_string() } else { told(report, false, "") };
            letters.push(self.log(Source::Runtime, "error", text));
        }
        letters
    }

    fn ending(&self, outcome: &Outcome, of_step: bool) -> Ending {
        let reason = match outcome {
            Outcome::Kill(KillReason::Abort, _) if self.cancelled => "cancel",
            other => other.reason().as_str(),
        };
        let error = outcome.error();
        // A step names the class underneath, a run the class of its own.
        let class = |error: &ErrorReport| match &error.subtype {
            Some(subtype) if of_step => subtype.clone(),
            _ => error.name.clone().into_owned(),
        };
        Ending {
            reason: reason.to_owned(),
            error_type: error.map(class).map(without_nuls),
            error_message: error.map(|error| error.message.clone()).map(without_nuls),
        }
    }
}

/// What whoever called a webhook gets, in a form that the server can read.
fn webhook(text: &Body, limit: u64) -> Result<Box<RawValue>, String> {
    if text.len() > limit {
        return Err(format!("it is {}, more than the limit of {}", size(text.len()), size(limit)));
    }
    let text = dataclip::kept_value(text)?.body.flat();
    let text = String::from_utf8(text.to_vec()).map_err(|error| error.to_string())?;
    RawValue::from_string(text).map_err(|error| error.to_string())
}

/// A job names its own errors.
fn without_nuls(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// An error as its author reads it in the log.
fn told(report: &ErrorReport, on_state: bool, job: &str) -> String {
    let mut text = format!("{}: {}", report.name, report.message);
    if let Some(place) = &report.position {
        text.push_str(&format!("\n    at {}:{}:{}", place.file, place.line, place.column));
        if let Some(line) = &place.source_line {
            let line = line.trim_end();
            let before: String = line.chars().take(place.column.saturating_sub(1) as usize).collect();
            let caret: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            text.push_str(&format!("\n    {line}\n    {caret}^"));
        }
    } else if let Some(operation) = &report.operation {
        let name = operation.name.as_deref().unwrap_or("an operation");
        text.push_str(&format!("\n    in {name}, {}:{}", operation.place.file, operation.place.line));
    }
    if let Some(hint) = &report.hint {
        text.push_str(&format!("\n    {hint}"));
    }
    if on_state {
        text.push_str(&format!("\nCheck state.errors.{job} for details"));
    }
    text
}

/// What is said about an output that is not sent.
pub(crate) fn too_large(bytes: u64, limit: u64) -> String {
    format!(
        "Dataclip exceeds payload limit: output will not be sent back to the app. It is {}, and the limit is {}; the next steps get all of it.",
        size(bytes),
        size(limit)
    )
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} bytes"),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Results by name, as one object. Empty ones are left out: a cron job's next run would carry them for ever.
fn by_name(results: &[(String, Body)]) -> Body {
    let is_empty = |body: &Body| {
        let text: Vec<u8> = match body.len() {
            0..32 => body.flat().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect(),
            _ => return false,
        };
        matches!(text.as_slice(), b"" | b"{}" | b"{\"data\":{}}" | b"null")
    };
    let mut pieces = vec![Bytes::from_static(b"{")];
    for (name, body) in results.iter().filter(|(_, body)| !is_empty(body)) {
        let comma = if pieces.len() > 1 { "," } else { "" };
        let key = serde_json::to_string(name).expect("text is JSON");
        pieces.push(format!("{comma}{key}:").into());
        pieces.extend(body.pieces());
    }
    pieces.push(Bytes::from_static(b"}"));
    Body::new(pieces)
}

/// A stamp for what has to be said about a letter: right after it, and before anything else of the run.
pub(crate) fn about(letter: &Letter) -> Stamp {
    letter.at.plus(1)
}
