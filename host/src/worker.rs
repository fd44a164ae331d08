//! What the worker needs of the runtime: requests of plans.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fulgurite_compile::Adaptors;
use fulgurite_engine::pool;
use fulgurite_plan::{ErrorReport, Plan};
use fulgurite_runtime::{Limits, Request};
use fulgurite_worker::engine::{Engine, Ready, Terms};
use serde_json::{Map, Value, json};

use crate::adaptors::{self, Sources};
use crate::engine::wire;
use crate::profile::Recorder;
use crate::report::Report;

/// Makes requests of plans that a server sent.
#[derive(Debug)]
pub struct Runtime {
    /// What no plan can change.
    pub limits: Limits,
    /// Installed adaptors.
    pub repository: Option<PathBuf>,
    /// Adaptors that were linked, by the adaptors of all steps in order. A server sends the same plans again and again.
    linked: Mutex<HashMap<Vec<Vec<String>>, Linked>>,
    /// Where what children trace goes.
    recorder: Option<Recorder>,
}

#[derive(Debug, Clone)]
struct Linked {
    adaptors: Arc<Adaptors>,
    warnings: Vec<String>,
}

/// Plans whose adaptors are remembered.
const MOST_LINKED: usize = 256;

impl Runtime {
    /// With these limits and installed adaptors.
    pub fn new(limits: Limits, repository: Option<PathBuf>) -> Runtime {
        Runtime { limits, repository, linked: Mutex::default(), recorder: None }
    }

    /// Also takes in what children trace.
    pub fn recording(self, recorder: Option<Recorder>) -> Runtime {
        Runtime { recorder, ..self }
    }

    fn link(&self, plan: &Plan) -> Result<Linked, Box<ErrorReport>> {
        let of_step =
            |step: &fulgurite_plan::Step| step.job.as_ref().map(|job| job.adaptors.clone()).unwrap_or_default();
        // What cannot be reached is not linked, so it is a part of the question.
        let reachable = plan.reachable();
        let key: Vec<Vec<String>> = plan
            .indexed()
            .map(|(index, step)| if reachable.contains(&index) { of_step(step) } else { vec!["-".to_owned()] })
            .collect();
        let mut known = self.linked.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(linked) = known.get(&key) {
            return Ok(linked.clone());
        }
        let reached = plan.indexed().filter(|(index, _)| reachable.contains(index));
        for (step, written) in
            reached.flat_map(|(_, step)| of_step(step).into_iter().map(move |written| (step, written)))
        {
            if !adaptors::is_built_in(&written) && self.installed(&written).is_none() {
                let report = ErrorReport::new("AutoinstallError", self.not_installed(&written));
                let step = Some(step.id.as_str().to_owned());
                return Err(Box::new(ErrorReport { source: "worker".into(), step, ..report }));
            }
        }
        let read = |path: &Path| fs::read_to_string(path);
        let find = |specifier: &str| self.installed(specifier);
        let sources = Sources { read: &read, folder: Path::new(""), default: &[], installed: &find };
        let linked = adaptors::link(plan, &sources).map_err(|report| Box::new(refused(&report)))?;
        let linked = Linked {
            adaptors: Arc::new(linked.adaptors),
            warnings: linked.warnings.into_iter().map(|report| sentence(&report)).collect(),
        };
        if known.len() >= MOST_LINKED {
            known.clear();
        }
        known.insert(key, linked.clone());
        Ok(linked)
    }

    fn not_installed(&self, written: &str) -> String {
        let place = match &self.repository {
            Some(repository) => format!("put it into {}/node_modules/<name>_<version>", repository.display()),
            None => "give the worker a folder that has it with --repo-dir".to_owned(),
        };
        format!("the adaptor {written} is not installed on this worker, which installs none by itself: {place}")
    }

    /// As OpenFn's worker keeps adaptors: `node_modules/@openfn/language-http_7.0.0`.
    fn installed(&self, specifier: &str) -> Option<PathBuf> {
        let at = specifier.rfind('@').filter(|at| *at > 0)?;
        let (name, version) = (&specifier[..at], &specifier[at + 1..]);
        let folder = self.repository.as_ref()?.join("node_modules").join(format!("{name}_{version}"));
        folder.is_dir().then_some(folder)
    }
}

impl Engine for Runtime {
    fn ready(&self, plan: &Plan, input: Option<Bytes>, terms: &Terms) -> Result<Ready, Box<ErrorReport>> {
        let Linked { adaptors, warnings } = self.link(plan)?;
        let memory = usize::try_from(terms.memory).unwrap_or(usize::MAX);
        let limits = Limits {
            run_timeout: Some(terms.run_timeout),
            heap: Some(memory),
            state: Some(terms.state.map_or(memory, |state| usize::try_from(state).unwrap_or(usize::MAX))),
            log_line: usize::try_from(terms.log_line).unwrap_or(usize::MAX),
            ..self.limits.clone()
        };
        // The server says how much a run may have. Less than that would be another promise than it has made.
        if let Some(why) = limits.refusal() {
            return Err(Box::new(ErrorReport { source: "worker".into(), ..ErrorReport::new("LimitError", why) }));
        }
        let request = Request {
            limits,
            adaptors,
            state_props_to_remove: terms.state_props_to_remove.clone(),
            ..Request::new(plan.clone())
        };
        // The bytes go as they came: whoever reads them is the child.
        let request = pool::Request { input: input.map(|input| vec![input]), ..wire::request(&request) };
        Ok(Ready { request, warnings })
    }

    fn traced(&self, run: &str, traces: &Bytes) {
        if let Some(recorder) = &self.recorder {
            wire::absorb(recorder, Some(traces), Some(run));
        }
    }

    fn versions(&self) -> Map<String, Value> {
        let mut versions = Map::new();
        versions.insert("worker".into(), json!(env!("CARGO_PKG_VERSION")));
        versions.insert("fulgurite".into(), json!(env!("CARGO_PKG_VERSION")));
        versions.insert("v8".into(), json!(fulgurite_runtime::v8_version()));
        versions
    }
}

/// The report of a plan that cannot be run, as OpenFn's worker names it.
fn refused(report: &Report) -> ErrorReport {
    let class = report.class.clone().unwrap_or_else(|| "AutoinstallError".to_owned());
    let step = report.step.clone();
    ErrorReport { source: "worker".into(), step, ..ErrorReport::new(class, sentence(report)) }
}

fn sentence(report: &Report) -> String {
    match &report.help {
        Some(help) => format!("{} ({help})", report.message),
        None => report.message.clone(),
    }
}
