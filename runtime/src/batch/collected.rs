//! What the calls return, in the order of their items, as the text of an array.

use std::collections::BTreeMap;

use bytes::Bytes;
use fulgurite_state::{IndexOptions, State, Writer};

/// What the calls return, in the order of their items, as the text of an array.
pub(super) struct Collected {
    writer: Writer,
    next: usize,
    /// What came before its turn.
    waiting: BTreeMap<usize, Option<Bytes>>,
    /// Bytes of it.
    held: usize,
}

impl Collected {
    pub(super) fn new() -> Collected {
        let mut writer = Writer::new(IndexOptions::with_depth(0));
        writer.begin_array();
        Collected { writer, next: 0, waiting: BTreeMap::new(), held: 0 }
    }

    /// Bytes, those before their turn included.
    pub(super) fn len(&self) -> usize {
        self.writer.len() + self.held
    }

    pub(super) fn put(&mut self, index: usize, value: Option<Bytes>) {
        if index != self.next {
            self.held += value.as_ref().map_or(0, Bytes::len);
            self.waiting.insert(index, value);
            return;
        }
        self.write(value);
        while let Some(value) = self.waiting.remove(&self.next) {
            self.held -= value.as_ref().map_or(0, Bytes::len);
            self.write(value);
        }
    }

    fn write(&mut self, value: Option<Bytes>) {
        self.next += 1;
        self.writer.element();
        match value {
            Some(text) => self.writer.piece(text),
            None => self.writer.value(b"null"),
        }
    }

    /// Those before the first that is missing.
    pub(super) fn finish(&mut self) -> State {
        let mut writer = std::mem::replace(&mut self.writer, Writer::new(IndexOptions::with_depth(0)));
        writer.end();
        writer.finish(None)
    }
}
