//! How long a device was observed and how long it was up. Time under suspicion is held back until the suspicion
//! ends: it becomes uptime after an answer, downtime once the outage is confirmed. What was seen holds for a limited
//! time: a gap without news, such as that of a process that was stopped, counts as not observed. Pure.

use std::time::{Duration, Instant};

/// What the present time counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// Not observed.
    Unknown,
    Up,
    /// Up until proven otherwise.
    Suspended,
    Down,
}

/// Two growing sums, which a scrape sees without steps backwards.
#[derive(Debug, Clone)]
pub(super) struct Uptime {
    counting: Counting,
    since: Instant,
    /// The end of what may be credited.
    until: Instant,
    held: Duration,
    observed: Duration,
    up: Duration,
}

impl Uptime {
    /// Nothing observed yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            counting: Counting::Unknown,
            since: now,
            until: now,
            held: Duration::ZERO,
            observed: Duration::ZERO,
            up: Duration::ZERO,
        }
    }

    /// From `now` on, time counts as `counting`, but no longer than `holds` unless this is called again.
    pub(super) fn count(&mut self, counting: Counting, holds: Duration, now: Instant) {
        let span = self.span(now);
        (self.observed, self.up) = self.totals(now);
        (self.since, self.until) = (now, now + holds);
        if self.counting == Counting::Suspended {
            self.held += span;
        }
        self.counting = counting;
        let held = match counting {
            Counting::Suspended => return,
            _ => std::mem::take(&mut self.held),
        };
        match counting {
            Counting::Up => {
                self.observed += held;
                self.up += held;
            }
            Counting::Down => self.observed += held,
            Counting::Unknown | Counting::Suspended => {}
        }
    }

    /// Time observed and time up until `now`.
    pub(super) fn totals(&self, now: Instant) -> (Duration, Duration) {
        let span = self.span(now);
        match self.counting {
            Counting::Up => (self.observed + span, self.up + span),
            Counting::Down => (self.observed + span, self.up),
            Counting::Unknown | Counting::Suspended => (self.observed, self.up),
        }
    }

    fn span(&self, now: Instant) -> Duration {
        now.min(self.until).saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDS: Duration = Duration::from_mins(1);

    #[test]
    fn suspected_time_is_credited_when_the_suspicion_ends() {
        let rows = [
            (Counting::Up, 40, 40, "an answer: it was up all the time"),
            (
                Counting::Down,
                40,
                10,
                "confirmed down: the suspicion was downtime",
            ),
            (Counting::Unknown, 10, 10, "nothing can be told: not observed"),
        ];
        for (end, observed, up, why) in rows {
            let start = Instant::now();
            let at = |seconds| start + Duration::from_secs(seconds);
            let mut uptime = Uptime::new(start);
            uptime.count(Counting::Up, HOLDS, at(100));
            uptime.count(Counting::Suspended, HOLDS, at(110));
            assert_eq!(
                uptime.totals(at(125)),
                (Duration::from_secs(10), Duration::from_secs(10))
            );
            uptime.count(Counting::Suspended, HOLDS, at(130));
            uptime.count(end, HOLDS, at(140));
            assert_eq!(
                uptime.totals(at(140)),
                (Duration::from_secs(observed), Duration::from_secs(up)),
                "{why}"
            );
        }
    }
}
