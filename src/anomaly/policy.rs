//! What of the anomalies of many series is shown, and what is worth a mail.
//!
//! One series finds something new every few days, and fifty series several times a day: too often to wake anyone. So a
//! novelty alone is only shown. It is mailed when something else speaks for it: a threshold that the same series breaks,
//! or another series of the group that finds something new within minutes. Of one event there is one mail.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// When an anomaly is shown and mailed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Score from which an anomaly is shown.
    pub shown: f32,
    /// Seconds within which anomalies of related series, or an anomaly and a threshold, belong together.
    pub together: i64,
    /// An event of a group ends when nothing was seen for this many seconds.
    pub quiet: i64,
    /// Nothing is shown before a series was watched for this many seconds.
    pub learning: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            shown: 0.5,
            together: 300,
            quiet: 3_600,
            learning: 86_400,
        }
    }
}

/// One series at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// Which series.
    pub series: u32,
    /// What it is related to, such as all series of an interface.
    pub group: u32,
    /// What it measures: bytes and packets of one direction find the same things new, and their agreement says
    /// nothing.
    pub source: u32,
    /// Seconds that it was watched.
    pub watched: i64,
    /// Its novelty.
    pub score: f32,
    /// Whether it is beyond a level that a rule names.
    pub beyond_threshold: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Show the anomaly of this series.
    Show {
        /// Which series.
        series: u32,
    },
    /// Mail the event of this group.
    Mail {
        /// Which group.
        group: u32,
        /// The series that decided it.
        series: u32,
        /// What speaks for it.
        because: Backing,
    },
}

/// What makes an anomaly worth a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// The series is beyond a threshold.
    Threshold,
    /// A related series found something new, too.
    Agreement,
}

/// The events that are going on. They are kept over a restart without the policy, which may be another then.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Events {
    #[serde(skip)]
    policy: Policy,
    open: BTreeMap<u32, Event>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Event {
    begun: i64,
    last: i64,
    mailed: bool,
    /// The last anomaly of each series in it, with its source.
    novelties: BTreeMap<u32, (i64, u32)>,
}

impl Events {
    /// No event yet.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            open: BTreeMap::new(),
        }
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Judges by another policy from now on; events that are going on go on.
    pub const fn apply(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// When the event of the group began that is going on at `unix`.
    #[must_use]
    pub fn since(&self, group: u32, unix: i64) -> Option<i64> {
        let event = self.open.get(&group)?;
        (unix - event.last <= self.policy.quiet).then_some(event.begun)
    }

    /// The series of a group that were new within what belongs together before `unix`.
    pub fn together(&self, group: u32, unix: i64) -> impl Iterator<Item = u32> + '_ {
        let novelties = self
            .open
            .get(&group)
            .into_iter()
            .flat_map(|event| &event.novelties);
        let recent = move |at: i64| unix - at <= self.policy.together;
        novelties
            .filter(move |(_, (at, _))| recent(*at))
            .map(|(series, _)| *series)
    }

    /// Decides what to do about what was seen at `unix`.
    pub fn judge(&mut self, unix: i64, sightings: impl IntoIterator<Item = Sighting>) -> Vec<Decision> {
        let quiet = self.policy.quiet;
        self.open.retain(|_, event| unix - event.last <= quiet);
        let mut decisions = Vec::new();
        for sighting in sightings {
            self.see(unix, sighting, &mut decisions);
        }
        decisions
    }

    fn see(&mut self, unix: i64, sighting: Sighting, decisions: &mut Vec<Decision>) {
        let Sighting {
            series,
            group,
            source,
            ..
        } = sighting;
        if sighting.watched < self.policy.learning {
            return;
        }
        if sighting.score >= self.policy.shown {
            decisions.push(Decision::Show { series });
            let event = self.open.entry(group).or_insert_with(|| Event {
                begun: unix,
                ..Event::default()
            });
            event.novelties.insert(series, (unix, source));
        } else if !sighting.beyond_threshold {
            return;
        }
        let Some(event) = self.open.get_mut(&group) else {
            return;
        };
        event.last = unix;
        let backing = event.backing(unix, &sighting, self.policy.together);
        if let (Some(because), false) = (backing, event.mailed) {
            event.mailed = true;
            decisions.push(Decision::Mail {
                group,
                series,
                because,
            });
        }
    }
}

impl Event {
    fn backing(&self, unix: i64, sighting: &Sighting, together: i64) -> Option<Backing> {
        let recent = |at: i64| unix - at <= together;
        let own = self.novelties.get(&sighting.series);
        if sighting.beyond_threshold && own.is_some_and(|(at, _)| recent(*at)) {
            return Some(Backing::Threshold);
        }
        let mut others = self.novelties.values();
        let agrees = others.any(|(at, source)| recent(*at) && *source != sighting.source);
        (agrees && own.is_some_and(|(at, _)| *at == unix)).then_some(Backing::Agreement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Sighting = Sighting {
        series: 1,
        group: 7,
        source: 1,
        watched: 1_000_000,
        score: 0.0,
        beyond_threshold: false,
    };
    const NEW: Sighting = Sighting { score: 0.6, ..CALM };
    const OTHER: Sighting = Sighting {
        series: 2,
        source: 2,
        ..NEW
    };

    fn mails(seen: &[(i64, Sighting)]) -> Vec<(i64, Backing)> {
        let mut events = Events::new(Policy::default());
        let mut mails = Vec::new();
        for (at, sighting) in seen {
            for decision in events.judge(*at, [*sighting]) {
                if let Decision::Mail { because, .. } = decision {
                    mails.push((*at, because));
                }
            }
        }
        mails
    }

    #[test]
    fn a_novelty_alone_is_shown_and_never_mailed() {
        let mut events = Events::new(Policy::default());
        assert_eq!(events.judge(0, [NEW]), [Decision::Show { series: 1 }]);
        assert_eq!(mails(&[(0, NEW), (100, NEW), (200, NEW)]), []);
    }

    #[test]
    fn it_is_mailed_once_when_something_speaks_for_it() {
        let beyond = Sighting {
            beyond_threshold: true,
            ..CALM
        };
        let same_source = Sighting { series: 2, ..NEW };
        let other_group = Sighting { group: 8, ..OTHER };
        let other_beyond = Sighting { series: 2, ..beyond };
        for (seen, expected) in [
            (vec![(0, NEW), (60, OTHER)], vec![(60, Backing::Agreement)]),
            (
                vec![(0, OTHER), (60, NEW), (90, OTHER)],
                vec![(60, Backing::Agreement)],
            ),
            (vec![(0, NEW), (301, OTHER)], vec![]),
            (vec![(0, NEW), (60, same_source)], vec![]),
            (vec![(0, NEW), (60, other_group)], vec![]),
            (
                vec![(0, NEW), (60, beyond), (90, beyond)],
                vec![(60, Backing::Threshold)],
            ),
            (vec![(0, beyond), (60, NEW)], vec![]),
            (vec![(0, NEW), (60, other_beyond)], vec![]),
            (vec![(0, NEW), (301, beyond)], vec![]),
        ] {
            assert_eq!(mails(&seen), expected, "{seen:?}");
        }
    }

    #[test]
    fn an_event_ends_when_it_was_quiet_for_an_hour() {
        let seen = [
            (0, NEW),
            (10, OTHER),
            (3_610, NEW),
            (3_620, OTHER),
            (7_221, NEW),
            (7_222, OTHER),
        ];
        assert_eq!(
            mails(&seen),
            [(10, Backing::Agreement), (7_222, Backing::Agreement)]
        );
    }

    #[test]
    fn nothing_is_shown_on_the_first_day() {
        let young = Sighting {
            watched: 86_399,
            ..NEW
        };
        assert_eq!(Events::new(Policy::default()).judge(0, [young]), []);
    }
}
