//! A connection under the channels: frames come in and go out, and are cut where faults say.
//!
//! The server reads and writes frames itself, because a cut is a byte: a websocket library would have read or written the
//! rest of the frame. From the worker's side, a frame that is not read to its end and one that did not arrive are the same.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::fault::{Cut, Decided, Direction, How, Place};
use crate::frame::{self, Header, Opcode};
use crate::happening::Happened;
use crate::phoenix::{self, Encoded};
use crate::run::RunId;
use crate::store::Shared;

/// How far into a payload its topic and event are looked for.
const PEEK: usize = 1024;

/// What is read at once.
const CHUNK: usize = 256 << 10;

/// How long the other side may take to see that we have closed.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The worker went away.
    Gone,
    /// We say why and close.
    Close(u16, String),
    /// A fault.
    Cut(How),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> End {
        End::Gone
    }
}

/// What goes to the socket's writer.
#[derive(Debug)]
pub(crate) enum Out {
    /// A frame.
    Send(Outgoing),
    /// An answer to a ping, with its payload.
    Pong(Bytes),
    /// The end of it.
    End(End),
}

/// A frame on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) encoded: Encoded,
    pub(crate) topic: String,
    /// The push's event, or that of the request which this answers.
    pub(crate) event: String,
    /// The request that this answers.
    pub(crate) request: Option<u64>,
    /// A cut that was decided on when the request came in.
    pub(crate) cut: Option<Decided>,
    /// Runs that the reply hands out.
    pub(crate) claimed: Vec<RunId>,
}

impl Outgoing {
    /// What no request asked for.
    pub(crate) fn push(topic: &str, event: &str, encoded: Encoded) -> Outgoing {
        Outgoing {
            encoded,
            topic: topic.to_owned(),
            event: event.to_owned(),
            request: None,
            cut: None,
            claimed: vec![],
        }
    }
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Input {
    Text(Bytes, Option<Decided>),
    Binary(Bytes, Option<Decided>),
    Ping(Bytes),
    Pong,
}

/// The half that reads.
pub(crate) struct Reader<'a> {
    stream: &'a TcpStream,
    shared: Arc<Shared>,
    socket: u64,
    buffer: BytesMut,
    /// A message of which more fragments are to come.
    message: Option<(Opcode, BytesMut, Option<Decided>)>,
}

impl<'a> Reader<'a> {
    /// Reads what `before` begins.
    pub(crate) fn new(stream: &'a TcpStream, shared: Arc<Shared>, socket: u64, before: &[u8]) -> Reader<'a> {
        Reader { stream, shared, socket, buffer: BytesMut::from(before), message: None }
    }

    /// The next message, or the end.
    pub(crate) async fn next(&mut self) -> Result<Input, End> {
        loop {
            let (header, payload, cut) = self.frame().await?;
            match (header.opcode, &mut self.message) {
                (Opcode::Close, _) => return Err(End::Close(1000, String::new())),
                (Opcode::Ping, _) => return Ok(Input::Ping(payload.freeze())),
                (Opcode::Pong, _) => return Ok(Input::Pong),
                (Opcode::Continuation, Some((_, bytes, _))) => bytes.unsplit(payload),
                (Opcode::Text | Opcode::Binary, message @ None) => *message = Some((header.opcode, payload, cut)),
                _ => return Err(End::Close(1002, "fragments out of order".to_owned())),
            }
            if header.fin
                && let Some((opcode, bytes, cut)) = self.message.take()
            {
                return match opcode {
                    Opcode::Binary => Ok(Input::Binary(bytes.freeze(), cut)),
                    _ if str::from_utf8(&bytes).is_ok() => Ok(Input::Text(bytes.freeze(), cut)),
                    _ => Err(End::Close(1007, String::new())),
                };
            }
        }
    }

    /// The next frame without its mask, unless a fault comes between.
    async fn frame(&mut self) -> Result<(Header, BytesMut, Option<Decided>), End> {
        let header = loop {
            match frame::header(&self.buffer) {
                Ok(Some(header)) => break header,
                Ok(None) => self.fill(0).await?,
                Err(error) => return Err(End::Close(1002, error.to_string())),
            }
        };
        let gathered = self.message.as_ref().map_or(0, |(_, bytes, _)| bytes.len() as u64);
        if gathered + header.length > self.shared.config.max_frame {
            let size = gathered + header.length;
            self.shared.lock().violate(None, format!("a message of {size} bytes on socket {}", self.socket));
            return Err(End::Close(1009, String::new()));
        }
        // The bound is far below what memory is counted in.
        let (size, length) = (header.size, usize::try_from(header.length).unwrap_or(usize::MAX));
        let mut cut = None;
        let mut is_judged = !matches!(header.opcode, Opcode::Text | Opcode::Binary);
        loop {
            let is_whole = self.buffer.len() >= size + length;
            if !is_judged {
                let name = self.peek(&header);
                if name.is_some() || is_whole {
                    is_judged = true;
                    cut = self.judge(&header, name.unwrap_or_default());
                }
            }
            if let Some((decided, byte, topic, event)) = &cut
                && !decided.place.is_after_handling()
                && self.buffer.len() as u64 >= *byte
            {
                note(&self.shared, self.socket, (topic, event), Direction::In, *decided, *byte);
                return Err(End::Cut(decided.how));
            }
            if is_whole {
                break;
            }
            self.fill(size + length - self.buffer.len()).await?;
        }
        self.buffer.advance(size);
        let mut payload = self.buffer.split_to(length);
        frame::unmask(&mut payload, header.mask);
        Ok((header, payload, cut.map(|(decided, ..)| decided)))
    }

    /// Topic and event of the frame that the buffer begins with, as soon as enough of it is there.
    fn peek(&self, header: &Header) -> Option<(String, String)> {
        let payload = self.buffer.get(header.size..)?;
        let length = usize::try_from(header.length).unwrap_or(PEEK).min(PEEK).min(payload.len());
        let mut prefix = payload[..length].to_vec();
        frame::unmask(&mut prefix, header.mask);
        if header.opcode == Opcode::Binary {
            let message = phoenix::binary(&prefix.into()).ok()?;
            return Some((message.topic, message.event));
        }
        phoenix::peek(&prefix).map(|(topic, event)| (topic.to_owned(), event.to_owned()))
    }

    fn judge(&self, header: &Header, (topic, event): (String, String)) -> Option<(Decided, u64, String, String)> {
        let decided = self.shared.lock().faults.cut(Direction::In, &topic, &event)?;
        let byte = decided.place.byte(header.size as u64 - 4, 4, header.length);
        Some((decided, byte, topic, event))
    }

    /// Reads what there is. Whatever comes in keeps the connection awake.
    async fn fill(&mut self, wanted: usize) -> Result<(), End> {
        self.buffer.reserve(wanted.clamp(4096, CHUNK));
        loop {
            match tokio::time::timeout(self.shared.config.idle, self.stream.readable()).await {
                Ok(ready) => ready?,
                Err(_) => return Err(End::Close(1000, "idle".to_owned())),
            }
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => return Err(End::Gone),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The half that writes.
pub(crate) struct Writer<'a> {
    pub(crate) stream: &'a TcpStream,
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: u64,
    pub(crate) from: &'a mut UnboundedReceiver<Out>,
    /// Runs of a reply that is not yet written.
    pub(crate) unsent: &'a mut Vec<RunId>,
}

impl Writer<'_> {
    /// Writes what comes, until one of them is the end.
    pub(crate) async fn run(&mut self) -> End {
        loop {
            let result = match self.from.recv().await {
                Some(Out::Send(outgoing)) => self.send(outgoing).await,
                Some(Out::Pong(payload)) => self.frame(Opcode::Pong, &payload).await,
                Some(Out::End(End::Close(code, reason))) => {
                    let _ = self.frame(Opcode::Close, &frame::close(code, &reason)).await;
                    Err(End::Close(code, reason))
                }
                Some(Out::End(end)) => Err(end),
                None => Err(End::Gone),
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    async fn frame(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), End> {
        self.write(&[&frame::head(opcode, payload.len()), payload].concat()).await
    }

    async fn send(&mut self, outgoing: Outgoing) -> Result<(), End> {
        let Outgoing { encoded, topic, event, request, cut, claimed } = outgoing;
        *self.unsent = claimed;
        let (from_request, decided, copies) = {
            let mut store = self.shared.lock();
            if let Some(seq) = request
                && let Some(entry) = topic.strip_prefix("run:").and_then(|run| store.entry(run))
            {
                entry.watch.answered(seq);
            }
            let decided = cut.or_else(|| store.faults.cut(Direction::Out, &topic, &event));
            let copies = if request.is_none() && store.faults.duplicates(&topic, &event) { 2 } else { 1 };
            (cut.is_some(), decided, copies)
        };
        let length: usize = encoded.pieces.iter().map(Bytes::len).sum();
        let head = Bytes::from(frame::head(encoded.opcode, length));
        let end = decided.map(|decided| match decided.place {
            Place::Received => 0,
            place => place.byte(head.len() as u64, 0, length as u64),
        });
        let mut left = end.unwrap_or(u64::MAX);
        for piece in std::iter::once(&head).chain(&encoded.pieces) {
            let some = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            self.write(&piece[..some]).await?;
            left -= some as u64;
        }
        if left > 0 || end == Some((head.len() + length) as u64) {
            self.unsent.clear();
            if let Some(seq) = request {
                self.shared.lock().delivered(seq);
            }
        }
        if let (Some(decided), Some(byte)) = (decided, end) {
            let direction = if from_request { Direction::In } else { Direction::Out };
            note(&self.shared, self.socket, (&topic, &event), direction, decided, byte);
            return Err(End::Cut(decided.how));
        }
        for _ in 1..copies {
            for piece in std::iter::once(&head).chain(&encoded.pieces) {
                self.write(piece).await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), End> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Ends a connection in the way that was decided on.
pub(crate) async fn end(mut stream: TcpStream, end: &End) {
    if *end == End::Cut(How::Reset) {
        // A connection without lingering is reset when it is closed.
        let _ = stream.set_zero_linger();
        return;
    }
    // Closed with bytes unread, a connection is reset, and what we wrote may be lost on the way: read until the other side
    // has seen the end too.
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
    let drain = async {
        let mut bytes = vec![0; CHUNK];
        while let Ok(1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await {}
    };
    let _ = tokio::time::timeout(LINGER, drain).await;
}

fn note(shared: &Shared, socket: u64, name: (&str, &str), direction: Direction, decided: Decided, byte: u64) {
    let Decided { place, how, random } = decided;
    let (topic, event) = (name.0.to_owned(), name.1.to_owned());
    let run = topic.strip_prefix("run:").map(str::to_owned);
    let cut = Cut { socket, topic, event, direction, place, how, byte, random };
    let mut store = shared.lock();
    store.cuts.push(cut.clone());
    store.tell(run.as_deref(), Happened::Cut { cut });
}
