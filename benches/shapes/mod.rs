//! Seedless, deterministic states of any size for the benches.
#![allow(dead_code, reason = "each bench uses some of it")]

use std::fmt::Write;

/// The sizes that the benches go through.
pub(crate) const SIZES: [(&str, usize); 4] =
    [("1KB", 1 << 10), ("100KB", 100 << 10), ("10MB", 10 << 20), ("100MB", 100 << 20)];

/// Many records with short fields, like a FHIR bundle, below `data.entry`.
pub(crate) fn bundle(size: usize) -> String {
    let mut text = String::with_capacity(size + 1024);
    text.push_str("{\"data\":{\"resourceType\":\"Bundle\",\"id\":\"b\",\"entry\":[");
    let mut i = 0;
    while text.len() < size.saturating_sub(60) || i == 0 {
        if i > 0 {
            text.push(',');
        }
        let _ = write!(
            text,
            "{{\"resource\":{{\"resourceType\":\"Observation\",\"id\":\"obs-{i}\",\"status\":\"final\",\"code\":{{\"coding\":[{{\"system\":\"http://loinc.org\",\
             \"code\":\"8867-4\",\"display\":\"Heart rate\"}}]}},\"subject\":{{\"reference\":\"Patient/{}\"}},\"effectiveDateTime\":\"2024-01-02T03:04:05Z\",\
             \"valueQuantity\":{{\"value\":{}.5,\"unit\":\"beats/minute\"}}}}}}",
            i / 3,
            60 + i % 40
        );
        i += 1;
    }
    text.push_str("]},\"references\":[],\"cursor\":\"2024-01-01T00:00:00Z\"}");
    text
}

/// A matrix of numbers.
pub(crate) fn numbers(size: usize) -> String {
    format!("{{\"data\":[{}0]}}", "[1.25,-3,1234567.5e3,0],".repeat(size / 24))
}

/// One long string.
pub(crate) fn one_string(size: usize) -> String {
    format!("{{\"data\":\"{}\"}}", "lorem ipsum ".repeat(size / 12))
}

/// A string full of escapes.
pub(crate) fn escapes(size: usize) -> String {
    format!("{{\"data\":\"{}\"}}", "a\\n\\\"b\\\\".repeat(size / 8))
}

/// Objects in objects, far below what is indexed.
pub(crate) fn nested(size: usize) -> String {
    const DEPTH: usize = 40;
    let one = format!("{}1{}", "{\"a\":[true,".repeat(DEPTH), "]}".repeat(DEPTH));
    format!("{{\"data\":[{}{one}]}}", format!("{one},").repeat(size / one.len()))
}

/// One object with many keys and nothing below them.
pub(crate) fn wide(size: usize) -> String {
    const KEYS: usize = 30;
    let value = "v".repeat(size / KEYS - 16);
    let entries: Vec<String> = (0..KEYS).map(|i| format!("\"key_{i}\":\"{value}\"")).collect();
    format!("{{{}}}", entries.join(","))
}
