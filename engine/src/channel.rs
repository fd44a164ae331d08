//! One end of the socket between parent and child: messages in, messages out.
//!
//! Reading never waits and never trusts: [`Receiver::receive`] takes what is there, and the other end may stop in the middle of
//! a frame, send what is none, or attach descriptors that nobody asked for. Who wants to wait polls the socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{self, INLINE, Layout, PRELUDE, Prelude};
use crate::memfd;

/// Bytes that are made room for at once, whatever a frame says it will have.
const CHUNK: usize = 64 << 10;

/// Why there will be no more messages.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other end is gone.
    #[error("the other end is gone")]
    Closed,
    /// The system failed us.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came is no frame.
    #[error(transparent)]
    Frame(#[from] frame::Error),
    /// A head that is none. It is not quoted: secrets may be in it.
    #[error("a head that cannot be read at byte {0}")]
    Head(usize),
    /// A descriptor where none belongs, or none where one does.
    #[error("a frame {0}")]
    Descriptor(&'static str),
    /// A message at the wrong time, or that contradicts itself.
    #[error("a message out of order: {0}")]
    Order(&'static str),
    /// The other end does not want to hear us.
    #[error("refused: {0}")]
    Refused(String),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Error {
        match errno {
            Errno::PIPE | Errno::CONNRESET => Error::Closed,
            other => Error::Io(other.into()),
        }
    }
}

/// A message that came.
#[derive(Debug)]
pub struct Message<H> {
    /// What it says.
    pub head: H,
    /// What it is about.
    pub bodies: Vec<Bytes>,
}

/// Bytes that go out, in pieces.
pub type Pieces = Vec<Bytes>;

/// Two ends of a new socket.
///
/// # Errors
/// When the system has none.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// Waits until there is something to read, or until the deadline; answers which.
///
/// # Errors
/// When the system fails us.
pub fn readable(socket: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = deadline.map(|deadline| timespec(deadline.saturating_duration_since(Instant::now())));
        let mut set = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        match poll(&mut set, timeout.as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

pub(crate) fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() }
}

/// The end that speaks; may be shared by threads.
#[derive(Debug, Clone)]
pub struct Sender(Arc<Speaking>);

#[derive(Debug)]
struct Speaking {
    socket: OwnedFd,
    /// Whether the stream ends in a part of a frame.
    broken: Mutex<bool>,
}

impl Sender {
    /// Speaks through a socket. The other end counts as gone when it does not read for as long as `patience`.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(socket: OwnedFd, patience: Option<Duration>) -> io::Result<Sender> {
        set_socket_timeout(&socket, Timeout::Send, patience)?;
        Ok(Sender(Arc::new(Speaking { socket, broken: Mutex::new(false) })))
    }

    /// Sends a message. Waits while the other end is slow, which is what keeps a flood from filling the memory.
    ///
    /// # Errors
    /// When the other end is gone, or has not read for too long.
    pub fn send<H: Serialize>(&self, head: &H, bodies: &[Pieces]) -> Result<(), Error> {
        let head = serde_json::to_vec(head).map_err(|error| Error::Head(error.column()))?;
        let lengths: Vec<usize> = bodies.iter().map(|body| body.iter().map(Bytes::len).sum()).collect();
        let mut bytes = frame::start(&head, &lengths)?;
        let pieces = bodies.iter().flatten();
        let memory = if lengths.iter().sum::<usize>() > INLINE {
            Some(memfd::filled(pieces)?)
        } else {
            pieces.for_each(|piece| bytes.extend_from_slice(piece));
            None
        };
        let mut broken = self.0.broken.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if *broken {
            return Err(Error::Closed);
        }
        *broken = true;
        self.write(&bytes, memory.as_ref().map(AsFd::as_fd))?;
        *broken = false;
        Ok(())
    }

    fn write(&self, mut bytes: &[u8], memory: Option<BorrowedFd<'_>>) -> Result<(), Error> {
        let descriptors: &[BorrowedFd<'_>] = memory.as_slice();
        let mut first = true;
        while !bytes.is_empty() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if first && !descriptors.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(descriptors));
            }
            match sendmsg(&self.0.socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            first = false;
        }
        Ok(())
    }
}

/// The end that listens.
#[derive(Debug)]
pub struct Receiver {
    socket: OwnedFd,
    /// What has come of the current frame.
    buffer: Vec<u8>,
    memory: Option<OwnedFd>,
    expected: Expected,
}

/// What the current frame is known to have.
#[derive(Debug)]
enum Expected {
    Prelude,
    Middle(Prelude),
    Bodies(Prelude, Layout),
}

impl Receiver {
    /// Listens to a socket.
    pub fn new(socket: OwnedFd) -> Receiver {
        Receiver { socket, buffer: Vec::new(), memory: None, expected: Expected::Prelude }
    }

    /// The socket, to be polled.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next message, if all of it is there. Never waits.
    ///
    /// # Errors
    /// When there will be none: the other end is gone, or cannot be understood. After that nothing that comes means anything.
    pub fn receive<H: DeserializeOwned>(&mut self) -> Result<Option<Message<H>>, Error> {
        loop {
            let target = match &self.expected {
                Expected::Prelude => PRELUDE,
                Expected::Middle(prelude) => PRELUDE + prelude.middle(),
                Expected::Bodies(prelude, layout) => PRELUDE + prelude.middle() + layout.in_line(),
            };
            if !self.fill(target)? {
                return Ok(None);
            }
            self.expected = match std::mem::replace(&mut self.expected, Expected::Prelude) {
                Expected::Prelude => {
                    let prelude = self.buffer[..PRELUDE].try_into().expect("it has been filled");
                    Expected::Middle(Prelude::parse(prelude)?)
                }
                Expected::Middle(prelude) => {
                    let layout = Layout::parse(&prelude, &self.buffer[PRELUDE..])?;
                    Expected::Bodies(prelude, layout)
                }
                Expected::Bodies(prelude, layout) => return self.finish(&prelude, &layout).map(Some),
            };
        }
    }

    /// The next message, waited for until the deadline.
    ///
    /// # Errors
    /// As [`Receiver::receive`]; `TimedOut` after the deadline.
    pub fn wait<H: DeserializeOwned>(&mut self, deadline: Option<Instant>) -> Result<Message<H>, Error> {
        loop {
            if let Some(message) = self.receive()? {
                return Ok(message);
            }
            if !readable(self.socket(), deadline)? {
                return Err(Error::Io(io::ErrorKind::TimedOut.into()));
            }
        }
    }

    fn finish<H: DeserializeOwned>(&mut self, prelude: &Prelude, layout: &Layout) -> Result<Message<H>, Error> {
        let buffer = Bytes::from(std::mem::take(&mut self.buffer));
        let middle = buffer.slice(PRELUDE..PRELUDE + prelude.middle());
        let bodies = match (self.memory.take(), prelude.in_memory) {
            (Some(memory), true) => memfd::mapped(memory, layout.total)?,
            (None, false) => buffer.slice(PRELUDE + prelude.middle()..),
            (None, true) => return Err(Error::Descriptor("without the memory that it announces")),
            (Some(_), false) => return Err(Error::Descriptor("with a descriptor that it does not announce")),
        };
        let head = serde_json::from_slice(&middle[layout.head.clone()]).map_err(|error| Error::Head(error.column()))?;
        Ok(Message { head, bodies: layout.bodies.iter().map(|body| bodies.slice(body.clone())).collect() })
    }

    /// Reads up to a length of the buffer; answers whether it is there. Not a byte of the next frame is read, so that a
    /// descriptor that comes belongs to this one.
    fn fill(&mut self, target: usize) -> Result<bool, Error> {
        while self.buffer.len() < target {
            let have = self.buffer.len();
            self.buffer.resize(target.min(have + CHUNK), 0);
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut room = [IoSliceMut::new(&mut self.buffer[have..])];
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let received = recvmsg(&self.socket, &mut room, &mut control, flags);
            let bytes = received.as_ref().map_or(0, |received| received.bytes);
            self.buffer.truncate(have + bytes);
            let received = match received {
                Ok(received) => received,
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for message in control.drain() {
                let RecvAncillaryMessage::ScmRights(descriptors) = message else { continue };
                for descriptor in descriptors {
                    if have >= PRELUDE || self.memory.replace(descriptor).is_some() {
                        return Err(Error::Descriptor("with descriptors where none belong"));
                    }
                }
            }
            if received.flags.contains(ReturnFlags::CTRUNC) {
                return Err(Error::Descriptor("with more descriptors than one"));
            }
            if bytes == 0 {
                return Err(Error::Closed);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn ends() -> (Sender, Receiver) {
        let (a, b) = pair().unwrap();
        (Sender::new(a, None).unwrap(), Receiver::new(b))
    }

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(20))
    }

    fn pieces(parts: &[&'static str]) -> Pieces {
        parts.iter().map(|part| Bytes::from_static(part.as_bytes())).collect()
    }

    #[test]
    fn messages_cross() {
        let (sender, mut receiver) = ends();
        assert!(receiver.receive::<String>().unwrap().is_none());
        sender.send(&"one", &[]).unwrap();
        sender.send(&"two", &[pieces(&["ab", "", "c"]), pieces(&[]), pieces(&["d"])]).unwrap();
        let big = Bytes::from(vec![7; 3 << 20]);
        sender.send(&"three", &[vec![big.clone(), big.clone()], pieces(&["x"])]).unwrap();
        sender.send(&"four", &[]).unwrap();
        assert_eq!(receiver.wait::<String>(soon()).unwrap().head, "one");
        let two = receiver.wait::<String>(soon()).unwrap();
        assert_eq!((two.head.as_str(), two.bodies), ("two", pieces(&["abc", "", "d"])));
        let three = receiver.wait::<String>(soon()).unwrap();
        assert_eq!((three.bodies[0].len(), &three.bodies[1][..]), (6 << 20, &b"x"[..]));
        assert!(three.bodies[0].iter().all(|byte| *byte == 7));
        assert_eq!(receiver.wait::<String>(soon()).unwrap().head, "four");
        drop(sender);
        assert!(matches!(receiver.receive::<String>(), Err(Error::Closed)));
    }

    #[test]
    fn a_frame_may_come_byte_by_byte() {
        let (a, b) = UnixStream::pair().unwrap();
        let mut receiver = Receiver::new(b.into());
        let mut frame = frame::start(b"\"hello\"", &[3]).unwrap();
        frame.extend_from_slice(b"abc");
        for byte in &frame {
            assert!(receiver.receive::<String>().unwrap().is_none());
            io::Write::write_all(&mut &a, &[*byte]).unwrap();
        }
        let message = receiver.receive::<String>().unwrap().unwrap();
        assert_eq!((message.head.as_str(), &message.bodies[0][..]), ("hello", &b"abc"[..]));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        #[track_caller]
        fn check(bytes: &[u8], descriptors: &[BorrowedFd<'_>], expected: &str) {
            let (a, b) = pair().unwrap();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty() {
                assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
            }
            sendmsg(&a, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).unwrap();
            let error = Receiver::new(b).receive::<u32>().unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let null = std::fs::File::open("/dev/null").unwrap();
        let memory = memfd::filled(&pieces(&["x"])).unwrap();
        let small = frame::start(b"1", &[]).unwrap();
        let large = frame::start(b"1", &[INLINE + 1]).unwrap();
        check(b"GET / HTTP/1.1\r\n\r\n", &[], "not a frame");
        check(&frame::start(b"\"secret\"", &[]).unwrap(), &[], "a head that cannot be read at byte 8");
        check(&small, &[null.as_fd()], "does not announce");
        check(&large, &[], "without the memory");
        check(&large, &[null.as_fd()], "not sealed memory");
        check(&large, &[memory.as_fd()], "of another length");
        check(&small, &[null.as_fd(), null.as_fd()], "descriptors");
    }

    #[test]
    fn what_is_refused_leaves_no_descriptors_behind() {
        let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let memory = memfd::filled(&pieces(&["x"])).unwrap();
        let large = frame::start(b"1", &[INLINE + 1]).unwrap();
        let attempt = || {
            let (a, b) = pair().unwrap();
            let sender = Sender::new(a, None).unwrap();
            sender.write(&large, Some(memory.as_fd())).unwrap();
            Receiver::new(b).receive::<u32>().unwrap_err();
        };
        attempt();
        // Other tests open and close descriptors at the same time: a leak would show in every one of many attempts.
        let before = count();
        (0..200).for_each(|_| attempt());
        assert!(count() < before + 100);
    }
}
