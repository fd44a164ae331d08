//! Orders to end runs: whether one was given, why, and by whom.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// Runs in progress, by id, and the way to end each.
#[derive(Default)]
pub(crate) struct Orders {
    runs: Mutex<BTreeMap<String, Arc<Order>>>,
}

/// Whether a run should end, and why.
#[derive(Debug, Default)]
pub(crate) struct Order {
    why: Mutex<Option<(String, Wish)>>,
    changed: Notify,
    /// Whether the engine has it.
    pub(crate) started: AtomicBool,
}

/// Who wants a run to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Somebody outside: the run was cancelled.
    Theirs,
    /// The worker, which stops: the run was killed.
    Ours,
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Order>>> {
        self.runs.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn enter(&self, id: &str) -> Arc<Order> {
        self.lock().entry(id.to_owned()).or_default().clone()
    }

    pub(crate) fn leave(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Asks a run to end; whether there is such a run.
    pub(crate) fn abort(&self, id: &str, why: &str) -> bool {
        let order = self.lock().get(id).cloned();
        order.map(|order| order.give(why, Wish::Theirs)).is_some()
    }

    /// Ends all of them.
    pub(crate) fn abort_all(&self, why: &str) {
        let orders: Vec<Arc<Order>> = self.lock().values().cloned().collect();
        orders.iter().for_each(|order| order.give(why, Wish::Ours));
    }

    /// Ids of the runs in progress, and whether the engine has them.
    pub(crate) fn list(&self) -> Vec<(String, bool)> {
        self.lock().iter().map(|(id, order)| (id.clone(), order.started.load(Ordering::Relaxed))).collect()
    }
}

impl Order {
    pub(crate) fn give(&self, why: &str, wish: Wish) {
        self.why.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert((why.to_owned(), wish));
        self.changed.notify_one();
    }

    pub(crate) fn given(&self) -> Option<(String, Wish)> {
        self.why.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Waits until the run should end.
    pub(crate) async fn wait(&self) -> (String, Wish) {
        loop {
            if let Some(given) = self.given() {
                return given;
            }
            self.changed.notified().await;
        }
    }
}
