//! One series that is watched: its detector, its place among others, and what people called normal.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    detector::Detector,
    moment::Moment,
    policy::{Policy, Sighting},
    signals::Watched,
    verdict::Verdict,
};
use crate::{
    clock::Now,
    figures::Unit,
    sample::{Signal, SubjectKind},
};

/// Of what people called normal, this much more is normal too, in shares of its distance from the usual.
const MARGIN: f64 = 0.25;
/// For how long a value stands before it is known how often its collector runs.
const STANDS: Duration = Duration::from_mins(15);
/// After this many intervals without a value the last one no longer stands for the present.
const PATIENCE: u32 = 3;

/// A signal of a subject.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) watched: &'static Watched,
    pub(super) signal: &'static Signal,
    pub(super) subject: SmolStr,
    /// Names it, and the series that it is related to, for the policy.
    pub(super) id: u32,
    pub(super) group: u32,
    pub(super) detector: Box<Detector>,
    pub(super) normal: Vec<Normal>,
    /// When its last value was read, in seconds since 1970.
    pub(super) last: i64,
    /// The last value of this run of the program, judged.
    pub(super) seen: Option<Seen>,
    /// When it was last shown, in seconds since 1970.
    pub(super) shown: Option<i64>,
}

/// A value that was judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) verdict: Verdict,
    pub(super) moment: Moment,
    at: Instant,
    stands: Duration,
}

/// What people called normal in one hour of the day, in the unit of the signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Normal {
    hour: u8,
    low: f64,
    high: f64,
}

/// What is kept of a series.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) signal: SmolStr,
    pub(super) subject: SmolStr,
    pub(super) id: u32,
    pub(super) group: u32,
    pub(super) last: i64,
    shown: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    normal: Vec<Normal>,
    detector: Box<Detector>,
}

/// What a series belongs to: an interface or a device of its own, the host for the rest.
pub(super) fn group_of<'s>(signal: &Signal, subject: &'s SmolStr) -> &'s str {
    match signal.subject {
        SubjectKind::Interface | SubjectKind::Device => subject,
        SubjectKind::Host | SubjectKind::Mount | SubjectKind::Disk | SubjectKind::Sensor => "",
    }
}

impl Series {
    /// A series of which nothing is known yet.
    pub(super) fn new(
        (watched, signal): (&'static Watched, &'static Signal),
        subject: &SmolStr,
        (id, group): (u32, u32),
    ) -> Self {
        Self {
            watched,
            signal,
            subject: subject.clone(),
            id,
            group,
            detector: Box::new(Detector::new(watched.least())),
            normal: Vec::new(),
            last: i64::MIN,
            seen: None,
            shown: None,
        }
    }

    /// The series as it was kept.
    pub(super) fn again(kept: Kept, (watched, signal): (&'static Watched, &'static Signal)) -> Self {
        Self {
            watched,
            signal,
            subject: kept.subject,
            id: kept.id,
            group: kept.group,
            detector: kept.detector,
            normal: kept.normal,
            last: kept.last,
            seen: None,
            shown: kept.shown,
        }
    }

    pub(super) fn kept(&self) -> Kept {
        Kept {
            signal: SmolStr::new_static(self.signal.name),
            subject: self.subject.clone(),
            id: self.id,
            group: self.group,
            last: self.last,
            shown: self.shown,
            normal: self.normal.clone(),
            detector: self.detector.clone(),
        }
    }

    /// Name of its group.
    pub(super) fn group_name(&self) -> &str {
        group_of(self.signal, &self.subject)
    }

    /// Judges a value; `None` for what is no number. `elapsed` is the time since the run before.
    pub(super) fn judge(
        &mut self,
        value: f64,
        (moment, at): (Moment, Now),
        elapsed: Option<Duration>,
    ) -> Option<Verdict> {
        let verdict = self.detector.update(moment, value)?;
        self.last = moment.unix();
        self.seen = Some(Seen {
            verdict,
            moment,
            at: at.instant,
            stands: elapsed.map_or(STANDS, |interval| interval * PATIENCE),
        });
        Some(verdict)
    }

    /// What the policy is to know. What people called normal is no novelty.
    pub(super) fn sighting(&self, seen: &Seen, beyond_threshold: bool) -> Sighting {
        let verdict = &seen.verdict;
        let is_normal = self.normal.iter().any(|normal| normal.covers(seen));
        Sighting {
            series: self.id,
            group: self.group,
            source: self.watched.source as u32,
            watched: verdict.watched,
            score: if is_normal { 0.0 } else { verdict.score },
            beyond_threshold,
        }
    }

    /// The value that stands for the present at `now`, if there is one.
    pub(super) fn present(&self, now: Instant) -> Option<&Seen> {
        self.seen.as_ref().filter(|seen| seen.stands_at(now))
    }

    /// Whether it was watched for long enough to be shown.
    pub(super) fn is_ready(&self, policy: &Policy) -> bool {
        let verdict = self.seen.as_ref().map(|seen| &seen.verdict);
        verdict.is_some_and(|verdict| verdict.watched >= policy.learning)
    }

    /// Lowest and highest value seen or called normal in this hour.
    pub(super) fn band(&self, seen: &Seen) -> Option<(f64, f64)> {
        let (low, high) = seen.verdict.seen?;
        let hour = seen.moment.hour();
        let normal = self
            .normal
            .iter()
            .filter(|normal| usize::from(normal.hour) == hour);
        Some(normal.fold((low, high), |(low, high), normal| {
            (low.min(normal.low), high.max(normal.high))
        }))
    }

    /// From now on, what lies between the usual and `value`, and a little more, is normal in the hour of `moment`.
    pub(super) fn accept(&mut self, moment: Moment, value: f64, usual: f64) {
        let edge = value + MARGIN * (value - usual);
        let (low, high) = (edge.min(usual), edge.max(usual));
        let hour = u8::try_from(moment.hour()).unwrap_or_default();
        match self.normal.iter_mut().find(|normal| normal.hour == hour) {
            Some(normal) => (normal.low, normal.high) = (normal.low.min(low), normal.high.max(high)),
            None => self.normal.push(Normal { hour, low, high }),
        }
    }

    /// What is odd, in words: `download 42.1 Mbps, 4.2× the usual for Tuesday 14:00 (10.0), highest in 22 days`.
    pub(super) fn explain(&self, seen: &Seen) -> String {
        let unit = Unit::of(self.signal.name);
        seen.verdict.explain(&self.title(), unit, seen.moment)
    }

    /// What it is, beside the name of its group: `download`, `disk reads of sda`.
    pub(super) fn title(&self) -> String {
        if self.subject == self.group_name() {
            self.signal.title.to_owned()
        } else {
            format!("{} of {}", self.signal.title, self.subject)
        }
    }
}

impl Seen {
    /// Whether it still stands for the present at `now`.
    pub(super) fn stands_at(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) <= self.stands
    }
}

impl Normal {
    fn covers(&self, seen: &Seen) -> bool {
        usize::from(self.hour) == seen.moment.hour() && (self.low..=self.high).contains(&seen.verdict.value)
    }
}
