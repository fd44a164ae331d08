//! The way from the state to the value at hand. It is needed whole only where something is to be said about it; until then, it costs
//! no more than the bytes of its keys.

use fulgurite_state::Path;
use fulgurite_state::path::Segment;
use fulgurite_state::quote::unquote_lossy;

/// See the module.
#[derive(Default)]
pub(super) struct Way {
    steps: Vec<Step>,
    /// The keys as JSON text, one after the other.
    keys: Vec<u8>,
}

enum Step {
    /// A property; where its key begins.
    Key(usize),
    /// An element of an array.
    Index(usize),
}

impl Way {
    /// How many steps it has.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Goes on to a property, whose key is written as JSON text.
    pub(super) fn enter_key(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.steps.push(Step::Key(self.keys.len()));
        write(&mut self.keys);
    }

    /// Goes on to an element.
    pub(super) fn enter_index(&mut self, index: usize) {
        self.steps.push(Step::Index(index));
    }

    /// Goes back by one step.
    pub(super) fn leave(&mut self) {
        if let Some(Step::Key(start)) = self.steps.pop() {
            self.keys.truncate(start);
        }
    }

    /// The key of the last step, as JSON text; empty for an element.
    pub(super) fn key(&self) -> &[u8] {
        match self.steps.last() {
            Some(Step::Key(start)) => &self.keys[*start..],
            Some(Step::Index(_)) | None => &[],
        }
    }

    /// The last step.
    pub(super) fn last(&self) -> Option<Segment> {
        match self.steps.last()? {
            Step::Key(start) => Some(Segment::Key(unquote_lossy(&self.keys[*start..]))),
            Step::Index(index) => Some(Segment::Index(*index)),
        }
    }

    /// All of it.
    pub(super) fn path(&self) -> Path {
        let mut end = self.keys.len();
        let mut segments: Vec<Segment> = (self.steps.iter().rev())
            .map(|step| match step {
                Step::Key(start) => {
                    let key = unquote_lossy(&self.keys[*start..end]);
                    end = *start;
                    Segment::Key(key)
                }
                Step::Index(index) => Segment::Index(*index),
            })
            .collect();
        segments.reverse();
        Path(segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_elements() {
        let mut way = Way::default();
        way.enter_key(|out| out.extend_from_slice(br#""a\"b""#));
        way.enter_index(3);
        assert_eq!(way.key(), b"");
        way.enter_key(|out| out.extend_from_slice(br#""c""#));
        assert_eq!(way.key(), br#""c""#);
        let key = |text: &str| Segment::Key(text.into());
        assert_eq!(way.path(), Path(vec![key("a\"b"), Segment::Index(3), key("c")]));
        way.leave();
        assert_eq!((way.last(), way.len()), (Some(Segment::Index(3)), 2));
        way.leave();
        assert_eq!(way.path(), Path(vec![key("a\"b")]));
        way.leave();
        assert_eq!((way.last(), way.path()), (None, Path(Vec::new())));
    }
}
