//! Runs that a worker left behind when it was killed: what it still had to say about them is said, and they are ended.
//!
//! Their engine went with that worker, so a step that was open then has ended, and so has the run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use fulgurite_wire::Status;

use crate::courier::{Courier, Dead, Fate, Settings};
use crate::message::{Ending, Letter, Message, Output, Source, StepComplete};
use crate::metrics::Metrics;
use crate::outbox::LeftOver;
use crate::session::{self, Shared};
use crate::token;

/// Settles one run.
pub(crate) async fn settle(shared: Arc<Shared>, run: LeftOver) {
    let id = run.claimed.id.clone();
    let pending = run.letters.len();
    tracing::info!(run = id, pending, "settling a run that a worker left behind");
    match settle_run(&shared, &run).await {
        Ok(()) => {
            tracing::info!(run = id, "a run that was left behind is settled");
            run.outbox.close();
        }
        Err(error) if matches!(*shared.client.status().borrow(), Status::Closed) => {
            tracing::warn!(run = id, %error, "a run that was left behind is kept for the next worker");
        }
        Err(error) => {
            tracing::error!(run = id, %error, pending, "a run that was left behind cannot be settled; what there was to say about it is dropped");
            shared.metrics.run_lost();
            run.outbox.close();
        }
    }
}

async fn settle_run(shared: &Shared, run: &LeftOver) -> Result<(), Dead> {
    let config = &shared.config;
    // When it was claimed, nobody knows any more.
    let until = token::left(&run.claimed.token).map(|left| Instant::now() + left);
    let channel = Arc::new(session::join(&shared.client, &run.claimed, config.message_timeout, until).await?);
    let settings = Settings { habits: shared.habits.clone(), timeout: config.message_timeout, batch: None, until };
    let metrics: Arc<Metrics> = shared.metrics.clone();
    let mut courier = Courier::new(channel, &run.claimed.id, &settings, metrics);
    run.stored.iter().for_each(|clip| courier.knows(clip));

    let mut open: Vec<(String, String)> = run.open.clone();
    let mut ended = false;
    let mut known: HashSet<&str> = run.open.iter().map(|(step, _)| step.as_str()).collect();
    for (number, letter, may_be_sent) in &run.letters {
        let fate = match may_be_sent {
            true => courier.settle(letter).await?,
            false => courier.deliver(letter).await?,
        };
        match &letter.message {
            Message::StepStart { step, job, .. } if known.insert(step) => open.push((step.clone(), job.clone())),
            Message::StepComplete(complete) => open.retain(|(step, _)| *step != complete.step),
            Message::RunComplete { .. } => ended = true,
            _ => {}
        }
        run.outbox.done(*number, letter, fate == Fate::Delivered);
    }
    if ended {
        return Ok(());
    }
    let ending = || Ending {
        reason: "kill".into(),
        error_type: Some("WorkerLostError".into()),
        error_message: Some("the worker that executed the run was stopped".into()),
    };
    for (step, job) in open {
        let complete = StepComplete {
            step,
            job,
            ending: ending(),
            output: Output::None,
            webhook: None,
            memory: (0, 0),
            duration: 0,
            thread: 0,
        };
        let letter = Letter { at: shared.clock.roomy(), message: Message::StepComplete(complete), body: None };
        courier.deliver(&letter).await?;
    }
    let text = "WorkerLostError: the worker that executed the run was stopped before it ended";
    courier.deliver(&Letter::log(shared.clock.roomy(), None, Source::Engine, "error", text)).await?;
    let message = Message::RunComplete { ending: ending(), clip: None };
    courier.deliver(&Letter { at: shared.clock.roomy(), message, body: None }).await.map(drop)
}
