//! Whether to wait for more before telling: a few notices after a calm go out at once, what comes in a storm or on
//! the heels of others is told together.

use std::time::{Duration, Instant};

/// Offers no further apart than this belong together.
const APART: Duration = Duration::from_millis(50);
/// The first of those that belong together waits no longer than this.
const LONGEST: Duration = Duration::from_millis(500);

/// How much an offer brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// What is told in single messages.
    Few,
    /// What makes a digest.
    Storm,
}

impl Size {
    pub(super) fn of(notices: usize, digest_above: usize) -> Self {
        if notices > digest_above {
            Self::Storm
        } else {
            Self::Few
        }
    }
}

/// The wait for more, and what it follows from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gather {
    /// When the last offer came.
    last: Option<Instant>,
    /// When the first came of those that wait.
    first: Option<Instant>,
}

impl Gather {
    /// An offer came.
    pub(super) fn take(&mut self, size: Size, now: Instant) {
        let is_calm = self.last.is_none_or(|last| last + APART <= now);
        let waits = self.waits_until(now).is_some();
        if !waits {
            self.first = (size == Size::Storm || !is_calm).then_some(now);
        }
        self.last = Some(now);
    }

    /// Tells what there is without waiting for more.
    pub(super) fn end(&mut self) {
        self.first = None;
    }

    /// The end of the wait, while it lasts.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let (first, last) = (self.first?, self.last?);
        let until = (last + APART).min(first + LONGEST);
        (until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::{Size::*, *};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn wait(gather: &Gather, now: Instant) -> Option<Duration> {
        gather.waits_until(now).map(|until| until - now)
    }

    #[test]
    fn a_few_after_a_calm_wait_for_nothing() {
        let mut now = crate::clock::Clock::System.now().instant;
        let mut gather = Gather::default();
        for _ in 0..3 {
            gather.take(Few, now);
            assert_eq!(wait(&gather, now), None);
            now += APART;
        }
    }

    #[test]
    fn a_storm_and_what_follows_closely_wait_while_more_come() {
        let start = crate::clock::Clock::System.now().instant;
        let mut gather = Gather::default();
        gather.take(Storm, start);
        assert_eq!(wait(&gather, start), Some(MS(50)));
        gather.take(Few, start + MS(40));
        assert_eq!(wait(&gather, start + MS(40)), Some(MS(50)));
        assert_eq!(wait(&gather, start + MS(90)), None);
        gather.take(Few, start + MS(200));
        gather.take(Few, start + MS(230));
        assert_eq!(
            wait(&gather, start + MS(230)),
            Some(MS(50)),
            "the second of two waits"
        );
        gather.end();
        assert_eq!(wait(&gather, start + MS(230)), None);
    }

    #[test]
    fn the_wait_ends_though_more_keep_coming() {
        let start = crate::clock::Clock::System.now().instant;
        let mut gather = Gather::default();
        gather.take(Storm, start);
        for at in (10..500).step_by(10) {
            gather.take(Few, start + MS(at));
            assert!(wait(&gather, start + MS(at)).is_some());
        }
        assert_eq!(wait(&gather, start + MS(490)), Some(MS(10)));
        assert_eq!(wait(&gather, start + MS(500)), None);
        gather.take(Few, start + MS(505));
        assert_eq!(wait(&gather, start + MS(505)), Some(MS(50)), "a new wait");
    }
}
