//! `cargo xtask`: the project's own commands. No V8 in here, so that it compiles in seconds.
//!
//! The same program serves as compiler wrapper while V8 is built from source; it is then called by another name.

mod v8;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    let mut args = env::args_os();
    let called_as = args.next().map(PathBuf::from).unwrap_or_default();
    let done = if called_as.file_name().is_some_and(|n| n == v8::wrapper::NAME) {
        v8::wrapper::run(&called_as, args.collect())
    } else {
        run(&cli().get_matches()).map(|()| ExitCode::SUCCESS)
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn cli() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("cargo xtask")
        .about("The project's own commands")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("v8")
                .about("Make sure that V8 is here: five ways, the first that works is taken")
                .arg(flag("check", "Only say which way would be taken"))
                .arg(flag("from-source", "Build from source, whatever is there"))
                .arg(flag("keep", "Keep the work folder of a build from source (6 GB)"))
                .arg(
                    Arg::new("jobs")
                        .long("jobs")
                        .value_name("N")
                        .value_parser(clap::value_parser!(usize))
                        .help("Compilers at once; by default one for each core that has 1.5 GB of memory"),
                ),
        )
}

fn run(matches: &ArgMatches) -> Result<()> {
    let root = root();
    match matches.subcommand() {
        Some(("v8", m)) => v8::ensure(
            root,
            &v8::Request {
                check: m.get_flag("check"),
                from_source: m.get_flag("from-source"),
                keep: m.get_flag("keep"),
                jobs: m.get_one("jobs").copied(),
            },
        ),
        _ => unreachable!("clap knows the commands"),
    }
}

/// The workspace: this crate's folder is one level below.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}
