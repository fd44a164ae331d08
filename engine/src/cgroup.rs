//! A cgroup (version 2) for each child, where the system lets us: the kernel then counts what no watchdog can, memory of
//! descriptors and sockets included.
//!
//! Nothing is done to the cgroup that we are in: making leaves below it would mean to move ourselves. Who wants leaves names
//! a folder that was delegated to us, with the memory controller switched on for its children.

use std::fs;
use std::path::{Path, PathBuf};

/// A leaf with one process in it. Its folder goes when it is dropped, for which the process must have ended.
#[derive(Debug)]
pub struct Leaf(PathBuf);

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no cgroup of its own: {0}")]
pub struct Unavailable(String);

impl Leaf {
    /// A leaf for a process below a delegated folder.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn new(parent: &Path, process: u32) -> Result<Leaf, Unavailable> {
        let path = parent.join(format!("fulgurite-{process}"));
        let failed = |what: &str, error: std::io::Error| Unavailable(format!("{what} {}: {error}", parent.display()));
        fs::create_dir(&path).map_err(|error| failed("cannot make a folder in", error))?;
        let leaf = Leaf(path);
        if !leaf.0.join("memory.max").exists() {
            return Err(Unavailable(format!("{} has no memory controller for its children", parent.display())));
        }
        // What is swapped out is not in the limit, and one process of a run does not go without the others.
        let _ = fs::write(leaf.0.join("memory.swap.max"), "0");
        let _ = fs::write(leaf.0.join("memory.oom.group"), "1");
        fs::write(leaf.0.join("cgroup.procs"), process.to_string())
            .map_err(|error| failed("cannot move a process into a folder in", error))?;
        Ok(leaf)
    }

    /// Sets what the process may have; `None` = no limit.
    pub fn limit(&self, bytes: Option<u64>) -> bool {
        let text = bytes.map_or_else(|| "max".to_owned(), |bytes| bytes.to_string());
        fs::write(self.0.join("memory.max"), text).is_ok()
    }

    /// How often the kernel killed for this limit.
    pub fn kills(&self) -> u64 {
        let events = fs::read_to_string(self.0.join("memory.events")).unwrap_or_default();
        events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_cgroup_it_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = Leaf::new(folder.path(), 1).unwrap_err();
        assert!(error.to_string().contains("no memory controller"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
        let error = Leaf::new(&folder.path().join("none"), 1).unwrap_err();
        assert!(error.to_string().contains("cannot make a folder"), "{error}");
    }

    #[test]
    fn kills_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let leaf = Leaf(folder.path().join("leaf"));
        fs::create_dir(&leaf.0).unwrap();
        assert_eq!(leaf.kills(), 0);
        fs::write(leaf.0.join("memory.events"), "low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\n").unwrap();
        assert_eq!(leaf.kills(), 3);
        assert!(leaf.limit(Some(5)));
        assert_eq!(fs::read_to_string(leaf.0.join("memory.max")).unwrap(), "5");
        assert!(leaf.limit(None));
        assert_eq!(fs::read_to_string(leaf.0.join("memory.max")).unwrap(), "max");
    }
}
