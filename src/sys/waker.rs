//! Wakes a thread that waits for sockets or for a point in time, from any other thread.

use std::time::{Duration, Instant};

/// Why a wait ended is not told: the waiter looks at everything it waits for.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct Waker(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Waker {
    /// Fails when the process has no file descriptor left.
    pub(crate) fn new() -> std::io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Ends the present wait, or the next one if nobody waits.
    pub(crate) fn wake(&self) {
        // It can only fail when the counter is full, and then the waiter wakes anyway.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits until [`wake`](Self::wake), until one of `sockets` has something, or until `until`.
    pub(crate) fn wait(&self, sockets: &[std::os::fd::BorrowedFd<'_>], until: Option<Instant>) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let timeout = until.map(remaining).map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        let mut waited: Vec<_> = sockets
            .iter()
            .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
            .collect();
        waited.push(PollFd::new(&self.0, PollFlags::IN));
        let ready = poll(&mut waited, timeout.as_ref());
        if ready.is_ok_and(|n| n > 0) && waited.last().is_some_and(|fd| !fd.revents().is_empty()) {
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }
    }
}

/// Why a wait ended is not told: the waiter looks at everything it waits for.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Default)]
pub(crate) struct Waker {
    woken: std::sync::Mutex<bool>,
    changed: std::sync::Condvar,
}

#[cfg(not(target_os = "linux"))]
impl Waker {
    /// Never fails here.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self::default())
    }

    /// Ends the present wait, or the next one if nobody waits.
    pub(crate) fn wake(&self) {
        *self
            .woken
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Waits until [`wake`](Self::wake) or until `until`.
    pub(crate) fn wait(&self, until: Option<Instant>) {
        use std::sync::PoisonError;

        const LONGEST: Duration = Duration::from_secs(3600);
        let guard = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until.map_or(LONGEST, remaining);
        let waited = self.changed.wait_timeout_while(guard, left, |woken| !*woken);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

fn remaining(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_the_wait_is_not_lost() {
        let waker = Waker::new().expect("a descriptor");
        waker.wake();
        waker.wake();
        waker.wait(&[], None);
        let past = Instant::now();
        waker.wait(&[], Some(past));
    }
}
