//! What channels are, without a socket and without a clock: frames and moments go in, frames and events come out.
//!
//! Whoever drives this says what happened ([`Protocol::connected`], [`Protocol::received`], …, each with the present moment) and
//! then takes what there is to send ([`Protocol::poll_transmit`], one frame at a time, when the one before is written) and to tell
//! ([`Protocol::poll_event`]), and comes back at [`Protocol::deadline`] at the latest.
//!
//! Refs are never used twice, not even over connections, so that whatever comes late belongs to nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, trace, warn};

use crate::client::{ChannelId, JoinError, LONGEST_LEAVE, Push, Reply, RequestError, Response};
use crate::counters::{Counters, count};
use crate::frame::{self, Frame, Kind, Ref};
use crate::payload::Payload;

/// What a Phoenix server allows on one connection.
pub(crate) const MOST_CHANNELS: usize = 100;
/// How long a channel waits before it joins again, by how often that has failed since it was joined.
const REJOIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// How often a request goes back because the server says that the topic is not joined, before it gets that for an answer.
const MOST_RETURNS: u8 = 3;

/// All channels of one client, over all its connections.
pub(crate) struct Protocol {
    heartbeat: Duration,
    max_frame: u64,
    counters: Arc<Counters>,
    last_ref: u64,
    last_id: u64,
    /// While there is a connection.
    beat: Option<Beat>,
    channels: BTreeMap<ChannelId, Member>,
    events: VecDeque<Event>,
}

/// Names a request between protocol and driver; the order of the numbers is that of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId(pub(crate) u64);

/// What is to be sent.
#[derive(Debug)]
pub(crate) enum Transmit {
    /// A websocket's ping.
    Ping,
    /// A text frame: the head, the payload, [`frame::END`].
    Frame { what: What, head: Vec<u8>, payload: Arc<Payload> },
}

/// Which frame it is that was begun or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Heartbeat,
    Join(ChannelId, Ref),
    Leave(ChannelId),
    Request(ChannelId, Ref),
}

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Joined {
        channel: ChannelId,
        generation: u64,
        welcome: Response,
    },
    NotJoined {
        channel: ChannelId,
        why: JoinError,
    },
    Answered {
        request: RequestId,
        answer: Result<Reply, RequestError>,
    },
    Pushed {
        channel: ChannelId,
        push: Push,
    },
    /// The server closed it, or refused to let us join again.
    Ended {
        channel: ChannelId,
        refused: Option<Response>,
    },
    Left {
        channel: ChannelId,
    },
    /// The server has been silent for too long. The connection is to be dropped.
    Silent,
}

/// A request that was made.
pub(crate) struct Ask {
    pub(crate) event: Box<str>,
    pub(crate) payload: Arc<Payload>,
    pub(crate) timeout: Duration,
}

struct Beat {
    next: Instant,
    /// Whether anything came since the last one.
    heard: bool,
    /// Whether nothing did, and there is a short while left for it.
    doubted: bool,
    to_send: VecDeque<Pulse>,
}

#[derive(Clone, Copy)]
enum Pulse {
    Heartbeat,
    Ping,
}

struct Member {
    topic: Box<str>,
    payload: Arc<Payload>,
    timeout: Duration,
    state: State,
    /// How often it was joined.
    generation: u64,
    /// Joins that failed since the last that did not.
    failures: usize,
    waiting: VecDeque<Request>,
    flying: BTreeMap<Ref, Flight>,
}

#[derive(Clone, Copy)]
enum State {
    /// To be joined as soon as there is a connection.
    Waiting,
    /// To be joined again, but not before then.
    Due(Instant),
    /// The join is under way; the deadline is there when it is written.
    Joining {
        join_ref: Ref,
        deadline: Option<Instant>,
    },
    Joined {
        join_ref: Ref,
    },
    /// To be left, or being left once the leave has its ref.
    Leaving {
        join_ref: Ref,
        leave_ref: Option<Ref>,
        deadline: Instant,
    },
}

struct Request {
    id: RequestId,
    ask: Ask,
    returns: u8,
}

/// A request that the writer has.
struct Flight {
    request: Request,
    join_ref: Ref,
    /// Whether bytes of it may have reached the server.
    begun: bool,
    deadline: Option<Instant>,
}

impl Protocol {
    pub(crate) fn new(heartbeat: Duration, max_frame: u64, counters: Arc<Counters>) -> Protocol {
        Protocol {
            heartbeat,
            max_frame,
            counters,
            last_ref: 0,
            last_id: 0,
            beat: None,
            channels: BTreeMap::new(),
            events: VecDeque::new(),
        }
    }

    /// Joins a topic, now or when there is a connection.
    pub(crate) fn join(
        &mut self,
        topic: Box<str>,
        payload: Arc<Payload>,
        timeout: Duration,
    ) -> Result<ChannelId, JoinError> {
        if !payload.is_sendable() {
            return Err(JoinError::NotText);
        }
        if self.channels.len() >= MOST_CHANNELS {
            return Err(JoinError::Full);
        }
        let id = ChannelId(self.id());
        let member = Member {
            topic,
            payload,
            timeout,
            state: State::Waiting,
            generation: 0,
            failures: 0,
            waiting: VecDeque::new(),
            flying: BTreeMap::new(),
        };
        self.channels.insert(id, member);
        Ok(id)
    }

    /// Asks the server something as soon as the channel is joined.
    pub(crate) fn request(&mut self, channel: ChannelId, ask: Ask) -> Result<RequestId, RequestError> {
        if !ask.payload.is_sendable() {
            return Err(RequestError::NotText);
        }
        let id = RequestId(self.id());
        match self.channels.get_mut(&channel) {
            Some(member) if !matches!(member.state, State::Leaving { .. }) => {
                member.waiting.push_back(Request { id, ask, returns: 0 });
                Ok(id)
            }
            _ => Err(RequestError::Closed),
        }
    }

    /// Forgets requests that have not left and that nobody waits for.
    pub(crate) fn retain_waiting(&mut self, wanted: impl Fn(RequestId) -> bool) {
        for member in self.channels.values_mut() {
            member.waiting.retain(|request| wanted(request.id));
        }
    }

    /// Leaves a channel. [`Event::Left`] says when that is done.
    pub(crate) fn leave(&mut self, channel: ChannelId, timeout: Duration, now: Instant) {
        let Some(member) = self.channels.get_mut(&channel) else {
            return self.events.push_back(Event::Left { channel });
        };
        match member.state {
            State::Waiting | State::Due(_) => {
                self.forget(channel);
                self.events.push_back(Event::Left { channel });
            }
            State::Joining { join_ref, .. } | State::Joined { join_ref } => {
                member.state = State::Leaving { join_ref, leave_ref: None, deadline: now + timeout };
                self.close_requests(channel);
            }
            State::Leaving { .. } => {}
        }
    }

    /// There is a connection.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.beat = Some(Beat { next: now + self.heartbeat, heard: true, doubted: false, to_send: VecDeque::new() });
    }

    /// There is none any more.
    pub(crate) fn disconnected(&mut self) {
        self.beat = None;
        let mut left = Vec::new();
        for (&channel, member) in &mut self.channels {
            for (_, flight) in std::mem::take(&mut member.flying) {
                if flight.begun {
                    count(&self.counters.requests_lost);
                    self.events.push_back(answered(flight.request.id, Err(RequestError::Lost)));
                } else {
                    member.put_back(flight.request);
                }
            }
            match member.state {
                State::Leaving { .. } => left.push(channel),
                _ => member.state = State::Waiting,
            }
        }
        for channel in left {
            self.forget(channel);
            self.events.push_back(Event::Left { channel });
        }
    }

    /// A sign that the server is there, whatever it is.
    pub(crate) fn heard(&mut self) {
        if let Some(beat) = &mut self.beat {
            beat.heard = true;
        }
    }

    /// The first bytes of a frame may be on their way.
    pub(crate) fn begun(&mut self, what: What) {
        if let What::Request(channel, reference) = what
            && let Some(flight) = self.flight(channel, reference)
        {
            flight.begun = true;
        }
    }

    /// The last bytes of a frame are on their way.
    pub(crate) fn written(&mut self, what: What, now: Instant) {
        match what {
            What::Request(channel, reference) => {
                count(&self.counters.requests);
                if let Some(flight) = self.flight(channel, reference) {
                    flight.begun = true;
                    flight.deadline = Some(now + flight.request.ask.timeout);
                }
            }
            What::Join(channel, reference) => {
                if let Some(member) = self.channels.get_mut(&channel)
                    && let State::Joining { join_ref, deadline } = &mut member.state
                    && *join_ref == reference
                {
                    *deadline = Some(now + member.timeout);
                }
            }
            What::Heartbeat | What::Leave(_) => {}
        }
    }

    /// A frame came.
    pub(crate) fn received(&mut self, frame: Frame, now: Instant) {
        self.heard();
        let Frame { join_ref, topic, kind } = frame;
        match kind {
            Kind::Reply(_, _) if topic == "phoenix" => {}
            Kind::Reply(Some(reference), reply) => self.replied(&topic, reference, reply, now),
            Kind::Reply(None, _) => debug!(topic, "a reply to nothing"),
            kind => {
                let Some(channel) = self.current(&topic, join_ref) else {
                    return debug!(topic, "something for a channel that is not joined");
                };
                match kind {
                    Kind::Error => self.crashed(channel, now),
                    Kind::Close => self.closed(channel),
                    Kind::Push(event, payload) => {
                        self.events.push_back(Event::Pushed { channel, push: Push { event, payload } });
                    }
                    Kind::Reply(..) => {}
                }
            }
        }
    }

    /// What is to be sent next, if there is a connection and something to send. `wanted` says whether somebody waits for the answer to a
    /// request; if not, it is forgotten.
    pub(crate) fn poll_transmit(&mut self, wanted: impl Fn(RequestId) -> bool) -> Option<Transmit> {
        match self.beat.as_mut()?.to_send.pop_front() {
            Some(Pulse::Ping) => return Some(Transmit::Ping),
            Some(Pulse::Heartbeat) => {
                let head = frame::head(None, self.reference(), "phoenix", "heartbeat");
                return Some(Transmit::Frame { what: What::Heartbeat, head, payload: Payload::empty().into() });
            }
            None => {}
        }
        loop {
            let (channel, turn) = self.turn()?;
            let transmit = match turn {
                Turn::Join => self.send_join(channel),
                Turn::Leave => self.send_leave(channel),
                Turn::Request => self.send_request(channel, &wanted),
            };
            if transmit.is_some() {
                return transmit;
            }
        }
    }

    /// When to come back if nothing happens until then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let beat = self.beat.as_ref()?;
        let channels = self.channels.values().flat_map(|member| {
            let own = match member.state {
                State::Due(at) => Some(at),
                State::Joining { deadline, .. } => deadline,
                State::Leaving { deadline, .. } => Some(deadline),
                State::Waiting | State::Joined { .. } => None,
            };
            own.into_iter().chain(member.flying.values().filter_map(|flight| flight.deadline))
        });
        channels.chain([beat.next]).min()
    }

    /// Some time has gone by.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let Some(beat) = &mut self.beat else { return };
        if now >= beat.next {
            if beat.heard {
                (beat.heard, beat.doubted) = (false, false);
                beat.next = now + self.heartbeat;
                if beat.to_send.is_empty() {
                    // Either answer will do: some servers do not answer a heartbeat.
                    beat.to_send.extend([Pulse::Heartbeat, Pulse::Ping]);
                }
            } else if !beat.doubted {
                // If it is us who slept, what the server said in the meantime is still to be read.
                beat.doubted = true;
                beat.next = now + self.heartbeat / 10;
            } else {
                count(&self.counters.heartbeats_missed);
                self.events.push_back(Event::Silent);
                beat.next = now + self.heartbeat;
            }
        }
        let late = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        let mut gone = Vec::new();
        for (&channel, member) in &mut self.channels {
            while let Some((&reference, _)) = member.flying.iter().find(|(_, flight)| late(flight.deadline)) {
                if let Some(flight) = member.flying.remove(&reference) {
                    count(&self.counters.requests_timed_out);
                    debug!(topic = member.topic, %reference, event = flight.request.ask.event, "no answer in time");
                    self.events.push_back(answered(flight.request.id, Err(RequestError::Timeout)));
                }
            }
            match member.state {
                State::Joining { join_ref, deadline } if late(deadline) => {
                    warn!(topic = member.topic, %join_ref, "no answer to a join in time");
                    if member.generation > 0 {
                        member.rejoin_later(now);
                    } else {
                        // The server may have joined us after all.
                        member.state = State::Leaving { join_ref, leave_ref: None, deadline: now + LONGEST_LEAVE };
                        self.events.push_back(Event::NotJoined { channel, why: JoinError::Timeout });
                    }
                }
                // Its turn comes when the writer is free, and until then there is nothing to come back for.
                State::Due(at) if late(Some(at)) => member.state = State::Waiting,
                State::Leaving { deadline, .. } if late(Some(deadline)) => gone.push(channel),
                _ => {}
            }
        }
        for channel in gone {
            self.forget(channel);
            self.events.push_back(Event::Left { channel });
        }
    }

    /// What there is to tell.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whose turn it is to send, and what. Channels come and go before anybody asks anything; requests go in the order in which
    /// they were made.
    fn turn(&self) -> Option<(ChannelId, Turn)> {
        let of_channels = self.channels.iter().find_map(|(&channel, member)| match member.state {
            State::Waiting => Some((channel, Turn::Join)),
            State::Leaving { leave_ref: None, .. } => Some((channel, Turn::Leave)),
            _ => None,
        });
        of_channels.or_else(|| {
            let joined = self.channels.iter().filter(|(_, member)| matches!(member.state, State::Joined { .. }));
            let first = joined.filter_map(|(&channel, member)| Some((member.waiting.front()?.id, channel))).min();
            first.map(|(_, channel)| (channel, Turn::Request))
        })
    }

    fn send_join(&mut self, channel: ChannelId) -> Option<Transmit> {
        let join_ref = self.reference();
        let member = self.channels.get_mut(&channel)?;
        let head = frame::head(Some(join_ref), join_ref, &member.topic, "phx_join");
        let payload = member.payload.clone();
        if let Some((bytes, limit)) = too_large(&head, &payload, self.max_frame) {
            if member.generation > 0 {
                self.end(channel, None);
            } else {
                self.forget(channel);
                self.events.push_back(Event::NotJoined { channel, why: JoinError::TooLarge { bytes, limit } });
            }
            return None;
        }
        member.state = State::Joining { join_ref, deadline: None };
        debug!(topic = member.topic, %join_ref, "joining");
        Some(Transmit::Frame { what: What::Join(channel, join_ref), head, payload })
    }

    fn send_leave(&mut self, channel: ChannelId) -> Option<Transmit> {
        let reference = self.reference();
        let member = self.channels.get_mut(&channel)?;
        let State::Leaving { join_ref, leave_ref, .. } = &mut member.state else { return None };
        *leave_ref = Some(reference);
        let head = frame::head(Some(*join_ref), reference, &member.topic, "phx_leave");
        debug!(topic = member.topic, %join_ref, "leaving");
        Some(Transmit::Frame { what: What::Leave(channel), head, payload: Payload::empty().into() })
    }

    fn send_request(&mut self, channel: ChannelId, wanted: impl Fn(RequestId) -> bool) -> Option<Transmit> {
        let reference = self.reference();
        let member = self.channels.get_mut(&channel)?;
        let State::Joined { join_ref } = member.state else { return None };
        let request = member.waiting.pop_front()?;
        if !wanted(request.id) {
            return None;
        }
        let head = frame::head(Some(join_ref), reference, &member.topic, &request.ask.event);
        let payload = request.ask.payload.clone();
        if let Some((bytes, limit)) = too_large(&head, &payload, self.max_frame) {
            warn!(
                topic = member.topic,
                event = request.ask.event,
                bytes,
                limit,
                "a request that is too large to be sent"
            );
            self.events.push_back(answered(request.id, Err(RequestError::TooLarge { bytes, limit })));
            return None;
        }
        trace!(topic = member.topic, %reference, event = request.ask.event, bytes = payload.len(), "asking");
        member.flying.insert(reference, Flight { request, join_ref, begun: false, deadline: None });
        Some(Transmit::Frame { what: What::Request(channel, reference), head, payload })
    }

    fn replied(&mut self, topic: &str, reference: Ref, reply: Reply, now: Instant) {
        let mut members = self.channels.iter_mut();
        let Some((&channel, member)) = members.find(|(_, member)| member.waits_for(reference)) else {
            count(&self.counters.replies_late);
            return debug!(topic, %reference, "a reply that nobody waits for");
        };
        if let Some(flight) = member.flying.remove(&reference) {
            return self.answered(channel, flight, reply, now);
        }
        match (member.state, reply) {
            (State::Leaving { .. }, _) => {
                self.forget(channel);
                self.events.push_back(Event::Left { channel });
            }
            (_, Reply::Ok(welcome)) => {
                member.state = State::Joined { join_ref: reference };
                member.generation += 1;
                member.failures = 0;
                let generation = member.generation;
                count(if generation == 1 { &self.counters.joins } else { &self.counters.rejoins });
                debug!(topic, join_ref = %reference, generation, "joined");
                self.events.push_back(Event::Joined { channel, generation, welcome });
            }
            (_, Reply::Error(why)) if member.generation == 0 => {
                self.forget(channel);
                let why =
                    if is_about(&why, "too many channels joined") { JoinError::Full } else { JoinError::Refused(why) };
                self.events.push_back(Event::NotJoined { channel, why });
            }
            (_, Reply::Error(why)) if is_about(&why, "join crashed") || is_about(&why, "too many channels joined") => {
                warn!(topic, "the server could not let us join again");
                member.rejoin_later(now);
            }
            (_, Reply::Error(why)) => {
                warn!(topic, "the server refused to let us join again");
                self.end(channel, Some(why));
            }
        }
    }

    fn answered(&mut self, channel: ChannelId, flight: Flight, reply: Reply, now: Instant) {
        let Flight { mut request, join_ref, .. } = flight;
        if let Reply::Error(why) = &reply
            && request.returns < MOST_RETURNS
            && is_about(why, "unmatched topic")
            && let Some(member) = self.channels.get_mut(&channel)
            && !matches!(member.state, State::Leaving { .. })
        {
            // Nobody has looked at the request, and we are not joined, whatever we believed.
            request.returns += 1;
            member.put_back(request);
            if matches!(member.state, State::Joined { join_ref: current } if current == join_ref) {
                warn!(topic = member.topic, %join_ref, "the server does not know that we have joined");
                member.rejoin_later(now);
            }
            return;
        }
        self.events.push_back(answered(request.id, Ok(reply)));
    }

    /// The channel that a frame of the server is for, if its join is the one that we know of.
    fn current(&self, topic: &str, join_ref: Option<Ref>) -> Option<ChannelId> {
        let is_current = |member: &Member| match (member.join_ref(), join_ref) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (ours, None) => ours.is_some(),
            (None, Some(_)) => false,
        };
        let mut newest_first = self.channels.iter().rev();
        newest_first.find(|(_, member)| *member.topic == *topic && is_current(member)).map(|(&channel, _)| channel)
    }

    fn crashed(&mut self, channel: ChannelId, now: Instant) {
        let Some(member) = self.channels.get_mut(&channel) else { return };
        if matches!(member.state, State::Leaving { .. }) {
            return self.closed(channel);
        }
        warn!(topic = member.topic, "the channel crashed");
        count(&self.counters.crashes);
        member.rejoin_later(now);
        // What the writer has and has not begun will come to a channel that is not there, and be answered so.
        let begun = member.flying.extract_if(.., |_, flight| flight.begun);
        self.events.extend(begun.map(|(_, flight)| answered(flight.request.id, Err(RequestError::Crashed))));
    }

    fn closed(&mut self, channel: ChannelId) {
        let Some(member) = self.channels.get_mut(&channel) else { return };
        if matches!(member.state, State::Leaving { .. }) {
            self.forget(channel);
            return self.events.push_back(Event::Left { channel });
        }
        warn!(topic = member.topic, "the server closed the channel");
        let begun = member.flying.extract_if(.., |_, flight| flight.begun);
        self.events.extend(begun.map(|(_, flight)| answered(flight.request.id, Err(RequestError::Crashed))));
        self.end(channel, None);
    }

    /// The channel is dead, not by our wish.
    fn end(&mut self, channel: ChannelId, refused: Option<Response>) {
        self.events.push_back(Event::Ended { channel, refused });
        self.forget(channel);
    }

    fn forget(&mut self, channel: ChannelId) {
        self.close_requests(channel);
        self.channels.remove(&channel);
    }

    fn close_requests(&mut self, channel: ChannelId) {
        let Some(member) = self.channels.get_mut(&channel) else { return };
        let flying = std::mem::take(&mut member.flying).into_values().map(|flight| flight.request);
        let all = flying.chain(std::mem::take(&mut member.waiting));
        self.events.extend(all.map(|request| answered(request.id, Err(RequestError::Closed))));
    }

    fn flight(&mut self, channel: ChannelId, reference: Ref) -> Option<&mut Flight> {
        self.channels.get_mut(&channel)?.flying.get_mut(&reference)
    }

    fn reference(&mut self) -> Ref {
        self.last_ref += 1;
        Ref(self.last_ref)
    }

    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

#[derive(Clone, Copy)]
enum Turn {
    Join,
    Leave,
    Request,
}

impl Member {
    fn join_ref(&self) -> Option<Ref> {
        match self.state {
            State::Joining { join_ref, .. } | State::Joined { join_ref } | State::Leaving { join_ref, .. } => {
                Some(join_ref)
            }
            State::Waiting | State::Due(_) => None,
        }
    }

    fn waits_for(&self, reference: Ref) -> bool {
        match self.state {
            State::Joining { join_ref, .. } if join_ref == reference => true,
            State::Leaving { leave_ref: Some(leave_ref), .. } if leave_ref == reference => true,
            _ => self.flying.contains_key(&reference),
        }
    }

    fn rejoin_later(&mut self, now: Instant) {
        self.state = State::Due(now + REJOIN[self.failures.min(REJOIN.len() - 1)]);
        self.failures += 1;
    }

    /// A request that did not leave goes where it was.
    fn put_back(&mut self, request: Request) {
        let at = self.waiting.partition_point(|other| other.id < request.id);
        self.waiting.insert(at, request);
    }
}

fn answered(request: RequestId, answer: Result<Reply, RequestError>) -> Event {
    Event::Answered { request, answer }
}

/// The length of a frame and the limit, if it is above.
fn too_large(head: &[u8], payload: &Payload, limit: u64) -> Option<(u64, u64)> {
    let bytes = frame::length(head, payload);
    (bytes > limit).then_some((bytes, limit))
}

/// Whether this is a refusal for this reason, which Phoenix itself gives and no channel's handler.
fn is_about(response: &Response, reason: &str) -> bool {
    response.reason().is_some_and(|given| given == reason)
}

#[cfg(test)]
mod tests;
