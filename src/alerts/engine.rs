//! Findings and people's wishes into alerts, their transitions and the notices people are to hear. Pure: time is an
//! argument, nothing is read or sent. Findings tell a state, so the engine compares what holds with what people were
//! told and makes up the difference: this is why a restart tells nothing twice and forgets nothing.
//!
//! - After a message the same rule and subject are quiet for the cooldown, unless the severity passes what was told.
//!   What still fires when the cooldown, a silence or a maintenance ends is told then; so is an end people wait for,
//!   unless it fires again by then.
//! - A rise in severity is told at once and takes an acknowledgement back; a fall is only recorded.
//! - What begins too often is told once as flapping, then nothing until nothing changed for half the time.
//! - Without a reading, and after a restart, a suspend or a leap of the clock until the first finding, nothing is told
//!   of what fires.
//! - An alert that another one explains stays as it is and is not told.
//! - What happens in quiet hours waits in its track for those who want it so; see `quiet`.

use std::time::Duration;

use jiff::{SignedDuration, tz::TimeZone};
use smol_str::SmolStr;
use tracing::info;

use super::{
    Alert, Config, Ending, Notice, Saved, State, Transition,
    calendar::Calendar,
    metrics::Counts,
    track::{Begins, Track},
};
use crate::{
    clock::Now,
    rules::{Finding, Rule, Severity, Verdict},
    sample::Family,
};

/// How far the two clocks may come apart between two steps.
const LEAP: Duration = Duration::from_secs(10);

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// Changes, for the record.
    pub transitions: Vec<Transition>,
    /// What people are to hear.
    pub notices: Vec<Notice>,
}

impl Outcome {
    /// Whether nothing came of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.transitions.is_empty() && self.notices.is_empty()
    }
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Its name.
    pub name: SmolStr,
    /// The severities it has levels for.
    pub severities: Vec<Severity>,
}

impl From<&Rule> for InForce {
    fn from(rule: &Rule) -> Self {
        Self {
            name: rule.name.as_str().into(),
            severities: rule.levels.iter().map(|(severity, _)| severity).collect(),
        }
    }
}

/// State and severity of an alert.
pub(super) type Standing = (State, Severity);

/// Keeps one alert per rule and subject.
#[derive(Debug)]
pub struct Engine {
    pub(super) config: Config,
    pub(super) calendar: Calendar,
    pub(super) saved: Saved,
    pub(super) counts: Counts,
    pub(super) revision: u64,
    /// When the engine was last asked.
    seen: Now,
}

impl Engine {
    /// Goes on from what was saved; tells nothing by itself.
    #[must_use]
    pub fn new(config: Config, zone: TimeZone, saved: Option<Saved>, now: Now) -> Self {
        let mut saved = saved.unwrap_or_default();
        saved.tracks.sort_by(|a, b| a.key().cmp(&b.key()));
        for track in &mut saved.tracks {
            track.mend_clock(now.wall);
        }
        Self {
            calendar: Calendar::new(&config, zone),
            config,
            saved,
            counts: Counts::default(),
            revision: 0,
            seen: now,
        }
    }

    /// What must be kept over a restart.
    #[must_use]
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// Changes whenever [`Self::saved`] does in a way that is worth saving.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes in findings.
    pub fn apply(&mut self, findings: &[Finding], now: Now) -> Outcome {
        let mut outcome = Outcome::default();
        self.notice_leap(now);
        for finding in findings {
            self.take(finding, &mut outcome);
        }
        self.settle(now.wall, &mut outcome);
        outcome
    }

    /// Does what is due by the clock: reminders, and what waited for the end of something.
    pub fn tick(&mut self, now: Now) -> Outcome {
        let mut outcome = Outcome::default();
        self.notice_leap(now);
        self.settle(now.wall, &mut outcome);
        outcome
    }

    /// How long until [`Self::tick`] may have something to do; `None` when only a finding or a person can bring it.
    #[must_use]
    pub fn next_tick(&self, now: Now) -> Option<Duration> {
        let config = &self.config;
        let of_tracks = self.saved.tracks.iter().flat_map(|track| {
            [
                track.cool_at(config),
                track.reminder_at(config).filter(|_| track.alert.is_some()),
                track.calm_at(config),
            ]
        });
        let silences = self.saved.silences.iter();
        let of_silences = silences.flat_map(|silence| [Some(silence.starts), Some(silence.ends)]);
        let maintenance = self
            .calendar
            .next_change(now.wall)
            .filter(|_| !self.saved.tracks.is_empty());
        let quiet = self
            .calendar
            .quiet_until(now.wall)
            .filter(|_| self.saved.tracks.iter().any(|track| !track.waiting.is_empty()));
        let moments = of_tracks.chain(of_silences).chain([maintenance, quiet]).flatten();
        let next = moments.filter(|moment| *moment > now.wall).min()?;
        Duration::try_from(next.duration_since(now.wall)).ok()
    }

    /// Applies new settings.
    pub fn reconfigure(&mut self, config: Config, zone: TimeZone, now: Now) -> Outcome {
        self.calendar = Calendar::new(&config, zone);
        self.config = config;
        self.tick(now)
    }

    /// Ends the alerts of rules that are no longer in force: recorded and logged, not told.
    pub fn rules_in_force(&mut self, rules: &[InForce], now: Now) -> Outcome {
        let mut outcome = Outcome::default();
        self.counts.rules_in_force(rules);
        let (kept, removed): (Vec<_>, Vec<_>) = std::mem::take(&mut self.saved.tracks)
            .into_iter()
            .partition(|track| rules.iter().any(|rule| rule.name == track.rule));
        self.saved.tracks = kept;
        for mut track in removed {
            if track.alert.is_some() {
                info!(
                    rule = %track.rule, subject = %track.subject,
                    "an alert ends untold, as its rule is no longer in force"
                );
            }
            let closed = track.close(Ending::RuleRemoved, now.wall);
            self.record_end(closed, now.wall, &mut outcome);
            self.revision += 1;
        }
        outcome
    }

    /// Every alert that is not over, then those that are, the latest first.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        let active = self.saved.tracks.iter().filter_map(|track| track.alert.as_ref());
        active.chain(self.saved.recent.iter().rev())
    }

    /// Forgets notices that an outbox keeps from now on.
    pub fn handed_over(&mut self, ids: &[SmolStr]) {
        let before = self.saved.outgoing.len();
        self.saved.outgoing.retain(|notice| !ids.contains(&notice.id));
        self.revision += u64::from(before != self.saved.outgoing.len());
    }

    /// All metrics of alerts.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        self.counts
            .families(self.saved.tracks.iter().filter_map(|track| track.alert.as_ref()))
    }

    /// After a suspend, or when the wall clock was set, nothing is known until the next finding.
    fn notice_leap(&mut self, now: Now) {
        let Some(real) = now.instant.checked_duration_since(self.seen.instant) else {
            // A batch that was read before the last step is late, which is no leap.
            return;
        };
        let real = SignedDuration::try_from(real).unwrap_or(SignedDuration::MAX);
        let apart = (now.wall.duration_since(self.seen.wall) - real).unsigned_abs();
        if apart > LEAP {
            self.saved.tracks.iter_mut().for_each(|track| track.heard = false);
        }
        self.seen = now;
    }

    fn take(&mut self, finding: &Finding, outcome: &mut Outcome) {
        let at = finding.at.wall;
        let before = self.standing(finding);
        let Some(index) = self.find_or_open(finding) else {
            return;
        };
        let Some(track) = self.saved.tracks.get_mut(index) else {
            return;
        };
        track.hear(&finding.verdict);
        let ending = match &finding.verdict {
            Verdict::Clear { .. } => Ending::Cleared,
            Verdict::Gone => Ending::SubjectGone,
            Verdict::NotCovered => Ending::NotCovered,
            Verdict::Firing(breach) => {
                let is_new = track.alert.as_ref().is_some_and(|alert| alert.fired_at.is_none());
                track.follow(breach, at, Begins::Now);
                if is_new {
                    track.began(&self.config, at);
                    self.counts.fired(&track.rule, breach.severity);
                }
                return self.restate(index, at, before, outcome);
            }
            Verdict::Pending(breach) => {
                track.follow(breach, at, Begins::NotYet);
                return self.restate(index, at, before, outcome);
            }
            Verdict::Unknown(why) => return track.lose_sight(*why, at),
            Verdict::Explained { .. } => return,
        };
        let closed = track.close(ending, at);
        self.record_end(closed, at, outcome);
    }

    fn standing(&self, finding: &Finding) -> Option<Standing> {
        let key = (finding.rule.as_str(), finding.subject.as_str());
        let found = self.saved.tracks.binary_search_by(|track| track.key().cmp(&key));
        let alert = self.saved.tracks.get(found.ok()?)?.alert.as_ref()?;
        Some((alert.state, alert.severity))
    }

    /// Where the track of the finding is. Only a breach opens a track or an alert.
    fn find_or_open(&mut self, finding: &Finding) -> Option<usize> {
        let key = (finding.rule.as_str(), finding.subject.as_str());
        let found = self.saved.tracks.binary_search_by(|track| track.key().cmp(&key));
        let (Verdict::Pending(breach) | Verdict::Firing(breach)) = &finding.verdict else {
            return found.ok();
        };
        let index = found.unwrap_or_else(|index| {
            self.saved
                .tracks
                .insert(index, Track::new(&finding.rule, &finding.subject));
            index
        });
        if self
            .saved
            .tracks
            .get(index)
            .is_some_and(|track| track.alert.is_none())
        {
            let names: Vec<SmolStr> = self.alerts().map(|alert| alert.id.clone()).collect();
            let track = self.saved.tracks.get_mut(index)?;
            track.open(finding, breach, |name| names.iter().any(|taken| taken == name));
            self.revision += 1;
        }
        Some(index)
    }
}
