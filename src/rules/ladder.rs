//! A level per severity: the ladder a value climbs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Severity;

/// A level for each severity that is used, in the signal's unit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Levels {
    /// Level from which the severity is low.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Level from which the severity is medium.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<f64>,
    /// Level from which the severity is high.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Level from which the severity is critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<f64>,
}

impl Levels {
    /// A ladder with these levels.
    #[must_use]
    pub fn new(levels: &[(Severity, f64)]) -> Self {
        let mut ladder = Self::default();
        for (severity, level) in levels {
            *ladder.slot(*severity) = Some(*level);
        }
        ladder
    }

    /// The level of one severity.
    #[must_use]
    pub const fn get(&self, severity: Severity) -> Option<f64> {
        match severity {
            Severity::Low => self.low,
            Severity::Medium => self.medium,
            Severity::High => self.high,
            Severity::Critical => self.critical,
        }
    }

    /// The levels that are given, the mildest first.
    pub fn iter(&self) -> impl Iterator<Item = (Severity, f64)> {
        let level = |severity| self.get(severity).map(|level| (severity, level));
        Severity::ALL.into_iter().filter_map(level)
    }

    /// The mildest level.
    #[must_use]
    pub fn first(&self) -> Option<f64> {
        self.from(Severity::Low)
    }

    /// The mildest level of this severity or above.
    #[must_use]
    pub fn from(&self, severity: Severity) -> Option<f64> {
        self.iter()
            .find(|(of, _)| *of >= severity)
            .map(|(_, level)| level)
    }

    /// Passes every level through `change`, which drops it by returning `None`.
    #[must_use]
    pub(super) fn map(&self, mut change: impl FnMut(Severity, f64) -> Option<f64>) -> Self {
        let mut ladder = Self::default();
        for (severity, level) in self.iter() {
            *ladder.slot(severity) = change(severity, level);
        }
        ladder
    }

    const fn slot(&mut self, severity: Severity) -> &mut Option<f64> {
        match severity {
            Severity::Low => &mut self.low,
            Severity::Medium => &mut self.medium,
            Severity::High => &mut self.high,
            Severity::Critical => &mut self.critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_the_mildest_first() {
        let levels = Levels::new(&[(Severity::Critical, 3.0), (Severity::Medium, 1.0)]);
        assert_eq!(levels.first(), Some(1.0));
        assert_eq!(levels.from(Severity::High), Some(3.0));
        assert_eq!(levels.iter().count(), 2);
    }
}
