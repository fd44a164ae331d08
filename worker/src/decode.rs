//! The server's plan becomes a plan of ours. What it does not say has OpenFn's defaults; what cannot be is an error that says where.
//!
//! A plan from a server may not name files: its adaptors are packages, whatever else a plan on disk can do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fulgurite_plan::{
    Condition, Configuration, Draft, DraftEdge, DraftStep, ErrorReport, Job, Options, Plan, Sanitize, Source,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::config::Limits;

/// A run as the server describes it.
#[derive(Debug)]
pub struct Decoded {
    /// What to run. Credentials are still ids: [`Decoded::credentials`].
    pub plan: Plan,
    /// Where its input is.
    pub dataclip: Option<String>,
    /// The server's project.
    pub project: Option<String>,
    /// What it may use, where it says so; the worker's defaults elsewhere.
    pub limits: Limits,
    /// Whether outputs are to be sent.
    pub output_dataclips: bool,
    /// Whether what jobs log is to be sent.
    pub job_logs: bool,
}

impl Decoded {
    /// The ids of credentials that steps which a run could get to are configured with, each once.
    pub fn credentials(&self) -> BTreeSet<String> {
        let steps = self.plan.reachable().into_iter().map(|step| &self.plan[step]);
        let named = steps.filter_map(|step| match step.job.as_ref()?.configuration.as_ref()? {
            Configuration::Named(id) => Some(id.clone()),
            Configuration::Inline(_) => None,
        });
        named.collect()
    }

    /// The adaptors of steps that a run could get to.
    pub fn adaptors(&self) -> BTreeSet<&str> {
        let steps = self.plan.reachable().into_iter().map(|step| &self.plan[step]);
        steps.filter_map(|step| step.job.as_ref()).flat_map(|job| job.adaptors.iter().map(String::as_str)).collect()
    }
}

/// Why a plan is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the form of a plan.
    #[error("the server's plan cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It has the form, but is no plan.
    #[error(transparent)]
    Invalid(#[from] fulgurite_plan::plan::Error),
    /// An adaptor that is no package.
    #[error(
        "job `{job}` names the adaptor `{adaptor}`: it has to be a package, such as `@openfn/language-common@3.0.0`"
    )]
    NotAPackage {
        /// The job.
        job: String,
        /// Its adaptor.
        adaptor: String,
    },
    /// An edge that starts nowhere.
    #[error("edge `{0}` starts at no step of the plan")]
    NoSource(String),
}

impl Error {
    /// The error as a run reports it.
    pub fn to_report(&self) -> ErrorReport {
        match self {
            Error::Invalid(error) => error.to_report(),
            _ => ErrorReport { source: "worker".into(), ..ErrorReport::new("ValidationError", self.to_string()) },
        }
    }
}

/// Reads the answer to `fetch:plan`.
///
/// # Errors
/// When it is no plan.
pub fn plan(text: &[u8], defaults: &Limits) -> Result<Decoded, Error> {
    let form: Form = serde_json::from_slice(text)?;
    let mut steps: Vec<DraftStep> =
        form.triggers.into_iter().map(|trigger| DraftStep { id: Some(trigger.id), ..DraftStep::default() }).collect();
    for job in form.jobs {
        steps.push(job.into_step()?);
    }
    for edge in form.edges {
        let source = edge.source_trigger_id.as_deref().or(edge.source_job_id.as_deref());
        let step = steps.iter_mut().find(|step| step.id.as_deref() == source && source.is_some());
        let condition = edge.condition();
        match step {
            Some(step) => step.next.push(DraftEdge {
                target: edge.target_job_id,
                condition,
                label: edge.condition_label,
                max_iterations: None,
            }),
            None => return Err(Error::NoSource(edge.id.unwrap_or(edge.target_job_id))),
        }
    }
    let OptionsForm {
        run_timeout_ms,
        run_memory_limit_mb,
        state_limit_mb,
        payload_limit_mb,
        log_payload_limit_mb,
        output_dataclips,
        job_log_level,
        sanitize,
    } = form.options.unwrap_or_default();
    let bytes = |mb: Option<f64>| mb.filter(|mb| *mb >= 0.0).map(|mb| (mb * f64::from(1 << 20)) as u64);
    let limits = Limits {
        run_timeout: run_timeout_ms.map_or(defaults.run_timeout, Duration::from_millis),
        memory: bytes(run_memory_limit_mb).filter(|bytes| *bytes > 0).unwrap_or(defaults.memory),
        state: bytes(state_limit_mb).or(defaults.state),
        payload: bytes(payload_limit_mb).unwrap_or(defaults.payload),
        log_line: bytes(log_payload_limit_mb).unwrap_or(defaults.log_line),
    };
    let draft = Draft {
        id: form.id,
        name: form.name,
        steps,
        start: form.starting_node_id,
        options: Options { sanitize: sanitize.as_deref().and_then(sanitized), ..Options::default() },
        ..Draft::default()
    };
    Ok(Decoded {
        plan: Plan::new(draft)?,
        dataclip: form.dataclip_id,
        project: form.project_id,
        limits,
        output_dataclips: output_dataclips.unwrap_or(true),
        job_logs: job_log_level.as_deref() != Some("none"),
    })
}

/// Puts fetched credentials where their ids stand. One without a body becomes an empty configuration, as the server means it.
pub fn configured(plan: Plan, found: &BTreeMap<String, Map<String, Value>>) -> Plan {
    plan.with_configurations(|configuration| match configuration {
        Configuration::Named(id) => Configuration::Inline(found.get(&id).cloned().unwrap_or_default()),
        inline => inline,
    })
}

fn sanitized(word: &str) -> Option<Sanitize> {
    match word {
        "none" => Some(Sanitize::None),
        "remove" => Some(Sanitize::Remove),
        "summarize" => Some(Sanitize::Summarize),
        "obfuscate" => Some(Sanitize::Obfuscate),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    triggers: Vec<TriggerForm>,
    #[serde(default)]
    jobs: Vec<JobForm>,
    #[serde(default)]
    edges: Vec<EdgeForm>,
    #[serde(default)]
    starting_node_id: Option<String>,
    #[serde(default)]
    dataclip_id: Option<String>,
    #[serde(default)]
    options: Option<OptionsForm>,
}

#[derive(Deserialize)]
struct TriggerForm {
    id: String,
}

#[derive(Deserialize)]
struct JobForm {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    adaptor: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    credential_id: Option<String>,
    #[serde(default)]
    credential: Option<Value>,
    #[serde(default)]
    state: Option<Box<RawValue>>,
}

impl JobForm {
    fn into_step(self) -> Result<DraftStep, Error> {
        let adaptors: Vec<String> = self.adaptor.into_iter().filter(|adaptor| !adaptor.trim().is_empty()).collect();
        if let Some(adaptor) = adaptors.iter().find(|adaptor| !is_package(adaptor)) {
            return Err(Error::NotAPackage { job: self.id, adaptor: adaptor.clone() });
        }
        let configuration = match self.credential {
            Some(Value::Object(inline)) => Some(Configuration::Inline(inline)),
            Some(Value::String(id)) => Some(Configuration::Named(id)),
            _ => self.credential_id.map(Configuration::Named),
        };
        let name = format!("{}.js", self.name.as_deref().unwrap_or(&self.id));
        let source = Source { name, text: self.body.unwrap_or_default().into() };
        let state = self.state.filter(|state| state.get() != "null").map(Arc::from);
        let job = Job { adaptors, configuration, state, ..Job::new(source) };
        Ok(DraftStep { id: Some(self.id), name: self.name, job: Some(job), next: Vec::new() })
    }
}

#[derive(Deserialize)]
struct EdgeForm {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    source_trigger_id: Option<String>,
    #[serde(default)]
    source_job_id: Option<String>,
    target_job_id: String,
    #[serde(default)]
    condition: Option<String>,
    #[serde(default)]
    condition_label: Option<String>,
    #[serde(default)]
    enabled: Option<bool>,
}

impl EdgeForm {
    fn condition(&self) -> Condition {
        match (&self.condition, self.enabled) {
            (_, Some(false)) => Condition::Never,
            (None, _) => Condition::Always,
            (Some(text), _) => Condition::parse(text),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OptionsForm {
    run_timeout_ms: Option<u64>,
    run_memory_limit_mb: Option<f64>,
    state_limit_mb: Option<f64>,
    payload_limit_mb: Option<f64>,
    log_payload_limit_mb: Option<f64>,
    output_dataclips: Option<bool>,
    job_log_level: Option<String>,
    sanitize: Option<String>,
}

/// Whether it is the name of an npm package, with or without a version, by the rules for `name` in `package.json`.
fn is_package(written: &str) -> bool {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && !part.starts_with('.') && part.chars().all(plain)
    };
    let version = |version: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '^' | '~');
        !version.is_empty() && version.chars().all(plain)
    };
    let (name, given) = match written.rfind('@') {
        Some(at) if at > 0 => (&written[..at], Some(&written[at + 1..])),
        _ => (written, None),
    };
    let named = match name.strip_prefix('@').map(|scoped| scoped.split_once('/')) {
        Some(Some((scope, name))) => part(scope) && part(name),
        Some(None) => false,
        None => part(name),
    };
    named && given.is_none_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match plan(text.as_bytes(), &Limits::default()) {
            Ok(decoded) => {
                let steps = decoded.plan.steps().iter().map(|step| {
                    let job = step.job.as_ref().map(|job| format!("{:?}", job.adaptors)).unwrap_or_default();
                    let next: Vec<String> = step
                        .next
                        .iter()
                        .map(|edge| format!("{}:{:?}", decoded.plan[edge.target].id, edge.condition))
                        .collect();
                    format!("{}{job} -> {}", step.id, next.join(","))
                });
                steps.collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn plans_as_servers_send_them() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
        check(
            r#"{"id":"r","triggers":[{"id":"t"}],"jobs":[{"id":"a","adaptor":"@openfn/language-common@1.0.0","body":""},{"id":"b","body":"x"}],
                "edges":[{"id":"1","source_trigger_id":"t","source_job_id":null,"condition":"always","enabled":true,"target_job_id":"a"},
                         {"id":"2","source_job_id":"a","condition":"on_job_success","target_job_id":"b"},
                         {"id":"3","source_job_id":"a","condition":"state.x","enabled":false,"target_job_id":"b"}],
                "starting_node_id":"t","dataclip_id":null,"options":null}"#,
            r#"t -> a:Always; a["@openfn/language-common@1.0.0"] -> b:OnSuccess,b:Never; b[] -> "#,
        );
        // Old servers leave keys out, and a trigger's edge may have a null for its condition.
        check(
            r#"{"triggers":[{"id":"t"}],"jobs":[{"id":"a"}],"edges":[{"source_trigger_id":"t","condition":null,"target_job_id":"a"}]}"#,
            "t -> a:Always; a[] -> ",
        );
        check(
            r#"{"jobs":[{"id":"a"}],"starting_node_id":"b"}"#,
            "the start step is not one of the steps: `b` (the only step is `a`)",
        );
        check(
            r#"{"jobs":[{"id":"a","adaptor":"/etc/passwd"}]}"#,
            "job `a` names the adaptor `/etc/passwd`: it has to be a package, such as `@openfn/language-common@3.0.0`",
        );
        check(
            r#"{"jobs":[{"id":"a"}],"edges":[{"id":"e","target_job_id":"a"}]}"#,
            "edge `e` starts at no step of the plan",
        );
        check(
            r#"{"jobs":1}"#,
            "the server's plan cannot be read: invalid type: integer `1`, expected a sequence at line 1 column 9",
        );
    }

    #[test]
    fn packages_are_not_paths() {
        for good in [
            "common",
            "@openfn/language-http@7.0.0",
            "@openfn/language-http@latest",
            "lodash@^4.0.0",
            "@openfn/x@1.0.0-beta.1",
        ] {
            assert!(is_package(good), "{good}");
        }
        for bad in [
            "./x.js", "../x", "/x", "x=./y.js", "@openfn", "@openfn/", "a/b", "@a/b/c", "http://x", "x@", "@a/../b", "",
        ] {
            assert!(!is_package(bad), "{bad}");
        }
    }

    #[test]
    fn limits_of_the_plan_win() {
        let text = r#"{"jobs":[{"id":"a"}],"options":{"run_timeout_ms":1000,"run_memory_limit_mb":64,"payload_limit_mb":0.5,"output_dataclips":false,"job_log_level":"none"}}"#;
        let decoded = plan(text.as_bytes(), &Limits::default()).unwrap();
        let limits =
            Limits { run_timeout: Duration::from_secs(1), memory: 64 << 20, payload: 1 << 19, ..Limits::default() };
        assert_eq!(decoded.limits, limits);
        assert!(!decoded.output_dataclips && !decoded.job_logs);
    }
}
