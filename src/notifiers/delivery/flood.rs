//! How one recipient is told of what comes one after the other: singly at first; once that was too much within a
//! minute, what follows is gathered for a while and told together. What is critical is gathered only briefly.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Messages of this time count.
const WINDOW: Duration = Duration::from_mins(1);
/// The first of what is gathered waits no longer than this.
const LONGEST: Duration = Duration::from_secs(30);
/// The first critical of what is gathered waits no longer than this.
const LONGEST_CRITICAL: Duration = Duration::from_secs(5);

/// How what is due is to be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// So many alerts in messages of their own; the others are asked about again.
    Singly(usize),
    /// All in one message.
    Together,
    /// Not yet, as more may come.
    Later,
}

/// What is due for the recipient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// How many alerts; at least one.
    pub(super) alerts: usize,
    /// Whether one of them is critical.
    pub(super) has_critical: bool,
    /// Most that are told singly, at once or within a minute.
    pub(super) most: usize,
}

/// What the recipient was told lately, and since when something waits.
#[derive(Debug, Default)]
pub(super) struct Flood {
    singles: VecDeque<Instant>,
    digest: Option<Instant>,
    waits: Option<Instant>,
    critical_waits: Option<Instant>,
}

impl Flood {
    /// How to tell what is due. Asked again, it remembers since when something waits.
    pub(super) fn manner(&mut self, due: Due, now: Instant) -> Manner {
        let is_recent = |at: &Instant| now < *at + WINDOW;
        self.singles.retain(is_recent);
        self.digest = self.digest.filter(is_recent);
        let room = match self.digest {
            // Who is in a storm wants to hear of the rest of it together.
            Some(_) => 0,
            None => due.most.saturating_sub(self.singles.len()),
        };
        if self.waits.is_none() && room > 0 {
            return if due.alerts > due.most {
                Manner::Together
            } else {
                Manner::Singly(room)
            };
        }
        self.waits.get_or_insert(now);
        if due.has_critical {
            self.critical_waits.get_or_insert(now);
        }
        if self.waits_until(now).is_some() {
            Manner::Later
        } else {
            Manner::Together
        }
    }

    /// One alert was told.
    pub(super) fn told_one(&mut self, now: Instant) {
        self.singles.push_back(now);
        self.end_wait();
    }

    /// Many were told together.
    pub(super) fn told_many(&mut self, now: Instant) {
        self.digest = Some(now);
        self.end_wait();
    }

    /// The end of the wait for more, while it lasts.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let usual = self.waits? + LONGEST;
        let until = match self.critical_waits {
            Some(since) => usual.min(since + LONGEST_CRITICAL),
            None => usual,
        };
        (until > now).then_some(until)
    }

    fn end_wait(&mut self) {
        (self.waits, self.critical_waits) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::{Manner::*, *};

    const SECOND: fn(u64) -> Duration = Duration::from_secs;

    fn due(alerts: usize, has_critical: bool) -> Due {
        Due {
            alerts,
            has_critical,
            most: 3,
        }
    }

    fn start() -> Instant {
        crate::clock::Clock::System.now().instant
    }

    #[test]
    fn a_few_within_a_minute_are_told_singly_and_the_rest_together() {
        let (start, mut flood) = (start(), Flood::default());
        for (second, left) in [(0, 3), (10, 2), (20, 1)] {
            let now = start + SECOND(second);
            assert_eq!(flood.manner(due(1, false), now), Singly(left));
            flood.told_one(now);
        }
        for (second, manner) in [(21, Later), (50, Later), (51, Together)] {
            assert_eq!(
                flood.manner(due(2, false), start + SECOND(second)),
                manner,
                "{second}"
            );
        }
        flood.told_many(start + SECOND(51));
        for (second, manner) in [(70, Later), (99, Later), (100, Together)] {
            assert_eq!(
                flood.manner(due(1, false), start + SECOND(second)),
                manner,
                "{second}"
            );
        }
        flood.told_one(start + SECOND(100));
        assert_eq!(
            flood.manner(due(1, false), start + SECOND(111)),
            Singly(2),
            "calm again"
        );
    }

    #[test]
    fn what_is_critical_is_gathered_briefly_and_takes_the_rest_along() {
        let (start, mut flood) = (start(), Flood::default());
        flood.told_many(start);
        for (second, has_critical, manner) in [
            (1, false, Later),
            (10, true, Later),
            (14, true, Later),
            (15, true, Together),
        ] {
            let now = start + SECOND(second);
            assert_eq!(flood.manner(due(9, has_critical), now), manner, "{second}");
        }
    }

    #[test]
    fn many_at_once_wait_for_nothing_after_a_calm() {
        assert_eq!(Flood::default().manner(due(4, false), start()), Together);
    }
}
