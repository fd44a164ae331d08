//! Where in a state: `data.items[3].name`, as errors, warnings and stream markers say it.

use std::fmt;

/// One way down from the root of a state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Segment>);

/// One step of a way down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A property of an object. Lone surrogates of a key are shown as U+FFFD.
    Key(String),
    /// An element of an array.
    Index(usize),
}

impl Path {
    /// What remains below `prefix`, when this path starts with it.
    pub fn strip_prefix(&self, prefix: &[Segment]) -> Option<&[Segment]> {
        self.0.strip_prefix(prefix)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("state");
        }
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_identifier(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(key)?;
                }
                Segment::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_identifier(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_javascript() {
        let path = |segments: &[Segment]| Path(segments.to_vec()).to_string();
        let key = |key: &str| Segment::Key(key.into());
        assert_eq!(path(&[]), "state");
        assert_eq!(path(&[key("data"), Segment::Index(3), key("name")]), "data[3].name");
        assert_eq!(path(&[key("a b"), key("_x"), key("")]), "[\"a b\"]._x[\"\"]");
    }
}
