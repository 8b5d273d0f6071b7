//! Uptime over the usual windows, as metrics. Computed at most once a minute and kept small: a scrape only writes it
//! down.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use smol_str::SmolStr;

use super::{Hold, Tracker};
use crate::{
    clock::Now,
    sample::{Desc, Family, Kind},
};

/// Windows that end now, as labels and answers call them.
pub const WINDOWS: [(&str, Duration); 5] = [
    ("24h", Duration::from_hours(24)),
    ("7d", Duration::from_hours(7 * 24)),
    ("30d", Duration::from_hours(30 * 24)),
    ("90d", Duration::from_hours(90 * 24)),
    ("365d", Duration::from_hours(365 * 24)),
];
/// The window that is told of very many devices.
const ONE: &str = "30d";
/// Beyond so many devices, metrics have only [`ONE`]: ten series each would be most of what there is to scrape.
const MANY: usize = 1_000;
/// How long figures are good enough.
const FRESH: Duration = Duration::from_mins(1);

const UPTIME: Desc = Desc {
    name: "netkestrel_device_uptime_ratio",
    kind: Kind::Gauge,
    labels: &["device", "window"],
    help: "Share of the known time of the window in which the device was up; with more than 1000 devices only for 30d.",
};
const COVERAGE: Desc = Desc {
    name: "netkestrel_device_coverage_ratio",
    kind: Kind::Gauge,
    labels: &["device", "window"],
    help: "Share of the window in which it was known whether the device is up or down.",
};

const OBJECTIVE: Desc = Desc {
    name: "netkestrel_device_slo_ratio",
    kind: Kind::Gauge,
    labels: &["device"],
    help: "Share of the known time for which the device is to be up, where one is configured.",
};
const BUDGET: Desc = Desc {
    name: "netkestrel_device_slo_budget_seconds",
    kind: Kind::Gauge,
    labels: &["device", "window"],
    help: "Seconds the device may still be down in the window; below 0 when it missed its objective.",
};

/// Metrics of uptime.
pub(in crate::history) const METRICS: &[&Desc] = &[&UPTIME, &COVERAGE, &OBJECTIVE, &BUDGET];

/// What metrics tell of every device; an objective and what is left of it, of each that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposed {
    /// Uptime and coverage of the usual windows.
    #[default]
    Windows,
    /// Nothing: ask the interface for it.
    Nothing,
}

/// A share from 0 to 1 as whole billionths, and one more: small, also where there is none, and shown without digits that
/// mean nothing.
#[derive(Debug, Clone, Copy)]
struct Share(NonZeroU32);

#[derive(Debug, Clone, Copy)]
struct Shares {
    uptime: Option<Share>,
    coverage: Share,
}

/// What was computed last.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// By device, of those that have one.
    pub(super) objectives: BTreeMap<SmolStr, f64>,
    pub(super) exposed: Exposed,
    at: Option<Instant>,
    devices: Vec<(SmolStr, [Shares; WINDOWS.len()])>,
}

impl Figures {
    /// Nothing is computed yet.
    pub(super) fn new(objectives: BTreeMap<SmolStr, f64>) -> Self {
        Self {
            objectives,
            ..Self::default()
        }
    }

    /// Computes anew if that is due, or something changed.
    pub(super) fn refresh(&mut self, tracker: &Tracker, now: Now, has_changed: bool) {
        let age = self.at.map(|at| now.instant.saturating_duration_since(at));
        if !has_changed && age.is_some_and(|age| age < FRESH) {
            return;
        }
        let devices = tracker.watched().iter().map(|device| {
            let windows = tracker.windows(device, now).unwrap_or_default();
            let shares = windows.map(|sums| Shares {
                uptime: sums.ratio().map(Share::of),
                coverage: Share::of(sums.coverage()),
            });
            (device.clone(), shares)
        });
        self.devices = devices.collect();
        self.at = Some(now.instant);
    }

    fn objectives(&self, is_fresh: bool) -> (Family, Family) {
        let (mut objective, mut budget) = (Family::new(&OBJECTIVE), Family::new(&BUDGET));
        let month = WINDOWS
            .iter()
            .position(|(name, _)| *name == ONE)
            .unwrap_or_default();
        let length = WINDOWS.get(month).map_or(0.0, |(_, length)| length.as_secs_f64());
        let devices = self
            .devices
            .iter()
            .filter(|_| is_fresh && !self.objectives.is_empty());
        for (device, shares) in devices {
            let Some(slo) = self.objectives.get(device) else {
                continue;
            };
            objective.push([device.clone()], *slo);
            if let Some(Shares {
                uptime: Some(uptime),
                coverage,
            }) = shares.get(month)
            {
                let left = length * coverage.ratio() * (uptime.ratio() - slo);
                budget.push(
                    [device.clone(), SmolStr::new_static(ONE)],
                    (left * 1e3).round() / 1e3,
                );
            }
        }
        (objective, budget)
    }

    /// The families at this moment; nothing when runs have been missing for long.
    pub(super) fn families(&self, hold: Hold, now: Instant) -> Vec<Family> {
        let (mut uptime, mut coverage) = (Family::new(&UPTIME), Family::new(&COVERAGE));
        let longest = hold.interval * 3 + hold.timeout + FRESH;
        let is_fresh = self
            .at
            .is_some_and(|at| now.saturating_duration_since(at) <= longest);
        let is_many = self.devices.len() > MANY;
        let windows = WINDOWS.map(|(name, _)| SmolStr::new_static(name));
        let are_exposed = is_fresh && self.exposed == Exposed::Windows;
        for (device, shares) in self.devices.iter().filter(|_| are_exposed) {
            for (name, shares) in windows
                .iter()
                .zip(shares)
                .filter(|(name, _)| !is_many || *name == ONE)
            {
                let labels = || [device.clone(), name.clone()];
                uptime.push_some(labels(), shares.uptime.map(Share::ratio));
                coverage.push(labels(), shares.coverage.ratio());
            }
        }
        let (objective, budget) = self.objectives(is_fresh);
        vec![uptime, coverage, objective, budget]
    }
}

impl Share {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is from 0 to 1"
    )]
    fn of(ratio: f64) -> Self {
        Self(NonZeroU32::MIN.saturating_add((ratio * 1e9) as u32))
    }

    fn ratio(self) -> f64 {
        f64::from(self.0.get() - 1) / 1e9
    }
}
