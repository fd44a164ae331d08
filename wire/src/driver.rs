//! The loop between handles, protocol and socket: it takes what happens, tells the protocol, and does what the protocol says.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::channel::{Ask, Event, Protocol, RequestId, Transmit, What};
use crate::client::{
    ChannelId, Client, Command, JoinError, Joined, LONGEST_LEAVE, Leave, Push, Reply, RequestError, Response,
};
use crate::counters::{Counters, add, count};
use crate::frame::{Frame, Unreadable};
use crate::outgoing::Outgoing;
use crate::settings::{Backoff, Settings, Target, UrlError};
use crate::socket::{Connector, Failure, Gone, Happened, Socket};

/// Commands that wait for the driver.
const MOST_COMMANDS: usize = 64;
/// Pushes that wait for somebody to take them, for each channel.
const MOST_PUSHES: usize = 64;
/// How many answers somebody may wait for before we look whether somebody does.
const MANY_ANSWERS: usize = 1024;

/// How the connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is none, and one is being made.
    Connecting {
        /// 1 for the first attempt since there was a connection.
        attempt: u32,
        /// Why the last attempt failed, or the connection went.
        last_error: Option<String>,
    },
    /// There is one.
    Open {
        /// Which one it is: 1, 2, …
        connection: u64,
    },
    /// There will be none any more.
    Closed,
}

/// Why there is no point in trying again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// 401: the server does not know who we are.
    #[error(
        "the server does not accept our token (401): the secret that it is signed with (WORKER_SECRET) is not the server's"
    )]
    Unauthorized,
    /// Another answer that repeating the question does not change.
    #[error("the server refused the connection with status {status}; is the URL right?")]
    Refused {
        /// Of HTTP.
        status: u16,
    },
    /// There is nothing to check the server's certificate with.
    #[error("{0}")]
    Certificates(String),
}

/// A client, and the driver that does its work as soon as it is run.
pub fn connect(settings: Settings) -> Result<(Client, Driver), UrlError> {
    let target = settings.target()?;
    let (commands, asked) = mpsc::channel(MOST_COMMANDS);
    let (leaves, left) = mpsc::unbounded_channel();
    let (status, state) = watch::channel(Status::Connecting { attempt: 1, last_error: None });
    let (closing, closed) = watch::channel(false);
    let counters = Arc::new(Counters::default());
    let desk = Desk {
        protocol: Protocol::new(settings.heartbeat, settings.max_frame, counters.clone()),
        counters: counters.clone(),
        joins: HashMap::new(),
        answers: HashMap::new(),
        many: MANY_ANSWERS,
        channels: HashMap::new(),
        leaves: HashMap::new(),
    };
    let client = Client { commands, leaves, status: state, counters, closing: Arc::new(closing) };
    let orders = Orders { commands: asked, leaves: left, closing: closed };
    Ok((client, Driver { settings, target, orders, desk, status }))
}

/// Owns the connection. Does nothing until it is run.
pub struct Driver {
    settings: Settings,
    target: Target,
    orders: Orders,
    desk: Desk,
    status: watch::Sender<Status>,
}

impl Driver {
    /// Connects, and connects again, for as long as there is a handle that has not been closed.
    pub async fn run(mut self) -> Result<(), Fatal> {
        let end = self.live().await;
        self.status.send_replace(Status::Closed);
        end
    }

    async fn live(&mut self) -> Result<(), Fatal> {
        let connector = Connector::new(self.target.clone(), self.settings.system_certificates);
        let connector = connector.map_err(Fatal::Certificates)?;
        let Settings { connect_timeout, backoff, .. } = self.settings;
        let (mut connection, mut attempt, mut retry) = (0, 1, Retry::new(backoff));
        let mut last_error = None;
        loop {
            self.status.send_replace(Status::Connecting { attempt, last_error: last_error.clone() });
            let wait = retry.wait();
            let opening = async {
                tokio::time::sleep(wait).await;
                let open = tokio::time::timeout(connect_timeout, connector.open()).await;
                open.unwrap_or_else(|_| Err(Failure::Other("no connection in time".into())))
            };
            let Some(opened) = self.attend(opening).await else { return Ok(()) };
            count(&self.desk.counters.attempts);
            let socket = match opened {
                Ok(socket) => socket,
                Err(failure) => {
                    if let Failure::Status(status) = failure
                        && is_final(status)
                    {
                        if connection == 0 {
                            return Err(if status == 401 { Fatal::Unauthorized } else { Fatal::Refused { status } });
                        }
                        warn!(status, "the server, which has let us in before, refuses the connection; trying again");
                    }
                    warn!(attempt, error = %failure, "cannot connect");
                    retry.failed();
                    attempt += 1;
                    last_error = Some(failure.to_string());
                    continue;
                }
            };
            connection += 1;
            count(&self.desk.counters.connections);
            info!(connection, attempt, "connected");
            self.status.send_replace(Status::Open { connection });
            let since = Instant::now();
            let Some(gone) = self.work(socket).await else { return Ok(()) };
            count(&self.desk.counters.drops);
            warn!(connection, reason = %gone, "the connection is gone");
            retry.dropped(since.elapsed(), gone.is_restart());
            attempt = 1;
            last_error = Some(gone.to_string());
        }
    }

    /// Takes orders until something is done. Nothing, if the last order is to end.
    async fn attend<T>(&mut self, something: impl Future<Output = T>) -> Option<T> {
        let mut something = pin!(something);
        loop {
            tokio::select! {
                done = &mut something => return Some(done),
                order = self.orders.next() => {
                    self.desk.take(order?);
                    self.desk.tell();
                }
            }
        }
    }

    /// The life of one connection. Nothing, if it was ended by our wish.
    async fn work(&mut self, mut socket: Socket) -> Option<Gone> {
        let Driver { desk, orders, settings, .. } = self;
        desk.protocol.connected(now());
        let mut sending = None;
        let gone = loop {
            if desk.tell() {
                break Gone::Silent;
            }
            if socket.is_idle()
                && let Some((what, outgoing)) = desk.transmit()
            {
                sending = what;
                socket.send(outgoing);
            }
            // What cannot be sent is told at once, too.
            desk.tell();
            // Far away if there is none, which is never so while there is a connection.
            let deadline = desk.protocol.deadline().map(Instant::from_std);
            let deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                // What has come counts before the clock does, however late we are.
                biased;
                order = orders.next() => match order {
                    Some(order) => desk.take(order),
                    None => {
                        socket.close().await;
                        return None;
                    }
                },
                happened = socket.next() => match happened {
                    Happened::Came(frame, bytes) => desk.received(frame, bytes),
                    Happened::Sign => desk.protocol.heard(),
                    Happened::Begun => {
                        if let Some(what) = sending {
                            desk.protocol.begun(what);
                        }
                    }
                    Happened::Written(bytes) => {
                        count(&desk.counters.frames_out);
                        add(&desk.counters.bytes_out, bytes);
                        if let Some(what) = sending.take() {
                            if let Some(on_frame) = &settings.on_frame {
                                on_frame(bytes);
                            }
                            desk.protocol.written(what, now());
                        }
                    }
                    Happened::Gone(gone) => break gone,
                },
                () = tokio::time::sleep_until(deadline) => {
                    if socket.has_moved() {
                        desk.protocol.heard();
                    }
                    desk.protocol.handle_timeout(now());
                }
            }
        };
        desk.protocol.disconnected();
        desk.tell();
        Some(gone)
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Whether it is of no use to ask again: the server has understood, and means it.
fn is_final(status: u16) -> bool {
    status < 500 && !matches!(status, 408 | 425 | 429)
}

/// What handles ask for.
struct Orders {
    commands: mpsc::Receiver<Command>,
    leaves: mpsc::UnboundedReceiver<Leave>,
    closing: watch::Receiver<bool>,
}

enum Order {
    Command(Command),
    Leave(Leave),
}

impl Orders {
    /// The next order; nothing when that is to end.
    async fn next(&mut self) -> Option<Order> {
        tokio::select! {
            command = self.commands.recv() => command.map(Order::Command),
            leave = self.leaves.recv() => leave.map(Order::Leave),
            _ = self.closing.wait_for(|closing| *closing) => None,
        }
    }
}

/// Who waits for what.
struct Desk {
    protocol: Protocol,
    counters: Arc<Counters>,
    joins: HashMap<ChannelId, oneshot::Sender<Result<Joined, JoinError>>>,
    answers: HashMap<RequestId, oneshot::Sender<Result<Reply, RequestError>>>,
    /// When it is time to forget answers that nobody waits for.
    many: usize,
    channels: HashMap<ChannelId, Owner>,
    leaves: HashMap<ChannelId, oneshot::Sender<()>>,
}

/// The driver's part of a channel that was joined.
struct Owner {
    pushes: mpsc::Sender<Push>,
    generation: watch::Sender<u64>,
    refused: Arc<OnceLock<Response>>,
}

impl Desk {
    fn take(&mut self, order: Order) {
        match order {
            Order::Command(Command::Join { topic, payload, timeout, answer }) => {
                self.forget_joins();
                match self.protocol.join(topic, payload, timeout) {
                    Ok(channel) => drop(self.joins.insert(channel, answer)),
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
            Order::Command(Command::Request { channel, event, payload, timeout, answer }) => {
                self.forget_requests();
                match self.protocol.request(channel, Ask { event, payload, timeout }) {
                    Ok(request) => drop(self.answers.insert(request, answer)),
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
            Order::Leave(Leave { channel, timeout, answer }) => {
                self.channels.remove(&channel);
                if let Some(answer) = answer {
                    self.leaves.insert(channel, answer);
                }
                self.protocol.leave(channel, timeout, now());
            }
        }
    }

    /// What is to be sent next.
    fn transmit(&mut self) -> Option<(Option<What>, Outgoing)> {
        let Desk { protocol, answers, .. } = self;
        let wanted = |request: RequestId| answers.get(&request).is_some_and(|answer| !answer.is_closed());
        Some(match protocol.poll_transmit(wanted)? {
            Transmit::Ping => (None, Outgoing::ping()),
            Transmit::Frame { what, head, payload } => {
                let span = payload.span.clone();
                let outgoing = Outgoing::text(head, payload);
                span.record("frame_bytes", outgoing.length());
                (Some(what), outgoing)
            }
        })
    }

    fn received(&mut self, frame: Result<Frame, Unreadable>, bytes: usize) {
        count(&self.counters.frames_in);
        add(&self.counters.bytes_in, bytes as u64);
        match frame {
            Ok(frame) => self.protocol.received(frame, now()),
            Err(error) => {
                count(&self.counters.frames_unreadable);
                warn!(bytes, %error, "a frame that cannot be read");
                self.protocol.heard();
            }
        }
    }

    /// Tells everybody what the protocol has for them. Whether the server is silent.
    fn tell(&mut self) -> bool {
        let mut silent = false;
        while let Some(event) = self.protocol.poll_event() {
            match event {
                Event::Joined { channel, generation: 1, welcome } => self.joined(channel, welcome),
                Event::Joined { channel, generation, .. } => {
                    if let Some(owner) = self.channels.get(&channel) {
                        owner.generation.send_replace(generation);
                    }
                }
                Event::NotJoined { channel, why } => {
                    if let Some(answer) = self.joins.remove(&channel) {
                        let _ = answer.send(Err(why));
                    }
                }
                Event::Answered { request, answer } => {
                    if let Some(waiting) = self.answers.remove(&request) {
                        let _ = waiting.send(answer);
                    }
                }
                Event::Pushed { channel, push } => self.pushed(channel, push),
                Event::Ended { channel, refused } => {
                    if let Some(owner) = self.channels.remove(&channel)
                        && let Some(refused) = refused
                    {
                        // Before the requests of the channel are told that it is closed.
                        let _ = owner.refused.set(refused);
                    }
                }
                Event::Left { channel } => {
                    if let Some(answer) = self.leaves.remove(&channel) {
                        let _ = answer.send(());
                    }
                }
                Event::Silent => silent = true,
            }
        }
        silent
    }

    fn joined(&mut self, channel: ChannelId, welcome: Response) {
        let (pushes, pushed) = mpsc::channel(MOST_PUSHES);
        let (generation, current) = watch::channel(1);
        let refused = Arc::new(OnceLock::new());
        let joined =
            Joined { id: channel, welcome, pushes: Mutex::new(pushed), generation: current, refused: refused.clone() };
        match self.joins.remove(&channel).map(|answer| answer.send(Ok(joined))) {
            Some(Ok(())) => drop(self.channels.insert(channel, Owner { pushes, generation, refused })),
            _ => {
                debug!("nobody waits for a channel any more that is joined now");
                self.protocol.leave(channel, LONGEST_LEAVE, now());
            }
        }
    }

    fn pushed(&mut self, channel: ChannelId, push: Push) {
        if let Some(owner) = self.channels.get(&channel)
            && let Err(mpsc::error::TrySendError::Full(push)) = owner.pushes.try_send(push)
        {
            count(&self.counters.pushes_dropped);
            debug!(event = push.event, "nobody takes what the server pushes; this one is dropped");
        }
    }

    /// Joins that nobody waits for do not count among the hundred.
    fn forget_joins(&mut self) {
        let gone: Vec<_> =
            self.joins.iter().filter(|(_, answer)| answer.is_closed()).map(|(&channel, _)| channel).collect();
        for channel in gone {
            self.joins.remove(&channel);
            self.protocol.leave(channel, LONGEST_LEAVE, now());
        }
    }

    /// Requests that nobody waits for any more would heap up while there is no connection.
    fn forget_requests(&mut self) {
        if self.answers.len() >= self.many {
            self.answers.retain(|_, answer| !answer.is_closed());
            let answers = &self.answers;
            self.protocol.retain_waiting(|request| answers.contains_key(&request));
            self.many = MANY_ANSWERS.max(self.answers.len() * 2);
        }
    }
}

/// When to try again.
struct Retry {
    backoff: Backoff,
    /// Since a connection held.
    failures: u32,
    spread: bool,
}

impl Retry {
    fn new(backoff: Backoff) -> Retry {
        Retry { backoff, failures: 0, spread: false }
    }

    /// How long to wait before the next attempt: something between nothing and the longest, so that not all come at once.
    fn wait(&self) -> Duration {
        self.longest().mul_f64(fastrand::f64())
    }

    fn longest(&self) -> Duration {
        let Backoff { first, most } = self.backoff;
        match self.failures {
            0 if self.spread => first.min(most),
            0 => Duration::ZERO,
            n => first.saturating_mul(1_u32.checked_shl(n - 1).unwrap_or(u32::MAX)).min(most),
        }
    }

    fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// A connection that went at once is a failure, too: a server that lets everybody in and drops them is not to be hurried.
    fn dropped(&mut self, lived: Duration, restart: bool) {
        self.spread = restart;
        if lived >= self.backoff.most { self.failures = 0 } else { self.failed() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_start_again() {
        let second = Duration::from_secs;
        let mut retry = Retry::new(Backoff { first: second(1), most: second(30) });
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(retry.longest().as_secs());
            assert!(retry.wait() <= retry.longest());
            retry.failed();
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30]);
        retry.dropped(second(29), false);
        assert_eq!(retry.longest(), second(30));
        retry.dropped(second(30), false);
        assert_eq!(retry.longest(), second(0));
        retry.dropped(second(30), true);
        assert_eq!(retry.longest(), second(1));
    }

    #[test]
    fn which_statuses_are_final() {
        let is = [200, 301, 400, 401, 403, 404].map(is_final);
        let is_not = [408, 425, 429, 500, 502, 503, 504].map(is_final);
        assert_eq!((is, is_not), ([true; 6], [false; 7]));
    }
}
