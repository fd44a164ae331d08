//! The jobs of a plan, compiled before the first of them runs.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use fulgurite_compile::{Adaptor, Adaptors, CompileError, Options, compile, shape};
use fulgurite_plan::{Condition, ErrorReport, Job, Plan, Position, StepIndex};

use crate::cache::{Cache, Key};
use crate::executable::Executable;

/// The jobs of a plan, ready to be loaded.
pub(crate) struct Program {
    jobs: BTreeMap<StepIndex, Result<Arc<Executable>, Box<ErrorReport>>>,
    reachable: HashSet<StepIndex>,
}

impl Program {
    /// Compiles every job of the plan, on as many threads as there are cores.
    pub(crate) fn compile(plan: &Plan, adaptors: &Adaptors, cache: &Cache) -> Program {
        let globals = plan.globals().and_then(|globals| shape(&globals.text).ok());
        let globals = globals.map(|shape| shape.exports).unwrap_or_default();
        let mut jobs = BTreeMap::new();
        let mut missing = Vec::new();
        for (index, step) in plan.indexed() {
            let Some(job) = &step.job else { continue };
            let task = Task::new(job, adaptors.for_compiling(index.get()), &globals);
            match cache.job(&task.key) {
                Some(executable) => drop(jobs.insert(index, Ok(executable))),
                None => missing.push((index, task)),
            }
        }
        let compiled = Mutex::new(Vec::with_capacity(missing.len()));
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((index, task)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = task.compile().map(Arc::new);
                if let Ok(executable) = &result {
                    cache.put_job(task.key, executable);
                }
                compiled.lock().unwrap_or_else(PoisonError::into_inner).push((*index, result));
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
        Program { jobs, reachable: reachable(plan) }
    }

    /// The job of a step.
    pub(crate) fn job(&self, step: StepIndex) -> Option<&Arc<Executable>> {
        self.jobs.get(&step)?.as_ref().ok()
    }

    /// What does not compile, in the order of the plan; the flag tells whether a run could get there.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (bool, &ErrorReport)> {
        self.jobs.iter().filter_map(|(index, result)| {
            let report = result.as_ref().err()?;
            Some((self.reachable.contains(index), &**report))
        })
    }
}

/// The steps that a run of the plan could get to, if every condition held.
fn reachable(plan: &Plan) -> HashSet<StepIndex> {
    let mut found = HashSet::from([plan.start()]);
    let mut open = vec![plan.start()];
    while let Some(step) = open.pop() {
        if plan.end() == Some(step) {
            continue;
        }
        for edge in plan[step].next.iter().filter(|edge| edge.condition != Condition::Never) {
            if found.insert(edge.target) {
                open.push(edge.target);
            }
        }
    }
    found
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
        let mut parts = vec![file(job), &*job.source.text, job.source_map.as_deref().unwrap_or_default()];
        for adaptor in &adaptors {
            parts.extend(["adaptor", &adaptor.specifier]);
            parts.extend(adaptor.exports.iter().flatten().map(String::as_str));
        }
        parts.push("globals");
        parts.extend(globals.iter().map(String::as_str));
        let key = Key::of("job", parts);
        Task { job, adaptors, globals, key }
    }

    fn compile(&self) -> Result<Executable, Box<ErrorReport>> {
        let source = &self.job.source;
        // A map that comes with a job says that it has been compiled.
        if let Some(map) = &self.job.source_map {
            return Ok(Executable { map: Some(map.as_str().into()), ..Executable::plain(source) });
        }
        let options = Options { file: file(self.job), adaptors: &self.adaptors, globals: self.globals };
        let compiled = compile(&source.text, &options).map_err(|error| Box::new(report(&source.name, error)))?;
        let operations = compiled.operations;
        // Code that needed nothing keeps the map that it may carry inside.
        if compiled.code.trim_end() == source.text.trim_end() {
            return Ok(Executable { operations, ..Executable::plain(source) });
        }
        // The map inside is V8's first choice; it leads from what was given, and ours to there.
        let code = compiled.code.replace("sourceMappingURL=", "sourceMappingURL ");
        Ok(Executable { code: code.into(), map: Some(compiled.map.into()), operations })
    }
}

/// What a map calls the source. Never a name of the author's: deno_core would take `Step: a.js` for a URL.
fn file(job: &Job) -> &'static str {
    if job.source.name.ends_with(".ts") { "job.ts" } else { "job.js" }
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
