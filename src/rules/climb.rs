//! How far one subject has climbed the ladder of one rule: for each level whether it is passed, for how long, and
//! whether that was long enough. Pure: (state, value, moment) gives the next state. Knows no names and no words.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Direction, Rule, Severity};
use crate::clock::Now;

/// Interval runs begin a little early or late; a level that is passed for `for` but for this counts.
const JITTER: Duration = Duration::from_millis(50);

/// One level of a rule, with the value at which it is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rung {
    pub(super) severity: Severity,
    pub(super) level: f64,
    pub(super) clear: f64,
    pub(super) when: Direction,
}

impl Rung {
    /// The levels of `rule`, the mildest first. Each is over as far below it as the rule's clear value lies below
    /// the first level.
    pub(super) fn ladder(rule: &Rule) -> Vec<Self> {
        let distance = rule
            .levels
            .first()
            .zip(rule.clear)
            .map_or(0.0, |(first, clear)| first - clear);
        let rung = |(severity, level)| Self {
            severity,
            level,
            clear: super::rule::tidy(level - distance),
            when: rule.when,
        };
        rule.levels.iter().map(rung).collect()
    }

    /// Whether `value` is at the level or beyond it.
    pub(super) fn is_passed(&self, value: f64) -> bool {
        match self.when {
            Direction::Above => value >= self.level,
            Direction::Below => value <= self.level,
        }
    }

    fn is_over(&self, value: f64) -> bool {
        let is_back = match self.when {
            Direction::Above => value <= self.clear,
            Direction::Below => value >= self.clear,
        };
        is_back && !self.is_passed(value)
    }
}

/// What counts between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spell {
    /// This time, all of which the level was passed.
    Counts(Duration),
    /// Nobody looked for too long: the hold begins anew.
    Anew,
}

/// How one level fares.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// Not passed, or over.
    Below,
    /// Passed since `from`, of which `held` counts.
    Passing { from: Now, held: Duration },
    /// Was passed for long enough and is not over.
    Held { from: Now },
}

/// How a subject fares on the whole ladder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Position {
    /// No level is passed, or it is over.
    Clear,
    /// A level is passed, but not for long enough.
    Pending(Stand),
    /// A level was passed for long enough and is not over.
    Firing(Stand),
}

/// Where on the ladder, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stand {
    pub(super) rung: Rung,
    /// For how long this level has been passed.
    pub(super) lasts: Duration,
    /// Since when the first level has been passed.
    pub(super) since: Timestamp,
}

/// State of one subject; by default at the foot of the ladder.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Climb {
    /// One for each level; none while no level is passed, as of nearly all subjects.
    steps: Box<[Step]>,
    last: Option<Instant>,
    paused: bool,
}

/// At the foot of the ladder.
fn below(ladder: &[Rung]) -> Box<[Step]> {
    vec![Step::Below; ladder.len()].into_boxed_slice()
}

impl Climb {
    /// Fires since then in `severity`, whatever was known of the levels up to it.
    pub(super) fn resume(&mut self, ladder: &[Rung], severity: Severity, since: Now) {
        if self.steps.len() != ladder.len() {
            self.steps = below(ladder);
        }
        let steps = self.steps.iter_mut().zip(ladder);
        for (step, _) in steps.filter(|(_, rung)| rung.severity <= severity) {
            *step = Step::Held { from: since };
        }
    }

    /// Takes a value in. After more than `patience` without one, holds that are under way begin anew.
    pub(super) fn read(&mut self, ladder: &[Rung], hold: Duration, value: f64, at: Now, patience: Duration) {
        let spell = self.spell(at.instant, patience);
        if self.steps.is_empty() && ladder.iter().any(|rung| rung.is_passed(value)) {
            self.steps = below(ladder);
        }
        for (step, rung) in self.steps.iter_mut().zip(ladder) {
            *step = step.next(rung, value, spell, at).settled(hold);
        }
        if self.steps.iter().all(|step| *step == Step::Below) {
            self.steps = Box::default();
        }
        self.last = Some(at.instant);
        self.paused = false;
    }

    /// When a value was last taken in.
    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// There is no value: nothing goes on, nothing ends.
    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    /// Whether a level was passed for long enough and is not over.
    pub(super) fn is_firing(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Held { .. }))
    }

    /// Where the subject stands.
    pub(super) fn position(&self, ladder: &[Rung], at: Now) -> Position {
        let since = match self.steps.first() {
            Some(Step::Passing { from, .. } | Step::Held { from }) => from.wall,
            _ => at.wall,
        };
        let stand = |rung: &Rung, lasts| Stand {
            rung: *rung,
            lasts,
            since,
        };
        let steps = || self.steps.iter().zip(ladder);
        let held = steps().rev().find_map(|(step, rung)| match step {
            Step::Held { from } => Some(stand(rung, at.instant.saturating_duration_since(from.instant))),
            _ => None,
        });
        // Of levels that come into force together, the highest.
        let passing = steps().filter_map(|(step, rung)| match step {
            Step::Passing { held, .. } => Some(stand(rung, *held)),
            _ => None,
        });
        match (held, passing.max_by_key(|stand| stand.lasts)) {
            (Some(stand), _) => Position::Firing(stand),
            (None, Some(stand)) => Position::Pending(stand),
            (None, None) => Position::Clear,
        }
    }

    fn spell(&self, now: Instant, patience: Duration) -> Spell {
        let silence = self
            .last
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if silence > patience {
            Spell::Anew
        } else if self.paused {
            Spell::Counts(Duration::ZERO)
        } else {
            Spell::Counts(silence)
        }
    }
}

impl Step {
    fn next(self, rung: &Rung, value: f64, spell: Spell, at: Now) -> Self {
        let fresh = Self::Passing {
            from: at,
            held: Duration::ZERO,
        };
        match (self, spell) {
            (Self::Held { .. }, _) if rung.is_over(value) => Self::Below,
            (Self::Held { from }, _) => Self::Held { from },
            _ if !rung.is_passed(value) => Self::Below,
            (Self::Below, _) | (_, Spell::Anew) => fresh,
            (Self::Passing { from, held }, Spell::Counts(more)) => Self::Passing {
                from,
                held: held + more,
            },
        }
    }

    fn settled(self, hold: Duration) -> Self {
        match self {
            Self::Passing { from, held } if held + JITTER >= hold => Self::Held { from },
            other => other,
        }
    }
}
