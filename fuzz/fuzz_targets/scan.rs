//! The skipping scanner: every opinion on a text is the same, and what it accepts it understood.
//!
//! Both engines, the careful reader that places errors, and `serde_json` say the same about whether a text is JSON. Of what
//! is, the index holds the keys and values that `serde_json` reads, and chunks are the text without the commas between them.
#![no_main]

use std::ops::Range;

use fulgurite_state::internals::{Engine, diagnose, scan_with};
use fulgurite_state::{IndexOptions, Object, Span, State, SyntaxErrorKind, array_chunks, object_chunks, properties};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    if is_json(text) {
        for depth in 0..=4 {
            understood(text, depth);
        }
        cut_and_joined(text);
    }
});

fn is_json(text: &[u8]) -> bool {
    let mut verdict = None;
    for depth in 0..=4 {
        let options = IndexOptions::with_depth(depth);
        let best = scan_with(Engine::Best, text, &options);
        let portable = scan_with(Engine::Portable, text, &options);
        match (&best, &portable) {
            (Ok(best), Ok(portable)) => {
                assert_eq!(best.span, portable.span, "engines differ at depth {depth}");
                same_index(best.object.as_deref(), portable.object.as_deref());
            }
            (Err(_), Err(_)) => {}
            _ => panic!("engines differ at depth {depth}: {:?}, {:?}", best.is_ok(), portable.is_ok()),
        }
        assert_eq!(best.is_ok(), *verdict.get_or_insert(best.is_ok()), "the depth of the index changes the verdict");
    }
    let accepted = verdict == Some(true);
    let careful = diagnose(text);
    assert_eq!(careful.is_none(), accepted, "the careful reader says {careful:?}");
    // serde_json has another idea of how deep is too deep, and none of it when it only skips.
    if careful.as_ref().is_none_or(|error| error.kind != SyntaxErrorKind::TooDeep) {
        let third = std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        assert_eq!(third, accepted, "serde_json differs; the careful reader says {careful:?}");
    }
    accepted
}

fn same_index(a: Option<&Object>, b: Option<&Object>) {
    match (a, b) {
        (None, None) => {}
        (Some(a), Some(b)) => {
            assert_eq!(a.properties().len(), b.properties().len(), "engines index different keys");
            for (a, b) in a.properties().iter().zip(b.properties()) {
                assert_eq!((a.key(), a.value()), (b.key(), b.value()), "engines index different spans");
                same_index(a.child().map(|child| &**child), b.child().map(|child| &**child));
            }
        }
        _ => panic!("engines index different objects"),
    }
}

fn understood(text: &[u8], depth: usize) {
    let state = State::parse(text.to_vec(), &IndexOptions::with_depth(depth)).expect("the scanner accepted it");
    assert_eq!(&*state.to_bytes(), text.trim_ascii(), "white space is all that is left out");
    // serde_json reads neither lone surrogates, nor 1e400, nor what nests deeper than 128.
    let whole = serde_json::from_slice::<Value>(text).ok();
    span(&state, state.root(), whole.as_ref(), depth);
}

/// A span holds one value, the one that is expected where there is an expectation.
fn span(state: &State, at: &Span, expected: Option<&Value>, depth: usize) {
    let text = state.slice(at.range.clone());
    assert_eq!(&*text, text.trim_ascii(), "a span has white space around it");
    match expected {
        Some(value) => assert_eq!(&serde_json::from_slice::<Value>(&text).expect("a span is JSON"), value),
        None => assert!(diagnose(&text).is_none(), "a span is not JSON"),
    }
    let Some(object) = &at.object else { return };
    assert!(depth > 0, "the index is deeper than it was told to be");
    let map = expected.map(|value| value.as_object().expect("only objects are indexed"));
    if let Some(map) = map {
        assert_eq!(object.properties().len(), map.len(), "the index has other keys than the object");
    }
    for property in object.properties() {
        let value = map.map(|map| {
            let key: String = serde_json::from_slice(&text[property.key()]).expect("a key is a string");
            &map[&key]
        });
        span(state, &State::span_of(at.range.start, property), value, depth - 1);
    }
}

fn cut_and_joined(text: &[u8]) {
    let text = text.trim_ascii();
    for target in [0, 1, 7, 64, usize::MAX] {
        match text[0] {
            b'[' => check_chunks(text, &array_chunks(text, target), target),
            b'{' => check_chunks(text, &object_chunks(text, target), target),
            _ => assert!(properties(text).is_none(), "only objects have properties"),
        }
    }
}

/// Chunks lie side by side with one comma between them, fill the brackets, and each is whole.
fn check_chunks(text: &[u8], chunks: &[Range<usize>], target: usize) {
    let end = text.len() - 1;
    let Some(last) = chunks.last() else {
        assert!(text[1..end].trim_ascii().is_empty(), "nothing was cut out of something");
        return;
    };
    assert_eq!((chunks[0].start, last.end), (1, end), "chunks leave something out");
    for pair in chunks.windows(2) {
        assert_eq!((pair[0].end + 1, text[pair[0].end]), (pair[1].start, b','), "chunks are not side by side");
        assert!(pair[0].len() >= target, "a chunk is shorter than asked for");
    }
    for chunk in chunks {
        let whole = [&text[..1], &text[chunk.clone()], &text[end..]].concat();
        assert!(diagnose(&whole).is_none(), "a chunk is not whole: {:?}", String::from_utf8_lossy(&whole));
    }
}
