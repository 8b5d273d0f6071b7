//! What keeps a message back, in the order in which it is asked: silence, maintenance, another alert that explains
//! this one, flapping, cooldown.

use jiff::Timestamp;

use super::{Alert, Config, News, Silence, calendar::Calendar, track::Track};
use crate::rules::Severity;

/// Why a message is held back; the labels of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Too soon after the last one, or the alert comes and goes.
    Cooldown,
    /// People asked for silence.
    Silence,
    /// It is expected.
    Maintenance,
    /// Another alert explains it.
    Dependency,
}

impl Reason {
    /// All reasons, in the order of the metric.
    pub const ALL: [Self; 4] = [Self::Cooldown, Self::Silence, Self::Maintenance, Self::Dependency];

    /// The word in the label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cooldown => "cooldown",
            Self::Silence => "silence",
            Self::Maintenance => "maintenance",
            Self::Dependency => "dependency",
        }
    }
}

/// Which kind of message is held back and why.
pub(super) type Held = (std::mem::Discriminant<News>, Reason);

/// What people want to hear at present.
pub(super) struct Policy<'a> {
    pub(super) config: &'a Config,
    pub(super) calendar: &'a Calendar,
    pub(super) silences: &'a [Silence],
    pub(super) now: Timestamp,
}

impl Policy<'_> {
    /// Why nothing is to be heard of this alert.
    pub(super) fn muted(&self, alert: &Alert) -> Option<Reason> {
        let mut silences = self.silences.iter();
        if silences.any(|silence| silence.holds(self.now) && silence.matching.matches(alert)) {
            Some(Reason::Silence)
        } else if self.calendar.expects(alert.into(), self.now) {
            Some(Reason::Maintenance)
        } else {
            None
        }
    }

    /// Why this message is held back. A severity above what people last heard passes flapping and cooldown.
    pub(super) fn holds_back(&self, news: News, alert: &Alert, track: &Track) -> Option<Reason> {
        if let Some(reason) = self.muted(alert) {
            return Some(reason);
        }
        if track.explained.is_some() && news != News::Resolved {
            return Some(Reason::Dependency);
        }
        let is_restless = track.flapping.is_some_and(|restless| restless.told);
        let is_cooling = track.cool_at(self.config).is_some_and(|cool| self.now < cool);
        let is_held = match news {
            News::Flapping { .. } | News::Raised { .. } => false,
            News::Resolved | News::Reminder => is_restless,
            News::Fired => (is_restless || is_cooling) && !track.is_graver(alert),
        };
        is_held.then_some(Reason::Cooldown)
    }

    /// Until when mail about this waits: critical news never do, nor the end of what was critical.
    pub(super) fn quiet_until(&self, news: News, alert: &Alert) -> Option<Timestamp> {
        let severity = if news == News::Resolved {
            alert.worst
        } else {
            alert.severity
        };
        self.quiet_for(severity)
    }

    /// When the quiet hours end that hold now for what is so grave.
    pub(super) fn quiet_for(&self, severity: Severity) -> Option<Timestamp> {
        (severity < Severity::Critical)
            .then(|| self.calendar.quiet_until(self.now))
            .flatten()
    }
}
