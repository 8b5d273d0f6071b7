//! What is remembered about one rule and one subject: the alert, and what people were told of it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    Acknowledgement, Alert, AlertId, Config, Ending, News, Notice, Peak, State, Unknown, name, suppress::Held,
};
use crate::{
    rules::{Breach, Direction, Finding, Severity, Verdict},
    sample::Missing,
};

/// One rule, one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Track {
    pub(super) rule: SmolStr,
    pub(super) subject: SmolStr,
    /// The alert as long as it is not over.
    pub(super) alert: Option<Alert>,
    /// The severity in which people were told of the alert.
    pub(super) told: Option<Severity>,
    /// The severity in which somebody took it on.
    pub(super) taken_on: Option<Severity>,
    /// An alert that is over, which people were told of and whose end they do not know yet.
    pub(super) owed: Option<Alert>,
    /// The last message about this rule and subject.
    pub(super) last: Option<Last>,
    /// When it began to fire lately.
    pub(super) begins: Vec<Timestamp>,
    pub(super) flapping: Option<Restless>,
    /// Messages so far, for their names.
    pub(super) messages: u32,
    /// The rule that explains this alert at present.
    pub(super) explained: Option<SmolStr>,
    /// What those who wait for the end of quiet hours have not heard yet, the oldest first.
    #[serde(default)]
    pub(super) waiting: Vec<Notice>,
    /// Whether this run has heard how it stands; before, nothing is told.
    #[serde(skip)]
    pub(super) heard: bool,
    /// What is being held back and why, so that it is counted once.
    #[serde(skip)]
    pub(super) held: Option<Held>,
}

/// A message that went out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Last {
    pub(super) at: Timestamp,
    pub(super) severity: Severity,
}

/// An alert that comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Restless {
    /// When it last began or ended.
    pub(super) changed: Timestamp,
    pub(super) times: u32,
    pub(super) told: bool,
}

impl Track {
    pub(super) fn new(rule: &SmolStr, subject: &SmolStr) -> Self {
        Self {
            rule: rule.clone(),
            subject: subject.clone(),
            alert: None,
            told: None,
            taken_on: None,
            owed: None,
            last: None,
            begins: Vec::new(),
            flapping: None,
            messages: 0,
            explained: None,
            waiting: Vec::new(),
            heard: false,
            held: None,
        }
    }

    pub(super) fn key(&self) -> (&str, &str) {
        (&self.rule, &self.subject)
    }

    /// Makes a new, pending alert.
    pub(super) fn open(&mut self, finding: &Finding, breach: &Breach, taken: impl Fn(&str) -> bool) {
        self.told = None;
        self.taken_on = None;
        self.alert = Some(Alert {
            id: self.free_id(breach.since, taken),
            rule: self.rule.clone(),
            subject: self.subject.clone(),
            kind: finding.signal.subject,
            signal: SmolStr::new_static(finding.signal.name),
            title: SmolStr::new_static(finding.signal.title),
            severity: breach.severity,
            worst: breach.severity,
            state: State::Pending,
            since: breach.since,
            fired_at: None,
            resolved_at: None,
            ending: None,
            value: breach.value,
            threshold: breach.threshold,
            when: breach.when,
            peak: Peak {
                value: breach.value,
                at: finding.at.wall,
            },
            behind: breach.behind,
            explanation: breach.explanation.clone(),
            unknown: None,
            acknowledgement: None,
        });
    }

    /// A clock that was set back may give the same start twice; the second alert then takes another name.
    fn free_id(&self, since: Timestamp, taken: impl Fn(&str) -> bool) -> AlertId {
        let start = since.as_millisecond().to_string();
        let mut id = name::stable(&self.rule, &[&self.rule, &self.subject, &start]);
        let mut again = 1;
        while taken(&id) {
            let number = format!("{again}");
            id = name::stable(&self.rule, &[&self.rule, &self.subject, &start, &number]);
            again += 1;
        }
        id
    }

    /// Notes what a verdict says besides a breach.
    pub(super) fn hear(&mut self, verdict: &Verdict) {
        if matches!(verdict, Verdict::Unknown(_)) {
            return;
        }
        self.heard = true;
        self.explained = match verdict {
            Verdict::Explained { by } => Some(by.clone()),
            _ => None,
        };
        if let Some(alert) = &mut self.alert {
            alert.unknown = None;
            if let Verdict::Clear { value } = verdict {
                alert.value = *value;
            }
        }
    }

    /// Takes over a breach. What fires keeps its severity through a pending breach, which comes from a rule that
    /// has forgotten how long it lasts, as after a restart.
    pub(super) fn follow(&mut self, breach: &Breach, at: Timestamp, begins: Begins) {
        let Some(alert) = &mut self.alert else { return };
        alert.value = breach.value;
        let is_worse = match breach.when {
            Direction::Above => breach.value > alert.peak.value,
            Direction::Below => breach.value < alert.peak.value,
        };
        if is_worse {
            alert.peak = Peak {
                value: breach.value,
                at,
            };
        }
        if begins == Begins::NotYet && alert.fired_at.is_some() {
            return;
        }
        alert.severity = breach.severity;
        alert.threshold = breach.threshold;
        alert.when = breach.when;
        alert.behind = breach.behind;
        alert.explanation.clone_from(&breach.explanation);
        if begins == Begins::Now {
            let was_firing = alert.fired_at.is_some();
            alert.fired_at.get_or_insert(at);
            alert.worst = if was_firing {
                alert.worst.max(breach.severity)
            } else {
                breach.severity
            };
            if self.taken_on.is_some_and(|known| breach.severity > known) {
                alert.acknowledgement = None;
                self.taken_on = None;
            }
        } else {
            alert.worst = breach.severity;
        }
    }

    /// Notes that the alert began to fire.
    pub(super) fn began(&mut self, config: &Config, at: Timestamp) {
        let rule = &config.flapping;
        self.begins.retain(|begin| since(*begin, at) < *rule.within);
        self.begins.push(at);
        let times = u32::try_from(self.begins.len()).unwrap_or(u32::MAX);
        if let Some(restless) = &mut self.flapping {
            restless.changed = at;
            restless.times = times;
        } else if rule.times > 0 && times >= rule.times {
            self.flapping = Some(Restless {
                changed: at,
                times,
                told: false,
            });
        }
        let most = usize::try_from(rule.times).unwrap_or(usize::MAX).max(1);
        if self.flapping.is_none() && self.begins.len() > most {
            self.begins.remove(0);
        }
    }

    /// Notes that there was no reading.
    pub(super) fn lose_sight(&mut self, why: Missing, at: Timestamp) {
        if let Some(alert) = &mut self.alert {
            let since = alert.unknown.map_or(at, |unknown| unknown.since);
            alert.unknown = Some(Unknown { since, why });
        }
    }

    /// Somebody takes the alert on.
    pub(super) fn take_on(&mut self, by: &str, note: &str, at: Timestamp) {
        if let Some(alert) = &mut self.alert {
            self.taken_on = Some(self.told.map_or(alert.severity, |told| told.max(alert.severity)));
            alert.acknowledgement = Some(Acknowledgement {
                by: by.to_owned(),
                at,
                note: note.to_owned(),
            });
        }
    }

    /// A clock that was set back must not hold anything up for longer than usual.
    pub(super) fn mend_clock(&mut self, now: Timestamp) {
        if let Some(last) = &mut self.last {
            last.at = last.at.min(now);
        }
        if let Some(restless) = &mut self.flapping {
            restless.changed = restless.changed.min(now);
        }
        for begin in &mut self.begins {
            *begin = (*begin).min(now);
        }
    }

    /// Ends the flapping once nothing changed for long enough. What fires is then told anew.
    pub(super) fn calm_down(&mut self, config: &Config, now: Timestamp) {
        if self.calm_at(config).is_some_and(|calm| calm <= now) {
            self.flapping = None;
            self.begins.clear();
            if self.taken_on.is_none() {
                self.told = None;
            }
        }
    }

    pub(super) fn calm_at(&self, config: &Config) -> Option<Timestamp> {
        Some(later(self.flapping?.changed, *config.flapping.within / 2))
    }

    pub(super) fn cool_at(&self, config: &Config) -> Option<Timestamp> {
        Some(later(self.last?.at, *config.cooldown))
    }

    pub(super) fn reminder_at(&self, config: &Config) -> Option<Timestamp> {
        (!config.reminder.is_zero()).then_some(())?;
        Some(later(self.last?.at, *config.reminder))
    }

    /// What people would have to hear now if nothing held it back, and about which alert.
    pub(super) fn due(&self, config: &Config, now: Timestamp) -> Option<(News, &Alert)> {
        if let Some(alert) = self.alert.as_ref().filter(|alert| alert.fired_at.is_some()) {
            return Some((self.due_while_firing(alert, config, now)?, alert));
        }
        let owed = self.owed.as_ref()?;
        Some((News::Resolved, owed))
    }

    fn due_while_firing(&self, alert: &Alert, config: &Config, now: Timestamp) -> Option<News> {
        if !self.heard || alert.unknown.is_some() {
            return None;
        }
        if let Some(restless) = self.flapping.filter(|restless| !restless.told) {
            return Some(News::Flapping {
                times: restless.times,
            });
        }
        match (self.told, self.taken_on) {
            (Some(told), taken_on) if taken_on.map_or(told, |known| known.max(told)) < alert.severity => {
                Some(News::Raised { from: told })
            }
            (_, Some(_)) => None,
            (None, None) => Some(News::Fired),
            (Some(_), None) => self
                .reminder_at(config)
                .is_some_and(|due| due <= now)
                .then_some(News::Reminder),
        }
    }

    /// Whether the alert is graver than what people heard last.
    pub(super) fn is_graver(&self, alert: &Alert) -> bool {
        self.last.is_none_or(|last| alert.severity > last.severity)
    }

    /// Notes that people hear of it, and gives the name of the message.
    pub(super) fn tell(&mut self, news: News, alert: &Alert, now: Timestamp) -> SmolStr {
        self.messages += 1;
        self.held = None;
        self.owed = None;
        let before = self.last.map_or(alert.severity, |last| last.severity);
        let is_end = news == News::Resolved;
        self.last = Some(Last {
            at: now,
            severity: if is_end { before } else { alert.severity },
        });
        if !is_end {
            self.told = Some(alert.severity);
        }
        if let (News::Flapping { .. }, Some(restless)) = (news, &mut self.flapping) {
            restless.told = true;
        }
        smol_str::format_smolstr!("{}.{}", alert.id, self.messages)
    }

    /// Closes the alert. Its end is owed to people who heard of it, or of the flapping it is part of.
    pub(super) fn close(&mut self, ending: Ending, at: Timestamp) -> Option<(State, Alert)> {
        let mut alert = self.alert.take()?;
        let from = std::mem::replace(&mut alert.state, State::Resolved);
        alert.ending = Some(ending);
        alert.unknown = None;
        alert.resolved_at = Some(alert.fired_at.unwrap_or(alert.since).max(at));
        let fired = alert.fired_at.is_some();
        let mut is_known = self.told.is_some() || self.taken_on.is_some();
        if let Some(restless) = self.flapping.as_mut().filter(|_| fired) {
            restless.changed = at;
            is_known |= restless.told;
        }
        if fired && is_known {
            self.owed = Some(alert.clone());
        }
        self.told = None;
        self.taken_on = None;
        self.explained = None;
        Some((from, alert))
    }

    /// Whether nothing is left that a later finding would need.
    pub(super) fn is_idle(&self, config: &Config, now: Timestamp) -> bool {
        let is_past = |moment: Option<Timestamp>| moment.is_none_or(|moment| moment <= now);
        self.alert.is_none()
            && self.owed.is_none()
            && self.waiting.is_empty()
            && self.flapping.is_none()
            && is_past(self.cool_at(config))
            && self
                .begins
                .iter()
                .all(|begin| since(*begin, now) >= *config.flapping.within)
    }
}

/// Whether a breach has lasted long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    Now,
    NotYet,
}

/// The time from `earlier` to `later`; none when the clock was set back.
fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// So much later, or the end of time.
fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
