//! Jobs as functions: compiled once, called for each execution.
//!
//! What the job imports is loaded once per step, as a module would have it, and given to each call; what the job declares at its
//! top level is made anew by each call. Whatever is not as a function would have it (a name that an adaptor does not export, a
//! specifier that is refused) is left to the module, which has the words for it.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use deno_core::error::JsError;
use deno_core::v8;
use fulgurite_compile::{Function, Wanted};
use fulgurite_plan::{Outcome, Source, StepIndex};

use crate::executable::Executable;
use crate::fault::{self, Moment};
use crate::isolate::{Isolate, idle};

/// The jobs of an isolate, and the globals under no step.
#[derive(Default)]
pub(crate) struct Functions {
    compiled: HashMap<Of, v8::Global<v8::Function>>,
    prepared: HashMap<Of, Option<Rc<Job>>>,
    /// Modules that are imported, by URL.
    namespaces: HashMap<String, v8::Global<v8::Object>>,
}

/// Whose, and which: a bench has several for no step.
type Of = (Option<StepIndex>, usize);

fn of(executable: &Executable, step: Option<StepIndex>) -> Of {
    (step, executable.code.as_ptr() as usize)
}

impl Functions {
    /// Lets go of every handle.
    pub(crate) fn clear(&mut self) {
        *self = Functions::default();
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
            if !exports.has_own_property(scope, name)? {
                let execute = first.value(scope)?;
                // Of two different ones neither counts: such is `export *`.
                let same = others.iter().map(|other| Some(other.value(scope)?.strict_equals(execute)));
                if same.collect::<Option<Vec<_>>>()?.iter().all(|same| *same) {
                    exports.create_data_property(scope, name, execute)?;
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
        let key = Executable::function_key(function);
        if self.jobs.compiled.contains_key(&of(executable, step)) || self.loader.knows(&key) {
            return Ok(());
        }
        self.compiled(source, executable, step, function).map(|_| ())
    }

    fn compiled(
        &mut self,
        source: &Source,
        executable: &Executable,
        step: Option<StepIndex>,
        function: &Function,
    ) -> Result<v8::Global<v8::Function>, Outcome> {
        let of = of(executable, step);
        if let Some(compiled) = self.jobs.compiled.get(&of) {
            return Ok(compiled.clone());
        }
        let url = url(step);
        self.sources.add(&url, source, executable, step);
        self.name(&url, &source.name);
        self.loader.introduce(&url, executable, step);
        let key = Executable::function_key(function);
        let bytecode = self.loader.bytecode(&key);
        let outcome = {
            let Isolate { runtime, loader, sources, jobs, .. } = self;
            deno_core::scope!(scope, runtime);
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
                        loader.keep(key, &bytecode);
                    }
                    let compiled = v8::Global::new(scope, compiled);
                    jobs.compiled.insert(of, compiled.clone());
                    return Ok(compiled);
                }
                (None, Some(exception)) => {
                    fault::from_exception(scope, sources, exception, Moment::Compile, None, &[])
                }
                (None, None) => idle(),
            }
        };
        Err(match self.killer.fired() {
            Some(kill) => self.killed(kill),
            None => outcome,
        })
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
        let Some(function) = &executable.function else { return Ok(None) };
        let of = of(executable, step);
        if let Some(prepared) = self.jobs.prepared.get(&of) {
            return Ok(prepared.clone());
        }
        let job = self.link(source, executable, step, function).await?.map(Rc::new);
        self.jobs.prepared.insert(of, job.clone());
        Ok(job)
    }

    async fn link(
        &mut self,
        source: &Source,
        executable: &Executable,
        step: Option<StepIndex>,
        function: &Function,
    ) -> Result<Option<Job>, Outcome> {
        let compiled = self.compiled(source, executable, step, function)?;
        let url = url(step);
        let Function { body: _, parameters, stars, through } = function;
        let mut arguments = Vec::with_capacity(parameters.len());
        for (_, wanted) in parameters {
            let Some(import) = self.wanted(&url, wanted).await? else { return Ok(None) };
            arguments.push(import);
        }
        let mut execute = Vec::new();
        for (name, wanted) in through {
            let Some(import) = self.wanted(&url, wanted).await? else { return Ok(None) };
            match name.as_str() {
                EXECUTE => execute.push(import),
                // The operations themselves are somebody else's.
                "default" => return Ok(None),
                _ => {}
            }
        }
        let own = !execute.is_empty();
        for specifier in stars {
            let all = Wanted { specifier: specifier.clone(), name: None };
            let Some(Import { namespace, .. }) = self.wanted(&url, &all).await? else { return Ok(None) };
            deno_core::scope!(scope, self.runtime);
            let there = v8::Local::new(scope, &namespace);
            let Some(name) = v8::String::new(scope, EXECUTE) else { return Err(idle()) };
            if !own && there.has_own_property(scope, name.into()).unwrap_or(false) {
                execute.push(Import { namespace, name: Some(v8::Global::new(scope, name)) });
            }
        }
        Ok(Some(Job { step, function: compiled, arguments, execute, _code: executable.code.clone() }))
    }

    async fn wanted(&mut self, importer: &str, wanted: &Wanted) -> Result<Option<Import>, Outcome> {
        let Some(url) = self.loader.find(&wanted.specifier, importer) else { return Ok(None) };
        let namespace = match self.jobs.namespaces.get(&url) {
            Some(namespace) => namespace.clone(),
            None => {
                let namespace = self.import(&url).await?;
                self.jobs.namespaces.insert(url, namespace.clone());
                namespace
            }
        };
        let Some(name) = &wanted.name else { return Ok(Some(Import { namespace, name: None })) };
        deno_core::scope!(scope, self.runtime);
        let there = v8::Local::new(scope, &namespace);
        let Some(name) = v8::String::new(scope, name) else { return Err(idle()) };
        let has = there.has_own_property(scope, name.into()).unwrap_or(false);
        Ok(has.then(|| Import { namespace, name: Some(v8::Global::new(scope, name)) }))
    }

    /// Evaluates a job's top level.
    ///
    /// # Errors
    /// The outcome of the step.
    pub(crate) fn call(&mut self, job: &Job) -> Result<v8::Global<v8::Object>, Outcome> {
        self.sources.enter(job.step());
        let thrown = {
            deno_core::scope!(scope, self.runtime);
            v8::tc_scope!(let scope, scope);
            match (job.call(scope), scope.exception()) {
                (Some(exports), _) => return Ok(v8::Global::new(scope, exports)),
                (None, Some(exception)) => Some(JsError::from_v8_exception(scope, exception)),
                (None, None) => None,
            }
        };
        Err(match (self.killer.fired(), thrown) {
            (Some(kill), _) => self.killed(kill),
            (None, Some(error)) => fault::from_js_error(&self.sources, &error, Moment::Load),
            (None, None) => idle(),
        })
    }
}

fn url(step: Option<StepIndex>) -> String {
    match step {
        Some(step) => format!("job://0/{}", step.get()),
        None => "job://0/globals".into(),
    }
}
