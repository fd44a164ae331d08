//! What a child does: it executes runs with the runtime, one at a time, on a thread of their own.

use std::sync::Arc;

use fulgurite_engine::child::{Engine, Events, Request, Running};
use fulgurite_engine::message::{self, Gauge};
use fulgurite_plan::{Draft, DraftStep, Job, Outcome, Plan, Source};
use fulgurite_runtime::{Cache, Event, Handle, start, start_telling};

use super::wire;
use crate::profile::Recorder;

/// Executes runs.
#[derive(Debug, Default)]
pub struct Worker {
    /// What this child has compiled. It is keyed by content, so runs of different people may share it.
    cache: Arc<Cache>,
    /// Where what is traced goes, if somebody wants to know.
    recorder: Option<Recorder>,
}

impl Worker {
    /// One that also tells what is traced.
    pub fn recording(recorder: Option<Recorder>) -> Worker {
        Worker { recorder, ..Worker::default() }
    }
}

impl Engine for Worker {
    type Running = Going;

    /// V8 is set up here, on the main thread and before any other. A run of nothing touches the pages that every run will.
    fn warm(&mut self) {
        fulgurite_runtime::initialize();
        let source = Source { name: "warm.js".into(), text: "export default [state => ({ ...state })];".into() };
        let steps = vec![DraftStep { job: Some(Job::new(source)), ..DraftStep::default() }];
        let plan = Plan::new(Draft { steps, ..Draft::default() }).expect("one step is a plan");
        start(fulgurite_runtime::Request::new(plan), |_| {}).join();
        // Nobody asked for that one.
        self.recorder.as_ref().map(Recorder::take);
    }

    fn start(&mut self, request: Request, events: Events) -> Result<Going, Box<Outcome>> {
        let request = wire::into_request(&request, &self.cache)?;
        let mut teller = wire::Teller::default();
        let dying = events.clone();
        let recorder = self.recorder.clone();
        let sink = move |event| {
            if let Some(recorder) = &recorder
                && !matches!(event, Event::Log(_))
            {
                tell_traces(recorder, &events);
            }
            let (event, bodies) = teller.event(event);
            events.tell(event, &bodies);
        };
        Ok(Going(start_telling(request, sink, move |outcome| dying.dying(outcome))))
    }
}

/// Hands on what was traced so far.
fn tell_traces(recorder: &Recorder, events: &Events) {
    let batch = recorder.take();
    if !batch.records.is_empty() || batch.dropped > 0 {
        let body = serde_json::to_vec(&batch).expect("plain data is JSON");
        events.tell(message::Event::Traces(0), &[vec![body.into()]]);
    }
}

/// A run in progress.
#[derive(Debug)]
pub struct Going(Handle);

impl Running for Going {
    fn abort(&self, message: &str) {
        self.0.abort(message);
    }

    fn gauge(&self) -> Gauge {
        let gauge = self.0.gauge();
        Gauge { heap: gauge.heap() as u64, batches: gauge.batches() as u64 }
    }

    fn join(self) {
        self.0.join();
    }
}
