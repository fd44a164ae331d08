//! The jobs of a plan, compiled before the first of them runs.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use fulgurite_compile::{Adaptor, Adaptors, CompileError, Options, compile, shape};
use fulgurite_plan::{ErrorReport, Job, Plan, Position, StepIndex};
use tracing::Span;

use crate::cache::{Cache, Key};
use crate::executable::{Executable, map_name};
use crate::fault::inline_map;
use crate::spans;

/// The jobs of a plan, ready to be loaded.
pub(crate) struct Program {
    jobs: BTreeMap<StepIndex, Result<Arc<Executable>, Box<ErrorReport>>>,
    globals: Option<Executable>,
    /// What is wrong with the plan's globals.
    broken_globals: Option<ErrorReport>,
    reachable: HashSet<StepIndex>,
}

impl Program {
    /// Compiles every job of the plan, on as many threads as there are cores.
    pub(crate) fn compile(plan: &Plan, adaptors: &Adaptors, cache: &Cache, around: &Span) -> Program {
        let (globals, broken_globals) = match plan.globals().map(|globals| (globals, shape(&globals.text))) {
            None => (Vec::new(), None),
            Some((_, Ok(shape))) => (shape.exports, None),
            Some((globals, Err(error))) => (Vec::new(), Some(report(&globals.name, error))),
        };
        let mut jobs = BTreeMap::new();
        // Steps with the same job share what it is compiled to.
        let mut missing: Vec<(Vec<StepIndex>, Task<'_>)> = Vec::new();
        for (index, step) in plan.indexed() {
            let Some(job) = &step.job else { continue };
            let task = Task::new(job, adaptors.for_compiling(index.get()), &globals);
            if let Some(executable) = cache.job(&task.key) {
                jobs.insert(index, Ok(executable));
            } else if let Some((steps, _)) = missing.iter_mut().find(|(_, other)| other.is(&task)) {
                steps.push(index);
            } else {
                missing.push((vec![index], task));
            }
        }
        let compiled = Mutex::new(Vec::with_capacity(missing.len()));
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((steps, task)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let source = &task.job.source;
                let span = spans::compile(around, &source.name, source.text.len());
                let result = task.compile().map(Arc::new);
                drop(span);
                if let Ok(executable) = &result {
                    cache.put_job(task.key, executable);
                }
                let mut compiled = compiled.lock().unwrap_or_else(PoisonError::into_inner);
                compiled.extend(steps.iter().map(|step| (*step, result.clone())));
            }
        };
        thread::scope(|scope| {
            // Asking for the number of cores reads files; one job needs no help.
            let others = match missing.len() {
                0 | 1 => 0,
                jobs => thread::available_parallelism().map_or(1, usize::from).min(jobs) - 1,
            };
            for _ in 0..others {
                // Where there is no thread left, this one does it all.
                let _ = thread::Builder::new().name("compile".into()).spawn_scoped(scope, work);
            }
            work();
        });
        jobs.extend(compiled.into_inner().unwrap_or_else(PoisonError::into_inner));
        for (index, result) in &mut jobs {
            if let Err(report) = result {
                report.step = Some(plan[*index].id.as_str().to_owned());
            }
        }
        let globals = plan.globals().map(|globals| Executable::plain(globals).with_function());
        Program { jobs, globals, broken_globals, reachable: plan.reachable() }
    }

    /// The plan's globals.
    pub(crate) fn globals(&self) -> Option<&Executable> {
        self.globals.as_ref()
    }

    /// The job of a step.
    pub(crate) fn job(&self, step: StepIndex) -> Option<&Arc<Executable>> {
        self.jobs.get(&step)?.as_ref().ok()
    }

    /// The jobs that a run could get to.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = (StepIndex, &Arc<Executable>)> {
        let jobs = self.jobs.iter().filter(|(index, _)| self.reachable.contains(index));
        jobs.filter_map(|(index, job)| Some((*index, job.as_ref().ok()?)))
    }

    /// What does not compile, in the order of the plan; the flag tells whether a run could get there.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (bool, &ErrorReport)> {
        let jobs = self.jobs.iter().filter_map(|(index, result)| {
            let report = result.as_ref().err()?;
            Some((self.reachable.contains(index), &**report))
        });
        self.broken_globals.iter().map(|report| (true, report)).chain(jobs)
    }
}

/// One job to compile.
struct Task<'a> {
    job: &'a Job,
    adaptors: Vec<Adaptor>,
    globals: &'a [String],
    key: Key,
}

impl<'a> Task<'a> {
    fn new(job: &'a Job, adaptors: Vec<Adaptor>, globals: &'a [String]) -> Task<'a> {
        let some = |text: Option<&str>| if text.is_some() { "some" } else { "none" };
        let map = job.source_map.as_deref();
        let mut parts: Vec<Cow<'_, str>> =
            vec![map_name(&job.source.name).into(), (&*job.source.text).into(), some(map).into()];
        parts.push(map.unwrap_or_default().into());
        // How many follow is part of the key, so that no name can stand for the end of a list.
        let count = |list: &[String]| Cow::from(list.len().to_string());
        for adaptor in &adaptors {
            let exports = adaptor.exports.as_deref();
            parts.extend([adaptor.specifier.as_str().into(), some(exports.map(|_| "")).into()]);
            parts.push(count(exports.unwrap_or_default()));
            parts.extend(exports.iter().copied().flatten().map(Into::into));
        }
        parts.push(count(globals));
        parts.extend(globals.iter().map(Into::into));
        parts.push(adaptors.len().to_string().into());
        let key = Key::of("job", parts.iter().map(|part| &**part));
        Task { job, adaptors, globals, key }
    }

    /// Whether the other one comes to the same, also when it fails: then it is told where.
    fn is(&self, other: &Task<'_>) -> bool {
        self.key == other.key && self.job.source.name == other.job.source.name
    }

    fn compile(&self) -> Result<Executable, Box<ErrorReport>> {
        let source = &self.job.source;
        // A map that comes with a job says that it has been compiled.
        if let Some(map) = &self.job.source_map {
            return Ok(Executable { map: Some(map.as_str().into()), ..Executable::plain(source) }.with_function());
        }
        let options = Options { file: map_name(&source.name), adaptors: &self.adaptors, globals: self.globals };
        let compiled = compile(&source.text, &options).map_err(|error| Box::new(report(&source.name, error)))?;
        let operations = compiled.operations;
        // Code that needed nothing keeps the map that it may carry inside.
        if compiled.code.trim_end() == source.text.trim_end() {
            // V8 does not find it again in bytecode.
            let map = inline_map(&source.text).map(Into::into);
            return Ok(Executable { operations, map, ..Executable::plain(source) }.with_function());
        }
        let (code, map) = (compiled.code.into(), Some(compiled.map.into()));
        Ok(Executable { code, map, operations, function: None }.with_function())
    }
}

/// The compile error as the report of a run.
fn report(file: &str, error: CompileError) -> ErrorReport {
    ErrorReport {
        position: Some(Position {
            file: file.to_owned(),
            line: error.line,
            column: error.column,
            source_line: Some(error.source_line),
        }),
        hint: error.help,
        ..ErrorReport::new("CompileError", error.message)
    }
}
