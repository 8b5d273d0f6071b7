//! What one Alertmanager was told, and what it is to hear next. Pure: the alerts that fire in, items to push out.
//!
//! An alert is pushed when it begins, again at intervals while it fires, and with an end once it is over. An end is
//! repeated for as long as a peer that missed it would still believe that the alert fires. Another severity is another
//! set of labels, so a change of it ends the old set. One that begins silenced is kept from Alertmanager, whose
//! receivers do not know of our silences; one that is silenced later stays, as its end would be a lie.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::alert::{Item, Labels, Pushed};
use crate::clock::Now;

/// After so many intervals without a word an alert is over for Alertmanager.
const INTERVALS: u32 = 4;

/// What one peer was told.
#[derive(Debug)]
pub(super) struct Ledger {
    interval: Duration,
    entries: BTreeMap<Labels, Entry>,
}

#[derive(Debug)]
struct Entry {
    alert: Pushed,
    /// When the peer accepted how it stands; `None` when it has to hear of it at once.
    accepted: Option<Instant>,
    /// Whether it may have heard of it at all.
    tried: bool,
    end: Option<End>,
}

impl Entry {
    /// As it is pushed; what has no end yet ends at `running`.
    fn item(&self, running: Timestamp) -> Item<'_> {
        Item {
            labels: &self.alert.labels,
            annotations: &self.alert.annotations,
            starts_at: self.alert.starts_at,
            ends_at: self.end.map_or(running, |end| end.at),
            generator_url: &self.alert.generator_url,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct End {
    at: Timestamp,
    /// Repeated until then.
    until: Instant,
}

impl Ledger {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            entries: BTreeMap::new(),
        }
    }

    /// Takes in the alerts that fire now.
    pub(super) fn take(&mut self, firing: Vec<Pushed>, now: Now) {
        let mut present = BTreeMap::new();
        for alert in firing {
            if !alert.is_silenced || self.knows(&alert) {
                present.insert(alert.labels.clone(), alert);
            }
        }
        self.entries.retain(|labels, entry| {
            present.contains_key(labels)
                || (entry.tried && entry.end.is_none_or(|end| now.instant < end.until))
        });
        let until = now.instant + self.validity();
        for (labels, entry) in &mut self.entries {
            if entry.end.is_none() && !present.contains_key(labels) {
                let at = now.wall.max(entry.alert.starts_at);
                entry.end = Some(End { at, until });
                entry.accepted = None;
            }
        }
        for (labels, alert) in present {
            match self.entries.get_mut(&labels) {
                Some(entry) if entry.end.is_none() => entry.alert = alert,
                _ => {
                    let entry = Entry {
                        alert,
                        accepted: None,
                        tried: false,
                        end: None,
                    };
                    self.entries.insert(labels, entry);
                }
            }
        }
    }

    /// Label sets the peer is to hear of now.
    pub(super) fn due(&self, now: Now) -> Vec<Labels> {
        let due = self.entries.iter().filter(|(_, entry)| {
            let next = entry.accepted.map(|accepted| accepted + self.interval);
            next.is_none_or(|next| next <= now.instant)
        });
        due.map(|(labels, _)| labels.clone()).collect()
    }

    /// What to push about these, and notes that they are tried.
    pub(super) fn items(&mut self, of: &[Labels], now: Now) -> Vec<Item<'_>> {
        let running = now.wall + self.validity();
        for labels in of {
            if let Some(entry) = self.entries.get_mut(labels) {
                entry.tried = true;
            }
        }
        let entries = of.iter().filter_map(|labels| self.entries.get(labels));
        entries.map(|entry| entry.item(running)).collect()
    }

    /// Notes that the peer accepted these.
    pub(super) fn accepted(&mut self, of: &[Labels], now: Now) {
        for labels in of {
            if let Some(entry) = self.entries.get_mut(labels) {
                entry.accepted = Some(now.instant);
            }
        }
    }

    /// When something is due next; `None` when only another alert can bring it.
    pub(super) fn next(&self, now: Now) -> Option<Instant> {
        let moments = self.entries.values().map(|entry| {
            entry
                .accepted
                .map_or(now.instant, |accepted| accepted + self.interval)
        });
        moments.min()
    }

    /// Whether the peer heard of this rule and subject, in whatever severity.
    fn knows(&self, alert: &Pushed) -> bool {
        let same = |labels: &Labels| {
            ["rule", "subject"]
                .iter()
                .all(|name| labels.get(name) == alert.labels.get(name))
        };
        self.entries
            .iter()
            .any(|(labels, entry)| entry.end.is_none() && same(labels))
    }

    fn validity(&self) -> Duration {
        self.interval * INTERVALS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alerts::{Alert, News, State},
        clock::Clock,
        notifiers::{alertmanager::alert::Identity, fixture::notice},
        rules::Severity,
    };

    const MINUTE: Duration = Duration::from_mins(1);

    fn start() -> Now {
        Now {
            instant: Clock::System.now().instant,
            wall: "2026-03-01T15:00:00Z".parse().expect("a time"),
        }
    }

    fn alert() -> Alert {
        notice("a", 1, News::Fired).alert
    }

    /// Takes in what fires, pushes what is due, and gives severity and end of each.
    fn push(ledger: &mut Ledger, firing: &[&Alert], now: Now) -> Vec<(String, Timestamp)> {
        let identity = Identity::default();
        let firing = firing.iter().filter_map(|alert| identity.pushed(alert));
        ledger.take(firing.collect(), now);
        let due = ledger.due(now);
        let items = ledger.items(&due, now);
        let told = items
            .iter()
            .map(|item| (item.labels["severity"].clone(), item.ends_at))
            .collect();
        ledger.accepted(&due, now);
        told
    }

    fn of(severity: &str, end: Timestamp) -> (String, Timestamp) {
        (severity.to_owned(), end)
    }

    #[test]
    fn an_alert_is_pushed_at_once_then_every_interval_and_ends_by_itself_without_us() {
        let (mut ledger, now, alert) = (Ledger::new(MINUTE), start(), alert());
        assert_eq!(
            push(&mut ledger, &[&alert], now),
            [of("high", now.wall + 4 * MINUTE)]
        );
        assert_eq!(push(&mut ledger, &[&alert], now.after(MINUTE / 2)), []);
        assert_eq!(ledger.next(now), Some(now.instant + MINUTE));
        let later = now.after(MINUTE);
        assert_eq!(
            push(&mut ledger, &[&alert], later),
            [of("high", later.wall + 4 * MINUTE)]
        );
    }

    #[test]
    fn an_end_is_told_at_once_and_repeated_while_a_peer_could_have_missed_it() {
        let (mut ledger, now, alert) = (Ledger::new(MINUTE), start(), alert());
        push(&mut ledger, &[&alert], now);
        let over = now.after(MINUTE / 2);
        for again in 0..4 {
            let told = push(&mut ledger, &[], over.after(MINUTE * again));
            assert_eq!(told, [of("high", over.wall)]);
        }
        assert_eq!(push(&mut ledger, &[], over.after(MINUTE * 4)), []);
        assert_eq!(ledger.next(now), None);
    }

    #[test]
    fn a_rise_in_severity_ends_the_old_label_set() {
        let (mut ledger, now, mut alert) = (Ledger::new(MINUTE), start(), alert());
        push(&mut ledger, &[&alert], now);
        alert.severity = Severity::Critical;
        let risen = now.after(MINUTE / 6);
        assert_eq!(
            push(&mut ledger, &[&alert], risen),
            [of("critical", risen.wall + 4 * MINUTE), of("high", risen.wall)]
        );
        alert.severity = Severity::High;
        let fallen = now.after(MINUTE / 3);
        assert_eq!(
            push(&mut ledger, &[&alert], fallen),
            [of("critical", fallen.wall), of("high", fallen.wall + 4 * MINUTE)],
            "a set that ended fires again"
        );
    }

    #[test]
    fn what_was_never_pushed_has_no_end_to_tell() {
        let (mut ledger, now, alert) = (Ledger::new(MINUTE), start(), alert());
        let pushed = Identity::default().pushed(&alert).expect("fires");
        ledger.take(vec![pushed], now);
        assert_eq!(push(&mut ledger, &[], now.after(MINUTE)), []);
    }

    #[test]
    fn our_silence_keeps_back_what_begins_in_it_and_ends_nothing() {
        let (mut ledger, now, mut alert) = (Ledger::new(MINUTE), start(), alert());
        alert.state = State::Silenced;
        assert_eq!(push(&mut ledger, &[&alert], now), []);
        alert.state = State::Firing;
        assert_eq!(push(&mut ledger, &[&alert], now).len(), 1);
        alert.state = State::Silenced;
        let later = now.after(MINUTE);
        assert_eq!(
            push(&mut ledger, &[&alert], later),
            [of("high", later.wall + 4 * MINUTE)]
        );
    }

    #[test]
    fn what_was_not_accepted_is_due_again() {
        let (mut ledger, now, alert) = (Ledger::new(MINUTE), start(), alert());
        let pushed = Identity::default().pushed(&alert).expect("fires");
        ledger.take(vec![pushed], now);
        let due = ledger.due(now);
        ledger.items(&due, now);
        assert_eq!(ledger.due(now), due);
    }
}
