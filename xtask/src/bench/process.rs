//! Process trees, as `/proc` shows them: who belongs to one, how much memory it has, how much CPU time it took.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often memory is looked at.
const TICK: Duration = Duration::from_millis(10);

/// A process and its descendants.
pub(super) fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut at = 0;
    while let Some(&pid) = all.get(at) {
        // Children belong to the thread that started them.
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        at += 1;
    }
    all
}

/// Ends a process and all its descendants.
pub(super) fn kill(root: u32) {
    tree(root).into_iter().for_each(end);
}

/// CPU time of all threads that these processes have or had, in nanoseconds. Who has gone counts for nothing.
pub(super) fn cpu(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| clock(*pid)).sum()
}

#[cfg(target_os = "linux")]
fn end(pid: u32) {
    // SAFETY: no memory is involved, and the process is one that we started or that one of those did.
    unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
}

#[cfg(target_os = "linux")]
fn clock(pid: u32) -> Option<u64> {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both are given places of their own to write to.
    let known = unsafe {
        libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) == 0 && libc::clock_gettime(clock, &mut time) == 0
    };
    known.then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Nothing is measured here.
#[cfg(not(target_os = "linux"))]
fn end(_: u32) {}

/// Nothing is measured here.
#[cfg(not(target_os = "linux"))]
fn clock(_: u32) -> Option<u64> {
    None
}

/// Lets the kernel forget the most memory that these processes had.
fn forget_peaks(pids: &[u32]) {
    for pid in pids {
        // Not everybody may; then the peak is one of the process's whole life.
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
    }
}

/// The most memory that one of these had since, in bytes, as the kernel counted it.
fn highest_peak(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| memory(*pid, "VmHWM:")).max().unwrap_or(0)
}

/// Memory that these have now, in bytes. What two of them share counts twice.
fn resident(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| memory(*pid, "VmRSS:")).sum()
}

fn memory(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// Watches a tree's memory while something goes on.
pub(super) struct Watch {
    root: u32,
    over: Arc<AtomicBool>,
    most: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// From now on.
    pub(super) fn start(root: u32) -> Watch {
        let (over, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        forget_peaks(&tree(root));
        let (stop, seen) = (over.clone(), most.clone());
        let watch = move || {
            let mut pids = tree(root);
            for look in 1.. {
                seen.fetch_max(resident(&pids), Ordering::Relaxed);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                thread::park_timeout(TICK);
                if look % 10 == 0 {
                    pids = tree(root);
                }
            }
        };
        Watch { root, over, most, thread: Some(thread::spawn(watch)) }
    }

    /// The most memory: what the whole tree was seen with at once or what one process had at its worst moment, whichever is more.
    pub(super) fn stop(mut self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It only reads and adds.
            let _ = thread.join();
        }
        self.most.load(Ordering::Relaxed).max(highest_peak(&tree(self.root)))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_tree_has_its_descendants() {
        let mut child = Command::new("sh")
            .args(["-c", "sh -c 'read line'; true"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh is everywhere");
        // Until the grandchild is there.
        while tree(child.id()).len() < 2 {
            thread::yield_now();
        }
        assert!(tree(std::process::id()).len() >= 3);
        kill(child.id());
        assert!(!child.wait().unwrap().success());
        assert_eq!(cpu(&[child.id()]), 0);
    }

    #[test]
    fn memory_and_time_are_seen() {
        let me = [std::process::id()];
        let watch = Watch::start(me[0]);
        let before = cpu(&me);
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(cpu(&me) > before);
        assert!(watch.stop() >= block.len() as u64);
    }
}
