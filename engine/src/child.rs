//! The child's side: greet, harden, warm up, then one run after the other, until the parent says leave or is gone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fulgurite_plan::Outcome;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use rustix::time::{ClockId, clock_gettime};

use crate::channel::{Error, Message, Pieces, Receiver, Sender, timespec};
use crate::harden;
use crate::message::{Event, Gauge, Greeting, Run, ToChild, ToParent};
use crate::texts::Kept;

/// How often the parent hears what can be watched.
const TICK: Duration = Duration::from_millis(50);

/// How long the parent may take to greet.
const GREETING: Duration = Duration::from_secs(30);

/// What executes runs.
pub trait Engine {
    /// A run in progress.
    type Running: Running;

    /// Gets ready for the first run. Called once, on the main thread, after the process has been hardened and before any
    /// other thread has been started.
    fn warm(&mut self);

    /// Starts a run. What happens in it goes to `events`, and nothing after `RunComplete`.
    ///
    /// # Errors
    /// The outcome of a run that could not even start.
    fn start(&mut self, request: Request, events: Events) -> Result<Self::Running, Box<Outcome>>;
}

/// A run in progress.
pub trait Running {
    /// Ends it as soon as possible.
    fn abort(&self, message: &str);
    /// What can be watched.
    fn gauge(&self) -> Gauge;
    /// Waits until nothing of it is left. Called after its last event.
    fn join(self);
}

/// A run as the parent asked for it.
#[derive(Debug)]
pub struct Request {
    /// What it said.
    pub run: Run,
    /// What [`Run::plan`] and [`Run::input`] are places in.
    pub bodies: Vec<Bytes>,
    /// Modules by address, with their texts.
    pub modules: Vec<(String, Bytes)>,
}

impl Request {
    /// A body; nothing, when the parent named one that it did not send.
    pub fn body(&self, place: u32) -> Bytes {
        self.bodies.get(place as usize).cloned().unwrap_or_default()
    }
}

/// Where a run tells what happens; may be sent to its thread.
#[derive(Debug, Clone)]
pub struct Events {
    sender: Sender,
    over: Arc<OwnedFd>,
}

impl Events {
    /// Tells the parent. Waits while the parent is slow. Without a parent there is nobody to run for, and the process ends.
    pub fn tell(&self, event: Event, bodies: &[Pieces]) {
        let last = matches!(event, Event::RunComplete(_));
        if self.sender.send(&ToParent::Event(event), bodies).is_err() {
            leave();
        }
        if last {
            let _ = rustix::io::write(&self.over, &1u64.to_ne_bytes());
        }
    }

    /// Tells the parent why the run is about to end, in case that it cannot be ended from inside.
    pub fn dying(&self, outcome: Outcome) {
        if self.sender.send(&ToParent::Dying(outcome), &[]).is_err() {
            leave();
        }
    }
}

/// The life of a child: `parent` is who started it, `build` what both must be. Comes back when the parent says leave.
///
/// # Errors
/// When there is no parent on the standard input, it is another build, or it cannot be understood.
pub fn serve(parent: u32, build: &str, engine: &mut impl Engine) -> Result<(), Error> {
    // Whoever is our parent now: should it be another process than the one that started us, that one has died before we
    // asked to be told.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid().map(Pid::as_raw_pid) != Some(parent as i32) {
        return Err(Error::Closed);
    }
    let socket = take_socket()?;
    // A parent that does not read has a reader who does not. It will be back, or gone.
    let sender = Sender::new(socket.try_clone()?, None)?;
    let mut receiver = Receiver::new(socket);

    let began = Instant::now();
    let ours = Greeting::new(build);
    let hardening = match receiver.wait(Some(began + GREETING))?.head {
        ToChild::Hello(greeting, hardening) if greeting == ours => hardening,
        ToChild::Hello(theirs, _) => {
            let refusal = format!("this is {ours:?}, and not {theirs:?}");
            sender.send(&ToParent::Refused(refusal), &[])?;
            return Err(Error::Order("a parent of another build"));
        }
        _ => return Err(Error::Order("no greeting")),
    };
    let report = harden::apply(&hardening);
    sender.send(&ToParent::Hello(ours, report), &[])?;
    engine.warm();
    sender.send(&ToParent::Ready { startup: began.elapsed() }, &[])?;

    let over = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let events = Events { sender: sender.clone(), over };
    let mut kept = Kept::default();
    loop {
        let Message { head, bodies } = match receiver.wait(None) {
            Err(Error::Closed) => leave(),
            other => other?,
        };
        match head {
            ToChild::Run(mut run) => {
                let number = run.run;
                let modules = kept.take(std::mem::take(&mut run.modules), &run.forget, &bodies)?;
                let cpu = clock();
                let request = Request { run: *run, bodies, modules };
                execute(number, request, engine, &events, &mut receiver)?;
                sender.send(&ToParent::Done { cpu: clock().saturating_sub(cpu) }, &[])?;
            }
            // It crossed the end of its run.
            ToChild::Abort { .. } => {}
            ToChild::Leave => return Ok(()),
            ToChild::Hello(..) => return Err(Error::Order("a second greeting")),
        }
    }
}

fn execute<E: Engine>(
    number: u64,
    request: Request,
    engine: &mut E,
    events: &Events,
    receiver: &mut Receiver,
) -> Result<(), Error> {
    let running = match engine.start(request, events.clone()) {
        Ok(running) => running,
        Err(outcome) => {
            let complete = crate::message::RunComplete {
                outcome: *outcome,
                results: Vec::new(),
                figures: Default::default(),
                executions: 0,
            };
            events.tell(Event::RunComplete(Box::new(complete)), &[]);
            let _ = rustix::io::read(&events.over, &mut [0u8; 8]);
            return Ok(());
        }
    };
    let mut gauge = Gauge::default();
    loop {
        let (over, heard) = wait(&events.over, receiver)?;
        if over {
            let _ = rustix::io::read(&events.over, &mut [0u8; 8]);
            break;
        }
        while heard && let Some(message) = receiver.receive()? {
            match message.head {
                ToChild::Abort { run, message } if run == number => running.abort(&message),
                ToChild::Abort { .. } => {}
                ToChild::Leave | ToChild::Run(_) | ToChild::Hello(..) => {
                    return Err(Error::Order("an order for an idle child, in the middle of a run"));
                }
            }
        }
        let now = running.gauge();
        if now != std::mem::replace(&mut gauge, now) {
            events.sender.send(&ToParent::Gauge(now), &[])?;
        }
    }
    running.join();
    Ok(())
}

/// Waits for a tick at most: whether the run is over, and whether the parent said something.
fn wait(over: &OwnedFd, receiver: &Receiver) -> Result<(bool, bool), Error> {
    let socket = receiver.socket();
    let mut set =
        [PollFd::from_borrowed_fd(over.as_fd(), PollFlags::IN), PollFd::from_borrowed_fd(socket, PollFlags::IN)];
    match poll(&mut set, Some(&timespec(TICK))) {
        Ok(_) | Err(Errno::INTR) => Ok((!set[0].revents().is_empty(), !set[1].revents().is_empty())),
        Err(error) => Err(error.into()),
    }
}

/// CPU time of this process.
fn clock() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The socket from standard input, which is nothing from then on.
fn take_socket() -> io::Result<OwnedFd> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(socket)
}

/// The parent is gone, and so is the reason to be here.
fn leave() -> ! {
    std::process::exit(0)
}
