//! A plan as bytes, for another process of the same program.
//!
//! [`encode`] and [`decode`] are each other's inverse for every plan: ids, defaults and secrets included. Both ends are the
//! same build (`fulgurite-engine` checks that before anything else), so the form has no versions, and nobody else may read it.
//! What comes in is checked by [`Plan::new`] like any draft.
//!
//! The types of the form are private and have no `Debug`, and errors never quote what was read: secrets are in it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::plan::{
    Condition, Configuration, Draft, DraftEdge, DraftStep, Job, Linker, Options, Plan, Source, Step, WithItems,
};

/// Why bytes are no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not what [`encode`] writes.
    #[error("not a plan: byte {column} of line {line} is not what `encode` writes")]
    Malformed {
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
    },
    /// Well-formed, but no plan.
    #[error("not a plan: {0}")]
    Invalid(#[from] crate::plan::Error),
}

impl From<serde_json::Error> for Error {
    /// Where it is, but not what it says: serde quotes the values it does not like.
    fn from(error: serde_json::Error) -> Error {
        Error::Malformed { line: error.line(), column: error.column() }
    }
}

/// The plan as bytes. They hold its secrets.
pub fn encode(plan: &Plan) -> Vec<u8> {
    let form = Form {
        id: plan.id().map(Cow::Borrowed),
        name: plan.name().map(Cow::Borrowed),
        steps: plan.steps().iter().map(|step| StepForm::of(step, plan)).collect(),
        start: Cow::Borrowed(plan[plan.start()].id.as_str()),
        end: plan.end().map(|end| Cow::Borrowed(plan[end].id.as_str())),
        options: plan.options().clone(),
        globals: plan.globals().map(SourceForm::of),
        credentials: raw(plan.credentials()),
        vars: raw(plan.vars()),
    };
    serde_json::to_vec(&form).expect("plain data with text keys is always JSON")
}

/// The plan that [`encode`] made bytes of.
///
/// # Errors
/// When it did not.
pub fn decode(bytes: &[u8]) -> Result<Plan, Error> {
    let form: Form<'_> = serde_json::from_slice(bytes)?;
    let draft = Draft {
        id: form.id.map(Cow::into_owned),
        name: form.name.map(Cow::into_owned),
        steps: form.steps.into_iter().map(StepForm::into_draft).collect::<Result<_, _>>()?,
        start: Some(form.start.into_owned()),
        end: form.end.map(Cow::into_owned),
        options: form.options,
        globals: form.globals.map(SourceForm::into_source),
        credentials: serde_json::from_str(form.credentials.get())?,
        vars: serde_json::from_str(form.vars.get())?,
    };
    Ok(Plan::new(draft)?)
}

#[derive(Serialize, Deserialize)]
struct Form<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    steps: Vec<StepForm<'a>>,
    #[serde(borrow)]
    start: Cow<'a, str>,
    #[serde(borrow)]
    end: Option<Cow<'a, str>>,
    options: Options,
    #[serde(borrow)]
    globals: Option<SourceForm<'a>>,
    /// As text of its own: a value may nest as deep as serde_json allows, and must not be deeper for lying in a form.
    credentials: Box<RawValue>,
    vars: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct StepForm<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    job: Option<JobForm<'a>>,
    #[serde(borrow)]
    next: Vec<EdgeForm<'a>>,
}

#[derive(Serialize, Deserialize)]
struct JobForm<'a> {
    #[serde(borrow)]
    source: SourceForm<'a>,
    #[serde(borrow)]
    source_map: Option<Cow<'a, str>>,
    adaptors: Cow<'a, [String]>,
    #[serde(borrow)]
    configuration: Option<ConfigurationForm<'a>>,
    state: Option<Cow<'a, RawValue>>,
    linker: Cow<'a, BTreeMap<String, Linker>>,
    with_items: Option<Cow<'a, WithItems>>,
    input: Box<RawValue>,
    publish: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct SourceForm<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
enum ConfigurationForm<'a> {
    Inline(Box<RawValue>),
    #[serde(borrow)]
    Named(Cow<'a, str>),
}

#[derive(Serialize, Deserialize)]
struct EdgeForm<'a> {
    #[serde(borrow)]
    target: Cow<'a, str>,
    condition: Cow<'a, Condition>,
    #[serde(borrow)]
    label: Option<Cow<'a, str>>,
    max_iterations: Option<NonZeroU32>,
}

impl<'a> StepForm<'a> {
    fn of(step: &'a Step, plan: &'a Plan) -> StepForm<'a> {
        let next = step.next.iter().map(|edge| EdgeForm {
            target: Cow::Borrowed(plan[edge.target].id.as_str()),
            condition: Cow::Borrowed(&edge.condition),
            label: edge.label.as_deref().map(Cow::Borrowed),
            max_iterations: edge.max_iterations,
        });
        StepForm {
            id: Cow::Borrowed(step.id.as_str()),
            name: step.name.as_deref().map(Cow::Borrowed),
            job: step.job.as_ref().map(JobForm::of),
            next: next.collect(),
        }
    }

    fn into_draft(self) -> Result<DraftStep, Error> {
        let next = self.next.into_iter().map(|edge| DraftEdge {
            target: edge.target.into_owned(),
            condition: edge.condition.into_owned(),
            label: edge.label.map(Cow::into_owned),
            max_iterations: edge.max_iterations,
        });
        Ok(DraftStep {
            id: Some(self.id.into_owned()),
            name: self.name.map(Cow::into_owned),
            job: self.job.map(JobForm::into_job).transpose()?,
            next: next.collect(),
        })
    }
}

impl<'a> JobForm<'a> {
    fn of(job: &'a Job) -> JobForm<'a> {
        JobForm {
            source: SourceForm::of(&job.source),
            source_map: job.source_map.as_deref().map(Cow::Borrowed),
            adaptors: Cow::Borrowed(&job.adaptors),
            configuration: job.configuration.as_ref().map(|configuration| match configuration {
                Configuration::Inline(map) => ConfigurationForm::Inline(raw(map)),
                Configuration::Named(id) => ConfigurationForm::Named(Cow::Borrowed(id)),
            }),
            state: job.state.as_deref().map(Cow::Borrowed),
            linker: Cow::Borrowed(&job.linker),
            with_items: job.with_items.as_ref().map(Cow::Borrowed),
            input: raw(&job.input),
            publish: raw(&job.publish),
        }
    }

    fn into_job(self) -> Result<Job, Error> {
        let configuration = match self.configuration {
            Some(ConfigurationForm::Inline(map)) => Some(Configuration::Inline(serde_json::from_str(map.get())?)),
            Some(ConfigurationForm::Named(id)) => Some(Configuration::Named(id.into_owned())),
            None => None,
        };
        Ok(Job {
            source: self.source.into_source(),
            source_map: self.source_map.map(Cow::into_owned),
            adaptors: self.adaptors.into_owned(),
            configuration,
            state: self.state.map(|state| Arc::from(state.into_owned())),
            linker: self.linker.into_owned(),
            with_items: self.with_items.map(Cow::into_owned),
            input: serde_json::from_str(self.input.get())?,
            publish: serde_json::from_str(self.publish.get())?,
        })
    }
}

impl<'a> SourceForm<'a> {
    fn of(source: &'a Source) -> SourceForm<'a> {
        SourceForm { name: Cow::Borrowed(&source.name), text: Cow::Borrowed(&source.text) }
    }

    fn into_source(self) -> Source {
        Source { name: self.name.into_owned(), text: self.text.into() }
    }
}

fn raw(map: &Map<String, Value>) -> Box<RawValue> {
    to_raw_value(map).expect("a value is always JSON")
}

/// A value as text of its own within another form, for the reason that [`Form::credentials`] gives.
pub(crate) mod optional_value {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
        // As text and not raw: `null` is a value and not the lack of one.
        value.as_ref().map(Value::to_string).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| serde_json::from_str(&text).map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests;
