//! `fulgurite dev`: a workflow on this machine, run as a server has it run.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use fulgurite_lightning::{Handle, Happened, Happening, NewClip, NewRun, Run, RunState};
use fulgurite_plan::Plan;
use fulgurite_runtime::Level;
use fulgurite_state::{IndexOptions, State};
use fulgurite_worker::life::{self, Stop};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::{Context, lightning, run as run_command, worker};
use crate::config::{Dev, Output, Worker};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::interrupt::{self, Interrupt};
use crate::logs::Logger;
use crate::report::Report;
use crate::served::{Served, served};
use crate::{input, output, units};

/// Runs a workflow to its end.
pub(super) fn run(config: &Dev, context: &Context) -> Result<ExitCode, Error> {
    let log = &context.log;
    let plan = run_command::plan(&config.path, config.credentials.as_deref(), log)?;
    output::check(&config.output)?;
    let given = input::read(&config.input)?;
    let Served { plan: form, credentials } = served(&plan).map_err(Error::Input)?;
    let input = given.map(|state| NewClip::new(state.to_bytes()));
    let new = NewRun { plan: form, input, credentials, ..NewRun::default() };

    let pool = worker::start_pool(&config.worker, context)?;
    let tokio = worker::runtime()?;
    let (told, stop) = watch::channel(Stop::Not);
    let (asked, mut interrupted) = watch::channel(0);
    interrupt::on_signal(move |times| asked.send_modify(|asked| *asked = times));
    let ended = tokio.block_on(async {
        let server = lightning::start(&config.server).await?;
        log.cli(Level::Info, &format!("serving on http://{}", server.addr()));
        let handle = server.handle();
        let happenings = handle.subscribe();
        let id = handle.enqueue(new);
        let settings = Worker { url: server.url(), ..config.worker.clone() };
        let mut working = tokio::spawn(life::run(worker::worker(&settings, pool, None, context), stop));

        let watched = follow(&handle, &id, happenings, names(&plan), log);
        let run = tokio::select! {
            run = watched => Some(run),
            _ = interrupted.wait_for(|times| *times > 0) => None,
            worked = &mut working => {
                return match worked {
                    Ok(Err(error)) => Err(worker::refused(error)),
                    _ => Err(Error::input(Report::error("the worker has ended before the run: a bug in fulgurite"))),
                };
            }
        };
        let code = match &run {
            Some(run) => finish(run, &handle, config, log)?,
            None => ExitCode::Interrupted,
        };
        if config.keep && run.is_some() {
            log.cli(Level::Always, &format!("still serving on http://{} (Ctrl-C ends it)", server.addr()));
            let _ = interrupted.wait_for(|times| *times > 0).await;
        }
        told.send_replace(if run.is_some() { Stop::Drain } else { Stop::Now });
        let worked = tokio::time::timeout(LAST, working).await;
        server.stop().await;
        if let Ok(Ok(Err(error))) = worked {
            return Err(worker::refused(error));
        }
        for violation in handle.violations() {
            log.cli(Level::Warn, &format!("a bug in fulgurite: its worker did what it must not: {violation}"));
        }
        Ok(code)
    });
    tokio.shutdown_background();
    ended
}

/// How long the worker may take to stop.
const LAST: Duration = Duration::from_secs(10);

/// What people call the steps, by id.
fn names(plan: &Plan) -> HashMap<String, String> {
    plan.steps().iter().map(|step| (step.id.as_str().to_owned(), step.display_name().to_owned())).collect()
}

/// Shows what happens until the run is over.
async fn follow(
    handle: &Handle,
    id: &str,
    mut happenings: broadcast::Receiver<std::sync::Arc<Happening>>,
    names: HashMap<String, String>,
    log: &Logger,
) -> Run {
    let name = |job: &str| names.get(job).cloned().unwrap_or_else(|| job.to_owned());
    let mut steps: HashMap<String, String> = HashMap::new();
    loop {
        let happening = match happenings.recv().await {
            Ok(happening) if happening.run.as_deref() == Some(id) => happening,
            Ok(_) => continue,
            Err(RecvError::Lagged(count)) => {
                log.cli(Level::Warn, &format!("{count} events came faster than they can be shown"));
                match handle.run(id) {
                    Some(run) if run.state.is_final() => return run,
                    _ => continue,
                }
            }
            Err(RecvError::Closed) => return handle.wait(id).await,
        };
        match &happening.what {
            Happened::StepStarted { step_id, job_id, .. } => {
                log.cli(Level::Info, &format!("step `{}` starts", name(job_id)));
                steps.insert(step_id.clone(), name(job_id));
            }
            Happened::StepCompleted { job_id, reason, duration, .. } => {
                let time = duration.as_ref().and_then(serde_json::Value::as_u64).map(Duration::from_millis);
                let time = time.map(|time| format!(" in {}", units::time(time))).unwrap_or_default();
                log.cli(Level::Info, &format!("step `{}`: {reason}{time}", name(job_id)));
            }
            Happened::Log(line) => {
                let step = line.step_id.as_ref().and_then(|step| steps.get(step)).map(String::as_str);
                log.heard(line.source.as_deref().unwrap_or("JOB"), &line.level, step, &line.message);
            }
            Happened::RunCompleted { .. } => return handle.wait(id).await,
            _ => {}
        }
    }
}

/// The result, and how the program ends.
fn finish(run: &Run, handle: &Handle, config: &Dev, log: &Logger) -> Result<ExitCode, Error> {
    let result = handle.result(&run.id);
    let code = match run.state {
        RunState::Success | RunState::Failed => ExitCode::Done,
        _ => ExitCode::Stopped,
    };
    if code == ExitCode::Stopped {
        let class = run.error_type.clone();
        let message = run.error_message.clone().unwrap_or_else(|| "the run was stopped".to_owned());
        log.fatal(&Report { class, ..Report::error(message) });
        return Ok(code);
    }
    let text: Bytes = match result {
        Some(text) => text,
        None => {
            log.cli(Level::Warn, "the run has no final state on the server: it was withheld, or the run has none");
            return Ok(code);
        }
    };
    let state = State::parse(text, &IndexOptions::default())
        .map_err(|error| Error::output(Report::error(format!("the final state is not JSON: {error}"))))?;
    output::write(&state, &config.output, &Interrupt::default())?;
    if let Output::File(path) = &config.output {
        let size = units::bytes(state.len());
        log.cli(Level::Success, &format!("result written to {} ({size})", path.display()));
    }
    Ok(code)
}
