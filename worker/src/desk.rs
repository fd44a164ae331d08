//! Where the letters of a run wait for their turn: on one side they are put down, on the other they are delivered, in order.
//!
//! What is put down is in the outbox before anything else is done with it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::courier::{Courier, Dead, Fate};
use crate::dataclip::Body;
use crate::message::{Letter, Message};
use crate::metrics::{Metrics, Waiting};
use crate::outbox::{Number, Outbox};

/// Letters that may wait. A run that says more waits itself.
const WAITING: usize = 512;

/// Kilobytes of states that may wait.
const WAITING_KB: u32 = 32 << 10;

/// States of more than so many bytes are written to the disk elsewhere: the loop must not wait for it.
const SMALL: u64 = 64 << 10;

/// Where letters are put down.
pub(crate) struct Desk {
    to: mpsc::Sender<Item>,
    outbox: Arc<Outbox>,
    metrics: Arc<Metrics>,
    next: Number,
    room: Arc<Semaphore>,
}

/// Where they are delivered.
pub(crate) struct Post {
    from: mpsc::Receiver<Item>,
    outbox: Arc<Outbox>,
    metrics: Arc<Metrics>,
    courier: Courier,
}

enum Item {
    /// A dataclip that the server has.
    Clip(String),
    Letter(Number, Box<Letter>, Place),
}

/// What a letter takes for as long as it waits.
struct Place {
    /// The room of its body.
    _room: Option<OwnedSemaphorePermit>,
    _waiting: Waiting,
}

/// Both sides of one run's letters.
pub(crate) fn pair(courier: Courier, outbox: Arc<Outbox>, metrics: Arc<Metrics>) -> (Desk, Post) {
    let (to, from) = mpsc::channel(WAITING);
    let room = Arc::new(Semaphore::new(WAITING_KB as usize));
    let desk = Desk { to, outbox: outbox.clone(), metrics: metrics.clone(), next: 0, room };
    (desk, Post { from, outbox, metrics, courier })
}

impl Desk {
    /// Letters, in order.
    pub(crate) async fn put(&mut self, letters: impl IntoIterator<Item = Letter>) {
        for letter in letters {
            let number = self.next;
            self.next += 1;
            let bytes = letter.body.as_ref().map_or(0, Body::len);
            let kilobytes = u32::try_from(bytes >> 10).unwrap_or(WAITING_KB).min(WAITING_KB);
            let room = match kilobytes {
                0 => None,
                // The other side is gone only when nothing can be said about the run any more.
                some => tokio::select! {
                    room = self.room.clone().acquire_many_owned(some) => room.ok(),
                    () = self.to.closed() => None,
                },
            };
            if bytes > SMALL && self.outbox.is_on_disk() {
                let (outbox, letter) = (self.outbox.clone(), letter.clone());
                let _ = tokio::task::spawn_blocking(move || outbox.put(number, &letter)).await;
            } else {
                self.outbox.put(number, &letter);
            }
            let place = Place { _room: room, _waiting: self.metrics.waits() };
            // Nobody takes it when nothing can be said about the run any more.
            let _ = self.to.send(Item::Letter(number, Box::new(letter), place)).await;
        }
    }

    /// The server has this dataclip.
    pub(crate) async fn knows(&self, clip: &str) {
        self.outbox.knows(clip);
        let _ = self.to.send(Item::Clip(clip.to_owned())).await;
    }
}

impl Post {
    /// Delivers until there are no more.
    pub(crate) async fn deliver_all(mut self) -> Result<(), Dead> {
        let mut held = None;
        loop {
            let item = match held.take() {
                Some(item) => item,
                None => match self.from.recv().await {
                    Some(item) => item,
                    None => break,
                },
            };
            let (number, letter, place) = match item {
                Item::Clip(clip) => {
                    self.courier.knows(&clip);
                    continue;
                }
                Item::Letter(number, letter, place) => (number, letter, place),
            };
            let (mut letters, mut places) = (vec![*letter], vec![place]);
            if is_line(&letters[0]) {
                held = self.more_lines(&mut letters, &mut places).await;
            }
            self.deliver(number, &letters).await?;
            drop(places);
        }
        self.outbox.close();
        Ok(())
    }

    /// Log lines that come soon after the first, if they may go together. What came and is none, is returned.
    async fn more_lines(&mut self, lines: &mut Vec<Letter>, places: &mut Vec<Place>) -> Option<Item> {
        let batch = self.courier.batch()?;
        let end = Instant::now() + batch.interval;
        while lines.len() < batch.limit {
            match timeout_at(end, self.from.recv()).await {
                Ok(Some(Item::Letter(_, letter, place))) if is_line(&letter) => {
                    lines.push(*letter);
                    places.push(place);
                }
                Ok(Some(other)) => return Some(other),
                Ok(None) | Err(_) => return None,
            }
        }
        None
    }

    /// Delivers letters whose numbers follow each other. More than one are log lines.
    async fn deliver(&mut self, first: Number, letters: &[Letter]) -> Result<(), Dead> {
        let numbered = || (first..).zip(letters);
        numbered().for_each(|(number, _)| self.outbox.sending(number));
        let acknowledged = match letters {
            [one] => self.courier.deliver(one).await? == Fate::Delivered,
            many => {
                self.courier.deliver_lines(many).await?;
                true
            }
        };
        numbered().for_each(|(number, letter)| self.outbox.done(number, letter, acknowledged));
        Ok(())
    }
}

impl Drop for Post {
    /// Nothing is dropped without a word.
    fn drop(&mut self) {
        self.from.close();
        let mut dropped = 0;
        while let Ok(item) = self.from.try_recv() {
            dropped += u64::from(matches!(item, Item::Letter(..)));
        }
        if dropped > 0 {
            self.metrics.dropped(dropped);
            tracing::error!(dropped, "messages about the run are dropped: the server takes none any more");
        }
    }
}

fn is_line(letter: &Letter) -> bool {
    matches!(letter.message, Message::Log { .. })
}
