//! Shapes: view objects with the same keys are copies of one.
//!
//! V8 keeps the object that a template makes first, and copies it from then on: one layout for all of them, so that the code of a job
//! that reads them stays fast, and no work for each property. What is seen only once is not worth a template.

use std::collections::HashMap;
use std::sync::Arc;

use deno_core::v8;
use fulgurite_state::{Object, State};

use crate::text::key_from;
use crate::view::read_lazy;

/// An object of a state: where its `{` stands, and its index.
pub(crate) type Text<'a> = (&'a State, usize, &'a Arc<Object>);

/// What every object of a shape has besides its own properties, as values that are put there afterwards. V8 does not share a layout
/// that grows out of a copy.
#[derive(Clone, Copy)]
pub(crate) struct More<'a, 's> {
    /// For our eyes only.
    pub(crate) number: v8::Local<'s, v8::Private>,
    /// A number that is right there, behind the others.
    pub(crate) beside: Option<&'a str>,
}

/// More are made one by one. V8 keeps what a template made for as long as the isolate lives.
const MOST: usize = 64;

/// An object with more properties is no record of which there are many; it is seldom indexed, either.
const WIDEST: usize = 256;

/// The shapes of one isolate.
#[derive(Default)]
pub(crate) struct Shapes {
    /// By the keys as they stand in the text.
    seen: HashMap<Vec<u8>, Option<v8::Global<v8::ObjectTemplate>>>,
    /// Kept for its room.
    keys: Vec<u8>,
}

impl Shapes {
    /// The template for objects like this one, if it is worth one.
    pub(crate) fn template<'s>(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        text: Text<'_>,
        more: More<'_, 's>,
    ) -> Option<v8::Local<'s, v8::ObjectTemplate>> {
        let (state, base, object) = text;
        let count = object.properties().len();
        if count > WIDEST {
            return None;
        }
        self.keys.clear();
        for property in object.properties() {
            let key = property.key();
            // Keys have quotes around them, so that no two lists of them read the same.
            state.append(base + key.start..base + key.end, &mut self.keys);
        }
        // Without quotes.
        self.keys.extend_from_slice(more.beside.unwrap_or_default().as_bytes());
        match self.seen.get_mut(&self.keys) {
            Some(Some(template)) => Some(v8::Local::new(scope, &*template)),
            Some(again) => {
                let template = v8::ObjectTemplate::new(scope);
                // V8 takes them from the end.
                for place in (0..count).rev() {
                    let (key, getter) = property(scope, text, place)?;
                    template.set_accessor_with_configuration(key, getter);
                }
                let nothing = v8::Integer::new(scope, 0);
                template.set(as_name(more.number), nothing.into());
                if let Some(beside) = more.beside {
                    template.set(v8::String::new(scope, beside)?.into(), nothing.into());
                }
                *again = Some(v8::Global::new(scope, template));
                Some(template)
            }
            None => {
                if self.seen.len() < MOST {
                    self.seen.insert(self.keys.clone(), None);
                }
                None
            }
        }
    }
}

/// What `Template::SetPrivate` of V8 does, which the crate leaves out.
fn as_name(private: v8::Local<v8::Private>) -> v8::Local<v8::Name> {
    // SAFETY: to V8 a private is a symbol, which is a name; both are handles of the same size to it.
    unsafe { std::mem::transmute(private) }
}

/// The name of a property, and what reads it. `None` = an exception is pending (a name too long for V8).
pub(crate) fn property<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    (state, base, object): Text<'_>,
    place: usize,
) -> Option<(v8::Local<'s, v8::Name>, v8::AccessorConfiguration<'s>)> {
    let key = object.properties()[place].key();
    let key = key_from(scope, &state.slice(base + key.start..base + key.end))?;
    let place = v8::Number::new(scope, place as f64);
    Some((key, v8::AccessorConfiguration::new(read_lazy).data(place.into())))
}
