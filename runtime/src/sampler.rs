//! Which functions of a run's jobs take the time, as V8 samples it: its own profiler, asked through the protocol of its inspector, in
//! the form in which that answers. Nothing of it is there in a run that nobody samples.
//!
//! V8 interrupts its own thread with a signal to look where it is. That is no execution of anything, so that it keeps no limit from
//! being noticed; and it is what a hardened process may not do.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use deno_core::sourcemap::SourceMap;
use deno_core::{
    InspectorMsg, InspectorMsgKind, InspectorSessionKind, JsRuntime, JsRuntimeInspector, LocalInspectorSession,
};
use serde_json::{Value, json};

use crate::fault::Sources;
use crate::loader::Loader;

/// Microseconds between two looks.
const INTERVAL: u32 = 500;

/// Samples an isolate, until it is stopped or dropped.
pub(crate) struct Sampler {
    session: LocalInspectorSession,
    answers: Rc<RefCell<HashMap<i32, String>>>,
}

/// The number of the one question whose answer counts.
const STOP: i32 = 4;

impl Sampler {
    /// Begins. The runtime must be entered on this thread, as it is where it was made.
    pub(crate) fn start(runtime: &mut JsRuntime) -> Sampler {
        runtime.maybe_init_inspector();
        let answers: Rc<RefCell<HashMap<i32, String>>> = Rc::default();
        let heard = answers.clone();
        let hear = Box::new(move |message: InspectorMsg| {
            if let InspectorMsgKind::Message(id) = message.kind {
                heard.borrow_mut().insert(id, message.content);
            }
        });
        let kind = InspectorSessionKind::NonBlocking { wait_for_disconnect: false };
        let mut session = JsRuntimeInspector::create_local_session(runtime.inspector(), hear, kind);
        session.post_message::<()>(1, "Profiler.enable", None);
        session.post_message(2, "Profiler.setSamplingInterval", Some(json!({ "interval": INTERVAL })));
        session.post_message::<()>(3, "Profiler.start", None);
        Sampler { session, answers }
    }

    /// Ends; answers the profile in the words of whoever wrote the jobs. `None` when V8 does not give it, which nobody has seen.
    pub(crate) fn stop(mut self, sources: &Sources, loader: &Loader) -> Option<Value> {
        self.session.post_message::<()>(STOP, "Profiler.stop", None);
        let answer = self.answers.borrow_mut().remove(&STOP)?;
        let mut answer: Value = serde_json::from_str(&answer).ok()?;
        let mut profile = answer.get_mut("result")?.get_mut("profile")?.take();
        let mut maps = HashMap::new();
        for node in profile.get_mut("nodes")?.as_array_mut()? {
            translate(node, sources, loader, &mut maps);
        }
        Some(profile)
    }
}

/// Puts the author's file and lines where V8's are. A frame that is no job's stays as it is.
fn translate(node: &mut Value, sources: &Sources, loader: &Loader, maps: &mut HashMap<String, Option<SourceMap>>) {
    let Some(frame) = node.get_mut("callFrame") else { return };
    let Some(url) = frame.get("url").and_then(Value::as_str).map(str::to_owned) else { return };
    let adaptor = loader.module_name(&url).map(str::to_owned);
    let Some(name) = sources.name(&url).or(adaptor) else { return };
    let map = maps.entry(url.clone()).or_insert_with(|| SourceMap::from_slice(loader.map(&url)?.as_bytes()).ok());
    frame["url"] = name.into();
    if frame["lineNumber"].as_i64().is_some_and(|line| line < 0) {
        frame["lineNumber"] = 0.into();
    }
    let Some(map) = map else { return };
    let place = |line: i64, column: u32| {
        // The line before the first is ours: there is nothing of the author's on it.
        let token = map.lookup_token(u32::try_from(line).ok()?, column)?;
        (i64::from(token.get_dst_line()) == line).then(|| (token.get_src_line(), token.get_src_col()))
    };
    let number = |value: Option<&Value>| value.and_then(Value::as_i64);
    if let (Some(line), Some(column)) = (number(frame.get("lineNumber")), number(frame.get("columnNumber")))
        && let Some((line, column)) = place(line, u32::try_from(column).unwrap_or(0))
    {
        frame["lineNumber"] = line.into();
        frame["columnNumber"] = column.into();
    }
    // Ticks name lines from 1, and no columns: whatever is last on a line is of that line of the author's, too.
    let Some(ticks) = node.get_mut("positionTicks").and_then(Value::as_array_mut) else { return };
    let mut lines: BTreeMap<i64, i64> = BTreeMap::new();
    for tick in &*ticks {
        let Some((line, count)) = number(tick.get("line")).zip(number(tick.get("ticks"))) else { continue };
        let line = place(line - 1, u32::MAX).map_or(line, |(line, _)| i64::from(line) + 1);
        *lines.entry(line).or_default() += count;
    }
    *ticks = lines.into_iter().map(|(line, ticks)| json!({ "line": line, "ticks": ticks })).collect();
}
