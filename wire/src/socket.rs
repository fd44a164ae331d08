//! The websocket. This file alone knows which library that is.
//!
//! The library shakes hands and reads. All writing is ours, so that a frame never exists as a whole, and so that reading goes on
//! while we write: a server that is busy sending us 100 MB may not read what we send until we have taken it. What the library itself
//! wants to say (pongs) it says to a small queue, which is written between frames.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::frame::{self, Frame, Unreadable};
use crate::outgoing::{Outgoing, STEP};
use crate::settings::Target;

/// The longest message that is read. States are not bounded by us; this only keeps a broken length from asking for all memory.
const LONGEST_MESSAGE: usize = 1 << 30;
/// What the library may have to say while we write something long.
const LONGEST_QUEUE: usize = 4 << 10;
/// How long a goodbye may take.
const LONGEST_CLOSE: Duration = Duration::from_secs(1);
/// How long one address has before the next one is tried beside it (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);
const MOST_ADDRESSES: usize = 8;

/// Makes connections.
pub(crate) struct Connector {
    target: Target,
    tls: Option<TlsConnector>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server answered with this status of HTTP, and with no websocket.
    Status(u16),
    /// Anything else.
    Other(String),
}

/// A connection. Dropping it drops it.
pub(crate) struct Socket {
    websocket: WebSocketStream<Wire>,
    outgoing: Option<Outgoing>,
    /// Whether bytes of `outgoing` may have left.
    begun: bool,
    buffer: Box<[u8]>,
    /// What is in the buffer and is not written.
    start: usize,
    end: usize,
    /// Whether what is in the buffer is of `outgoing`, and not of the library's queue.
    ours: bool,
    to_flush: bool,
    /// Whether the last write had to wait, so that the next shows that the server takes what we send.
    blocked: bool,
    /// Whether the server has shown a sign of life since somebody asked.
    moved: bool,
    /// Reading and writing take turns in being first.
    read_first: bool,
    /// Whether we have said goodbye.
    closed: bool,
}

/// What happens on a connection.
pub(crate) enum Happened {
    /// A frame came, of so many bytes.
    Came(Result<Frame, Unreadable>, usize),
    /// Something came that is only a sign of life.
    Sign,
    /// Bytes of the frame that is being sent may have left.
    Begun,
    /// All of it has left: so many bytes.
    Written(u64),
    /// There is no connection any more.
    Gone(Gone),
}

/// Why a connection went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The server said so, with this code and reason.
    Closed(Option<(u16, String)>),
    /// It broke.
    Broken(String),
    /// Nothing came for too long.
    Silent,
}

impl Gone {
    /// Whether the server said that it restarts: then all its clients come back at the same time.
    pub(crate) fn is_restart(&self) -> bool {
        matches!(self, Gone::Closed(Some((1012, _))))
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gone::Closed(Some((code, reason))) if reason.is_empty() => write!(f, "closed by the server ({code})"),
            Gone::Closed(Some((code, reason))) => write!(f, "closed by the server ({code}: {reason})"),
            Gone::Closed(None) => f.write_str("closed by the server"),
            Gone::Broken(why) => write!(f, "the connection broke: {why}"),
            Gone::Silent => f.write_str("the server has been silent for too long"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Status(status) => write!(f, "the server answered with status {status}"),
            Failure::Other(why) => f.write_str(why),
        }
    }
}

impl Connector {
    pub(crate) fn new(target: Target, system_certificates: bool) -> Result<Connector, String> {
        let tls = if target.secure { Some(tls(roots(system_certificates)?)?) } else { None };
        Ok(Connector { target, tls })
    }

    /// Connects, up to the end of the websocket's handshake.
    pub(crate) async fn open(&self) -> Result<Socket, Failure> {
        let Target { host, port, uri, .. } = &self.target;
        let tcp = reach(host, *port).await;
        let tcp = tcp.map_err(|error| Failure::Other(format!("cannot connect: {error}")))?;
        // Requests wait for answers: nothing is gained by holding them back.
        let _ = tcp.set_nodelay(true);
        let stream: Box<dyn Io> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from(host.clone()).map_err(|error| Failure::Other(error.to_string()))?;
                let tls = tls.connect(name, tcp).await;
                Box::new(tls.map_err(|error| Failure::Other(format!("no secure connection: {error}")))?)
            }
        };
        let wire = Wire { stream, queue: Vec::new(), shaken: false, read: false };
        let config = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE))
            .write_buffer_size(0)
            .max_write_buffer_size(LONGEST_QUEUE);
        let request = uri.into_client_request().map_err(|error| Failure::Other(error.to_string()))?;
        match client_async_with_config(request, wire, Some(config)).await {
            Ok((mut websocket, _)) => {
                websocket.get_mut().shaken = true;
                Ok(Socket {
                    websocket,
                    outgoing: None,
                    begun: false,
                    buffer: vec![0; STEP].into(),
                    start: 0,
                    end: 0,
                    ours: false,
                    to_flush: false,
                    blocked: false,
                    moved: false,
                    read_first: false,
                    closed: false,
                })
            }
            Err(Error::Http(response)) => Err(Failure::Status(response.status().as_u16())),
            Err(error) => Err(Failure::Other(format!("no websocket: {error}"))),
        }
    }
}

impl Socket {
    /// Whether the next frame may be sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.outgoing.is_none()
    }

    /// Sends a frame. Nothing else may be on its way.
    pub(crate) fn send(&mut self, outgoing: Outgoing) {
        debug_assert!(self.is_idle());
        self.outgoing = Some(outgoing);
        self.begun = false;
    }

    /// Whether bytes have moved since this was last asked, in a way that shows that the server is there.
    pub(crate) fn has_moved(&mut self) -> bool {
        let read = std::mem::take(&mut self.websocket.get_mut().read);
        std::mem::take(&mut self.moved) || read
    }

    /// Reads and writes until something happens. Nothing is lost if nobody waits to the end.
    pub(crate) async fn next(&mut self) -> Happened {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Says goodbye, if that is possible between two frames, and waits a moment for the answer.
    pub(crate) async fn close(mut self) {
        let goodbye = async {
            while !self.is_idle() {
                if let Happened::Gone(_) = self.next().await {
                    return;
                }
            }
            self.send(Outgoing::close());
            self.closed = true;
            while !matches!(self.next().await, Happened::Gone(_)) {}
        };
        // Who does not answer is left without.
        let _ = tokio::time::timeout(LONGEST_CLOSE, goodbye).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        self.read_first = !self.read_first;
        if self.read_first
            && let Poll::Ready(happened) = self.poll_read(cx)
        {
            return Poll::Ready(happened);
        }
        loop {
            // Reading has its turn after each step of writing.
            let wrote = self.poll_write(cx);
            if let Poll::Ready(Ok(Some(happened))) = wrote {
                return Poll::Ready(happened);
            }
            let had_queue = !self.websocket.get_ref().queue.is_empty();
            let read = self.poll_read(cx);
            match (wrote, read) {
                (_, Poll::Ready(happened)) => return Poll::Ready(happened),
                // What the server said before it went has been read.
                (Poll::Ready(Err(error)), Poll::Pending) => {
                    return Poll::Ready(Happened::Gone(Gone::Broken(error.to_string())));
                }
                (Poll::Ready(Ok(_)), Poll::Pending) => {}
                // Reading has put an answer to a ping there, and nobody will wake us for that.
                (Poll::Pending, Poll::Pending) if !had_queue && !self.websocket.get_ref().queue.is_empty() => {}
                (Poll::Pending, Poll::Pending) => return Poll::Pending,
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        let message = match ready!(Pin::new(&mut self.websocket).poll_next(cx)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Poll::Ready(Happened::Gone(Gone::Broken(error.to_string()))),
            None => return Poll::Ready(Happened::Gone(Gone::Closed(None))),
        };
        Poll::Ready(match message {
            Message::Text(text) => {
                let text = text.into();
                Happened::Came(frame::decode_text(&text), text.len())
            }
            Message::Binary(bytes) => Happened::Came(frame::decode_binary(&bytes), bytes.len()),
            Message::Close(why) => {
                self.answer_close(cx);
                Happened::Gone(Gone::Closed(why.map(|why| (why.code.into(), why.reason.to_string()))))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Happened::Sign,
        })
    }

    /// One step: what is in the buffer, or else what can be put into it. Ready with nothing when there is more to do.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Happened>>> {
        if self.start < self.end {
            let wire = self.websocket.get_mut();
            let Poll::Ready(written) = Pin::new(&mut wire.stream).poll_write(cx, &self.buffer[self.start..self.end])
            else {
                self.blocked = true;
                return Poll::Pending;
            };
            let written = written?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.moved |= std::mem::take(&mut self.blocked);
            self.start += written;
            self.to_flush = true;
            if self.ours && !std::mem::replace(&mut self.begun, true) {
                return Poll::Ready(Ok(Some(Happened::Begun)));
            }
            return Poll::Ready(Ok(None));
        }
        if let Some(outgoing) = &mut self.outgoing
            && (self.begun || self.websocket.get_ref().queue.is_empty())
        {
            (self.start, self.end, self.ours) = (0, outgoing.fill(&mut self.buffer), true);
            if self.end > 0 {
                return Poll::Ready(Ok(None));
            }
        }
        let wire = self.websocket.get_mut();
        if self.to_flush {
            ready!(Pin::new(&mut wire.stream).poll_flush(cx))?;
            self.to_flush = false;
        }
        if self.begun
            && let Some(outgoing) = self.outgoing.take()
        {
            self.begun = false;
            return Poll::Ready(Ok(Some(Happened::Written(outgoing.length()))));
        }
        if wire.queue.is_empty() {
            return Poll::Pending;
        }
        (self.start, self.end, self.ours) = (0, wire.queue.len(), false);
        self.buffer[..self.end].copy_from_slice(&wire.queue);
        wire.queue.clear();
        Poll::Ready(Ok(None))
    }

    /// Says goodbye to a server that has, as far as that goes without waiting.
    fn answer_close(&mut self, cx: &mut Context<'_>) {
        if self.start == self.end && !self.begun && !self.closed {
            let end = Outgoing::close().fill(&mut self.buffer);
            let stream = &mut self.websocket.get_mut().stream;
            if let Poll::Ready(Ok(_)) = Pin::new(&mut *stream).poll_write(cx, &self.buffer[..end]) {
                let _ = Pin::new(stream).poll_flush(cx);
            }
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What the library takes for the connection: it reads from it, but what it writes after the handshake goes into a queue.
struct Wire {
    stream: Box<dyn Io>,
    queue: Vec<u8>,
    shaken: bool,
    /// Whether anything was read.
    read: bool,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.read |= buffer.filled().len() > before;
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.shaken {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        if self.queue.len() + bytes.len() > LONGEST_QUEUE {
            // The library asks again when it reads, and keeps only so much itself.
            return Poll::Pending;
        }
        self.queue.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shaken { Poll::Ready(Ok(())) } else { Pin::new(&mut self.stream).poll_flush(cx) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A connection to whichever address of a host answers first; each has a head start before the next.
async fn reach(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut addresses = tokio::net::lookup_host((host, port)).await?.take(MOST_ADDRESSES).peekable();
    let mut attempts = FuturesUnordered::new();
    let mut failed = io::Error::other("its name has no address");
    loop {
        attempts.extend(addresses.next().map(TcpStream::connect));
        tokio::select! {
            done = attempts.next() => match done {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => failed = error,
                None => return Err(failed),
            },
            () = tokio::time::sleep(HEAD_START), if addresses.peek().is_some() => {}
        }
    }
}

/// Whose word is taken for a server's identity.
fn roots(system_certificates: bool) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if system_certificates {
        let found = rustls_native_certs::load_native_certs();
        let found = found.map_err(|error| format!("cannot read the system's certificates: {error}"))?;
        if roots.add_parsable_certificates(found).0 == 0 {
            return Err("the system has no certificates to check a server with".into());
        }
    } else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}

fn tls(roots: RootCertStore) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::SinkExt;
    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::client::Response;
    use crate::frame::Kind;
    use crate::payload::Payload;
    use crate::settings::Settings;

    fn acceptor() -> TlsAcceptor {
        let certificate = include_bytes!("../../tests/net/tls/server.pem");
        let certificate = CertificateDer::from_pem_slice(certificate).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../tests/net/tls/server.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("there are some")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("they belong together");
        TlsAcceptor::from(Arc::new(config))
    }

    async fn connector(listener: &TcpListener) -> Connector {
        let port = listener.local_addr().expect("it is bound").port();
        let target = Settings::new(format!("wss://localhost:{port}/worker")).target().expect("a URL");
        let authority = include_bytes!("../../tests/net/tls/authority.pem");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority).expect("a certificate")).expect("an authority");
        Connector { target, tls: Some(tls(roots).expect("a configuration")) }
    }

    #[tokio::test]
    async fn long_frames_pass_through_tls_both_ways_at_once() {
        let listener = TcpListener::bind(("localhost", 0)).await.expect("a port");
        let connector = connector(&listener).await;
        let text = "{\"note\":\"a\\nb\"},".repeat(400_000);
        let serves = async {
            let (tcp, _) = listener.accept().await.expect("a connection");
            let tls = acceptor().accept(tcp).await.expect("a handshake");
            let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
            let accepted = tokio_tungstenite::accept_async_with_config(tls, Some(config)).await;
            let mut websocket = accepted.expect("a handshake");
            let mut frame = b"\x02\x01\x01te".to_vec();
            frame.resize(20_000_000, 7);
            websocket.send(Message::binary(frame)).await.expect("somebody reads");
            let Message::Text(came) = websocket.next().await.expect("not the end").expect("a frame") else {
                panic!("not a text")
            };
            let [_, _, _, _, came]: [serde_json::Value; 5] = serde_json::from_str(&came).expect("JSON");
            assert!(came == *text);
        };
        let says = async {
            let mut socket = connector.open().await.unwrap_or_else(|error| panic!("{error}"));
            let payload = Payload::new().quoted([Bytes::from(text.clone())]);
            socket.send(Outgoing::text(frame::head(None, frame::Ref(1), "t", "e"), payload.into()));
            let (mut came, mut written) = (0, 0);
            while came == 0 || written == 0 {
                match socket.next().await {
                    Happened::Came(Ok(Frame { kind: Kind::Push(_, Response::Binary(body)), .. }), _) => {
                        came = body.len();
                    }
                    Happened::Written(bytes) => written = bytes,
                    Happened::Gone(gone) => panic!("{gone}"),
                    _ => {}
                }
            }
            assert_eq!(came, 20_000_000 - 5);
            assert!(written > 8_000_000);
            socket
        };
        tokio::join!(serves, says);
    }

    #[tokio::test]
    async fn a_stranger_is_not_believed() {
        let listener = TcpListener::bind(("localhost", 0)).await.expect("a port");
        let Connector { target, .. } = connector(&listener).await;
        let connector = Connector::new(target, false).expect("certificates are built in");
        let serves = async {
            let (tcp, _) = listener.accept().await.expect("a connection");
            assert!(acceptor().accept(tcp).await.is_err());
        };
        let (opened, ()) = tokio::join!(connector.open(), serves);
        let Err(failure) = opened else { panic!("it was believed") };
        assert_eq!(failure.to_string(), "no secure connection: invalid peer certificate: UnknownIssuer");
    }
}
