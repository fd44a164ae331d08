//! What a child takes from itself before it runs anybody's code. It is the second line: the first is that an isolate has no
//! way to ask for any of it.
//!
//! | measure | what is gone |
//! |---|---|
//! | [`Report::privileges`] | privileges by executing (`no_new_privs`), and every capability |
//! | [`Report::files`] | every file but below the given roots (landlock; without roots, also the calls that open files), abstract sockets, signals to others |
//! | [`Report::calls`] | every system call that a run does not need: exec, ptrace, new processes, and without network sockets |
//! | [`Report::resources`] | core dumps, more descriptors than a run needs, locked memory. Address space is left: V8 reserves terabytes |
//!
//! To be called while the process has one thread: what that one lacks, all later ones lack.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use serde::{Deserialize, Serialize};

mod calls;

/// What runs may still reach.
///
/// It is in the first message, which another build must be able to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardening {
    /// Sockets can be made.
    pub network: bool,
    /// Folders and files that can be read.
    pub readable: Vec<PathBuf>,
    /// Folders and files that can be read and written.
    pub writable: Vec<PathBuf>,
    /// Descriptors that can be open at a time.
    pub descriptors: u64,
}

impl Default for Hardening {
    /// Nothing, and 256 descriptors.
    fn default() -> Self {
        Hardening { network: false, readable: Vec::new(), writable: Vec::new(), descriptors: 256 }
    }
}

/// What of it the system gave us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// No new privileges, and none of the old.
    pub privileges: Measure,
    /// Files.
    pub files: Measure,
    /// System calls.
    pub calls: Measure,
    /// Resource limits.
    pub resources: Measure,
}

/// How one measure went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// All of it.
    Applied,
    /// What the kernel knows of it.
    Partly(String),
    /// Nothing of it.
    Unavailable(String),
}

impl Report {
    /// What is missing, in words; empty when nothing is.
    pub fn missing(&self) -> Vec<String> {
        let measures = [
            ("privileges", &self.privileges),
            ("landlock", &self.files),
            ("seccomp", &self.calls),
            ("resource limits", &self.resources),
        ];
        let said = measures.into_iter().filter_map(|(name, measure)| match measure {
            Measure::Applied => None,
            Measure::Partly(why) => Some(format!("{name}: only in part: {why}")),
            Measure::Unavailable(why) => Some(format!("{name}: not available: {why}")),
        });
        said.collect()
    }
}

/// Takes everything away that the system lets us. There is no way back.
pub fn apply(hardening: &Hardening) -> Report {
    let resources = resources(hardening);
    let privileges = set_no_new_privs(true);
    let files = files(hardening);
    // Without capabilities landlock would still work, but not every mount could be looked at for its roots.
    let nothing = CapabilitySet::empty();
    let privileges = privileges.and_then(|()| {
        set_capabilities(None, CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing })
    });
    Report { privileges: measure(privileges), files, calls: calls::restrict(hardening), resources }
}

fn measure<E: std::fmt::Display>(done: Result<(), E>) -> Measure {
    done.map_or_else(|error| Measure::Unavailable(error.to_string()), |()| Measure::Applied)
}

fn resources(hardening: &Hardening) -> Measure {
    let lower = |resource: Resource, limit: u64| {
        let limit = Some(getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit)));
        setrlimit(resource, Rlimit { current: limit, maximum: limit })
    };
    let done = lower(Resource::Core, 0)
        .and_then(|()| lower(Resource::Memlock, 0))
        .and_then(|()| lower(Resource::Nofile, hardening.descriptors));
    measure(done)
}

fn files(hardening: &Hardening) -> Measure {
    let abi = ABI::V6;
    let restrict = || {
        let mut rules = Ruleset::default().handle_access(AccessFs::from_all(abi))?;
        if !hardening.network {
            rules = rules.handle_access(AccessNet::from_all(abi))?;
        }
        rules
            .scope(Scope::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(&hardening.readable, AccessFs::from_read(abi)))?
            .add_rules(path_beneath_rules(&hardening.writable, AccessFs::from_all(abi)))?
            .restrict_self()
    };
    match restrict() {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => Measure::Applied,
            RulesetStatus::PartiallyEnforced => Measure::Partly("this kernel's landlock lacks some of it".into()),
            RulesetStatus::NotEnforced => Measure::Unavailable("this kernel has no landlock".into()),
        },
        Err(error) => Measure::Unavailable(error.to_string()),
    }
}
