//! A driver in its process: asked by lines of JSON, answering by lines of JSON, killed when it takes too long.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    columns::Start,
    process::{self, Watch},
    result::Sample,
};

/// A driver that answers.
pub(super) struct Driver {
    child: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
    errors: PathBuf,
    limit: Duration,
}

/// What a run came to.
pub(super) struct Run {
    pub(super) sample: Sample,
    /// Bytes.
    pub(super) output: u64,
    /// What its time went into, in nanoseconds, where the driver knows.
    pub(super) parts: Vec<(String, u64)>,
}

/// Why there is no answer. It is a result of the driver's column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

impl Driver {
    /// Starts one and waits until it is ready; what it says that it is comes with it.
    pub(super) fn start(start: &Start, errors: &Path, limit: Duration) -> Result<(Driver, String), Failure> {
        let spawn = || -> Result<_> {
            let log = File::create(errors).with_context(|| format!("creating {}", errors.display()))?;
            let mut command = start.command();
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
            command.spawn().with_context(|| format!("starting {:?}", command.get_program()))
        };
        let mut child = spawn().map_err(|error| Failure { reason: "not started", detail: format!("{error:#}") })?;
        let (questions, said) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        let (lines, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let mut driver = Driver { child, questions, answers, errors: errors.to_owned(), limit };
        let ready = driver.answer()?;
        Ok((driver, ready["ready"].as_str().unwrap_or_default().to_owned()))
    }

    /// Gives it a workflow and the file of a state.
    pub(super) fn load(&mut self, workflow: &Value, state: &Path) -> Result<(), Failure> {
        self.ask(&json!({ "do": "load", "workflow": workflow, "state": state })).map(drop)
    }

    /// One run.
    pub(super) fn run(&mut self) -> Result<Run, Failure> {
        // What the run before left is nobody's time and nobody's memory.
        self.ask(&json!({ "do": "collect" }))?;
        let root = self.child.id();
        let before = process::tree(root);
        let cpu = process::cpu(&before);
        let watch = Watch::start(root);
        let answer = self.ask(&json!({ "do": "run" }));
        let after = process::tree(root);
        let cpu = process::cpu(&after).saturating_sub(cpu);
        let peak = watch.stop();
        let answer = answer?;
        let figure = |name: &str| answer[name].as_u64().unwrap_or(0);
        let parts = answer["parts"].as_object().into_iter().flatten();
        Ok(Run {
            sample: Sample { wall: figure("wall"), cpu, peak },
            output: figure("bytes"),
            parts: parts.filter_map(|(name, time)| Some((name.clone(), time.as_u64()?))).collect(),
        })
    }

    /// Has the output of the last run written.
    pub(super) fn write(&mut self, path: &Path) -> Result<(), Failure> {
        self.ask(&json!({ "do": "write", "path": path })).map(drop)
    }

    fn ask(&mut self, question: &Value) -> Result<Value, Failure> {
        // Who is gone cannot be asked; why it is gone comes with the answer that is not there.
        let _ = writeln!(self.questions, "{question}").and_then(|()| self.questions.flush());
        self.answer()
    }

    fn answer(&mut self) -> Result<Value, Failure> {
        let line = match self.answers.recv_timeout(self.limit) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                process::kill(self.child.id());
                let detail = format!("no answer within {} s", self.limit.as_secs());
                return Err(Failure { reason: "took too long", detail });
            }
            Err(RecvTimeoutError::Disconnected) => return Err(self.died()),
        };
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        match answer["error"].as_str() {
            Some(error) => Err(Failure { reason: reason(error), detail: cut(error) }),
            None => Ok(answer),
        }
    }

    fn died(&mut self) -> Failure {
        process::kill(self.child.id());
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = fs::read(&self.errors).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let panicked = said.lines().skip_while(|line| !line.contains("panicked at")).nth(1);
        let told = said.lines().find(|line| reason(line) != "failed").or(panicked).or(said.lines().last());
        let told = told.unwrap_or_default();
        Failure { reason: reason(told), detail: cut(&format!("{status}: {told}")) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        process::kill(self.child.id());
        // It is dead; this only takes it off the list.
        let _ = self.child.wait();
    }
}

/// The kind of an error, by what V8, Node and OpenFn write.
fn reason(error: &str) -> &'static str {
    let holds = |words: &[&str]| words.iter().any(|word| error.contains(word));
    if holds(&["out of memory", "OOMError", "maximum memory", "ERR_WORKER_OUT_OF_MEMORY", "MemoryError"]) {
        "out of memory"
    } else if holds(&["Invalid string length", "ERR_STRING_TOO_LONG", "string longer than", "fits: "]) {
        "string too long"
    } else if holds(&["Maximum call stack"]) {
        "stack overflow"
    } else {
        "failed"
    }
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_kinds() {
        let check = |error: &str, expected: &str| assert_eq!(reason(error), expected, "{error}");
        check("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "out of memory");
        check("OOMError: Run exceeded maximum memory usage", "out of memory");
        check("Error: Cannot create a string longer than 0x1fffffe8 characters", "string too long");
        check("RangeError: Invalid string length", "string too long");
        check("RangeError: Maximum call stack size exceeded", "stack overflow");
        check("TypeError: x", "failed");
    }
}
