//! Jobs as functions: compiled once, called for each execution.
//!
//! What the job imports is loaded once per step, as a module would have it, and given to each call; what the job declares at its
//! top level is made anew by each call. Whatever is not as a function would have it (a name that an adaptor does not export, a
//! specifier that is refused) is left to the module, which has the words for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use deno_core::error::JsError;
use deno_core::v8;
use fulgurite_compile::{Function, Wanted};
use fulgurite_plan::{Outcome, Source, StepIndex};

use crate::executable::Executable;
use crate::fault::{self, Moment, Sources};
use crate::isolate::{Isolate, Names, idle};
use crate::loader::Loader;

/// The jobs of an isolate, and the globals under no step.
#[derive(Default)]
pub(crate) struct Functions {
    compiled: RefCell<HashMap<Of, v8::Global<v8::Function>>>,
    prepared: RefCell<HashMap<Of, Option<Rc<Job>>>>,
    /// Modules that are imported, by URL.
    namespaces: RefCell<HashMap<String, v8::Global<v8::Object>>>,
}

/// Whose, and which: a bench has several for no step.
type Of = (Option<StepIndex>, usize);

fn of(executable: &Executable, step: Option<StepIndex>) -> Of {
    (step, executable.code.as_ptr() as usize)
}

impl Functions {
    /// Lets go of every handle.
    pub(crate) fn clear(&self) {
        drop((self.compiled.take(), self.prepared.take(), self.namespaces.take()));
    }
}

/// A job that only has to be called.
pub(crate) struct Job {
    step: Option<StepIndex>,
    function: v8::Global<v8::Function>,
    arguments: Vec<Import>,
    /// Where `execute` is, if it is another module's.
    execute: Vec<Import>,
    /// What it was compiled from; its address is a key.
    _code: Arc<str>,
}

struct Import {
    namespace: v8::Global<v8::Object>,
    /// `None` for the namespace itself.
    name: Option<v8::Global<v8::String>>,
}

impl Import {
    fn value<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>> {
        let namespace = v8::Local::new(scope, &self.namespace);
        match &self.name {
            None => Some(namespace.into()),
            Some(name) => {
                let name = v8::Local::new(scope, name);
                namespace.get(scope, name.into())
            }
        }
    }
}

impl Job {
    /// Evaluates the job's top level; answers its exports. `None` = an exception is pending.
    pub(crate) fn call<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
        let arguments = self.arguments.iter().map(|import| import.value(scope)).collect::<Option<Vec<_>>>()?;
        let function = v8::Local::new(scope, &self.function);
        let undefined = v8::undefined(scope).into();
        let exports: v8::Local<v8::Object> = function.call(scope, undefined, &arguments)?.try_into().ok()?;
        if let [first, others @ ..] = &self.execute[..] {
            let name = v8::String::new(scope, EXECUTE)?.into();
            if exports.get(scope, name)?.is_undefined() {
                let execute = first.value(scope)?;
                // Of two different ones neither counts: such is `export *`.
                let same = others.iter().map(|other| Some(other.value(scope)?.strict_equals(execute)));
                if same.collect::<Option<Vec<_>>>()?.iter().all(|same| *same) {
                    exports.create_data_property(scope, name.cast(), execute)?;
                }
            }
        }
        Some(exports)
    }

    /// Whose it is.
    pub(crate) fn step(&self) -> Option<StepIndex> {
        self.step
    }
}

const EXECUTE: &str = "execute";

/// What it takes to make functions of jobs, wherever there is a scope.
#[derive(Clone)]
pub(crate) struct Maker {
    pub(crate) functions: Rc<Functions>,
    pub(crate) loader: Rc<Loader>,
    pub(crate) sources: Rc<Sources>,
    pub(crate) names: Names,
}

/// What a job needs before it can be a function.
pub(crate) enum Readiness {
    /// It is one.
    Ready(Rc<Job>),
    /// It has to be a module.
    Module,
    /// These modules have to be imported first.
    Lacks(Vec<String>),
}

impl Maker {
    fn compiled(
        &self,
        scope: &mut v8::PinScope,
        source: &Source,
        executable: &Executable,
        step: Option<StepIndex>,
        function: &Function,
    ) -> Result<v8::Global<v8::Function>, Outcome> {
        let of = of(executable, step);
        if let Some(compiled) = self.functions.compiled.borrow().get(&of) {
            return Ok(compiled.clone());
        }
        let url = url(step);
        self.sources.add(&url, source, executable, step);
        self.names.add(&url, &source.name);
        self.loader.introduce(&url, executable, step);
        let key = Executable::function_key(function);
        let bytecode = self.loader.bytecode(&key);
        v8::tc_scope!(let scope, scope);
        let compiled = (|| {
            let body = v8::String::new(scope, &function.body)?;
            let name = v8::String::new(scope, &url)?;
            let parameters = function.parameters.iter().map(|(name, _)| v8::String::new(scope, name));
            let parameters = parameters.collect::<Option<Vec<_>>>()?;
            // The line before the first is ours.
            let origin = v8::ScriptOrigin::new(scope, name.into(), -1, 0, false, -1, None, false, false, false, None);
            let (mut source, options) = match &bytecode {
                Some(bytecode) => {
                    let data = v8::script_compiler::CachedData::new(bytecode);
                    let source = v8::script_compiler::Source::new_with_cached_data(body, Some(&origin), data);
                    (source, v8::script_compiler::CompileOptions::ConsumeCodeCache)
                }
                None => {
                    let source = v8::script_compiler::Source::new(body, Some(&origin));
                    (source, v8::script_compiler::CompileOptions::NoCompileOptions)
                }
            };
            let reason = v8::script_compiler::NoCacheReason::NoReason;
            v8::script_compiler::compile_function(scope, &mut source, &parameters, &[], options, reason)
        })();
        match (compiled, scope.exception()) {
            (Some(compiled), _) => {
                if bytecode.is_none()
                    && let Some(bytecode) = compiled.create_code_cache()
                {
                    self.loader.keep(key, &bytecode);
                }
                let compiled = v8::Global::new(scope, compiled);
                self.functions.compiled.borrow_mut().insert(of, compiled.clone());
                Ok(compiled)
            }
            (None, Some(exception)) => {
                Err(fault::from_exception(scope, &self.sources, exception, Moment::Compile, None, &[]))
            }
            (None, None) => Err(idle()),
        }
    }

    /// Gets a job ready to be called, once, as far as that is possible without waiting.
    ///
    /// # Errors
    /// The outcome of the step.
    pub(crate) fn ready(
        &self,
        scope: &mut v8::PinScope,
        source: &Source,
        executable: &Executable,
        step: Option<StepIndex>,
    ) -> Result<Readiness, Outcome> {
        let Some(function) = &executable.function else { return Ok(Readiness::Module) };
        let of = of(executable, step);
        if let Some(prepared) = self.functions.prepared.borrow().get(&of) {
            return Ok(prepared.clone().map_or(Readiness::Module, Readiness::Ready));
        }
        let compiled = self.compiled(scope, source, executable, step, function)?;
        let importer = url(step);
        let Function { body: _, parameters, stars, through } = &**function;
        let wanted = parameters.iter().chain(through).map(|(_, wanted)| &wanted.specifier);
        let mut lacking = Vec::new();
        let mut possible = true;
        for specifier in wanted.chain(stars) {
            match self.loader.find(specifier, &importer) {
                None => possible = false,
                Some(url) => {
                    if !self.functions.namespaces.borrow().contains_key(&url) && !lacking.contains(&url) {
                        lacking.push(url);
                    }
                }
            }
        }
        if possible && !lacking.is_empty() {
            return Ok(Readiness::Lacks(lacking));
        }
        let job = match possible {
            true => self.linked(scope, executable, step, function, compiled).map(Rc::new),
            false => None,
        };
        self.functions.prepared.borrow_mut().insert(of, job.clone());
        Ok(job.map_or(Readiness::Module, Readiness::Ready))
    }

    /// Takes note of a module that was imported.
    pub(crate) fn imported(&self, url: String, namespace: v8::Global<v8::Object>) {
        self.functions.namespaces.borrow_mut().insert(url, namespace);
    }

    fn linked(
        &self,
        scope: &mut v8::PinScope,
        executable: &Executable,
        step: Option<StepIndex>,
        function: &Function,
        compiled: v8::Global<v8::Function>,
    ) -> Option<Job> {
        let importer = url(step);
        let Function { body: _, parameters, stars, through } = function;
        let arguments = parameters.iter().map(|(_, wanted)| self.import(scope, &importer, wanted));
        let arguments = arguments.collect::<Option<Vec<_>>>()?;
        let mut execute = Vec::new();
        for (name, wanted) in through {
            let import = self.import(scope, &importer, wanted)?;
            match name.as_str() {
                EXECUTE => execute.push(import),
                // The operations themselves are somebody else's.
                "default" => return None,
                _ => {}
            }
        }
        if execute.is_empty() {
            for specifier in stars {
                let wanted = Wanted { specifier: specifier.clone(), name: Some(EXECUTE.to_owned()) };
                execute.extend(self.import(scope, &importer, &wanted));
            }
        }
        Some(Job { step, function: compiled, arguments, execute, _code: executable.code.clone() })
    }

    fn import(&self, scope: &mut v8::PinScope, importer: &str, wanted: &Wanted) -> Option<Import> {
        let url = self.loader.find(&wanted.specifier, importer)?;
        let namespace = self.functions.namespaces.borrow().get(&url)?.clone();
        let Some(name) = &wanted.name else { return Some(Import { namespace, name: None }) };
        let there = v8::Local::new(scope, &namespace);
        let name = v8::String::new(scope, name)?;
        let has = there.has_own_property(scope, name.into())?;
        has.then(|| Import { namespace, name: Some(v8::Global::new(scope, name)) })
    }
}

impl Isolate {
    /// Compiles a job that is a function, unless somebody has. What has been compiled before, here or in another run, is taken from
    /// the cache when it is needed.
    ///
    /// # Errors
    /// The outcome of the run.
    pub(crate) fn compile(
        &mut self,
        source: &Source,
        executable: &Executable,
        step: Option<StepIndex>,
    ) -> Result<(), Outcome> {
        let Some(function) = &executable.function else { return Ok(()) };
        if self.loader.knows(&Executable::function_key(function)) {
            return Ok(());
        }
        let compiled = {
            deno_core::scope!(scope, self.runtime);
            self.maker.compiled(scope, source, executable, step, function)
        };
        compiled.map(|_| ()).map_err(|outcome| self.or_killed(outcome))
    }

    /// Gets a job ready to be called, once; `None` when it has to be a module.
    ///
    /// # Errors
    /// The outcome of the step.
    pub(crate) async fn prepare(
        &mut self,
        source: &Source,
        executable: &Executable,
        step: Option<StepIndex>,
    ) -> Result<Option<Rc<Job>>, Outcome> {
        loop {
            let ready = {
                deno_core::scope!(scope, self.runtime);
                self.maker.ready(scope, source, executable, step)
            };
            match ready.map_err(|outcome| self.or_killed(outcome))? {
                Readiness::Ready(job) => return Ok(Some(job)),
                Readiness::Module => return Ok(None),
                Readiness::Lacks(urls) => {
                    for url in urls {
                        let namespace = self.import(&url).await?;
                        self.maker.imported(url, namespace);
                    }
                }
            }
        }
    }

    /// Evaluates a job's top level.
    ///
    /// # Errors
    /// The outcome of the step.
    pub(crate) fn call(&mut self, job: &Job) -> Result<v8::Global<v8::Object>, Outcome> {
        self.maker.sources.enter(job.step());
        let thrown = {
            deno_core::scope!(scope, self.runtime);
            v8::tc_scope!(let scope, scope);
            match (job.call(scope), scope.exception()) {
                (Some(exports), _) => return Ok(v8::Global::new(scope, exports)),
                (None, Some(exception)) => Some(JsError::from_v8_exception(scope, exception)),
                (None, None) => None,
            }
        };
        Err(self.or_killed(match thrown {
            Some(error) => fault::from_js_error(&self.sources, &error, Moment::Load),
            None => idle(),
        }))
    }
}

fn url(step: Option<StepIndex>) -> String {
    match step {
        Some(step) => format!("job://0/{}", step.get()),
        None => "job://0/globals".into(),
    }
}
