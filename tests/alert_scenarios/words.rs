//! Durations, transitions and notices as scenarios write them.

use std::time::Duration;

use jiff::tz::TimeZone;
use netkestrel::{
    alerts::{Audience, Ending, News, Notice, Transition},
    units::HumanDuration,
};

pub(crate) fn name(rule: &str, subject: &str) -> String {
    if subject.is_empty() {
        rule.to_owned()
    } else {
        format!("{rule}/{subject}")
    }
}

pub(crate) fn show_transition(of: &Transition) -> String {
    let from = of.from.map_or("new", |state| state.name());
    let by = if of.by.is_empty() {
        String::new()
    } else {
        format!(" by {}", of.by)
    };
    let (to, severity) = (of.to.name(), of.severity.name());
    format!("{} {from} -> {to} {severity}{by}", name(&of.rule, &of.subject))
}

pub(crate) fn show_notice(notice: &Notice, zone: &TimeZone) -> String {
    let quiet = match (notice.audience, notice.quiet_until) {
        (Audience::Patient, _) => " for mail".to_owned(),
        (_, Some(until)) => format!(" quiet until {}", zone.to_datetime(until).strftime("%d %H:%M")),
        (_, None) => String::new(),
    };
    let alert = &notice.alert;
    format!(
        "{} NOTICE {}{quiet}",
        name(&alert.rule, &alert.subject),
        show_news(notice)
    )
}

/// `fired high`
pub(crate) fn show_news(notice: &Notice) -> String {
    let news = match notice.news {
        News::Fired => "fired".to_owned(),
        News::Raised { from } => format!("raised from {}", from.name()),
        News::Reminder => "reminder".to_owned(),
        News::Resolved => ended(notice),
        News::Flapping { times } => format!("flapping {times} times"),
    };
    format!("{news} {}", notice.alert.severity.name())
}

fn ended(notice: &Notice) -> String {
    let alert = &notice.alert;
    let began = alert.fired_at.expect("it fired");
    let ended = alert.resolved_at.expect("it ended");
    let lasted = Duration::try_from(ended.duration_since(began)).expect("it did not end before it began");
    let gone = match alert.ending {
        Some(Ending::SubjectGone) => " (gone)",
        Some(Ending::NotCovered) => " (not covered)",
        _ => "",
    };
    format!("resolved{gone} after {} peak {}", show(lasted), alert.peak.value)
}

pub(crate) fn duration(text: &str) -> Duration {
    *HumanDuration::parse(text).unwrap_or_else(|_| panic!("`{text}` is no duration"))
}

/// `1h5m30s`, without what is zero.
pub(crate) fn show(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let shown = parts.iter().filter(|(number, _)| *number > 0);
    let text = shown
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect::<Vec<_>>()
        .concat();
    if text.is_empty() { "0m".to_owned() } else { text }
}
