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
mod tests {
    use std::collections::HashMap;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::frame::decode_text;

    const SECOND: Duration = Duration::from_secs(1);
    /// Out of the way of everything else.
    const HEARTBEAT: Duration = Duration::from_secs(300);

    /// A protocol whose server is the test.
    struct Stage {
        protocol: Protocol,
        now: Instant,
        counters: Arc<Counters>,
    }

    impl Stage {
        /// Connected, with a limit of 200 bytes for frames.
        fn new() -> Stage {
            let mut stage = Stage::unconnected();
            stage.protocol.connected(stage.now);
            stage
        }

        fn unconnected() -> Stage {
            let counters = Arc::new(Counters::default());
            Stage { protocol: Protocol::new(HEARTBEAT, 200, counters.clone()), now: Instant::now(), counters }
        }

        /// Connected, and `t` is joined with ref 1.
        fn joined() -> (Stage, ChannelId) {
            let mut stage = Stage::new();
            let channel = stage.join("t").expect("there is room");
            stage.sends(&[r#"["1","1","t","phx_join",{}]"#]);
            stage.says(r#"["1","1","t","phx_reply",{"status":"ok","response":{}}]"#);
            stage.tells(&[joined(channel, 1)]);
            (stage, channel)
        }

        fn join(&mut self, topic: &str) -> Result<ChannelId, JoinError> {
            self.protocol.join(topic.into(), Payload::empty().into(), 10 * SECOND)
        }

        fn ask(&mut self, channel: ChannelId, event: &str) -> RequestId {
            self.ask_with(channel, event, Payload::empty()).expect("it is there")
        }

        fn ask_with(&mut self, channel: ChannelId, event: &str, payload: Payload) -> Result<RequestId, RequestError> {
            self.protocol.request(channel, Ask { event: event.into(), payload: payload.into(), timeout: 10 * SECOND })
        }

        /// Takes the next frame, as the writer does, and does nothing with it.
        fn take(&mut self) -> Option<(Option<What>, String)> {
            Some(match self.protocol.poll_transmit(|_| true)? {
                Transmit::Ping => (None, "ping".into()),
                Transmit::Frame { what, head, payload } => {
                    let mut text = head;
                    for piece in &payload.pieces {
                        match piece {
                            crate::payload::Piece::Plain(bytes) | crate::payload::Piece::Escaped(bytes) => {
                                text.extend_from_slice(bytes);
                            }
                        }
                    }
                    text.extend_from_slice(frame::END);
                    (Some(what), String::from_utf8(text).expect("text"))
                }
            })
        }

        /// Exactly these frames leave, and are written at once.
        fn sends(&mut self, expected: &[&str]) {
            let mut sent = Vec::new();
            while let Some((what, text)) = self.take() {
                if let Some(what) = what {
                    self.protocol.begun(what);
                    self.protocol.written(what, self.now);
                }
                sent.push(text);
            }
            assert_eq!(sent, expected);
        }

        fn says(&mut self, frame: &str) {
            let frame = decode_text(&Bytes::copy_from_slice(frame.as_bytes())).expect("a frame");
            self.protocol.received(frame, self.now);
        }

        fn waits(&mut self, time: Duration) {
            self.now += time;
            self.protocol.handle_timeout(self.now);
            // Or whoever drives this would never rest.
            assert!(self.protocol.deadline().is_none_or(|deadline| deadline > self.now));
        }

        fn count_answers(&mut self, open: &mut HashMap<RequestId, u32>) {
            while let Some(event) = self.protocol.poll_event() {
                if let Event::Answered { request, .. } = event {
                    *open.get_mut(&request).expect("it was asked") += 1;
                }
            }
        }

        fn tells(&mut self, expected: &[Event]) {
            let mut told = Vec::new();
            while let Some(event) = self.protocol.poll_event() {
                told.push(event);
            }
            assert_eq!(told, expected);
        }
    }

    fn json(text: &'static str) -> Response {
        Response::Json(Bytes::from_static(text.as_bytes()))
    }

    fn joined(channel: ChannelId, generation: u64) -> Event {
        Event::Joined { channel, generation, welcome: json("{}") }
    }

    fn failed(request: RequestId, why: RequestError) -> Event {
        answered(request, Err(why))
    }

    #[test]
    fn nothing_is_sent_without_a_connection() {
        let mut stage = Stage::unconnected();
        let channel = stage.join("t").expect("there is room");
        let request = stage.ask(channel, "e");
        stage.sends(&[]);
        assert_eq!(stage.protocol.deadline(), None);
        stage.protocol.connected(stage.now);
        stage.sends(&[r#"["1","1","t","phx_join",{}]"#]);
        stage.says(r#"["1","1","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.sends(&[r#"["1","2","t","e",{}]"#]);
        stage.says(r#"["1","2","t","phx_reply",{"status":"ok","response":null}]"#);
        stage.tells(&[joined(channel, 1), answered(request, Ok(Reply::Ok(json("null"))))]);
    }

    #[test]
    fn answers_find_their_requests_in_any_order() {
        let (mut stage, channel) = Stage::joined();
        let (a, b) = (stage.ask(channel, "a"), stage.ask(channel, "b"));
        stage.sends(&[r#"["1","2","t","a",{}]"#, r#"["1","3","t","b",{}]"#]);
        stage.says(r#"["1","3","t","phx_reply",{"status":"error","response":"no"}]"#);
        stage.says(r#"[null,"2","t","chan_reply_2",{"status":"ok","response":{}}]"#);
        stage.says(r#"["1","2","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.says(r#"["1","x","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[answered(b, Ok(Reply::Error(json("\"no\"")))), answered(a, Ok(Reply::Ok(json("{}"))))]);
    }

    #[test]
    fn requests_leave_in_the_order_in_which_they_were_made() {
        let (mut stage, first) = Stage::joined();
        let second = stage.join("u").expect("there is room");
        stage.sends(&[r#"["2","2","u","phx_join",{}]"#]);
        stage.says(r#"["2","2","u","phx_reply",{"status":"ok","response":{}}]"#);
        stage.ask(second, "a");
        stage.ask(first, "b");
        stage.ask(second, "c");
        stage.sends(&[r#"["2","3","u","a",{}]"#, r#"["1","4","t","b",{}]"#, r#"["2","5","u","c",{}]"#]);
    }

    #[test]
    fn a_drop_loses_what_was_begun_and_nothing_else() {
        let (mut stage, channel) = Stage::joined();
        let (written, begun, taken, waiting) =
            (stage.ask(channel, "a"), stage.ask(channel, "b"), stage.ask(channel, "c"), stage.ask(channel, "d"));
        for step in 0..3 {
            let (what, _) = stage.take().expect("there is one");
            let what = what.expect("a frame");
            if step < 2 {
                stage.protocol.begun(what);
            }
            if step < 1 {
                stage.protocol.written(what, stage.now);
            }
        }
        stage.protocol.disconnected();
        stage.tells(&[failed(written, RequestError::Lost), failed(begun, RequestError::Lost)]);
        stage.sends(&[]);

        stage.protocol.connected(stage.now);
        stage.sends(&[r#"["5","5","t","phx_join",{}]"#]);
        // Late, and of the connection before.
        stage.says(r#"["1","2","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.says(r#"["1","1","t","phx_error",{}]"#);
        stage.says(r#"["5","5","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[joined(channel, 2)]);
        stage.sends(&[r#"["5","6","t","c",{}]"#, r#"["5","7","t","d",{}]"#]);
        stage.says(r#"["5","7","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.says(r#"["5","6","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[waiting, taken].map(|request| answered(request, Ok(Reply::Ok(json("{}"))))));
        assert_eq!(stage.counters.requests_lost.load(std::sync::atomic::Ordering::Relaxed), 2);
    }

    #[test]
    fn a_crash_ends_what_was_under_way_and_the_rest_waits_for_the_rejoin() {
        let (mut stage, channel) = Stage::joined();
        let lost = stage.ask(channel, "a");
        stage.sends(&[r#"["1","2","t","a",{}]"#]);
        stage.says(r#"["1","1","t","phx_error",{}]"#);
        stage.tells(&[failed(lost, RequestError::Crashed)]);
        let kept = stage.ask(channel, "b");
        stage.sends(&[]);
        // Twice is once.
        stage.says(r#"["1","1","t","phx_error",{}]"#);
        stage.waits(SECOND);
        stage.sends(&[r#"["3","3","t","phx_join",{}]"#]);
        stage.says(r#"["3","3","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.sends(&[r#"["3","4","t","b",{}]"#]);
        stage.says(r#"["3","4","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[joined(channel, 2), answered(kept, Ok(Reply::Ok(json("{}"))))]);
    }

    #[test]
    fn rejoins_that_fail_wait_longer_and_longer() {
        let (mut stage, _) = Stage::joined();
        stage.says(r#"["1","1","t","phx_error",{}]"#);
        for (wait, reference) in [(1, 2), (2, 3), (5, 4), (10, 5), (10, 6)] {
            assert_eq!(stage.protocol.deadline(), Some(stage.now + wait * SECOND));
            stage.waits(wait * SECOND);
            stage.sends(&[&format!(r#"["{reference}","{reference}","t","phx_join",{{}}]"#)]);
            stage.says(&format!(
                r#"["{reference}","{reference}","t","phx_reply",{{"status":"error","response":{{"reason":"join crashed"}}}}]"#
            ));
        }
        stage.waits(SECOND);
        stage.sends(&[]);
        // No answer is a failure, too: after the last wait, and again after the join's own time.
        stage.waits(9 * SECOND);
        stage.sends(&[r#"["7","7","t","phx_join",{}]"#]);
        stage.waits(10 * SECOND);
        stage.says(r#"["7","7","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[]);
    }

    #[test]
    fn a_rejoin_that_is_refused_ends_the_channel() {
        let (mut stage, channel) = Stage::joined();
        stage.protocol.disconnected();
        let request = stage.ask(channel, "a");
        stage.protocol.connected(stage.now);
        stage.sends(&[r#"["2","2","t","phx_join",{}]"#]);
        stage.says(r#"["2","2","t","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]"#);
        let why = json(r#"{"reason":"unauthorized"}"#);
        stage.tells(&[Event::Ended { channel, refused: Some(why) }, failed(request, RequestError::Closed)]);
        assert_eq!(stage.ask_with(channel, "b", Payload::empty()), Err(RequestError::Closed));
    }

    #[test]
    fn a_first_join_that_is_refused() {
        let check = |response: &'static str, expected: JoinError| {
            let mut stage = Stage::new();
            let channel = stage.join("t").expect("there is room");
            stage.sends(&[r#"["1","1","t","phx_join",{}]"#]);
            stage.says(&format!(r#"["1","1","t","phx_reply",{{"status":"error","response":{response}}}]"#));
            stage.tells(&[Event::NotJoined { channel, why: expected }]);
            assert!(stage.protocol.channels.is_empty());
        };
        let refused = |text| JoinError::Refused(json(text));
        check(r#"{"reason":"unauthorized"}"#, refused(r#"{"reason":"unauthorized"}"#));
        check(r#"{"reason":"join crashed"}"#, refused(r#"{"reason":"join crashed"}"#));
        check(r#"{"reason":"too many channels joined"}"#, JoinError::Full);
        check("null", refused("null"));
    }

    #[test]
    fn a_first_join_that_is_not_answered_is_left() {
        let mut stage = Stage::new();
        let channel = stage.join("t").expect("there is room");
        stage.sends(&[r#"["1","1","t","phx_join",{}]"#]);
        stage.waits(10 * SECOND);
        stage.tells(&[Event::NotJoined { channel, why: JoinError::Timeout }]);
        stage.sends(&[r#"["1","2","t","phx_leave",{}]"#]);
        stage.says(r#"["1","1","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.says(r#"["1","2","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[Event::Left { channel }]);
    }

    #[test]
    fn a_join_outlives_the_connection() {
        let mut stage = Stage::new();
        let channel = stage.join("t").expect("there is room");
        stage.sends(&[r#"["1","1","t","phx_join",{}]"#]);
        stage.protocol.disconnected();
        stage.protocol.connected(stage.now);
        stage.sends(&[r#"["2","2","t","phx_join",{}]"#]);
        stage.says(r#"["2","2","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[joined(channel, 1)]);
    }

    #[test]
    fn a_topic_that_the_server_does_not_know_is_joined_again() {
        let (mut stage, channel) = Stage::joined();
        let (a, b) = (stage.ask(channel, "a"), stage.ask(channel, "b"));
        stage.sends(&[r#"["1","2","t","a",{}]"#, r#"["1","3","t","b",{}]"#]);
        let unmatched = |stage: &mut Stage, reference: u64| {
            stage.says(&format!(
                r#"[null,"{reference}","t","phx_reply",{{"status":"error","response":{{"reason":"unmatched topic"}}}}]"#
            ));
        };
        unmatched(&mut stage, 2);
        unmatched(&mut stage, 3);
        for (wait, join_ref) in [(1, 4), (1, 7)] {
            stage.sends(&[]);
            stage.waits(wait * SECOND);
            stage.sends(&[&format!(r#"["{join_ref}","{join_ref}","t","phx_join",{{}}]"#)]);
            stage.says(&format!(r#"["{join_ref}","{join_ref}","t","phx_reply",{{"status":"ok","response":{{}}}}]"#));
            stage.sends(&[
                &format!(r#"["{join_ref}","{}","t","a",{{}}]"#, join_ref + 1),
                &format!(r#"["{join_ref}","{}","t","b",{{}}]"#, join_ref + 2),
            ]);
            if join_ref == 4 {
                unmatched(&mut stage, 6);
                unmatched(&mut stage, 5);
            }
        }
        stage.says(r#"["7","8","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.says(r#"["7","9","t","phx_reply",{"status":"ok","response":{}}]"#);
        let ok = |request| answered(request, Ok(Reply::Ok(json("{}"))));
        stage.tells(&[joined(channel, 2), joined(channel, 3), ok(a), ok(b)]);
    }

    #[test]
    fn a_request_that_goes_back_too_often_gets_the_answer() {
        let (mut stage, channel) = Stage::joined();
        let request = stage.ask(channel, "a");
        let mut reference = 1;
        for round in 0..=MOST_RETURNS {
            reference += 1;
            stage.sends(&[&format!(r#"["{}","{reference}","t","a",{{}}]"#, reference - 1)]);
            stage.says(&format!(
                r#"[null,"{reference}","t","phx_reply",{{"status":"error","response":{{"reason":"unmatched topic"}}}}]"#
            ));
            if round < MOST_RETURNS {
                stage.waits(SECOND);
                reference += 1;
                stage.sends(&[&format!(r#"["{reference}","{reference}","t","phx_join",{{}}]"#)]);
                stage.says(&format!(
                    r#"["{reference}","{reference}","t","phx_reply",{{"status":"ok","response":{{}}}}]"#
                ));
                stage.tells(&[joined(channel, u64::from(round) + 2)]);
            }
        }
        stage.tells(&[answered(request, Ok(Reply::Error(json(r#"{"reason":"unmatched topic"}"#))))]);
    }

    #[test]
    fn what_the_server_closes_is_closed() {
        let (mut stage, channel) = Stage::joined();
        let begun = stage.ask(channel, "a");
        stage.sends(&[r#"["1","2","t","a",{}]"#]);
        // Of a join that is not ours any more.
        stage.says(r#"["0","0","t","phx_close",{}]"#);
        stage.tells(&[]);
        stage.says(r#"["1","1","t","phx_close",{}]"#);
        stage.tells(&[failed(begun, RequestError::Crashed), Event::Ended { channel, refused: None }]);
    }

    #[test]
    fn a_second_join_of_a_topic_replaces_the_first() {
        let (mut stage, first) = Stage::joined();
        let second = stage.join("t").expect("there is room");
        stage.sends(&[r#"["2","2","t","phx_join",{}]"#]);
        stage.says(r#"["1","1","t","phx_close",{}]"#);
        stage.says(r#"["2","2","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[Event::Ended { channel: first, refused: None }, joined(second, 1)]);
    }

    #[test]
    fn pushes_go_to_the_join_that_they_are_for() {
        let (mut stage, channel) = Stage::joined();
        stage.says(r#"["1",null,"t","a",{}]"#);
        stage.says(r#"["9",null,"t","b",{}]"#);
        stage.says(r#"["1",null,"u","c",{}]"#);
        stage.says(r#"[null,null,"t","d","{\"x\":1}"]"#);
        let push = |event: &str, payload| Event::Pushed {
            channel,
            push: Push { event: event.into(), payload: json(payload) },
        };
        stage.tells(&[push("a", "{}"), push("d", r#"{"x":1}"#)]);
    }

    #[test]
    fn leaving() {
        let (mut stage, channel) = Stage::joined();
        let request = stage.ask(channel, "a");
        stage.protocol.leave(channel, 5 * SECOND, stage.now);
        stage.sends(&[r#"["1","2","t","phx_leave",{}]"#]);
        stage.says(r#"["1","2","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.says(r#"["1","1","t","phx_close",{}]"#);
        stage.tells(&[failed(request, RequestError::Closed), Event::Left { channel }]);
        stage.protocol.leave(channel, 5 * SECOND, stage.now);
        stage.tells(&[Event::Left { channel }]);
    }

    #[test]
    fn leaving_ends_whatever_the_server_says() {
        let check = |end: &dyn Fn(&mut Stage)| {
            let (mut stage, channel) = Stage::joined();
            stage.protocol.leave(channel, 5 * SECOND, stage.now);
            stage.sends(&[r#"["1","2","t","phx_leave",{}]"#]);
            end(&mut stage);
            stage.tells(&[Event::Left { channel }]);
            assert!(stage.protocol.channels.is_empty());
        };
        check(&|stage| stage.says(r#"["1","1","t","phx_close",{}]"#));
        check(&|stage| stage.says(r#"["1","1","t","phx_error",{}]"#));
        check(&|stage| {
            stage.says(r#"[null,"2","t","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#)
        });
        check(&|stage| stage.waits(5 * SECOND));
        check(&|stage| stage.protocol.disconnected());
    }

    #[test]
    fn what_was_never_joined_is_left_at_once() {
        let mut stage = Stage::unconnected();
        let channel = stage.join("t").expect("there is room");
        stage.protocol.leave(channel, 5 * SECOND, stage.now);
        stage.tells(&[Event::Left { channel }]);
        stage.protocol.connected(stage.now);
        stage.sends(&[]);
    }

    #[test]
    fn a_hundred_channels_and_no_more() {
        let mut stage = Stage::unconnected();
        let first = stage.join("t0").expect("there is room");
        for at in 1..MOST_CHANNELS {
            stage.join(&format!("t{at}")).expect("there is room");
        }
        assert_eq!(stage.join("more"), Err(JoinError::Full));
        stage.protocol.leave(first, SECOND, stage.now);
        assert!(stage.join("more").is_ok());
    }

    #[test]
    fn requests_time_out_from_when_they_were_written() {
        let (mut stage, channel) = Stage::joined();
        let request = stage.ask(channel, "a");
        let (what, _) = stage.take().expect("a frame");
        stage.protocol.begun(what.expect("a frame"));
        stage.waits(20 * SECOND);
        stage.tells(&[]);
        stage.protocol.written(what.expect("a frame"), stage.now);
        stage.waits(9 * SECOND);
        stage.tells(&[]);
        stage.waits(SECOND);
        stage.tells(&[failed(request, RequestError::Timeout)]);
        stage.says(r#"["1","2","t","phx_reply",{"status":"ok","response":{}}]"#);
        stage.tells(&[]);
        assert_eq!(stage.counters.replies_late.load(std::sync::atomic::Ordering::Relaxed), 1);
    }

    #[test]
    fn the_limit_is_that_of_the_whole_frame() {
        let (mut stage, channel) = Stage::joined();
        // ["1","2","t","e",…]
        let rest = 200 - r#"["1","2","t","e",]"#.len();
        let text = |bytes: usize| Payload::new().quoted([Bytes::from("x".repeat(bytes - 2))]);
        stage.ask_with(channel, "e", text(rest)).expect("it is there");
        let does_not = stage.ask_with(channel, "e", text(rest + 1)).expect("it is there");
        assert_eq!(stage.take().map(|(_, text)| text.len()), Some(200));
        assert!(stage.take().is_none());
        stage.tells(&[failed(does_not, RequestError::TooLarge { bytes: 201, limit: 200 })]);
        let join = stage.protocol.join("u".into(), text(200).into(), SECOND).expect("there is room");
        assert!(stage.take().is_none());
        let bytes = 200 + r#"["4","4","u","phx_join",]"#.len() as u64;
        stage.tells(&[Event::NotJoined { channel: join, why: JoinError::TooLarge { bytes, limit: 200 } }]);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let (mut stage, channel) = Stage::joined();
        let bad = || Payload::new().text(&b"\xff"[..]);
        assert_eq!(stage.ask_with(channel, "e", bad()), Err(RequestError::NotText));
        assert_eq!(stage.protocol.join("u".into(), bad().into(), SECOND), Err(JoinError::NotText));
        stage.sends(&[]);
    }

    #[test]
    fn what_nobody_waits_for_is_not_sent() {
        let (mut stage, channel) = Stage::joined();
        let dropped = stage.ask(channel, "a");
        stage.ask(channel, "b");
        let sent = stage.protocol.poll_transmit(|request| request != dropped);
        assert!(matches!(sent, Some(Transmit::Frame { head, .. }) if head.ends_with(b"\"b\",")));
        stage.ask(channel, "c");
        stage.protocol.retain_waiting(|_| false);
        stage.sends(&[]);
    }

    #[test]
    fn heartbeats() {
        let (mut stage, _) = Stage::joined();
        assert_eq!(stage.protocol.deadline(), Some(stage.now + HEARTBEAT));
        stage.waits(HEARTBEAT);
        stage.sends(&[r#"[null,"2","phoenix","heartbeat",{}]"#, "ping"]);
        stage.says(r#"[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]"#);
        stage.waits(HEARTBEAT);
        stage.sends(&[r#"[null,"3","phoenix","heartbeat",{}]"#, "ping"]);
        // Anything will do.
        stage.protocol.heard();
        stage.waits(HEARTBEAT);
        stage.sends(&[r#"[null,"4","phoenix","heartbeat",{}]"#, "ping"]);
        // Even if it is late.
        stage.waits(HEARTBEAT);
        stage.sends(&[]);
        stage.protocol.heard();
        stage.waits(HEARTBEAT / 10);
        stage.sends(&[r#"[null,"5","phoenix","heartbeat",{}]"#, "ping"]);
        stage.waits(HEARTBEAT);
        stage.tells(&[]);
        stage.waits(HEARTBEAT / 10 - SECOND);
        stage.tells(&[]);
        stage.waits(SECOND);
        stage.tells(&[Event::Silent]);
    }

    #[test]
    fn heartbeats_that_cannot_be_sent_do_not_heap_up() {
        let (mut stage, _) = Stage::joined();
        for _ in 0..3 {
            stage.waits(HEARTBEAT);
            stage.protocol.heard();
        }
        stage.sends(&[r#"[null,"2","phoenix","heartbeat",{}]"#, "ping"]);
    }

    proptest! {
        /// Whatever happens, in whatever order: a request is answered once, and its bytes leave once, unless the server has said that
        /// nobody looked at them.
        #[test]
        fn every_request_is_answered_once_and_sent_once(steps in proptest::collection::vec((0..12_u8, any::<u8>()), 0..200)) {
            let mut stage = Stage::new();
            let mut connected = true;
            let mut channels = Vec::new();
            let mut open = HashMap::<RequestId, u32>::new();
            let mut sendings = HashMap::<String, (u32, u32)>::new();
            let mut writing: Option<(Option<What>, String)> = None;
            let mut arrived = Vec::<serde_json::Value>::new();
            for (step, which) in steps {
                let pick = |n: usize| usize::from(which) % n.max(1);
                let channel: Option<ChannelId> = channels.get(pick(channels.len())).copied();
                let topic = format!("t{}", pick(channels.len()));
                match (step, channel) {
                    (0, _) => channels.extend(stage.join(&format!("t{}", channels.len()))),
                    (1, Some(channel)) => {
                        let event = format!("e{}", stage.protocol.last_id + 1);
                        if let Ok(request) = stage.ask_with(channel, &event, Payload::empty()) {
                            open.insert(request, 0);
                            sendings.insert(event, (0, 1));
                        }
                    }
                    (2, _) if writing.is_none() => writing = stage.take(),
                    (3 | 4, _) => {
                        if let Some((Some(what), text)) = &writing {
                            let frame: serde_json::Value = serde_json::from_str(text).expect("a frame");
                            stage.protocol.begun(*what);
                            stage.protocol.written(*what, stage.now);
                            if let Some((sent, _)) = sendings.get_mut(frame[3].as_str().expect("text")) {
                                *sent += 1;
                            }
                            arrived.push(frame);
                        }
                        writing = None;
                    }
                    (5 | 6, _) if !arrived.is_empty() => {
                        let frame = arrived.swap_remove(pick(arrived.len()));
                        let event = frame[3].as_str().expect("text");
                        let allowed = sendings.get_mut(event).map(|(_, allowed)| allowed);
                        let reply = match allowed {
                            Some(allowed) if step == 6 => {
                                *allowed += 1;
                                serde_json::json!({ "status": "error", "response": { "reason": "unmatched topic" } })
                            }
                            _ => serde_json::json!({ "status": "ok", "response": {} }),
                        };
                        stage.says(&serde_json::json!([null, frame[1], frame[2], "phx_reply", reply]).to_string());
                    }
                    (7, Some(_)) => stage.says(&serde_json::json!([null, null, topic, "phx_error", {}]).to_string()),
                    (8, Some(_)) if which < 20 => {
                        stage.says(&serde_json::json!([null, null, topic, "phx_close", {}]).to_string());
                    }
                    (9, _) => {
                        if connected {
                            if let Some((Some(what), text)) = writing.take() && which % 2 == 0 {
                                stage.protocol.begun(what);
                                let frame: serde_json::Value = serde_json::from_str(&text).expect("a frame");
                                if let Some((sent, _)) = sendings.get_mut(frame[3].as_str().expect("text")) {
                                    *sent += 1;
                                }
                            }
                            stage.protocol.disconnected();
                        } else {
                            stage.protocol.connected(stage.now);
                        }
                        connected = !connected;
                    }
                    (10, _) => stage.waits(u32::from(which) % 12 * SECOND),
                    (11, Some(channel)) if which < 40 => stage.protocol.leave(channel, SECOND, stage.now),
                    _ => {}
                }
                stage.count_answers(&mut open);
            }
            stage.protocol.disconnected();
            for channel in channels {
                stage.protocol.leave(channel, SECOND, stage.now);
            }
            stage.count_answers(&mut open);
            prop_assert!(stage.protocol.channels.is_empty());
            prop_assert!(open.values().all(|answers| *answers == 1), "{open:?}");
            prop_assert!(sendings.values().all(|(sent, allowed)| sent <= allowed), "{sendings:?}");
        }
    }
}
