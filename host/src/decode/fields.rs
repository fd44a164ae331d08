//! The keys of an object: known ones are taken one by one, near misses are errors, strangers are warnings.

use fulgurite_plan::suggest;

use super::Error;
use super::diagnostic::Warnings;
use super::document::{Entry, Node};

/// What may stand in one kind of object.
pub(super) struct Keys {
    /// What the object is called in messages, such as `a step`.
    pub(super) what: &'static str,
    pub(super) known: &'static [&'static str],
    /// Keys of other tools, without meaning here and without harm.
    pub(super) ignored: &'static [&'static str],
    /// Words that people use for a known key, with what to do instead.
    pub(super) instead: &'static [(&'static str, &'static str)],
}

pub(super) struct Fields<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(node: &Node<'a>, what: &str, keys: &Keys, warnings: &mut Warnings) -> Result<Fields<'a>, Error> {
        let entries = node.map(what)?;
        for Entry { key, key_at, .. } in &entries {
            let key = key.as_ref();
            if keys.known.contains(&key) || keys.ignored.contains(&key) || key.starts_with("x-") || key == "$schema" {
                continue;
            }
            let message = format!("{} has no key `{key}`", keys.what);
            if let Some((_, instead)) = keys.instead.iter().find(|(word, _)| *word == key) {
                return Err(node.error_at(*key_at, message, *instead));
            }
            if let Some(meant) = suggest::nearest(key, keys.known.iter().copied()) {
                return Err(node.error_at(*key_at, message, format!("did you mean `{meant}`?")));
            }
            let help = format!("it is ignored; the keys of {} are {}", keys.what, keys.known.join(", "));
            warnings.push(message, |message| node.warning_at(*key_at, message, help));
        }
        Ok(Fields { entries })
    }

    /// The value of a key; `null` counts as absent.
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!entry.value.is_null()).then(|| entry.value.clone())
    }

    /// The text of a key that should have one.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Error> {
        self.get(key).map(|node| node.text(&format!("`{key}`")).map(std::borrow::Cow::into_owned)).transpose()
    }
}
