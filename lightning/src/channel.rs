//! A channel's process: its requests one after the other, until it is left, or crashes.
//!
//! There is no handler for everything: an event that is unknown, or a payload without what its handler needs, is an exception,
//! and the process dies of it.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fault::{Action, Decided};
use crate::happening::Happened;
use crate::link::{Out, Outgoing};
use crate::payload::{Fields, Trouble};
use crate::phoenix::{Address, Payload, Response, Status};
use crate::queue;
use crate::record::Answer;
use crate::run::{RunId, RunState, fetch, finish, log, step};
use crate::scrub::Scrubber;
use crate::socket::{Request, answer};
use crate::store::{Locked, Shared};

/// A channel as its socket sees it.
pub(crate) struct Channel {
    pub(crate) join_ref: Option<String>,
    /// Closed as soon as the process has ended.
    pub(crate) inbox: UnboundedSender<Task>,
    pub(crate) task: JoinHandle<()>,
}

/// A request for a channel.
pub(crate) struct Task {
    pub(crate) request: Request,
    pub(crate) payload: Payload,
    pub(crate) action: Option<Action>,
}

/// What a channel is for.
pub(crate) enum Kind {
    /// Claims.
    Queue,
    /// A run.
    Run {
        /// Which.
        id: RunId,
        /// Starts empty with every join.
        scrubber: Box<Scrubber>,
    },
}

/// A channel's process.
pub(crate) struct Process {
    pub(crate) shared: Arc<Shared>,
    pub(crate) out: UnboundedSender<Out>,
    pub(crate) socket: u64,
    pub(crate) worker_id: String,
    pub(crate) topic: String,
    pub(crate) join_ref: Option<String>,
    pub(crate) kind: Kind,
}

/// A request of a run, on its way through a handler.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) socket: u64,
    pub(crate) run: &'a str,
    pub(crate) scrubber: &'a mut Scrubber,
    pub(crate) fields: &'a Fields<'a>,
    /// The worker may not know that it has asked this before.
    pub(crate) is_repeat: bool,
}

impl Call<'_> {
    /// Notes what a correct worker does not do, unless it could not know better.
    pub(crate) fn violate(&self, store: &mut Locked<'_>, message: impl Into<String>) {
        if !self.is_repeat {
            store.violate(Some(self.run), message);
        }
    }
}

/// What a request comes to.
struct Granted {
    response: Response,
    claimed: Vec<RunId>,
}

impl Process {
    pub(crate) async fn run(mut self, mut inbox: UnboundedReceiver<Task>) {
        while let Some(task) = inbox.recv().await {
            if task.request.event == "phx_leave" {
                if self.shared.config.quirks && self.is_open() {
                    continue;
                }
                inbox.close();
                self.leave(&task.request);
                return;
            }
            if let Err(why) = self.answer(task).await {
                inbox.close();
                self.abandon(&mut inbox);
                self.crash(why);
                return;
            }
        }
    }

    fn is_open(&self) -> bool {
        let Kind::Run { id, .. } = &self.kind else { return false };
        self.shared.lock().entry(id).is_some_and(|entry| !entry.run.state.is_final())
    }

    fn leave(&self, request: &Request) {
        if let Kind::Run { id, .. } = &self.kind
            && let Some(entry) = self.shared.lock().entry(id)
        {
            entry.run.is_worked_on = false;
            entry.claimed_on = None;
        }
        answer(&self.shared, &self.out, request, (Status::Ok, &Response::Json("{}".to_owned())), vec![]);
        farewell(&self.shared, &self.out, self.socket, &self.topic, self.join_ref.as_deref());
    }

    /// Answers a request, or says why the process dies of it.
    async fn answer(&mut self, task: Task) -> Result<(), Crash> {
        let Task { request, payload, action } = task;
        let is_repeat = self.is_repeat(&request, &payload);
        let result = match &action {
            Some(Action::Refuse(response)) => Err(Trouble::Refuse(response.clone())),
            Some(Action::Crash) => return Err(Crash::injected(&request)),
            _ => self.grant(&request, &payload, is_repeat),
        };
        pause(&self.shared, self.socket, &request, action.as_ref()).await;
        match (&action, result) {
            (_, Err(Trouble::Crash(why))) => Err(Crash { why, is_violation: !is_repeat, request }),
            (_, Err(Trouble::Unsupported(why))) => Err(Crash { why, is_violation: false, request }),
            (Some(Action::CrashAfter), _) => Err(Crash::injected(&request)),
            (Some(Action::LoseReply), result) => {
                self.lose(&request, result.map(|granted| granted.claimed).unwrap_or_default());
                Ok(())
            }
            (_, Ok(granted)) => {
                let reply = (Status::Ok, &granted.response);
                answer(&self.shared, &self.out, &request, reply, granted.claimed);
                Ok(())
            }
            (action, Err(Trouble::Refuse(response))) => {
                if action.is_none() && !is_repeat {
                    self.judge(&request, &response);
                }
                let reply = (Status::Error, &Response::Json(response.to_string()));
                answer(&self.shared, &self.out, &request, reply, vec![]);
                Ok(())
            }
            (_, Err(Trouble::Silence)) => Ok(()),
        }
    }

    fn is_repeat(&self, request: &Request, payload: &Payload) -> bool {
        let (Kind::Run { id, .. }, Payload::Json(payload)) = (&self.kind, payload) else { return false };
        self.shared.lock().entry(id).is_some_and(|entry| entry.watch.is_repeat(&request.event, payload))
    }

    fn grant(&mut self, request: &Request, payload: &Payload, is_repeat: bool) -> Result<Granted, Trouble> {
        let Payload::Json(payload) = payload else { return Err(Trouble::crash("a binary push")) };
        let payload = str::from_utf8(payload).map_err(|_| Trouble::crash("not UTF-8"))?;
        let fields = Fields::of(payload)?;
        match &mut self.kind {
            Kind::Queue => {
                let (response, claimed) =
                    queue::handle(&self.shared, (self.socket, &self.worker_id), &request.event, &fields)?;
                Ok(Granted { response, claimed })
            }
            Kind::Run { id, scrubber } => {
                let mut call =
                    Call { shared: &self.shared, socket: self.socket, run: id, scrubber, fields: &fields, is_repeat };
                call_after_the_end(&call, &request.event);
                let response = match request.event.as_str() {
                    "fetch:plan" => fetch::plan(&call),
                    "fetch:credential" => fetch::credential(&mut call),
                    "fetch:dataclip" => fetch::dataclip(&call),
                    "run:start" => finish::start(&call),
                    "step:start" => step::start(&call),
                    "step:complete" => step::complete(&call),
                    "run:log" => log::line(&call),
                    "run:batch_logs" => log::batch(&call),
                    "run:complete" => finish::complete(&call),
                    unknown => Err(Trouble::crash(format!("there is no handler for {unknown}"))),
                }?;
                Ok(Granted { response, claimed: Vec::new() })
            }
        }
    }

    /// A worker that is refused something has done something wrong, unless the run was taken from it.
    fn judge(&self, request: &Request, response: &serde_json::Value) {
        let Kind::Run { id, .. } = &self.kind else { return };
        if request.event.starts_with("fetch:") {
            return;
        }
        let mut store = self.shared.lock();
        if store.entry(id).is_some_and(|entry| entry.run.state != RunState::Lost) {
            store.violate(Some(id), format!("{} was refused: {response}", request.event));
        }
    }

    /// Keeps a reply back.
    fn lose(&self, request: &Request, claimed: Vec<RunId>) {
        let mut store = self.shared.lock();
        store.answer(request.seq, Answer::Lost);
        for run in claimed {
            if let Some(entry) = store.entry(&run) {
                entry.claimed_on = None;
            }
        }
        if let Kind::Run { id, .. } = &self.kind
            && let Some(entry) = store.entry(id)
        {
            entry.watch.lost(request.seq);
        }
    }

    /// Requests that the process does not live to see.
    fn abandon(&self, inbox: &mut UnboundedReceiver<Task>) {
        let Kind::Run { id, .. } = &self.kind else { return };
        while let Ok(task) = inbox.try_recv() {
            if let Some(entry) = self.shared.lock().entry(id) {
                entry.watch.lost(task.request.seq);
            }
        }
    }

    fn crash(&self, crash: Crash) {
        let Crash { why, is_violation, request } = crash;
        let run = self.topic.strip_prefix("run:");
        let mut store = self.shared.lock();
        if let Some(socket) = store.sockets.get_mut(&self.socket) {
            socket.topics.remove(&self.topic);
        }
        if let Some(entry) = run.and_then(|run| store.entry(run)) {
            entry.watch.lost(request.seq);
        }
        store.answer(request.seq, Answer::Crash(why.clone()));
        if is_violation {
            store.violate(run, format!("{} crashed the channel: {why}", request.event));
        }
        let (socket, topic) = (self.socket, self.topic.clone());
        store.tell(run, Happened::Crashed { socket, topic, why });
        drop(store);
        push(&self.out, &self.topic, self.join_ref.as_deref(), "phx_error", request.cut);
    }
}

/// Why a process dies, and on which request.
struct Crash {
    why: String,
    is_violation: bool,
    request: Request,
}

impl Crash {
    fn injected(request: &Request) -> Crash {
        Crash { why: "a fault".to_owned(), is_violation: false, request: request.clone() }
    }
}

fn call_after_the_end(call: &Call<'_>, event: &str) {
    let mut store = call.shared.lock();
    if store.entry(call.run).is_some_and(|entry| entry.watch.completed) {
        call.violate(&mut store, format!("{event} after run:complete"));
    }
}

/// Waits as long as a fault says, before a reply.
pub(crate) async fn pause(shared: &Shared, socket: u64, request: &Request, action: Option<&Action>) {
    match action {
        Some(Action::Delay(delay)) => tokio::time::sleep(*delay).await,
        Some(Action::Hold) => {
            let (release, released) = oneshot::channel();
            {
                let mut store = shared.lock();
                store.held.push(release);
                let (topic, on) = (request.topic.clone(), request.event.clone());
                let run = topic.strip_prefix("run:").map(str::to_owned);
                store.tell(run.as_deref(), Happened::Held { socket, topic, on });
            }
            // A server that stops lets go, too.
            let _ = released.await;
        }
        _ => {}
    }
}

/// The end of a channel that did not crash.
pub(crate) fn farewell(shared: &Shared, out: &UnboundedSender<Out>, socket: u64, topic: &str, join_ref: Option<&str>) {
    let mut store = shared.lock();
    if let Some(open) = store.sockets.get_mut(&socket) {
        open.topics.remove(topic);
    }
    store.tell(topic.strip_prefix("run:"), Happened::Left { socket, topic: topic.to_owned() });
    drop(store);
    push(out, topic, join_ref, "phx_close", None);
}

fn push(out: &UnboundedSender<Out>, topic: &str, join_ref: Option<&str>, event: &str, cut: Option<Decided>) {
    // As Phoenix does it, the ref of such a message is that of the join.
    let encoded = Address { join_ref, msg_ref: join_ref, topic }.text(event, "{}");
    // Nobody is there to be told if the socket has gone.
    let _ = out.send(Out::Send(Outgoing { cut, ..Outgoing::push(topic, event, encoded) }));
}
