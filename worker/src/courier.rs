//! Delivers the letters of one run: one at a time, in order, each until the server has answered, and each of them once.
//!
//! The server is not idempotent and a reply can be lost, so a letter that went out when a connection went is in doubt. What
//! then happens depends on what the server can say about it:
//!
//! | letter | in doubt | how it is settled |
//! |---|---|---|
//! | `run:start` | sent again | the server takes it as it is |
//! | `step:start` | sent again | its id can be stored once: a crash of the channel means that it had arrived |
//! | `step:complete` | sent again | so can its dataclip's; it is then said once more without, so that the step is closed whatever it meant |
//! | `run:complete` | sent again | "already in completed state" means that it had arrived |
//! | `run:log` | not sent again | nothing tells whether it arrived, and a line that stands twice is worse than one that may be missing, of which a line says so |
//!
//! What a server refuses is tried once more with less: a step without its output, a line without its step. One refusal must not
//! make all that follows impossible.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fulgurite_wire::{Channel, Payload, Reply, RequestError, Response};
use tracing::field::Empty;

use crate::config::{Batch, StateForm};
use crate::intake::{about, too_large};
use crate::message::{Detail, Letter, Message, Source, Terms, batch};
use crate::metrics::Metrics;

/// Delivers letters of one run.
pub(crate) struct Courier {
    channel: Arc<Channel>,
    run: String,
    habits: Arc<Habits>,
    timeout: Duration,
    metrics: Arc<Metrics>,
    /// Dataclips that the server has.
    stored: HashSet<String>,
    /// Beginnings of steps that the server must have, but did not say so.
    assumed: HashMap<String, Letter>,
    /// When to give up on a server that does not answer: nothing is accepted for the run after that.
    until: Option<Instant>,
    batch: Option<Batch>,
}

/// What is learnt of the server, by all couriers together: it says itself neither its version nor what it knows.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    /// How states are meant to be written.
    states: StateForm,
    /// A state was taken as a value.
    takes_values: AtomicBool,
    /// Values crash it, texts do not.
    wants_text: AtomicBool,
    /// Lines were taken together.
    takes_batches: AtomicBool,
    /// It does not know how.
    wants_lines: AtomicBool,
}

impl Habits {
    pub(crate) fn new(states: StateForm) -> Habits {
        Habits { states, ..Habits::default() }
    }

    fn states(&self) -> StateForm {
        if self.wants_text.load(Ordering::Relaxed) { StateForm::Text } else { self.states }
    }
}

/// Attempts to which no answer came, before a message is tried with less: its size may be what kills the connection.
const MOST_DOUBTS: u32 = 5;

/// Notes about lost lines that are lost themselves.
const MOST_NOTES: u64 = 3;

/// After its token has ended nothing can be said about a run; so long we go on all the same, should the server's clock be another.
const BEYOND: Duration = Duration::from_secs(60);

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server has it.
    Delivered,
    /// It will never be known whether the server has it.
    Unknown,
    /// The server does not want it.
    Refused,
}

/// Nothing can be said about the run any more, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Dead(pub(crate) String);

/// What an attempt came to.
enum Attempt {
    Accepted,
    Rejected(Response),
    /// It may have arrived.
    Doubtful,
    /// The channel's process ended over it, or beside it.
    Crashed,
    TooLarge {
        bytes: u64,
        limit: u64,
    },
    NotText,
}

/// What to do after an attempt.
enum Next {
    Settled(Fate),
    Again(Detail),
}

impl Courier {
    pub(crate) fn new(channel: Arc<Channel>, run: &str, settings: &Settings, metrics: Arc<Metrics>) -> Courier {
        Courier {
            channel,
            run: run.to_owned(),
            habits: settings.habits.clone(),
            timeout: settings.timeout,
            metrics,
            stored: HashSet::new(),
            assumed: HashMap::new(),
            until: settings.until,
            batch: settings.batch,
        }
    }

    /// Takes note of a dataclip that the server has.
    pub(crate) fn knows(&mut self, clip: &str) {
        self.stored.insert(clip.to_owned());
    }

    /// How long the first of several lines waits for others, and how many may go together.
    pub(crate) fn batch(&self) -> Option<Batch> {
        self.batch.filter(|_| !self.habits.wants_lines.load(Ordering::Relaxed))
    }

    /// Delivers one letter.
    ///
    /// # Errors
    /// When the server lets us say no more about the run.
    pub(crate) async fn deliver(&mut self, letter: &Letter) -> Result<Fate, Dead> {
        let fate = self.attempt_until_settled(letter, false).await?;
        self.settled(letter, fate).await
    }

    async fn settled(&mut self, letter: &Letter, fate: Fate) -> Result<Fate, Dead> {
        let event = letter.message.event();
        if fate == Fate::Refused {
            self.metrics.refused(event);
            tracing::error!(run = self.run, event, "the server refused a message");
        }
        match (&letter.message, fate) {
            (Message::Log { .. }, Fate::Unknown) => self.say_lost(letter, 1).await?,
            // It is another worker's, or over: what the run does from now on is nobody's business.
            (Message::RunStart { .. }, Fate::Refused) => {
                return Err(Dead("the server does not let the run start".to_owned()));
            }
            (Message::RunComplete { .. }, Fate::Refused) => {
                return Err(Dead("the server does not take the end of the run".to_owned()));
            }
            _ => {}
        }
        Ok(fate)
    }

    /// Delivers a letter that may have been delivered before.
    ///
    /// # Errors
    /// As [`Courier::deliver`].
    pub(crate) async fn settle(&mut self, letter: &Letter) -> Result<Fate, Dead> {
        match letter.message {
            Message::Log { .. } => {
                self.say_lost(letter, 1).await?;
                Ok(Fate::Unknown)
            }
            _ => {
                let fate = self.attempt_until_settled(letter, true).await?;
                self.settled(letter, fate).await
            }
        }
    }

    /// Delivers log lines together.
    ///
    /// # Errors
    /// As [`Courier::deliver`].
    pub(crate) async fn deliver_lines(&mut self, lines: &[Letter]) -> Result<(), Dead> {
        if let (Some(_), [first, _, ..]) = (self.batch(), lines) {
            match self.send("run:batch_logs", batch(&self.run, lines)).await? {
                Attempt::Accepted => {
                    self.habits.takes_batches.store(true, Ordering::Relaxed);
                    self.metrics.delivered("run:log", lines.len());
                    return Ok(());
                }
                Attempt::Doubtful => return self.say_lost(first, lines.len()).await,
                Attempt::Crashed if self.habits.takes_batches.load(Ordering::Relaxed) => {
                    return self.say_lost(first, lines.len()).await;
                }
                Attempt::Crashed => {
                    tracing::warn!(
                        "the server does not know run:batch_logs: log lines are sent one by one from now on"
                    );
                    self.habits.wants_lines.store(true, Ordering::Relaxed);
                }
                // One of them is bad, and none was stored; or they are too many.
                Attempt::Rejected(_) | Attempt::TooLarge { .. } | Attempt::NotText => {}
            }
        }
        for line in lines {
            self.deliver(line).await?;
        }
        Ok(())
    }

    async fn attempt_until_settled(&mut self, letter: &Letter, mut doubt: bool) -> Result<Fate, Dead> {
        let event = letter.message.event();
        let mut detail = Detail::Full;
        let mut states = self.habits.states();
        let (mut crashes, mut doubts) = (0, 0);
        loop {
            if self.until.is_some_and(|until| Instant::now() > until + BEYOND) {
                return Err(Dead("the run's token is too old for anything to be said about it".to_owned()));
            }
            let terms = Terms { run: &self.run, states, stored: &self.stored };
            let payload = letter.payload(detail, &terms);
            let next = match self.send(event, payload).await? {
                Attempt::Accepted => {
                    if let Some(clip) = letter.clip().filter(|_| detail == Detail::Full) {
                        self.stored.insert(clip.to_owned());
                        if letter.body.is_some() {
                            self.learn(states);
                        }
                    }
                    Next::Settled(Fate::Delivered)
                }
                Attempt::Doubtful => {
                    tracing::warn!(
                        run = self.run,
                        event,
                        "no answer came; whether the message arrived will be settled"
                    );
                    self.metrics.doubtful(event);
                    doubts += 1;
                    match letter.message {
                        Message::Log { .. } => Next::Settled(Fate::Unknown),
                        _ if doubts % MOST_DOUBTS == 0 => less(letter, detail).map_or(Next::Again(detail), Next::Again),
                        _ => Next::Again(detail),
                    }
                }
                Attempt::Crashed => {
                    crashes += 1;
                    let values = states == StateForm::Json && !self.habits.takes_values.load(Ordering::Relaxed);
                    if values && !doubt && letter.clip().is_some() && letter.body.is_some() && detail == Detail::Full {
                        // Before 2.18.1 a server knows no values here.
                        states = StateForm::Text;
                        Next::Again(detail)
                    } else {
                        self.crashed(letter, detail, doubt, crashes)
                    }
                }
                Attempt::Rejected(answer) => {
                    tracing::warn!(run = self.run, event, answer = %shown(&answer), "the server rejected a message");
                    self.rejected(letter, detail, doubt, &answer).await?
                }
                Attempt::TooLarge { bytes, limit } => self.too_large(letter, detail, bytes, limit).await?,
                Attempt::NotText => less(letter, detail).map_or(Next::Settled(Fate::Refused), Next::Again),
            };
            match next {
                Next::Settled(fate) => {
                    if fate == Fate::Delivered {
                        self.metrics.delivered(event, 1);
                    }
                    return Ok(fate);
                }
                Next::Again(next) => {
                    // With less of it, it is another message, of which nothing has arrived.
                    doubt = next == detail;
                    detail = next;
                }
            }
        }
    }

    /// How the server took a state tells how it takes the next.
    fn learn(&self, states: StateForm) {
        match states {
            StateForm::Json => self.habits.takes_values.store(true, Ordering::Relaxed),
            StateForm::Text if self.habits.states() == StateForm::Json => {
                tracing::warn!(
                    "the server knows states as texts only: they are sent so from now on (Lightning 2.18.1 knows values)"
                );
                self.habits.wants_text.store(true, Ordering::Relaxed);
            }
            StateForm::Text => {}
        }
    }

    fn crashed(&mut self, letter: &Letter, detail: Detail, doubt: bool, crashes: u32) -> Next {
        match &letter.message {
            // It was there, and cannot be there twice. Should that be wrong, what follows will be refused and tell.
            Message::StepStart { step, .. } if doubt || crashes > 1 => {
                self.assumed.insert(step.clone(), letter.clone());
                Next::Settled(Fate::Delivered)
            }
            // Most likely it was there, and its dataclip cannot be there twice. It may as well be the dataclip that is too much for
            // the server: without it the step is closed in either case, and a reference to it that is refused is taken back.
            Message::StepComplete(_) if doubt && detail == Detail::Full => {
                if let Some(clip) = letter.clip() {
                    self.stored.insert(clip.to_owned());
                }
                Next::Again(Detail::Bodiless)
            }
            Message::Log { .. } => Next::Settled(Fate::Unknown),
            // Once as it is: it may have crashed after it had done its work, or over something else.
            Message::StepComplete(_) | Message::RunComplete { .. } if crashes == 1 => Next::Again(detail),
            Message::StepComplete(_) | Message::RunComplete { .. } => {
                less(letter, detail).map_or(Next::Settled(Fate::Refused), Next::Again)
            }
            Message::RunStart { .. } | Message::StepStart { .. } if crashes == 1 => Next::Again(detail),
            Message::RunStart { .. } | Message::StepStart { .. } => Next::Settled(Fate::Refused),
        }
    }

    async fn rejected(
        &mut self,
        letter: &Letter,
        detail: Detail,
        doubt: bool,
        answer: &Response,
    ) -> Result<Next, Dead> {
        let text = String::from_utf8_lossy(answer.bytes()).into_owned();
        let about_step = text.contains("step_id");
        Ok(match &letter.message {
            Message::RunComplete { .. } if text.contains("already in completed state") => {
                if !doubt {
                    tracing::error!(run = self.run, "the server had given the run up before it ended");
                }
                Next::Settled(Fate::Delivered)
            }
            Message::StepStart { step, .. } if doubt && (about_step || text.contains("has already been taken")) => {
                self.assumed.insert(step.clone(), letter.clone());
                Next::Settled(Fate::Delivered)
            }
            Message::StepComplete(_) if doubt && text.contains("has already been taken") => {
                if let Some(clip) = letter.clip() {
                    self.stored.insert(clip.to_owned());
                }
                Next::Settled(Fate::Delivered)
            }
            Message::StepComplete(complete) if about_step && self.assumed.contains_key(&complete.step) => {
                self.start_again(&complete.step.clone()).await?;
                Next::Again(detail)
            }
            Message::Log { step: Some(step), .. } if about_step && self.assumed.contains_key(step) => {
                self.start_again(&step.clone()).await?;
                Next::Again(detail)
            }
            Message::RunComplete { .. } if detail == Detail::Full && text.contains("final_dataclip_id") => {
                Next::Again(Detail::Nameless)
            }
            Message::StepComplete(_) | Message::RunComplete { .. } => {
                less(letter, detail).map_or(Next::Settled(Fate::Refused), Next::Again)
            }
            // Without what it refers to, which may be what is wrong.
            Message::StepStart { input: Some(_), .. } | Message::Log { step: Some(_), .. }
                if detail != Detail::Bare =>
            {
                Next::Again(Detail::Bare)
            }
            Message::RunStart { .. } | Message::StepStart { .. } | Message::Log { .. } => Next::Settled(Fate::Refused),
        })
    }

    /// The beginning of a step, of which we believed that the server has it.
    async fn start_again(&mut self, step: &str) -> Result<(), Dead> {
        let Some(start) = self.assumed.remove(step) else { return Ok(()) };
        let terms = Terms { run: &self.run, states: self.habits.states(), stored: &self.stored };
        let payload = start.payload(Detail::Full, &terms);
        // Whatever comes of it: the message that needs it will tell.
        self.send(start.message.event(), payload).await.map(drop)
    }

    async fn too_large(&mut self, letter: &Letter, detail: Detail, bytes: u64, limit: u64) -> Result<Next, Dead> {
        let (step, text) = match &letter.message {
            Message::StepComplete(step) if detail == Detail::Full => {
                self.metrics.withheld(1);
                (Some(step.step.clone()), too_large(bytes, limit))
            }
            Message::RunComplete { .. } if matches!(detail, Detail::Full | Detail::Nameless) => {
                self.metrics.withheld(1);
                let text = format!(
                    "The final state needs a message of {bytes} bytes, more than the {limit} that the server takes: it will not be sent back to the app."
                );
                (None, text)
            }
            Message::Log { step, .. } => {
                let text = format!(
                    "A log line needs a message of {bytes} bytes, more than the {limit} that the server takes: it is not shown."
                );
                (step.clone(), text)
            }
            _ => return Ok(less(letter, detail).map_or(Next::Settled(Fate::Refused), Next::Again)),
        };
        let note = Letter::log(about(letter), step, Source::Runtime, "warn", text);
        Box::pin(self.deliver(&note)).await?;
        Ok(match letter.message {
            Message::Log { .. } => Next::Settled(Fate::Refused),
            _ => Next::Again(Detail::Bodiless),
        })
    }

    /// Lines are gone that may or may not have arrived.
    async fn say_lost(&mut self, first: &Letter, count: usize) -> Result<(), Dead> {
        self.metrics.unsettled_lines(count);
        tracing::warn!(run = self.run, count, "log lines may be missing: no answer came to them");
        let Message::Log { step, .. } = &first.message else { return Ok(()) };
        // A note to which no answer comes is one more line that may be missing, and the next note says so.
        for lost in 0..MOST_NOTES {
            let count = count as u64 + lost;
            let what = if count == 1 { "1 log line".to_owned() } else { format!("{count} log lines") };
            let text = format!("The connection to the server was lost: {what} before this may be missing");
            let note = Letter::log(first.at.plus(1 + lost), step.clone(), Source::Engine, "warn", text);
            if Box::pin(self.attempt_until_settled(&note, false)).await? != Fate::Unknown {
                break;
            }
        }
        Ok(())
    }

    /// One attempt.
    async fn send(&mut self, event: &str, payload: Payload) -> Result<Attempt, Dead> {
        let bytes = payload.len();
        let began = Instant::now();
        let span = tracing::debug_span!("send", event, bytes, frame_bytes = Empty, run = self.run);
        let payload = payload.traced(span.clone());
        let answer = self.channel.request(event, payload, self.timeout).await;
        drop(span);
        self.metrics.sent(bytes, began.elapsed());
        Ok(match answer {
            Ok(Reply::Ok(_)) => Attempt::Accepted,
            Ok(Reply::Error(answer)) => Attempt::Rejected(answer),
            Err(RequestError::Lost | RequestError::Timeout) => Attempt::Doubtful,
            Err(RequestError::Crashed) => Attempt::Crashed,
            Err(RequestError::TooLarge { bytes, limit }) => Attempt::TooLarge { bytes, limit },
            Err(RequestError::NotText) => Attempt::NotText,
            Err(RequestError::Refused(answer)) => {
                return Err(Dead(format!(
                    "the server does not let us speak about the run any more: {}",
                    shown(&answer)
                )));
            }
            Err(RequestError::Closed) => return Err(Dead("the connection is closed".into())),
        })
    }
}

/// The same message with less of it; `None` when there is no less.
fn less(letter: &Letter, detail: Detail) -> Option<Detail> {
    match (&letter.message, detail) {
        (Message::StepComplete(_) | Message::RunComplete { .. }, Detail::Full | Detail::Nameless) => {
            Some(if letter.body.is_some() { Detail::Bodiless } else { Detail::Bare })
        }
        (_, Detail::Bare) => None,
        (Message::RunStart { .. }, _) => None,
        _ => Some(Detail::Bare),
    }
}

/// What a courier is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) habits: Arc<Habits>,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    pub(crate) batch: Option<Batch>,
    pub(crate) until: Option<Instant>,
}

/// A server's answer for our own log: never long, and without what we sent.
pub(crate) fn shown(answer: &Response) -> String {
    let text = String::from_utf8_lossy(answer.bytes());
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
