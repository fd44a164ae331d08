//! The one integration test binary. V8 is initialised on the main thread before any test runs; each test has a run, and so an
//! isolate and a thread, of its own. `cargo nextest run` gives each a process of its own, too.

mod batches;
mod bench_claims;
mod cli;
mod encode;
#[cfg(target_os = "linux")]
mod engine;
mod examples;
mod jobs;
mod net;
mod profile;
mod random_edits;
mod run;
#[cfg(target_os = "linux")]
mod sandbox;
mod secrets;
mod support;
#[cfg(target_os = "linux")]
mod worker;

fn main() -> std::process::ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    fulgurite_runtime::initialize();
    let mut trials = Vec::new();
    trials.extend(encode::trials());
    trials.extend(run::trials());
    trials.extend(batches::trials());
    trials.extend(jobs::trials());
    trials.extend(secrets::trials());
    trials.extend(random_edits::trials());
    trials.extend(examples::trials());
    trials.extend(bench_claims::trials());
    trials.extend(cli::trials());
    trials.extend(profile::trials());
    #[cfg(target_os = "linux")]
    trials.extend(sandbox::trials());
    trials.extend(net::trials());
    #[cfg(target_os = "linux")]
    trials.extend(engine::trials());
    #[cfg(target_os = "linux")]
    trials.extend(worker::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}
