//! A workflow file in any of its shapes, as a [`Draft`] and then a [`Plan`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use fulgurite_plan::{Draft, Options, Plan, Sanitize, plan, suggest};

use super::diagnostic::Warnings;
use super::document::{At, Document, Node, Open};
use super::fields::{Fields, Keys};
use super::steps::{self, StepPlaces};
use super::{Decoded, Error, Files, Format, stem};

const ROOT: Keys = Keys {
    what: "the file",
    known: &["workflow", "options", "id", "name"],
    ignored: &["openfn"],
    instead: &[
        ("start", "move it into `options`"),
        ("end", "move it into `options`"),
        ("steps", "move it into `workflow`, or remove `workflow`"),
        ("jobs", "move it into `workflow`, or remove `workflow`"),
    ],
};

const NESTED: Keys = Keys {
    what: "a workflow",
    known: &["id", "name", "steps", "jobs", "start", "globals", "credentials", "vars"],
    ignored: &["openfn", "history", "version"],
    instead: &[("end", "move it into `options`"), ("options", "move it out of `workflow`, beside it")],
};

const FLAT: Keys = Keys {
    what: "a workflow",
    known: &["id", "name", "steps", "jobs", "start", "options", "globals", "credentials", "vars"],
    ignored: &["openfn", "history", "version"],
    instead: &[("end", "move it into `options`"), ("timeout", "move it into `options`")],
};

const OPTIONS: Keys = Keys {
    what: "`options`",
    known: &["start", "end", "timeout", "stepTimeout", "sanitize"],
    ignored: &[],
    instead: &[("only", "write both `start` and `end`")],
};

/// What reading the parts of a workflow needs.
pub(super) struct Reader<'a> {
    pub(super) files: &'a Files<'a>,
    /// The folder that paths are relative to.
    pub(super) folder: PathBuf,
    pub(super) warnings: Warnings,
}

/// Where the parts of the draft stand, for the errors of [`Plan::new`].
struct Places {
    steps_at: At,
    start_at: Option<At>,
    end_at: Option<At>,
    steps: Vec<StepPlaces>,
}

pub(super) fn decode(path: &Path, text: &str, format: Format, files: &Files<'_>) -> Result<Decoded, Error> {
    let document = Document::parse(path, text, format, false)?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut reader = Reader { files, folder, warnings: Warnings::default() };
    let (draft, places) = reader.draft(&document.root(), stem(path))?;
    let ids: Vec<Option<String>> = draft.steps.iter().map(|step| step.id.clone()).collect();
    let plan = Plan::new(draft).map_err(|error| {
        let diagnostic = document.diagnostic(places.of(&error, &ids), error.to_string(), None);
        Error::Plan(diagnostic.into(), error.into())
    })?;
    Ok(Decoded { plan, warnings: reader.warnings.into_list() })
}

impl Reader<'_> {
    fn draft(&mut self, root: &Node<'_>, default_name: String) -> Result<(Draft, Places), Error> {
        let entries = root.map("a workflow file")?;
        let has = |key: &str| entries.iter().any(|entry| entry.key == key);
        if has("workflow") {
            let outer = Fields::new(root, "a workflow file", &ROOT, &mut self.warnings)?;
            let Some(inner) = outer.get("workflow") else {
                return Err(root.error("`workflow` is null", "give it `steps`"));
            };
            let fields = Fields::new(&inner, "`workflow`", &NESTED, &mut self.warnings)?;
            return self.workflow(&inner, &fields, &outer, default_name);
        }
        if !has("steps") && !has("jobs") {
            let near = |key: &str| suggest::nearest(key, ["steps", "workflow"]);
            let help = if has("workflows") {
                "this looks like a project file: run one of its workflows from a file of its own"
            } else if let Some((entry, meant)) = entries.iter().find_map(|entry| Some((entry, near(&entry.key)?))) {
                let message = format!("a workflow has no key `{}`", entry.key);
                return Err(root.error_at(entry.key_at, message, format!("did you mean `{meant}`?")));
            } else if has("expression") {
                "this looks like a step: put it into `steps: [ … ]`"
            } else {
                "a workflow looks like `{ \"steps\": [ { \"expression\": \"./job.js\" } ] }`"
            };
            return Err(root.error("this file has no `steps`", help));
        }
        let fields = Fields::new(root, "a workflow file", &FLAT, &mut self.warnings)?;
        self.workflow(root, &fields, &fields, default_name)
    }

    /// `outer` has the options; in the flat shapes it is the workflow itself.
    fn workflow(
        &mut self,
        node: &Node<'_>,
        fields: &Fields<'_>,
        outer: &Fields<'_>,
        default_name: String,
    ) -> Result<(Draft, Places), Error> {
        let list = match (fields.get("steps"), fields.get("jobs")) {
            (Some(_), Some(jobs)) => {
                return Err(jobs.error("`steps` and `jobs` are the same thing", "keep `steps`"));
            }
            (Some(list), None) | (None, Some(list)) => list,
            (None, None) => return Err(node.error("this workflow has no `steps`", "add a list of steps")),
        };
        let Open::List(items) = list.open()? else {
            return Err(list.error("`steps` must be a list", "write `[ { \"id\": …, \"expression\": … } ]`"));
        };
        let mut draft = Draft {
            id: fields.text("id")?.or(outer.text("id")?),
            name: fields.text("name")?.or(outer.text("name")?).or(Some(default_name)),
            ..Draft::default()
        };
        let mut places = Places { steps_at: list.at, start_at: None, end_at: None, steps: Vec::new() };

        if let Some(start) = fields.get("start") {
            draft.start = Some(start.text("`start`")?.into_owned());
            places.start_at = Some(start.at);
        }
        if let Some(options) = outer.get("options") {
            self.options(&options, &mut draft, &mut places)?;
        }
        if let Some(globals) = fields.get("globals") {
            draft.globals = Some(self.source(&globals, "`globals`", "globals.js")?);
        }
        if let Some(credentials) = fields.get("credentials") {
            draft.credentials = credentials.to_map("`credentials`")?;
        }
        if let Some(vars) = fields.get("vars") {
            draft.vars = vars.to_map("`vars`")?;
        }
        for (number, item) in items.iter().enumerate() {
            let (step, step_places) = steps::decode(self, item, number + 1)?;
            draft.steps.push(step);
            places.steps.push(step_places);
        }
        Ok((draft, places))
    }

    fn options(&mut self, node: &Node<'_>, draft: &mut Draft, places: &mut Places) -> Result<(), Error> {
        let fields = Fields::new(node, "`options`", &OPTIONS, &mut self.warnings)?;
        if let Some(start) = fields.get("start") {
            let id = start.text("`start`")?.into_owned();
            if draft.start.as_ref().is_some_and(|other| *other != id) {
                let message = "there are two different `start` steps, and this one is used".to_owned();
                self.warnings.push(message, |message| start.warning_at(start.at, message, "remove one of them"));
            }
            draft.start = Some(id);
            places.start_at = Some(start.at);
        }
        if let Some(end) = fields.get("end") {
            draft.end = Some(end.text("`end`")?.into_owned());
            places.end_at = Some(end.at);
        }
        draft.options = Options {
            timeout: milliseconds(&fields, "timeout")?,
            step_timeout: milliseconds(&fields, "stepTimeout")?,
            sanitize: fields.get("sanitize").map(|node| sanitize(&node)).transpose()?,
        };
        Ok(())
    }
}

impl Places {
    /// Where the part stands that [`Plan::new`] complains about.
    fn of(&self, error: &plan::Error, ids: &[Option<String>]) -> At {
        let step = |id: &str| ids.iter().position(|other| other.as_deref() == Some(id));
        let numbered = |number: usize| self.steps.get(number - 1).map(|step| step.at);
        // A step whose id was made up is not among `ids`; its edge can be told by the target alone.
        let edge = |from: &str, to: &str| match step(from) {
            Some(from) => self.steps[from].edge(to),
            None => self.steps.iter().zip(ids).filter(|(_, id)| id.is_none()).find_map(|(step, _)| step.edge(to)),
        };
        let found = match error {
            plan::Error::Empty => None,
            plan::Error::EmptyId { number } => numbered(*number),
            plan::Error::DuplicateId { second, .. } => numbered(*second),
            plan::Error::UnknownStart(_) => self.start_at,
            plan::Error::UnknownEnd(_) => self.end_at,
            plan::Error::UnknownNext { step, unknown } => edge(step.as_str(), &unknown.id),
            plan::Error::Circular { cycle } => match &cycle[..] {
                [] => None,
                [from, rest @ ..] => edge(from.as_str(), rest.first().unwrap_or(from).as_str()),
            },
            plan::Error::StateNotAnObject { step: id } => step(id.as_str()).map(|step| self.steps[step].at),
        };
        found.unwrap_or(self.steps_at)
    }
}

fn milliseconds(fields: &Fields<'_>, key: &str) -> Result<Option<Duration>, Error> {
    let Some(node) = fields.get(key) else { return Ok(None) };
    let number = match node.open()? {
        Open::Number(text) => text.parse::<u64>().ok().filter(|number| *number > 0),
        _ => None,
    };
    match number {
        Some(number) => Ok(Some(Duration::from_millis(number))),
        None => Err(node.error(
            format!("`{key}` must be a number of milliseconds"),
            "write a whole number above 0, or leave it out for the default",
        )),
    }
}

fn sanitize(node: &Node<'_>) -> Result<Sanitize, Error> {
    match node.text("`sanitize`")?.as_ref() {
        "none" => Ok(Sanitize::None),
        "remove" => Ok(Sanitize::Remove),
        "summarize" => Ok(Sanitize::Summarize),
        "obfuscate" => Ok(Sanitize::Obfuscate),
        other => {
            Err(node.error(format!("`sanitize` cannot be `{other}`"), "write none, remove, summarize or obfuscate"))
        }
    }
}
