//! A generator of large states: a FHIR R4 bundle of made-up patients, of any size, to the byte.
//!
//! Size and seed fix every byte of it, so that a figure measured on one machine can be measured again on another. It is
//! written as a stream: a bundle of many gigabytes takes no more memory than one of a kilobyte. Because `total` comes
//! before the entries, they are generated twice: once to count, once to write.
//!
//! ```json
//! {"configuration":{},
//!  "data":{"resourceType":"Bundle","id":"…","type":"collection","total":3,"meta":{…},"entry":[…]},
//!  "references":[],
//!  "cursor":"2024-01-01T00:00:00Z"}
//! ```

mod entries;
pub(crate) mod random;

use anyhow::{Result, ensure};
use entries::Entries;
use std::io::Write;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

/// Writes a state of exactly `size` bytes.
pub(crate) fn write(out: &mut impl Write, size: u64, seed: u64) -> Result<Written> {
    let id = entries::bundle_id(seed);
    let least = length(&id, 1, entries::last_length());
    ensure!(size >= least, "the smallest bundle has {least} bytes, and {size} were asked for");

    // First pass: how many entries fit, with room for the last one, which takes up the rest.
    let (mut ordinary, mut used) = (0, 0);
    let (mut entries, mut entry) = (Entries::new(seed), Vec::new());
    loop {
        entries.next(&mut entry);
        let with_it = used + entry.len() as u64 + 1;
        if length(&id, ordinary + 2, with_it + entries::last_length()) > size {
            break;
        }
        (ordinary, used) = (ordinary + 1, with_it);
    }

    let total = ordinary + 1;
    out.write_all(head(&id, total).as_bytes())?;
    let mut entries = Entries::new(seed);
    for _ in 0..ordinary {
        entries.next(&mut entry);
        entry.push(b',');
        out.write_all(&entry)?;
    }
    let room = size - length(&id, total, used + entries::last_length());
    entries.last(room, out)?;
    out.write_all(TAIL.as_bytes())?;
    Ok(Written { bytes: size, entries: total })
}

const TAIL: &str = r#"]},"references":[],"cursor":"2024-01-01T00:00:00Z"}"#;

fn head(id: &str, total: u64) -> String {
    format!(
        concat!(
            r#"{{"configuration":{{}},"data":{{"resourceType":"Bundle","id":"{id}","type":"collection","total":{total},"#,
            r#""meta":{{"versionId":"1","lastUpdated":"2024-01-01T00:00:00Z","source":"urn:fulgurite:synthetic"}},"entry":["#
        ),
        id = id,
        total = total
    )
}

/// The length of a state whose entries, commas included, have so many bytes.
fn length(id: &str, total: u64, entries: u64) -> u64 {
    head(id, total).len() as u64 + entries + TAIL.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::HashSet;

    fn bundle(size: u64, seed: u64) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(write(&mut out, size, seed).unwrap().bytes, out.len() as u64);
        out
    }

    #[test]
    fn every_size_is_met_to_the_byte_and_is_json() {
        for size in (1000..6000).step_by(7).chain([10_000, 99_999, 1_000_000, 3_333_333]) {
            let text = bundle(size, size);
            assert_eq!(text.len() as u64, size);
            let state: Value = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{size}: {e}"));
            let entries = state["data"]["entry"].as_array().unwrap();
            assert_eq!(state["data"]["total"], entries.len());
        }
    }

    #[test]
    fn size_and_seed_fix_every_byte() {
        assert_eq!(bundle(200_000, 1), bundle(200_000, 1));
        assert_ne!(bundle(200_000, 1), bundle(200_000, 2));
    }

    #[test]
    fn the_bytes_are_the_same_on_every_machine() {
        use sha2::{Digest as _, Sha256};
        let sum: String = Sha256::digest(bundle(100_000, 1)).iter().map(|b| format!("{b:02x}")).collect();
        // When the generator changes on purpose, figures measured before no longer compare: say so in the changelog.
        assert_eq!(sum, "eb891d892cdd0dd6ab330edc3b1cf211b7bbacda58ccb7316c773fd4a729b998");
    }

    #[test]
    fn too_small_a_size_is_refused() {
        assert!(write(&mut Vec::new(), 100, 1).unwrap_err().to_string().contains("smallest"));
    }

    #[test]
    fn the_state_has_the_documented_shape() {
        let state: Value = serde_json::from_slice(&bundle(100_000, 1)).unwrap();
        let keys: HashSet<_> = state.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, HashSet::from(["configuration", "data", "references", "cursor"]));
        assert_eq!(state["data"]["resourceType"], "Bundle");
        assert_eq!(state["data"]["type"], "collection");
        assert!(state["data"]["meta"].is_object());
        assert_eq!(state["references"], serde_json::json!([]));
        assert_eq!(state["cursor"], "2024-01-01T00:00:00Z");
        let text = String::from_utf8(bundle(100_000, 1)).unwrap();
        assert!(text.find("\"meta\"").unwrap() < 300, "meta is near the front");
    }

    #[test]
    fn entries_refer_to_entries_that_exist() {
        let state: Value = serde_json::from_slice(&bundle(300_000, 3)).unwrap();
        let entries = state["data"]["entry"].as_array().unwrap();
        let ids: HashSet<_> = entries.iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), entries.len(), "ids are unique");
        let mut kinds = HashSet::new();
        for resource in entries.iter().map(|e| &e["resource"]) {
            kinds.insert(resource["resourceType"].as_str().unwrap());
            for reference in [&resource["subject"]["reference"], &resource["encounter"]["reference"]] {
                if let Some(reference) = reference.as_str() {
                    assert!(ids.contains(reference), "{resource}");
                }
            }
        }
        assert_eq!(kinds, HashSet::from(["Patient", "Encounter", "Condition", "Observation"]));
    }
}
