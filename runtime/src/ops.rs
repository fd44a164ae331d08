//! The whole list of what a job may ask of the host. What is not here (or in the web APIs of `deno_web`, `deno_fetch` and `deno_crypto`; `fetch.rs` replaces what the second does) is not refused: it
//! does not exist.
//!
//! This file is compiled twice: into the runtime, and into `build.rs`, which makes the snapshot with the same list.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use deno_core::{OpState, op2};

deno_core::extension!(
    fulgurite,
    deps = [deno_webidl, deno_web, deno_fetch, deno_crypto],
    ops = [op_log, op_send_item, op_receive_item],
    esm_entry_point = "ext:fulgurite/99_lockdown.js",
    esm = [
        dir "../js",
        "10_world.js",
        "20_log.js",
        "30_fetch.js",
        "40_crypto.js",
        "50_step.js",
        "55_calls.js",
        "99_lockdown.js",
    ],
);

// What `deno_fetch` wants of `deno_net`, without `deno_net`.
deno_core::extension!(deno_net, lazy_loaded_js = [dir "../js", "ext:deno_net/02_tls.js" = "29_no_tls.js"]);

/// The extensions in the order that the snapshot fixes.
pub(crate) fn extensions() -> Vec<deno_core::Extension> {
    use deno_web::{BlobStore, InMemoryBroadcastChannel};
    vec![
        deno_webidl::deno_webidl::init(),
        deno_web::deno_web::init(BlobStore::default_arc(), None, false, InMemoryBroadcastChannel::default()),
        deno_net::init(),
        deno_fetch::deno_fetch::init(deno_fetch::Options::default()),
        deno_crypto::deno_crypto::init(None),
        fulgurite::init(),
    ]
}

/// Where `op_log` sends its lines: level (see `js/20_log.js`; -1 is the runtime itself), the execution that says it (0 = not known)
/// and text.
pub(crate) struct LogSink(pub(crate) Box<Log>);

type Log = dyn FnMut(i32, u32, &str);

#[op2(fast)]
fn op_log(state: &mut OpState, #[smi] level: i32, #[smi] execution: u32, #[string] text: &str) {
    // There is none while the snapshot is made.
    if let Some(sink) = state.try_borrow_mut::<LogSink>() {
        (sink.0)(level, execution, text.strip_suffix('\n').unwrap_or(text));
    }
}

/// How items get to other isolates, and from them: what is sent is answered when it has ended there; what is received is a ticket,
/// 0 at the end.
pub(crate) struct Elsewhere {
    pub(crate) send: Box<dyn Fn(u32) -> Waiting<()>>,
    pub(crate) receive: Box<dyn Fn() -> Waiting<u32>>,
}

pub(crate) type Waiting<T> = Pin<Box<dyn Future<Output = T>>>;

#[op2]
async fn op_send_item(state: Rc<RefCell<OpState>>, #[smi] ticket: u32) {
    let sent = state.borrow().try_borrow::<Elsewhere>().map(|elsewhere| (elsewhere.send)(ticket));
    if let Some(sent) = sent {
        sent.await;
    }
}

#[op2]
#[smi]
async fn op_receive_item(state: Rc<RefCell<OpState>>) -> u32 {
    let received = state.borrow().try_borrow::<Elsewhere>().map(|elsewhere| (elsewhere.receive)());
    match received {
        Some(received) => received.await,
        None => 0,
    }
}
