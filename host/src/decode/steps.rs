//! One step of a workflow file: its code, edges, configuration and default state, each in the file or in one beside it.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use fulgurite_plan::{
    Batch, Collect, Condition, Configuration, DraftEdge, DraftStep, Job, Linker, OnItemError, Source, WithItems,
    suggest,
};
use serde_json::value::RawValue;

use super::document::{At, Document, Node, Open};
use super::fields::{Fields, Keys};
use super::workflow::Reader;
use super::{Error, Format};

const STEP: Keys = Keys {
    what: "a step",
    known: &[
        "id",
        "name",
        "expression",
        "adaptor",
        "adaptors",
        "configuration",
        "state",
        "next",
        "linker",
        "sourceMap",
        "input",
        "publish",
        "with_items",
        "batch_size",
        "concurrency",
        "isolates",
        "on_item_error",
        "retries",
        "collect",
    ],
    ignored: &["previous", "openfn"],
    instead: &[
        ("items", "what a step runs over is called `with_items`"),
        ("foreach", "what a step runs over is called `with_items`"),
        ("parallelism", "how many calls are in flight is called `concurrency`"),
        ("body", "the code of a step is called `expression`"),
        ("code", "the code of a step is called `expression`"),
        ("credential", "the credential of a step is called `configuration`"),
        ("credentials", "the credential of a step is called `configuration`"),
        ("edges", "edges are written under `next`, as target → condition"),
        ("condition", "a condition belongs to an edge: `next: { target: { condition: … } }`"),
    ],
};

/// Keys that mean nothing on a step without code.
const OF_JOBS: [&str; 9] =
    ["adaptor", "adaptors", "configuration", "state", "linker", "sourceMap", "input", "publish", "with_items"];

/// Keys that mean nothing on a step that runs once.
const OF_ITEMS: [&str; 6] = ["batch_size", "concurrency", "isolates", "on_item_error", "retries", "collect"];

const EDGE: Keys = Keys {
    what: "an edge",
    known: &["condition", "label", "disabled", "max_iterations"],
    ignored: &["openfn", "name"],
    instead: &[("enabled", "write `disabled: true`, or remove it")],
};

const LINKER: Keys = Keys { what: "a linker entry", known: &["path", "version"], ignored: &[], instead: &[] };

/// Where the parts of a step stand.
pub(super) struct StepPlaces {
    /// The id, or else the step.
    pub(super) at: At,
    edges: Vec<(String, At)>,
}

impl StepPlaces {
    /// Where the edge to this target stands.
    pub(super) fn edge(&self, target: &str) -> Option<At> {
        self.edges.iter().find(|(other, _)| other == target).map(|(_, at)| *at)
    }
}

/// The step that is `number`th in the list, from 1.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    number: usize,
) -> Result<(DraftStep, StepPlaces), Error> {
    let fields = Fields::new(node, "a step", &STEP, &mut reader.warnings)?;
    let id = fields.text("id")?;
    let name = fields.text("name")?;
    let mut places = StepPlaces { at: fields.get("id").map_or(node.at, |id| id.at), edges: Vec::new() };
    let next = match fields.get("next") {
        Some(next) => edges(reader, &next, &mut places)?,
        None => Vec::new(),
    };
    let job = match fields.get("expression") {
        Some(expression) => {
            let default_name = name.as_ref().or(id.as_ref()).map_or(format!("step-{number}"), String::clone);
            let source = reader.source(&expression, "`expression`", &format!("{default_name}.js"))?;
            let with_items = with_items(reader, &fields, id.as_deref(), number)?;
            Some(Job { with_items, ..job(reader, &fields, source)? })
        }
        None => {
            if let Some(useless) = OF_JOBS.iter().find_map(|key| fields.get(key)) {
                let message = format!("{} has no `expression`, so this has no effect", called(id.as_deref(), number));
                let help = "add an `expression`; without one, a step passes its input on";
                reader.warnings.push(message, |message| useless.warning_at(useless.at, message, help));
            }
            None
        }
    };
    Ok((DraftStep { id, name, job, next }, places))
}

fn called(id: Option<&str>, number: usize) -> String {
    id.map_or(format!("step {number}"), |id| format!("step `{id}`"))
}

fn job(reader: &mut Reader<'_>, fields: &Fields<'_>, source: Source) -> Result<Job, Error> {
    let mut job = Job::new(source);
    job.adaptors = adaptors(fields)?;
    if let Some(node) = fields.get("configuration") {
        job.configuration = Some(reader.configuration(&node)?);
    }
    if let Some(node) = fields.get("state") {
        job.state = Some(reader.state(&node)?);
    }
    if let Some(node) = fields.get("input") {
        job.input = node.to_map("`input`")?;
    }
    if let Some(node) = fields.get("publish") {
        job.publish = node.to_map("`publish`")?;
    }
    if let Some(node) = fields.get("linker") {
        job.linker = linker(reader, &node)?;
    }
    if let Some(node) = fields.get("sourceMap") {
        job.source_map = Some(match node.open()? {
            Open::Text(text) => text.into_owned(),
            Open::Map(_) => node.to_json().into_owned(),
            other => {
                let message = format!("`sourceMap` must be a source map, but is {}", other.kind());
                return Err(node.error(message, "write it as an object, or as its JSON in quotes"));
            }
        });
    }
    Ok(job)
}

fn with_items(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    id: Option<&str>,
    number: usize,
) -> Result<Option<WithItems>, Error> {
    let Some(node) = fields.get("with_items") else {
        if let Some(useless) = OF_ITEMS.iter().find_map(|key| fields.get(key)) {
            let message = format!("{} has no `with_items`, so this has no effect", called(id, number));
            let help = "add `with_items`, such as `with_items: state.data.records`";
            reader.warnings.push(message, |message| useless.warning_at(useless.at, message, help));
        }
        return Ok(None);
    };
    let mut with = WithItems::new(match node.open()? {
        Open::Text(text) if !text.trim().is_empty() => text.into_owned(),
        // A list of JSON is an expression, too.
        Open::List(_) => node.to_json().into_owned(),
        other => {
            let message = format!("`with_items` must be an expression or a list, but is {}", other.kind());
            return Err(
                node.error(message, "write `with_items: state.data.records`, or a template, `\"{{ vars.records }}\"`")
            );
        }
    });
    if let Some(node) = fields.get("batch_size") {
        with.batch = match node.open()? {
            Open::Text(text) if text == "auto" => Batch::Auto,
            _ => Batch::Count(at_least_one(&node, "batch_size", "write a whole number above 0, or `auto`")?),
        };
    }
    let plain = "write a whole number above 0";
    if let Some(node) = fields.get("concurrency") {
        with.concurrency = at_least_one(&node, "concurrency", plain)?;
        if with.concurrency.get() > MOST_IN_FLIGHT {
            let message = format!("`concurrency` must be {MOST_IN_FLIGHT} at most");
            return Err(node.error(message, "so many calls wait at a time; what computes wants `isolates`"));
        }
    }
    if let Some(node) = fields.get("isolates") {
        with.isolates = at_least_one(&node, "isolates", plain)?;
        if with.isolates.get() > MOST_ISOLATES {
            let message = format!("`isolates` must be {MOST_ISOLATES} at most");
            return Err(node.error(message, "each is a thread: more than there are cores gains nothing"));
        }
    }
    if let Some(node) = fields.get("retries") {
        with.retries = match node.open()? {
            Open::Number(text) => text.parse().ok(),
            _ => None,
        }
        .ok_or_else(|| node.error("`retries` must be a number", "write a whole number, such as 3"))?;
    }
    if let Some(node) = fields.get("on_item_error") {
        with.on_error = match node.text("`on_item_error`")?.as_ref() {
            "stop" => OnItemError::Stop,
            "continue" => OnItemError::Continue,
            other => {
                let message = format!("`on_item_error` cannot be `{other}`");
                return Err(node.error(message, "write `stop` or `continue`"));
            }
        };
    }
    if let Some(node) = fields.get("collect") {
        with.collect = match node.text("`collect`")?.as_ref() {
            "results" => Collect::Results,
            "none" => Collect::Nothing,
            expression => Collect::Expression(expression.to_owned()),
        };
    }
    Ok(Some(with))
}

/// More threads than any machine that runs this has cores to spare.
const MOST_ISOLATES: u32 = 64;

/// Calls that may be in flight for one step.
const MOST_IN_FLIGHT: u32 = 10_000;

fn at_least_one(node: &Node<'_>, key: &str, help: &str) -> Result<NonZeroU32, Error> {
    let number = match node.open()? {
        Open::Number(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| node.error(format!("`{key}` must be a number above 0"), help.to_owned()))
}

fn adaptors(fields: &Fields<'_>) -> Result<Vec<String>, Error> {
    let list = match (fields.get("adaptor"), fields.get("adaptors")) {
        (Some(one), Some(_)) => {
            return Err(one.error("a step has either `adaptor` or `adaptors`", "move it into the list"));
        }
        (Some(one), None) => vec![one],
        (None, None) => vec![],
        (None, Some(many)) => match many.open()? {
            Open::List(list) => list,
            Open::Text(_) => return Err(many.error("`adaptors` must be a list", "write `adaptor`, or use a list")),
            other => {
                return Err(many.error(format!("`adaptors` must be a list, but is {}", other.kind()), "use a list"));
            }
        },
    };
    let names = list.iter().map(|node| node.text("an adaptor").map(|name| name.trim().to_owned()));
    Ok(names.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|name| !name.is_empty()).collect())
}

fn linker(reader: &mut Reader<'_>, node: &Node<'_>) -> Result<BTreeMap<String, Linker>, Error> {
    let mut modules = BTreeMap::new();
    for entry in node.map("`linker`")? {
        let fields = Fields::new(&entry.value, "a linker entry", &LINKER, &mut reader.warnings)?;
        let linker = Linker { path: fields.text("path")?, version: fields.text("version")? };
        modules.insert(entry.key.into_owned(), linker);
    }
    Ok(modules)
}

fn edges(reader: &mut Reader<'_>, node: &Node<'_>, places: &mut StepPlaces) -> Result<Vec<DraftEdge>, Error> {
    match node.open()? {
        Open::Text(target) => {
            let target = target.into_owned();
            places.edges.push((target.clone(), node.at));
            Ok(vec![DraftEdge::new(target, Condition::Always)])
        }
        Open::Map(entries) => {
            let mut edges = Vec::with_capacity(entries.len());
            for entry in entries {
                let target = entry.key.into_owned();
                places.edges.push((target.clone(), entry.key_at));
                edges.push(edge(reader, &entry.value, target)?);
            }
            Ok(edges)
        }
        Open::List(_) => Err(node.error("`next` cannot be a list", "write an object: `{ \"a\": true, \"b\": true }`")),
        other => {
            let message = format!("`next` must be a step id or an object, but is {}", other.kind());
            Err(node.error(message, "write `\"next\": \"other-step\"`"))
        }
    }
}

fn edge(reader: &mut Reader<'_>, node: &Node<'_>, target: String) -> Result<DraftEdge, Error> {
    match node.open()? {
        Open::Null => Ok(DraftEdge::new(target, Condition::Never)),
        Open::Bool(_) | Open::Text(_) => Ok(DraftEdge::new(target, condition(node)?)),
        Open::Map(_) => {
            let fields = Fields::new(node, "an edge", &EDGE, &mut reader.warnings)?;
            let label = fields.text("label")?;
            let max_iterations = match fields.get("max_iterations") {
                Some(node) => Some(at_least_one(&node, "max_iterations", "write how often the edge may be followed")?),
                None => None,
            };
            let disabled = match fields.get("disabled").map(|node| (node.open(), node)) {
                None => false,
                Some((Ok(Open::Bool(disabled)), _)) => disabled,
                Some((_, node)) => return Err(node.error("`disabled` must be true or false", "write `true`")),
            };
            let Some(written) = fields.get("condition") else {
                if !disabled {
                    let message = format!("the edge to `{target}` has no condition, so it is never followed");
                    let help = "write `condition: always` to follow it, or `disabled: true` to say that it is meant";
                    reader.warnings.push(message, |message| node.warning_at(node.at, message, help));
                }
                return Ok(DraftEdge { label, max_iterations, ..DraftEdge::new(target, Condition::Never) });
            };
            let condition = condition(&written)?;
            let condition = if disabled { Condition::Never } else { condition };
            Ok(DraftEdge { target, condition, label, max_iterations })
        }
        other => {
            let message = format!("an edge must be true, false, a condition or an object, but is {}", other.kind());
            Err(node.error(message, format!("write `\"{target}\": true`")))
        }
    }
}

fn condition(node: &Node<'_>) -> Result<Condition, Error> {
    let text = match node.open()? {
        Open::Bool(true) => return Ok(Condition::Always),
        Open::Bool(false) => return Ok(Condition::Never),
        Open::Text(text) => text,
        other => {
            let message = format!("a condition must be text, true or false, but is {}", other.kind());
            return Err(node.error(message, "write `always`, `on_job_success`, `on_job_failure` or an expression"));
        }
    };
    let condition = Condition::parse(&text);
    if let Condition::Expression(expression) = &condition
        && expression.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && let Some(meant) = suggest::nearest(expression, Condition::aliases())
    {
        let message = format!("there is no condition `{expression}`");
        return Err(node.error(message, format!("did you mean `{meant}`?")));
    }
    Ok(condition)
}

impl Reader<'_> {
    /// Code that stands here or in a file.
    ///
    /// Code is never taken for a path: `./` and `../` cannot begin JavaScript, and anything else is a path only when it
    /// looks like nothing but one. `jobs/a.js` alone is JavaScript, too, but no job: it divides and drops the result.
    pub(super) fn source(&mut self, node: &Node<'_>, what: &str, inline_name: &str) -> Result<Source, Error> {
        let text = node.text(what)?;
        let inline = || Source { name: inline_name.to_owned(), text: text.as_ref().into() };
        let word = text.trim();
        let path = Path::new(word);
        if !looks_like_path(word) || !is_code_file(path) {
            return Ok(inline());
        }
        let full = self.resolve(path);
        let code = match (self.files.read)(&full) {
            Ok(code) => code,
            Err(error) => return Err(self.cannot_read(node, &full, &error)),
        };
        let code = code.strip_prefix('\u{feff}').unwrap_or(&code);
        Ok(Source { name: full.display().to_string(), text: code.into() })
    }

    fn configuration(&mut self, node: &Node<'_>) -> Result<Configuration, Error> {
        let text = match node.open()? {
            Open::Map(_) => return node.to_map("`configuration`").map(Configuration::Inline),
            Open::Text(text) => text,
            other => {
                let message = format!("`configuration` must be an object, a path or an id, but is {}", other.kind());
                return Err(node.error(message, "write an object, a path to a .json file or the id of a credential"));
            }
        };
        let word = text.trim();
        if let Some(format) = data_path(word) {
            let document = self.data(node, word, format, true)?;
            return document.root().to_map("`configuration`").map(Configuration::Inline);
        }
        let Some(credentials) = self.files.credentials else {
            let message = format!("there are no credentials to look `{word}` up in");
            return Err(node.error(message, "give a credentials file, or write the configuration as an object"));
        };
        match credentials.get(word) {
            Some(content) => Ok(Configuration::Inline(content.clone())),
            None => {
                let help = match suggest::nearest(word, credentials.ids()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "add it to the credentials file, or write a path that ends in .json".to_owned(),
                };
                Err(node.error(format!("there is no credential `{word}`"), help))
            }
        }
    }

    fn state(&mut self, node: &Node<'_>) -> Result<Arc<RawValue>, Error> {
        let text = match node.open()? {
            Open::Map(_) => return raw(node),
            Open::Text(text) => text,
            other => return Err(not_a_state(node, other.kind())),
        };
        let word = text.trim();
        let Some(format) = data_path(word) else { return Err(not_a_state(node, "text")) };
        let document = self.data(node, word, format, false)?;
        let root = document.root();
        if !root.is_map() {
            return Err(not_a_state(&root, root.open()?.kind()));
        }
        raw(&root)
    }

    fn data(&self, node: &Node<'_>, word: &str, format: Format, secret: bool) -> Result<Document, Error> {
        let full = self.resolve(Path::new(word));
        let text = (self.files.read)(&full).map_err(|error| self.cannot_read(node, &full, &error))?;
        Document::parse(&full, &text, format, secret)
    }

    /// The path beside the workflow file, without `.` parts.
    fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path).components().filter(|part| *part != Component::CurDir).collect()
    }

    fn cannot_read(&self, node: &Node<'_>, path: &Path, error: &io::Error) -> Error {
        let help = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => match self.nearest(path) {
                Some(meant) => format!("did you mean `{}`?", meant.display()),
                None => "paths are relative to the workflow file".to_owned(),
            },
            io::ErrorKind::InvalidData => "the file must be UTF-8 text".to_owned(),
            _ => "check that it is a readable file".to_owned(),
        };
        let path = path.display();
        node.error(
            match error.kind() {
                io::ErrorKind::NotFound => format!("there is no file `{path}`"),
                _ => format!("cannot read `{path}`: {error}"),
            },
            help,
        )
    }

    /// A file in the same folder that may have been meant: one with nearly this name, or with another extension.
    fn nearest(&self, path: &Path) -> Option<PathBuf> {
        let names = (self.files.list)(path.parent()?);
        let code = |name: &&String| is_code_file(Path::new(name)) == is_code_file(path);
        let names = || names.iter().filter(code);
        let same_stem = || names().find(|name| Path::new(name).file_stem() == path.file_stem());
        let meant = suggest::nearest(path.file_name()?.to_str()?, names().map(String::as_str));
        Some(path.with_file_name(meant.or_else(|| same_stem().map(String::as_str))?))
    }
}

fn raw(node: &Node<'_>) -> Result<Arc<RawValue>, Error> {
    let raw = RawValue::from_string(node.to_json().into_owned());
    raw.map(Arc::from).map_err(|error| node.error(format!("`state` is not JSON: {error}"), "check what is inside it"))
}

fn not_a_state(node: &Node<'_>, kind: &str) -> Error {
    let message = format!("the default `state` of a step must be an object, but is {kind}");
    node.error(message, "write `{ \"data\": … }`, or a path that ends in .json")
}

/// A path that says so itself.
fn is_explicit(word: &str) -> bool {
    word.starts_with("./") || word.starts_with("../")
}

/// One line without any of the marks that code cannot do without. A path that begins with `./` may hold anything.
fn looks_like_path(word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '@' | '+');
    !word.contains(['\n', '\r', '\0']) && (is_explicit(word) || word.chars().all(is_word))
}

/// The format of a data file that the text is a path to.
fn data_path(word: &str) -> Option<Format> {
    if word.contains(['\n', '\r', '\0', '{']) {
        return None;
    }
    Format::of(Path::new(word))
}

pub(super) fn is_code_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "js" || extension == "mjs" || extension == "ts")
}
