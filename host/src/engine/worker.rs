//! What a child does: it executes runs with the runtime, one at a time, on a thread of their own. While it has none, it gets the
//! isolate of the next one ready.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use fulgurite_engine::child::{Engine, Events, Request, Running};
use fulgurite_engine::message::{self, Gauge};
use fulgurite_plan::{Draft, DraftStep, Job, Outcome, Plan, Source};
use fulgurite_runtime::{Cache, Event, Handle, Limits, Standby, start};

use super::wire;
use crate::profile::Recorder;

/// Executes runs.
#[derive(Debug, Default)]
pub struct Worker {
    /// What this child has compiled. It is keyed by content, so runs of different people may share it.
    cache: Arc<Cache>,
    /// For the next run, if it may use as much memory as the last.
    next: Rc<RefCell<Option<Standby>>>,
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
        self.next.replace(Some(Standby::new(Limits::default().heap)));
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
        let heap = request.limits.heap;
        let ready = self.next.take().filter(|ready| ready.is_for(&request));
        let ready = ready.unwrap_or_else(|| Standby::new(heap));
        let handle = ready.start_telling(request, sink, move |outcome| dying.dying(outcome));
        Ok(Going { handle, heap, next: self.next.clone() })
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
pub struct Going {
    handle: Handle,
    heap: Option<usize>,
    next: Rc<RefCell<Option<Standby>>>,
}

impl Running for Going {
    fn abort(&self, message: &str) {
        self.handle.abort(message);
    }

    fn gauge(&self) -> Gauge {
        let gauge = self.handle.gauge();
        Gauge { heap: gauge.heap() as u64, batches: gauge.batches() as u64 }
    }

    fn join(self) {
        self.handle.join();
        self.next.replace(Some(Standby::new(self.heap)));
    }
}
