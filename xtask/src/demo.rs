//! `cargo xtask demo`: runs the examples with the real program and shows what happened.
//!
//! First a small workflow over real data, then one that touches one key of a state of 100 MB. It knows the program only as
//! its users do: by its flags, and by the events that it writes.

mod story;

use crate::{fhir, size, stage::Stages, v8, workspace};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use story::Story;

/// Runs both examples; the large one over a state of `size` bytes.
pub(crate) fn run(root: &Path, size: u64) -> Result<()> {
    v8::ensure(root, &v8::Request::default())?;
    let target = workspace::target(root)?;
    let mut stages = Stages::new(target.clone())?;
    let build = &mut workspace::cargo(root);
    build.args(["build", "--release", "-p", "fulgurite"]);
    stages.command(
        "build",
        build,
        |_| "fulgurite, release".into(),
        "mend what the compiler names; it is shown above",
    )?;
    let demo = Demo { root, program: target.join("release/fulgurite"), folder: target.join("demo") };
    fs::create_dir_all(&demo.folder).with_context(|| format!("creating {}", demo.folder.display()))?;
    demo.earthquakes()?;
    demo.large_state(size)
}

struct Demo<'a> {
    root: &'a Path,
    program: PathBuf,
    folder: PathBuf,
}

/// What is known of a process that ended.
struct Ran {
    story: Story,
    wall: Duration,
    /// The most memory it held at once, where the system says so.
    peak: Option<u64>,
}

impl Demo<'_> {
    fn earthquakes(&self) -> Result<()> {
        println!("\n1. examples/earthquakes: real data, three steps, a branch, a step that fails and is handled\n");
        let (state, result) = ("examples/earthquakes/state.json", self.folder.join("earthquakes.json"));
        let ran = self.fulgurite("examples/earthquakes/workflow.yaml", Path::new(state), &result, "earthquakes")?;
        print!("\n{}", ran.story.table());
        println!("\n   its result, {}, begins", shown(self.root, &result));
        let text = fs::read_to_string(&result).with_context(|| format!("reading {}", result.display()))?;
        for line in first_lines(&text, 14) {
            println!("     {line}");
        }
        Ok(())
    }

    fn large_state(&self, size: u64) -> Result<()> {
        println!("\n2. examples/large-state: one key of {} touched\n", size::show(size));
        let (input, output) = (self.folder.join(format!("bundle-{size}.json")), self.folder.join("out.json"));
        if input.metadata().map_or(0, |m| m.len()) != size {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&input)?);
            fhir::write(&mut file, size, 1)?;
            file.flush()?;
        }
        // After the first time the file is in memory, as it is for the run.
        let reading = best_of_three(|| read(&input))?;
        let copying = best_of_three(|| copy(&input, &output))?;
        let ran = self.fulgurite("examples/large-state/workflow.json", &input, &output, "large-state")?;
        print!("\n{}", ran.story.table());
        let run = &ran.story.run;
        println!();
        if let (Some(parsed), Some(spliced)) = (run.bytes("bytes_parsed"), run.bytes("bytes_spliced")) {
            let (parsed, spliced) = (size::show(parsed), size::show(spliced));
            println!(
                "   parsed        {parsed} of {}; {spliced} went out as the bytes they came in as",
                size::show(size)
            );
        }
        if let (Some(view), Some(encode)) = (run.time("view_us"), run.time("encode_us")) {
            println!("   overhead      {} to view, {} to encode", story::time(view), story::time(encode));
        }
        if let Some(startup) = ran.story.startup {
            println!("   isolate       {} from the snapshot to the first line of the job", story::time(startup));
        }
        let times = |than: Duration| ran.wall.as_secs_f64() / than.as_secs_f64();
        println!(
            "   whole process {} (start, check and index the state, run, write the result)",
            story::time(ran.wall)
        );
        println!(
            "   reading       {} for the file alone, nothing done with it: {:.1} times that",
            story::time(reading),
            times(reading)
        );
        println!("   copying       {} for the file alone: {:.1} times that", story::time(copying), times(copying));
        if let Some(peak) = ran.peak {
            println!("   peak memory   {}, {:.2} times the state", size::show(peak), peak as f64 / size as f64);
        }
        let mut head = vec![0; 300];
        let read = File::open(&output).and_then(|mut f| f.read(&mut head)).context("reading the result")?;
        println!(
            "\n   its result, {}, begins\n     {}…",
            shown(self.root, &output),
            String::from_utf8_lossy(&head[..read])
        );
        Ok(())
    }

    /// One run of the program.
    fn fulgurite(&self, workflow: &str, state: &Path, output: &Path, name: &str) -> Result<Ran> {
        let events = self.folder.join(name).with_extension("events.jsonl");
        let mut command = Command::new(&self.program);
        command.current_dir(self.root).arg("run").arg(workflow).arg("-s").arg(state).arg("-o").arg(output);
        command.arg("--events").arg(&events).stdout(Stdio::null());
        println!("   $ fulgurite run {workflow} -s {} -o {}\n", shown(self.root, state), shown(self.root, output));
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("running {}", self.program.display()))?;
        let status = Path::new("/proc").join(child.id().to_string()).join("status");
        let mut peak = None;
        let ended = loop {
            peak = fs::read_to_string(&status).ok().and_then(|s| high_water(&s)).or(peak);
            if let Some(ended) = child.try_wait()? {
                break ended;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let wall = started.elapsed();
        if !ended.success() {
            bail!("the demo's run of {workflow} failed ({ended}); its message is above");
        }
        let text = fs::read_to_string(&events).with_context(|| format!("reading {}", events.display()))?;
        Ok(Ran { story: Story::read(&text), wall, peak })
    }
}

/// `VmHWM` of Linux' process status, in bytes.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn best_of_three(mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let started = Instant::now();
        work()?;
        best = best.min(started.elapsed());
    }
    Ok(best)
}

fn read(path: &Path) -> Result<()> {
    let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 20]);
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Through memory, as a program has to that looks at the bytes.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let (mut from, mut to, mut buffer) = (File::open(from)?, File::create(to)?, vec![0; 1 << 20]);
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            read => to.write_all(&buffer[..read])?,
        }
    }
}

/// A path as short as it gets.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// The first lines of this JSON, laid out for people, and long ones cut.
fn first_lines(json: &str, count: usize) -> Vec<String> {
    let pretty = serde_json::from_str::<serde_json::Value>(json)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| json.to_owned());
    let mut lines: Vec<String> = pretty.lines().take(count).map(|l| cut(l, 100)).collect();
    if pretty.lines().count() > count {
        lines.push("…".into());
    }
    lines
}

fn cut(line: &str, most: usize) -> String {
    if line.chars().count() <= most { line.to_owned() } else { line.chars().take(most).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_shown_in_its_first_lines() {
        assert_eq!(first_lines(r#"{"b":1,"a":[2]}"#, 3), ["{", "  \"b\": 1,", "  \"a\": [", "…"]);
        assert_eq!(first_lines("{}", 3), ["{}"]);
        assert_eq!(first_lines("no json", 3), ["no json"]);
    }

    #[test]
    fn peak_memory_is_read_from_the_process_status() {
        assert_eq!(high_water("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        assert_eq!(high_water("Name:\tx\n"), None);
    }
}
