//! How many instructions does it take to check a state and index its top levels?

use std::hint::black_box;

use bytes::Bytes;
use fulgurite_state::{IndexOptions, State};

mod counted;
#[path = "../shapes/mod.rs"]
mod shapes;

const SIZE: usize = 1 << 20;

fn index(text: String) {
    let (text, options) = (Bytes::from(text), IndexOptions::default());
    counted::counted(&mut || drop(black_box(State::parse(text.clone(), &options).expect("JSON"))));
}

fn main() {
    counted::main(&[
        ("index_bundle_1mb", || index(shapes::bundle(SIZE))),
        ("index_nested_1mb", || index(shapes::nested(SIZE))),
    ]);
}
