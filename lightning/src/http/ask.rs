//! Asking for runs, and for faults.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use crate::fault::{Chaos, Fault};
use crate::jsonb::Style;
use crate::run::{NewClip, NewRun};
use crate::store::Shared;

/// `POST /run`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    plan: Map<String, Value>,
    input: Option<Box<RawValue>>,
    #[serde(default)]
    credentials: BTreeMap<String, Value>,
    #[serde(default)]
    options: Map<String, Value>,
    id: Option<String>,
    queue: Option<String>,
}

/// `POST /faults`: one of these, or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Wanted {
    Chaos { chaos: Chaos },
    Clear { clear: bool },
    One(Fault),
    Many(Vec<Fault>),
}

/// Asks for a run.
pub(super) async fn run(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<(StatusCode, Json<Value>), Problem> {
    let asked: Asked = read(&body, "send {\"plan\": {…}, \"input\": …, \"credentials\": {…}, \"options\": {…}}")?;
    let mut plan = asked.plan;
    check_plan(&mut plan)?;
    let mut options = plan.remove("options").and_then(|o| if let Value::Object(o) = o { Some(o) } else { None });
    options.get_or_insert_default().extend(asked.options);
    plan.insert("options".to_owned(), json!(options));
    let new = NewRun {
        id: asked.id,
        plan: Value::Object(plan),
        input: asked.input.map(|input| NewClip::new(Bytes::from(String::from(Box::<str>::from(input))))),
        credentials: asked.credentials,
        queue: asked.queue,
        project: None,
    };
    let new = new.printed(Style::of(shared.config.jsonb));
    let mut store = shared.lock();
    if let Some(id) = &new.id
        && store.runs.contains_key(id)
    {
        return Err(Problem::bad(format!("there is a run {id}"), "id", "leave it out, or choose another"));
    }
    let id = store.create(new);
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// Lets something go wrong.
pub(super) async fn faults(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<StatusCode, Problem> {
    let help = "send {\"event\": \"claim\", \"action\": \"hold\"}, a list of such, {\"chaos\": {\"seed\": 1, \"every\": 20}}, or \
                {\"clear\": true}";
    let wanted: Wanted = read(&body, help)?;
    let mut store = shared.lock();
    match wanted {
        Wanted::Chaos { chaos } => store.faults.chaos(Some(chaos)),
        Wanted::Clear { clear } if clear => store.faults.clear(),
        Wanted::Clear { .. } => {}
        Wanted::One(fault) => store.faults.script(fault),
        Wanted::Many(faults) => faults.into_iter().for_each(|fault| store.faults.script(fault)),
    }
    Ok(StatusCode::NO_CONTENT)
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8], help: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let at = format!("line {}, column {}", error.line(), error.column());
        Problem::bad(error.to_string(), at, help)
    })
}

/// Whether a worker could make anything of a plan. A start that is obvious need not be said.
fn check_plan(plan: &mut Map<String, Value>) -> Result<(), Problem> {
    let names = |list: &str| -> Result<Vec<String>, Problem> {
        let entries = match plan.get(list) {
            None | Some(Value::Null) => &[][..],
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err(Problem::bad("not a list", format!("plan.{list}"), "make it one")),
        };
        let id = |(n, entry): (usize, &Value)| {
            let id = entry.get("id").and_then(Value::as_str).map(str::to_owned);
            id.ok_or_else(|| Problem::bad("no id", format!("plan.{list}[{n}].id"), "give it a string"))
        };
        entries.iter().enumerate().map(id).collect()
    };
    let (jobs, triggers) = (names("jobs")?, names("triggers")?);
    names("edges")?;
    if jobs.is_empty() {
        return Err(Problem::bad("there are no jobs", "plan.jobs", "add at least one"));
    }
    let nodes: HashSet<&str> = jobs.iter().chain(&triggers).map(String::as_str).collect();
    let mut targets = HashSet::new();
    for (n, edge) in plan.get("edges").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let node = |name: &str| edge.get(name).and_then(Value::as_str);
        for name in ["source_job_id", "source_trigger_id", "target_job_id"] {
            if let Some(id) = node(name).filter(|id| !nodes.contains(id)) {
                let help = "name a job or a trigger of the plan";
                return Err(Problem::bad(format!("there is no {id:?}"), format!("plan.edges[{n}].{name}"), help));
            }
        }
        let target = node("target_job_id");
        let at = format!("plan.edges[{n}].target_job_id");
        targets.insert(target.ok_or_else(|| Problem::bad("an edge leads nowhere", at, "name a job"))?.to_owned());
    }
    if let Some(start) = plan.get("starting_node_id").filter(|start| !start.is_null()) {
        let is_node = start.as_str().is_some_and(|start| nodes.contains(start));
        let problem =
            || Problem::bad(format!("there is no {start}"), "plan.starting_node_id", "name a job or a trigger");
        return if is_node { Ok(()) } else { Err(problem()) };
    }
    let roots: Vec<&String> = match &triggers[..] {
        [] => jobs.iter().filter(|job| !targets.contains(*job)).collect(),
        triggers => triggers.iter().collect(),
    };
    let [start] = roots[..] else {
        let at = "plan.starting_node_id";
        return Err(Problem::bad("it is not clear where to start", at, "name a job or a trigger"));
    };
    let start = json!(start);
    plan.insert("starting_node_id".to_owned(), start);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_checked() {
        fn check(plan: Value, expected: Result<&str, &str>) {
            let Value::Object(mut plan) = plan else { panic!("an object") };
            let result = check_plan(&mut plan);
            let start = plan.get("starting_node_id").and_then(Value::as_str).unwrap_or_default();
            let at = result.map_err(|problem| json!(problem)["at"].as_str().unwrap_or_default().to_owned());
            assert_eq!(at.map(|()| start.to_owned()), expected.map(str::to_owned).map_err(str::to_owned), "{plan:?}");
        }
        check(json!({"jobs": [{"id": "a"}]}), Ok("a"));
        check(json!({"jobs": [{"id": "a"}], "triggers": [{"id": "t"}]}), Ok("t"));
        let edges = json!([{"id": "e", "source_job_id": "a", "target_job_id": "b"}]);
        check(json!({"jobs": [{"id": "a"}, {"id": "b"}], "edges": edges}), Ok("a"));
        check(json!({"jobs": [{"id": "a"}, {"id": "b"}]}), Err("plan.starting_node_id"));
        check(json!({"jobs": [{"id": "a"}], "starting_node_id": "b"}), Err("plan.starting_node_id"));
        check(json!({"jobs": []}), Err("plan.jobs"));
        check(json!({"jobs": {}}), Err("plan.jobs"));
        check(json!({"jobs": [{"id": 1}]}), Err("plan.jobs[0].id"));
        check(json!({"jobs": [{"id": "a"}], "edges": [{"id": "e"}]}), Err("plan.edges[0].target_job_id"));
        let edges = json!([{"id": "e", "source_job_id": "x", "target_job_id": "a"}]);
        check(json!({"jobs": [{"id": "a"}], "edges": edges}), Err("plan.edges[0].source_job_id"));
    }
}
