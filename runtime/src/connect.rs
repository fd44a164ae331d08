//! The connections of a run: a name is looked up, its addresses are judged, one of them is connected to, what passes is
//! counted, and the connection is kept for the next request to the same server.
//!
//! HTTP/1.1 only, as Node's `fetch` does: one connection carries one request at a time, so that a limit on connections is a
//! limit on what goes on at once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use deno_core::futures::StreamExt;
use deno_core::futures::stream::FuturesUnordered;
use deno_core::unsync::spawn;
use deno_core::url::{Host, Url};
use deno_fetch::ReqBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_rustls::TlsConnector;

use crate::network::{Certificates, Network};

/// Servers keep an idle connection for five seconds or longer; what they are about to close is not worth having.
const LONGEST_IDLE: Duration = Duration::from_secs(4);
/// How long one address has before the next one is tried beside it (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);
/// What is read of a response at once; also the most that its headers may have.
const LARGEST_PIECE: usize = 128 << 10;
/// Names that are looked up at once by all runs of the process, each on a thread.
const MOST_LOOK_UPS: usize = 32;
const MOST_ADDRESSES: usize = 8;
const LONGEST_CONNECT: Duration = Duration::from_secs(30);

/// All connections of a run.
pub(crate) struct Pool {
    pub(crate) network: Network,
    pub(crate) ledger: Arc<Ledger>,
    slots: Arc<Semaphore>,
    idle: RefCell<VecDeque<Idle>>,
    tls: RefCell<Option<TlsConnector>>,
}

/// The right to have a connection open.
pub(crate) type Slot = OwnedSemaphorePermit;

struct Idle {
    server: Server,
    sender: SendRequest<ReqBody>,
    since: Instant,
}

/// Scheme, host and port: what a connection is good for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server(String);

impl Server {
    pub(crate) fn of(url: &Url) -> Server {
        let port = url.port_or_known_default().unwrap_or(0);
        Server(format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default()))
    }
}

impl Pool {
    pub(crate) fn new(network: Network) -> Pool {
        let ledger = Arc::new(Ledger { most: [network.received, network.sent], ..Ledger::default() });
        let slots = Arc::new(Semaphore::new(network.connections.clamp(1, Semaphore::MAX_PERMITS)));
        Pool { network, ledger, slots, idle: RefCell::default(), tls: RefCell::default() }
    }

    /// Waits until one more connection may be in use.
    pub(crate) async fn slot(&self) -> Slot {
        let slot = self.slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        // Lets connections notice that their server has hung up, before one is chosen.
        tokio::task::yield_now().await;
        slot
    }

    /// A connection that is open already.
    pub(crate) fn reuse(&self, server: &Server) -> Option<SendRequest<ReqBody>> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < LONGEST_IDLE);
        let at = idle.iter().rposition(|idle| idle.server == *server && idle.sender.is_ready())?;
        idle.remove(at).map(|idle| idle.sender)
    }

    /// Keeps a connection for the next request.
    pub(crate) fn keep(&self, server: Server, sender: SendRequest<ReqBody>) {
        self.idle.borrow_mut().push_back(Idle { server, sender, since: Instant::now() });
    }

    /// A new connection. The caller has a slot for it.
    pub(crate) async fn open(&self, url: &Url) -> Result<SendRequest<ReqBody>, String> {
        {
            let mut idle = self.idle.borrow_mut();
            // Those in use, ours among them, and those that wait; the latter give way.
            while idle.len() > self.slots.available_permits() {
                idle.pop_front();
            }
        }
        let addresses = self.addresses(url).await?;
        let connected = tokio::time::timeout(LONGEST_CONNECT, connect(addresses)).await;
        let stream = connected
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| format!("cannot connect: {error}"))?;
        let _ = stream.set_nodelay(true);
        let counted = Counted { stream, ledger: self.ledger.clone() };
        let io: Box<dyn Io> = match url.scheme() {
            "https" => {
                let name = match url.host() {
                    Some(Host::Domain(name)) => {
                        ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?
                    }
                    Some(Host::Ipv4(address)) => ServerName::IpAddress(IpAddr::V4(address).into()),
                    Some(Host::Ipv6(address)) => ServerName::IpAddress(IpAddr::V6(address).into()),
                    None => return Err("the URL names no host".into()),
                };
                let shaken = tokio::time::timeout(LONGEST_CONNECT, self.tls()?.connect(name, counted)).await;
                let stream = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                Box::new(stream.map_err(|error| format!("no secure connection: {}", self.ledger.or(&error)))?)
            }
            _ => Box::new(counted),
        };
        let shaken =
            http1::Builder::new().max_headers(200).max_buf_size(LARGEST_PIECE).handshake(TokioIo::new(io)).await;
        let (sender, connection) = shaken.map_err(|error| error.to_string())?;
        // It ends with its sender; its errors come out of the request that it carries.
        spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    /// Where the host of a URL is, as far as this run may go there.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, String> {
        let port = url.port_or_known_default().unwrap_or(0);
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(name)) => match self.network.known(name) {
                Some(known) => known.to_vec(),
                None => look_up(name).await.map_err(|error| format!("cannot look {name} up: {error}"))?,
            },
            None => return Err("the URL names no host".into()),
        };
        let mut refusal = "its name has no address".to_owned();
        let mut allowed = Vec::new();
        for address in found {
            match self.network.check_address(url, address) {
                Ok(()) => allowed.push(SocketAddr::new(address, port)),
                Err(why) => refusal = why,
            }
        }
        allowed.truncate(MOST_ADDRESSES);
        if allowed.is_empty() { Err(refusal) } else { Ok(allowed) }
    }

    fn tls(&self) -> Result<TlsConnector, String> {
        if let Some(tls) = &*self.tls.borrow() {
            return Ok(tls.clone());
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots(self.network.certificates)?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        *self.tls.borrow_mut() = Some(tls.clone());
        Ok(tls)
    }
}

fn roots(certificates: Certificates) -> Result<Arc<RootCertStore>, String> {
    static BUNDLED: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    static SYSTEM: OnceLock<Result<Arc<RootCertStore>, String>> = OnceLock::new();
    match certificates {
        Certificates::Bundled => Ok(BUNDLED
            .get_or_init(|| Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }))
            .clone()),
        Certificates::System => SYSTEM
            .get_or_init(|| {
                let found = rustls_native_certs::load_native_certs();
                let found = found.map_err(|error| format!("cannot read the system's certificates: {error}"))?;
                let mut store = RootCertStore::empty();
                match store.add_parsable_certificates(found) {
                    (0, _) => Err("the system has no certificates to check a server with".into()),
                    _ => Ok(Arc::new(store)),
                }
            })
            .clone(),
    }
}

/// On a thread of its own, because the system's resolver blocks, and nobody who is in a hurry shall have to wait for it.
async fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    static LOOK_UPS: Semaphore = Semaphore::const_new(MOST_LOOK_UPS);
    let turn = LOOK_UPS.acquire().await.map_err(io::Error::other)?;
    let (answer, answered) = oneshot::channel();
    let name = name.to_owned();
    let look_up = move || {
        // Given back when the system has answered, even if nobody waits for that any more.
        let _turn = turn;
        let found = (name.as_str(), 0).to_socket_addrs();
        let _ = answer.send(found.map(|found| found.map(|address| address.ip()).collect()));
    };
    std::thread::Builder::new().name("dns".into()).stack_size(512 << 10).spawn(look_up)?;
    answered.await.map_err(io::Error::other)?
}

/// Connects to the first address that answers, giving each a head start before the next.
async fn connect(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut rest = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match rest.next() {
            Some(address) => attempts.push(async move {
                let connected = TcpStream::connect(address).await;
                connected.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
            }),
            None if attempts.is_empty() => return Err(error),
            None => {}
        }
        tokio::select! {
            Some(attempt) = attempts.next() => match attempt {
                Ok(stream) => return Ok(stream),
                Err(failed) => error = failed,
            },
            () = tokio::time::sleep(HEAD_START), if rest.len() > 0 => {}
        }
    }
}

/// What has passed over the network so far, against what may.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Received and sent; `None` = no limit.
    most: [Option<u64>; 2],
    wire: [AtomicU64; 2],
    decoded: AtomicU64,
    /// Which limit was exceeded, from then on.
    exceeded: OnceLock<String>,
}

const RECEIVED: usize = 0;
const SENT: usize = 1;

impl Ledger {
    /// Counts bytes after decompression.
    pub(crate) fn decoded(&self, bytes: usize) -> io::Result<()> {
        self.add(&self.decoded, bytes, RECEIVED)
    }

    fn add(&self, counter: &AtomicU64, bytes: usize, way: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        let total = counter.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        match self.most[way] {
            Some(most) if total > most => {
                let what = if way == RECEIVED { "receives" } else { "sends" };
                let why =
                    self.exceeded.get_or_init(|| format!("the run {what} more than the {most} bytes that it may"));
                Err(io::Error::other(why.clone()))
            }
            _ => Ok(()),
        }
    }

    /// What an error is about: the limit that was exceeded, or its innermost cause.
    pub(crate) fn or(&self, error: &(dyn std::error::Error + 'static)) -> String {
        if let Some(why) = self.exceeded.get() {
            return why.clone();
        }
        let mut cause = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// A connection that is counted as it comes off the wire.
struct Counted {
    stream: TcpStream,
    ledger: Arc<Ledger>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = polled {
            self.ledger.add(&self.ledger.wire[RECEIVED], buf.filled().len() - before, RECEIVED)?;
        }
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = polled {
            self.ledger.add(&self.ledger.wire[SENT], written, SENT)?;
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(written)) = polled {
            self.ledger.add(&self.ledger.wire[SENT], written, SENT)?;
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Shared by everything that a run has to do with the network.
pub(crate) type SharedPool = Rc<Pool>;
