//! A JSON or YAML file as a tree whose every node knows where it stands, so that a wrong value can be pointed at.
//!
//! JSON is checked as a whole first and then opened level by level from the raw text: what nobody opens (a default
//! state of 100 MB, say) is never built. YAML has no such shortcut and is parsed in full, see [`super::yaml`].

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::diagnostic::{Diagnostic, Place};
use super::yaml::{self, Yaml};
use super::{Error, Format};

/// A parsed file.
pub(super) struct Document {
    file: PathBuf,
    text: String,
    yaml: Option<Rc<Yaml>>,
    /// The file holds credentials: no line of it may appear in a message.
    secret: bool,
}

/// A value in a document.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) at: At,
    document: &'a Document,
    tree: Tree<'a>,
}

#[derive(Clone)]
enum Tree<'a> {
    Json(&'a str),
    Yaml(&'a Yaml),
}

/// A node's content, one level of it.
pub(super) enum Open<'a> {
    Null,
    Bool(bool),
    /// As JSON writes it.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Vec<Entry<'a>>),
}

/// A key with its value.
pub(super) struct Entry<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) key_at: At,
    pub(super) value: Node<'a>,
}

/// Where something stands in a document; turned into a [`Place`] only when there is something to say about it.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Byte(usize),
    /// Both from 1.
    Line {
        line: usize,
        column: usize,
    },
}

/// What a parser has to say about a place, before the document is put together.
pub(super) struct Problem {
    pub(super) at: At,
    pub(super) message: String,
    pub(super) help: String,
}

impl Document {
    pub(super) fn parse(file: &Path, text: &str, format: Format, secret: bool) -> Result<Document, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let mut document = Document { file: file.to_owned(), text, yaml: None, secret };
        let parsed = match format {
            Format::Json => check_json(&document.text).map(|()| None),
            Format::Yaml => yaml::parse(&document.text).map(Some),
        };
        document.yaml = parsed.map_err(|problem| {
            Error::Syntax(document.diagnostic(problem.at, problem.message, Some(problem.help)).into())
        })?;
        Ok(document)
    }

    pub(super) fn root(&self) -> Node<'_> {
        match &self.yaml {
            Some(yaml) => Node::yaml(self, yaml),
            None => Node::json(self, self.text.trim_ascii()),
        }
    }

    pub(super) fn diagnostic(&self, at: At, message: impl Into<String>, help: Option<String>) -> Diagnostic {
        let mut place = match at {
            At::Byte(byte) => Place::at_byte(&self.text, byte),
            At::Line { line, column } => Place::at_line(&self.text, line, column),
        };
        if self.secret {
            place.excerpt = None;
        }
        Diagnostic { message: message.into(), file: self.file.clone(), place: Some(place), help }
    }
}

impl<'a> Node<'a> {
    fn json(document: &'a Document, raw: &'a str) -> Node<'a> {
        let at = At::Byte(offset(&document.text, raw));
        Node { at, document, tree: Tree::Json(raw) }
    }

    fn yaml(document: &'a Document, yaml: &'a Yaml) -> Node<'a> {
        Node { at: yaml.at, document, tree: Tree::Yaml(yaml) }
    }

    pub(super) fn error(&self, message: impl Into<String>, help: impl Into<String>) -> Error {
        self.error_at(self.at, message, help)
    }

    pub(super) fn error_at(&self, at: At, message: impl Into<String>, help: impl Into<String>) -> Error {
        Error::Shape(self.document.diagnostic(at, message, Some(help.into())).into())
    }

    pub(super) fn warning_at(&self, at: At, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        self.document.diagnostic(at, message, Some(help.into()))
    }

    pub(super) fn is_null(&self) -> bool {
        match self.tree {
            Tree::Json(raw) => raw == "null",
            Tree::Yaml(yaml) => matches!(yaml.kind, yaml::Kind::Null),
        }
    }

    pub(super) fn is_map(&self) -> bool {
        match self.tree {
            Tree::Json(raw) => raw.starts_with('{'),
            Tree::Yaml(yaml) => matches!(yaml.kind, yaml::Kind::Map(_)),
        }
    }

    pub(super) fn open(&self) -> Result<Open<'a>, Error> {
        let document = self.document;
        match self.tree {
            Tree::Json(raw) => self.open_json(raw),
            Tree::Yaml(yaml) => Ok(match &yaml.kind {
                yaml::Kind::Null => Open::Null,
                yaml::Kind::Bool(value) => Open::Bool(*value),
                yaml::Kind::Number(text) => Open::Number(Cow::Borrowed(text)),
                yaml::Kind::Text(text) => Open::Text(Cow::Borrowed(text)),
                yaml::Kind::List(items) => Open::List(items.iter().map(|item| Node::yaml(document, item)).collect()),
                yaml::Kind::Map(entries) => Open::Map(
                    entries
                        .iter()
                        .map(|entry| Entry {
                            key: Cow::Borrowed(&entry.key),
                            key_at: entry.at,
                            value: Node::yaml(document, &entry.value),
                        })
                        .collect(),
                ),
            }),
        }
    }

    fn open_json(&self, raw: &'a str) -> Result<Open<'a>, Error> {
        let document = self.document;
        Ok(match raw.as_bytes().first() {
            Some(b'{') => {
                let Entries(entries) = serde_json::from_str(raw).map_err(|error| self.unreadable(&error))?;
                let mut end = offset(&document.text, raw) + 1;
                let entries = entries.into_iter().map(|(key, value)| {
                    let key_at = document.text[end..].find('"').map_or(end, |quote| end + quote);
                    let value = Node::json(document, value.get());
                    if let (At::Byte(start), Tree::Json(raw)) = (value.at, &value.tree) {
                        end = start + raw.len();
                    }
                    Entry { key: Cow::Owned(key), key_at: At::Byte(key_at), value }
                });
                let entries: Vec<_> = entries.collect();
                let mut seen = std::collections::HashSet::new();
                if let Some(twice) = entries.iter().find(|entry| !seen.insert(entry.key.as_ref())) {
                    let message = format!("the key `{}` appears twice in this object", twice.key);
                    return Err(self.error_at(twice.key_at, message, "keep one of them"));
                }
                Open::Map(entries)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(|error| self.unreadable(&error))?;
                Open::List(items.into_iter().map(|item| Node::json(document, item.get())).collect())
            }
            Some(b'"') => {
                let text: String = serde_json::from_str(raw).map_err(|error| self.unreadable(&error))?;
                Open::Text(Cow::Owned(text))
            }
            Some(b'n') => Open::Null,
            Some(b't') => Open::Bool(true),
            Some(b'f') => Open::Bool(false),
            _ => Open::Number(Cow::Borrowed(raw)),
        })
    }

    /// Legal JSON that still is no text: half of a surrogate pair.
    fn unreadable(&self, error: &serde_json::Error) -> Error {
        self.error(
            format!("this cannot be read as text: {}", without_position(error)),
            "write the character itself, or both `\\u` halves of it",
        )
    }

    /// The text; anything else is an error that calls the value `what`.
    pub(super) fn text(&self, what: &str) -> Result<Cow<'a, str>, Error> {
        match self.open()? {
            Open::Text(text) => Ok(text),
            Open::Number(_) | Open::Bool(_) => {
                Err(self.error(format!("{what} must be text"), "put quotes around the value"))
            }
            other => Err(self.error(format!("{what} must be text, but is {}", other.kind()), "write it in quotes")),
        }
    }

    /// The entries; anything else is an error that calls the value `what`.
    pub(super) fn map(&self, what: &str) -> Result<Vec<Entry<'a>>, Error> {
        match self.open()? {
            Open::Map(entries) => Ok(entries),
            other => Err(self
                .error(format!("{what} must be an object, but is {}", other.kind()), "write it as `key: value` pairs")),
        }
    }

    /// The value's JSON text; for JSON as it stands in the file.
    pub(super) fn to_json(&self) -> Cow<'a, str> {
        match self.tree {
            Tree::Json(raw) => Cow::Borrowed(raw),
            Tree::Yaml(yaml) => Cow::Owned(yaml.to_json()),
        }
    }

    /// The object, read in full.
    pub(super) fn to_map(&self, what: &str) -> Result<Map<String, Value>, Error> {
        if !self.is_map() {
            self.map(what)?;
        }
        serde_json::from_str(&self.to_json()).map_err(|error| {
            self.error(format!("{what} cannot be read: {}", without_position(&error)), "check what is inside it")
        })
    }
}

impl Open<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Open::Null => "null",
            Open::Bool(_) => "true or false",
            Open::Number(_) => "a number",
            Open::Text(_) => "text",
            Open::List(_) => "a list",
            Open::Map(_) => "an object",
        }
    }
}

fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

fn check_json(text: &str) -> Result<(), Problem> {
    let Err(error) = serde_json::from_str::<&RawValue>(text) else { return Ok(()) };
    if text.trim_ascii().is_empty() {
        return Err(empty_file());
    }
    // serde_json counts columns in bytes, up to and including the one it stumbled over.
    let line_start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let at = line_start + error.column().saturating_sub(1);
    if let Some(comma) = trailing_comma(text, at) {
        return Err(Problem {
            at: At::Byte(comma),
            message: "this is not JSON: nothing comes after this comma".into(),
            help: "remove the comma".into(),
        });
    }
    Err(Problem {
        at: At::Byte(at),
        message: format!("this is not JSON: {}", without_position(&error)),
        help: "repair the syntax here, or just before".into(),
    })
}

/// The most common slip: where the comma is, when a closing bracket right after it was stumbled over.
fn trailing_comma(text: &str, at: usize) -> Option<usize> {
    let (before, after) = text.as_bytes().split_at_checked(at)?;
    let before = before.trim_ascii_end();
    (matches!(after.first(), Some(b'}' | b']')) && before.ends_with(b",")).then(|| before.len() - 1)
}

pub(super) fn empty_file() -> Problem {
    Problem {
        at: At::Byte(0),
        message: "the file is empty".into(),
        help: "a workflow looks like `{ \"steps\": [ { \"expression\": \"./job.js\" } ] }`".into(),
    }
}

/// The message without its ` at line 1 column 2`: the place is shown otherwise.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// The entries of an object in order, with their raw values and without dropping what comes twice.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}
