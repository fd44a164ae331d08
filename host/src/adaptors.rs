//! What the adaptors of a plan's steps are: the one that is built in, or ES modules on this machine.
//!
//! Nothing is looked for at run time: all modules of an adaptor are read here, once, and linked.

mod builtin;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};

use fulgurite_compile::{Adaptors, CompileError, Import, Module, ModuleIndex, StepAdaptor, shape};
use fulgurite_plan::{Job, Plan, suggest};
use serde_json::Value;

use crate::report::{Excerpt, Place, Report};

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
    for (index, step) in plan.indexed() {
        let Some(job) = &step.job else { continue };
        let (named, folder) = match job.adaptors.is_empty() {
            true => (sources.default, Path::new("")),
            false => (&job.adaptors[..], sources.folder),
        };
        let common = ["common".to_owned()];
        for written in if named.is_empty() { &common } else { named } {
            let adaptor = reader.adaptor(written, folder, Some(job)).map_err(|report| {
                if job.adaptors.is_empty() { report } else { Box::new(report.in_step(step.id.as_str())) }
            })?;
            reader.adaptors.give(index.get(), adaptor);
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
    let common = ["common".to_owned()];
    for written in if sources.default.is_empty() { &common } else { sources.default } {
        let adaptor = reader.adaptor(written, Path::new(""), None)?;
        reader.adaptors.give(0, adaptor);
    }
    Ok(Linked { adaptors: reader.adaptors, warnings: reader.warnings })
}

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

    /// The adaptor that was meant by what stands in the plan or was typed.
    fn adaptor(&mut self, written: &str, folder: &Path, job: Option<&Job>) -> Result<StepAdaptor, Box<Report>> {
        if let Some((name, path)) = written.split_once('=').filter(|_| job.is_none_or(|job| job.adaptors.is_empty())) {
            return self.at_path(name.trim(), &folder.join(path.trim()));
        }
        if is_path(written) {
            return self.at_path(written, &folder.join(written));
        }
        let name = without_version(written);
        if let Some(path) = job.and_then(|job| job.linker.get(name)).and_then(|linker| linker.path.as_deref()) {
            return self.at_path(name, &self.sources.folder.join(path));
        }
        let Some(builtin) = builtin::find(name) else {
            return Err(unknown(written, name).into());
        };
        if name != builtin.name {
            let message = format!("`{written}` is not installed; the built-in `{}` stands in for it", builtin.name);
            let help = format!("what that exports: {}", builtin.exports);
            if self.warnings.iter().all(|warning| warning.message != message) {
                self.warnings.push(Report::warning(message).help(help));
            }
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
                Err(_) => path.join("index.js"),
            }
        };
        let module = self.module(&File::OnDisk(entry), None)?;
        aliases.retain(|alias| alias != specifier);
        Ok(StepAdaptor { specifier: specifier.to_owned(), aliases, module })
    }

    /// Reads a module and all that it imports.
    fn module(&mut self, file: &File, from: Option<(&File, &Import)>) -> Result<ModuleIndex, Box<Report>> {
        if let Some(index) = self.read.get(file) {
            return Ok(*index);
        }
        let source = match file {
            File::BuiltIn(path) => builtin::read(path),
            File::OnDisk(path) => (self.sources.read)(path),
        };
        let source = source.map_err(|error| unreadable(file, from, &error))?;
        let source = source.strip_prefix('\u{feff}').unwrap_or(&source);
        let shape = shape(source).map_err(|error| broken(file, error))?;
        let imports = shape.imports.clone();
        let (name, source) = (file.to_string(), source.into());
        let index = self.adaptors.add(Module { name, source, shape, imports: Default::default() });
        self.read.insert(file.clone(), index);
        for import in &imports {
            if import.specifier.starts_with("./") || import.specifier.starts_with("../") {
                let target = self.module(&file.beside(&import.specifier), Some((file, import)))?;
                self.adaptors.link(index, &import.specifier, target);
            } else if !import.is_dynamic {
                return Err(not_a_file(file, import).into());
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
            place: Some(place(importer, import.line, import.column, &import.source_line)),
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

fn broken(file: &File, error: CompileError) -> Report {
    Report {
        class: Some("CompileError".into()),
        place: Some(place(file, error.line, error.column, &error.source_line)),
        help: error.help,
        ..Report::error(error.message)
    }
}

fn not_a_file(file: &File, import: &Import) -> Report {
    let (why, help) = match import.specifier.as_str() {
        specifier if specifier.starts_with("node:") => ("Node's modules are not there", "write it without Node"),
        specifier if specifier.contains(':') => ("an adaptor imports files only", "download it, and import the file"),
        _ => {
            ("npm packages cannot be installed yet", "bundle the adaptor into one ES module, with esbuild for example")
        }
    };
    Report {
        place: Some(place(file, import.line, import.column, &import.source_line)),
        ..Report::error(format!("cannot import `{}`: {why}", import.specifier)).help(help)
    }
}

fn place(file: &File, line: u32, column: u32, source_line: &str) -> Place {
    let excerpt = Excerpt::of_units(source_line, column as usize);
    Place { file: file.to_string(), at: Some((line as usize, excerpt.1)), excerpt: Some(excerpt.0) }
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

/// Whether what was typed is looked up by name, and not by path.
pub fn is_name(written: &str) -> bool {
    !is_path(written) && !written.contains('=')
}

fn has_module_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "js" || extension == "mjs")
}

/// Names have no dots in front, and no extension.
fn is_path(written: &str) -> bool {
    let path = Path::new(written);
    written.starts_with("./")
        || written.starts_with("../")
        || path.is_absolute()
        || written == "."
        || (has_module_extension(path) && !written.starts_with('@'))
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
    if !has_module_extension(Path::new(entry)) {
        return Err(format!("the entry `{entry}` is not an ES module (.js or .mjs)"));
    }
    Ok((entry.to_owned(), text("name").map(str::to_owned)))
}
