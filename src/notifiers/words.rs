//! Notices in words: the sentence that mails and webhooks share, and what goes with it.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::plain;
use crate::{
    alerts::{Alert, Ending, News, Notice, State},
    figures::{Unit, since},
    rules::{self, Direction, Severity},
    sample::SubjectKind,
};

/// A mail that comes later than this says so.
const LATE: Duration = Duration::from_mins(2);

/// Longest name of a subject in a line.
const NAME: usize = 60;

/// Whether an alert is over.
pub(super) fn is_over(alert: &Alert) -> bool {
    alert.state == State::Resolved
}

/// The word on the badge: the severity, or that it is over.
pub(super) fn badge(alert: &Alert) -> String {
    if is_over(alert) {
        "RESOLVED".to_owned()
    } else {
        alert.severity.name().to_uppercase()
    }
}

/// Colour of the bar and the badge; white text is readable on each.
pub(super) const fn colour(severity: Option<Severity>) -> &'static str {
    match severity {
        None => "#1a7f37",
        Some(Severity::Low) => "#2563a8",
        Some(Severity::Medium) => "#96620a",
        Some(Severity::High) => "#c2410c",
        Some(Severity::Critical) => "#b3122b",
    }
}

/// A value of the alert's signal with its unit.
pub(super) fn shown(alert: &Alert, value: f64) -> String {
    Unit::of(&alert.signal).show(value)
}

/// What is watched: `Disk usage of /data`.
pub(super) fn watched(alert: &Alert) -> String {
    let (title, subject) = (plain::name(&alert.title, NAME), plain::name(&alert.subject, NAME));
    if subject.is_empty() {
        title
    } else {
        format!("{title} of {subject}")
    }
}

/// Whether the signal tells up or down.
pub(super) fn is_up_or_down(alert: &Alert) -> bool {
    Unit::of(&alert.signal) == Unit::Up
}

/// Where: `on web1`; a device is only seen from there.
pub(super) fn place(alert: &Alert, host: &str) -> String {
    let host = plain::name(host, NAME);
    if alert.kind == SubjectKind::Device {
        format!("seen from {host}")
    } else {
        format!("on {host}")
    }
}

/// What is the case: `CPU usage 93.1 %`, `nas is down`, `router is down; 30 devices behind it`, `nas is up again after
/// 7 min 0 s`.
pub(super) fn headline(notice: &Notice) -> String {
    let alert = &notice.alert;
    let after = lasted(alert).map_or_else(String::new, |time| format!(" after {}", since(time)));
    let name = bearer(alert);
    match (notice.news, alert.ending) {
        (News::Flapping { times }, _) => {
            format!("{} keeps coming and going ({times} times lately)", watched(alert))
        }
        (_, Some(Ending::SubjectGone)) if is_over(alert) => format!("{} is gone{after}", watched(alert)),
        (_, Some(Ending::RuleRemoved | Ending::NotCovered)) if is_over(alert) => {
            format!("{} is no longer judged", watched(alert))
        }
        _ if is_over(alert) && is_up_or_down(alert) => format!("{name} is up again{after}"),
        _ if is_over(alert) && is_anomaly(alert) => format!(
            "{} no longer unusual{after}, at {}",
            watched(alert),
            shown(alert, alert.value)
        ),
        _ if is_over(alert) => format!("{} back to {}{after}", watched(alert), shown(alert, alert.value)),
        (news, _) => {
            let still = if news == News::Reminder { "still: " } else { "" };
            format!("{still}{}", standing(alert))
        }
    }
}

/// Who is up or down: `nas`, and for the host itself what of it: `uplink`.
fn bearer(alert: &Alert) -> String {
    let name = if alert.subject.is_empty() {
        &alert.title
    } else {
        &alert.subject
    };
    plain::name(name, NAME)
}

fn standing(alert: &Alert) -> String {
    let value = shown(alert, alert.value);
    if is_up_or_down(alert) {
        let below = alert.behind_it().map(|words| format!("; {words}"));
        format!("{} is {value}{}", bearer(alert), below.unwrap_or_default())
    } else if is_anomaly(alert) {
        format!("unusual: {} {value}", watched(alert))
    } else {
        format!("{} {value}", watched(alert))
    }
}

/// The headline of news that were collapsed as they came late: `nas was down 14:02-14:09`.
fn past(notices: &[Notice], last: &Notice, zone: &TimeZone) -> Option<String> {
    let alert = &last.alert;
    let end = alert
        .resolved_at
        .filter(|_| notices.len() > 1 && is_over(alert))?;
    let what = if is_up_or_down(alert) {
        format!("{} was {}", bearer(alert), shown(alert, alert.peak.value))
    } else {
        format!("{} was at {}", watched(alert), shown(alert, alert.peak.value))
    };
    Some(format!(
        "{what} {}-{}",
        clock(began(alert), zone),
        clock(end, zone)
    ))
}

/// News about one alert in a sentence: `[HIGH] nas is down, seen from web1`.
pub(super) fn sentence(notices: &[Notice], last: &Notice, host: &str, zone: &TimeZone) -> String {
    let alert = &last.alert;
    let what = past(notices, last, zone).unwrap_or_else(|| headline(last));
    let place = match place(alert, host) {
        from if alert.kind == SubjectKind::Device => format!(", {from}"),
        on => format!(" {on}"),
    };
    format!("[{}] {what}{place}", badge(alert))
}

/// ` (mail delayed 9 min)` when it is late, otherwise nothing.
pub(super) fn delay(last: &Notice, now: Timestamp) -> String {
    let late = now.duration_since(last.at).try_into().unwrap_or(Duration::ZERO);
    if late < LATE {
        return String::new();
    }
    let minutes = late.as_secs() / 60;
    let time = if minutes < 60 {
        format!("{minutes} min")
    } else {
        since(late)
    };
    if last.quiet_until.is_some() {
        format!(" (held {time} for quiet hours)")
    } else {
        format!(" (mail delayed {time})")
    }
}

/// When it began, as people count it.
pub(super) fn began(alert: &Alert) -> Timestamp {
    alert.since
}

/// How long it lasted, once it is over.
pub(super) fn lasted(alert: &Alert) -> Option<Duration> {
    let end = alert.resolved_at?;
    end.duration_since(began(alert)).try_into().ok()
}

/// Whether no level was passed, but the value is unlike those before.
pub(super) fn is_anomaly(alert: &Alert) -> bool {
    alert.rule == rules::ANOMALY
}

/// `above 90.0 %`; nothing for up and down, nor for what has no level.
pub(super) fn limit(alert: &Alert) -> Option<String> {
    let side = match alert.when {
        Direction::Above => "above",
        Direction::Below => "below",
    };
    (!is_up_or_down(alert) && !is_anomaly(alert)).then(|| format!("{side} {}", shown(alert, alert.threshold)))
}

/// What happened, in a word for a list.
pub(super) fn news(notice: &Notice) -> String {
    match notice.news {
        News::Fired => "began".to_owned(),
        News::Raised { from } => format!("rose from {}", from.name()),
        News::Reminder => "still lasts".to_owned(),
        News::Resolved => "is over".to_owned(),
        News::Flapping { times } => format!("began {times} times lately"),
    }
}

/// Hour and minute in the zone of the mail.
pub(super) fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

/// Day and time with the zone's name: `Wed 25 Nov 2026 14:02:11 CET`.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%a %-d %b %Y %H:%M:%S %Z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::notice, *};

    #[test]
    fn an_anomaly_is_unusual_and_then_no_longer_and_has_no_level() {
        let unusual = |news| {
            let mut notice = notice("anomaly-1", 1, news);
            notice.alert.rule = rules::ANOMALY.into();
            notice
        };
        let (begun, over) = (unusual(News::Fired), unusual(News::Resolved));
        assert_eq!(headline(&begun), "unusual: CPU usage 93.0 %");
        assert_eq!(
            headline(&over),
            "CPU usage no longer unusual after 7 min 0 s, at 93.0 %"
        );
        assert_eq!(limit(&begun.alert), None);
        assert_eq!(
            limit(&notice("cpu-1", 1, News::Fired).alert).as_deref(),
            Some("above 90.0 %")
        );
    }
}
