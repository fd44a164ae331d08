//! A child process from its parent's side: how it is started, what it said before it died, how much memory it has.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::channel::{self, Receiver, Sender};

/// How long a child may take to read what it is told. It is told little, and only when it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is executed.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program. `/proc/self/exe` is the one that is running, even when its file has been replaced since.
    pub path: PathBuf,
    /// Its arguments. The number of the parent process follows them.
    pub arguments: Vec<OsString>,
    /// All of its environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Program {
    /// This very program, with these arguments.
    pub fn this(arguments: &[&str]) -> Program {
        Program {
            path: "/proc/self/exe".into(),
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: Vec::new(),
        }
    }
}

/// A child and what leads to it. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    process: std::process::Child,
    /// To it.
    pub sender: Sender,
    /// From it.
    pub receiver: Receiver,
    /// What it wrote to its error stream.
    pub tail: Tail,
}

impl Process {
    /// Starts a child, in a process group of its own: Ctrl-C is for its parent. It has no environment, no files but three, and its end of the socket is its standard input: the one
    /// descriptor that is handed over without a hole through which others could slip.
    ///
    /// The system ends the child when the *thread* that calls this ends: it must be one that outlives the child.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn spawn(program: &Program) -> io::Result<Process> {
        let (ours, theirs) = channel::pair()?;
        let mut process = Command::new(&program.path)
            .arg0("fulgurite")
            .args(&program.arguments)
            .arg(std::process::id().to_string())
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = process.stderr.take().expect("it is piped");
        // From here on a failure must not leave a child behind.
        let rest = || Ok((Sender::new(ours.try_clone()?, Some(PATIENCE))?, Receiver::new(ours), Tail::new(said)?));
        match rest() {
            Ok((sender, receiver, tail)) => Ok(Process { process, sender, receiver, tail }),
            Err(error) => {
                end(&mut process);
                Err(error)
            }
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it ended by itself; `None` while it lives.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Ends it, if it has not ended, and says how it did.
    pub fn end(mut self) -> Ended {
        let status = end(&mut self.process);
        self.tail.read();
        Ended { status, tail: std::mem::take(&mut self.tail.kept).into() }
    }

    /// Ends it, but keeps what it has sent.
    pub fn kill(&mut self) {
        end(&mut self.process);
    }

    /// Lets the process have so much more memory of its own than it has now, by order of the kernel: what does not fit is
    /// refused to it. Answers where that ends, in bytes of [`Memory::data`]; `None` when there is no limit, because there is to
    /// be none or the system cannot set one: then the watch over its memory is left.
    pub fn limit_memory(&self, more: Option<u64>) -> Option<u64> {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw)?;
        let current = match more {
            None => None,
            Some(more) => Some(self.memory()?.data.saturating_add(more)),
        };
        prlimit(Some(pid), Resource::Data, Rlimit { current, maximum: None }).ok()?;
        current
    }

    /// Its memory.
    pub fn memory(&self) -> Option<Memory> {
        Memory::of(self.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// SIGKILL, then wait: it cannot be refused, so this does not take long.
fn end(process: &mut std::process::Child) -> Option<ExitStatus> {
    let _ = process.kill();
    process.wait().ok()
}

/// How a child ended.
#[derive(Debug, Clone)]
pub struct Ended {
    status: Option<ExitStatus>,
    /// The end of what it wrote to its error stream.
    tail: Vec<u8>,
}

impl Ended {
    /// Such as `signal 11 (SIGSEGV)` or `exit code 1`.
    pub fn how(&self) -> String {
        match self.status.map(|status| (status.signal(), status.code())) {
            Some((Some(signal), _)) => match name(signal) {
                Some(name) => format!("signal {signal} ({name})"),
                None => format!("signal {signal}"),
            },
            Some((None, Some(code))) => format!("exit code {code}"),
            _ => "an unknown end".to_owned(),
        }
    }

    /// Whether somebody ended it, as opposed to its own fault.
    pub fn by_somebody(&self) -> bool {
        let signal = self.status.and_then(|status| status.signal());
        matches!(signal, Some(libc::SIGKILL | libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT))
    }

    /// Whether it crashed: what some libraries do when they are refused memory, without a word.
    pub fn crashed(&self) -> bool {
        let signal = self.status.and_then(|status| status.signal());
        matches!(signal, Some(libc::SIGABRT | libc::SIGBUS | libc::SIGILL | libc::SIGSEGV | libc::SIGTRAP))
    }

    /// Whether it ended for want of memory. It has no other way to say so than its last words.
    pub fn out_of_memory(&self) -> bool {
        // C++ without exceptions ends a process that is refused memory without a word; all others that abort say why.
        if self.tail.is_empty() && self.status.and_then(|status| status.signal()) == Some(libc::SIGABRT) {
            return true;
        }
        let said = String::from_utf8_lossy(&self.tail);
        let v8 = ["Fatal JavaScript out of memory", "Fatal process out of memory", "JavaScript heap out of memory"];
        // Rust's, and what becomes of a C++ `bad_alloc` where it meets Rust.
        let others = ["memory allocation of ", "Rust cannot catch foreign exceptions"];
        v8.iter().chain(&others).any(|words| said.contains(words))
    }

    /// The last line with something in it that it wrote to its error stream.
    pub fn last_words(&self) -> Option<String> {
        let said = String::from_utf8_lossy(&self.tail);
        let line = said.lines().map(str::trim).rfind(|line| line.chars().any(char::is_alphanumeric))?;
        Some(line.chars().filter(|c| !c.is_control()).take(300).collect())
    }

    /// The end of what it wrote to its error stream, for our own traces.
    pub fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }
}

fn name(signal: i32) -> Option<&'static str> {
    let names = [
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGSYS, "SIGSYS"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGTRAP, "SIGTRAP"),
    ];
    names.iter().find(|(number, _)| *number == signal).map(|(_, name)| *name)
}

/// The end of what a child writes to its error stream. A child that writes for ever fills nothing.
#[derive(Debug)]
pub struct Tail {
    pipe: Option<ChildStderr>,
    kept: VecDeque<u8>,
}

/// What a native crash has to say fits; V8's last words come with a stack.
const KEPT: usize = 16 << 10;

impl Tail {
    fn new(pipe: ChildStderr) -> io::Result<Tail> {
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Tail { pipe: Some(pipe), kept: VecDeque::new() })
    }

    /// What to poll; `None` when nothing will come any more.
    pub fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what is there, without waiting; at most so much at a time that nobody is kept from more important things.
    pub fn read(&mut self) {
        let mut room = [0; 4096];
        for _ in 0..64 {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut room) {
                Ok(0) => self.pipe = None,
                Ok(count) => {
                    self.kept.extend(&room[..count]);
                    let surplus = self.kept.len().saturating_sub(KEPT);
                    self.kept.drain(..surplus);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it that is in RAM.
    pub resident: u64,
    /// Of it, what no file and no memfd backs: a state that was handed over is not in it.
    pub own: u64,
    /// What is private and can be written, in RAM or not yet, stacks included: what the kernel's limit counts.
    pub data: u64,
}

impl Memory {
    /// Of a process; `None` when there is no such process, or the system does not say.
    pub fn of(process: u32) -> Option<Memory> {
        let pages = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
        let mut pages = pages.split(' ').skip(1).map(|pages| pages.parse::<u64>().ok());
        let size = rustix::param::page_size() as u64;
        let (resident, shared) = (pages.next()??, pages.next()??);
        let data = pages.nth(2)??;
        Some(Memory { resident: resident * size, own: resident.saturating_sub(shared) * size, data: data * size })
    }
}
