//! What to tell about a silence that matches nothing at present: it may be meant for later, or be mistyped.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::Value;

use super::Which;
use crate::{
    alerts::{Alert, Matcher, State},
    cli::instance::{Call, Instance},
    history::Stream,
    pattern::matches,
    rules::{self, Severity},
};

/// Names that are shown.
const SHOWN: usize = 3;

/// A note, or nothing where the silence matches an alert.
pub(super) fn hint(instance: &Instance, which: &Which) -> String {
    let found = instance.call(&Call::Get, "/api/v1/alerts?limit=1000");
    let listed = found.ok().and_then(|mut found| {
        let alerts = found.get_mut("alerts")?.take();
        serde_json::from_value::<Vec<Alert>>(alerts).ok()
    });
    // Without an answer there is nothing to tell.
    let Some(alerts) = listed else {
        return String::new();
    };
    let matcher = matcher(which);
    let is_meant = |alert: &Alert| alert.state != State::Resolved && matcher.matches(alert);
    if alerts.iter().any(is_meant) {
        return String::new();
    }
    let rules = || rules(instance, &alerts);
    let subjects = || subjects(instance, &alerts);
    let mut text = "note: it matches no alert at present\n".to_owned();
    if let Some(pattern) = &which.rule {
        text += &unknown("rule", pattern, rules());
    }
    if let Some(pattern) = &which.subject {
        text += &unknown("subject", pattern, subjects());
    }
    text
}

fn matcher(which: &Which) -> Matcher {
    let patterns = |given: &Option<String>| given.iter().cloned().collect::<Vec<_>>().into();
    let severities = which.severity.iter().flat_map(|list| list.split(','));
    let known = |name: &str| Severity::ALL.into_iter().find(|one| one.name() == name.trim());
    Matcher {
        rule: patterns(&which.rule),
        subject: patterns(&which.subject),
        severity: severities.filter_map(known).collect(),
        ..Matcher::default()
    }
}

/// Rules in force, and those of alerts.
fn rules(instance: &Instance, alerts: &[Alert]) -> BTreeSet<String> {
    let in_force = instance
        .config()
        .rules
        .in_force()
        .into_iter()
        .map(|rule| rule.name);
    let unusual = std::iter::once(rules::ANOMALY.to_owned());
    in_force
        .chain(unusual)
        .chain(alerts.iter().map(|alert| alert.rule.to_string()))
        .collect()
}

/// Subjects of alerts, configured devices, and what was recorded in the last hour.
fn subjects(instance: &Instance, alerts: &[Alert]) -> BTreeSet<String> {
    let devices = instance.config().collectors.devices.names();
    let mut names: BTreeSet<String> = devices.into_iter().map(Cow::into_owned).collect();
    names.extend(alerts.iter().map(|alert| alert.subject.to_string()));
    for stream in [Stream::Bandwidth, Stream::System, Stream::Devices] {
        let path = format!("/api/v1/history/{}?from=-1h&max_points=1", stream.name());
        let answer = instance.call(&Call::Get, &path).unwrap_or_default();
        let series = answer.get("series").and_then(Value::as_array);
        let subject = |one: &Value| one.get("subject").and_then(Value::as_str).map(str::to_owned);
        names.extend(series.into_iter().flatten().filter_map(subject));
    }
    // The host's own subject has no name.
    names.remove("");
    names
}

/// That no name matches, and which come near; nothing where one does or none is known.
fn unknown(what: &str, pattern: &str, known: BTreeSet<String>) -> String {
    if known.is_empty() || known.iter().any(|name| matches(pattern, name)) {
        return String::new();
    }
    let mut near: Vec<String> = known.into_iter().collect();
    near.sort_by_cached_key(|name| strsim::damerau_levenshtein(pattern, name));
    let near: Vec<String> = near.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    format!(
        "note: no {what} matches `{pattern}`; nearest: {}\n",
        near.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_matches_no_name_is_told_with_the_nearest() {
        let known = || ["cpu", "disk", "loss", "memory"].map(str::to_owned).into();
        assert_eq!(unknown("rule", "c*", known()), "");
        assert_eq!(unknown("rule", "x", BTreeSet::new()), "");
        assert_eq!(
            unknown("rule", "disc", known()),
            "note: no rule matches `disc`; nearest: `disk`, `loss`, `cpu`\n"
        );
    }
}
