//! Explanations, written by people: which workloads are not ahead, and what the time goes into.
//!
//! In `benches/workloads/notes.md` a heading of level 2 is one or more patterns, and what follows is about the workloads whose names
//! they match. `*` stands for anything. A workload has the first that matches.

use anyhow::{Result, ensure};

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Vec<(Vec<String>, String)>);

impl Notes {
    pub(super) fn parse(text: &str) -> Result<Notes> {
        let mut notes: Vec<(Vec<String>, String)> = Vec::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                let patterns = heading.split(',').map(|pattern| pattern.trim().trim_matches('`').to_owned());
                notes.push((patterns.collect(), String::new()));
            } else if let Some((_, note)) = notes.last_mut() {
                note.push_str(line);
                note.push('\n');
            }
        }
        for (patterns, note) in &mut notes {
            *note = note.trim().to_owned();
            ensure!(!note.is_empty(), "the notes on {} say nothing", patterns.join(", "));
        }
        Ok(Notes(notes))
    }

    /// What is said about this workload.
    pub(super) fn on(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(patterns, _)| patterns.iter().any(|pattern| matches(pattern, name)))?;
        Some(&found.1)
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}")
        };
        check("fhir/map/1KB", "fhir/map/1KB", true);
        check("fhir/map/1KB", "fhir/map/10KB", false);
        check("*/map/*", "fhir/map/1KB", true);
        check("*/1KB", "fhir/map/1KB", true);
        check("*/1KB", "fhir/map/1KB/fan-4", false);
        check("*/1KB*", "fhir/map/1KB/fan-4", true);
        check("*", "", true);
    }

    #[test]
    fn the_first_note_that_matches_counts() {
        let notes = Notes::parse("# Title\n\nWords.\n\n## `a/*`, `b`\n\nOne.\n\n## `*`\nTwo,\nstill.\n").unwrap();
        assert_eq!(notes.on("a/x"), Some("One."));
        assert_eq!(notes.on("b"), Some("One."));
        assert_eq!(notes.on("c"), Some("Two,\nstill."));
        assert_eq!(Notes::default().on("c"), None);
        assert!(Notes::parse("## a\n\n## b\nx").is_err());
    }

    #[test]
    fn ours_can_be_read() {
        Notes::parse(include_str!("../../../benches/workloads/notes.md")).unwrap();
    }
}
