//! An isolate that is ready before anybody knows what it is for.
//!
//! To make an isolate takes longer than many a run. Whoever knows that there will be another run can have the next isolate made while
//! nobody waits for it. Each serves one run, as it came out of the snapshot.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use fulgurite_plan::Outcome;

use crate::event::Event;
use crate::run::{Gauge, Handle, Order, Request, STACK, telling, thread};
use crate::watchdog::{Killer, Told};

/// An isolate, on a thread of its own, that waits for its run. Dropped, it ends without one.
#[derive(Debug)]
pub struct Standby {
    heap: Option<usize>,
    /// Dropped when there will be no run.
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<Option<Outcome>>>,
    gauge: Arc<Gauge>,
    killer: Killer,
}

impl Standby {
    /// Begins to make one, for a run that may use so much heap ([`crate::Limits::heap`]), and does not wait for it.
    ///
    /// [`crate::initialize`] must have been called on the main thread before.
    ///
    /// # Panics
    /// When the machine has no thread left.
    pub fn new(heap: Option<usize>) -> Standby {
        Standby::with(heap, Killer::default(), None)
    }

    /// Begins a run right away: its jobs are compiled while the isolate is made.
    pub(crate) fn launch(order: Order, told: Option<Told>) -> Handle {
        let killer = Killer::default();
        if let Some(told) = told {
            killer.tell(told);
        }
        Standby::with(order.request.limits.heap, killer, Some(order)).into_handle()
    }

    fn with(heap: Option<usize>, killer: Killer, order: Option<Order>) -> Standby {
        let (orders, received) = channel();
        if let Some(order) = order {
            // It is there before the thread asks.
            let _ = orders.send(order);
        }
        let gauge = Arc::new(Gauge::default());
        let (watched, deadly) = (gauge.clone(), killer.clone());
        let thread = std::thread::Builder::new()
            .name("run".into())
            .stack_size(STACK)
            .spawn(move || thread(heap, &received, watched, deadly))
            .expect("a thread can be started");
        Standby { heap, orders: Some(orders), thread: Some(thread), gauge, killer }
    }

    /// Whether it is made for such a request.
    pub fn is_for(&self, request: &Request) -> bool {
        self.heap == request.limits.heap
    }

    /// As [`crate::start`].
    ///
    /// # Panics
    /// When it is not made for such a request.
    pub fn start(self, request: Request, sink: impl FnMut(Event) + Send + 'static) -> Handle {
        self.begin(Order::new(request, sink))
    }

    /// As [`crate::start_telling`].
    ///
    /// # Panics
    /// When it is not made for such a request.
    pub fn start_telling(
        self,
        request: Request,
        sink: impl FnMut(Event) + Send + 'static,
        dying: impl Fn(Outcome) + Send + Sync + 'static,
    ) -> Handle {
        self.killer.tell(telling(dying));
        self.start(request, sink)
    }

    fn begin(self, order: Order) -> Handle {
        assert!(self.is_for(&order.request), "an isolate for another amount of heap");
        if let Some(orders) = &self.orders {
            // There is somebody to hear it for as long as there is a sender.
            let _ = orders.send(order);
        }
        self.into_handle()
    }

    fn into_handle(mut self) -> Handle {
        let thread = self.thread.take().expect("it is begun once");
        Handle::new(thread, self.gauge.clone(), self.killer.clone())
    }
}

impl Drop for Standby {
    /// No thread may be within V8 when the process ends.
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
