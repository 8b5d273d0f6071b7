//! Makes up the difference between how alerts stand and what is recorded and told of them.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Acknowledgement, Alert, Audience, Ending, Engine, Notice, Outcome, State, Transition, engine::Standing,
    suppress::Policy, track::Track,
};
use crate::{figures::Unit, rules};

/// How many alerts that are over are remembered.
const RECENT: usize = 1_000;

impl Engine {
    /// Ends what is over, restates every alert and tells what is due.
    pub(super) fn settle(&mut self, now: Timestamp, outcome: &mut Outcome) {
        let silences = self.saved.silences.len();
        self.saved.silences.retain(|silence| now < silence.ends);
        self.revision += u64::from(silences != self.saved.silences.len());
        for index in 0..self.saved.tracks.len() {
            self.wind(index, now);
            let before = self.standing_at(index);
            self.restate(index, now, before, outcome);
            self.release(index, now, outcome);
            self.tell_what_is_due(index, now, outcome);
        }
        let config = &self.config;
        self.saved.tracks.retain(|track| !track.is_idle(config, now));
    }

    fn wind(&mut self, index: usize, now: Timestamp) {
        if let Some(track) = self.saved.tracks.get_mut(index) {
            track.mend_clock(now);
            let was_restless = track.flapping.is_some();
            track.calm_down(&self.config, now);
            self.revision += u64::from(was_restless != track.flapping.is_some());
        }
    }

    pub(super) fn standing_at(&self, index: usize) -> Option<Standing> {
        let alert = self.saved.tracks.get(index)?.alert.as_ref()?;
        Some((alert.state, alert.severity))
    }

    /// Gives the alert the state it must have, and records it when that or the severity is not as `before`.
    pub(super) fn restate(
        &mut self,
        index: usize,
        at: Timestamp,
        before: Option<Standing>,
        outcome: &mut Outcome,
    ) {
        let policy = Policy {
            config: &self.config,
            calendar: &self.calendar,
            silences: &self.saved.silences,
            now: at,
        };
        let Some(alert) = self
            .saved
            .tracks
            .get_mut(index)
            .and_then(|track| track.alert.as_mut())
        else {
            return;
        };
        alert.state = if alert.fired_at.is_none() {
            State::Pending
        } else if policy.muted(alert).is_some() {
            State::Silenced
        } else if alert.acknowledgement.is_some() {
            State::Acknowledged
        } else {
            State::Firing
        };
        let is_as_before = match before {
            Some((State::Pending, _)) if alert.state == State::Pending => true,
            before => before == Some((alert.state, alert.severity)),
        };
        if !is_as_before {
            self.revision += 1;
            outcome.transitions.push(Transition::of(
                alert,
                before.map(|(state, _)| state),
                at,
                &alert.explanation,
            ));
        }
    }

    fn tell_what_is_due(&mut self, index: usize, now: Timestamp, outcome: &mut Outcome) {
        let policy = Policy {
            config: &self.config,
            calendar: &self.calendar,
            silences: &self.saved.silences,
            now,
        };
        let Some(track) = self.saved.tracks.get_mut(index) else {
            return;
        };
        let Some((news, alert)) = track.due(&self.config, now) else {
            return;
        };
        let held = policy
            .holds_back(news, alert, track)
            .map(|reason| (std::mem::discriminant(&news), reason));
        if let Some((_, reason)) = held {
            if track.held != held {
                self.counts.suppressed(reason);
                track.held = held;
            }
            return;
        }
        let alert = alert.clone();
        let notice = Notice {
            id: track.tell(news, &alert, now),
            news,
            at: now,
            quiet_until: policy.quiet_until(news, &alert),
            audience: Audience::Everyone,
            alert,
        };
        let told = track.told_in_its_time(notice);
        self.send_out(told, outcome);
    }

    /// Leaves notices to be handed over.
    pub(super) fn send_out(&mut self, notices: Vec<Notice>, outcome: &mut Outcome) {
        self.revision += 1;
        self.saved.outgoing.extend_from_slice(&notices);
        outcome.notices.extend(notices);
    }

    /// Records the end of an alert. One that never fired leaves nothing but the record.
    pub(super) fn record_end(
        &mut self,
        closed: Option<(State, Alert)>,
        at: Timestamp,
        outcome: &mut Outcome,
    ) {
        let Some((from, alert)) = closed else { return };
        self.revision += 1;
        let explanation = why_it_ended(&alert);
        outcome
            .transitions
            .push(Transition::of(&alert, Some(from), at, &explanation));
        if alert.fired_at.is_none() {
            return;
        }
        self.counts.resolved(&alert.rule, alert.severity);
        let recent = &mut self.saved.recent;
        recent.push(alert);
        let surplus = recent.len().saturating_sub(RECENT);
        recent.drain(..surplus);
    }
}

impl Track {
    /// The transition of what a person did.
    pub(super) fn done_by(&self, from: State, done: &Acknowledgement) -> Option<Transition> {
        let alert = self.alert.as_ref()?;
        Some(Transition {
            by: done.by.clone(),
            note: done.note.clone(),
            ..Transition::of(alert, Some(from), done.at, &alert.explanation)
        })
    }
}

impl Transition {
    fn of(alert: &Alert, from: Option<State>, at: Timestamp, explanation: &str) -> Self {
        Self {
            at,
            id: alert.id.clone(),
            rule: alert.rule.clone(),
            subject: alert.subject.clone(),
            signal: alert.signal.clone(),
            severity: alert.severity,
            from,
            to: alert.state,
            value: alert.value,
            threshold: alert.threshold,
            explanation: explanation.to_owned(),
            by: String::new(),
            note: String::new(),
        }
    }
}

fn why_it_ended(alert: &Alert) -> String {
    let name: &SmolStr = &alert.subject;
    match alert.ending {
        Some(Ending::SubjectGone) => format!("`{name}` no longer exists"),
        Some(Ending::NotCovered) => format!("rule `{}` no longer covers `{name}`", alert.rule),
        Some(Ending::RuleRemoved) => format!("rule `{}` is no longer in force", alert.rule),
        Some(Ending::Cleared) | None if alert.rule == rules::ANOMALY => {
            let value = Unit::of(&alert.signal).show(alert.value);
            format!("nothing new was seen for an hour; {} is at {value}", alert.title)
        }
        Some(Ending::Cleared) | None => {
            format!(
                "{} is back at {}",
                alert.title,
                Unit::of(&alert.signal).show(alert.value)
            )
        }
    }
}
