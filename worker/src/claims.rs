//! Asks for runs: room first, then the question. What was asked for and not yet answered counts as taken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fulgurite_wire::{Channel, Payload, Reply, RequestError, Status};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;

use crate::assignment::{Answer, Assignment};
use crate::courier::shown;
use crate::session::{self, Shared};
use crate::workloop::Workloop;

/// Longer than any server takes.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// One workloop.
#[derive(Clone)]
pub(crate) struct Claims {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Arc<Channel>,
    pub(crate) workloop: Workloop,
    pub(crate) slots: Arc<Semaphore>,
    /// Counts the reasons to ask at once.
    pub(crate) wake: watch::Receiver<u64>,
    pub(crate) stop: CancellationToken,
    pub(crate) runs: TaskTracker,
}

#[derive(Serialize)]
struct Claim<'a> {
    demand: usize,
    // The server insists on the key.
    worker_name: Option<&'a str>,
    queues: &'a [String],
}

impl Claims {
    /// Claims until it is told to stop. A claim that is not answered then is waited for, because its runs are ours.
    pub(crate) async fn claim(mut self) {
        let mut empty = 0;
        while let Some(permits) = self.room().await {
            self.wake.mark_unchanged();
            let demand = permits.len();
            let wait = match self.ask(demand).await {
                Some(Ok(answer)) if answer.runs.is_empty() => {
                    self.shared.metrics.claim(0);
                    drop(permits);
                    empty += 1;
                    self.shared.config.backoff.after(empty - 1)
                }
                Some(Ok(answer)) => {
                    empty = 0;
                    self.shared.metrics.claim(answer.runs.len());
                    self.begin(answer, permits);
                    continue;
                }
                Some(Err(why)) => {
                    self.shared.metrics.claim_failed();
                    tracing::warn!(workloop = %self.workloop, why, "a claim was not answered");
                    drop(permits);
                    // Not together with all other workers that lost their answer.
                    self.shared.config.backoff.min.mul_f64(0.5 + fastrand::f64())
                }
                None => break,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = self.wake.changed() => if changed.is_err() { break },
                () = self.stop.cancelled() => break,
            }
        }
    }

    /// All the room that there is, and at least for one run; `None` when it is time to stop.
    async fn room(&self) -> Option<Vec<OwnedSemaphorePermit>> {
        let first = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            permit = self.slots.clone().acquire_owned() => permit.ok()?,
        };
        let mut permits = vec![first];
        while let Ok(permit) = self.slots.clone().try_acquire_owned() {
            permits.push(permit);
        }
        Some(permits)
    }

    /// `None` when the answer is not waited for any longer. Should it come all the same, its runs are ours.
    async fn ask(&self, demand: usize) -> Option<Result<Answer, String>> {
        let config = &self.shared.config;
        let claim = Claim { demand, worker_name: config.name.as_deref(), queues: &self.workloop.queues };
        let span = tracing::debug_span!("claim", demand, runs = Empty, frame_bytes = Empty);
        let (queue, payload) = (self.queue.clone(), Payload::json(&claim).traced(span.clone()));
        let asked = async move {
            let answer = read(queue.request("claim", payload, FOREVER).await);
            span.record("runs", answer.as_ref().map_or(0, |answer| answer.runs.len()));
            answer
        };
        let mut asked = tokio::spawn(asked);
        let stopped = async {
            self.stop.cancelled().await;
            // One that could not be sent brings nothing.
            if matches!(*self.shared.client.status().borrow(), Status::Open { .. }) {
                tokio::time::sleep(config.drain.unwrap_or(config.claim_timeout)).await;
            }
        };
        tokio::select! {
            answer = &mut asked => Some(answer.unwrap_or_else(|error| Err(error.to_string()))),
            () = tokio::time::sleep(config.claim_timeout) => {
                tracing::warn!(demand, "a claim is not answered; asking again, but its runs are taken should they come");
                let late = self.clone();
                self.runs.spawn(async move {
                    if let Ok(Ok(answer)) = asked.await {
                        late.begin(answer, Vec::new());
                    }
                });
                Some(Ok(Answer { runs: Vec::new() }))
            }
            () = stopped => {
                asked.abort();
                None
            }
        }
    }

    fn begin(&self, answer: Answer, permits: Vec<OwnedSemaphorePermit>) {
        let mut permits = permits.into_iter();
        for claimed in answer.runs {
            let (shared, since, slots) = (self.shared.clone(), Instant::now(), self.slots.clone());
            let permit = permits.next();
            if permit.is_none() {
                tracing::warn!(run = claimed.id, "a run came for which no room was kept");
            }
            tracing::info!(run = claimed.id, workloop = %self.workloop, "run claimed");
            self.runs.spawn(async move {
                let slot = match permit {
                    Some(permit) => permit,
                    // It is ours, whether there is room or not.
                    None => slots.acquire_owned().await.expect("the slots are never closed"),
                };
                session::work(shared, Assignment { claimed, since, _slot: slot }).await;
            });
        }
    }
}

fn read(answer: Result<Reply, RequestError>) -> Result<Answer, String> {
    match answer {
        Ok(Reply::Ok(answer)) => answer.json().map_err(|error| format!("it cannot be read: {error}")),
        Ok(Reply::Error(answer)) => Err(shown(&answer)),
        Err(error) => Err(error.to_string()),
    }
}
