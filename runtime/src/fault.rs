//! What user code threw, as an outcome: which class of error it is, where in the author's source, and what to do about it.

use std::collections::HashMap;
use std::sync::Arc;

use deno_core::error::JsError;
use deno_core::v8;
use fulgurite_plan::{ErrorReport, KillReason, Outcome, Position, Source};
use serde_json::Value;

/// The sources of a run by module name, to find positions in.
#[derive(Default)]
pub(crate) struct Sources {
    by_module: HashMap<String, Known>,
}

struct Known {
    name: String,
    /// What the author wrote, as far as it is known: the module itself, or what its source map carries.
    text: Option<Arc<str>>,
}

impl Sources {
    /// Takes note of a module before it is loaded. With a source map, its own or one inside, positions are those of the source
    /// that it was compiled from.
    pub(crate) fn add(&mut self, module: &str, source: &Source, map: Option<&str>) {
        let text = match map.map(str::to_owned).or_else(|| inline_map(&source.text)) {
            Some(map) => original(&map),
            None => Some(source.text.clone()),
        };
        let known = Known { name: source.name.clone(), text };
        self.by_module.insert(module.to_owned(), known);
    }

    /// The error for an import that was refused; it points at the first place where the specifier stands in quotes.
    pub(crate) fn import_error(&self, specifier: &str) -> ErrorReport {
        let place = self.by_module.values().find_map(|known| {
            let text = known.text.as_ref()?;
            let (offset, _) = text.match_indices(specifier).find(|(at, _)| {
                let before = text[..*at].chars().next_back();
                matches!(before, Some('"' | '\'' | '`'))
            })?;
            Some((known, text, offset - 1))
        });
        let position = place.map(|(known, text, offset)| {
            let before = &text[..offset];
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            Position {
                file: known.name.clone(),
                line: 1 + before.matches('\n').count() as u32,
                column: 1 + before[line_start..].chars().count() as u32,
                source_line: text[line_start..].lines().next().map(str::to_owned),
            }
        });
        ErrorReport {
            position,
            hint: Some(
                "a job cannot import anything yet: not even adaptors, and never files, URLs or Node's modules".into(),
            ),
            ..ErrorReport::new("ImportError", format!("module blacklisted: {specifier}"))
        }
    }

    /// The first frame that lies in a job's own source. deno_core has mapped it already.
    fn position(&self, error: &JsError) -> Option<Position> {
        let (known, frame) = error.frames.iter().find_map(|frame| {
            let known = self.by_module.get(frame.file_name.as_deref()?)?;
            Some((known, frame))
        })?;
        let line = u32::try_from(frame.line_number?).ok()?;
        let column = u32::try_from(frame.column_number.unwrap_or(1)).unwrap_or(1);
        let line_of = |text: &Arc<str>| text.lines().nth(line as usize - 1).map(str::to_owned);
        let source_line = known.text.as_ref().and_then(line_of);
        Some(Position { file: known.name.clone(), line, column, source_line })
    }
}

/// The source map that a compiled job carries in its last comment, as a `data:` URL.
fn inline_map(code: &str) -> Option<String> {
    let (_, url) = code.rsplit_once("sourceMappingURL=data:application/json")?;
    let (_, encoded) = url.split_once("base64,")?;
    let encoded = encoded.split_whitespace().next()?;
    let map = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded).ok()?;
    String::from_utf8(map).ok()
}

/// What the author wrote, from the `sourcesContent` of a map (ECMA-426).
fn original(map: &str) -> Option<Arc<str>> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Map {
        sources_content: Vec<Option<String>>,
    }
    let map: Map = serde_json::from_str(map).ok()?;
    map.sources_content.into_iter().next()?.map(Into::into)
}

/// Where in a step it happened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// While the job's module was compiled.
    Compile,
    /// While the job's module was evaluated.
    Load,
    /// While its operations ran.
    Run,
    /// In something that the job started and nobody waited for: a rejection without a handler, a timer's callback.
    Loose,
}

/// The outcome for something thrown, of which only deno_core's description is left.
pub(crate) fn from_js_error(sources: &Sources, error: &JsError, moment: Moment) -> Outcome {
    let name = error.name.clone().unwrap_or_else(|| "Error".into());
    let message = error.message.clone().unwrap_or_else(|| error.exception_message.clone());
    let position = sources.position(error);
    classify(&name, message, position, None, false, moment)
}

/// The outcome for a thrown value. Reads its properties, which may run user code; whatever that throws is ignored.
pub(crate) fn from_exception(
    scope: &mut v8::PinScope,
    sources: &Sources,
    exception: v8::Local<v8::Value>,
    moment: Moment,
    remove: &[String],
) -> Outcome {
    v8::tc_scope!(let scope, scope);
    let exception = v8::Local::new(scope, exception);
    let error = JsError::from_v8_exception(scope, exception);
    let position = sources.position(&error);
    let Ok(object) = v8::Local::<v8::Object>::try_from(exception) else {
        // `throw "text"`, `throw null`, …
        let shown = exception.to_detail_string(scope).map(|text| crate::text::lossy(scope, text)).unwrap_or_default();
        return classify("", shown, position, None, false, moment);
    };
    let text = |scope: &mut v8::PinScope, name: &str| {
        let key = v8::String::new(scope, name)?;
        let value = object.get(scope, key.into())?;
        v8::Local::<v8::String>::try_from(value).ok().map(|text| crate::text::lossy(scope, text))
    };
    let name = error.name.clone().or_else(|| text(scope, "name")).unwrap_or_default();
    let details = details(scope, object, remove);
    let message = match error.message.clone().or_else(|| text(scope, "message")) {
        Some(message) => message,
        None => "the job threw an object that has no message; see its details".into(),
    };
    let crash = text(scope, "severity").as_deref() == Some("crash");
    scope.reset();
    classify(&name, message, position, details, crash, moment)
}

/// What the error carries besides name, message and stack, as JSON, if it is small and can be had. What comes off every state
/// comes off here, too: jobs do throw their state.
fn details(scope: &mut v8::PinScope, object: v8::Local<v8::Object>, remove: &[String]) -> Option<Value> {
    const MOST: usize = 64 * 1024;
    let json = v8::json::stringify(scope, object.into())?;
    if json.length() > MOST {
        return None;
    }
    let mut value: Value = serde_json::from_str(&crate::text::lossy(scope, json)).ok()?;
    if let Value::Object(map) = &mut value {
        map.retain(|key, _| !key.starts_with('_') && !remove.contains(key));
    }
    match &value {
        Value::Object(map) if map.is_empty() => None,
        Value::Object(_) | Value::Array(_) => Some(value),
        _ => None,
    }
}

fn classify(
    name: &str,
    message: String,
    position: Option<Position>,
    details: Option<Value>,
    crash: bool,
    moment: Moment,
) -> Outcome {
    let report = |class: &'static str, message: String| ErrorReport {
        subtype: (!name.is_empty() && name != "Error" && name != class).then(|| name.to_owned()),
        position: position.clone(),
        details: details.clone(),
        ..ErrorReport::new(class, message)
    };
    let named = |message: &str| if name.is_empty() { message.to_owned() } else { format!("{name}: {message}") };
    match name {
        _ if moment == Moment::Loose && name != "EvalError" => {
            let mut report = report("ExecutionError", format!("nobody handled {}", named(&message)));
            let hint = "await or return every promise that the job makes, or give it a `.catch()`; catch errors in the callbacks of \
                        timers and listeners";
            report.hint = Some(hint.into());
            Outcome::Crash(report)
        }
        "SyntaxError" if moment == Moment::Compile => Outcome::Crash(report("CompileError", named(&message))),
        "TypeError" | "RangeError" if !crash => {
            let mut fail = report("RuntimeError", named(&message));
            fail.hint = hint(&message);
            Outcome::Fail(fail)
        }
        "ReferenceError" | "SyntaxError" => {
            let mut report = report("RuntimeCrash", named(&message));
            report.hint = hint(&message);
            Outcome::Crash(report)
        }
        "EvalError" => {
            let mut report = report("SecurityError", "Illegal eval statement detected".into());
            report.hint = Some("a job cannot run code from strings: no eval, no new Function".into());
            Outcome::Kill(KillReason::Security, report)
        }
        _ if crash => Outcome::Crash(report("RuntimeCrash", message)),
        _ => Outcome::Fail(report("JobError", message)),
    }
}

/// What to do, for the mistakes that jobs are full of.
fn hint(message: &str) -> Option<String> {
    if message.starts_with("Cannot read properties of undefined")
        || message.starts_with("Cannot read properties of null")
    {
        return Some("check that the value exists first, or read it with `?.`".into());
    }
    if let Some(name) = message.strip_suffix(" is not defined") {
        return Some(match name {
            "require" | "process" | "Buffer" | "__dirname" => format!("`{name}` is Node's; a job runs without Node"),
            "fn" | "fnIf" | "each" | "combine" | "dataValue" | "dataPath" | "lastReferenceValue" | "field"
            | "fields" | "merge" | "sourceValue" | "get" | "post" | "put" | "patch" | "del" | "http" | "cursor"
            | "$" => format!(
                "`{name}` is an adaptor's, and adaptors are not loaded yet: write the compiled form, \
                 `export default [state => …]`"
            ),
            _ => format!("is `{name}` spelled right?"),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, message: &str, crash: bool, moment: Moment, expected: &str) {
        let outcome = classify(name, message.into(), None, None, crash, moment);
        let error = outcome.error().unwrap();
        let subtype = error.subtype.as_deref().unwrap_or("-");
        assert_eq!(format!("{} {} {subtype}: {}", outcome.reason(), error.name, error.message), expected);
    }

    #[test]
    fn classes_of_errors() {
        use Moment::{Compile, Loose, Run};
        check("TypeError", "x", false, Run, "fail RuntimeError TypeError: TypeError: x");
        check("RangeError", "x", false, Run, "fail RuntimeError RangeError: RangeError: x");
        check("ReferenceError", "x", false, Run, "crash RuntimeCrash ReferenceError: ReferenceError: x");
        check("SyntaxError", "x", false, Run, "crash RuntimeCrash SyntaxError: SyntaxError: x");
        check("SyntaxError", "x", false, Compile, "crash CompileError SyntaxError: SyntaxError: x");
        check("EvalError", "x", false, Run, "kill SecurityError EvalError: Illegal eval statement detected");
        check("Error", "x", false, Run, "fail JobError -: x");
        check("", "x", false, Run, "fail JobError -: x");
        check("MyError", "x", false, Run, "fail JobError MyError: x");
        check("MyError", "x", true, Run, "crash RuntimeCrash MyError: x");
        check("TypeError", "x", false, Loose, "crash ExecutionError TypeError: nobody handled TypeError: x");
        check("EvalError", "x", false, Loose, "kill SecurityError EvalError: Illegal eval statement detected");
    }
}
