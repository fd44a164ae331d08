//! States put together from states, spliced as bytes: the input of a step (defaults, the caller's output, the credential), the
//! error of a step on its output, and the results of a run.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use fulgurite_plan::Job;
use fulgurite_state::quote::{quote_utf16, unquote_lossy, unquote_utf16};
use fulgurite_state::{IndexOptions, Live, Object, Span, State, SyntaxError, Writer, properties};
use serde_json::{Map, Value};

/// The input of a step.
///
/// The job's default state is overlaid by `input`; `data` is merged one level deep when both are objects; `configuration` is
/// the workflow's credentials, then the input's, then the step's own, later ones winning by key. An input that is no object
/// becomes `data`.
///
/// # Errors
/// The default state nests deeper than a state may.
pub(crate) fn input(
    job: &Job,
    input: Option<&State>,
    credentials: &Map<String, Value>,
    configuration: Option<&Map<String, Value>>,
    index: IndexOptions,
) -> Result<State, SyntaxError> {
    let defaults = match &job.state {
        // JSON to serde_json, but perhaps nested too deep for us.
        Some(text) => Some(State::parse(text.get().as_bytes().to_vec(), &index)?),
        None => None,
    };
    let mut parts = Parts::default();
    for state in [defaults.as_ref(), input].into_iter().flatten() {
        match properties_of(state) {
            Some(object) => parts.lay_over(state, state.root(), &object),
            None => parts.put(quoted("data"), Part::Splice(state.clone(), state.root().clone())),
        }
    }
    if let (Some(defaults), Some(input)) = (&defaults, input) {
        merge_data(&mut parts, defaults, input, index);
    }
    if parts.get("data").is_none() {
        parts.put(quoted("data"), Part::Text(b"{}".to_vec()));
    }

    let mut merged = Parts::default();
    merged.lay_map_over(credentials);
    if let Some(Part::Splice(state, span)) = parts.get("configuration") {
        merged.lay_object_over(&state.clone(), &span.clone());
    }
    if let Some(configuration) = configuration {
        merged.lay_map_over(configuration);
    }
    parts.put_parts("configuration", merged, index);
    Ok(parts.write(index, input.and_then(State::live).cloned()))
}

/// `{...defaults.data, ...input.data}` when both are objects; otherwise the input's replaces the default.
fn merge_data(parts: &mut Parts, defaults: &State, input: &State, index: IndexOptions) {
    let Some((default, own)) = property(defaults, "data").zip(property(input, "data")) else { return };
    let is_object = |state: &State, span: &Span| state.slice(span.range.start..span.range.start + 1) == "{";
    if !is_object(defaults, &default) || !is_object(input, &own) {
        return;
    }
    let mut data = Parts::default();
    data.lay_object_over(defaults, &default);
    data.lay_object_over(input, &own);
    parts.put_parts("data", data, index);
}

/// A state without some top-level keys and without private ones: an input that becomes an output unseen by the encoder.
pub(crate) fn stripped(state: &State, remove: &[String], index: IndexOptions) -> State {
    let Some(object) = properties_of(state) else { return state.clone() };
    let mut parts = Parts::default();
    parts.lay_over(state, state.root(), &object);
    let before = parts.list.len();
    parts.list.retain(|(key, _)| {
        let name = unquote_lossy(key);
        !name.starts_with('_') && !remove.contains(&name)
    });
    if parts.list.len() == before {
        return state.clone();
    }
    parts.write(index, state.live().cloned())
}

/// A state without some of its top-level keys, given raw.
pub(crate) fn without(state: &State, keys: &[&[u8]], index: IndexOptions) -> State {
    let Some(object) = properties_of(state) else { return state.clone() };
    let mut parts = Parts::default();
    parts.lay_over(state, state.root(), &object);
    let before = parts.list.len();
    parts.list.retain(|(key, _)| !keys.contains(&&key[..]));
    if parts.list.len() == before {
        return state.clone();
    }
    parts.write(index, state.live().cloned())
}

/// A state with other values for some of its top-level keys: raw keys, and values in pieces of JSON text. What the state has of
/// them already should be gone ([`without`]); where it is, this costs no more than the keys.
pub(crate) fn with(state: &State, more: &[(&[u8], &[Bytes])], index: IndexOptions) -> State {
    if more.is_empty() {
        return state.clone();
    }
    if let Some(state) = state.with_properties(more) {
        return state;
    }
    let mut parts = Parts::default();
    if let Some(object) = properties_of(state) {
        parts.lay_over(state, state.root(), &object);
    }
    for (key, value) in more {
        let value = State::trusted(value.concat().into(), None);
        let span = value.root().clone();
        parts.put(Bytes::copy_from_slice(key), Part::Splice(value, span));
    }
    parts.write(index, state.live().cloned())
}

/// A state with another `data`.
pub(crate) fn with_data(state: &State, data: State, index: IndexOptions) -> State {
    let mut parts = Parts::default();
    if let Some(object) = properties_of(state) {
        parts.lay_over(state, state.root(), &object);
    }
    let span = data.root().clone();
    parts.put(quoted("data"), Part::Splice(data, span));
    parts.write(index, state.live().cloned())
}

/// The output of a step that failed: what it had made of its input, with `errors[step]`.
pub(crate) fn with_error(state: &State, step: &str, error: Map<String, Value>, index: IndexOptions) -> State {
    let mut parts = Parts::default();
    if let Some(object) = properties_of(state) {
        parts.lay_over(state, state.root(), &object);
    }
    let mut errors = Parts::default();
    if let Some(span) = property(state, "errors") {
        errors.lay_object_over(state, &span);
    }
    errors.put(quoted(step), Part::Text(Value::Object(error).to_string().into_bytes()));
    parts.put_parts("errors", errors, index);
    parts.write(index, state.live().cloned())
}

/// What a job itself put under `state.errors[step]`: name and message, as far as they are texts.
pub(crate) fn error_of(state: &State, step: &str) -> Option<(Option<String>, Option<String>)> {
    let text = |state: &State, span: &Span| state.slice(span.range.clone());
    let named = |text: &Bytes, name: &str| {
        let object = properties(text)?;
        let found = object.properties().iter().find(|property| unquote_lossy(&text[property.key()]) == name)?;
        Some(text.slice(found.value()))
    };
    let own = named(&text(state, &property(state, "errors")?), step)?;
    let string = |name| named(&own, name).filter(|value| value.starts_with(b"\"")).map(|value| unquote_lossy(&value));
    Some((string("name"), string("message")))
}

/// The `configuration` of a state, if it is an object.
pub(crate) fn configuration_of(state: &State) -> Option<Value> {
    let span = property(state, "configuration")?;
    serde_json::from_slice(&state.slice(span.range)).ok().filter(Value::is_object)
}

/// One object with a property for each named state.
pub(crate) fn by_name(states: &[(String, State)]) -> State {
    let mut writer = Writer::new(IndexOptions::default());
    writer.begin_object();
    for (name, state) in states {
        writer.key(&quoted(name));
        writer.splice(state, state.root());
        writer.end_property();
    }
    writer.end();
    writer.finish(None)
}

/// The properties of a state that is an object, however many there are.
fn properties_of(state: &State) -> Option<Arc<Object>> {
    if !state.is_object() {
        return None;
    }
    state.root().object.clone().or_else(|| properties(&state.to_bytes()))
}

/// A top-level property, however many there are.
pub(crate) fn property(state: &State, name: &str) -> Option<Span> {
    if let Some(found) = state.find(state.root(), name) {
        return found;
    }
    let object = properties_of(state)?;
    let base = state.root().range.start;
    let property = object.properties().iter().find(|property| {
        let key = property.key();
        unquote_lossy(&state.slice(base + key.start..base + key.end)) == name
    })?;
    Some(State::span_of(base, property))
}

fn quoted(text: &str) -> Bytes {
    Value::from(text).to_string().into()
}

/// A key in the one spelling that all keys are compared in.
fn normal(raw: Bytes) -> Bytes {
    if !raw.contains(&b'\\') {
        return raw;
    }
    let mut out = Vec::with_capacity(raw.len());
    quote_utf16(&unquote_utf16(&raw), &mut out);
    out.into()
}

/// The properties of an object in the making: keys as JSON text, and where their values come from.
#[derive(Default)]
struct Parts {
    list: Vec<(Bytes, Part)>,
    places: HashMap<Bytes, usize>,
}

enum Part {
    Splice(State, Span),
    Text(Vec<u8>),
}

impl Parts {
    fn lay_over(&mut self, state: &State, span: &Span, object: &Object) {
        let base = span.range.start;
        for property in object.properties() {
            let key = property.key();
            let raw = state.slice(base + key.start..base + key.end);
            self.put(raw, Part::Splice(state.clone(), State::span_of(base, property)));
        }
    }

    /// Lays the properties of a value over these, if it is an object.
    fn lay_object_over(&mut self, state: &State, span: &Span) {
        let object = span.object.clone().or_else(|| properties(&state.slice(span.range.clone())));
        if let Some(object) = object {
            self.lay_over(state, span, &object);
        }
    }

    fn lay_map_over(&mut self, map: &Map<String, Value>) {
        for (key, value) in map {
            self.put(quoted(key), Part::Text(value.to_string().into_bytes()));
        }
    }

    fn put(&mut self, raw: Bytes, part: Part) {
        let key = normal(raw);
        match self.places.get(&key) {
            Some(&place) => self.list[place].1 = part,
            None => {
                self.places.insert(key.clone(), self.list.len());
                self.list.push((key, part));
            }
        }
    }

    /// Puts an object in, as the value of a property.
    fn put_parts(&mut self, name: &str, parts: Parts, index: IndexOptions) {
        let deeper = IndexOptions { depth: index.depth.saturating_sub(1), ..index };
        let state = parts.write(deeper, None);
        let span = state.root().clone();
        self.put(quoted(name), Part::Splice(state, span));
    }

    fn get(&self, name: &str) -> Option<&Part> {
        self.places.get(&quoted(name)).map(|&place| &self.list[place].1)
    }

    fn write(self, index: IndexOptions, live: Option<Arc<Live>>) -> State {
        let mut writer = Writer::new(index);
        writer.begin_object();
        for (key, part) in self.list {
            writer.key(&key);
            match part {
                Part::Splice(state, span) => writer.splice(&state, &span),
                Part::Text(text) => {
                    // Small things of ours; scanned, so that they are indexed like everything else.
                    let state = State::parse(text, &index).expect("made by serde_json");
                    writer.splice(&state, state.root());
                }
            }
            writer.end_property();
        }
        writer.end();
        writer.finish(live)
    }
}

/// What the first step gets when the run has no input.
pub(crate) fn no_input(index: IndexOptions) -> State {
    State::parse(&br#"{"data":{},"configuration":{}}"#[..], &index).expect("it is JSON")
}

#[cfg(test)]
mod tests {
    use fulgurite_plan::Source;

    use super::*;

    fn job(state: Option<&str>) -> Job {
        let mut job = Job::new(Source { name: "a.js".into(), text: "".into() });
        job.state = state.map(|text| serde_json::from_str::<Box<serde_json::value::RawValue>>(text).unwrap().into());
        job
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[track_caller]
    fn check(defaults: Option<&str>, given: Option<&str>, expected: &str) {
        let index = IndexOptions::default();
        let state = given.map(|text| State::parse(text.to_owned(), &index).unwrap());
        let credentials = map(serde_json::json!({"a": 1, "b": 1}));
        let own = map(serde_json::json!({"b": 3, "c": 3}));
        let result = input(&job(defaults), state.as_ref(), &credentials, Some(&own), index).unwrap();
        assert_eq!(std::str::from_utf8(&result.to_bytes()).unwrap(), expected);
    }

    #[test]
    fn the_input_of_a_step() {
        let configuration = r#""configuration":{"a":1,"b":3,"c":3}"#;
        check(None, None, &format!("{{\"data\":{{}},{configuration}}}"));
        check(None, Some(r#"{"x": 1, "data": [1]}"#), &format!("{{\"x\":1,\"data\":[1],{configuration}}}"));
        check(
            None,
            Some(r#"{"configuration": {"a": 2, "b": 2}, "references": []}"#),
            r#"{"configuration":{"a":2,"b":3,"c":3},"references":[],"data":{}}"#,
        );
        check(
            Some(r#"{"data": {"a": 1, "b": 1}, "x": 1}"#),
            Some(r#"{"data": {"b": 2, "c": 2}, "y": 2}"#),
            &format!(r#"{{"data":{{"a":1,"b":2,"c":2}},"x":1,"y":2,{configuration}}}"#),
        );
        check(Some(r#"{"data": {"a": 1}}"#), Some(r#"{"data": 5}"#), &format!("{{\"data\":5,{configuration}}}"));
        check(
            None,
            Some(r#"{"d\u0061ta": 5, "c\u006fnfiguration": {"a": 2, "x": 1e400}}"#),
            r#"{"data":5,"configuration":{"a":2,"b":3,"x":1e400,"c":3}}"#,
        );
        check(None, Some("[1, 2]"), &format!("{{\"data\":[1, 2],{configuration}}}"));
    }

    #[test]
    fn errors_go_onto_the_state() {
        let index = IndexOptions::default();
        let state = State::parse(r#"{"data": 1, "errors": {"x": {"name": "A"}}}"#, &index).unwrap();
        let failed = with_error(&state, "y", map(serde_json::json!({"name": "B"})), index);
        let expected = r#"{"data":1,"errors":{"x":{"name": "A"},"y":{"name":"B"}}}"#;
        assert_eq!(std::str::from_utf8(&failed.to_bytes()).unwrap(), expected);
        assert!(error_of(&failed, "z").is_none());
        assert_eq!(error_of(&failed, "y"), Some((Some("B".into()), None)));
        // Neither what serde_json refuses nor a key in another spelling is lost.
        let odd =
            State::parse(r#"{"err\u006frs": {"first": {"d": "\ud800", "n": 1e400}}}"#.to_owned(), &index).unwrap();
        let failed = with_error(&odd, "y", map(serde_json::json!({"name": "B"})), index);
        let expected = r#"{"errors":{"first":{"d": "\ud800", "n": 1e400},"y":{"name":"B"}}}"#;
        assert_eq!(std::str::from_utf8(&failed.to_bytes()).unwrap(), expected);
    }
}
