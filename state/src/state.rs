//! A state: rope, index and live names, shared by `Arc`.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::index::{IndexOptions, Object, Property};
use crate::path::Path;
use crate::pick::is_key;
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

    /// Looks at one range of the text, which is copied only where no single segment holds it.
    ///
    /// # Panics
    /// When the range does not lie within the text.
    pub fn with_text<T>(&self, range: Range<usize>, look: impl FnOnce(&[u8]) -> T) -> T {
        match self.0.rope.peek(range.clone()) {
            Some(text) => look(text),
            None => look(&self.0.rope.slice(range)),
        }
    }

    /// Appends one range of the text to `out`.
    ///
    /// # Panics
    /// When the range does not lie within the text.
    pub fn append(&self, range: Range<usize>, out: &mut Vec<u8>) {
        match self.0.rope.peek(range.clone()) {
            Some(text) => out.extend_from_slice(text),
            None => self.0.rope.pieces(range).for_each(|piece| out.extend_from_slice(&piece)),
        }
    }

    /// The property of an indexed object of this state: `Some(None)` when it has none of that name, `None` when the value is not
    /// indexed.
    pub fn find(&self, span: &Span, key: &str) -> Option<Option<Span>> {
        let object = span.object.as_ref()?;
        let base = span.range.start;
        let is_it = |property: &&Property| {
            let range = base + property.key().start..base + property.key().end;
            match self.0.rope.peek(range.clone()) {
                Some(raw) => is_key(raw, key),
                None => is_key(&self.0.rope.slice(range), key),
            }
        };
        Some(object.properties().iter().find(is_it).map(|property| State::span_of(base, property)))
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

    /// This state with more properties, behind its own: raw keys with their quotes, and values as pieces of JSON text. O(its keys),
    /// whatever its size. `None` when it is no indexed object, or has one of the keys.
    pub fn with_properties<'a>(&self, more: &[(&'a [u8], &'a [Bytes])]) -> Option<State> {
        let Inner { rope, root, live } = &*self.0;
        let own = root.object.as_ref()?.properties();
        let base = root.range.start;
        let mut properties = Vec::with_capacity(own.len() + more.len());
        properties.extend_from_slice(own);
        let mut segments: Vec<Bytes> = Vec::with_capacity(4 + 3 * more.len());
        segments.extend(rope.pieces(base..root.range.end - 1));
        let mut len = root.range.len() - 1;
        for (key, value) in more {
            let same = |property: &Property| rope.slice(base + property.key().start..base + property.key().end) == *key;
            if own.iter().any(|property| property.key_len as usize == key.len() && same(property)) {
                return None;
            }
            let mut head = Vec::with_capacity(key.len() + 2);
            if !properties.is_empty() {
                head.push(b',');
            }
            let key_start = len + head.len();
            head.extend_from_slice(key);
            head.push(b':');
            let value_start = len + head.len();
            let value_len = value.iter().map(Bytes::len).sum();
            properties.push(Property { key_start, key_len: key.len() as u32, value_start, value_len, child: None });
            len = value_start + value_len;
            segments.push(head.into());
            segments.extend(value.iter().cloned());
        }
        segments.push(Bytes::from_static(b"}"));
        let object = Arc::new(Object { properties: properties.into_boxed_slice() });
        let root = Span { range: 0..len + 1, object: Some(object) };
        Some(State::from_parts(Rope::new(segments), root, live.clone()))
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
    fn properties_can_be_added() {
        let more: [(&[u8], &[Bytes]); 2] = [
            (b"\"item\"", &[Bytes::from_static(b"["), Bytes::from_static(b"1,2]")]),
            (b"\"index\"", &[Bytes::from_static(b"7")]),
        ];
        for (text, expected) in [
            (r#" {"a": {"b": 1} } "#, r#"{"a": {"b": 1} ,"item":[1,2],"index":7}"#),
            ("{}", r#"{"item":[1,2],"index":7}"#),
        ] {
            let state = parse(text).with_properties(&more).unwrap();
            assert_eq!(state.to_bytes(), expected);
            assert_eq!(dump(&state), dump(&parse(expected)));
        }
        assert!(parse(r#"{"item": 1}"#).with_properties(&more).is_none());
        assert!(parse("[1]").with_properties(&more).is_none());
    }

    #[test]
    fn properties_are_found() {
        let state = parse(r#" {"a": {"b\u0063": 1}, "d": [1]}"#);
        let at = |span: &Span| String::from_utf8(state.slice(span.range.clone()).to_vec()).unwrap();
        let a = state.find(state.root(), "a").unwrap().unwrap();
        assert_eq!(at(&a), r#"{"b\u0063": 1}"#);
        assert_eq!(at(&state.find(&a, "bc").unwrap().unwrap()), "1");
        let d = state.find(state.root(), "d").unwrap().unwrap();
        assert_eq!(at(&d), "[1]");
        assert!(state.find(&d, "x").is_none());
        assert!(state.find(state.root(), "x").unwrap().is_none());
        let more: &[(&[u8], &[Bytes])] = &[(b"\"e\"", &[Bytes::from_static(b"2")])];
        let wider = state.with_properties(more).unwrap();
        assert!(wider.find(wider.root(), "e").unwrap().is_some() && wider.find(wider.root(), "a").unwrap().is_some());
    }

    #[test]
    fn a_byte_order_mark_is_left_out() {
        assert_eq!(parse("\u{feff}{\"a\":1}").to_bytes(), "{\"a\":1}");
    }
}
