//! What an alert of Prometheus says: the present value in the units of people, the levels, and what helps.

use std::time::Duration;

use crate::{
    figures::Unit,
    rules::{Direction, Rule, climb::Rung, limit, time},
    sample::{Signal, SubjectKind},
};

/// Name and text of every annotation.
pub(super) fn annotations(rule: &Rule, rung: &Rung, signal: &Signal) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("summary", summary(rung, signal)),
        ("description", description(rule, rung, signal)),
    ];
    if !rule.advice.is_empty() {
        all.push(("runbook", literally(&rule.advice)));
    }
    all
}

fn summary(rung: &Rung, signal: &Signal) -> String {
    let whose = match signal.subject {
        SubjectKind::Host => "{{ $labels.instance }}",
        SubjectKind::Device => "{{ $labels.subject }}, seen from {{ $labels.instance }},",
        _ => "{{ $labels.subject }} on {{ $labels.instance }}",
    };
    let title = signal.title;
    let unit = Unit::of(signal.name);
    match (unit, rung.when, signal.subject) {
        (Unit::Up, Direction::Below, SubjectKind::Device) => {
            "No answer from {{ $labels.subject }} to {{ $labels.instance }}".to_owned()
        }
        (Unit::Up, Direction::Below, _) => format!("The {title} of {whose} is down"),
        (Unit::Up, Direction::Above, _) => format!("The {title} of {whose} is up"),
        (unit, ..) => format!(
            "The {title} of {whose} is {}; the level is {}",
            value(unit),
            limit(unit, rung.level)
        ),
    }
}

fn description(rule: &Rule, rung: &Rung, signal: &Signal) -> String {
    let unit = Unit::of(signal.name);
    let lasts = match *rule.hold {
        Duration::ZERO => "at once".to_owned(),
        hold => format!("after {}", time(hold)),
    };
    let (side, back) = match rung.when {
        Direction::Above => ("above", "below"),
        Direction::Below => ("below", "above"),
    };
    if unit == Unit::Up {
        return format!("{} Told {lasts}.", signal.help);
    }
    let level = limit(unit, rung.level);
    let end = if (rung.clear - rung.level).abs() < f64::EPSILON {
        format!("over {back} it")
    } else {
        format!("over at {} or {back}", limit(unit, rung.clear))
    };
    format!("{} Told {lasts} at {level} or {side}; {end}.", signal.help)
}

/// The value as Prometheus' templates show it in the same unit.
fn value(unit: Unit) -> &'static str {
    match unit {
        Unit::Ratio => "{{ $value | humanizePercentage }}",
        // Templates cannot multiply, but they can ask.
        Unit::BytesPerSecond => {
            "{{ with printf \"%f * 8\" $value | query }}{{ . | first | value | humanize }}bit/s{{ end }}"
        }
        Unit::Bytes => "{{ $value | humanize }}B",
        Unit::Seconds => "{{ $value | humanizeDuration }}",
        Unit::Celsius => "{{ $value | humanize }} °C",
        Unit::PerSecond => "{{ $value | humanize }}/s",
        Unit::Up | Unit::Number => "{{ $value | humanize }}",
    }
}

/// Text that a template shows as it is.
fn literally(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}
