//! `step:start` and `step:complete`.

use serde_json::json;
use serde_json::value::RawValue;

use crate::channel::Call;
use crate::config::ServerVersion;
use crate::happening::Happened;
use crate::jsonb::{self, Shape, Style};
use crate::payload::{BLANK, Trouble};
use crate::phoenix::Response;
use crate::run::{Clip, Step};

/// A step begins.
pub(crate) fn start(call: &Call<'_>) -> Result<Response, Trouble> {
    let id = call.fields.required_uuid("step_id")?;
    let job_id = job(call)?;
    let input = call.fields.text("input_dataclip_id")?;
    let at = call.fields.moment("timestamp")?;

    let mut store = call.shared.lock();
    let now = store.now();
    let Some(entry) = store.entry(call.run) else { return Err(Trouble::crash("the run is gone")) };
    if !entry.run.has_job(&job_id) {
        return Err(Trouble::field("job_id", "does not exist"));
    }
    let is_started = entry.watch.started;
    let open = entry.run.steps.iter().find(|step| step.finished_at.is_none()).map(|step| step.id.clone());
    let project = entry.run.project.clone();
    if let Some(input) = &input {
        let checks_owner = call.shared.config.version >= ServerVersion::OWNERSHIP;
        let is_there = store.clips.get(input).is_some_and(|clip| !checks_owner || clip.project == project);
        if !is_there {
            return Err(Trouble::field("input_dataclip_id", "does not exist"));
        }
    }
    if store.steps.contains(&id) {
        return Err(Trouble::crash(format!("there is a step {id}")));
    }
    if !is_started {
        call.violate(&mut store, "step:start before run:start");
    }
    if let Some(open) = open.filter(|_| !call.shared.config.overlaps) {
        call.violate(&mut store, format!("step:start while step {open} is open"));
    }
    store.steps.insert(id.clone());
    let step = Step {
        id: id.clone(),
        job_id: job_id.clone(),
        input_dataclip_id: input.clone(),
        output_dataclip_id: None,
        reason: None,
        error_type: None,
        error_message: None,
        mem: None,
        duration: None,
        output_dataclip_error: None,
        webhook_response: None,
        started_at: at.unwrap_or(now),
        finished_at: None,
    };
    if let Some(entry) = store.entry(call.run) {
        entry.run.steps.push(step);
    }
    let response = json!({ "step_id": id }).to_string();
    store.tell(Some(call.run), Happened::StepStarted { step_id: id, job_id, input_dataclip_id: input });
    Ok(Response::Json(response))
}

fn job(call: &Call<'_>) -> Result<String, Trouble> {
    if call.fields.raw("job_id").is_none() {
        return Err(Trouble::wrapped("job_id", BLANK));
    }
    call.fields.text("job_id")?.ok_or_else(|| Trouble::wrapped("job_id", "Job not found!"))
}

/// A step ends.
pub(crate) fn complete(call: &Call<'_>) -> Result<Response, Trouble> {
    let step_id = call.fields.required_uuid("step_id")?;
    let reason = call.fields.required("reason")?;
    let error_type = call.fields.text("error_type")?;
    let error_message = call.fields.text("error_message").ok().flatten();
    let at = call.fields.moment("timestamp")?;
    let clip_id = call.fields.uuid("output_dataclip_id")?;
    let raw = call.fields.given("output_dataclip");
    let saves = call.shared.lock().entry(call.run).is_none_or(|entry| entry.run.saves_clips());
    pair(call, saves, clip_id.as_deref(), raw)?;
    let output = match raw.filter(|_| saves) {
        Some(raw) => Some(output(call, raw)?),
        None => None,
    };

    let mut store = call.shared.lock();
    let now = store.now();
    let Some(entry) = store.entry(call.run) else { return Err(Trouble::crash("the run is gone")) };
    let project = entry.run.project.clone();
    let Some(step) = entry.run.step(&step_id) else { return Err(Trouble::field("step_id", "not found")) };
    let is_again = step.finished_at.is_some();
    let may_be_again = entry.watch.may_rephrase("step:complete");
    if let Some(id) = &clip_id
        && store.clips.contains_key(id)
    {
        return Err(Trouble::crash(format!("there is a dataclip {id}")));
    }
    if is_again && !may_be_again {
        call.violate(&mut store, format!("step:complete twice for step {step_id}"));
    }
    if let Some(id) = &clip_id {
        let body = output.map(Into::into);
        store.clips.insert(id.clone(), Clip { body, request: None, project });
    }
    let Some(step) = store.entry(call.run).and_then(|entry| entry.run.step(&step_id)) else {
        return Err(Trouble::field("step_id", "not found"));
    };
    step.reason = Some(reason.clone());
    step.error_type.clone_from(&error_type);
    step.error_message.clone_from(&error_message);
    step.finished_at = Some(at.unwrap_or(now));
    // What is not named stays as it is.
    if clip_id.is_some() {
        step.output_dataclip_id.clone_from(&clip_id);
    }
    step.mem = call.fields.any("mem");
    step.duration = call.fields.any("duration");
    step.output_dataclip_error = call.fields.any("output_dataclip_error");
    step.webhook_response = call.fields.any("webhook_response");
    let completed = Happened::StepCompleted {
        step_id: step_id.clone(),
        job_id: step.job_id.clone(),
        reason,
        error_type,
        error_message,
        output_dataclip_id: clip_id,
        mem: step.mem.clone(),
        duration: step.duration.clone(),
    };
    store.tell(Some(call.run), completed);
    Ok(Response::Json(json!({ "step_id": step_id }).to_string()))
}

/// An output and its id come together, unless nothing is kept.
fn pair(call: &Call<'_>, saves: bool, id: Option<&str>, body: Option<&RawValue>) -> Result<(), Trouble> {
    if call.shared.config.quirks {
        if id.is_none() || !body.is_some_and(|body| body.get().starts_with('"')) {
            return Err(Trouble::field("output_dataclip", "no output"));
        }
        return Ok(());
    }
    match (id, body) {
        (Some(_), None) if saves => Err(Trouble::field("output_dataclip", BLANK)),
        (None, Some(_)) if saves => Err(Trouble::field("output_dataclip_id", BLANK)),
        _ => Ok(()),
    }
}

/// An output as it is stored. Text in a string is decoded; a value is taken as it is, where the version knows how.
fn output(call: &Call<'_>, raw: &RawValue) -> Result<String, Trouble> {
    let config = &call.shared.config;
    let raw = raw.get();
    let decoded: String;
    let text = if raw.starts_with('"') {
        decoded = serde_json::from_str(raw).map_err(|error| Trouble::crash(error.to_string()))?;
        &decoded
    } else if config.version >= ServerVersion::OBJECT_CLIPS {
        raw
    } else {
        return Err(Trouble::Unsupported(format!("{} takes an output as text only", config.version)));
    };
    let style = Style::of(config.jsonb);
    let crash = |refused: jsonb::Refused| Trouble::crash(format!("output_dataclip: {refused}"));
    if config.version < ServerVersion::WRAPS && jsonb::print(text, style, None).map_err(crash)?.1 != Shape::Object {
        return Err(Trouble::crash("output_dataclip: not an object"));
    }
    jsonb::clip(text, style).map_err(crash)
}
