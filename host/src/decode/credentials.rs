//! The credentials map: what a step's `configuration` stands for when it is an id. Its lines never appear in a message.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use super::diagnostic::Diagnostic;
use super::document::Document;
use super::{Error, Format};

/// Credentials by id.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<String, Map<String, Value>>);

impl Credentials {
    /// Reads the text of a JSON or YAML file, an object of id → object. The path is not read: its extension says which.
    pub fn parse(path: &Path, text: &str) -> Result<Credentials, Error> {
        let Some(format) = Format::of(path) else {
            let help = "write it as .json, .yaml or .yml";
            return Err(Error::Unreadable(Diagnostic::about_file(path, "this is not a credentials file", help).into()));
        };
        let document = Document::parse(path, text, format, true)?;
        let entries = document.root().map("the credentials file")?;
        let credential = |entry: super::document::Entry<'_>| {
            let content = entry.value.to_map(&format!("the credential `{}`", entry.key))?;
            Ok((entry.key.into_owned(), content))
        };
        entries.into_iter().map(credential).collect::<Result<_, _>>().map(Credentials)
    }

    /// The credential with this id.
    pub fn get(&self, id: &str) -> Option<&Map<String, Value>> {
        self.0.get(id)
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ids()).finish()
    }
}
