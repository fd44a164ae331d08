//! A profile as a Chrome trace: <https://ui.perfetto.dev>, `chrome://tracing` and speedscope show it. The format is the "Trace
//! Event Format": one JSON object, times in microseconds.
//!
//! Such a trace shows what is on one thread as a stack, and what overlaps there (steps that call each other, items in flight) would
//! tear it: that gets a lane of its own beside it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Batch, Record};
use crate::error::Error;
use crate::report::Report;

/// The file that a profile goes into, open before there is one.
#[derive(Debug)]
pub struct Target {
    file: File,
    path: PathBuf,
    flag: &'static str,
    /// Whether it has to go when nothing comes to be written.
    is_new: bool,
}

impl Target {
    /// Opens the file of a flag. One that is there stays as it is until there is something to write.
    ///
    /// # Errors
    /// [`Error::Output`] when it cannot be created.
    pub fn open(path: &Path, flag: &'static str) -> Result<Target, Error> {
        let is_new = !path.exists();
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| refused(path, flag, &error))?;
        Ok(Target { file, path: path.to_owned(), flag, is_new })
    }

    /// Writes what there is.
    ///
    /// # Errors
    /// [`Error::Output`] when not all of it could be written.
    pub fn write(mut self, profile: &Value) -> Result<(), Error> {
        self.is_new = false;
        let emptied = self.file.set_len(0);
        let mut file = BufWriter::new(&self.file);
        let written = emptied.and_then(|()| serde_json::to_writer(&mut file, profile).map_err(io::Error::from));
        written.and_then(|()| file.flush()).map_err(|error| refused(&self.path, self.flag, &error))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.is_new {
            // Nobody is helped by an empty file.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn refused(path: &Path, flag: &str, error: &io::Error) -> Error {
    let help = match error.kind() {
        io::ErrorKind::NotFound => format!("the folder does not exist: create it, or name another file with {flag}"),
        io::ErrorKind::IsADirectory => format!("this is a folder: name a file in it with {flag}"),
        _ => format!("name another file with {flag}"),
    };
    Error::output(Report::error(format!("cannot write the profile: {error}")).in_file(path).help(help))
}

/// What was recorded as a trace.
pub fn trace(batch: Batch) -> Value {
    let Batch { mut records, threads, dropped } = batch;
    let origin = records.iter().map(|record| record.start).min().unwrap_or_default();
    let microseconds = |time: u64| time.saturating_sub(origin) as f64 / 1000.0;
    // Whatever begins first, and of those that begin together the longest, is around the others.
    records.sort_by_key(|record| (record.start, Reverse(record.end), record.id));
    let names: BTreeMap<(u32, u32), String> =
        threads.into_iter().map(|(process, thread, name)| ((process, thread), name)).collect();
    let mut lanes: BTreeMap<(u32, u32), Vec<Vec<u64>>> = BTreeMap::new();
    let mut events = Vec::with_capacity(records.len());
    for record in &records {
        let (process, thread) = (record.process, record.thread);
        let mut event = Map::new();
        let mut put = |key: &str, value: Value| event.insert(key.to_owned(), value);
        put("pid", process.into());
        put("ts", microseconds(record.start).into());
        put("args", Value::Object(record.fields.clone()));
        match record.end {
            None => {
                put("ph", "C".into());
                put("name", record.name.clone().into());
                put("tid", thread.into());
            }
            Some(end) => {
                let lane = lane(lanes.entry((process, thread)).or_default(), record.start, end);
                put("ph", "X".into());
                put("cat", record.name.clone().into());
                put("name", title(record).into());
                put("dur", ((end - record.start) as f64 / 1000.0).into());
                put("tid", number(thread, lane).into());
            }
        }
        events.push(Value::Object(event));
    }
    let mut all: Vec<Value> = Vec::new();
    let ours = std::process::id();
    let mut last = 0;
    for ((process, thread), lanes) in &lanes {
        if std::mem::replace(&mut last, *process) != *process {
            let name = if *process == ours { "fulgurite" } else { "fulgurite engine" };
            all.push(json!({ "ph": "M", "name": "process_name", "pid": process, "args": { "name": name } }));
        }
        let name = names.get(&(*process, *thread)).map_or("thread", String::as_str);
        for lane in 0..lanes.len() {
            let name = if lane == 0 { name.to_owned() } else { format!("{name}, beside it {lane}") };
            let tid = number(*thread, lane);
            all.push(json!({ "ph": "M", "name": "thread_name", "pid": process, "tid": tid, "args": { "name": name } }));
        }
    }
    all.extend(events);
    let version = env!("CARGO_PKG_VERSION");
    json!({ "traceEvents": all, "displayTimeUnit": "ms", "otherData": { "fulgurite": version, "left_out": dropped } })
}

/// The first lane in which a span is within, before or after all others.
fn lane(lanes: &mut Vec<Vec<u64>>, start: u64, end: u64) -> usize {
    let fits = |open: &mut Vec<u64>| {
        while open.last().is_some_and(|last| *last <= start) {
            open.pop();
        }
        open.last().is_none_or(|last| *last >= end)
    };
    let found = lanes.iter_mut().position(fits);
    let place = found.unwrap_or_else(|| {
        lanes.push(Vec::new());
        lanes.len() - 1
    });
    lanes[place].push(end);
    place
}

/// A number for a lane of a thread: Linux gives threads no number so large.
fn number(thread: u32, lane: usize) -> u64 {
    u64::from(thread) + lane as u64 * 10_000_000
}

/// What people read on the span.
fn title(record: &Record) -> String {
    let field = |name: &str| record.fields.get(name);
    let text = |name: &str| field(name).and_then(Value::as_str);
    match &*record.name {
        "step" => format!("step {}", text("step").unwrap_or("?")),
        "compile" | "compile_v8" => format!("{} {}", record.name, text("job").unwrap_or("?")),
        "operation" => {
            let name = text("operation").unwrap_or("operation");
            match field("line").and_then(Value::as_u64) {
                Some(line) => format!("{name} (line {line})"),
                None => name.to_owned(),
            }
        }
        "send" => format!("send {}", text("event").unwrap_or("?")),
        other => other.to_owned(),
    }
}
