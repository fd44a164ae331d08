//! `fetch:plan`, `fetch:credential`, `fetch:dataclip`.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::channel::Call;
use crate::payload::{BLANK, Trouble};
use crate::phoenix::Response;

/// The workflow.
pub(crate) fn plan(call: &Call<'_>) -> Result<Response, Trouble> {
    let store = call.shared.lock();
    let run = &store.runs.get(call.run).ok_or_else(gone)?.run;
    let timeout = u64::try_from(store.timeout(run).as_millis()).unwrap_or(u64::MAX);
    Ok(Response::Json(run.wire_plan(call.shared.config.version, timeout).to_string()))
}

/// A credential, without what is empty in it. What is secret in it is masked in log lines from now on.
pub(crate) fn credential(call: &mut Call<'_>) -> Result<Response, Trouble> {
    let id = call.fields.text("id")?.ok_or_else(|| Trouble::wrapped("id", BLANK))?;
    if call.shared.config.quirks && id == "%TIMEOUT%" {
        return Err(Trouble::Silence);
    }
    let body = {
        let mut store = call.shared.lock();
        let used = store.entry(call.run).is_some_and(|entry| entry.run.uses_credential(&id));
        store.credentials.get(&id).filter(|_| used).cloned()
    };
    let mut body = body.ok_or_else(|| Trouble::wrapped("id", "Credential not found!"))?;
    if let Value::Object(fields) = &mut body {
        // A credential that cannot be had is put there as what is said about it.
        if fields.len() == 1
            && let Some(error) = fields.remove("error")
        {
            return Err(Trouble::Refuse(error));
        }
        fields.retain(|_, value| value != "");
    }
    call.scrubber.learn(&body);
    Ok(Response::Json(body.to_string()))
}

/// The input, whichever id is asked for.
pub(crate) fn dataclip(call: &Call<'_>) -> Result<Response, Trouble> {
    let mut store = call.shared.lock();
    let entry = store.entry(call.run).ok_or_else(gone)?;
    let is_again = std::mem::replace(&mut entry.watch.fetched, true);
    let saves = entry.run.saves_clips();
    let id = entry.run.dataclip_id.clone();
    let asked = call.fields.text("id")?;
    if asked != id {
        call.violate(&mut store, format!("fetch:dataclip of {asked:?}, which is not the run's input"));
    }
    if is_again && !saves {
        call.violate(&mut store, "fetch:dataclip of a clip that has been wiped");
    }
    let clip = id.and_then(|id| store.clips.get_mut(&id));
    let text = clip.as_ref().map_or_else(|| Bytes::from_static(b"null"), |clip| clip.text());
    if let Some(clip) = clip
        && !saves
    {
        clip.wipe();
    }
    if call.shared.config.quirks {
        return Ok(Response::Json(json!(&text[..]).to_string()));
    }
    Ok(Response::Binary(text))
}

fn gone() -> Trouble {
    Trouble::crash("the run is gone")
}
