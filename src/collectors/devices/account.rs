//! What the probes of one device add up to: counters and histogram for the exposition, and sums of one interval for
//! rules and history. A probe is counted when its outcome is known.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

use super::{
    probe::{Answer, Method, Miss, Outcome, Unsent, UnsentReason, What},
    profile::Metrics,
};
use crate::{clock::Now, collectors::Fresh, sample::histogram};

/// Upper bounds of the classic buckets, in seconds.
pub(super) const BOUNDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Sums since the start, and since the last interval run. Small, as there may be tens of thousands: what counts in u32
/// lasts for a hundred years of probes at a second.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) requests: u64,
    pub(super) failures: [u32; Miss::REASONS.len()],
    pub(super) unsent: [u32; UnsentReason::REASONS.len()],
    pub(super) round_trips: Histogram,
    pub(super) last_round_trip: Option<Fresh<Duration>>,
    pub(super) hop_limit: Option<Fresh<u8>>,
    pub(super) hop_limit_changes: u32,
    pub(super) last_success: Option<Now>,
    pub(super) jitter: Duration,
    pub(super) jitter_samples: u32,
    pub(super) duplicates: u32,
    pub(super) late_replies: u32,
    exposed: Metrics,
    interval: Sums,
}

/// What one interval saw of a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) answered: u32,
    pub(super) missed: u32,
    timed: u32,
    round_trips: Duration,
    jitter: Duration,
    jitter_samples: u32,
    pub(super) unsent: Option<UnsentReason>,
}

impl Sums {
    /// Mean round-trip time in seconds.
    pub(super) fn mean_round_trip(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.round_trips.as_secs_f64() / f64::from(self.timed))
    }

    /// Share of the ended probes that were lost.
    pub(super) fn loss(&self) -> Option<f64> {
        let ended = self.answered + self.missed;
        (ended > 0).then(|| f64::from(self.missed) / f64::from(ended))
    }

    /// Mean difference of consecutive round-trip times in seconds.
    pub(super) fn mean_jitter(&self) -> Option<f64> {
        (self.jitter_samples > 0).then(|| self.jitter.as_secs_f64() / f64::from(self.jitter_samples))
    }
}

/// Whether an answer's time belongs into the round-trip times of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timed {
    Yes,
    /// The answer came by the fallback, whose times are of another kind.
    No,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            requests: 0,
            failures: Default::default(),
            unsent: Default::default(),
            round_trips: histogram(Metrics::default().bounds()),
            last_round_trip: None,
            hop_limit: None,
            hop_limit_changes: 0,
            last_success: None,
            jitter: Duration::ZERO,
            jitter_samples: 0,
            duplicates: 0,
            late_replies: 0,
            exposed: Metrics::default(),
            interval: Sums::default(),
        }
    }
}

impl Account {
    /// Counts news about a probe.
    pub(super) fn record(&mut self, what: &What, timed: Timed, now: Now) {
        match what {
            What::LateReply => self.late_replies += 1,
            What::Duplicate => self.duplicates += 1,
            What::Ended(Outcome::Answered(answer)) => self.answered(*answer, timed, now),
            What::Ended(Outcome::Missed(miss)) => self.missed(*miss),
            What::Ended(Outcome::Unsent(unsent)) => self.not_sent(unsent),
        }
    }

    /// Keeps of round-trip times what this profile exposes. Where that changes, their distribution begins anew.
    pub(super) fn expose(&mut self, metrics: Metrics) {
        if self.exposed != metrics {
            self.exposed = metrics;
            self.round_trips = histogram(metrics.bounds());
        }
    }

    /// The sums since the last call.
    pub(super) fn take_interval(&mut self) -> Sums {
        std::mem::take(&mut self.interval)
    }

    fn answered(&mut self, answer: Answer, timed: Timed, now: Now) {
        self.requests += 1;
        self.interval.answered += 1;
        self.last_success = Some(now);
        if timed == Timed::No {
            return;
        }
        if let Some(value) = answer.hop_limit {
            let before = self.hop_limit.replace(Fresh {
                value,
                taken: now.instant,
            });
            self.hop_limit_changes += u32::from(before.is_some_and(|before| before.value != value));
        }
        self.round_trips.observe(answer.round_trip.as_secs_f64());
        self.interval.timed += 1;
        self.interval.round_trips += answer.round_trip;
        let previous = self.last_round_trip.replace(Fresh {
            value: answer.round_trip,
            taken: now.instant,
        });
        if let Some(previous) = previous {
            let difference = answer.round_trip.abs_diff(previous.value);
            self.jitter += difference;
            self.jitter_samples += 1;
            self.interval.jitter += difference;
            self.interval.jitter_samples += 1;
        }
    }

    fn missed(&mut self, miss: Miss) {
        self.requests += 1;
        self.failures[miss.index()] += 1;
        self.interval.missed += 1;
    }

    fn not_sent(&mut self, unsent: &Unsent) {
        self.unsent[unsent.reason.index()] += 1;
        self.interval.unsent = Some(unsent.reason);
    }
}

impl Timed {
    /// Times of the device's own method count, those of a fallback do not.
    pub(super) fn of(method: Method, own: Method) -> Self {
        if method == own { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn answer(millis: u64) -> What {
        What::Ended(Outcome::Answered(Answer {
            round_trip: Duration::from_millis(millis),
            hop_limit: Some(64),
        }))
    }

    #[test]
    fn outcomes_add_up() {
        let now = Clock::System.now();
        let mut account = Account::default();
        let unsent = Unsent {
            reason: UnsentReason::NoRoute,
            detail: String::new(),
        };
        for what in [
            answer(10),
            answer(14),
            What::Ended(Outcome::Missed(Miss::Timeout)),
            What::Ended(Outcome::Unsent(unsent)),
            What::LateReply,
            What::Duplicate,
            answer(12),
        ] {
            account.record(&what, Timed::Yes, now);
        }
        assert_eq!(
            (account.requests, account.failures, account.unsent),
            (4, [1, 0, 0], [0, 1, 0, 0])
        );
        assert_eq!((account.duplicates, account.late_replies), (1, 1));
        assert_eq!(
            (account.jitter, account.jitter_samples),
            (Duration::from_millis(6), 2)
        );
        let sums = account.take_interval();
        assert!((sums.mean_round_trip().unwrap_or_default() - 0.012).abs() < 1e-9);
        assert_eq!(sums.loss(), Some(0.25));
        assert_eq!(sums.mean_jitter(), Some(0.003));
        let empty = account.take_interval();
        assert_eq!(
            (empty.mean_round_trip(), empty.loss(), empty.mean_jitter()),
            (None, None, None)
        );
    }

    #[test]
    fn each_answer_from_another_distance_is_a_change() {
        let now = Clock::System.now();
        let mut account = Account::default();
        let rows = [
            (Some(64), 0),
            (Some(64), 0),
            (Some(63), 1),
            (None, 1),
            (Some(63), 1),
            (Some(64), 2),
        ];
        for (hop_limit, changes) in rows {
            let answer = Answer {
                round_trip: Duration::from_millis(1),
                hop_limit,
            };
            account.record(&What::Ended(Outcome::Answered(answer)), Timed::Yes, now);
            assert_eq!(account.hop_limit_changes, changes, "after {hop_limit:?}");
        }
    }

    #[test]
    fn an_answer_by_the_fallback_counts_without_its_time() {
        let mut account = Account::default();
        account.record(
            &answer(10),
            Timed::of(Method::Connect, Method::Echo),
            Clock::System.now(),
        );
        assert_eq!(account.requests, 1);
        assert!(account.last_round_trip.is_none() && account.hop_limit.is_none());
        assert_eq!(account.take_interval().mean_round_trip(), None);
    }
}
