//! Plain paths, resolved on the bytes.

use std::fmt;

use bytes::Bytes;
use fulgurite_state::pick::{element, member};
use fulgurite_state::{Span, State};

use crate::context::Scope;

/// A root and a way down from it: `vars.region`, `state.data["a b"][0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    root: Root,
    way: Vec<Segment>,
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// `state`, or `$`
    State,
    /// `parameters`
    Parameters,
    /// `vars`
    Vars,
    /// `steps`
    Steps,
    /// `item`
    Item,
    /// `index`
    Index,
    /// `system`
    System,
}

const ROOTS: [(&str, Root); 8] = [
    ("state", Root::State),
    ("$", Root::State),
    ("parameters", Root::Parameters),
    ("vars", Root::Vars),
    ("steps", Root::Steps),
    ("item", Root::Item),
    ("index", Root::Index),
    ("system", Root::System),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

/// What is at the end of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// JSON text.
    Value(Bytes),
    /// Nothing.
    Undefined,
    /// Something that only JavaScript knows: the `length` of an array, a stream.
    AskJavaScript,
}

/// A path that leads through nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read `{name}` of {of} in `{path}`")]
pub struct Broken {
    /// What was to be read.
    pub name: String,
    /// `undefined`, or `null`.
    pub of: &'static str,
    /// The path.
    pub path: String,
}

impl Path {
    /// Reads a path; `None` for anything that is more than that.
    pub fn parse(text: &str) -> Option<Path> {
        let text = text.trim();
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let (_, root) = *ROOTS.iter().find(|(name, _)| *name == &text[..end])?;
        let mut way = Vec::new();
        let mut rest = &text[end..];
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let name = &after[..end];
                // The ids of steps have dashes, and nobody subtracts steps.
                let is_step = root == Root::Steps && way.is_empty();
                if !is_name(name, is_step) {
                    return None;
                }
                way.push(Segment::Key(name.to_owned()));
                rest = &after[end..];
            } else {
                let inner = rest.strip_prefix('[')?;
                let (inner, after) = match inner.chars().next()? {
                    quote @ ('"' | '\'') => {
                        let (key, after) = inner[1..].split_once(quote)?;
                        if key.contains('\\') {
                            return None;
                        }
                        (Segment::Key(key.to_owned()), after)
                    }
                    _ => {
                        let end = inner.find(']')?;
                        (Segment::Index(inner[..end].parse().ok()?), &inner[end..])
                    }
                };
                way.push(inner);
                rest = after.strip_prefix(']')?;
            }
        }
        Some(Path { root, way })
    }

    /// Where it begins.
    pub fn root(&self) -> Root {
        self.root
    }

    /// What is at the end of it.
    ///
    /// # Errors
    /// When there is nothing on the way.
    pub fn resolve(&self, scope: &Scope<'_>) -> Result<Found, Broken> {
        let context = scope.context;
        match self.root {
            Root::State => match scope.state {
                // What lives beside it is not in its text.
                Some(state) if state.live().is_some() => Ok(Found::AskJavaScript),
                Some(state) => self.within(state, 0),
                None => self.beyond(0, "undefined"),
            },
            Root::Parameters => self.within(context.parameters(), 0),
            Root::System => self.within(context.system(), 0),
            Root::Vars => self.named(|name| context.var(name), || context.vars()),
            Root::Steps => self.named(|name| context.step(name), || context.steps()),
            Root::Item => match scope.item {
                Some((text, _)) => self.within_text(text.clone(), 0),
                None => self.beyond(0, "undefined"),
            },
            Root::Index => match (scope.item, self.way.is_empty()) {
                (Some((_, index)), true) => Ok(Found::Value(index.to_string().into())),
                (Some(_), false) => Ok(Found::AskJavaScript),
                (None, _) => self.beyond(0, "undefined"),
            },
        }
    }

    fn named<'a>(
        &self,
        get: impl FnOnce(&str) -> Option<&'a State>,
        all: impl FnOnce() -> State,
    ) -> Result<Found, Broken> {
        match self.way.first() {
            None => Ok(Found::Value(all().to_bytes())),
            Some(Segment::Index(_)) => Ok(Found::AskJavaScript),
            Some(Segment::Key(name)) => match get(name) {
                Some(state) => self.within(state, 1),
                None => self.beyond(1, "undefined"),
            },
        }
    }

    /// From segment `from` on, by the index as far as that goes.
    fn within(&self, state: &State, from: usize) -> Result<Found, Broken> {
        let mut at: Option<Span> = None;
        for (place, segment) in self.way.iter().enumerate().skip(from) {
            let span = at.as_ref().unwrap_or_else(|| state.root());
            let Segment::Key(key) = segment else { return self.within_text(state.slice(span.range.clone()), place) };
            match state.find(span, key) {
                None => return self.within_text(state.slice(span.range.clone()), place),
                Some(None) => return self.beyond(place + 1, "undefined"),
                Some(Some(span)) => at = Some(span),
            }
        }
        Ok(Found::Value(match at {
            Some(span) => state.slice(span.range),
            None => state.to_bytes(),
        }))
    }

    fn within_text(&self, mut text: Bytes, from: usize) -> Result<Found, Broken> {
        for (place, segment) in self.way.iter().enumerate().skip(from) {
            let found = match (text.first(), segment) {
                (Some(b'{'), Segment::Key(key)) => member(&text, key),
                (Some(b'{'), Segment::Index(index)) => member(&text, &index.to_string()),
                (Some(b'['), Segment::Index(index)) => element(&text, *index),
                (Some(b'n'), _) => return self.beyond(place, "null"),
                _ => return Ok(Found::AskJavaScript),
            };
            match found {
                Some(range) => text = text.slice(range),
                None => return self.beyond(place + 1, "undefined"),
            }
        }
        Ok(Found::Value(text))
    }

    /// There is nothing before segment `from`: no harm if that is the end.
    fn beyond(&self, from: usize, of: &'static str) -> Result<Found, Broken> {
        match self.way.get(from) {
            None => Ok(Found::Undefined),
            Some(segment) => {
                let name = match segment {
                    Segment::Key(key) => key.clone(),
                    Segment::Index(index) => index.to_string(),
                };
                Err(Broken { name, of, path: self.to_string() })
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = ROOTS.iter().find(|(_, root)| *root == self.root).map_or("state", |(name, _)| name);
        f.write_str(root)?;
        for segment in &self.way {
            match segment {
                Segment::Key(key) if is_name(key, true) => write!(f, ".{key}")?,
                Segment::Key(key) => write!(f, "[{key:?}]")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn is_name(text: &str, with_dashes: bool) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '$' || (with_dashes && c == '-'))
}

#[cfg(test)]
mod tests {
    use fulgurite_state::IndexOptions;

    use super::*;
    use crate::context::Context;

    fn state(text: &str) -> State {
        State::parse(text.to_owned(), &IndexOptions::default()).unwrap()
    }

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let mut context = Context::new(state(r#"{"p": 1}"#), state(r#"{"run": "r"}"#));
        context.set_var("list", state(r#"[{"a": [1, 2]}, null]"#));
        context.set_var("region", state(r#""north""#));
        context.set_step("load-users", state(r#"{"data": {"n": 3}}"#));
        let text = Bytes::from_static(br#"{"id": 7, "7": "seven"}"#);
        let at_hand = state(r#"{"data": {"a": {"b": {"c": {"d": [10, 20]}}}, "a b": true}, "n": null}"#);
        let scope = Scope { context: &context, state: Some(&at_hand), item: Some((&text, 4)) };
        let got = match Path::parse(path) {
            None => "no path".to_owned(),
            Some(path) => match path.resolve(&scope) {
                Ok(Found::Value(text)) => String::from_utf8(text.to_vec()).unwrap(),
                Ok(other) => format!("{other:?}"),
                Err(broken) => broken.to_string(),
            },
        };
        assert_eq!(got, expected, "{path}");
    }

    #[test]
    fn paths() {
        check("vars.region", r#""north""#);
        check(" vars['list'][0].a[1] ", "2");
        check("vars.list", r#"[{"a": [1, 2]}, null]"#);
        check("vars", r#"{"list":[{"a": [1, 2]}, null],"region":"north"}"#);
        check("vars.nope", "Undefined");
        check("vars.nope.deeper", "cannot read `deeper` of undefined in `vars.nope.deeper`");
        check("vars.list[1].x", "cannot read `x` of null in `vars.list[1].x`");
        check("vars.list[5]", "Undefined");
        check("vars.list.length", "AskJavaScript");
        check("vars.region.length", "AskJavaScript");
        check("steps.load-users.data.n", "3");
        check("parameters.p", "1");
        check("system.run", r#""r""#);
        check("item.id", "7");
        check("item[7]", r#""seven""#);
        check("index", "4");
        check("state.data.a.b.c.d[1]", "20");
        check("$.data[\"a b\"]", "true");
        check("state.n", "null");
        check("state.data.a.x", "Undefined");
        check("state.data.a.x.y", "cannot read `y` of undefined in `state.data.a.x.y`");
    }

    #[test]
    fn what_is_no_path() {
        for text in [
            "",
            "foo",
            "state.",
            "state..a",
            "state.a-b",
            "state.a()",
            "state[a]",
            "state[-1]",
            "a.b",
            "state.a + 1",
            "vars[",
            "$x",
            "state[\"a\\n\"]",
        ] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
