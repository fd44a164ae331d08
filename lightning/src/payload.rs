//! Reading a request's payload, and the forms in which the server says no.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What is said about a key that is missing or null.
pub(crate) const BLANK: &str = "This field can't be blank.";

/// What is said about a value of another kind.
pub(crate) const INVALID: &str = "is invalid";

/// A request that is not granted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    /// The reply has the status `error`, and this for a response.
    Refuse(Value),
    /// The channel's process dies of it: `phx_error`, and no reply.
    Crash(String),
    /// The same, for what newer versions know: no fault of the worker.
    Unsupported(String),
    /// No answer at all.
    Silence,
}

impl Trouble {
    /// A field and what is wrong with it.
    pub(crate) fn field(name: &str, message: &str) -> Trouble {
        Trouble::Refuse(json!({ name: [message] }))
    }

    /// The same, under `errors`.
    pub(crate) fn wrapped(name: &str, message: &str) -> Trouble {
        Trouble::Refuse(json!({ "errors": { name: [message] } }))
    }

    pub(crate) fn crash(why: impl Into<String>) -> Trouble {
        Trouble::Crash(why.into())
    }
}

/// The keys of a payload, each with its value as it came.
#[derive(Debug)]
pub(crate) struct Fields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Handlers take objects and nothing else.
    pub(crate) fn of(payload: &'a str) -> Result<Fields<'a>, Trouble> {
        serde_json::from_str(payload).map(Fields).map_err(|_| Trouble::crash("the payload is not an object"))
    }

    /// The value, if the key is there.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied()
    }

    /// The value, if it is there and not null.
    pub(crate) fn given(&self, name: &str) -> Option<&'a RawValue> {
        self.raw(name).filter(|raw| raw.get() != "null")
    }

    /// The names of all keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }

    /// A string that may be missing. Postgres takes none with a NUL in it.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Trouble> {
        let Some(raw) = self.given(name) else { return Ok(None) };
        let text: String = serde_json::from_str(raw.get()).map_err(|_| Trouble::field(name, INVALID))?;
        if text.contains('\0') { Err(Trouble::crash(format!("a NUL in {name}"))) } else { Ok(Some(text)) }
    }

    /// A string that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, Trouble> {
        match self.text(name)? {
            Some(text) if !text.trim().is_empty() => Ok(text),
            _ => Err(Trouble::field(name, BLANK)),
        }
    }

    /// A UUID that may be missing.
    pub(crate) fn uuid(&self, name: &str) -> Result<Option<String>, Trouble> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match uuid::Uuid::try_parse(&text) {
            Ok(id) => Ok(Some(id.to_string())),
            Err(_) => Err(Trouble::field(name, INVALID)),
        }
    }

    /// A UUID that must be there.
    pub(crate) fn required_uuid(&self, name: &str) -> Result<String, Trouble> {
        self.uuid(name)?.ok_or_else(|| Trouble::field(name, BLANK))
    }

    /// A moment in microseconds, if one is given.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<i64>, Trouble> {
        let Some(raw) = self.given(name) else { return Ok(None) };
        moment(raw.get()).map(Some).ok_or_else(|| Trouble::field(name, INVALID))
    }

    /// A value of any kind.
    pub(crate) fn any<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        self.given(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }
}

/// Microseconds: a string of 16 digits is just that, one of 13 digits and an integer are milliseconds.
fn moment(raw: &str) -> Option<i64> {
    if let Ok(milliseconds) = serde_json::from_str::<i64>(raw) {
        return milliseconds.checked_mul(1000);
    }
    let text: String = serde_json::from_str(raw).ok()?;
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        16 => text.parse().ok(),
        13 => text.parse::<i64>().ok().map(|milliseconds| milliseconds * 1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_three_forms() {
        fn check(raw: &str, expected: Option<i64>) {
            assert_eq!(moment(raw), expected, "{raw}");
        }
        check("\"1767225600000001\"", Some(1_767_225_600_000_001));
        check("\"1767225600000\"", Some(1_767_225_600_000_000));
        check("1767225600000", Some(1_767_225_600_000_000));
        check("\"176722560000\"", None);
        check("\"17672256000000011\"", None);
        check("\"176722560000000x\"", None);
        check("1767225600000.5", None);
        check("{}", None);
    }

    #[test]
    fn fields_are_judged_by_their_kind() {
        let fields = Fields::of(r#"{"a":"x","b":7,"c":null,"n":"\u0000","blank":" "}"#).unwrap();
        assert_eq!(fields.required("a"), Ok("x".to_owned()));
        assert_eq!(fields.required("b"), Err(Trouble::field("b", INVALID)));
        assert_eq!(fields.required("c"), Err(Trouble::field("c", BLANK)));
        assert_eq!(fields.required("blank"), Err(Trouble::field("blank", BLANK)));
        assert_eq!(fields.uuid("a"), Err(Trouble::field("a", INVALID)));
        assert!(matches!(fields.text("n"), Err(Trouble::Crash(_))));
        assert!(matches!(Fields::of("[]"), Err(Trouble::Crash(_))));
    }
}
