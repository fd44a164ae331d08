//! What a channel does at every turn that a connection can take.

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
            stage.says(&format!(r#"["{reference}","{reference}","t","phx_reply",{{"status":"ok","response":{{}}}}]"#));
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
    let push =
        |event: &str, payload| Event::Pushed { channel, push: Push { event: event.into(), payload: json(payload) } };
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
