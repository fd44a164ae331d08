//! Hostile and greedy jobs: each file of `tests/sandbox/` is one, and says at its top what it may use and how its run must end.
//! The run costs what the limits say and no more, ends in time, and gives the true reason; and nobody else notices.
//!
//! | line | meaning |
//! |---|---|
//! | `// limit: memory=48 step=300` | limits that differ from [`Limits::default`]; MB and ms |
//! | `// ends: kill oom` | how: `success`, `fail` or `crash` with the error's name, `kill` with the reason; with ` \| ` between two that V8 may choose from, which `why` explains |
//! | `// output: {"ok":true}` | the result |
//! | `// input: {}` | the state it gets |
//! | `// condition: true` | of the edge to the next step, which begins with a line `// --- next step` |
//! | `// events: 300` | kB of events, at most |
//! | `// logs: 10` | log lines, at most |
//! | `// why: …` | what is attacked |
//!
//! The cases of a group go through one parent, which is this process, and its pool of engine processes. Beside each case a
//! neighbour runs in another child, and must come to its right result. `SANDBOX=name` runs only the cases with that in their
//! name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use fulgurite::adaptors::{Sources, link};
use fulgurite::decode::{self, Files};
use fulgurite::engine::{BESIDE, config};
use fulgurite_engine::pool::Ending;
use fulgurite_engine::{Config, Pool};
use fulgurite_plan::Outcome;
use fulgurite_runtime::{Event, Network, Request};
use fulgurite_state::{IndexOptions, State};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::engine::{Going, program, start};

/// Memory of a child's own beside that of its run: what V8 and we may have, and the stacks of threads and the pages that a
/// child has when it is idle.
const CONSTANT: u64 = BESIDE + (128 << 20);

/// How long the pool waits for a run that was told to end, before it kills the child.
const GRACE: Duration = Duration::from_millis(300);

/// What a machine that is busy with other things may add.
const SLOW: Duration = Duration::from_secs(4);

/// Cases that run at a time, each with its neighbour.
const LANES: usize = 2;

/// One trial for each group.
pub(crate) fn trials() -> Vec<Trial> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/sandbox"));
    let group = |path: PathBuf| {
        let name = path.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        Trial::test(format!("sandbox::{name}"), move || check_group(&path))
    };
    let mut trials: Vec<Trial> = sorted(folder).into_iter().map(group).collect();
    trials.push(Trial::test("sandbox::cpu_limit_is_kept", cpu_limit));
    trials
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the cases are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    paths
}

/// What a run may use, in MB and ms.
#[derive(Clone, Copy)]
struct Limits {
    memory: u64,
    step: u64,
    cpu: Option<u64>,
    state: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        // Long enough for a busy machine. Whatever is to run out of time says so.
        Limits { memory: 64, step: 10_000, cpu: None, state: None }
    }
}

#[derive(Default)]
struct Case {
    limits: Limits,
    /// The jobs, one for each step.
    steps: Vec<String>,
    condition: Option<String>,
    input: Option<String>,
    ends: Vec<String>,
    output: Option<Value>,
    events: Option<u64>,
    logs: Option<usize>,
}

impl Case {
    fn read(path: &Path) -> Result<Case, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let mut case = Case::default();
        let mut why = false;
        for line in text.lines().map_while(|line| line.strip_prefix("// ")) {
            // The rest of a longer `why`.
            let Some((key, value)) = line.split_once(": ").filter(|(key, _)| !key.contains(' ')) else { continue };
            match key {
                "limit" => case.limits = limits(value)?,
                "ends" => case.ends = value.split(" | ").map(str::to_owned).collect(),
                "output" => case.output = Some(parsed(value)?),
                "input" => case.input = Some(value.to_owned()),
                "condition" => case.condition = Some(value.to_owned()),
                "events" => case.events = Some(number(value)?),
                "logs" => case.logs = Some(number(value)? as usize),
                "why" => why = true,
                other => return Err(format!("a case has no `{other}`")),
            }
        }
        if case.ends.is_empty() || !why {
            return Err("a case says how it `ends`, and `why`".into());
        }
        case.steps = text.split("// --- next step\n").map(str::to_owned).collect();
        Ok(case)
    }

    /// What two of would be too much for a small machine.
    fn is_hungry(&self) -> bool {
        self.limits.memory > 200
    }
}

fn limits(text: &str) -> Result<Limits, String> {
    let mut limits = Limits::default();
    for part in text.split_whitespace() {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is no limit"))?;
        let value = number(value)?;
        match key {
            "memory" => limits.memory = value,
            "step" => limits.step = value,
            "cpu" => limits.cpu = Some(value),
            "state" => limits.state = Some(value),
            other => return Err(format!("there is no limit `{other}`")),
        }
    }
    Ok(limits)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error} in {text}"))
}

/// How a case went.
struct Ended {
    ending: String,
    message: String,
    details: Option<Value>,
    output: Option<State>,
    logs: usize,
    bytes: usize,
    time: Duration,
    pool: Ending,
}

fn check_group(folder: &Path) -> Result<(), Failed> {
    let wanted = std::env::var("SANDBOX").unwrap_or_default();
    let pool =
        Pool::start(Config { program: program(), children: 2 * LANES, grace: GRACE, ..config(None, false, None) })?;
    let cases: Vec<PathBuf> =
        sorted(folder).into_iter().filter(|path| path.to_string_lossy().contains(&wanted)).collect();
    let (next, wrong, hunger) = (AtomicUsize::new(0), Mutex::new(Vec::new()), RwLock::new(()));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(path) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let problem = match Case::read(path) {
                        Ok(case) if case.is_hungry() => {
                            let _alone = hunger.write().expect("nobody panics");
                            check(&pool, &case)
                        }
                        Ok(case) => {
                            let _beside = hunger.read().expect("nobody panics");
                            check(&pool, &case)
                        }
                        Err(problem) => Err(problem),
                    };
                    if let Err(problem) = problem {
                        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                        wrong.lock().expect("nobody panics").push(format!("{name}: {problem}"));
                    }
                }
            });
        }
    });
    pool.drain(None);
    let wrong = wrong.into_inner().expect("nobody panics");
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn check(pool: &Pool, case: &Case) -> Result<(), String> {
    let request = request(case)?;
    let (going, began) = (start(pool, &request), Instant::now());
    let neighbour = start(pool, &neighbour()?);
    let ended = Ended::of(going, began);
    let beside = Ended::of(neighbour, began);
    let mut wrong = Vec::new();
    if !case.ends.contains(&ended.ending) {
        wrong.push(format!("`{}` and not `{}`: {}", ended.ending, case.ends.join(" | "), ended.message));
    }
    if let Some(expected) = &case.output {
        let output = ended.output.as_ref().map(|state| parsed(&String::from_utf8_lossy(&state.to_bytes())));
        if output != Some(Ok(expected.clone())) {
            wrong.push(format!("the result is {output:?}"));
        }
    }
    let time = Duration::from_millis(case.limits.step) * case.steps.len() as u32;
    if ended.time > time + GRACE + SLOW {
        wrong.push(format!("it took {:.1?}", ended.time));
    }
    let most = (case.limits.memory << 20) + CONSTANT;
    if ended.pool.memory > most {
        wrong.push(format!("{} MB of its own, and {} MB are allowed", ended.pool.memory >> 20, most >> 20));
    }
    if case.events.is_some_and(|most| ended.bytes as u64 > most << 10) {
        wrong.push(format!("{} kB of events", ended.bytes >> 10));
    }
    if case.logs.is_some_and(|most| ended.logs > most) {
        wrong.push(format!("{} log lines", ended.logs));
    }
    let sum = beside.output.map(|state| String::from_utf8_lossy(&state.to_bytes()).into_owned());
    if beside.ending != "success" || sum.as_deref() != Some(NEIGHBOURS) {
        wrong.push(format!("its neighbour: `{}` {}, with {sum:?}", beside.ending, beside.message));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// What the neighbour comes to: a sum, after it has waited.
const NEIGHBOURS: &str = r#"{"data":{"sum":499500}}"#;

fn neighbour() -> Result<Request, String> {
    let job = "fn(async state => {\n  let sum = 0;\n  for (let i = 0; i < 1000; i++) sum += i;\n  \
               await new Promise(done => setTimeout(done, 20));\n  return { data: { sum } };\n});";
    let case = Case { steps: vec![job.to_owned()], ..Case::default() };
    request(&case)
}

impl Ended {
    /// Waits for the end of a run that was started at `began`.
    fn of(going: Going, began: Instant) -> Ended {
        let (mut logs, mut bytes, mut complete) = (0, 0, None);
        for event in going.events {
            match event {
                Event::Log(log) => {
                    logs += 1;
                    bytes += log.message.len() + 200;
                }
                Event::StepComplete(step) => bytes += step.outcome.error().map_or(0, |error| error.message.len()),
                Event::RunComplete(run) => complete = Some(run),
                _ => {}
            }
        }
        let time = began.elapsed();
        let pool = going.run.join();
        let (ending, message, details, output) = match complete {
            None => ("no end".to_owned(), String::new(), None, None),
            Some(run) => {
                let ending = match &run.outcome {
                    Outcome::Success => "success".into(),
                    Outcome::Kill(reason, _) => format!("kill {reason}"),
                    other => format!("{} {}", other.reason(), other.error().expect("only a success has none").name),
                };
                let message = run.outcome.error().map(|error| error.message.chars().take(200).collect());
                let details = run.outcome.error().and_then(|error| error.details.clone());
                (ending, message.unwrap_or_default(), details, run.result())
            }
        };
        Ended { ending, message, details, output, logs, bytes, time, pool }
    }
}

/// The case as `fulgurite run` would have it.
fn request(case: &Case) -> Result<Request, String> {
    let (path, text) = match &case.steps[..] {
        [only] => ("job.js", only.clone()),
        steps => ("workflow.json", workflow(steps, case.condition.as_deref())),
    };
    let nothing = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let files = Files { read: &nothing, list: &|_| Vec::new(), credentials: None };
    let plan = decode::text(Path::new(path), &text, &files).map_err(|error| error.to_string())?.plan;
    let sources = Sources {
        read: &nothing,
        folder: Path::new(""),
        default: &[],
        installed: &fulgurite::adaptors::none_installed,
    };
    let adaptors = Arc::new(link(&plan, &sources).map_err(|report| report.message.clone())?.adaptors);
    let input = case.input.as_ref().map(|input| State::parse(input.clone(), &IndexOptions::default()));
    let input = input.transpose().map_err(|error| error.kind.to_string())?;
    let mut request = Request { input, adaptors, ..Request::new(plan) };
    let limits = &mut request.limits;
    limits.heap = Some((case.limits.memory as usize) << 20);
    limits.state = Some((case.limits.state.unwrap_or(case.limits.memory) as usize) << 20);
    limits.step_timeout = Some(Duration::from_millis(case.limits.step));
    limits.step_cpu_timeout = case.limits.cpu.map(Duration::from_millis);
    limits.network = Network::none();
    Ok(request)
}

fn workflow(steps: &[String], condition: Option<&str>) -> String {
    let steps = steps.iter().enumerate().map(|(place, code)| {
        let condition = condition.map_or(json!(true), |condition| json!({ "condition": condition }));
        let next = match place + 1 < steps.len() {
            true => BTreeMap::from([(format!("step{}", place + 2), condition)]),
            false => BTreeMap::new(),
        };
        json!({ "id": format!("step{}", place + 1), "expression": code, "next": next })
    });
    json!({ "workflow": { "steps": steps.collect::<Vec<_>>() } }).to_string()
}

/// A loop ends within 50 ms of its limit, in CPU time of its thread: that of the process has the start of the isolate in it.
fn cpu_limit() -> Result<(), Failed> {
    let pool = Pool::start(Config { program: program(), ..config(None, false, None) })?;
    let case = Case { steps: vec!["fn(() => { while (true); })".to_owned()], ..Case::default() };
    let mut request = request(&case)?;
    request.limits.step_cpu_timeout = Some(Duration::from_millis(200));
    let ended = Ended::of(start(&pool, &request), Instant::now());
    let used = ended.details.as_ref().and_then(|details| details["used"]["cpu_us"].as_u64());
    match used {
        Some(200_000..=250_000) if ended.ending == "kill cpu" => Ok(()),
        _ => Err(format!("{} after {used:?} µs of CPU time", ended.ending).into()),
    }
}
