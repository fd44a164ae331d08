//! Responses: read from their connection, decompressed, counted, and handed to the script piece by piece.
//!
//! A response is read ahead, a few pieces at most, so that small ones give their connection back before a job looks at them. One
//! that breaks off never looks like one that has ended.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, OnceLock};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder};
use bytes::Bytes;
use deno_core::futures::{Stream, StreamExt, stream};
use deno_core::unsync::spawn;
use deno_error::JsErrorBox;
use deno_fetch::{BodyDecoded, ReqBody, ResBody};
use http::Response;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::io::{ReaderStream, StreamReader};
use tokio_util::sync::CancellationToken;

use crate::connect::{Ledger, Server, SharedPool, Slot};
use crate::fetch::{Deadline, ENDED, late};

/// Pieces of a response that are read before anybody wants them.
const AHEAD: usize = 4;
/// What is left of a response that nobody wants is read if it is no more than this: a new connection costs more.
const WORTH_READING: u64 = 64 << 10;

/// The responses of a run whose bodies are open.
#[derive(Default)]
pub(crate) struct Bodies {
    end: RefCell<CancellationToken>,
    open: Arc<()>,
}

/// What is known of a request when its response comes.
pub(crate) struct Exchange {
    /// As it is shown to the job's author.
    pub(crate) url: String,
    pub(crate) server: Server,
    /// Whether the response is to be decompressed.
    pub(crate) decode: bool,
    pub(crate) sender: SendRequest<ReqBody>,
    pub(crate) slot: Slot,
    pub(crate) deadline: Deadline,
}

impl Bodies {
    /// Ends them all; answers whether there were any.
    pub(crate) fn end(&self) -> bool {
        let open = Arc::strong_count(&self.open) > 1;
        if open {
            self.end.replace(CancellationToken::new()).cancel();
        }
        open
    }

    /// Begins to read the body of a response, and makes of it what the script takes.
    pub(crate) fn receive(
        &self,
        pool: &SharedPool,
        exchange: Exchange,
        response: Response<Incoming>,
    ) -> Response<ResBody> {
        let (mut parts, incoming) = response.into_parts();
        let coding = match exchange.decode && !incoming.is_end_stream() {
            true => Coding::of(&parts.headers),
            false => Coding::None,
        };
        let (pieces, read) = mpsc::channel(AHEAD);
        let failure = Arc::new(OnceLock::new());
        let ledger = pool.ledger.clone();
        let reader = Reader { pieces: read, failure: failure.clone(), _open: self.open.clone() };
        let Exchange { url, server, sender, slot, deadline, .. } = exchange;
        let pump =
            Pump { pool: pool.clone(), server, sender, incoming, pieces, ended: self.end.borrow().clone(), deadline };
        spawn(async move {
            let _slot = slot;
            if let Err(why) = pump.run().await {
                let _ = failure.set(why);
            }
        });
        let body = match coding {
            Coding::None => counted(reader.stream(), ledger, url),
            Coding::Gzip => {
                let mut decoder = GzipDecoder::new(StreamReader::new(Box::pin(reader.stream())));
                decoder.multiple_members(true);
                decoded(decoder, ledger, url)
            }
            Coding::Brotli => decoded(BrotliDecoder::new(StreamReader::new(Box::pin(reader.stream()))), ledger, url),
        };
        if !matches!(coding, Coding::None) {
            parts.extensions.insert(BodyDecoded);
        }
        Response::from_parts(parts, body)
    }
}

enum Coding {
    None,
    Gzip,
    Brotli,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Coding {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        match (codings.next(), codings.next()) {
            (Some(coding), None) => match coding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => Coding::Gzip,
                "br" => Coding::Brotli,
                _ => Coding::None,
            },
            _ => Coding::None,
        }
    }
}

/// Brings the body of a response from the connection to its reader.
struct Pump {
    pool: SharedPool,
    server: Server,
    sender: SendRequest<ReqBody>,
    incoming: Incoming,
    pieces: mpsc::Sender<Bytes>,
    ended: CancellationToken,
    deadline: Deadline,
}

impl Pump {
    async fn run(mut self) -> Result<(), String> {
        let done = tokio::select! {
            biased;
            () = self.ended.cancelled() => return Err(ENDED.into()),
            why = late(self.deadline) => return Err(why),
            done = copy(&mut self.incoming, &self.pieces, &self.pool.ledger) => done?,
        };
        drop(self.pieces);
        if done {
            // It is ready for the next request when all of this one is sent.
            tokio::select! {
                biased;
                () = self.ended.cancelled() => {}
                _ = late(self.deadline) => {}
                Ok(()) = self.sender.ready() => self.pool.keep(self.server, self.sender),
                else => {}
            }
        }
        Ok(())
    }
}

/// Answers whether the body was read to its end, which it need not be when nobody reads it any more.
async fn copy(incoming: &mut Incoming, pieces: &mpsc::Sender<Bytes>, ledger: &Ledger) -> Result<bool, String> {
    loop {
        let unwanted = pieces.is_closed();
        if unwanted && incoming.size_hint().exact().is_none_or(|rest| rest > WORTH_READING) {
            return Ok(false);
        }
        let frame = tokio::select! {
            biased;
            frame = incoming.frame() => frame,
            () = pieces.closed(), if !unwanted => continue,
        };
        match frame {
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data()
                    && !piece.is_empty()
                {
                    let _ = pieces.send(piece).await;
                }
            }
            Some(Err(error)) => return Err(ledger.or(&error)),
            None => return Ok(true),
        }
    }
}

/// The other end of a [`Pump`].
struct Reader {
    pieces: mpsc::Receiver<Bytes>,
    /// Why there is no more, when that is not the end.
    failure: Arc<OnceLock<String>>,
    _open: Arc<()>,
}

impl Reader {
    fn stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync {
        stream::unfold(Some(self), |reader| async {
            let mut reader = reader?;
            match (reader.pieces.recv().await, reader.failure.get()) {
                (Some(piece), _) => Some((Ok(piece), Some(reader))),
                (None, Some(why)) => Some((Err(io::Error::other(why.clone())), None)),
                (None, None) => None,
            }
        })
    }
}

fn decoded(reader: impl AsyncRead + Send + Sync + 'static, ledger: Arc<Ledger>, url: String) -> ResBody {
    counted(ReaderStream::with_capacity(reader, 32 << 10), ledger, url)
}

/// What comes out of decompression counts like what comes off the wire: a small response must not become a large one unseen.
fn counted(
    stream: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
    ledger: Arc<Ledger>,
    url: String,
) -> ResBody {
    let stream = stream.map(move |piece| {
        let piece = piece.and_then(|piece| ledger.decoded(piece.len()).map(|()| piece));
        let told = |why| JsErrorBox::type_error(format!("the response of {url} breaks off: {why}"));
        piece.map(Frame::data).map_err(told)
    });
    BodyExt::boxed(StreamBody::new(stream))
}
