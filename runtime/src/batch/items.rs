//! Where the items of a step come from. An array that nobody has touched is not parsed.

use bytes::Bytes;
use deno_core::v8;
use fulgurite_context::{Found, Scope as Sight};
use fulgurite_plan::{ErrorReport, Outcome};

use crate::desk::{Begun, Desk, STREAM_ERROR, gone};
use crate::encode;
use crate::expression::failed;
use crate::fault::{self, Moment};

/// Where the items of a step are.
pub(crate) enum ItemsFrom<'s> {
    /// In an array, as JSON text.
    Array(Bytes),
    /// In a stream or an iterator.
    Source(v8::Local<'s, v8::Value>),
}

/// Finds the items of a step. An array that nobody has touched is not parsed.
///
/// # Errors
/// The outcome of the step.
pub(crate) fn items_of<'s>(
    desk: &Desk,
    scope: &mut v8::PinScope<'s, '_>,
    begun: &Begun,
) -> Result<ItemsFrom<'s>, Outcome> {
    let step = &desk.plan()[begun.step];
    let said = desk.said(begun.step).expect("a step over items says which");
    let expression = said.items.as_ref().expect("a step over items says which");
    let wrong = |what: &str| {
        let message =
            format!("`with_items` of step {} is {what}, and must be an array, a stream or an iterator", step.id);
        let hint = Some(format!("`{expression}` was evaluated over the step's input"));
        Outcome::Fail(ErrorReport { hint, ..ErrorReport::new("ItemsError", message) })
    };
    let context = desk.context();
    let sight = Sight { context: &context, state: Some(&begun.input), item: None };
    if let Some(path) = expression.path() {
        let found = path.resolve(&sight);
        match found.map_err(|broken| wrong(&format!("nothing ({broken})")))? {
            Found::Value(text) if text.first() == Some(&b'[') => return Ok(ItemsFrom::Array(text)),
            Found::Value(text) => {
                return Err(wrong(match text.first() {
                    _ if &text[..] == b"\"[stream]\"" => {
                        return Err(Outcome::Fail(ErrorReport::new(STREAM_ERROR, gone(expression.text()))));
                    }
                    Some(b'{') => "an object",
                    Some(b'"') => "a text",
                    Some(b'n') => "null",
                    Some(b't' | b'f') => "true or false",
                    _ => "a number",
                }));
            }
            Found::Undefined => return Err(wrong("undefined")),
            Found::AskJavaScript => {}
        }
    }
    let tools = &desk.tools;
    let value = desk.expressions.evaluate(scope, &tools.views, expression.text(), &sight);
    let value = value.map_err(|problem| {
        let error = fulgurite_context::Error::Thrown(problem);
        Outcome::Fail(failed("with_items", step.id.as_str(), &error))
    })?;
    if value.is_array() {
        let encoded = encode::encode(scope, &tools.views, &tools.pristine, &desk.values, value);
        let encoded = encoded.map_err(|error| wrong(&format!("an array that is no JSON ({})", error.in_words())))?;
        return Ok(ItemsFrom::Array(encoded.state.map_or(Bytes::from_static(b"[]"), |state| state.to_bytes())));
    }
    let is_source = {
        v8::tc_scope!(let scope, scope);
        let is_source = v8::Local::new(scope, &tools.pristine.is_source);
        let undefined = v8::undefined(scope).into();
        match (is_source.call(scope, undefined, &[value]), scope.exception()) {
            (Some(answer), _) => answer.is_true(),
            (None, Some(exception)) => return Err(thrown(desk, scope, exception)),
            (None, None) => false,
        }
    };
    match is_source {
        true => Ok(ItemsFrom::Source(value)),
        false => Err(wrong(if value.is_object() { "an object" } else { "no object" })),
    }
}

/// The outcome for what a source of items threw.
pub(crate) fn thrown<'s>(
    desk: &Desk,
    scope: &mut v8::PinScope<'s, '_>,
    exception: v8::Local<'s, v8::Value>,
) -> Outcome {
    fault::from_exception(scope, &desk.tools.sources, exception, Moment::Run, None, &desk.options.remove)
}
