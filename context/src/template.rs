//! Templates: text with `{{ … }}` in it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use fulgurite_state::quote::quote_utf16;

use crate::context::Scope;
use crate::path::{Broken, Found, Path};

/// A text with `{{ … }}` in it, read once. One that is nothing but a single `{{ … }}` keeps the type of its value; any other
/// becomes text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// Bytes of the texts.
    len: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// As it stands between the quotes of JSON.
    Text(Box<str>),
    Expression(Expression),
}

/// What stands between the braces, or alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    text: Arc<str>,
    path: Option<Path>,
}

/// Whoever can evaluate what is more than a path. Answers JSON text, `None` for undefined.
pub trait Evaluate {
    /// Why it could not.
    type Error;

    /// Evaluates JavaScript.
    ///
    /// # Errors
    /// What was thrown.
    fn evaluate(&mut self, expression: &Arc<str>, scope: &Scope<'_>) -> Result<Option<Bytes>, Self::Error>;

    /// Bytes that a text made of several parts may have.
    fn longest(&self) -> usize {
        usize::MAX
    }
}

/// Why a template cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// A path leads through nothing.
    #[error(transparent)]
    Broken(Broken),
    /// JavaScript threw.
    #[error("{0}")]
    Thrown(E),
    /// More than [`Evaluate::longest`].
    #[error("what is put together is longer than {0} bytes")]
    TooLong(usize),
}

/// # Errors
/// [`Error::TooLong`].
pub(crate) fn bounded<E: Evaluate>(out: &[u8], evaluate: &E) -> Result<(), Error<E::Error>> {
    match evaluate.longest() {
        longest if out.len() > longest => Err(Error::TooLong(longest)),
        _ => Ok(()),
    }
}

impl Template {
    /// Reads a template; `None` when there is nothing to fill in.
    pub fn parse(text: &str) -> Option<Template> {
        let mut parts = Vec::new();
        let trimmed = text.trim();
        let is_whole = trimmed.starts_with("{{") && trimmed.find("}}").is_some_and(|end| end + 2 == trimmed.len());
        // White space around it is not meant to make a text of it.
        let mut rest = if is_whole { trimmed } else { text };
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inside, after)) = after.split_once("}}") else { break };
            if !before.is_empty() {
                parts.push(Part::Text(quoted(before)));
            }
            parts.push(Part::Expression(Expression::new(inside)));
            rest = after;
        }
        if parts.is_empty() {
            return None;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(quoted(rest)));
        }
        let len = parts.iter().map(|part| if let Part::Text(text) = part { text.len() } else { 24 }).sum();
        Some(Template { parts, len })
    }

    /// The only expression, if there is nothing beside it.
    pub fn whole(&self) -> Option<&Expression> {
        match &self.parts[..] {
            [Part::Expression(expression)] => Some(expression),
            _ => None,
        }
    }

    /// All expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression) => Some(expression),
            Part::Text(_) => None,
        })
    }

    /// The template as JSON text; `None` for undefined. In a text, `undefined` and `null` are empty, and what is neither text nor
    /// number nor truth is its JSON.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn render<E: Evaluate>(&self, scope: &Scope<'_>, evaluate: &mut E) -> Result<Option<Bytes>, Error<E::Error>> {
        if let Some(expression) = self.whole() {
            return expression.value(scope, evaluate);
        }
        let mut out = Vec::with_capacity(self.len + 2);
        out.push(b'"');
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Expression(expression) => {
                    let Some(value) = expression.value(scope, evaluate)? else { continue };
                    match &value[..] {
                        // Between quotes it is what it is.
                        [b'"', inner @ .., b'"'] => out.extend_from_slice(inner),
                        b"null" => {}
                        json => json.iter().for_each(|byte| match byte {
                            b'"' => out.extend_from_slice(b"\\\""),
                            b'\\' => out.extend_from_slice(b"\\\\"),
                            // White space between the values of what came in.
                            b'\n' | b'\r' | b'\t' => out.push(b' '),
                            byte => out.push(*byte),
                        }),
                    }
                    bounded(&out, evaluate)?;
                }
            }
        }
        out.push(b'"');
        Ok(Some(out.into()))
    }
}

impl Expression {
    /// What is written, and whether it is a path.
    pub fn new(text: &str) -> Expression {
        let text = text.trim();
        Expression { text: text.into(), path: Path::parse(text) }
    }

    /// As it was written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The path that it is.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_ref()
    }

    /// Its value as JSON text; `None` for undefined.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn value<E: Evaluate>(&self, scope: &Scope<'_>, evaluate: &mut E) -> Result<Option<Bytes>, Error<E::Error>> {
        if let Some(path) = &self.path {
            match path.resolve(scope).map_err(Error::Broken)? {
                Found::Value(text) => return Ok(Some(text)),
                Found::Undefined => return Ok(None),
                Found::AskJavaScript => {}
            }
        }
        evaluate.evaluate(&self.text, scope).map_err(Error::Thrown)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text as it stands between the quotes of JSON.
fn quoted(text: &str) -> Box<str> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut out = Vec::with_capacity(text.len() + 2);
    quote_utf16(&units, &mut out);
    let inner = out.get(1..out.len().saturating_sub(1)).unwrap_or_default();
    String::from_utf8_lossy(inner).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use fulgurite_state::{IndexOptions, State};

    use super::*;
    use crate::context::Context;

    /// Answers what it was asked.
    pub(crate) struct Echo;

    impl Evaluate for Echo {
        type Error = String;

        fn evaluate(&mut self, expression: &Arc<str>, _: &Scope<'_>) -> Result<Option<Bytes>, String> {
            match &**expression {
                "throw" => Err("thrown".into()),
                "undefined" => Ok(None),
                other => Ok(Some(serde_json::to_vec(&format!("<{other}>")).unwrap().into())),
            }
        }
    }

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let mut context = Context::default();
        let var = |text: &str| State::parse(text.to_owned(), &IndexOptions::default()).unwrap();
        context.set_var("name", var("\"J\\u00f6rg \\\"x\\\"\""));
        context.set_var("n", var("1.50"));
        context.set_var("list", var("[1, \"a\\n\"]"));
        context.set_var("nothing", var("null"));
        let scope = Scope { context: &context, state: None, item: None };
        let got = match Template::parse(template) {
            None => "no template".into(),
            Some(template) => match template.render(&scope, &mut Echo) {
                Ok(Some(text)) => {
                    let text = String::from_utf8(text.to_vec()).unwrap();
                    serde_json::from_str::<serde_json::Value>(&text).expect("it is JSON");
                    text
                }
                Ok(None) => "undefined".into(),
                Err(error) => error.to_string(),
            },
        };
        assert_eq!(got, expected, "{template}");
    }

    #[test]
    fn templates() {
        check("plain", "no template");
        check("{{ open", "no template");
        check("{{vars.n}}", "1.50");
        check(" {{ vars.list }}\n", "[1, \"a\\n\"]");
        check("Hello {{ vars.name }}!", "\"Hello J\\u00f6rg \\\"x\\\"!\"");
        check("\"{{ vars.n }}\"\n", "\"\\\"1.50\\\"\\n\"");
        check("{{ vars.n }}{{ vars.n }}", "\"1.501.50\"");
        check("a {{ vars.list }} b", "\"a [1, \\\"a\\\\n\\\"] b\"");
        check("a{{ vars.nothing }}b{{ vars.missing }}c", "\"abc\"");
        check("{{ vars.missing }}", "undefined");
        check("{{ vars.missing.x }}", "cannot read `x` of undefined in `vars.missing.x`");
        check("{{ vars.n + 1 }}", "\"<vars.n + 1>\"");
        check("x{{ undefined }}", "\"x\"");
        check("x {{ throw }}", "thrown");
        check("{{ item }}", "undefined");
    }
}
