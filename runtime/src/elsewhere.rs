//! The items of a step, spread over isolates: one thread for each, for work that computes.
//!
//! ```text
//!  thread of the run                        threads of the helpers
//!  ┌──────────────────────────┐   Work     ┌──────────────────────────┐
//!  │ Batch: pulls, collects   │ ─────────► │ Batch: runs, retries     │ × isolates
//!  │                          │ ◄───────── │                          │
//!  └──────────────────────────┘   Ended    └──────────────────────────┘
//! ```
//!
//! Items cross as bytes. The state that they share is the same bytes everywhere. A helper lives for one execution of one step; what
//! ends it ends the run, with its reason.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use fulgurite_context::Context;
use fulgurite_plan::{ErrorReport, Outcome, StepIndex};
use fulgurite_state::State;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::Span;

use crate::batch::{Batch, Work};
use crate::desk::{Begun, Desk};
use crate::event::Execution;
use crate::isolate::Isolate;
use crate::ops::Elsewhere;
use crate::program::Program;
use crate::run::{Gauge, Request, STACK, SUBTLE_THREADS, Speaker};
use crate::step;
use crate::watchdog::{Clock, Kill, Killer};

/// What every helper needs to know.
#[derive(Clone)]
struct Order {
    request: Arc<Request>,
    program: Arc<Program>,
    speaker: Speaker,
    execution: Execution,
    step: StepIndex,
    input: State,
    suspicious: bool,
    span: Span,
    context: Context,
    heap: Option<usize>,
    /// Bounded by what the batch has in flight.
    work: Arc<tokio::sync::Mutex<UnboundedReceiver<Work>>>,
    /// Why the first helper ended that ended before its time.
    fate: Arc<Mutex<Option<Outcome>>>,
}

/// The helpers of a step.
pub(crate) struct Helpers {
    threads: Vec<(Killer, JoinHandle<()>)>,
    fate: Arc<Mutex<Option<Outcome>>>,
    /// Dropped when there is no more work.
    work: Option<UnboundedSender<Work>>,
}

impl Helpers {
    /// Starts them. Items that JavaScript sends (`op_send_item`) go to whichever is free.
    ///
    /// # Errors
    /// The outcome of the run: there are no threads left.
    pub(crate) fn start(desk: &Rc<Desk>, isolate: &mut Isolate, batch: &Rc<Batch>) -> Result<Helpers, Outcome> {
        let count = batch.with.isolates.get() as usize;
        let (sender, receiver) = unbounded_channel::<Work>();
        let fate = Arc::new(Mutex::new(None));
        let begun = &batch.begun;
        let order = Order {
            request: desk.request.clone(),
            program: desk.program.clone(),
            speaker: desk.reporter.clone(),
            execution: begun.execution,
            step: begun.step,
            // What is alive stays in its isolate.
            input: begun.input.with_live(None),
            suspicious: begun.suspicious,
            span: begun.span.clone(),
            context: batch.context().clone(),
            heap: desk.request.limits.heap_of_helpers(count),
            work: Arc::new(tokio::sync::Mutex::new(receiver)),
            fate: fate.clone(),
        };
        let mut helpers =
            Helpers { threads: Vec::with_capacity(count), fate: fate.clone(), work: Some(sender.clone()) };
        for number in 1..=count {
            let (order, killer) = (order.clone(), Killer::default());
            let deadly = killer.clone();
            let thread = std::thread::Builder::new().name(format!("items {number}")).stack_size(STACK);
            match thread.spawn(move || help(order, deadly)) {
                Ok(thread) => helpers.threads.push((killer, thread)),
                Err(error) => {
                    helpers.end(None);
                    let message =
                        format!("no thread for isolate {number} of step `{}`: {error}", desk.plan()[begun.step].id);
                    return Err(Outcome::Exception(ErrorReport::new("ExecutionError", message)));
                }
            }
        }
        // The order's own, and that of each helper.
        desk.cloned(1 + count);
        let batch = batch.clone();
        let weak = sender.downgrade();
        let send = move |ticket: u32| -> crate::ops::Waiting<()> {
            let (batch, fate) = (batch.clone(), fate.clone());
            let waiting = batch.work(ticket).and_then(|(work, receiver)| {
                weak.upgrade()?.send(work).ok()?;
                Some(receiver)
            });
            Box::pin(async move {
                let ended = match waiting {
                    Some(receiver) => receiver.await.ok(),
                    None => None,
                };
                // Whoever had it is gone.
                batch.ended_elsewhere(ticket, ended.ok_or_else(|| lost(&fate)));
            })
        };
        let elsewhere = Elsewhere { send: Box::new(send), receive: Box::new(|| Box::pin(async { 0 })) };
        isolate.runtime.op_state().borrow_mut().put(elsewhere);
        Ok(helpers)
    }

    /// Ends them; with a kill, also those that are at work.
    pub(crate) fn end(&mut self, kill: Option<Kill>) {
        drop(self.work.take());
        if let Some(kill) = kill {
            self.threads.iter().for_each(|(killer, _)| killer.kill(kill.clone()));
        }
        for (_, thread) in self.threads.drain(..) {
            if thread.join().is_err() {
                let report = ErrorReport::new("InternalError", "a bug in the runtime: a helper panicked");
                *self.fate.lock().unwrap_or_else(PoisonError::into_inner) = Some(Outcome::Exception(report));
            }
        }
    }
}

impl Helpers {
    /// What ended one of them, if something did.
    pub(crate) fn fate(&self) -> Option<Outcome> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            let report = ErrorReport::new("AbortError", "the step is over");
            self.end(Some(Kill { reason: fulgurite_plan::KillReason::Abort, report }));
        }
    }
}

/// Why nobody says how an item ended.
fn lost(fate: &Mutex<Option<Outcome>>) -> Outcome {
    let fate = fate.lock().unwrap_or_else(PoisonError::into_inner).clone();
    fate.unwrap_or_else(|| Outcome::Exception(ErrorReport::new("ExecutionError", "an isolate ended with its item")))
}

/// The life of a helper.
fn help(order: Order, killer: Killer) {
    let fate = order.fate.clone();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(SUBTLE_THREADS).build();
    let ended = match runtime {
        Ok(tokio) => {
            let ended = tokio.block_on(serve(order, killer));
            tokio.shutdown_background();
            ended
        }
        Err(error) => Err(Outcome::Exception(ErrorReport::new("ExecutionError", format!("no event loop: {error}")))),
    };
    if let Err(outcome) = ended {
        fate.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(outcome);
    }
}

async fn serve(order: Order, killer: Killer) -> Result<(), Outcome> {
    let Order { request, program, speaker, execution, step, input, suspicious, span, context, heap, work, fate } =
        order;
    let _entered = span.enter();
    let gauge = Arc::new(Gauge::default());
    let isolate = Isolate::new(heap, killer.clone(), gauge);
    let mut isolate = match (isolate, killer.fired()) {
        (Ok(isolate), _) => isolate,
        (Err(_), Some(kill)) => return Err(Outcome::Kill(kill.reason, kill.report)),
        (Err(error), None) => {
            return Err(Outcome::Exception(ErrorReport::new("ExecutionError", error.to_string())));
        }
    };
    isolate.equip(speaker.logger(), &request.adaptors, &request.cache);
    isolate.allow_network(&request.limits.network);
    let desk = Desk::set_up(&mut isolate, &request, &program, &speaker)?;
    desk.is_helper.set(true);
    desk.context.replace(context);
    let begun = Rc::new(Begun { execution, step, input, suspicious, span: span.clone() });
    let batch = Batch::new(&desk, begun.clone(), None);
    let taken = batch.clone();
    let at = desk.clone();
    let receive = move || -> crate::ops::Waiting<u32> {
        let (work, taken, at) = (work.clone(), taken.clone(), at.clone());
        Box::pin(async move {
            let received = work.lock().await.recv().await;
            received.map_or(0, |work| taken.take(&at, work))
        })
    };
    let elsewhere = Elsewhere { send: Box::new(|_| Box::pin(async {})), receive: Box::new(receive) };
    isolate.runtime.op_state().borrow_mut().put(elsewhere);
    if let Some(limit) = request.limits.run_cpu_timeout {
        killer.set_cpu(Clock::Run, Some((limit, step::cpu_timeout(limit, "Run"))));
    }
    let task = desk.task(&begun, format!("job://{}/{}", execution.0, step.get()));
    desk.batches.borrow_mut().insert(execution.0, batch.clone());
    let served = step::serve_items(&mut isolate, &desk, &task, &batch).await;
    desk.batches.borrow_mut().clear();
    // It holds the batch and the desk.
    let elsewhere = isolate.runtime.op_state().borrow_mut().try_take::<Elsewhere>();
    drop(elsewhere);
    if let Err(outcome) = &served {
        // Told before the items are let go of.
        fate.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(outcome.clone());
    }
    served
}
