//! What the adaptors of a plan's steps are: the one that is built in, or ES modules on this machine.
//!
//! Nothing is looked for at run time: all modules of an adaptor are read here, once, and linked.

mod builtin;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};

use fulgurite_compile::{Adaptors, Import, Module, ModuleIndex, StepAdaptor, shape};
use fulgurite_plan::{Job, Plan, suggest};
use serde_json::Value;

use crate::report::{Place, Report, Severity};

/// Where adaptors come from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The folder that paths in the plan are relative to.
    pub folder: &'a Path,
    /// The adaptors of steps that name none, as typed: a name, a path, or `name=path`. Paths are relative to the current
    /// folder. Empty = `common`.
    pub default: &'a [String],
    /// The folder of a package that is installed, by its name and version as written.
    pub installed: &'a dyn Fn(&str) -> Option<PathBuf>,
}

/// Whether the program has it, whatever is installed.
pub fn is_built_in(written: &str) -> bool {
    builtin::find(without_version(written)).is_some()
}

/// No package is installed.
pub fn none_installed(_: &str) -> Option<PathBuf> {
    None
}

/// The adaptors of a plan, and what should be known about them all the same.
#[derive(Debug)]
pub struct Linked {
    /// For the runtime.
    pub adaptors: Adaptors,
    /// Nothing here keeps the plan from running.
    pub warnings: Vec<Report>,
}

/// Finds and reads the adaptors of all steps of a plan.
///
/// # Errors
/// The first that is not there or cannot be used.
pub fn link(plan: &Plan, sources: &Sources<'_>) -> Result<Linked, Box<Report>> {
    let mut reader = Reader::new(sources);
    let reachable = plan.reachable();
    for (index, step) in plan.indexed() {
        let Some(job) = &step.job else { continue };
        let given = match job.adaptors.is_empty() {
            true => reader.default(index.get(), Some(job)),
            false => reader.named(index.get(), job).map_err(|report| Box::new(report.in_step(step.id.as_str()))),
        };
        match given {
            Ok(()) => {}
            Err(report) if reachable.contains(&index) => return Err(report),
            Err(report) => {
                let help = Some("nothing leads to this step, so the run goes on".to_owned());
                reader.warnings.push(Report { severity: Severity::Warning, help, ..*report });
            }
        }
    }
    Ok(Linked { adaptors: reader.adaptors, warnings: reader.warnings })
}

/// Finds and reads the adaptors that one job is compiled with.
///
/// # Errors
/// As [`link`].
pub fn for_job(sources: &Sources<'_>) -> Result<Linked, Box<Report>> {
    let mut reader = Reader::new(sources);
    reader.default(0, None)?;
    Ok(Linked { adaptors: reader.adaptors, warnings: reader.warnings })
}

/// More than any adaptor needs, and fewer than would exhaust our stack.
const MOST_FILES: usize = 2000;

struct Reader<'a> {
    sources: &'a Sources<'a>,
    adaptors: Adaptors,
    warnings: Vec<Report>,
    read: HashMap<File, ModuleIndex>,
}

/// A file of an adaptor.
#[derive(Clone, PartialEq, Eq, Hash)]
enum File {
    BuiltIn(PathBuf),
    OnDisk(PathBuf),
}

impl File {
    fn path(&self) -> &Path {
        match self {
            File::BuiltIn(path) | File::OnDisk(path) => path,
        }
    }

    /// The file that a relative specifier in this one means.
    fn beside(&self, specifier: &str) -> File {
        let folder = self.path().parent().unwrap_or(Path::new(""));
        let path = normal(&folder.join(specifier));
        match self {
            File::BuiltIn(_) => File::BuiltIn(path),
            File::OnDisk(_) => File::OnDisk(path),
        }
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

impl<'a> Reader<'a> {
    fn new(sources: &'a Sources<'a>) -> Reader<'a> {
        Reader { sources, adaptors: Adaptors::default(), warnings: Vec::new(), read: HashMap::new() }
    }

    /// Gives a step the adaptors of steps that name none.
    fn default(&mut self, step: usize, job: Option<&Job>) -> Result<(), Box<Report>> {
        for written in or_common(self.sources.default) {
            let adaptor = match name_and_path(written) {
                Some((name, path)) => self.at_path(name, Path::new(path))?,
                None if is_path(written) => self.at_path(written, Path::new(written))?,
                None => self.by_name(written, job)?,
            };
            self.give(step, adaptor)?;
        }
        Ok(())
    }

    /// Gives a step the adaptors that it names. What was typed as `name=path` is meant for them, too.
    fn named(&mut self, step: usize, job: &Job) -> Result<(), Box<Report>> {
        for written in &job.adaptors {
            let adaptor = match is_path(written) {
                true => self.at_path(written, &self.sources.folder.join(written))?,
                false => self.by_name(written, Some(job))?,
            };
            self.give(step, adaptor)?;
        }
        Ok(())
    }

    fn give(&mut self, step: usize, adaptor: StepAdaptor) -> Result<(), Box<Report>> {
        let specifier = &adaptor.specifier;
        if self.adaptors.of_step(step).iter().any(|other| other.specifier == *specifier) {
            let report = Report::error(format!("two adaptors are called `{specifier}`"));
            return Err(report
                .help("a job could not tell them apart: name one of them otherwise, with `name=path`")
                .into());
        }
        if self.adaptors.exports(adaptor.module).is_empty() {
            let message = format!("the adaptor `{specifier}` exports no names, so a job can use nothing of it");
            self.warnings.push(
                Report::warning(message).help("an adaptor exports its operations by name: `export function get() …`"),
            );
        }
        self.adaptors.give(step, adaptor);
        Ok(())
    }

    /// The adaptor of a name: where a `linker` or the command line says, or else one that is built in.
    fn by_name(&mut self, written: &str, job: Option<&Job>) -> Result<StepAdaptor, Box<Report>> {
        let name = without_version(written);
        if let Some(path) = job.and_then(|job| job.linker.get(name)).and_then(|linker| linker.path.as_deref()) {
            return self.at_path(name, &self.sources.folder.join(path));
        }
        let typed = self.sources.default.iter().filter_map(|typed| name_and_path(typed));
        if let Some((_, path)) = typed.into_iter().find(|(typed, _)| *typed == name) {
            return self.at_path(name, Path::new(path));
        }
        let Some(builtin) = builtin::find(name) else {
            return match (self.sources.installed)(written) {
                Some(folder) => self.at_path(name, &folder),
                None => Err(unknown(written, name).into()),
            };
        };
        if name != builtin.name {
            let message = format!("`{written}` is not installed; the built-in `{}` stands in for it", builtin.name);
            let help = format!("what that exports: {}", builtin.exports);
            self.warn(Report::warning(message).help(help));
        } else if name != written {
            self.warn(Report::warning(format!("`{name}` is built in and has no versions: `{written}` is `{name}`")));
        }
        let module = self.module(&File::BuiltIn(builtin.entry.into()), None)?;
        let aliases = [builtin.name, builtin.package].into_iter().filter(|alias| *alias != name).map(str::to_owned);
        Ok(StepAdaptor { specifier: name.to_owned(), aliases: aliases.collect(), module })
    }

    /// The adaptor in a file, or in a folder with or without a `package.json`.
    fn at_path(&mut self, specifier: &str, path: &Path) -> Result<StepAdaptor, Box<Report>> {
        let path = normal(path);
        let mut aliases = Vec::new();
        let entry = if has_module_extension(&path) {
            path
        } else {
            match (self.sources.read)(&path.join("package.json")) {
                Ok(text) => {
                    let manifest = path.join("package.json");
                    let (entry, name) = entry_of(&text).map_err(|message| {
                        Report::error(message).in_file(&manifest).help("it tells where the adaptor's ES module is")
                    })?;
                    aliases.extend(name);
                    normal(&path.join(entry))
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    path.join("index.js")
                }
                Err(error) => return Err(unreadable(&File::OnDisk(path.join("package.json")), None, &error).into()),
            }
        };
        let module = self.module(&File::OnDisk(entry), None)?;
        aliases.retain(|alias| alias != specifier);
        Ok(StepAdaptor { specifier: specifier.to_owned(), aliases, module })
    }

    fn warn(&mut self, warning: Report) {
        if self.warnings.iter().all(|other| other.message != warning.message) {
            self.warnings.push(warning);
        }
    }

    /// Reads a module and all that it imports.
    fn module(&mut self, file: &File, from: Option<(&File, &Import)>) -> Result<ModuleIndex, Box<Report>> {
        if let Some(index) = self.read.get(file) {
            return Ok(*index);
        }
        if self.read.len() >= MOST_FILES {
            let report = Report::error(format!("an adaptor has more than {MOST_FILES} files")).in_file(file.path());
            return Err(report.help("bundle it into one ES module, with esbuild for example").into());
        }
        let source = match file {
            File::BuiltIn(path) => builtin::read(path),
            File::OnDisk(path) => (self.sources.read)(path),
        };
        let source = source.map_err(|error| unreadable(file, from, &error))?;
        let source = source.strip_prefix('\u{feff}').unwrap_or(&source);
        let shape = shape(source).map_err(|error| Report::compile_error(file.to_string(), error))?;
        let imports = shape.imports.clone();
        let (name, source) = (file.to_string(), source.into());
        let index = self.adaptors.add(Module { name, source, shape, imports: Default::default() });
        self.read.insert(file.clone(), index);
        for import in &imports {
            let is_file = import.specifier.starts_with("./") || import.specifier.starts_with("../");
            let target = match is_file && !import.specifier.ends_with(".json") {
                true => self.module(&file.beside(&import.specifier), Some((file, import))),
                false => Err(not_a_file(file, import).into()),
            };
            match target {
                Ok(target) => self.adaptors.link(index, &import.specifier, target),
                // What may never be needed is refused when it is.
                Err(_) if import.is_dynamic => {}
                Err(report) => return Err(report),
            }
        }
        Ok(index)
    }
}

fn unknown(written: &str, name: &str) -> Report {
    let help = match suggest::nearest(name, builtin::names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "give the path of an ES module (./adaptor.js), or use `common`, which is built in".to_owned(),
    };
    let why = if written.starts_with("@openfn/") || !written.contains('/') {
        "npm packages cannot be installed yet"
    } else {
        "a path begins with ./ or ../"
    };
    Report::error(format!("there is no adaptor `{written}`: {why}")).help(help)
}

fn unreadable(file: &File, from: Option<(&File, &Import)>, error: &io::Error) -> Report {
    match from {
        Some((importer, import)) => Report {
            place: Some(place(importer, import)),
            ..Report::error(format!("cannot read `{file}`: {error}"))
                .help("an adaptor imports files beside it by their full names")
        },
        None => {
            let help = match error.kind() {
                io::ErrorKind::NotFound => {
                    "an adaptor is an ES module (.js or .mjs), or a folder with a package.json or an index.js"
                }
                io::ErrorKind::InvalidData => "the file must be UTF-8 text",
                _ => "check that it is a readable file",
            };
            Report::error(format!("cannot read the adaptor: {error}")).in_file(file.path()).help(help)
        }
    }
}

fn not_a_file(file: &File, import: &Import) -> Report {
    let (why, help) = match import.specifier.as_str() {
        specifier if specifier.ends_with(".json") => {
            ("it is no ES module", "put its content into a module: `export default { … }`")
        }
        specifier if specifier.starts_with("node:") => ("Node's modules are not there", "write it without Node"),
        specifier if specifier.contains(':') => ("an adaptor imports files only", "download it, and import the file"),
        _ => {
            ("npm packages cannot be installed yet", "bundle the adaptor into one ES module, with esbuild for example")
        }
    };
    Report {
        place: Some(place(file, import)),
        ..Report::error(format!("cannot import `{}`: {why}", import.specifier)).help(help)
    }
}

fn place(file: &File, import: &Import) -> Place {
    Place::in_units(file.to_string(), import.line, import.column, Some(&import.source_line))
}

/// The path without `.` and with as few `..` as possible.
fn normal(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.iter().collect()
}

/// What was typed, or else `common`.
pub fn or_common(typed: &[String]) -> impl Iterator<Item = &str> {
    let common = typed.is_empty().then_some("common");
    typed.iter().map(String::as_str).chain(common)
}

/// Whether what was typed is looked up by name, and not by path.
pub fn is_name(written: &str) -> bool {
    !is_path(written) && !written.contains('=')
}

fn has_module_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "js" || extension == "mjs")
}

/// `http=./adaptor.js`, unless it is a path that has a `=` in it.
fn name_and_path(written: &str) -> Option<(&str, &str)> {
    let (name, path) = written.split_once('=')?;
    let (name, path) = (name.trim(), path.trim());
    (!is_path(written) && !name.is_empty() && !path.is_empty()).then_some((name, path))
}

/// Names have no dots in front, and no extension.
fn is_path(written: &str) -> bool {
    let path = Path::new(written);
    written.starts_with("./")
        || written.starts_with("../")
        || path.is_absolute()
        || written == "."
        || written == ".."
        || (has_module_extension(path) && !written.starts_with('@') && !written.contains('='))
}

/// `@openfn/language-http@6.5.0` → `@openfn/language-http`.
pub fn without_version(written: &str) -> &str {
    match written.rfind('@') {
        Some(at) if at > 0 => &written[..at],
        _ => written,
    }
}

/// The entry and the name in a `package.json` (<https://nodejs.org/api/packages.html#package-entry-points>).
fn entry_of(text: &str) -> Result<(String, Option<String>), String> {
    let manifest: Value = serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))?;
    fn target(exports: &Value) -> Option<&str> {
        match exports {
            Value::String(path) => Some(path),
            Value::Object(map) => {
                let conditions = [".", "import", "module", "default"];
                conditions.iter().find_map(|condition| target(map.get(*condition)?))
            }
            Value::Array(list) => list.iter().find_map(target),
            _ => None,
        }
    }
    let text = |key: &str| manifest.get(key).and_then(Value::as_str);
    let entry = manifest.get("exports").and_then(target).or(text("module")).or(text("main")).unwrap_or("index.js");
    let completed;
    let entry = match Path::new(entry).extension() {
        Some(_) => entry,
        None => {
            completed = format!("{entry}.js");
            &completed
        }
    };
    if !has_module_extension(Path::new(entry)) {
        return Err(format!("the entry `{entry}` is not an ES module (.js or .mjs)"));
    }
    Ok((entry.to_owned(), text("name").map(str::to_owned)))
}
