//! A plan in the form in which a Lightning server hands it out: for a workflow on this machine that is to be run as if it were
//! on a server.

use std::collections::BTreeMap;

use fulgurite_plan::{Condition, Configuration, Job, Plan, Step};
use serde_json::{Map, Value, json};

use crate::report::Report;

/// A plan for a server, and the credentials that it names.
#[derive(Debug)]
pub struct Served {
    /// In the form of `fetch:plan`.
    pub plan: Value,
    /// Credentials by their ids.
    pub credentials: BTreeMap<String, Value>,
}

/// Makes a server's plan of ours.
///
/// # Errors
/// What a server has no place for.
pub fn served(plan: &Plan) -> Result<Served, Box<Report>> {
    if plan.globals().is_some() {
        return Err(missing("`globals`", "put the functions into the jobs that use them").into());
    }
    if !plan.vars().is_empty() {
        return Err(missing("`vars`", "put them into the run's input").into());
    }
    if !plan.credentials().is_empty() {
        return Err(missing("`credentials` of a workflow", "give its steps a `configuration`").into());
    }
    let mut credentials = BTreeMap::new();
    let (mut triggers, mut jobs, mut edges) = (Vec::new(), Vec::new(), Vec::new());
    for step in plan.steps() {
        match &step.job {
            None => triggers.push(json!({ "id": step.id.as_str() })),
            Some(job) => jobs.push(served_job(step, job, &mut credentials)?),
        }
        for edge in &step.next {
            let (source, none) = match step.job {
                Some(_) => ("source_job_id", "source_trigger_id"),
                None => ("source_trigger_id", "source_job_id"),
            };
            let (condition, enabled) = match &edge.condition {
                Condition::Always => ("always", true),
                Condition::OnSuccess => ("on_job_success", true),
                Condition::OnFailure => ("on_job_failure", true),
                Condition::Expression(text) => (text.as_str(), true),
                Condition::Never => ("always", false),
            };
            edges.push(json!({
                "id": format!("edge-{}", edges.len() + 1),
                source: step.id.as_str(),
                none: null,
                "target_job_id": plan[edge.target].id.as_str(),
                "condition": condition,
                "enabled": enabled,
            }));
        }
    }
    let plan = json!({
        "name": plan.name(),
        "triggers": triggers,
        "jobs": jobs,
        "edges": edges,
        "starting_node_id": plan[plan.start()].id.as_str(),
    });
    Ok(Served { plan, credentials })
}

fn served_job(step: &Step, job: &Job, credentials: &mut BTreeMap<String, Value>) -> Result<Value, Box<Report>> {
    let refused = |report: Report| Box::new(report.in_step(step.id.as_str()));
    if !job.linker.is_empty() {
        return Err(refused(missing(
            "a `linker`",
            "a server has installed adaptors only: try it with `fulgurite run`",
        )));
    }
    let here = [
        (job.with_items.is_some(), "`with_items`"),
        (!job.input.is_empty(), "an `input` of a step"),
        (!job.publish.is_empty(), "`publish`"),
        (step.next.iter().any(|edge| edge.max_iterations.is_some()), "`max_iterations`"),
    ];
    if let Some((_, what)) = here.iter().find(|(is_there, _)| *is_there) {
        return Err(refused(missing(what, "try it with `fulgurite run`")));
    }
    if job.adaptors.len() > 1 {
        return Err(refused(missing("a step with several adaptors", "try it with `fulgurite run`")));
    }
    let mut served = Map::new();
    served.insert("id".into(), step.id.as_str().into());
    served.insert("name".into(), step.display_name().into());
    served
        .insert("adaptor".into(), job.adaptors.first().map_or("@openfn/language-common@latest", String::as_str).into());
    served.insert("body".into(), job.source.text.as_ref().into());
    let credential = match &job.configuration {
        None => Value::Null,
        Some(Configuration::Named(id)) => id.as_str().into(),
        Some(Configuration::Inline(body)) => {
            let id = format!("credential-{}", step.id);
            credentials.insert(id.clone(), Value::Object(body.clone()));
            id.into()
        }
    };
    served.insert("credential_id".into(), credential);
    if let Some(state) = &job.state {
        served.insert("state".into(), serde_json::from_str(state.get()).unwrap_or_default());
    }
    Ok(Value::Object(served))
}

fn missing(what: &str, help: &str) -> Report {
    Report::error(format!("a Lightning server has no place for {what}")).help(help)
}
