//! What criterion measured last, if it did: it keeps its figures below the target folder.

use std::{fs, path::Path};

use serde_json::Value;

use super::result::Criterion;

/// All figures, by name.
pub(super) fn latest(target: &Path) -> Vec<Criterion> {
    let mut found = Vec::new();
    collect(&target.join("criterion"), &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn collect(folder: &Path, found: &mut Vec<Criterion>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            match entry.file_name() == "new" {
                true => found.extend(figure(&path)),
                false => collect(&path, found),
            }
        }
    }
}

fn figure(folder: &Path) -> Option<Criterion> {
    let read = |name: &str| serde_json::from_slice::<Value>(&fs::read(folder.join(name)).ok()?).ok();
    let (names, figures) = (read("benchmark.json")?, read("estimates.json")?);
    let median = &figures["median"];
    Some(Criterion {
        name: names["full_id"].as_str()?.to_owned(),
        low: median["confidence_interval"]["lower_bound"].as_f64()?,
        median: median["point_estimate"].as_f64()?,
        high: median["confidence_interval"]["upper_bound"].as_f64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_wherever_they_are() {
        let target = tempfile::tempdir().unwrap();
        let folder = target.path().join("criterion/group/name/new");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("benchmark.json"), r#"{"full_id":"group/name"}"#).unwrap();
        let estimates =
            r#"{"median":{"point_estimate":2.0,"confidence_interval":{"lower_bound":1.0,"upper_bound":3.0}}}"#;
        fs::write(folder.join("estimates.json"), estimates).unwrap();
        let expected = Criterion { name: "group/name".into(), low: 1.0, median: 2.0, high: 3.0 };
        assert_eq!(latest(target.path()), [expected]);
        assert_eq!(latest(&target.path().join("nowhere")), []);
    }
}
