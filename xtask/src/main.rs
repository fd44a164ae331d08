//! `cargo xtask`: the project's own commands. No V8 in here, so that it compiles in seconds.
//!
//! The same program serves as compiler wrapper while V8 is built from source; it is then called by another name.

mod bench;
mod build;
mod debian;
mod demo;
mod fhir;
mod guard;
mod size;
mod stage;
mod suite;
mod tidy;
mod v8;
mod variant;
#[path = "../../benches/workloads/mod.rs"]
mod workloads;
mod workspace;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, BufWriter, Write as _},
    path::PathBuf,
    process::ExitCode,
};
use variant::Variant;

use workloads::Shape;

fn main() -> ExitCode {
    let mut args = env::args_os();
    let called_as = args.next().map(PathBuf::from).unwrap_or_default();
    let done = if called_as.file_name().is_some_and(|n| n == v8::wrapper::NAME) {
        v8::wrapper::run(&called_as, args.collect())
    } else {
        run(&commands().get_matches()).map(|()| ExitCode::SUCCESS)
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(matches: &ArgMatches) -> Result<()> {
    let root = workspace::root();
    match matches.subcommand() {
        Some(("demo", m)) => demo::run(root, size::parse(m.get_one::<String>("size").expect("has a default"))?),
        Some(("test", m)) => suite::run(root, m.get_flag("fix")),
        Some(("bench", m)) => {
            let word = |name: &str| m.get_one::<String>(name).map(String::as_str);
            if m.get_flag("criterion") {
                bench::run_criterion(root, word("filter"), m.get_flag("quick"))
            } else if m.get_flag("render") {
                bench::render(root, word("compare"))
            } else {
                let kit = m.get_one::<PathBuf>("kit").map(PathBuf::as_path);
                let (filter, full, compare) = (word("filter"), m.get_flag("full"), word("compare"));
                bench::run(root, &bench::Options { filter, full, compare, kit })
            }
        }
        Some(("guard", m)) => {
            guard::run(root, if m.get_flag("bless") { guard::Mode::Bless } else { guard::Mode::Compare })
        }
        Some(("build", m)) => {
            let more: Vec<OsString> = m.get_many("cargo").unwrap_or_default().cloned().collect();
            build::run(root, variant(m), &more)
        }
        Some(("v8", m)) => v8::ensure(
            root,
            &v8::Request {
                variant: variant(m),
                check: m.get_flag("check"),
                from_source: m.get_flag("from-source"),
                keep: m.get_flag("keep"),
                jobs: m.get_one("jobs").copied(),
            },
        ),
        Some(("tidy", _)) => tidy::check(root).map(|files| println!("{files} files in order")),
        Some(("generate", m)) => {
            let (name, m) = m.subcommand().expect("clap requires one");
            let shape =
                Shape::ALL.into_iter().find(|shape| shape.name() == name).expect("clap requires one that it knows");
            let size = size::parse(m.get_one::<String>("size").expect("is required"))?;
            generate(shape, m.get_one::<PathBuf>("output"), size, *m.get_one("seed").expect("has a default"))
        }
        _ => unreachable!("clap requires one that it knows"),
    }
}

fn variant(matches: &ArgMatches) -> Variant {
    if matches.get_flag("pointer-compression") { Variant::PointerCompression } else { Variant::Usual }
}

fn commands() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let option = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    Command::new("xtask")
        .bin_name("cargo xtask")
        .about("The project's own commands")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("demo")
                .about("Build, run the examples, and show what happened")
                .arg(option("size", "SIZE").default_value("100MB").help("The size of the large example's state")),
        )
        .subcommand(
            Command::new("test")
                .about("Everything that has to hold: V8, format, rules, lints, all tests")
                .arg(flag("fix", "Format instead of complaining about the format")),
        )
        .subcommand(
            Command::new("build")
                .about("Build the program as a release")
                .arg(flag("pointer-compression", "With compressed pointers in V8, in a target folder of its own"))
                .arg(
                    Arg::new("cargo")
                        .value_name("ARGS")
                        .value_parser(value_parser!(OsString))
                        .last(true)
                        .num_args(0..)
                        .help("For cargo, as they are: -- -p fulgurite --tests"),
                ),
        )
        .subcommand(
            Command::new("bench")
                .about("Measure Fulgurite beside OpenFn's runtime and bare V8, and write benches/report/")
                .after_help(BENCH_HELP)
                .arg(Arg::new("filter").help("Only workloads (or benches) whose name holds this"))
                .arg(flag("full", "Everything up to 500 MB: hours, where the set without this takes ten minutes"))
                .arg(option("compare", "REV").help("Compare with a report that is kept, by its revision or its path"))
                .arg(
                    option("kit", "DIR")
                        .value_parser(value_parser!(PathBuf))
                        .help("A built checkout of OpenFn's kit instead of the packages that npm has"),
                )
                .arg(
                    flag("render", "Measure nothing: write the page again from the last report").conflicts_with("full"),
                )
                .arg(
                    flag("criterion", "Run the criterion benchmarks instead")
                        .conflicts_with_all(["full", "render", "compare", "kit"]),
                )
                .arg(
                    flag("quick", "With --criterion: fewer samples, minutes instead of a quarter of an hour")
                        .requires("criterion"),
                ),
        )
        .subcommand(
            Command::new("guard")
                .about(
                    "Count instructions under callgrind; more than 5 % growth against benches/instructions.json fails",
                )
                .arg(flag("bless", "Make the counts of now the committed ones")),
        )
        .subcommand(
            Command::new("v8")
                .about("Make sure that V8 is here; demo, test and bench do this first")
                .after_help(V8_HELP)
                .arg(flag("pointer-compression", "V8 with compressed pointers, which is an archive of its own"))
                .arg(flag("check", "Only say which way would be taken"))
                .arg(flag("from-source", "Build from source, whatever is there"))
                .arg(flag("keep", "Keep the work folder of a build from source"))
                .arg(
                    option("jobs", "N")
                        .value_parser(value_parser!(usize))
                        .help("Compilers at once; by default one for each core that has 1.5 GB of memory"),
                ),
        )
        .subcommand(Command::new("tidy").about("Check the rules of the house that no compiler knows"))
        .subcommand(
            Command::new("generate")
                .about("Make input for examples and measurements")
                .subcommand_required(true)
                .subcommands(Shape::ALL.map(|shape| {
                    Command::new(shape.name())
                        .about(shape.about())
                        .arg(
                            option("size", "SIZE")
                                .required(true)
                                .help("Exact size: 4KB, 100MB (a million bytes each), 2GiB"),
                        )
                        .arg(
                            option("seed", "N")
                                .value_parser(value_parser!(u64))
                                .default_value("1")
                                .help("Another seed, another state"),
                        )
                        .arg(
                            option("output", "FILE")
                                .short('o')
                                .value_parser(value_parser!(PathBuf))
                                .help("Where to write it; by default to stdout"),
                        )
                })),
        )
}

const BENCH_HELP: &str = "\
Needs Linux, and npm for the columns of OpenFn: without it they say so. The page is benches/report/index.html, its figures are beside it as
report.json and <revision>.json, and docs/bench.svg is the plot of the README. How to read it: docs/benchmarks.md";

const V8_HELP: &str = "\
The first of these ways that works is taken, and one line says which:
  1. RUSTY_V8_ARCHIVE names an archive
  2. the v8 crate's cache ($CARGO_HOME/.rusty_v8) holds it
  3. an archive folder holds it, with SHA256SUMS beside it
  4. GitHub answers: the v8 crate downloads it as always
  5. it is built from the crate's own source, with Debian's clang, lld and ninja;
     interrupt it at will, the next run goes on

Environment:
  FULGURITE_V8_DIR   the archive folder (default: ../shared/v8)
  FULGURITE_V8_WORK  where to build from source (default: $CARGO_HOME/.rusty_v8/build-<version>)
  RUSTY_V8_MIRROR    where to download from, as the v8 crate knows it
  GN                 a gn of your own for way 5";

fn generate(shape: Shape, output: Option<&PathBuf>, size: u64, seed: u64) -> Result<()> {
    let Some(path) = output else {
        let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
        workloads::write(shape, &mut out, size, seed)?;
        return Ok(out.flush()?);
    };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    let file = fs::File::create(path).with_context(|| format!("creating {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    workloads::write(shape, &mut out, size, seed)?;
    out.flush().with_context(|| format!("writing {}", path.display()))?;
    eprintln!("{}: {}", path.display(), size::show(size));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_commands_are_well_formed() {
        super::commands().debug_assert();
    }
}
