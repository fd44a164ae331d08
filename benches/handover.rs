//! How long does it take to hand 100 MB to another process? Through a pipe, as everybody does it; through our channel, which
//! puts it into sealed memory; and in both cases also until the other end has looked at all of it.
//!
//! Both ends are threads here. The system does the same for processes, and so the numbers hold for them; each way is the same.

use std::hint::black_box;
use std::io::{Read, Write, pipe};
use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use fulgurite_engine::channel::{Receiver, Sender, pair};

const SIZE: usize = 100 << 20;

/// A state as a run leaves it: large untouched pieces, and a small one that it wrote.
fn pieces() -> Vec<Bytes> {
    let text = Bytes::from(vec![b'x'; SIZE]);
    vec![text.slice(..SIZE / 2), Bytes::from_static(b"1"), text.slice(SIZE / 2 + 1..)]
}

/// One byte of each cache line.
fn look_at(bytes: &[u8]) -> u64 {
    bytes.iter().step_by(64).map(|byte| u64::from(*byte)).sum()
}

fn handover(c: &mut Criterion) {
    let pieces = pieces();
    let mut group = c.benchmark_group("handover_of_100_mb");
    group.throughput(Throughput::Bytes(SIZE as u64)).sample_size(20);
    for look in [false, true] {
        let suffix = if look { "_and_look_at_all_of_it" } else { "" };
        group.bench_function(format!("pipe{suffix}"), |b| {
            let (mut reader, mut writer) = pipe().expect("a pipe");
            let (ask, asked) = sync_channel::<()>(0);
            let pieces = pieces.clone();
            let thread = std::thread::spawn(move || {
                while asked.recv().is_ok() {
                    pieces.iter().for_each(|piece| writer.write_all(piece).expect("somebody reads"));
                }
            });
            b.iter(|| {
                ask.send(()).expect("somebody writes");
                let mut read = vec![0; SIZE];
                reader.read_exact(&mut read).expect("somebody writes");
                if look { look_at(&read) } else { black_box(read).len() as u64 }
            });
            drop(ask);
            thread.join().expect("it does not panic");
        });
        group.bench_function(format!("sealed_memory{suffix}"), |b| {
            let (ours, theirs) = pair().expect("a socket");
            let (sender, mut receiver) = (Sender::new(ours, None).expect("a socket"), Receiver::new(theirs));
            let bodies = [pieces.clone()];
            b.iter(|| {
                sender.send(&"state", &bodies).expect("somebody reads");
                let message = receiver.wait::<String>(None).expect("somebody writes");
                if look { look_at(&message.bodies[0]) } else { black_box(message).bodies.len() as u64 }
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    handover(&mut criterion);
    criterion.final_summary();
}
