//! The CPU clock of one thread, read from another.

use std::time::Duration;

/// The clock of a thread; only to be read while that thread lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadClock(#[cfg(target_os = "linux")] libc::clockid_t);

#[cfg(target_os = "linux")]
impl ThreadClock {
    /// The clock of the thread that asks.
    pub(crate) fn current() -> Option<ThreadClock> {
        let mut clock = 0;
        // SAFETY: `pthread_self` is the calling thread, which lives, and the answer goes to a local of the right type.
        let error = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
        (error == 0).then_some(ThreadClock(clock))
    }

    /// CPU time that the thread has used. A clock of a thread that is gone is an error of the kernel's, and no time.
    pub(crate) fn now(self) -> Option<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: The clock is only a number to the kernel, and the answer goes to a local of the right type.
        let error = unsafe { libc::clock_gettime(self.0, &raw mut time) };
        (error == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}

/// Elsewhere there is no such clock, and CPU time has no limit.
#[cfg(not(target_os = "linux"))]
impl ThreadClock {
    pub(crate) fn current() -> Option<ThreadClock> {
        None
    }

    pub(crate) fn now(self) -> Option<Duration> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_is_seen_to_work_from_another() {
        let (send, clock) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let worker = std::thread::spawn(move || {
            send.send(ThreadClock::current().unwrap()).unwrap();
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {}
        });
        let clock = clock.recv().unwrap();
        let start = clock.now().unwrap();
        while clock.now().unwrap() < start + Duration::from_millis(5) {}
        drop(stop);
        worker.join().unwrap();
    }
}
