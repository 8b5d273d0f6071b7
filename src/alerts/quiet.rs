//! Quiet hours: what happens in them is told at once to those who do not wait, and after them to the others, as one
//! story with all that came of it. It waits on where nobody would want to hear of it: while somebody has taken the
//! alert on, or a silence, a maintenance or another alert holds it back. What is critical takes along what waits.

use jiff::Timestamp;

use super::{Alert, Audience, Engine, Notice, Outcome, State, suppress::Policy, track::Track};

impl Engine {
    /// Tells those who waited what need not wait any longer.
    pub(super) fn release(&mut self, index: usize, now: Timestamp, outcome: &mut Outcome) {
        let policy = Policy {
            config: &self.config,
            calendar: &self.calendar,
            silences: &self.saved.silences,
            now,
        };
        let Some(track) = self.saved.tracks.get_mut(index) else {
            return;
        };
        let released = track.let_go(|track, alert| !track.must_wait(alert, &policy));
        if !released.is_empty() {
            self.send_out(released, outcome);
        }
    }
}

impl Track {
    /// The notices to hand over now that this one is told: those who wait hear of it later where it is quiet, and
    /// where it is not, of what they waited for as well.
    pub(super) fn told_in_its_time(&mut self, notice: Notice) -> Vec<Notice> {
        if notice.quiet_until.is_none() {
            let mut told = self.let_go(|_, alert| alert.id == notice.alert.id);
            told.push(notice);
            return told;
        }
        self.waiting.push(Notice {
            audience: Audience::Patient,
            ..notice.clone()
        });
        vec![Notice {
            audience: Audience::Prompt,
            ..notice
        }]
    }

    /// Takes out what waits about such alerts.
    fn let_go(&mut self, goes: impl Fn(&Self, &Alert) -> bool) -> Vec<Notice> {
        let waiting = std::mem::take(&mut self.waiting);
        let (released, kept) = waiting.into_iter().partition(|notice| goes(self, &notice.alert));
        self.waiting = kept;
        released
    }

    /// Whether what happened to the alert, as it stood then, is not to be told yet.
    fn must_wait(&self, then: &Alert, policy: &Policy<'_>) -> bool {
        let Some(alert) = self.alert.as_ref().filter(|alert| alert.id == then.id) else {
            // The end belongs to the story.
            let is_end_owed = self.owed.as_ref().is_some_and(|owed| owed.id == then.id);
            return is_end_owed || policy.quiet_for(then.worst).is_some() || policy.muted(then).is_some();
        };
        // The state is silenced in a maintenance, too.
        alert.state != State::Firing || self.explained.is_some() || policy.quiet_for(alert.severity).is_some()
    }
}
