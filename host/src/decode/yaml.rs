//! YAML text as a tree of what JSON can hold, by the core schema of YAML 1.2 (so `yes` and `on` are text).
//!
//! The parser is `saphyr-parser`: maintained, complete for YAML 1.2, with one dependency that we did not have, and it
//! gives events with positions instead of values. A serde YAML crate would lose the position of most values, and expand
//! aliases by its own rules. Here an alias shares the node it stands for, and what all of them would add when written
//! out is limited.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::document::{At, Problem, empty_file};

/// Nesting beyond this is refused: nothing of ours is that deep, and it bounds every recursion over the tree.
const DEEPEST: usize = 100;

/// What aliases may add to the file when they are written out, in bytes of text plus one per node.
const MOST_FROM_ALIASES: usize = 4 << 20;

pub(super) struct Yaml {
    pub(super) at: At,
    pub(super) kind: Kind,
    /// Bytes of text plus one per node, with aliases written out.
    weight: usize,
    height: usize,
}

pub(super) enum Kind {
    Null,
    Bool(bool),
    /// As JSON writes it.
    Number(String),
    Text(String),
    List(Vec<Rc<Yaml>>),
    Map(Vec<YamlEntry>),
}

pub(super) struct YamlEntry {
    pub(super) key: String,
    pub(super) at: At,
    pub(super) value: Rc<Yaml>,
}

/// Reads exactly one document.
pub(super) fn parse(text: &str) -> Result<Rc<Yaml>, Problem> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Problem {
            at: at(*error.marker()),
            message: format!("this is not YAML: {}", error.info()),
            help: "repair the syntax here, or just before; indentation counts".into(),
        })?;
        builder.take(event, at(span.start))?;
    }
    builder.root.ok_or_else(empty_file)
}

impl Yaml {
    /// The tree as JSON text.
    pub(super) fn to_json(&self) -> String {
        let mut json = String::new();
        self.write_json(&mut json);
        json
    }

    fn write_json(&self, json: &mut String) {
        match &self.kind {
            Kind::Null => json.push_str("null"),
            Kind::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
            Kind::Number(text) => json.push_str(text),
            Kind::Text(text) => json.push_str(&quoted(text)),
            Kind::List(items) => {
                json.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        json.push(',');
                    }
                    item.write_json(json);
                }
                json.push(']');
            }
            Kind::Map(entries) => {
                json.push('{');
                for (i, entry) in entries.iter().enumerate() {
                    if i > 0 {
                        json.push(',');
                    }
                    json.push_str(&quoted(&entry.key));
                    json.push(':');
                    entry.value.write_json(json);
                }
                json.push('}');
            }
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn at(marker: Marker) -> At {
    At::Line { line: marker.line(), column: marker.col() + 1 }
}

#[derive(Default)]
struct Builder {
    root: Option<Rc<Yaml>>,
    documents: usize,
    open: Vec<Container>,
    anchors: HashMap<usize, Rc<Yaml>>,
    from_aliases: usize,
}

/// A list or a map whose end has not come yet.
struct Container {
    at: At,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Rc<Yaml>>),
    Map { entries: Vec<YamlEntry>, keys: HashSet<String>, key: Option<(String, At)> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: At) -> Result<(), Problem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return problem(at, "a second YAML document starts here", "keep one workflow per file");
                }
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = is_text(tag.as_deref(), at)? || style != ScalarStyle::Plain;
                if self.wants_key() {
                    return self.key(text.into_owned(), is_text, anchor, at);
                }
                let kind = if is_text { Kind::Text(text.into_owned()) } else { plain(&text, at)? };
                let weight = match &kind {
                    Kind::Number(text) | Kind::Text(text) => text.len() + 1,
                    _ => 1,
                };
                self.put(Rc::new(Yaml { at, kind, weight, height: 1 }), anchor)
            }
            Event::SequenceStart(anchor, tag) => self.start(Content::List(Vec::new()), anchor, tag.as_deref(), at),
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map { entries: Vec::new(), keys: HashSet::new(), key: None };
                self.start(content, anchor, tag.as_deref(), at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Container { content: Content::Map { key: None, .. }, .. }))
    }

    fn start(&mut self, content: Content, anchor: usize, tag: Option<&Tag>, at: At) -> Result<(), Problem> {
        is_text(tag, at)?;
        if self.wants_key() {
            return problem(at, "a list or an object cannot be a key", "use text as the key");
        }
        if self.open.len() >= DEEPEST {
            return too_deep(at);
        }
        self.open.push(Container { at, anchor, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(Container { at, anchor, content }) = self.open.pop() else { return Ok(()) };
        let (kind, weight, height) = match content {
            Content::List(items) => {
                let weight = items.iter().map(|item| item.weight).sum::<usize>();
                let height = items.iter().map(|item| item.height).max();
                (Kind::List(items), weight, height)
            }
            Content::Map { entries, .. } => {
                let weight = entries.iter().map(|entry| entry.key.len() + entry.value.weight).sum::<usize>();
                let height = entries.iter().map(|entry| entry.value.height).max();
                (Kind::Map(entries), weight, height)
            }
        };
        self.put(Rc::new(Yaml { at, kind, weight: weight + 1, height: height.unwrap_or(0) + 1 }), anchor)
    }

    fn key(&mut self, text: String, is_text: bool, anchor: usize, at: At) -> Result<(), Problem> {
        if !is_text && text == "<<" {
            return problem(at, "merge keys (`<<`) are not part of YAML 1.2", "write the keys out");
        }
        if anchor != 0 {
            let kind = Kind::Text(text.clone());
            self.anchors.insert(anchor, Rc::new(Yaml { at, kind, weight: text.len() + 1, height: 1 }));
        }
        if let Some(Container { content: Content::Map { keys, key, .. }, .. }) = self.open.last_mut() {
            if !keys.insert(text.clone()) {
                let message = format!("the key `{text}` appears twice in this object");
                return problem(at, message, "keep one of them");
            }
            *key = Some((text, at));
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, at: At) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return problem(at, "this alias stands inside the node it stands for", "write the value out");
        };
        self.from_aliases = self.from_aliases.saturating_add(node.weight);
        if self.from_aliases > MOST_FROM_ALIASES {
            let message = format!("aliases add more than {} MiB to this file", MOST_FROM_ALIASES >> 20);
            return problem(at, message, "use fewer of them, or put the data into a file of its own");
        }
        if self.open.len() + node.height > DEEPEST {
            return too_deep(at);
        }
        if self.wants_key() {
            return match &node.kind {
                Kind::Text(text) => self.key(text.clone(), true, 0, at),
                _ => problem(at, "a key must be text", "write the key out"),
            };
        }
        self.put(node, 0)
    }

    fn put(&mut self, node: Rc<Yaml>, anchor: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|container| &mut container.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, key, .. }) => {
                if let Some((key, at)) = key.take() {
                    entries.push(YamlEntry { key, at, value: node });
                }
            }
        }
        Ok(())
    }
}

fn problem<T>(at: At, message: impl Into<String>, help: impl Into<String>) -> Result<T, Problem> {
    Err(Problem { at, message: message.into(), help: help.into() })
}

fn too_deep<T>(at: At) -> Result<T, Problem> {
    problem(at, format!("this is nested more than {DEEPEST} levels deep"), "put the data into a JSON file of its own")
}

/// Whether a tag makes a scalar text. Tags outside of the core schema ask for types that JSON does not have.
fn is_text(tag: Option<&Tag>, at: At) -> Result<bool, Problem> {
    let Some(tag) = tag else { return Ok(false) };
    if tag.handle.is_empty() && tag.suffix == "!" {
        return Ok(true);
    }
    match tag.suffix.as_str() {
        "str" if tag.is_yaml_core_schema() => Ok(true),
        "null" | "bool" | "int" | "float" | "seq" | "map" if tag.is_yaml_core_schema() => Ok(false),
        suffix => {
            let handle = if tag.is_yaml_core_schema() { "!!" } else { tag.handle.as_str() };
            problem(at, format!("the tag `{handle}{suffix}` has no meaning here"), "remove the tag")
        }
    }
}

/// An unquoted scalar, by the core schema.
fn plain(text: &str, at: At) -> Result<Kind, Problem> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => {
            let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
            if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
                return problem(at, format!("JSON has no `{text}`"), "use a number, or put quotes around it");
            }
            match number(text) {
                Some(number) => Kind::Number(number),
                None => Kind::Text(text.to_owned()),
            }
        }
    })
}

/// The number as JSON writes it, every digit kept.
fn number(text: &str) -> Option<String> {
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
            return is_number.then(|| u128::from_str_radix(digits, radix).ok().map(|n| n.to_string())).flatten();
        }
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let mut number = format!("{sign}{}", if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        number.push('.');
        number.push_str(fraction);
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !all_digits(digits) {
            return None;
        }
        number.push('e');
        number.push_str(exponent);
    }
    Some(number)
}
