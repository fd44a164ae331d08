//! The scanner against the careful reader, the portable engine and `serde_json`, on valid, mutated and arbitrary text.

use fulgurite_state::internals::{Engine, diagnose, scan_with};
use fulgurite_state::{IndexOptions, MAX_DEPTH, State, array_chunks, nests_deeper, object_chunks, properties};
use proptest::prelude::*;
use serde_json::Value;

/// JSON text with white space, escapes and numbers in every spelling.
fn json() -> impl Strategy<Value = String> {
    let space = "[ \t\r\n]{0,3}";
    let scalar = prop_oneof![
        Just("null".to_string()),
        Just("true".to_string()),
        Just("false".to_string()),
        "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        string(),
    ];
    (scalar, space).prop_map(|(scalar, space)| format!("{space}{scalar}{space}")).prop_recursive(
        6,
        200,
        12,
        move |inner| {
            let members = prop::collection::vec((string(), space, inner.clone()), 0..8).prop_map(|members| {
                members.iter().map(|(k, s, v)| format!("{s}{k}{s}:{v}")).collect::<Vec<_>>().join(",")
            });
            prop_oneof![
                prop::collection::vec(inner, 0..12).prop_map(|items| format!("[{}]", items.join(","))),
                members.prop_map(|members| format!("{{{members}}}")),
            ]
        },
    )
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z{}\\[\\]:, 0-9]{0,12}",
        1 => prop_oneof![Just("\\\""), Just("\\\\"), Just("\\/"), Just("\\n"), Just("\\u00e9"), Just("\\ud83d"), Just("\\u0000")]
            .prop_map(String::from),
        1 => "[é€😀\u{7f}]{0,3}",
        1 => "(\\\\\\\\){1,40}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn verdicts_agree(text: &[u8]) -> Result<bool, TestCaseError> {
    let options = IndexOptions::default();
    let best = scan_with(Engine::Best, text, &options).is_ok();
    prop_assert_eq!(scan_with(Engine::Portable, text, &options).is_ok(), best, "engines differ");
    let careful = diagnose(text);
    prop_assert_eq!(careful.is_none(), best, "the careful reader says {:?}", careful);
    Ok(best)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn valid_text_passes(text in json()) {
        prop_assert!(verdicts_agree(text.as_bytes())?, "refused: {}", text);
    }

    #[test]
    fn a_changed_byte_gets_the_same_verdict_everywhere(text in json(), at in any::<prop::sample::Index>(), byte in prop_oneof![
        any::<u8>(), prop::sample::select(&b"{}[]:,\"\\ 0-.eE+tfn/u\x0c\x1a\x00"[..])
    ], insert in any::<bool>()) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        let ours = verdicts_agree(&bytes)?;
        // serde_json skips with the same grammar, but its own depth limit; it is a third opinion.
        let theirs = std::str::from_utf8(&bytes).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
        prop_assert_eq!(ours, theirs, "serde_json differs on {:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_cut_gets_the_same_verdict_everywhere(text in json(), at in any::<prop::sample::Index>()) {
        let at = at.index(text.len() + 1);
        verdicts_agree(&text.as_bytes()[..at])?;
        verdicts_agree(&text.as_bytes()[at..])?;
    }

    #[test]
    fn noise_gets_the_same_verdict_everywhere(bytes in prop::collection::vec(
        prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]:,\"\\ 0-.eEtrufalsn"[..])], 0..300)
    ) {
        verdicts_agree(&bytes)?;
    }

    #[test]
    fn spans_hold_what_serde_json_reads(text in json(), depth in 0usize..5) {
        let state = State::parse(text.clone(), &IndexOptions::with_depth(depth)).unwrap();
        // Lone surrogates are JSON to V8 and to us, and no string to serde_json.
        let Ok(whole) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
        prop_assert_eq!(&serde_json::from_slice::<Value>(&state.to_bytes()).unwrap(), &whole);
        fn compare(state: &State, span: &fulgurite_state::Span, value: &Value) -> Result<(), TestCaseError> {
            let text = state.slice(span.range.clone());
            prop_assert_eq!(&serde_json::from_slice::<Value>(&text).unwrap(), value);
            if let Some(object) = &span.object {
                let map = value.as_object().unwrap();
                prop_assert_eq!(object.properties().len(), map.len());
                for property in object.properties() {
                    let key: String = serde_json::from_slice(&text[property.key()]).unwrap();
                    compare(state, &State::span_of(span.range.start, property), &map[&key])?;
                }
            }
            Ok(())
        }
        compare(&state, state.root(), &whole)?;
    }

    #[test]
    fn chunks_put_together_are_the_whole(text in json(), target in 0usize..40) {
        let Ok(whole) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
        let state = State::parse(text, &IndexOptions::default()).unwrap();
        let bytes = state.to_bytes();
        let join = |ranges: Vec<std::ops::Range<usize>>| {
            ranges.into_iter().map(|range| std::str::from_utf8(&bytes[range]).unwrap().to_string()).collect::<Vec<_>>().join(",")
        };
        match &whole {
            Value::Array(_) => {
                let again: Value = serde_json::from_str(&format!("[{}]", join(array_chunks(&bytes, target)))).unwrap();
                prop_assert_eq!(again, whole);
            }
            Value::Object(map) => {
                let again: Value = serde_json::from_str(&format!("{{{}}}", join(object_chunks(&bytes, target)))).unwrap();
                prop_assert_eq!(&again, &whole);
                if let Some(all) = properties(&bytes) {
                    prop_assert_eq!(all.properties().len(), map.len());
                }
            }
            _ => {}
        }
    }
}

fn depth_of(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut inside, mut escaped) = (0usize, 0, false, false);
    for &b in text {
        match b {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b'{' | b'[' if !inside => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !inside => depth -= 1,
            _ => {}
        }
    }
    deepest
}

proptest! {
    #[test]
    fn nesting_is_measured_right(text in json(), copies in 1usize..8) {
        let text = vec![text; copies].join(",");
        let depth = depth_of(text.as_bytes());
        prop_assert!(!nests_deeper(text.as_bytes(), depth));
        if depth > 0 {
            prop_assert!(nests_deeper(text.as_bytes(), depth - 1));
        }
    }
}

#[test]
fn every_corner_of_blocks() {
    // Whatever matters at the edge of a block of 64 bytes: a backslash run, a quote, a word, a bracket.
    for lead in 0..130 {
        let pad = " ".repeat(lead);
        for body in ["\"\\\\\\\\\"", "\"\\\\\\\"x\"", "12345678", "true", "[[[]]]", "\"é€😀\"", "{\"a\":-0.5e+7}"]
        {
            assert!(verdicts_agree(format!("{pad}{body}").as_bytes()).unwrap(), "{lead} {body}");
            assert!(!verdicts_agree(format!("{pad}{body}x").as_bytes()).unwrap(), "{lead} {body}x");
            assert!(!verdicts_agree(format!("{pad}[{body}").as_bytes()).unwrap(), "{lead} [{body}");
        }
    }
}

#[test]
fn nesting_up_to_the_limit() {
    for (depth, fine) in [(MAX_DEPTH, true), (MAX_DEPTH + 1, false), (100_000, false)] {
        let arrays = "[".repeat(depth) + &"]".repeat(depth);
        let objects = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        for text in [arrays, objects] {
            assert_eq!(State::parse(text, &IndexOptions::with_depth(4)).is_ok(), fine, "{depth}");
        }
    }
}
