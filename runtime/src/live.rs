//! What JSON cannot hold and one run keeps beside its states: the values of private keys and open streams.
//!
//! A state names them ([`fulgurite_state::Live`]); the values stay here, with the isolate, for as long as some state with that
//! name list is alive.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use deno_core::v8;
use fulgurite_state::{Live, Path};

use crate::desk::Desk;

/// The live values of all states of a run.
#[derive(Default)]
pub(crate) struct LiveValues {
    by_names: RefCell<HashMap<usize, Entry>>,
}

struct Entry {
    names: Weak<Live>,
    values: Rc<Values>,
}

/// The live values of one state.
#[derive(Default)]
pub(crate) struct Values {
    /// Top-level keys that start with `_`.
    pub(crate) private: Vec<(v8::Global<v8::Name>, v8::Global<v8::Value>)>,
    /// Open streams.
    pub(crate) streams: Vec<LiveStream>,
}

/// An open stream that a state names.
#[derive(Clone)]
pub(crate) struct LiveStream {
    /// Where in the state.
    pub(crate) path: Path,
    pub(crate) stream: v8::Global<v8::Value>,
    /// Whether it had been read from before it was put there.
    was_taken: bool,
    /// The first execution that got it from there, and its step.
    got_by: Rc<RefCell<Option<(u32, String)>>>,
}

impl LiveStream {
    /// The same stream at another place.
    pub(crate) fn moved(&self, path: Path) -> LiveStream {
        LiveStream { path, ..self.clone() }
    }
}

/// Inner functions of `js/50_step.js` about streams.
pub(crate) struct StreamFunctions {
    pub(crate) watch: v8::Global<v8::Function>,
    pub(crate) is_taken: v8::Global<v8::Function>,
    pub(crate) stand_in: v8::Global<v8::Function>,
}

impl StreamFunctions {
    /// A stream that a step hands on. `None` = an exception is pending.
    pub(crate) fn keep(
        &self,
        scope: &mut v8::PinScope,
        path: Path,
        stream: v8::Local<v8::Value>,
    ) -> Option<LiveStream> {
        let undefined = v8::undefined(scope).into();
        let stream = v8::Local::new(scope, stream);
        v8::Local::new(scope, &self.watch).call(scope, undefined, &[stream])?;
        let was_taken = self.is_taken(scope, stream)?;
        Some(LiveStream { path, stream: v8::Global::new(scope, stream), was_taken, got_by: Rc::default() })
    }

    fn is_taken(&self, scope: &mut v8::PinScope, stream: v8::Local<v8::Value>) -> Option<bool> {
        let undefined = v8::undefined(scope).into();
        let stream = v8::Local::new(scope, stream);
        Some(v8::Local::new(scope, &self.is_taken).call(scope, undefined, &[stream])?.is_true())
    }

    /// The stream as the execution at hand gets it: itself, or what stands for a stream that another branch has taken.
    pub(crate) fn hand_over<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        live: &LiveStream,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let stream = v8::Local::new(scope, &live.stream);
        let (execution, step) = at_hand(scope);
        let got_by = live.got_by.borrow().clone();
        if got_by.as_ref().is_some_and(|(other, _)| *other == execution) {
            return Some(stream);
        }
        // What was half read before says nothing more about who reads it now; then the first has it.
        let taken = match live.was_taken {
            false => self.is_taken(scope, stream)?,
            true => got_by.is_some() && execution > 0,
        };
        if taken {
            let name = &live.path;
            let by = got_by.map_or_else(|| "another branch".to_owned(), |(_, step)| format!("step `{step}`"));
            return self
                .stand_in(scope, &format!("`{name}` has been taken by {by}: only one branch can read a stream"));
        }
        if execution > 0 && got_by.is_none() {
            live.got_by.replace(Some((execution, step)));
        }
        Some(stream)
    }

    /// What stands for a stream that cannot be read any more.
    pub(crate) fn stand_in<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        message: &str,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let undefined = v8::undefined(scope).into();
        let message = v8::String::new(scope, message)?.into();
        v8::Local::new(scope, &self.stand_in).call(scope, undefined, &[message])
    }
}

/// The execution at hand, and its step; 0 when it is none.
fn at_hand(scope: &mut v8::PinScope) -> (u32, String) {
    let context = scope.get_continuation_preserved_embedder_data();
    let execution = if context.is_uint32() { context.uint32_value(scope).unwrap_or_default() } else { 0 };
    let step = scope.get_slot::<Rc<Desk>>().and_then(|desk| desk.step_of(execution));
    (execution, step.unwrap_or_default())
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
        let streams = values.streams.iter().map(|live| live.path.clone()).collect();
        let names = Arc::new(Live { private: private_names, streams });
        let mut by_names = self.by_names.borrow_mut();
        by_names.retain(|_, entry| entry.names.strong_count() > 0);
        let entry = Entry { names: Arc::downgrade(&names), values: Rc::new(values) };
        by_names.insert(Arc::as_ptr(&names) as usize, entry);
        Some(names)
    }

    /// The values behind the names of a state; `None` when they belong to another isolate.
    pub(crate) fn of(&self, names: &Arc<Live>) -> Option<Rc<Values>> {
        let by_names = self.by_names.borrow();
        let entry = by_names.get(&(Arc::as_ptr(names) as usize))?;
        entry.names.ptr_eq(&Arc::downgrade(names)).then(|| entry.values.clone())
    }
}
