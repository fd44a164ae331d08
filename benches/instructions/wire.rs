//! How many instructions does it take to put a state into a frame: to escape it, and to make the whole frame, masked?

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use fulgurite_wire::Payload;
use fulgurite_wire::internals;

mod counted;
#[path = "../shapes/mod.rs"]
mod shapes;

/// What the writer has for one step.
const STEP: usize = 128 << 10;

fn escape() {
    let text = shapes::bundle(1 << 20);
    let mut step = vec![0; STEP];
    counted::counted(&mut || {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (taken, _) = internals::escape(rest, black_box(&mut step));
            rest = &rest[taken..];
        }
    });
}

fn frame() {
    let state = Bytes::from(shapes::bundle(64 << 10));
    let payload = Payload::new().text("{\"output_dataclip\":").quoted([state]).text("}");
    let (payload, mut step) = (Arc::new(payload), vec![0; STEP]);
    counted::counted(&mut || {
        assert!(internals::frame(payload.clone(), black_box(&mut step)) > 64 << 10);
    });
}

fn main() {
    counted::main(&[("escape_1mb", escape), ("frame_64kb", frame)]);
}
