//! A state: rope, index and live names, shared by `Arc`.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::index::{IndexOptions, Object, Property};
use crate::path::Path;
use crate::rope::Rope;
use crate::scan::{scan, scan_again};
use crate::syntax::{SyntaxError, diagnose};

/// What a step takes and returns: one JSON value. `clone` is O(1), whatever its size; it is `Send` and never changes.
#[derive(Clone, Debug)]
pub struct State(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rope: Rope,
    root: Span,
    live: Option<Arc<Live>>,
}

/// Where a value lies in its state's text, with its index when it is an indexed object.
#[derive(Clone, Debug)]
pub struct Span {
    /// Bytes from the start of the text.
    pub range: Range<usize>,
    /// The index of the value, when it is an indexed object.
    pub object: Option<Arc<Object>>,
}

/// The names of what JSON cannot hold. The values stay with the isolate of the run; they never leave the runtime.
#[derive(Debug, Default)]
pub struct Live {
    /// Top-level keys that start with `_`.
    pub private: Vec<String>,
    /// Where the text says `"[stream]"` for a stream that is open in the isolate.
    pub streams: Vec<Path>,
}

impl State {
    /// Checks that `text` is one JSON value and indexes its top levels, in one pass and without copying. A byte order mark in
    /// front is left out.
    ///
    /// # Errors
    /// The first place where the text stops being JSON.
    pub fn parse(text: impl Into<Bytes>, options: &IndexOptions) -> Result<State, SyntaxError> {
        let mut text: Bytes = text.into();
        if text.starts_with(b"\xef\xbb\xbf") {
            text = text.slice(3..);
        }
        match scan(&text, options) {
            Ok(scanned) => {
                let root = Span { range: scanned.span, object: scanned.object };
                Ok(State(Arc::new(Inner { rope: text.into(), root, live: None })))
            }
            Err(_) => {
                let error = diagnose(&text);
                Err(error.expect("what the scanner refuses is not JSON (checked by the fuzz target `scan`)"))
            }
        }
    }

    /// A state that another process of the same program has checked, or made of checked pieces. It is not looked at, and has
    /// no index: for handing on. Should the text be no JSON after all, nothing here fails, but what is written of it is no
    /// JSON either.
    pub fn trusted(text: Bytes, live: Option<Arc<Live>>) -> State {
        let text = if text.is_empty() { Bytes::from_static(b"null") } else { text };
        let root = Span { range: 0..text.len(), object: None };
        State(Arc::new(Inner { rope: text.into(), root, live }))
    }

    /// `{}`, what a step gets after one that returned nothing.
    pub fn empty() -> State {
        State::parse(Bytes::from_static(b"{}"), &IndexOptions::default()).expect("`{}` is JSON")
    }

    pub(crate) fn from_parts(rope: Rope, root: Span, live: Option<Arc<Live>>) -> State {
        State(Arc::new(Inner { rope, root, live }))
    }

    /// The text without the white space around it, as one slice: shared when one segment holds it, copied otherwise.
    pub fn to_bytes(&self) -> Bytes {
        self.0.rope.slice(self.0.root.range.clone())
    }

    /// The text in pieces, for a vectored write. No copy.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> {
        self.0.rope.pieces(self.0.root.range.clone())
    }

    /// The pieces of one range of the text. No copy.
    ///
    /// # Panics
    /// When the range does not lie within the text.
    pub fn pieces_of(&self, range: Range<usize>) -> impl Iterator<Item = Bytes> {
        self.0.rope.pieces(range)
    }

    /// One range of the text as one slice: shared when one segment holds it, copied otherwise.
    ///
    /// # Panics
    /// When the range does not lie within the text.
    pub fn slice(&self, range: Range<usize>) -> Bytes {
        self.0.rope.slice(range)
    }

    /// Length of the text in bytes, without the white space around it.
    pub fn len(&self) -> usize {
        self.0.root.range.len()
    }

    /// Never: the shortest JSON value has one byte.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The whole value: where it lies, and its index when it is an indexed object.
    pub fn root(&self) -> &Span {
        &self.0.root
    }

    /// Names of private keys and open streams, if there are any.
    pub fn live(&self) -> Option<&Arc<Live>> {
        self.0.live.as_ref()
    }

    /// The same text with other live names.
    pub fn with_live(&self, live: Option<Arc<Live>>) -> State {
        State(Arc::new(Inner { rope: self.0.rope.clone(), root: self.0.root.clone(), live }))
    }

    /// Is the value an object?
    pub fn is_object(&self) -> bool {
        self.0.rope.pieces(self.0.root.range.start..self.0.root.range.start + 1).next().is_some_and(|b| b[0] == b'{')
    }

    /// The span of a property of an indexed object that starts at `base`.
    pub fn span_of(base: usize, property: &Property) -> Span {
        let value = property.value();
        Span { range: base + value.start..base + value.end, object: property.child().cloned() }
    }
}

/// The properties of a valid object, whatever its size: keys (raw, with quotes) and values, relative to its first byte; or
/// `None` when the text is no object, or no JSON ([`State::trusted`]). For the host's own small questions; a scan of the whole
/// object.
pub fn properties(text: &[u8]) -> Option<Arc<Object>> {
    if text.first() != Some(&b'{') {
        return None;
    }
    let options = IndexOptions { depth: 1, max_keys: usize::MAX, max_properties: usize::MAX, integer_keys: true };
    scan_again(text, &options).ok()?.object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> State {
        State::parse(text.as_bytes().to_vec(), &IndexOptions::default()).unwrap()
    }

    fn dump(state: &State) -> String {
        fn object(text: &[u8], index: &Object, out: &mut String) {
            out.push('{');
            for property in index.properties() {
                let key = std::str::from_utf8(&text[property.key()]).unwrap();
                out.push_str(&format!("{key}="));
                match property.child() {
                    Some(child) => object(&text[property.value()], child, out),
                    None => out.push_str(&format!("<{}>", std::str::from_utf8(&text[property.value()]).unwrap())),
                }
                out.push(';');
            }
            out.push('}');
        }
        let mut out = String::new();
        match &state.root().object {
            Some(index) => object(&state.to_bytes(), index, &mut out),
            None => out.push_str("leaf"),
        }
        out
    }

    #[track_caller]
    fn check(text: &str, depth: usize, expected: &str) {
        let state = State::parse(text.as_bytes().to_vec(), &IndexOptions::with_depth(depth)).unwrap();
        assert_eq!(dump(&state), expected);
    }

    #[test]
    fn indexes_the_top_levels() {
        let text = " { \"a\" : 1 , \"b\":{\"c\":[1,{\"d\":2}],\"e\":{\"f\":{ }}} ,\"g\":\"x\" } ";
        check(text, 0, "leaf");
        check(text, 1, "{\"a\"=<1>;\"b\"=<{\"c\":[1,{\"d\":2}],\"e\":{\"f\":{ }}}>;\"g\"=<\"x\">;}");
        check(text, 2, "{\"a\"=<1>;\"b\"={\"c\"=<[1,{\"d\":2}]>;\"e\"=<{\"f\":{ }}>;};\"g\"=<\"x\">;}");
        check(text, 3, "{\"a\"=<1>;\"b\"={\"c\"=<[1,{\"d\":2}]>;\"e\"={\"f\"=<{ }>;};};\"g\"=<\"x\">;}");
        check(text, 4, "{\"a\"=<1>;\"b\"={\"c\"=<[1,{\"d\":2}]>;\"e\"={\"f\"={};};};\"g\"=<\"x\">;}");
        assert_eq!(parse(text).len(), text.len() - 2);
    }

    #[test]
    fn corners_of_keys() {
        check("{}", 3, "{}");
        check("[{\"a\":1}]", 3, "leaf");
        check("7", 3, "leaf");
        check("{\"a\":1,\"a\":2,\"b\":3}", 1, "{\"a\"=<2>;\"b\"=<3>;}");
        check("{\"a\":1,\"b\":3,\"\\u0061\":2}", 1, "{\"\\u0061\"=<2>;\"b\"=<3>;}");
        check(
            "{\"\":1,\"__proto__\":{\"x\":1},\"q\\\"}\":\"]\"}",
            1,
            "{\"\"=<1>;\"__proto__\"=<{\"x\":1}>;\"q\\\"}\"=<\"]\">;}",
        );
        // Integer keys: the object is a leaf.
        check("{\"0\":1,\"a\":2}", 1, "leaf");
        check("{\"x\":{\"\\u0031\":1}}", 2, "{\"x\"=<{\"\\u0031\":1}>;}");
        check(
            "{\"01\":1,\"-1\":2,\"1.5\":3,\"12345678901\":4}",
            1,
            "{\"01\"=<1>;\"-1\"=<2>;\"1.5\"=<3>;\"12345678901\"=<4>;}",
        );
    }

    #[test]
    fn too_many_keys_make_a_leaf() {
        let object =
            |n: usize| format!("{{{}}}", (0..n).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(","));
        assert_ne!(dump(&parse(&object(256))), "leaf");
        assert_eq!(dump(&parse(&object(257))), "leaf");
        let nested = format!("{{\"a\":{},\"b\":{{\"c\":1}}}}", object(257));
        assert!(dump(&parse(&nested)).ends_with("\"b\"={\"c\"=<1>;};}"));
        assert_eq!(properties(object(1000).as_bytes()).unwrap().properties().len(), 1000);
    }

    #[test]
    fn what_is_trusted_is_not_looked_at() {
        let state = State::trusted(Bytes::from_static(b"{\"a\":"), None);
        assert_eq!((state.to_bytes(), state.is_object()), (Bytes::from_static(b"{\"a\":"), true));
        assert!(properties(&state.to_bytes()).is_none());
        assert_eq!(State::trusted(Bytes::new(), None).to_bytes(), "null");
    }

    #[test]
    fn a_byte_order_mark_is_left_out() {
        assert_eq!(parse("\u{feff}{\"a\":1}").to_bytes(), "{\"a\":1}");
    }
}
