//! How long a device stood how, within a stretch of time.

use serde::{Deserialize, Serialize};

use super::Standing;

/// Milliseconds by standing, in the order of [`Standing::ALL`]; together as long as the stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sums([i64; Standing::ALL.len()]);

impl Sums {
    pub(super) fn add(&mut self, standing: Standing, millis: i64) {
        if let Some(sum) = self.0.get_mut(standing as usize) {
            *sum += millis;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    pub(super) fn negated(&self) -> Self {
        Self(self.0.map(|sum| -sum))
    }

    /// A part of it, `part` of `whole` long, with the same shares. Rounding never makes the parts more or less than
    /// the whole.
    pub(super) fn scaled(&self, part: i64, whole: i64) -> Self {
        let mut scaled = Self::default();
        let (mut before, mut given) = (0_i128, 0_i64);
        for (sum, target) in self.0.iter().zip(&mut scaled.0) {
            before += i128::from(*sum);
            let upto = before * i128::from(part) / i128::from(whole.max(1));
            let upto = i64::try_from(upto).unwrap_or(i64::MAX);
            *target = upto - given;
            given = upto;
        }
        scaled
    }

    /// Milliseconds in this standing.
    #[must_use]
    pub fn of(&self, standing: Standing) -> i64 {
        self.0.get(standing as usize).copied().unwrap_or_default()
    }

    /// Seconds in this standing.
    #[must_use]
    pub fn seconds(&self, standing: Standing) -> f64 {
        self.of(standing) as f64 / 1e3
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.iter().sum()
    }

    /// Time up or down.
    #[must_use]
    pub fn known(&self) -> i64 {
        self.of(Standing::Up) + self.of(Standing::Down)
    }

    /// Uptime: the share of the known time in which it was up; `None` when nothing is known.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let known = self.known();
        (known > 0).then(|| self.of(Standing::Up) as f64 / known as f64)
    }

    /// The share of the stretch that is known.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        let total = self.total();
        if total > 0 {
            self.known() as f64 / total as f64
        } else {
            0.0
        }
    }

    /// Seconds that it may still be down before less than `slo` of the known time was up; below zero when it was
    /// down for longer than that.
    #[must_use]
    pub fn budget(&self, slo: f64) -> f64 {
        (self.known() as f64 * (1.0 - slo) - self.of(Standing::Down) as f64) / 1e3
    }
}
