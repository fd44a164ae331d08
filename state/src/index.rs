//! The index of a state: for the top levels, where the value of each property lies in the text.
//!
//! Spans are relative to the first byte of the object that holds them, so an indexed object can be spliced into another state
//! with its index as it is, whatever its size.

use std::ops::Range;
use std::sync::Arc;

/// How far the index looks into a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOptions {
    /// Levels of objects that are indexed: 0 = none, 1 = the keys of the state itself, …
    pub depth: usize,
    /// An object with more keys than this is a leaf.
    pub max_keys: usize,
    /// Properties in the whole index; objects met after that are leaves.
    pub max_properties: usize,
    /// Index objects with keys such as `"17"`, too. A view must not: V8 keeps integer keys apart from the others and in front
    /// of them.
    pub integer_keys: bool,
}

impl Default for IndexOptions {
    fn default() -> Self {
        IndexOptions { depth: 3, max_keys: 256, max_properties: 65_536, integer_keys: false }
    }
}

impl IndexOptions {
    /// The default caps at another depth.
    pub fn with_depth(depth: usize) -> Self {
        IndexOptions { depth, ..Default::default() }
    }
}

/// One indexed object. Keys are unique and in the order in which `JSON.parse` would create them.
#[derive(Debug, Default)]
pub struct Object {
    pub(crate) properties: Box<[Property]>,
}

/// Where one property lies, relative to the `{` of its object.
#[derive(Clone, Debug)]
pub struct Property {
    pub(crate) key_start: usize,
    pub(crate) key_len: u32,
    pub(crate) value_len: usize,
    pub(crate) value_start: usize,
    pub(crate) child: Option<Arc<Object>>,
}

impl Object {
    /// The properties in order.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }
}

impl Property {
    /// The key as it stands in the text, with its quotes and escapes.
    pub fn key(&self) -> Range<usize> {
        self.key_start..self.key_start + self.key_len as usize
    }

    /// The value, without white space around it.
    pub fn value(&self) -> Range<usize> {
        self.value_start..self.value_start + self.value_len
    }

    /// The index of the value, when it is an indexed object.
    pub fn child(&self) -> Option<&Arc<Object>> {
        self.child.as_ref()
    }
}
