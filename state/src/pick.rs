//! Values picked out of valid JSON text without parsing it: the elements of an array one after the other, a property, an element.
//!
//! The text must have passed the scanner. Nothing here panics over other text, but what is picked then is anything.

use std::ops::Range;

use bytes::Bytes;

use crate::quote::unquote_utf16;

/// The elements of an array, one after the other, as slices of its text. Nothing is looked at before it is asked for.
#[derive(Clone, Debug)]
pub struct Elements {
    text: Bytes,
    at: usize,
}

impl Elements {
    /// `None` when the text is no array. It must have no white space around it.
    pub fn of(text: Bytes) -> Option<Elements> {
        (text.first() == Some(&b'[')).then_some(Elements { text, at: 1 })
    }

    /// Where the next element lies in the text; [`Iterator::next`] without the slice.
    pub fn next_range(&mut self) -> Option<Range<usize>> {
        let start = space(&self.text, self.at);
        if matches!(self.text.get(start), None | Some(b']')) {
            return None;
        }
        let end = value(&self.text, start);
        self.at = space(&self.text, end) + 1;
        Some(start..end)
    }

    /// The text of several elements with all that is between them.
    pub fn slice(&self, range: Range<usize>) -> Bytes {
        self.text.slice(range)
    }
}

impl Iterator for Elements {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let range = self.next_range()?;
        Some(self.text.slice(range))
    }
}

/// Where the value of a key lies in the text of an object; of a key that is there twice, the last, as `JSON.parse` has it.
pub fn member(text: &[u8], key: &str) -> Option<Range<usize>> {
    let mut found = None;
    members(text, |raw, range| {
        if is_key(raw, key) {
            found = Some(range);
        }
    });
    found
}

/// Calls `each` with the raw key and the range of the value of every property of an object.
fn members(text: &[u8], mut each: impl FnMut(&[u8], Range<usize>)) {
    if text.first() != Some(&b'{') {
        return;
    }
    let mut at = space(text, 1);
    while text.get(at) == Some(&b'"') {
        let end = string(text, at);
        let start = space(text, space(text, end) + 1);
        let stop = value(text, start);
        if stop > text.len() || start > stop {
            return;
        }
        each(&text[at..end], start..stop);
        at = space(text, space(text, stop) + 1);
    }
}

/// Where an element lies in the text of an array.
pub fn element(text: &Bytes, place: usize) -> Option<Range<usize>> {
    let mut elements = Elements::of(text.clone())?;
    for _ in 0..place {
        elements.next_range()?;
    }
    elements.next_range()
}

/// Whether raw JSON text, with its quotes, is that key.
pub fn is_key(raw: &[u8], key: &str) -> bool {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    match inner.contains(&b'\\') {
        false => inner == key.as_bytes(),
        true => unquote_utf16(raw).into_iter().eq(key.encode_utf16()),
    }
}

fn space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// Behind the string that begins at `at`.
fn string(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        match text.get(at) {
            None => return text.len(),
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// Behind the value that begins at `at`.
fn value(text: &[u8], at: usize) -> usize {
    match text.get(at) {
        Some(b'"') => string(text, at).min(text.len()),
        Some(b'{' | b'[') => {
            let (mut depth, mut at) = (0usize, at);
            while let Some(byte) = text.get(at) {
                match byte {
                    b'"' => {
                        at = string(text, at);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return at + 1;
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
            text.len()
        }
        _ => {
            let mut at = at;
            while !matches!(text.get(at), None | Some(b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')) {
                at += 1;
            }
            at
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn elements(text: &str) -> Vec<String> {
        let elements = Elements::of(Bytes::copy_from_slice(text.as_bytes())).expect("an array");
        elements.map(|element| String::from_utf8(element.to_vec()).unwrap()).collect()
    }

    #[test]
    fn elements_of_arrays() {
        assert_eq!(elements("[]"), [""; 0]);
        assert_eq!(elements("[ \n ]"), [""; 0]);
        assert_eq!(elements("[1]"), ["1"]);
        assert_eq!(
            elements(r#"[ 1 ,"a,]\"\\", {"x":[1,2],"y":"}"} , [[],[]],null , -1.5e3 ]"#),
            ["1", r#""a,]\"\\""#, r#"{"x":[1,2],"y":"}"}"#, "[[],[]]", "null", "-1.5e3"]
        );
        assert!(Elements::of(Bytes::from_static(b"{}")).is_none());
    }

    #[test]
    fn members_of_objects() {
        let text = r#"{ "a" : 1 , "b":{"a":2} ,"\u0061":[3] }"#;
        let get = |key| member(text.as_bytes(), key).map(|range| &text[range]);
        assert_eq!(get("a"), Some("[3]"), "the last one counts");
        assert_eq!(get("b"), Some(r#"{"a":2}"#));
        assert_eq!(get("c"), None);
        assert_eq!(member(b"[1]", "a"), None);
        assert_eq!(member(b"{}", "a"), None);
        assert_eq!(element(&Bytes::from_static(b"[1, 2]"), 1), Some(4..5));
        assert_eq!(element(&Bytes::from_static(b"[1, 2]"), 2), None);
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_picked_is_what_was_put_in(values in prop::collection::vec(json(), 0..8), pretty in any::<bool>()) {
            let array = serde_json::Value::from(values.clone());
            let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();
            let picked: Vec<serde_json::Value> =
                elements(&text).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(picked, values.clone());
            for value in &values {
                let Some(object) = value.as_object() else { continue };
                let text = serde_json::to_string(value).unwrap();
                for (key, inner) in object {
                    let range = member(text.as_bytes(), key).unwrap();
                    prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&text[range]).unwrap(), inner);
                }
            }
        }

        #[test]
        fn nothing_panics(text in any::<Vec<u8>>(), key in any::<String>()) {
            let _ = member(&text, &key);
            if let Some(elements) = Elements::of(text.clone().into()) {
                let _ = elements.take(100).count();
            }
            let _ = element(&text.into(), 3);
        }
    }
}
