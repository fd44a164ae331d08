//! What a child says to its parent: whatever bytes come, they are a message or an error, and never a panic, a wait, or memory
//! that somebody only claimed to have sent.
#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;

use fulgurite_engine::channel::Receiver;
use fulgurite_engine::frame::{Layout, PRELUDE, Prelude};
use fulgurite_engine::message::{ToChild, ToParent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((prelude, middle)) = bytes.split_first_chunk::<PRELUDE>()
        && let Ok(prelude) = Prelude::parse(prelude)
        && let Ok(layout) = Layout::parse(&prelude, &middle[..prelude.middle().min(middle.len())])
    {
        let head = &middle[layout.head.clone()];
        if let Ok(message) = serde_json::from_slice::<ToParent>(head) {
            let again = serde_json::to_vec(&message).expect("it has been JSON before");
            assert_eq!(serde_json::from_slice::<ToParent>(&again).expect("our own"), message);
            let _ = message.bodies();
        }
        let _ = serde_json::from_slice::<ToChild>(head);
        assert!(layout.bodies.iter().all(|body| body.end <= layout.total));
    }

    // The same through a socket, in two parts.
    let Ok((mut ours, theirs)) = UnixStream::pair() else { return };
    let mut receiver = Receiver::new(theirs.into());
    let bytes = &bytes[..bytes.len().min(100_000)];
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for part in [first, second] {
        if ours.write_all(part).is_err() {
            return;
        }
        while let Ok(Some(message)) = receiver.receive::<ToParent>() {
            assert!(message.bodies.iter().map(|body| body.len()).sum::<usize>() <= bytes.len());
        }
    }
});
