//! Faults on demand: what goes wrong on the way, by script or at random, and the record of what did.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

mod place;

pub use place::{Direction, How, Place};

/// Something that is to go wrong.
#[derive(Debug, Clone, Deserialize)]
pub struct Fault {
    /// The event of the frame: of a request, or of a push. Any, if there is none. A reply has the event of its request.
    #[serde(default)]
    pub event: Option<String>,
    /// What the frame's topic is. Any, if there is none.
    #[serde(default)]
    pub topic: Option<String>,
    /// So many that fit are let through first.
    #[serde(default)]
    pub skip: u32,
    /// It happens so often.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens.
    pub action: Action,
}

fn one() -> u32 {
    1
}

impl Fault {
    /// A fault at the next frame of an event.
    pub fn on(event: impl Into<String>, action: Action) -> Fault {
        Fault { event: Some(event.into()), topic: None, skip: 0, times: 1, action }
    }

    /// A fault at the next frame of any event.
    pub fn on_any(action: Action) -> Fault {
        Fault { event: None, topic: None, skip: 0, times: 1, action }
    }

    /// Only on this topic.
    pub fn topic(self, topic: impl Into<String>) -> Fault {
        Fault { topic: Some(topic.into()), ..self }
    }

    /// Lets so many through first.
    pub fn skip(self, skip: u32) -> Fault {
        Fault { skip, ..self }
    }

    /// Happens so often.
    pub fn times(self, times: u32) -> Fault {
        Fault { times, ..self }
    }

    fn fits(&self, topic: &str, event: &str) -> bool {
        self.event.as_deref().is_none_or(|e| e == event) && self.topic.as_deref().is_none_or(|t| t == topic)
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The connection is cut at the frame.
    Cut {
        /// Which way the frame goes.
        direction: Direction,
        /// Where in the frame, or after it.
        place: Place,
        /// How the worker gets to know.
        #[serde(default)]
        how: How,
    },
    /// The request is handled, and its channel waits so long before it replies.
    #[serde(deserialize_with = "milliseconds")]
    Delay(Duration),
    /// The request is handled, and its channel waits for [`crate::Handle::release`] before it replies. At a join, the whole
    /// connection waits.
    Hold,
    /// The request is handled and never answered.
    LoseReply,
    /// The frame from the server is sent twice.
    Duplicate,
    /// The request is not handled, and answered with this error. On the event `connect`, which comes before all frames, it is
    /// the status that the upgrade is refused with.
    Refuse(Value),
    /// The channel crashes and the request is not handled.
    Crash,
    /// The channel crashes after the request has been handled.
    CrashAfter,
    /// The request is not handled, and the connection closed.
    Close {
        /// As in the frame: 1012 is a restart.
        code: u16,
    },
}

fn milliseconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_millis)
}

/// Cuts at random, the same for the same seed and the same frames.
#[derive(Debug, Clone, Deserialize)]
pub struct Chaos {
    /// What the random numbers start from.
    pub seed: u64,
    /// A cut comes every so many frames, on average.
    pub every: u32,
    /// Most cuts; without it there is no end.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Events whose frames are spared.
    #[serde(default)]
    pub spare: Vec<String>,
}

/// A cut that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The connection, from 1.
    pub socket: u64,
    /// The frame's topic.
    pub topic: String,
    /// The frame's event; for a reply, that of its request.
    pub event: String,
    /// Which way it went.
    pub direction: Direction,
    /// Where it was cut.
    pub place: Place,
    /// How.
    pub how: How,
    /// After how many bytes of the frame.
    pub byte: u64,
    /// By chance, not by script.
    pub random: bool,
}

/// A cut that is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) place: Place,
    pub(crate) how: How,
    pub(crate) random: bool,
}

/// What is still to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    scripted: Vec<Fault>,
    chaos: Option<Dice>,
}

#[derive(Debug)]
struct Dice {
    chaos: Chaos,
    random: fastrand::Rng,
    /// Frames until the next cut.
    left: u32,
}

impl Dice {
    fn roll(random: &mut fastrand::Rng, every: u32) -> u32 {
        random.u32(1..every.max(1).saturating_mul(2))
    }
}

impl Faults {
    pub(crate) fn script(&mut self, fault: Fault) {
        self.scripted.push(fault);
    }

    /// Starts afresh, or ends.
    pub(crate) fn chaos(&mut self, chaos: Option<Chaos>) {
        self.chaos = chaos.map(|chaos| {
            let mut random = fastrand::Rng::with_seed(chaos.seed);
            let left = Dice::roll(&mut random, chaos.every);
            Dice { chaos, random, left }
        });
    }

    pub(crate) fn clear(&mut self) {
        *self = Faults::default();
    }

    /// Whether, and where, the connection is cut at this frame.
    pub(crate) fn cut(&mut self, direction: Direction, topic: &str, event: &str) -> Option<Decided> {
        let scripted = self.take(topic, event, |action| match action {
            Action::Cut { direction: d, place, how } if *d == direction => {
                Some(Decided { place: *place, how: *how, random: false })
            }
            _ => None,
        });
        scripted.or_else(|| self.roll(direction, event))
    }

    /// What happens to a connection that is asked for: a fault that names `connect`.
    pub(crate) fn connect(&mut self) -> Option<Value> {
        let is_named = self.scripted.iter().any(|fault| fault.event.as_deref() == Some("connect"));
        is_named.then(|| {
            self.take("", "connect", |action| match action {
                Action::Refuse(status) => Some(status.clone()),
                _ => None,
            })
        })?
    }

    /// What else happens to a request.
    pub(crate) fn request(&mut self, topic: &str, event: &str) -> Option<Action> {
        self.take(topic, event, |action| match action {
            Action::Cut { .. } | Action::Duplicate => None,
            other => Some(other.clone()),
        })
    }

    /// Whether a frame from the server is sent twice.
    pub(crate) fn duplicates(&mut self, topic: &str, event: &str) -> bool {
        self.take(topic, event, |action| matches!(action, Action::Duplicate).then_some(())).is_some()
    }

    /// The first fault that fits and is of the wanted kind. One that is to skip some counts this frame.
    fn take<T>(&mut self, topic: &str, event: &str, wanted: impl Fn(&Action) -> Option<T>) -> Option<T> {
        let mut taken = None;
        for fault in &mut self.scripted {
            let Some(found) = wanted(&fault.action).filter(|_| fault.fits(topic, event)) else { continue };
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if taken.is_none() && fault.times > 0 {
                fault.times -= 1;
                taken = Some(found);
            }
        }
        self.scripted.retain(|fault| fault.times > 0);
        taken
    }

    fn roll(&mut self, direction: Direction, event: &str) -> Option<Decided> {
        const IN: [Place; 10] = [
            Place::Before,
            Place::Header,
            Place::Mask,
            Place::Start,
            Place::Middle,
            Place::End,
            Place::Received,
            Place::Handled,
            Place::InReply,
            Place::AfterReply,
        ];
        const OUT: [Place; 6] =
            [Place::Before, Place::Header, Place::Start, Place::Middle, Place::End, Place::AfterReply];
        let dice = self.chaos.as_mut()?;
        if dice.chaos.limit == Some(0) || dice.chaos.spare.iter().any(|spared| spared == event) {
            return None;
        }
        dice.left -= 1;
        if dice.left > 0 {
            return None;
        }
        dice.left = Dice::roll(&mut dice.random, dice.chaos.every);
        dice.chaos.limit = dice.chaos.limit.map(|limit| limit - 1);
        let places: &[Place] = if direction == Direction::In { &IN } else { &OUT };
        let place = places[dice.random.usize(..places.len())];
        let how = if dice.random.bool() { How::Reset } else { How::Close };
        Some(Decided { place, how, random: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(place: Place) -> Action {
        Action::Cut { direction: Direction::In, place, how: How::Reset }
    }

    #[test]
    fn a_fault_waits_for_its_frame() {
        let mut faults = Faults::default();
        faults.script(Fault::on("a", cut(Place::Middle)).skip(1).times(2).topic("t"));
        let mut seen = |topic, event| faults.cut(Direction::In, topic, event).map(|cut| cut.place);
        assert_eq!(seen("t", "b"), None);
        assert_eq!(seen("u", "a"), None);
        assert_eq!(seen("t", "a"), None, "skipped");
        assert_eq!(seen("t", "a"), Some(Place::Middle));
        assert_eq!(seen("t", "a"), Some(Place::Middle));
        assert_eq!(seen("t", "a"), None, "over");
    }

    #[test]
    fn kinds_do_not_take_each_others_frames() {
        let mut faults = Faults::default();
        faults.script(Fault::on("a", Action::LoseReply));
        assert_eq!(faults.cut(Direction::In, "t", "a"), None);
        assert!(!faults.duplicates("t", "a"));
        assert_eq!(faults.request("t", "a"), Some(Action::LoseReply));
        assert_eq!(faults.request("t", "a"), None);
    }

    #[test]
    fn chaos_is_the_same_for_the_same_seed() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.chaos(Some(Chaos { seed, every: 5, limit: Some(8), spare: vec!["claim".to_owned()] }));
            (0..200).map(|_| faults.cut(Direction::In, "t", "run:log")).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert_eq!(run(1).iter().flatten().count(), 8);
        let mut faults = Faults::default();
        faults.chaos(Some(Chaos { seed: 1, every: 1, limit: None, spare: vec!["claim".to_owned()] }));
        assert_eq!(faults.cut(Direction::Out, "t", "claim"), None);
        assert!(faults.cut(Direction::Out, "t", "run:log").is_some());
    }

    #[test]
    fn faults_can_be_written_as_json() {
        let text = r#"{"event":"claim","action":{"cut":{"direction":"in","place":{"byte":3}}}}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!((fault.times, &fault.action), (1, &cut(Place::Byte(3))));
        let fault: Fault = serde_json::from_str(r#"{"action":{"delay":20}}"#).unwrap();
        assert_eq!(fault.action, Action::Delay(Duration::from_millis(20)));
        let fault: Fault = serde_json::from_str(r#"{"action":"hold"}"#).unwrap();
        assert_eq!(fault.action, Action::Hold);
    }
}
