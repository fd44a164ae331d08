//! `run:start` and `run:complete`.

use crate::channel::Call;
use crate::config::ServerVersion;
use crate::happening::Happened;
use crate::jsonb::{self, Style};
use crate::payload::{BLANK, INVALID, Trouble};
use crate::phoenix::Response;
use crate::run::{Clip, RunState};
use crate::store::uuid;

/// Keys that the mock server lets pass in `run:complete`.
const MOCK_KEYS: [&str; 6] = ["final_dataclip_id", "final_state", "reason", "error_type", "error_message", "timestamp"];

/// The run begins. The server lets a second one pass, even of a run that is final.
pub(crate) fn start(call: &Call<'_>) -> Result<Response, Trouble> {
    let at = call.fields.moment("timestamp")?;
    let mut store = call.shared.lock();
    let now = store.now();
    let Some(entry) = store.entry(call.run) else { return Err(Trouble::crash("the run is gone")) };
    let before = entry.run.state;
    if before == RunState::Available {
        return Err(Trouble::field("state", "cannot mark run started that has not been claimed by a worker"));
    }
    let is_again = std::mem::replace(&mut entry.watch.started, true);
    entry.run.state = RunState::Started;
    entry.run.started_at = Some(at.unwrap_or(now));
    if is_again {
        call.violate(&mut store, "run:start twice");
    }
    store.tell(Some(call.run), Happened::RunStarted);
    Ok(Response::null())
}

/// The run ends.
pub(crate) fn complete(call: &Call<'_>) -> Result<Response, Trouble> {
    let config = &call.shared.config;
    if config.quirks
        && let Some(name) = call.fields.names().find(|name| !MOCK_KEYS.contains(name))
    {
        return Err(Trouble::field(name, "unknown key"));
    }
    let reason = match call.fields.text("reason")? {
        Some(reason) => Some(reason),
        None => call.fields.text("state")?,
    };
    let reason = reason.ok_or_else(|| Trouble::field("state", BLANK))?;
    let state = RunState::from_reason(&reason).ok_or_else(|| Trouble::field("state", INVALID))?;
    let at = call.fields.moment("timestamp")?;
    let error_type = call.fields.text("error_type")?;
    let error_message = call.fields.text("error_message").ok().flatten();
    let reads_state = config.version >= ServerVersion::FINAL_STATE;
    let final_id = if reads_state { call.fields.text("final_dataclip_id")? } else { None };
    let final_state = match call.fields.given("final_state").filter(|_| reads_state && final_id.is_none()) {
        Some(raw) => Some(jsonb::clip(raw.get(), Style::of(config.jsonb)).map_err(|e| Trouble::crash(e.to_string()))?),
        None => None,
    };

    let mut store = call.shared.lock();
    let now = store.now();
    let Some(entry) = store.entry(call.run) else { return Err(Trouble::crash("the run is gone")) };
    if entry.run.state.is_final() {
        return Err(Trouble::field("state", "already in completed state"));
    }
    if entry.run.state == RunState::Available {
        return Err(Trouble::field("state", INVALID));
    }
    let (project, saves, is_started) = (entry.run.project.clone(), entry.run.saves_clips(), entry.watch.started);
    let open: Vec<String> =
        entry.run.steps.iter().filter(|step| step.finished_at.is_none()).map(|step| step.id.clone()).collect();
    if let Some(id) = &final_id
        && store.clips.get(id).is_none_or(|clip| clip.project != project)
    {
        return Err(Trouble::wrapped("final_dataclip_id", "does not exist"));
    }
    for step in open {
        call.violate(&mut store, format!("run:complete while step {step} is open"));
    }
    if !is_started && state == RunState::Success {
        call.violate(&mut store, "a success without run:start");
    }
    let stored = final_state.map(|text| {
        let id = uuid();
        let body = saves.then(|| text.into());
        store.clips.insert(id.clone(), Clip { body, request: None, project });
        id
    });
    let Some(entry) = store.entry(call.run) else { return Err(Trouble::crash("the run is gone")) };
    entry.watch.completed = true;
    let run = &mut entry.run;
    run.state = state;
    run.reason = Some(reason);
    run.error_type.clone_from(&error_type);
    run.error_message.clone_from(&error_message);
    run.finished_at = Some(at.unwrap_or(now));
    run.final_dataclip_id = final_id.or(stored);
    store.tell(Some(call.run), Happened::RunCompleted { state, error_type, error_message });
    Ok(Response::null())
}
