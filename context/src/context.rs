//! The context of a run, and what is at hand beside it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use fulgurite_state::quote::quote_utf16;
use fulgurite_state::{IndexOptions, State, Writer};

/// What a run knows besides the state. One `Arc`: a clone is O(1), whatever is in it, and sees nothing of later changes.
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    parameters: State,
    vars: HashMap<Arc<str>, State>,
    steps: HashMap<Arc<str>, State>,
    system: State,
}

impl Default for Context {
    fn default() -> Context {
        Context::new(State::empty(), State::empty())
    }
}

impl Context {
    /// A context without variables and outputs.
    pub fn new(parameters: State, system: State) -> Context {
        Context(Arc::new(Inner { parameters, vars: HashMap::new(), steps: HashMap::new(), system }))
    }

    /// Sets a variable. Clones that were made before keep what they had.
    pub fn set_var(&mut self, name: &str, value: State) {
        Arc::make_mut(&mut self.0).vars.insert(name.into(), value);
    }

    /// Sets the output of a step, in the same way.
    pub fn set_step(&mut self, id: &str, output: State) {
        Arc::make_mut(&mut self.0).steps.insert(id.into(), output);
    }

    /// What was given with the run.
    pub fn parameters(&self) -> &State {
        &self.0.parameters
    }

    /// About the run itself.
    pub fn system(&self) -> &State {
        &self.0.system
    }

    /// A variable.
    pub fn var(&self, name: &str) -> Option<&State> {
        self.0.vars.get(name)
    }

    /// The last output of a step.
    pub fn step(&self, id: &str) -> Option<&State> {
        self.0.steps.get(id)
    }

    /// All variables as one object, spliced.
    pub fn vars(&self) -> State {
        object(&self.0.vars)
    }

    /// The outputs of all steps as one object, spliced.
    pub fn steps(&self) -> State {
        object(&self.0.steps)
    }
}

fn object(named: &HashMap<Arc<str>, State>) -> State {
    let mut names: Vec<_> = named.iter().collect();
    names.sort_unstable_by_key(|(name, _)| *name);
    let mut writer = Writer::new(IndexOptions::default());
    writer.begin_object();
    for (name, state) in names {
        let units: Vec<u16> = name.encode_utf16().collect();
        let mut key = Vec::with_capacity(name.len() + 2);
        quote_utf16(&units, &mut key);
        writer.key(&key);
        writer.splice(state, state.root());
        writer.end_property();
    }
    writer.end();
    writer.finish(None)
}

/// An item, as a slice of the array that it comes from, and the context that it is seen in: 40 bytes, and no copy of anything.
#[derive(Clone, Debug)]
pub struct Item {
    context: Context,
    source: Arc<Bytes>,
    start: usize,
    end: usize,
    index: usize,
}

impl Item {
    /// The item that lies at a range of the text of an array.
    ///
    /// # Panics
    /// When the range does not lie within the text.
    pub fn new(context: &Context, source: &Arc<Bytes>, range: std::ops::Range<usize>, index: usize) -> Item {
        assert!(range.start <= range.end && range.end <= source.len(), "an item lies within its array");
        let (context, source) = (context.clone(), source.clone());
        Item { context, source, start: range.start, end: range.end, index }
    }

    /// Its JSON text.
    pub fn text(&self) -> Bytes {
        self.source.slice(self.start..self.end)
    }

    /// Its place.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What else is seen with it.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

/// What one template sees.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// What the run knows.
    pub context: &'a Context,
    /// The state at hand.
    pub state: Option<&'a State>,
    /// The JSON text of the item at hand, and its place.
    pub item: Option<(&'a Bytes, usize)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> State {
        State::parse(text.to_owned(), &IndexOptions::default()).unwrap()
    }

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut context = Context::new(state("{\"a\":1}"), State::empty());
        context.set_var("x", state("[1]"));
        let before = context.clone();
        context.set_var("x", state("[2]"));
        context.set_step("s", state("{\"data\":1}"));
        assert_eq!(before.vars().to_bytes(), r#"{"x":[1]}"#);
        assert_eq!(context.vars().to_bytes(), r#"{"x":[2]}"#);
        assert_eq!(before.steps().to_bytes(), "{}");
        assert_eq!(context.steps().to_bytes(), r#"{"s":{"data":1}}"#);
        assert_eq!(context.parameters().to_bytes(), r#"{"a":1}"#);
    }

    #[test]
    fn an_item_is_small() {
        assert!(size_of::<Item>() <= 40);
        assert!(size_of::<Context>() <= 8);
    }
}
