//! A small HTTP/1.1 server on 127.0.0.1, written by hand so that it can also misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// Serves until dropped.
pub(super) struct Server {
    pub(super) base: String,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    port: u16,
    closing: AtomicBool,
    connections: AtomicUsize,
    /// Connections that are open, by number.
    open: Mutex<HashMap<usize, TcpStream>>,
    /// Requests on `/slow` that wait, and how many there have been at once.
    slow: Mutex<(usize, usize)>,
    changed: Condvar,
    /// Connections whose client hung up while `/endless` was sending.
    hung_up: AtomicUsize,
}

struct Asked {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    chunks: usize,
}

impl Server {
    pub(super) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared { port, ..Shared::default() });
        let served = shared.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.closing.load(Ordering::SeqCst) {
                    return;
                }
                let number = served.connections.fetch_add(1, Ordering::SeqCst);
                served.open.lock().unwrap().insert(number, stream.try_clone().expect("a second handle"));
                let served = served.clone();
                std::thread::spawn(move || {
                    let _ = converse(&served, stream);
                    served.open.lock().unwrap().remove(&number);
                });
            }
        });
        Server { base: format!("http://127.0.0.1:{port}"), shared, thread: Some(thread) }
    }

    pub(super) fn port(&self) -> u16 {
        self.shared.port
    }

    /// How many connections there have been.
    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many requests on `/slow` there have been at once.
    pub(super) fn most_at_once(&self) -> usize {
        self.shared.slow.lock().unwrap().1
    }

    /// Waits until a client has hung up on `/endless`.
    pub(super) fn wait_for_hang_up(&self) {
        let mut slow = self.shared.slow.lock().unwrap();
        while self.shared.hung_up.load(Ordering::SeqCst) == 0 {
            slow = self.shared.changed.wait(slow).unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.shared.port));
        // Nobody listens any more when this returns.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
        for stream in self.shared.open.lock().unwrap().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn converse(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    while let Some(asked) = read(&mut reader)? {
        if !respond(shared, &asked, &mut out)? {
            break;
        }
    }
    out.shutdown(Shutdown::Both)
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let header =
        |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let (mut body, mut chunks) = (Vec::new(), 0);
    if let Some(length) = header("content-length") {
        body.resize(length.parse().expect("a number"), 0);
        reader.read_exact(&mut body)?;
    } else if header("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap_or(0);
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk)?;
            if length == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..length]);
            chunks += 1;
        }
    }
    Ok(Some(Asked { method, target, headers, body, chunks }))
}

/// Answers whether the connection stays.
fn respond(shared: &Shared, asked: &Asked, out: &mut TcpStream) -> std::io::Result<bool> {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let mut whole = |status: &str, headers: &str, body: &[u8]| {
        let length = body.len();
        let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n").into_bytes();
        if asked.method != "HEAD" {
            head.extend_from_slice(body);
        }
        out.write_all(&head).map(|()| true)
    };
    match path {
        "/json" => whole("200 OK", "content-type: application/json\r\n", br#"{"a":[1,2,{"b":"\u00e9"}]}"#),
        "/echo" => {
            let headers: Vec<_> = asked.headers.iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
            let headers: serde_json::Map<_, _> =
                headers.into_iter().map(|(name, value)| (name, value.as_str().into())).collect();
            let echo = serde_json::json!({
                "method": asked.method, "target": asked.target, "headers": headers,
                "body": String::from_utf8_lossy(&asked.body), "chunks": asked.chunks,
            });
            whole("200 OK", "content-type: application/json\r\n", echo.to_string().as_bytes())
        }
        "/status" => whole(&format!("{query} Some"), "", b"a body"),
        "/empty" => out.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").map(|()| true),
        "/gzip" => whole("200 OK", "content-encoding: gzip\r\n", GZIP),
        "/brotli" => whole("200 OK", "content-encoding: br\r\n", BROTLI),
        "/broken-gzip" => whole("200 OK", "content-encoding: gzip\r\n", &GZIP[..12]),
        "/bomb" => {
            out.write_all(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n")?;
            // One member after the other, each 32 MB of nothing in 32 KB.
            let member = bomb();
            loop {
                if write!(out, "{:x}\r\n", member.len())
                    .and_then(|()| out.write_all(&member))
                    .and_then(|()| out.write_all(b"\r\n"))
                    .is_err()
                {
                    return hung_up(shared);
                }
            }
        }
        "/chunks" => {
            out.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            for piece in ["one", "two", "three"] {
                write!(out, "{:x}\r\n{piece}\r\n", piece.len())?;
            }
            out.write_all(b"0\r\n\r\n").map(|()| true)
        }
        "/big" => {
            let size: usize = query.parse().expect("a number of bytes");
            write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")?;
            let piece = vec![b'x'; 64 << 10];
            let mut left = size;
            while left > 0 {
                let now = left.min(piece.len());
                out.write_all(&piece[..now])?;
                left -= now;
            }
            Ok(true)
        }
        "/endless" => {
            out.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            let piece = [b'y'; 16 << 10];
            while out.write_all(&piece).is_ok() {}
            hung_up(shared)
        }
        "/stalls" => {
            out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf.")?;
            wait_for_hang_up(shared, out)
        }
        "/breaks" => out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf.").map(|()| false),
        "/breaks-chunk" => {
            out.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf.").map(|()| false)
        }
        "/hangs-up" => Ok(false),
        // Answers, and closes the connection that it has promised to keep.
        "/json-and-hang-up" => whole("200 OK", "", b"1").map(|_| false),
        "/never" => wait_for_hang_up(shared, out),
        // Waits until `query` of them are here.
        "/slow" => {
            let wanted: usize = query.parse().expect("a number of requests");
            let mut slow = shared.slow.lock().unwrap();
            slow.0 += 1;
            slow.1 = slow.1.max(slow.0);
            shared.changed.notify_all();
            while slow.1 < wanted && !shared.closing.load(Ordering::SeqCst) {
                slow = shared.changed.wait(slow).unwrap();
            }
            slow.0 -= 1;
            drop(slow);
            whole("200 OK", "", b"done")
        }
        "/redirect" => whole("302 Found", &format!("location: {query}\r\n"), b"moved"),
        "/redirect-307" => whole("307 Temporary Redirect", &format!("location: {query}\r\n"), b""),
        "/loop" => whole("302 Found", "location: /loop\r\n", b""),
        _ => whole("404 Not Found", "", b"nothing here"),
    }
}

fn hung_up(shared: &Shared) -> std::io::Result<bool> {
    let _slow = shared.slow.lock().unwrap();
    shared.hung_up.fetch_add(1, Ordering::SeqCst);
    shared.changed.notify_all();
    Ok(false)
}

fn wait_for_hang_up(shared: &Shared, out: &mut TcpStream) -> std::io::Result<bool> {
    let _ = out.read(&mut [0]);
    hung_up(shared)
}

/// "hello, hello, hello, hello" with `gzip -9n`.
const GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 215, 81, 200, 192, 164, 0, 85, 163, 130, 119, 26, 0, 0, 0,
];
/// The same with `brotli`.
const BROTLI: &[u8] = &[27, 25, 0, 248, 141, 148, 110, 222, 68, 9, 82, 134, 150, 108, 44, 111, 49, 79, 36, 176, 227, 0];

fn bomb() -> Vec<u8> {
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let nothing = vec![0; 1 << 20];
    for _ in 0..32 {
        member.write_all(&nothing).expect("into memory");
    }
    member.finish().expect("into memory")
}
