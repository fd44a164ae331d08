//! Builds a state: text appended, values of other states spliced, the index kept as it grows.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::index::{IndexOptions, Object, Property};
use crate::rope::Rope;
use crate::scan::is_array_index;
use crate::state::{Live, Span, State};

/// Values shorter than this are copied and not shared: a segment costs more than the copy, and would keep the text that it
/// comes from alive.
const SHARE_FROM: usize = 4096;

/// Spliced pieces shorter than this count as written anew: a step may have put them elsewhere than they were.
const FRESH_BELOW: usize = 64 * 1024;

/// A filled buffer becomes a segment at this size, so that growing it never copies much.
const SEAL_AT: usize = 256 * 1024;

/// Writes one JSON value. The caller writes JSON: the writer keeps commas, colons and the index right, not the values.
#[derive(Debug)]
pub struct Writer {
    options: IndexOptions,
    sealed: Vec<Bytes>,
    sealed_len: usize,
    /// Which of the sealed ones are not shared with another state, or short.
    fresh: Vec<usize>,
    buffer: Vec<u8>,
    spliced: usize,
    open: Vec<Open>,
    properties: usize,
    /// The index of the value that was completed last.
    completed: Option<Arc<Object>>,
}

#[derive(Debug)]
struct Open {
    start: usize,
    object: bool,
    indexed: bool,
    empty: bool,
    key: Range<usize>,
    value_start: usize,
    properties: Vec<Property>,
}

impl Open {
    fn give_up(&mut self) {
        self.indexed = false;
        self.properties = Vec::new();
    }
}

impl Writer {
    /// An empty writer; the index of the state that it makes follows `options`.
    pub fn new(options: IndexOptions) -> Writer {
        Writer {
            options,
            sealed: Vec::new(),
            sealed_len: 0,
            fresh: Vec::new(),
            buffer: Vec::new(),
            spliced: 0,
            open: Vec::new(),
            properties: 0,
            completed: None,
        }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.sealed_len + self.buffer.len()
    }

    /// Has nothing been written?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that came from other states untouched.
    pub fn spliced(&self) -> usize {
        self.spliced
    }

    /// Starts an object as the next value.
    pub fn begin_object(&mut self) {
        let outer_indexed = self.open.last().is_none_or(|open| open.indexed);
        let indexed =
            outer_indexed && self.open.len() < self.options.depth && self.properties < self.options.max_properties;
        self.begin(b'{', indexed);
    }

    /// Starts an array as the next value.
    pub fn begin_array(&mut self) {
        self.begin(b'[', false);
    }

    fn begin(&mut self, bracket: u8, indexed: bool) {
        let open = Open {
            start: self.len(),
            object: bracket == b'{',
            indexed,
            empty: true,
            key: 0..0,
            value_start: 0,
            properties: Vec::new(),
        };
        self.open.push(open);
        self.buffer.push(bracket);
    }

    /// The key of the next property, as JSON text with its quotes.
    ///
    /// # Panics
    /// When no object is open.
    pub fn key(&mut self, raw: &[u8]) {
        self.comma();
        let start = self.len();
        self.buffer.extend_from_slice(raw);
        self.buffer.push(b':');
        let value_start = self.len();
        let open = self.open.last_mut().expect("a key stands inside an object");
        open.key = start..value_start - 1;
        open.value_start = value_start;
        if open.indexed && !self.options.integer_keys && is_array_index(raw) {
            open.give_up();
        }
    }

    /// Says that an element of an array follows.
    pub fn element(&mut self) {
        self.comma();
    }

    fn comma(&mut self) {
        if let Some(open) = self.open.last_mut()
            && !std::mem::replace(&mut open.empty, false)
        {
            self.buffer.push(b',');
        }
    }

    /// Must follow the value of each property.
    pub fn end_property(&mut self) {
        let end = self.len();
        let child = self.completed.take();
        let full = self.properties >= self.options.max_properties;
        let Some(open) = self.open.last_mut().filter(|open| open.indexed) else { return };
        if full || open.properties.len() >= self.options.max_keys {
            return open.give_up();
        }
        open.properties.push(Property {
            key_start: open.key.start - open.start,
            key_len: open.key.len() as u32,
            value_start: open.value_start - open.start,
            value_len: end - open.value_start,
            child,
        });
        self.properties += 1;
    }

    /// Ends the object or array that was begun last.
    ///
    /// # Panics
    /// When nothing is open.
    pub fn end(&mut self) {
        let open = self.open.pop().expect("an end follows a begin");
        self.buffer.push(if open.object { b'}' } else { b']' });
        self.completed = open.indexed.then(|| Arc::new(Object { properties: open.properties.into_boxed_slice() }));
    }

    /// A value as JSON text.
    pub fn value(&mut self, json: &[u8]) {
        self.completed = None;
        self.buffer.extend_from_slice(json);
        self.seal_if_full();
    }

    /// A value that `fill` appends to the buffer as JSON text of about `len` bytes; what `fill` answers is passed on. Long
    /// values get a segment of their own, so that nothing is copied twice.
    pub fn value_with<R>(&mut self, len: usize, fill: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.completed = None;
        if len >= SEAL_AT {
            self.seal();
            self.buffer.reserve_exact(len);
        }
        let answer = fill(&mut self.buffer);
        self.seal_if_full();
        answer
    }

    /// A value as JSON text that is shared when it is long.
    pub fn piece(&mut self, json: Bytes) {
        self.completed = None;
        self.share(json);
    }

    /// A value of another state, as the bytes that it has there, with its index.
    pub fn splice(&mut self, state: &State, span: &Span) {
        for piece in state.pieces_of(span.range.clone()) {
            self.share(piece);
        }
        self.completed = span.object.clone();
    }

    /// A piece of text that is shared when it is long.
    fn share(&mut self, piece: Bytes) {
        self.spliced += piece.len();
        if piece.len() < SHARE_FROM {
            self.buffer.extend_from_slice(&piece);
            self.seal_if_full();
        } else {
            self.seal();
            self.sealed_len += piece.len();
            if piece.len() < FRESH_BELOW {
                self.fresh.push(self.sealed.len());
            }
            self.sealed.push(piece);
        }
    }

    fn seal_if_full(&mut self) {
        if self.buffer.len() >= SEAL_AT {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if !self.buffer.is_empty() {
            let full = std::mem::take(&mut self.buffer);
            self.sealed_len += full.len();
            self.fresh.push(self.sealed.len());
            self.sealed.push(full.into());
        }
    }

    /// The text so far that was written anew, and spliced pieces of less than 64 KiB: no text of the state
    /// crosses the edges of these pieces. For whoever has to look at all that a step may have put there.
    pub fn fresh(&mut self) -> Vec<Bytes> {
        self.seal();
        self.fresh.iter().map(|place| self.sealed[*place].clone()).collect()
    }

    /// The state that was written.
    ///
    /// # Panics
    /// When nothing was written, or an object or array is still open.
    pub fn finish(mut self, live: Option<Arc<Live>>) -> State {
        assert!(self.open.is_empty() && !self.is_empty(), "one whole value makes a state");
        self.seal();
        let root = Span { range: 0..self.sealed_len, object: self.completed };
        State::from_parts(Rope::new(self.sealed), root, live)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_splices_and_indexes() {
        let big = format!("{{\"big\": [{}1], \"small\": {{\"x\": 1}}}}", "1,".repeat(5000));
        let source = State::parse(big.clone(), &IndexOptions::default()).unwrap();
        let index = source.root().object.clone().unwrap();
        let mut writer = Writer::new(IndexOptions::default());
        writer.begin_object();
        writer.key(b"\"all\"");
        writer.splice(&source, source.root());
        writer.end_property();
        for property in index.properties() {
            writer.key(&source.slice(property.key()));
            writer.splice(&source, &State::span_of(0, property));
            writer.end_property();
        }
        writer.key(b"\"list\"");
        writer.begin_array();
        writer.element();
        writer.value(b"1");
        writer.element();
        writer.value_with(3, |out| out.extend_from_slice(b"\"x\""));
        writer.end();
        writer.end_property();
        writer.end();
        let fresh: usize = writer.fresh().iter().map(Bytes::len).sum();
        assert_eq!(fresh, writer.len(), "all of it is short");
        let state = writer.finish(None);

        let list = format!("[{}1]", "1,".repeat(5000));
        let expected = format!("{{\"all\":{big},\"big\":{list},\"small\":{{\"x\": 1}},\"list\":[1,\"x\"]}}");
        assert_eq!(state.to_bytes(), expected);
        assert_eq!(state.len(), expected.len());
        // The index that was kept is the one that a scan finds.
        let scanned = State::parse(expected, &IndexOptions::default()).unwrap();
        same(state.root().object.as_ref().unwrap(), scanned.root().object.as_ref().unwrap());
        // The long values are shared with the source.
        let source_text = source.to_bytes();
        let shared = state.pieces().filter(|piece| source_text.as_ptr_range().contains(&piece.as_ptr())).count();
        assert_eq!(shared, 2);
    }

    fn same(a: &Object, b: &Object) {
        assert_eq!(a.properties().len(), b.properties().len());
        for (a, b) in a.properties().iter().zip(b.properties()) {
            assert_eq!((a.key(), a.value()), (b.key(), b.value()));
            match (a.child(), b.child()) {
                (Some(a), Some(b)) => same(a, b),
                (None, None) => {}
                _ => panic!("one has a child, the other has none"),
            }
        }
    }
}
