//! When to try again: 5 s after a failure, then three times as long each time, never more than five minutes.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(5);
const FACTOR: u32 = 3;
const LONGEST: Duration = Duration::from_mins(5);

/// Failures in a row, and the wait that follows from them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// One more failure.
    pub(super) fn fail(&mut self, now: Instant) {
        let wait = FIRST.saturating_mul(FACTOR.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + wait.min(LONGEST));
    }

    /// It may be tried at once, though it failed before.
    pub(super) fn end_wait(&mut self) {
        self.until = None;
    }

    /// Failures since it last worked.
    pub(super) fn failures(self) -> u32 {
        self.failures
    }

    /// The end of the wait, while it lasts.
    pub(super) fn waits_until(self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_five_minutes() {
        let mut now = crate::clock::Clock::System.now().instant;
        let mut backoff = Backoff::default();
        for seconds in [5, 15, 45, 135, 300, 300, 300] {
            backoff.fail(now);
            let until = now + Duration::from_secs(seconds);
            assert_eq!(backoff.waits_until(now), Some(until));
            assert_eq!(backoff.waits_until(until), None);
            now = until;
        }
    }
}
