//! `run:log` and `run:batch_logs`.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::channel::Call;
use crate::config::ServerVersion;
use crate::happening::Happened;
use crate::payload::{BLANK, Fields, INVALID, Trouble};
use crate::phoenix::Response;
use crate::run::LogLine;
use crate::scrub::Scrubber;
use crate::store::{Locked, uuid};

/// What a line's level may be.
const LEVELS: [&str; 6] = ["success", "always", "info", "warn", "error", "debug"];

/// Most characters of a line's source.
const MAX_SOURCE: usize = 8;

/// One line.
pub(crate) fn line(call: &Call<'_>) -> Result<Response, Trouble> {
    let parsed = parse(call.fields, call.scrubber, call.shared.config.quirks)?;
    let id = parsed.id.clone();
    let mut store = call.shared.lock();
    belongs(call, &mut store, &parsed)?;
    keep(call, &mut store, parsed);
    Ok(Response::Json(json!({ "log_line_id": id }).to_string()))
}

/// Several lines, all of them or none.
pub(crate) fn batch(call: &Call<'_>) -> Result<Response, Trouble> {
    let version = call.shared.config.version;
    if version < ServerVersion::BATCH_LOGS {
        return Err(Trouble::Unsupported(format!("{version} has no handler for run:batch_logs")));
    }
    let logs = call.fields.any::<Vec<&RawValue>>("logs").ok_or_else(|| Trouble::crash("no logs"))?;
    let mut parsed = Vec::with_capacity(logs.len());
    for raw in logs {
        parsed.push(parse(&Fields::of(raw.get())?, call.scrubber, call.shared.config.quirks)?);
    }
    let mut store = call.shared.lock();
    for line in &parsed {
        belongs(call, &mut store, line)?;
    }
    for line in parsed {
        keep(call, &mut store, line);
    }
    Ok(Response::Json("{}".to_owned()))
}

fn parse(fields: &Fields<'_>, scrubber: &Scrubber, needs_all: bool) -> Result<LogLine, Trouble> {
    if needs_all {
        for name in ["source", "level"] {
            fields.required(name)?;
        }
    }
    let message = fields.any::<Value>("message").ok_or_else(|| Trouble::field("message", BLANK))?;
    let timestamp = fields.moment("timestamp")?.ok_or_else(|| Trouble::field("timestamp", BLANK))?;
    let level = fields.text("level")?.unwrap_or_else(|| "info".to_owned());
    if !LEVELS.contains(&level.as_str()) {
        return Err(Trouble::field("level", INVALID));
    }
    let source = fields.text("source")?;
    if source.as_ref().is_some_and(|source| source.chars().count() > MAX_SOURCE) {
        return Err(Trouble::field("source", "should be at most 8 character(s)"));
    }
    let message = scrubber.scrub(printable(&text(&message)));
    Ok(LogLine { id: uuid(), timestamp, level, source, step_id: fields.uuid("step_id")?, message })
}

/// A message as one text: what is in a list stands next to each other.
fn text(message: &Value) -> String {
    match message {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}

/// Control characters are replaced, but for those that break lines and columns.
fn printable(text: &str) -> String {
    let is_bad = |c: char| c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t');
    text.replace(is_bad, "\u{fffd}")
}

/// A line may name a step only if that has been started in this run.
fn belongs(call: &Call<'_>, store: &mut Locked<'_>, line: &LogLine) -> Result<(), Trouble> {
    let Some(id) = &line.step_id else { return Ok(()) };
    let step = store.entry(call.run).and_then(|entry| entry.run.step(id).cloned());
    let step = step.ok_or_else(|| Trouble::field("step_id", "must be associated with the run"))?;
    if step.finished_at.is_some() {
        call.violate(store, format!("a log line for step {id} after its step:complete: {:?}", line.message));
    }
    Ok(())
}

fn keep(call: &Call<'_>, store: &mut Locked<'_>, line: LogLine) {
    let Some(entry) = store.entry(call.run) else { return };
    let last = entry.watch.last_log;
    let is_repeat = entry.watch.line(call.socket, line.timestamp, &line.message);
    entry.watch.last_log = last.max(Some(line.timestamp));
    entry.run.logs.push(line.clone());
    if let Some(last) = last.filter(|last| line.timestamp <= *last && !is_repeat) {
        let at = line.timestamp;
        call.violate(store, format!("a log line at {at} after one at {last}: {:?}", line.message));
    }
    store.tell(Some(call.run), Happened::Log(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_one_text() {
        fn check(message: Value, expected: &str) {
            assert_eq!(text(&message), expected, "{message}");
        }
        check(json!("a"), "a");
        check(json!(["a", 1, null, {"b": [2]}, ["c"]]), r#"a 1 null {"b":[2]} ["c"]"#);
        check(json!([null]), "null");
        check(json!([]), "");
        check(json!(""), "");
        check(json!(1.5), "1.5");
        check(json!(true), "true");
        check(json!({"a": 1}), r#"{"a":1}"#);
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(printable("a\u{0}b\u{1b}[0m\n\tc"), "a\u{fffd}b\u{fffd}[0m\n\tc");
    }
}
