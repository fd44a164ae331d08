//! What an `import` may bring in: the adaptors of the job's step by their exact names, and what those import of themselves.
//! Nothing is read here: every module was given with the run.
//!
//! | URL | module |
//! |---|---|
//! | `job://0/<step>` | a job as a function: one for all executions, and not loaded by us, but known as an importer |
//! | `job://<execution>/<step>` | a job that can only be a module |
//! | `adaptor://<step>/<module>` | a module of an adaptor. Each step has its own instance, so that none finds what another left there, such as a client with its credential |
//! | `fulgurite:runtime` | `defer`, which compiled jobs import from `@openfn/runtime` |

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleLoader, ModuleResolveResponse, ModuleSource,
    ModuleSourceCode, ModuleSpecifier, ModuleType, ResolutionKind, SourceCodeCacheInfo, error::ModuleLoaderError,
};
use deno_error::JsErrorBox;
use fulgurite_compile::{Adaptors, ModuleIndex, RUNTIME};
use fulgurite_plan::StepIndex;

use crate::cache::{Cache, Key};
use crate::executable::Executable;
use crate::isolate::Names;

/// The modules of one run.
pub(crate) struct Loader {
    brought: OnceCell<Brought>,
    names: Names,
    /// Modules that the host is about to load.
    offered: RefCell<HashMap<String, Arc<str>>>,
    /// The step of each job module.
    jobs: RefCell<HashMap<String, StepIndex>>,
    /// Where the bytecode of a module goes.
    keys: RefCell<HashMap<String, Key>>,
    /// What was refused, so that the outcome need not be guessed from an error text.
    refused: RefCell<Option<Refused>>,
    source_maps: RefCell<HashMap<String, Arc<str>>>,
}

/// What a run brings along.
#[derive(Default)]
struct Brought {
    adaptors: Arc<Adaptors>,
    cache: Arc<Cache>,
}

/// An import that was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// What was to be imported.
    pub(crate) specifier: String,
    /// The URL of the module that would have it.
    pub(crate) importer: String,
}

const DEFER: &str = "fulgurite:runtime";

impl Loader {
    pub(crate) fn new(names: Names) -> Rc<Loader> {
        Rc::new(Loader {
            brought: OnceCell::new(),
            names,
            offered: RefCell::default(),
            jobs: RefCell::default(),
            keys: RefCell::default(),
            refused: RefCell::default(),
            source_maps: RefCell::default(),
        })
    }

    /// Says what jobs may import, and what was compiled before. Until then there is nothing of either.
    pub(crate) fn equip(&self, adaptors: Arc<Adaptors>, cache: Arc<Cache>) {
        let _ = self.brought.set(Brought { adaptors, cache });
    }

    fn adaptors(&self) -> &Adaptors {
        &self.brought.get_or_init(Brought::default).adaptors
    }

    fn cache(&self) -> &Cache {
        &self.brought.get_or_init(Brought::default).cache
    }

    /// Has a module ready to be loaded under a URL. With a step it may import that step's adaptors.
    pub(crate) fn offer(&self, url: &str, executable: &Executable, step: Option<StepIndex>) {
        self.offered.borrow_mut().insert(url.to_owned(), executable.code.clone());
        self.introduce(url, executable, step);
    }

    /// Knows a job under a URL, though it is not loaded from here.
    pub(crate) fn introduce(&self, url: &str, executable: &Executable, step: Option<StepIndex>) {
        if let Some(map) = &executable.map {
            self.source_maps.borrow_mut().insert(url.to_owned(), map.clone());
        }
        if let Some(step) = step {
            self.jobs.borrow_mut().insert(url.to_owned(), step);
        }
    }

    /// Takes back what was offered and not loaded.
    pub(crate) fn withdraw(&self, url: &str) {
        self.offered.borrow_mut().remove(url);
        self.source_maps.borrow_mut().remove(url);
    }

    /// What leads from a job's code back to its source.
    pub(crate) fn map(&self, url: &str) -> Option<Arc<str>> {
        self.source_maps.borrow().get(url).cloned()
    }

    /// Whether V8 has read code with that key before.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.cache().bytecode(key).is_some()
    }

    /// What V8 made of code with that key.
    pub(crate) fn bytecode(&self, key: &Key) -> Option<Arc<[u8]>> {
        self.cache().bytecode(key)
    }

    /// Keeps what V8 made of code.
    pub(crate) fn keep(&self, key: Key, bytecode: &[u8]) {
        self.cache().put_bytecode(key, bytecode);
    }

    /// The import that was refused since the last call, if any.
    pub(crate) fn take_refused(&self) -> Option<Refused> {
        self.refused.take()
    }

    /// What a module of a job can import, as it would write it; `None` when it is no job.
    pub(crate) fn importable(&self, url: &str) -> Option<Vec<String>> {
        let step = *self.jobs.borrow().get(url)?;
        Some(self.adaptors().of_step(step.get()).iter().map(|adaptor| adaptor.specifier.clone()).collect())
    }

    /// The names that the adaptors of a step export.
    pub(crate) fn exports(&self, step: StepIndex) -> Vec<String> {
        let adaptors = self.adaptors().of_step(step.get()).iter();
        adaptors.flat_map(|adaptor| self.adaptors().exports(adaptor.module)).collect()
    }

    fn refuse(&self, specifier: &str, importer: &str) -> ModuleLoaderError {
        let refused = Refused { specifier: specifier.to_owned(), importer: importer.to_owned() };
        *self.refused.borrow_mut() = Some(refused);
        JsErrorBox::type_error(refusal(specifier))
    }

    /// The URL of what a specifier means to a module.
    pub(crate) fn find(&self, specifier: &str, referrer: &str) -> Option<String> {
        if let Some(step) = self.jobs.borrow().get(referrer) {
            if specifier == RUNTIME {
                return Some(DEFER.to_owned());
            }
            let adaptors = self.adaptors().of_step(step.get());
            let adaptor = adaptors.iter().find(|adaptor| adaptor.is_called(specifier))?;
            return self.url(step.get(), adaptor.module);
        }
        let (step, module) = parts(referrer)?;
        let target = self.adaptors().module(module)?.imports.get(specifier)?;
        self.url(step, *target)
    }

    fn url(&self, step: usize, index: ModuleIndex) -> Option<String> {
        self.adaptors().module(index).map(|_| format!("adaptor://{step}/{}", index.0))
    }

    /// What people call an adaptor's module.
    pub(crate) fn module_name(&self, url: &str) -> Option<&str> {
        Some(&self.adaptors().module(parts(url)?.1)?.name)
    }

    fn source(&self, url: &str) -> Option<Arc<str>> {
        if let Some(code) = self.offered.borrow_mut().remove(url) {
            return Some(code);
        }
        if url == DEFER {
            return Some(include_str!("../../js/60_defer.js").into());
        }
        let module = self.adaptors().module(parts(url)?.1)?;
        self.names.add(url, &module.name);
        Some(module.source.clone())
    }
}

/// Whether a URL is that of an adaptor's module.
pub(crate) fn is_adaptor(url: &str) -> bool {
    url.starts_with("adaptor://")
}

/// The step and the module of an adaptor's URL.
fn parts(url: &str) -> Option<(usize, ModuleIndex)> {
    let (step, module) = url.strip_prefix("adaptor://")?.split_once('/')?;
    Some((step.parse().ok()?, ModuleIndex(module.parse().ok()?)))
}

/// What a job reads when its import is refused.
pub(crate) fn refusal(specifier: &str) -> String {
    const SHOWN: usize = 200;
    let end = specifier.char_indices().nth(SHOWN).map_or(specifier.len(), |(end, _)| end);
    let specifier = &specifier[..end];
    format!("cannot import \"{specifier}\": a job imports the adaptors of its step and nothing else")
}

impl ModuleLoader for Loader {
    fn resolve(&self, specifier: &str, referrer: &str, _kind: ResolutionKind) -> ModuleResolveResponse {
        // "." is how deno_core names the host itself; a module's referrer is its own URL.
        // Our own scripts import what the host has told them to.
        if referrer == "." || referrer.starts_with("ext:fulgurite/") {
            return ModuleSpecifier::parse(specifier).map_err(JsErrorBox::from_err);
        }
        let url = self.find(specifier, referrer).ok_or_else(|| self.refuse(specifier, referrer))?;
        ModuleSpecifier::parse(&url).map_err(JsErrorBox::from_err)
    }

    fn load(
        &self,
        specifier: &ModuleSpecifier,
        referrer: Option<&ModuleLoadReferrer>,
        options: ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        use deno_core::RequestedModuleType::None as Plain;
        let Some(code) = self.source(specifier.as_str()).filter(|_| options.requested_module_type == Plain) else {
            // By the name that people know.
            let name = self.module_name(specifier.as_str()).unwrap_or(specifier.as_str());
            let importer = referrer.map_or("", |referrer| referrer.specifier.as_str());
            return ModuleLoadResponse::Sync(Err(self.refuse(name, importer)));
        };
        let key = Executable::bytecode_key(&code);
        let data = self.cache().bytecode(&key).map(|code| Cow::Owned(code.to_vec()));
        if data.is_none() {
            self.keys.borrow_mut().insert(specifier.to_string(), key);
        }
        let bytecode = Some(SourceCodeCacheInfo { hash: 0, data });
        let code = ModuleSourceCode::String(code.into());
        ModuleLoadResponse::Sync(Ok(ModuleSource::new(ModuleType::JavaScript, code, specifier, bytecode)))
    }

    fn code_cache_ready(
        &self,
        specifier: ModuleSpecifier,
        _hash: u64,
        bytecode: &[u8],
    ) -> Pin<Box<dyn Future<Output = ()>>> {
        if let Some(key) = self.keys.borrow_mut().remove(specifier.as_str()) {
            self.cache().put_bytecode(key, bytecode);
        }
        Box::pin(async {})
    }

    fn get_source_map(&self, file_name: &str) -> Option<Cow<'_, [u8]>> {
        self.source_maps.borrow().get(file_name).map(|map| map.as_bytes().to_vec().into())
    }
}
