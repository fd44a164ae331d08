//! The channel `worker:queue`: claims.

use serde_json::{Value, json};

use crate::happening::Happened;
use crate::payload::{Fields, INVALID, Trouble};
use crate::phoenix::Response;
use crate::run::{RunId, RunState};
use crate::store::{Locked, Shared};

/// Queues that a worker claims from if it does not say.
const DEFAULT_QUEUES: [&str; 2] = ["manual", "*"];

/// Handles a request: what it is answered with, and which runs that hands out.
pub(crate) fn handle(
    shared: &Shared,
    (socket, worker_id): (u64, &str),
    event: &str,
    fields: &Fields<'_>,
) -> Result<(Response, Vec<RunId>), Trouble> {
    if event != "claim" {
        return Err(Trouble::crash(format!("there is no handler for {event}")));
    }
    let demand = fields.raw("demand").ok_or_else(|| Trouble::crash("no demand"))?;
    let name = fields.raw("worker_name").ok_or_else(|| Trouble::crash("no worker_name"))?;
    let demand: u64 = serde_json::from_str(demand.get()).map_err(|_| Trouble::field("demand", INVALID))?;
    let name: Option<String> = serde_json::from_str(name.get()).map_err(|_| Trouble::field("worker_name", INVALID))?;
    if name.as_ref().is_some_and(|name| name.contains('\0')) {
        return Err(Trouble::crash("a NUL in worker_name"));
    }
    let name = name.filter(|name| !name.is_empty());
    let demand = if shared.config.quirks { demand.min(1) } else { demand };
    let queues = queues(fields);

    let mut store = shared.lock();
    judge(&mut store, socket, worker_id, demand);
    let claimed = pick(&store, &queues, usize::try_from(demand).unwrap_or(usize::MAX));
    let (now, seconds) = (store.now(), store.now_seconds());
    let mut runs = Vec::new();
    for id in &claimed {
        let Some(entry) = store.entry(id) else { continue };
        entry.run.state = RunState::Claimed;
        entry.run.claimed_at = Some(now);
        entry.run.worker_name.clone_from(&name);
        entry.run.worker_id = Some(worker_id.to_owned());
        entry.claimed_on = Some(socket);
        let lasts = store.timeout(&store.runs[id].run) + shared.config.grace;
        runs.push(json!({ "id": id, "token": shared.keys.sign_run(id, seconds, lasts) }));
        store.tell(Some(id), Happened::RunClaimed { worker_name: name.clone() });
    }
    Ok((Response::Json(json!({ "runs": runs }).to_string()), claimed))
}

/// What a worker claims from: a list of names, or the default for anything else.
fn queues(fields: &Fields<'_>) -> Vec<String> {
    let given = fields
        .any::<Vec<Value>>("queues")
        .and_then(|queues| queues.iter().map(|queue| queue.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>());
    given.filter(|queues| !queues.is_empty()).unwrap_or_else(|| DEFAULT_QUEUES.map(str::to_owned).to_vec())
}

/// The runs that are next: the order of queues first, then that of creation.
fn pick(store: &Locked<'_>, queues: &[String], demand: usize) -> Vec<RunId> {
    let others = queues.iter().position(|queue| queue == "*");
    let mut waiting: Vec<(usize, &RunId)> = store
        .order
        .iter()
        .map(|id| &store.runs[id].run)
        .filter(|run| run.state == RunState::Available)
        .filter_map(|run| {
            let rank = queues.iter().position(|queue| *queue == run.queue).or(others)?;
            Some((rank, &run.id))
        })
        .collect();
    waiting.sort_by_key(|(rank, _)| *rank);
    waiting.into_iter().take(demand).map(|(_, id)| id.clone()).collect()
}

/// A worker must not ask for more runs than it has room for. Those it cannot know of are not counted.
fn judge(store: &mut Locked<'_>, socket: u64, worker_id: &str, demand: u64) {
    let Some(capacity) = store.sockets.get(&socket).and_then(|open| open.capacity) else { return };
    let mine = |entry: &&crate::store::Entry| {
        let run = &entry.run;
        !run.state.is_final()
            && !store.is_over(run)
            && run.worker_id.as_deref() == Some(worker_id)
            && (run.is_worked_on || entry.claimed_on == Some(socket))
    };
    let busy = store.runs.values().filter(mine).count() as u64;
    if busy + demand > capacity {
        store.violate(None, format!("a claim of {demand} with {busy} runs at a capacity of {capacity}"));
    }
}
