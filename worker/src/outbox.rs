//! What the server has not acknowledged, on disk: a folder for each run, a file for each letter. A worker that was killed finds
//! there what it still has to say.
//!
//! Files are written whole and then put in place, so that what is there can be read. They are not forced to the disk: they
//! outlive the worker, but not the machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::assignment::Claimed;
use crate::clock::Stamp;
use crate::dataclip::Body;
use crate::message::{Letter, Message, StepComplete};

/// The letters of one run. Without a folder it keeps nothing.
#[derive(Debug)]
pub(crate) struct Outbox {
    folder: Option<PathBuf>,
    page: Mutex<Page>,
}

/// What is known about a run beside its letters.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Page {
    id: String,
    token: String,
    /// Executions of which the server knows that they began, and not that they ended: id and job.
    open: Vec<(String, String)>,
    /// Dataclips that the server has.
    stored: Vec<String>,
}

/// A letter's number in its run.
pub(crate) type Number = u64;

/// A run that a worker left behind.
#[derive(Debug)]
pub(crate) struct LeftOver {
    pub(crate) claimed: Claimed,
    /// What was not acknowledged, in order, and whether it may have been sent.
    pub(crate) letters: Vec<(Number, Letter, bool)>,
    pub(crate) open: Vec<(String, String)>,
    pub(crate) stored: Vec<String>,
    /// Where it is kept.
    pub(crate) outbox: Outbox,
}

#[derive(Serialize, Deserialize)]
struct Head {
    at: u64,
    message: Message,
    has_body: bool,
}

impl Outbox {
    /// Keeps nothing.
    pub(crate) fn nowhere(claimed: &Claimed) -> Outbox {
        Outbox { folder: None, page: Mutex::new(Page::new(claimed)) }
    }

    /// Keeps the letters of a run in a folder of its own within this one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn within(folder: &Path, claimed: &Claimed) -> io::Result<Outbox> {
        let folder = folder.join(name_of(&claimed.id));
        private(&folder)?;
        let page = Page::new(claimed);
        place(&folder, PAGE, &serde_json::to_vec(&page)?)?;
        let outbox = Outbox { folder: Some(folder), page: Mutex::new(page) };
        Ok(outbox)
    }

    /// Whether anything is kept.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.folder.is_some()
    }

    /// The server has this dataclip.
    pub(crate) fn knows(&self, clip: &str) {
        self.quietly(|folder| {
            let mut page = self.page();
            page.stored.push(clip.to_owned());
            place(folder, PAGE, &serde_json::to_vec(&*page)?)
        });
    }

    /// A letter that has to be delivered.
    pub(crate) fn put(&self, number: Number, letter: &Letter) {
        self.quietly(|folder| {
            let head =
                Head { at: letter.at.micros(), message: letter.message.clone(), has_body: letter.body.is_some() };
            let head = serde_json::to_vec(&head)?;
            // Its length first: what a job made may have line breaks in it.
            let mut text = format!("{}\n", head.len()).into_bytes();
            text.extend_from_slice(&head);
            if let Some(body) = &letter.body {
                body.pieces().for_each(|piece| text.extend_from_slice(&piece));
            }
            place(folder, &file(number), &text)
        });
    }

    /// A letter is about to be sent. Who finds it so cannot know whether it arrived.
    pub(crate) fn sending(&self, number: Number) {
        self.quietly(|folder| fs::rename(folder.join(file(number)), folder.join(sent(number))));
    }

    /// A letter is dealt with: acknowledged, or given up for a reason that was said.
    pub(crate) fn done(&self, number: Number, letter: &Letter, acknowledged: bool) {
        self.quietly(|folder| {
            let mut page = self.page();
            match &letter.message {
                Message::StepStart { step, job, .. } if acknowledged => page.open.push((step.clone(), job.clone())),
                Message::StepComplete(StepComplete { step, .. }) => page.open.retain(|(open, _)| open != step),
                Message::RunStart { .. }
                | Message::StepStart { .. }
                | Message::Log { .. }
                | Message::RunComplete { .. } => {}
            }
            if let Some(clip) = letter.clip().filter(|_| acknowledged) {
                page.stored.push(clip.to_owned());
            }
            if matches!(letter.message, Message::StepStart { .. } | Message::StepComplete(_)) {
                place(folder, PAGE, &serde_json::to_vec(&*page)?)?;
            }
            let gone = |name: String| match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
            gone(file(number))?;
            gone(sent(number))
        });
    }

    /// Nothing more has to be said about the run.
    pub(crate) fn close(&self) {
        self.quietly(|folder| fs::remove_dir_all(folder));
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A disk that does not work does not keep runs from being reported.
    fn quietly(&self, work: impl FnOnce(&Path) -> io::Result<()>) {
        if let Some(folder) = &self.folder
            && let Err(error) = work(folder)
        {
            tracing::warn!(folder = %folder.display(), %error, "the outbox cannot be kept: what is not acknowledged is in memory only");
        }
    }
}

impl Page {
    fn new(claimed: &Claimed) -> Page {
        Page { id: claimed.id.clone(), token: claimed.token.clone(), open: Vec::new(), stored: Vec::new() }
    }
}

/// The runs that a worker left behind in this folder. What cannot be read is told of and stays where it is.
///
/// # Errors
/// When the folder itself cannot be read.
pub(crate) fn left_over(folder: &Path) -> io::Result<Vec<LeftOver>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.join(PAGE).is_file() {
            continue;
        }
        match read(&path) {
            Ok(run) => found.push(run),
            Err(error) => {
                tracing::error!(folder = %path.display(), %error, "what a worker left behind cannot be read; it stays there")
            }
        }
    }
    Ok(found)
}

fn read(folder: &Path) -> io::Result<LeftOver> {
    let page: Page = serde_json::from_slice(&fs::read(folder.join(PAGE))?)?;
    let mut letters = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some((number, may_be_sent)) = path.file_name().and_then(|name| numbered(name.to_str()?)) else { continue };
        match fs::read(&path).and_then(|text| letter(text.into())) {
            Ok(letter) => letters.push((number, letter, may_be_sent)),
            // The machine stopped while it was written. The run has an end all the same.
            Err(error) => tracing::error!(file = %path.display(), %error, "a message cannot be read, and is dropped"),
        }
    }
    letters.sort_by_key(|(number, ..)| *number);
    Ok(LeftOver {
        claimed: Claimed { id: page.id.clone(), token: page.token.clone() },
        letters,
        open: page.open.clone(),
        stored: page.stored.clone(),
        outbox: Outbox { folder: Some(folder.to_owned()), page: Mutex::new(page) },
    })
}

fn letter(text: Bytes) -> io::Result<Letter> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let end = memchr::memchr(b'\n', &text).ok_or_else(broken)?;
    let length: usize = std::str::from_utf8(&text[..end]).ok().and_then(|text| text.parse().ok()).ok_or_else(broken)?;
    let rest = text.slice(end + 1..);
    let head: Head = serde_json::from_slice(rest.get(..length).ok_or_else(broken)?)?;
    let body = head.has_body.then(|| Body::from(rest.slice(length..)));
    Ok(Letter { at: Stamp::from(head.at), message: head.message, body })
}

const PAGE: &str = "run.json";

/// Keeps two workers from settling each other's runs.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes the folder for this worker, for as long as the lock is held.
///
/// # Errors
/// When another has it, or it cannot be used.
pub(crate) fn lock(folder: &Path) -> io::Result<Lock> {
    private(folder)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join(LOCK))?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        rustix::io::Errno::WOULDBLOCK => io::Error::other("another worker is using it"),
        error => error.into(),
    })?;
    Ok(Lock { _file: file })
}

const LOCK: &str = "lock";

/// A folder that nobody else can read: tokens and people's data are in it.
fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn file(number: Number) -> String {
    format!("{number:010}.letter")
}

fn sent(number: Number) -> String {
    format!("{number:010}.sent")
}

fn numbered(name: &str) -> Option<(Number, bool)> {
    let (number, kind) = name.split_once('.')?;
    let may_be_sent = match kind {
        "letter" => false,
        "sent" => true,
        _ => return None,
    };
    Some((number.parse().ok()?, may_be_sent))
}

/// Writes a file that nobody sees half.
fn place(folder: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.new"));
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
    file.write_all(text)?;
    fs::rename(&temporary, folder.join(name))
}

/// Ids come from the server and are UUIDs there; whatever they are, they name one folder in ours.
fn name_of(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name: String = id.chars().map(|c| if plain(c) { c.to_string() } else { format!("%{:x}", c as u32) }).collect();
    if name.is_empty() { "%".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Ending, Output, Source};

    fn complete(step: &str, text: &'static str) -> Letter {
        let ending = Ending { reason: "success".into(), error_type: None, error_message: None };
        let message = Message::StepComplete(StepComplete {
            step: step.into(),
            job: "a".into(),
            ending,
            output: Output::Inline("clip".into()),
            webhook: None,
            memory: (1, 2),
            duration: 3,
            thread: 4,
        });
        Letter { at: Stamp::from(7), message, body: Some(Bytes::from_static(text.as_bytes()).into()) }
    }

    #[test]
    fn what_is_not_acknowledged_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let claimed = Claimed { id: "../r/1".into(), token: "t".into() };
        let outbox = Outbox::within(folder.path(), &claimed).unwrap();
        let start = Message::StepStart { step: "s".into(), job: "a".into(), input: None };
        let start = Letter { at: Stamp::from(1), message: start, body: None };
        let line = Letter::log(Stamp::from(2), None, Source::Job, "info", "x\ny");
        outbox.put(0, &start);
        outbox.put(1, &line);
        outbox.put(2, &complete("s", "{\"a\":\n1}"));
        outbox.done(0, &start, true);
        outbox.sending(1);
        drop(outbox);

        let mut found = left_over(folder.path()).unwrap();
        assert_eq!(found.len(), 1);
        let mut run = found.remove(0);
        assert_eq!((run.claimed.clone(), run.open.clone()), (claimed, vec![("s".into(), "a".into())]));
        let letters: Vec<String> = run
            .letters
            .iter()
            .map(|(number, letter, sent)| {
                let body = letter.body.as_ref().map(|body| String::from_utf8_lossy(&body.flat()).into_owned());
                format!("{number} {} {body:?} {sent}", letter.message.event())
            })
            .collect();
        assert_eq!(letters, ["1 run:log None true", "2 step:complete Some(\"{\\\"a\\\":\\n1}\") false"]);

        let (number, letter, _) = run.letters.remove(1);
        run.outbox.done(number, &letter, true);
        let again = left_over(folder.path()).unwrap().remove(0);
        assert!(again.open.is_empty() && again.stored == ["clip"] && again.letters.len() == 1);
        run.outbox.close();
        assert!(left_over(folder.path()).unwrap().is_empty());
    }
}
