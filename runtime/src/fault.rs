//! What user code threw, as an outcome: which class of error it is, where in the author's source, and what to do about it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use deno_core::error::JsError;
use deno_core::v8;
use fulgurite_compile::{import, references};
use fulgurite_plan::{ErrorReport, KillReason, OperationPosition, Outcome, Position, Source, StepIndex, suggest};
use serde_json::Value;

use crate::desk::STREAM_ERROR;
use crate::executable::{Executable, map_name};
use crate::loader::{Loader, Refused, is_adaptor};

/// The sources of a run by module name, to find positions in. Looking into what was thrown may run user code, which may begin another
/// step: so nothing here is borrowed for longer than a look takes.
pub(crate) struct Sources {
    by_module: RefCell<HashMap<String, Rc<Known>>>,
    loader: Rc<Loader>,
    /// Whose job was loaded last.
    step: Cell<Option<StepIndex>>,
}

struct Known {
    name: String,
    /// What the author wrote, as far as it is known: the module itself, or what its source map carries.
    text: Option<Arc<str>>,
}

impl Sources {
    pub(crate) fn new(loader: Rc<Loader>) -> Sources {
        Sources { by_module: RefCell::default(), loader, step: Cell::new(None) }
    }

    /// Takes note of a module before it is loaded. With a source map, its own or one inside, positions are those of the source
    /// that it was compiled from.
    pub(crate) fn add(&self, module: &str, source: &Source, executable: &Executable, step: Option<StepIndex>) {
        let text = if executable.code != source.text {
            // Compiled here, so this is where the map leads.
            Some(source.text.clone())
        } else {
            match &executable.map {
                Some(map) => original(map),
                None => Some(source.text.clone()),
            }
        };
        let known = Known { name: source.name.clone(), text };
        self.by_module.borrow_mut().insert(module.to_owned(), Rc::new(known));
        self.enter(step);
    }

    /// The job of that step is about to run.
    pub(crate) fn enter(&self, step: Option<StepIndex>) {
        self.step.set(step.or(self.step.get()));
    }

    /// What the author calls a module.
    pub(crate) fn name(&self, module: &str) -> Option<String> {
        Some(self.known(module)?.name.clone())
    }

    fn known(&self, module: &str) -> Option<Rc<Known>> {
        self.by_module.borrow().get(module).cloned()
    }

    /// The error for an import that was refused; it points at the import, where the importer names it in so many words.
    pub(crate) fn import_error(&self, refused: &Refused) -> ErrorReport {
        let Refused { specifier, importer } = refused;
        let position = self.known(importer).and_then(|known| {
            let text = known.text.as_ref()?;
            let (line, column) = import(text, map_name(&known.name), specifier)?;
            Some(known.position(line, column))
        });
        let hint = match self.loader.module_name(importer) {
            Some(name) => format!(
                "the import is in {name}, an adaptor's file; adaptors import files of their own and nothing else"
            ),
            None => match self.loader.importable(importer) {
                None => "globals import nothing".to_owned(),
                Some(adaptors) if adaptors.is_empty() => {
                    "this step has no adaptors; a job imports those and nothing else".to_owned()
                }
                Some(adaptors) => {
                    format!("a job imports its step's adaptors and nothing else; here: {}", adaptors.join(", "))
                }
            },
        };
        ErrorReport {
            position,
            hint: Some(hint),
            ..ErrorReport::new(
                "ImportError",
                format!("module blacklisted: {}", clipped(specifier.to_owned(), LONGEST_NAME)),
            )
        }
    }

    /// Whether the error comes out of an adaptor: nothing of the job's lies between.
    fn is_adaptors(&self, error: &JsError) -> bool {
        let files = error.frames.iter().filter_map(|frame| frame.file_name.as_deref());
        let known = |file: &&str| is_adaptor(file) || self.by_module.borrow().contains_key(*file);
        files.into_iter().find(known).is_some_and(is_adaptor)
    }

    /// What to do, for the mistakes that jobs are full of.
    fn hint(&self, message: &str) -> Option<String> {
        hint(message, || self.step.get().map(|step| self.loader.exports(step)).unwrap_or_default())
    }

    /// The first frame that lies in a job's own source. deno_core has mapped it already.
    fn position(&self, error: &JsError) -> Option<Position> {
        let (known, frame) = error.frames.iter().find_map(|frame| {
            let known = self.known(frame.file_name.as_deref()?)?;
            Some((known, frame))
        })?;
        let line = u32::try_from(frame.line_number?).ok()?;
        let column = u32::try_from(frame.column_number.unwrap_or(1)).unwrap_or(1);
        let found = known.position(line, column);
        // V8 has no position of its own for the load of a global name.
        let name = error.message.as_ref().filter(|_| error.name.as_deref() == Some("ReferenceError"));
        Some(match name.and_then(|message| message.strip_suffix(" is not defined")) {
            Some(name) => known.corrected(found, name),
            None => found,
        })
    }

    /// Where in an adaptor something was thrown, as a hint for its author.
    fn thrown_in(&self, error: &JsError) -> Option<String> {
        let (name, frame) = error.frames.iter().find_map(|frame| {
            let name = self.loader.module_name(frame.file_name.as_deref()?)?;
            Some((name, frame))
        })?;
        Some(format!("thrown in {name}:{}:{}, an adaptor's file", frame.line_number?, frame.column_number?))
    }
}

impl Known {
    fn position(&self, line: u32, column: u32) -> Position {
        let source_line = self.text.as_ref().and_then(|text| fulgurite_compile::line(text, line)).map(str::to_owned);
        Position { file: self.name.clone(), line, column, source_line }
    }

    /// The position, or where the name is used from there on.
    fn corrected(&self, found: Position, name: &str) -> Position {
        let Some(text) = &self.text else { return found };
        let places = references(text, map_name(&self.name), name);
        let here = (found.line, found.column);
        match places.iter().find(|place| **place >= here).or(places.first()) {
            Some(&(line, column)) => self.position(line, column),
            None => found,
        }
    }
}

/// The source map that a compiled job carries in its last comment, as a `data:` URL.
pub(crate) fn inline_map(code: &str) -> Option<String> {
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
    let error = Thrown {
        name: &name,
        message,
        position: sources.position(error),
        operation: None,
        details: None,
        crash: false,
        adaptor: sources.is_adaptors(error),
        thrown_in: sources.thrown_in(error),
    };
    classify(sources, error, moment)
}

/// The outcome for a thrown value. Reads its properties, which may run user code; whatever that throws is ignored. `operation`
/// is the one that was running; it is told where nothing else says where it happened.
pub(crate) fn from_exception(
    scope: &mut v8::PinScope,
    sources: &Sources,
    exception: v8::Local<v8::Value>,
    moment: Moment,
    operation: Option<OperationPosition>,
    remove: &[String],
) -> Outcome {
    v8::tc_scope!(let scope, scope);
    let exception = v8::Local::new(scope, exception);
    let error = JsError::from_v8_exception(scope, exception);
    let position = sources.position(&error);
    let operation = operation.filter(|_| position.is_none());
    let adaptor = sources.is_adaptors(&error);
    let thrown_in = sources.thrown_in(&error);
    let Ok(object) = v8::Local::<v8::Object>::try_from(exception) else {
        // `throw "text"`, `throw null`, …
        let shown = exception.to_detail_string(scope).map(|text| crate::text::lossy(scope, text)).unwrap_or_default();
        let (details, crash, adaptor) = (None, false, false);
        let thrown = Thrown { name: "", message: shown, position, operation, details, crash, adaptor, thrown_in };
        return classify(sources, thrown, moment);
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
    classify(sources, Thrown { name: &name, message, position, operation, details, crash, adaptor, thrown_in }, moment)
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

/// What is known of a thrown value.
struct Thrown<'a> {
    /// Its class; empty if it has none.
    name: &'a str,
    message: String,
    position: Option<Position>,
    operation: Option<OperationPosition>,
    details: Option<Value>,
    /// It says of itself that the run must end.
    crash: bool,
    /// It was thrown by an adaptor, and not by a function of the job that the adaptor called.
    adaptor: bool,
    /// Where in an adaptor.
    thrown_in: Option<String>,
}

/// Bytes of a message that are told. It goes onto the state, into two events and to a terminal.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// The same for what is rather a name.
const LONGEST_NAME: usize = 200;

/// What V8 says when it refuses to run code from a string. An EvalError with other words is a job's own.
const CODE_FROM_STRINGS: &str = "Code generation from strings disallowed for this context";

/// A text that says what is missing when it is longer than `most` bytes.
fn clipped(mut text: String, most: usize) -> String {
    if text.len() > most {
        let length = text.len();
        text.truncate(text.floor_char_boundary(most));
        text.push_str(&format!("… ({} more bytes)", length - text.len()));
        text.shrink_to_fit();
    }
    text
}

fn classify(sources: &Sources, thrown: Thrown<'_>, moment: Moment) -> Outcome {
    let Thrown { name, message, position, operation, details, crash, adaptor, thrown_in } = thrown;
    let message = clipped(message, LONGEST_MESSAGE);
    let name = &*clipped(name.to_owned(), LONGEST_NAME);
    let report = |class: &'static str, message: String| ErrorReport {
        subtype: (!name.is_empty() && name != "Error" && name != class).then(|| name.to_owned()),
        position: position.clone(),
        operation: operation.clone(),
        details: details.clone(),
        ..ErrorReport::new(class, message)
    };
    let named = |message: &str| if name.is_empty() { message.to_owned() } else { format!("{name}: {message}") };
    match name {
        "EvalError" if message == CODE_FROM_STRINGS => {
            let mut report = report("SecurityError", "Illegal eval statement detected".into());
            report.hint = Some("a job cannot run code from strings: no eval, no new Function".into());
            Outcome::Kill(KillReason::Security, report)
        }
        STREAM_ERROR if moment != Moment::Loose && !adaptor => {
            let mut report = report(STREAM_ERROR, message);
            report.hint = Some("split it with `tee()` in the step that opens it: one stream for each branch".into());
            Outcome::Fail(report)
        }
        _ if moment == Moment::Loose => {
            let mut report = report("ExecutionError", format!("nobody handled {}", named(&message)));
            let hint = "await or return every promise that the job makes, or give it a `.catch()`; catch errors in the callbacks of \
                        timers and listeners";
            report.hint =
                Some(thrown_in.filter(|_| adaptor).map_or(hint.to_owned(), |place| format!("{place}; {hint}")));
            Outcome::Crash(report)
        }
        "SyntaxError" if moment == Moment::Compile => Outcome::Crash(report("CompileError", named(&message))),
        _ if adaptor => {
            // Where an operation is known, it is what the author of the job can look at.
            let hint = thrown_in.filter(|_| position.is_none() && operation.is_none());
            Outcome::Fail(ErrorReport { hint, ..report("AdaptorError", message) })
        }
        "TypeError" | "RangeError" if !crash => {
            let mut fail = report("RuntimeError", named(&message));
            fail.hint = sources.hint(&message);
            Outcome::Fail(fail)
        }
        "ReferenceError" | "SyntaxError" => {
            let mut report = report("RuntimeCrash", named(&message));
            report.hint = sources.hint(&message);
            Outcome::Crash(report)
        }
        _ if crash => Outcome::Crash(report("RuntimeCrash", message)),
        _ => Outcome::Fail(report("JobError", message)),
    }
}

/// What to do. `exports` has the names that the step's adaptors export.
fn hint(message: &str, exports: impl FnOnce() -> Vec<String>) -> Option<String> {
    if message.starts_with("Cannot read properties of undefined")
        || message.starts_with("Cannot read properties of null")
    {
        return Some("check that the value exists first, or read it with `?.`".into());
    }
    if let Some(name) = message.strip_suffix(" is not defined") {
        return Some(match name {
            "require" | "process" | "Buffer" | "__dirname" => format!("`{name}` is Node's; a job runs without Node"),
            "$" => "`$` stands for the state in the arguments of an operation, `get($.data.url)`; inside `fn(state => …)` write `state`"
                .into(),
            _ => {
                let mut exports = exports();
                exports.retain(|export| export != name);
                let known = ["state", "console", "structuredClone", "setTimeout", "undefined"];
                match suggest::nearest(name, exports.iter().map(String::as_str).chain(known)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if exports.is_empty() => format!("is `{name}` spelled right?"),
                    None => format!("is `{name}` spelled right? No adaptor of this step exports it"),
                }
            }
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, message: &str, crash: bool, moment: Moment, expected: &str) {
        check_adaptor(name, message, crash, false, moment, expected);
    }

    #[track_caller]
    fn check_adaptor(name: &str, message: &str, crash: bool, adaptor: bool, moment: Moment, expected: &str) {
        let loader = Loader::new(Default::default());
        let (position, operation, details, thrown_in) = (None, None, None, None);
        let thrown = Thrown { name, message: message.into(), position, operation, details, crash, adaptor, thrown_in };
        let outcome = classify(&Sources::new(loader), thrown, moment);
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
        check(
            "EvalError",
            CODE_FROM_STRINGS,
            false,
            Run,
            "kill SecurityError EvalError: Illegal eval statement detected",
        );
        check("EvalError", "x", false, Run, "fail JobError EvalError: x");
        check("Error", "x", false, Run, "fail JobError -: x");
        check("", "x", false, Run, "fail JobError -: x");
        check("MyError", "x", false, Run, "fail JobError MyError: x");
        check("MyError", "x", true, Run, "crash RuntimeCrash MyError: x");
        check("TypeError", "x", false, Loose, "crash ExecutionError TypeError: nobody handled TypeError: x");
        check(
            "EvalError",
            CODE_FROM_STRINGS,
            false,
            Loose,
            "kill SecurityError EvalError: Illegal eval statement detected",
        );
        check_adaptor("TypeError", "x", false, true, Run, "fail AdaptorError TypeError: x");
        check_adaptor("ReferenceError", "x", true, true, Run, "fail AdaptorError ReferenceError: x");
        check_adaptor("Error", "x", false, true, Loose, "crash ExecutionError -: nobody handled Error: x");
        check_adaptor(
            "EvalError",
            CODE_FROM_STRINGS,
            false,
            true,
            Run,
            "kill SecurityError EvalError: Illegal eval statement detected",
        );
    }

    #[test]
    fn long_texts_are_clipped() {
        assert_eq!(clipped("abc".into(), 3), "abc");
        assert_eq!(clipped("aébc".into(), 2), "a… (4 more bytes)");
    }

    #[test]
    fn hints() {
        #[track_caller]
        fn check(message: &str, expected: &str) {
            let exports = || ["fn", "each", "dataValue"].map(String::from).to_vec();
            assert_eq!(hint(message, exports).unwrap(), expected);
        }
        check("eahc is not defined", "did you mean `each`?");
        check("zzzzzz is not defined", "is `zzzzzz` spelled right? No adaptor of this step exports it");
        check("process is not defined", "`process` is Node's; a job runs without Node");
    }
}
