//! What was compiled before, by content: jobs, and V8's bytecode beside them.
//!
//! A key is the SHA-256 of everything that the result depends on, so an entry is never stale and two tenants of one worker
//! can share it without being able to give each other anything but what they would have got.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::executable::Executable;

/// Compiled jobs and bytecode, shared by all runs of a process.
pub struct Cache {
    memory: Mutex<Memory>,
    store: Option<Box<dyn Store>>,
}

/// Where entries are kept beyond the life of the process. What comes back is trusted: V8 runs bytecode without looking.
pub trait Store: Send + Sync {
    /// What was put there, to the byte; `None` when there is nothing, or anything else than that.
    fn get(&self, key: &Key) -> Option<Vec<u8>>;
    /// Keeps an entry, if it can.
    fn put(&self, key: &Key, content: &[u8]);
}

/// The name of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// The key for what follows from all of `parts`. `what` keeps kinds of entries apart.
    pub(crate) fn of<'a>(what: &'a str, parts: impl IntoIterator<Item = &'a str>) -> Key {
        let mut hash = Sha256::new();
        for part in [what, env!("CARGO_PKG_VERSION")].into_iter().chain(parts) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Key(hash.finalize().into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (entries, bytes) = (memory.entries.len(), memory.bytes);
        f.debug_struct("Cache").field("entries", &entries).field("bytes", &bytes).finish_non_exhaustive()
    }
}

impl Cache {
    /// A cache that keeps up to `limit` bytes in memory, and what it can in `store`.
    pub fn new(limit: usize, store: Option<Box<dyn Store>>) -> Cache {
        Cache { memory: Mutex::new(Memory { limit, ..Memory::default() }), store }
    }

    /// The job of that key.
    pub(crate) fn job(&self, key: &Key) -> Option<Arc<Executable>> {
        match self.memory().get(key) {
            Some(Entry::Job(job)) => return Some(job),
            Some(Entry::Bytecode(_)) => return None,
            None => {}
        }
        let job = Arc::new(Executable::from_bytes(&self.store.as_ref()?.get(key)?)?);
        self.memory().put(*key, Entry::Job(job.clone()));
        Some(job)
    }

    pub(crate) fn put_job(&self, key: Key, job: &Arc<Executable>) {
        self.memory().put(key, Entry::Job(job.clone()));
        if let Some(store) = &self.store {
            store.put(&key, &job.to_bytes());
        }
    }

    /// V8's bytecode of that key.
    pub(crate) fn bytecode(&self, key: &Key) -> Option<Arc<[u8]>> {
        match self.memory().get(key) {
            Some(Entry::Bytecode(code)) => return Some(code),
            Some(Entry::Job(_)) => return None,
            None => {}
        }
        let code: Arc<[u8]> = self.store.as_ref()?.get(key)?.into();
        self.memory().put(*key, Entry::Bytecode(code.clone()));
        Some(code)
    }

    pub(crate) fn put_bytecode(&self, key: Key, code: &[u8]) {
        self.memory().put(key, Entry::Bytecode(code.into()));
        if let Some(store) = &self.store {
            store.put(&key, code);
        }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // No entry is ever half written.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Cache {
    /// 32 MiB, in memory only.
    fn default() -> Cache {
        Cache::new(32 << 20, None)
    }
}

#[derive(Clone)]
enum Entry {
    Job(Arc<Executable>),
    Bytecode(Arc<[u8]>),
}

impl Entry {
    fn size(&self) -> usize {
        /// The maps' own part, roughly.
        const OVERHEAD: usize = 128;
        OVERHEAD
            + match self {
                Entry::Job(job) => job.size(),
                Entry::Bytecode(code) => code.len(),
            }
    }
}

#[derive(Default)]
struct Memory {
    entries: HashMap<Key, (Entry, u64)>,
    bytes: usize,
    limit: usize,
    /// Counts uses, to find what was not used for longest.
    now: u64,
}

impl Memory {
    fn get(&mut self, key: &Key) -> Option<Entry> {
        self.now += 1;
        let (entry, used) = self.entries.get_mut(key)?;
        *used = self.now;
        Some(entry.clone())
    }

    fn put(&mut self, key: Key, entry: Entry) {
        let size = entry.size();
        if size > self.limit / 4 {
            return;
        }
        self.now += 1;
        self.bytes += size;
        if let Some((old, _)) = self.entries.insert(key, (entry, self.now)) {
            self.bytes -= old.size();
        }
        if self.bytes > self.limit {
            self.shrink(self.limit / 4 * 3);
        }
    }

    /// Forgets what was not used for longest. Many at once, so that the sorting is rare.
    fn shrink(&mut self, to: usize) {
        let mut by_use: Vec<(u64, Key)> = self.entries.iter().map(|(key, (_, used))| (*used, *key)).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_use {
            if self.bytes <= to {
                break;
            }
            if let Some((entry, _)) = self.entries.remove(&key) {
                self.bytes -= entry.size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays() {
        let cache = Cache::new(10_000, None);
        let key = |n: usize| Key::of("test", [n.to_string().as_str()]);
        for n in 0..20 {
            cache.put_bytecode(key(n), &[0; 900]);
            assert!(cache.bytecode(&key(0)).is_some(), "0 was forgotten at {n}");
        }
        assert!(cache.bytecode(&key(1)).is_none());
        assert!(cache.bytecode(&key(19)).is_some());
        assert!(cache.memory().bytes <= 10_000);
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let cache = Cache::new(10_000, None);
        cache.put_bytecode(Key::of("test", ["a"]), &[0; 9_000]);
        assert_eq!(cache.memory().bytes, 0);
    }

    #[test]
    fn keys_keep_parts_apart() {
        assert_ne!(Key::of("a", ["b", "c"]), Key::of("a", ["bc", ""]));
        assert_ne!(Key::of("a", ["b"]), Key::of("b", ["b"]));
    }
}
