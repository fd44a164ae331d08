//! What JSON cannot hold and one run keeps beside its states: the values of private keys and open streams.
//!
//! A state names them ([`fulgurite_state::Live`]); the values stay here, with the isolate, for as long as some state with that
//! name list is alive.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use deno_core::v8;
use fulgurite_state::{Live, Path};

/// The live values of all states of a run.
#[derive(Default)]
pub(crate) struct LiveValues {
    by_names: RefCell<HashMap<usize, Entry>>,
}

struct Entry {
    names: Weak<Live>,
    values: std::rc::Rc<Values>,
}

/// The live values of one state.
#[derive(Default)]
pub(crate) struct Values {
    /// Top-level keys that start with `_`.
    pub(crate) private: Vec<(v8::Global<v8::Name>, v8::Global<v8::Value>)>,
    /// Open streams by path.
    pub(crate) streams: Vec<(Path, v8::Global<v8::Value>)>,
}

impl LiveValues {
    /// Lets go of all values.
    pub(crate) fn clear(&self) {
        drop(self.by_names.take());
    }

    /// Takes values in; `None` when there are none.
    pub(crate) fn keep(&self, private_names: Vec<String>, values: Values) -> Option<Arc<Live>> {
        if values.private.is_empty() && values.streams.is_empty() {
            return None;
        }
        let streams = values.streams.iter().map(|(path, _)| path.clone()).collect();
        let names = Arc::new(Live { private: private_names, streams });
        let mut by_names = self.by_names.borrow_mut();
        by_names.retain(|_, entry| entry.names.strong_count() > 0);
        let entry = Entry { names: Arc::downgrade(&names), values: std::rc::Rc::new(values) };
        by_names.insert(Arc::as_ptr(&names) as usize, entry);
        Some(names)
    }

    /// The values behind the names of a state; `None` when they belong to another isolate.
    pub(crate) fn of(&self, names: &Arc<Live>) -> Option<std::rc::Rc<Values>> {
        let by_names = self.by_names.borrow();
        let entry = by_names.get(&(Arc::as_ptr(names) as usize))?;
        entry.names.ptr_eq(&Arc::downgrade(names)).then(|| entry.values.clone())
    }
}
