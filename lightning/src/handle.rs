//! What tests and commands do with a server, from any thread.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::fault::{Chaos, Cut, Fault, How};
use crate::happening::Happening;
use crate::jsonb::Style;
use crate::link::{End, Out};
use crate::record::Recorded;
use crate::run::{NewClip, NewRun, Run, RunId};
use crate::socket;
use crate::store::Shared;

/// A server's other end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Handle {
        Handle { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Asks for a run.
    pub fn enqueue(&self, run: NewRun) -> RunId {
        let run = run.printed(Style::of(self.shared.config.jsonb));
        self.shared.lock().create(run)
    }

    /// Takes back a run that nobody has claimed, which is the only kind that can be.
    pub fn cancel(&self, id: &str) -> bool {
        self.shared.lock().cancel(id)
    }

    /// Puts a credential there. `null` is a keychain credential that does not match; an object with `error` and nothing else
    /// is one that cannot be had, and what is said about it.
    pub fn credential(&self, id: impl Into<String>, body: Value) {
        self.shared.lock().credentials.insert(id.into(), body);
    }

    /// Puts a dataclip there, and returns its id.
    pub fn dataclip(&self, clip: NewClip) -> String {
        let clip = clip.printed(Style::of(self.shared.config.jsonb));
        self.shared.lock().clip(clip)
    }

    /// What is in a dataclip: JSON text. Nothing, if there is none, or if it has been wiped.
    pub fn clip(&self, id: &str) -> Option<Bytes> {
        let store = self.shared.lock();
        let clip = store.clips.get(id)?;
        clip.body.is_some().then(|| clip.text())
    }

    /// Whether there is such a dataclip, wiped or not.
    pub fn has_clip(&self, id: &str) -> bool {
        self.shared.lock().clips.contains_key(id)
    }

    /// Waits for the end of a run that has been asked for; without one of that name, for ever.
    pub async fn wait(&self, id: &str) -> Run {
        let ended = || self.run(id).filter(|run| run.state.is_final());
        let mut changes = self.shared.changed.subscribe();
        loop {
            if let Some(run) = ended() {
                return run;
            }
            // The sender lives as long as this handle.
            let _ = changes.changed().await;
        }
    }

    /// Waits until something holds of the server.
    pub async fn until(&self, mut holds: impl FnMut(&Handle) -> bool) {
        let mut changes = self.shared.changed.subscribe();
        while !holds(self) {
            let _ = changes.changed().await;
        }
    }

    /// A run as it is now.
    pub fn run(&self, id: &str) -> Option<Run> {
        self.shared.lock().entry(id).map(|entry| entry.run.clone())
    }

    /// All runs, as they were asked for.
    pub fn runs(&self) -> Vec<Run> {
        let store = self.shared.lock();
        store.order.iter().map(|id| store.runs[id].run.clone()).collect()
    }

    /// What a run came to: JSON text.
    pub fn result(&self, id: &str) -> Option<Bytes> {
        let clip = self.run(id)?.final_dataclip_id?;
        self.clip(&clip)
    }

    /// A run's happenings so far.
    pub fn happenings(&self, id: &str) -> Vec<Arc<Happening>> {
        self.shared.lock().entry(id).map(|entry| entry.happenings.clone()).unwrap_or_default()
    }

    /// Every request, in the order in which they came.
    pub fn record(&self) -> Vec<Recorded> {
        self.shared.lock().records.iter().cloned().collect()
    }

    /// What workers did that a correct one does not.
    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().violations.clone()
    }

    /// Lets something go wrong.
    pub fn fault(&self, fault: Fault) {
        self.shared.lock().faults.script(fault);
    }

    /// Cuts connections at random, from now on.
    pub fn chaos(&self, chaos: Chaos) {
        self.shared.lock().faults.chaos(Some(chaos));
    }

    /// Lets nothing go wrong any more.
    pub fn peace(&self) {
        self.shared.lock().faults.clear();
    }

    /// The cuts that were made.
    pub fn cuts(&self) -> Vec<Cut> {
        self.shared.lock().cuts.clone()
    }

    /// Lets go of the replies that faults hold.
    pub fn release(&self) {
        for held in self.shared.lock().held.drain(..) {
            // Its connection may be gone.
            let _ = held.send(());
        }
    }

    /// Pushes a message to every channel of a topic. The payload is JSON text.
    pub fn push(&self, topic: &str, event: &str, payload: &str) {
        socket::broadcast(&self.shared, topic, event, payload);
    }

    /// Closes every connection with a code.
    pub fn close_all(&self, code: u16) {
        self.end_all(&End::Close(code, String::new()));
    }

    /// Cuts every connection.
    pub fn cut_all(&self, how: How) {
        self.end_all(&End::Cut(how));
    }

    fn end_all(&self, end: &End) {
        for open in self.shared.lock().sockets.values() {
            // It may just be closing.
            let _ = open.out.send(Out::End(end.clone()));
        }
    }

    /// How many workers are connected.
    pub fn sockets(&self) -> usize {
        self.shared.lock().sockets.len()
    }

    /// How many channels there are of a topic.
    pub fn channels(&self, topic: &str) -> usize {
        self.shared.lock().sockets.values().filter(|open| open.topics.contains_key(topic)).count()
    }

    /// Puts the server's clock forward: tokens and claims get older.
    pub fn advance(&self, by: Duration) {
        self.shared.lock().advance(by);
    }

    /// Looks for lost runs now. How many there were.
    pub fn janitor(&self) -> usize {
        self.shared.lock().janitor()
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.shared.happenings.subscribe()
    }
}
