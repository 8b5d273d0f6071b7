//! Picks alerts by rule, subject, signal and severity: for silences and maintenance.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::Alert;
use crate::{pattern::Filter, problem::Problems, rules::Severity};

/// Which alerts are meant: those that every given list matches. A list that is not given matches everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// Names of rules; `*` is any text, `?` any one character.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub rule: Patterns,
    /// Interfaces, mounts, disks, sensors or devices; the host's own subject is the empty text.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub subject: Patterns,
    /// Names of signals.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub signal: Patterns,
    /// Severities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<Severity>,
}

/// What alerts are picked by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits<'a> {
    pub(super) rule: &'a str,
    pub(super) subject: &'a str,
    pub(super) signal: &'a str,
    pub(super) severity: Severity,
}

impl<'a> From<&'a Alert> for Traits<'a> {
    fn from(alert: &'a Alert) -> Self {
        Self {
            rule: &alert.rule,
            subject: &alert.subject,
            signal: &alert.signal,
            severity: alert.severity,
        }
    }
}

impl Matcher {
    /// Whether the alert is meant.
    #[must_use]
    pub fn matches(&self, alert: &Alert) -> bool {
        self.picks(alert.into())
    }

    /// Whether an alert like this is meant.
    pub(super) fn picks(&self, alert: Traits<'_>) -> bool {
        self.rule.matches(alert.rule)
            && self.subject.matches(alert.subject)
            && self.signal.matches(alert.signal)
            && (self.severity.is_empty() || self.severity.contains(&alert.severity))
    }

    /// Whether nothing is given, which would match every alert.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reports patterns that are none, and a matcher that gives nothing.
    pub fn validate(&self, problems: &mut Problems) {
        if self.is_empty() {
            problems.push(
                "",
                "matches every alert; accepted: at least one of `rule`, `subject`, `signal`, `severity`; for all alerts write `rule: [\"*\"]`",
            );
        }
        for (key, patterns) in [
            ("rule", &self.rule),
            ("subject", &self.subject),
            ("signal", &self.signal),
        ] {
            problems.within(key, |p| {
                for (_, index, complaint) in patterns.0.complaints() {
                    p.at_index(index, |p| p.push("", complaint));
                }
            });
        }
    }
}

/// A list of patterns, one of which must match; an empty list matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Patterns(Filter);

impl Patterns {
    fn matches(&self, name: &str) -> bool {
        self.0.passes(name)
    }

    fn is_empty(&self) -> bool {
        self.0.include.is_empty()
    }
}

impl From<Vec<String>> for Patterns {
    fn from(include: Vec<String>) -> Self {
        Self(Filter {
            include,
            exclude: Vec::new(),
        })
    }
}

impl From<Patterns> for Vec<String> {
    fn from(patterns: Patterns) -> Self {
        patterns.0.include
    }
}

impl JsonSchema for Patterns {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Patterns".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<String>::json_schema(generator)
    }
}
