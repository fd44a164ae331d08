//! What a child does: it executes runs with the runtime, one at a time, on a thread of their own. While it has none, it gets the
//! isolate of the next one ready.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use fulgurite_engine::child::{Engine, Events, Request, Running};
use fulgurite_plan::{Draft, DraftStep, Job, Outcome, Plan, Source};
use fulgurite_runtime::{Cache, Handle, Limits, Standby, start};

use super::wire;

/// Executes runs.
#[derive(Debug, Default)]
pub struct Worker {
    /// What this child has compiled. It is keyed by content, so runs of different people may share it.
    cache: Arc<Cache>,
    /// For the next run, if it may use as much memory as the last.
    next: Rc<RefCell<Option<Standby>>>,
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
        self.next.replace(Some(Standby::new(Limits::default().heap)));
    }

    fn start(&mut self, request: Request, events: Events) -> Result<Going, Box<Outcome>> {
        let request = wire::into_request(&request, &self.cache)?;
        let mut teller = wire::Teller::default();
        let dying = events.clone();
        let sink = move |event| {
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

    fn heap(&self) -> u64 {
        self.handle.gauge().heap() as u64
    }

    fn join(self) {
        self.handle.join();
        self.next.replace(Some(Standby::new(self.heap)));
    }
}
