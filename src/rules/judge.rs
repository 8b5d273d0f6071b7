//! One rule and what it remembers of every subject it has seen.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use smol_str::SmolStr;

use super::{
    Breach, Finding, Rule, Verdict,
    climb::{Climb, Position, Rung, Stand},
    engine::{Resumed, judgeable},
    words,
};
use crate::{
    clock::Now,
    pattern::Filter,
    sample::{Batch, Missing, Reading, Signal},
};

/// Whole batches in a row without a subject after which it is gone.
const GONE_AFTER: u8 = 3;

#[derive(Debug, Clone)]
pub(super) struct Judge {
    rule: Rule,
    filter: Filter,
    ladder: Vec<Rung>,
    subjects: BTreeMap<SmolStr, Subject>,
    /// Who read what of them: one, or a few where several collectors tell of one signal.
    sources: Vec<Source>,
    /// How many there were when the map was last packed.
    packed: usize,
}

/// The batch that is judged, and for how long a hold may go without a value.
pub(super) struct Sitting<'b> {
    pub(super) batch: &'b Batch,
    pub(super) patience: Duration,
}

/// Small, as there may be tens of thousands.
#[derive(Debug, Clone)]
struct Subject {
    climb: Climb,
    /// Place of its source.
    source: u8,
    absent: u8,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    signal: &'static Signal,
    collector: &'static str,
}

impl Source {
    /// The place of this one in `sources`, at their end if it is new.
    fn place_in(self, sources: &mut Vec<Self>) -> u8 {
        let is_same =
            |known: &Self| std::ptr::eq(known.signal, self.signal) && known.collector == self.collector;
        let place = sources.iter().position(is_same).unwrap_or_else(|| {
            sources.push(self);
            sources.len() - 1
        });
        u8::try_from(place).unwrap_or(u8::MAX)
    }
}

impl Judge {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            filter: Filter {
                include: rule.include.clone(),
                exclude: rule.exclude.clone(),
            },
            ladder: Rung::ladder(&rule),
            subjects: BTreeMap::new(),
            sources: Vec::new(),
            packed: 0,
            rule,
        }
    }

    /// Whether it judges as `rule` wants: only words may differ.
    pub(super) fn judges_as(&self, rule: &Rule) -> bool {
        let advice = || self.rule.advice.clone();
        self.rule
            == Rule {
                advice: advice(),
                ..rule.clone()
            }
    }

    /// The same with the words of `rule`.
    pub(super) fn with(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    /// The same, at the foot of the ladder with every subject of `before`.
    pub(super) fn knowing(self, before: Self) -> Self {
        let subjects = before.subjects.into_iter().map(|(name, subject)| {
            let climb = Climb::default();
            (name, Subject { climb, ..subject })
        });
        Self {
            subjects: subjects.collect(),
            sources: before.sources,
            ..self
        }
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }

    pub(super) fn name(&self) -> &String {
        &self.rule.name
    }

    pub(super) fn concerns(&self, reading: &Reading) -> bool {
        reading.signal.name == self.rule.signal && self.filter.passes(&reading.subject)
    }

    pub(super) fn fires_for(&self, subject: &str) -> bool {
        self.subjects
            .get(subject)
            .is_some_and(|known| known.climb.is_firing())
    }

    /// Whether what is known of `subject` is younger than `at`.
    pub(super) fn knows_newer(&self, subject: &str, at: Now) -> bool {
        let known = self.subjects.get(subject);
        known
            .and_then(|known| known.climb.last())
            .is_some_and(|last| last > at.instant)
    }

    pub(super) fn resume(&mut self, one: Resumed, now: Now) {
        let age = now.wall.duration_since(one.since).unsigned_abs();
        let since = Now {
            instant: now.instant.checked_sub(age).unwrap_or(now.instant),
            wall: one.since,
        };
        // What a replay taught about higher levels and about absence stays.
        let source = Source {
            signal: one.signal,
            collector: one.collector,
        };
        let unknown = || Subject {
            climb: Climb::default(),
            source: source.place_in(&mut self.sources),
            absent: 0,
        };
        let subject = self.subjects.entry(one.subject).or_insert_with(unknown);
        if let Some(severity) = one.firing {
            subject.climb.resume(&self.ladder, severity, since);
        }
    }

    /// Judges a reading that no other rule explains.
    pub(super) fn hear(&mut self, reading: &Reading, sitting: &Sitting<'_>) -> Verdict {
        let at = sitting.batch.at;
        let source = self.source_of(reading, sitting);
        let (ladder, hold) = (&self.ladder, *self.rule.hold);
        let climb = &mut meet(&mut self.subjects, reading, source).climb;
        let value = match judgeable(reading.observed) {
            Ok(value) => value,
            Err(Missing::Paused) => {
                *climb = Climb::default();
                return Verdict::NotCovered;
            }
            Err(why) => {
                climb.pause();
                return Verdict::Unknown(why);
            }
        };
        climb.read(ladder, hold, value, at, sitting.patience);
        let breach = |stand: Stand, explanation| Breach {
            severity: stand.rung.severity,
            value,
            threshold: stand.rung.level,
            when: stand.rung.when,
            since: stand.since,
            behind: 0,
            explanation,
        };
        match climb.position(ladder, at) {
            Position::Clear => Verdict::Clear { value },
            Position::Pending(stand) => {
                Verdict::Pending(breach(stand, words::pending(reading.signal, value, &stand, hold)))
            }
            Position::Firing(stand) => {
                Verdict::Firing(breach(stand, words::firing(reading.signal, value, &stand)))
            }
        }
    }

    /// Another rule explains whatever this reading says.
    pub(super) fn explained(&mut self, reading: &Reading, sitting: &Sitting<'_>, by: &str) -> Verdict {
        let source = self.source_of(reading, sitting);
        let subject = meet(&mut self.subjects, reading, source);
        subject.climb = Climb::default();
        Verdict::Explained { by: by.into() }
    }

    /// Counts the absence of subjects that the batch's collector once had; tells of those that are gone for good.
    pub(super) fn miss_the_absent(&mut self, batch: &Batch, seen: &[&Reading], findings: &mut Vec<Finding>) {
        self.pack();
        let rule: SmolStr = self.rule.name.as_str().into();
        let seen: HashSet<&SmolStr> = seen.iter().map(|reading| &reading.subject).collect();
        self.subjects.retain(|name, subject| {
            let source = self.sources.get(usize::from(subject.source));
            let Some(source) = source.filter(|source| source.collector == batch.collector) else {
                return true;
            };
            if seen.contains(name) {
                return true;
            }
            subject.absent += 1;
            if subject.absent < GONE_AFTER {
                return true;
            }
            let covers = source.signal.name == self.rule.signal && self.filter.passes(name);
            findings.push(Finding {
                rule: rule.clone(),
                subject: name.clone(),
                signal: source.signal,
                at: batch.at,
                verdict: if covers {
                    Verdict::Gone
                } else {
                    Verdict::NotCovered
                },
            });
            false
        });
    }
}

impl Judge {
    fn source_of(&mut self, reading: &Reading, sitting: &Sitting<'_>) -> u8 {
        let source = Source {
            signal: reading.signal,
            collector: sitting.batch.collector,
        };
        source.place_in(&mut self.sources)
    }

    /// Makes a map of many new subjects anew: one that grew by insertions is half empty.
    fn pack(&mut self) {
        if self.subjects.len() > self.packed / 8 * 9 {
            self.subjects = std::mem::take(&mut self.subjects).into_iter().collect();
            self.packed = self.subjects.len();
        }
    }
}

/// The subject of `reading`, present and known from now on.
fn meet<'s>(subjects: &'s mut BTreeMap<SmolStr, Subject>, reading: &Reading, source: u8) -> &'s mut Subject {
    let unknown = || Subject {
        climb: Climb::default(),
        source,
        absent: 0,
    };
    let subject = subjects.entry(reading.subject.clone()).or_insert_with(unknown);
    (subject.source, subject.absent) = (source, 0);
    subject
}
