//! How the watch stands, as metrics. A series whose last value no longer stands for the present shows none.

use std::{collections::BTreeMap, time::Instant};

use serde::Serialize;
use smol_str::SmolStr;

use super::{
    envelope::Side,
    lane::View,
    policy::Policy,
    series::{Seen, Series},
    verdict::Verdict,
};
use crate::sample::{self, Desc, Family};

const OF_SERIES: &[&str] = &["signal", "subject"];

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Desc {
    Desc {
        name,
        kind: sample::Kind::Gauge,
        labels,
        help,
    }
}

const SCORE: Desc = gauge(
    "netkestrel_anomaly_score",
    OF_SERIES,
    "How new the last value of the signal was, 0 (seen before) to 1; from 0.5 on it is shown. Told once for an event.",
);
const SPIKE: Desc = gauge(
    "netkestrel_anomaly_spike_sigmas",
    OF_SERIES,
    "Last step of the signal in usual step sizes.",
);
const ACTIVE: Desc = gauge(
    "netkestrel_anomaly_active",
    OF_SERIES,
    "Whether the signal is part of an unusual event that lasts: until nothing new was seen for an hour.",
);
const READY: Desc = gauge(
    "netkestrel_anomaly_model_ready",
    OF_SERIES,
    "Whether the signal was watched for long enough to be judged, which is a day.",
);
const VALUE: Desc = gauge(
    "netkestrel_anomaly_value",
    OF_SERIES,
    "Last value of the signal that was judged, in the signal's unit.",
);
const USUAL: Desc = gauge(
    "netkestrel_anomaly_usual_value",
    OF_SERIES,
    "Usual value of the signal at this hour, in the signal's unit.",
);
const LOW: Desc = gauge(
    "netkestrel_anomaly_seen_low",
    OF_SERIES,
    "Lowest value of the signal in memory, or called normal for this hour, in the signal's unit.",
);
const HIGH: Desc = gauge(
    "netkestrel_anomaly_seen_high",
    OF_SERIES,
    "Highest value of the signal in memory, or called normal for this hour, in the signal's unit.",
);
const SERIES: Desc = gauge(
    "netkestrel_anomaly_series",
    &[],
    "Series that are watched for anomalies.",
);
const LEFT_OUT: Desc = gauge(
    "netkestrel_anomaly_series_left_out",
    &[],
    "Series that are not watched for anomalies because there are too many.",
);
const ANOMALIES: Desc = Desc {
    name: "netkestrel_anomalies_total",
    kind: sample::Kind::Counter,
    labels: &["signal", "kind"],
    help: "Anomalies that were shown, by kind: rise, drop or pattern.",
};

/// Metrics of this stage.
pub const METRICS: &[&Desc] = &[
    &SCORE, &SPIKE, &ACTIVE, &READY, &VALUE, &USUAL, &LOW, &HIGH, &SERIES, &LEFT_OUT, &ANOMALIES,
];

/// What kind of oddity an anomaly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Rise,
    Drop,
    Pattern,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Rise, Self::Drop, Self::Pattern];

    pub(super) fn of(verdict: &Verdict) -> Self {
        let record = verdict.record.map(|record| record.side);
        let oddity = verdict.oddity.filter(|(view, _)| *view != View::Shape);
        match record.or(oddity.map(|(_, side)| side)) {
            Some(Side::High) => Self::Rise,
            Some(Side::Low) => Self::Drop,
            None => Self::Pattern,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Rise => "rise",
            Self::Drop => "drop",
            Self::Pattern => "pattern",
        }
    }
}

/// How all series stood at one moment.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    rows: Vec<Row>,
    watched: usize,
    left_out: usize,
    bands: bool,
    counts: BTreeMap<(&'static str, Kind), u64>,
}

/// One series.
#[derive(Debug, Clone)]
struct Row {
    signal: &'static str,
    subject: SmolStr,
    seen: Seen,
    band: Option<(f64, f64)>,
    is_ready: bool,
    is_active: bool,
}

impl Overview {
    pub(super) fn new(counts: BTreeMap<(&'static str, Kind), u64>, left_out: usize, bands: bool) -> Self {
        Self {
            rows: Vec::new(),
            watched: 0,
            left_out,
            bands,
            counts,
        }
    }

    pub(super) fn add(&mut self, series: &Series, now: Instant, policy: &Policy, is_active: bool) {
        self.watched += 1;
        for kind in Kind::ALL {
            self.counts.entry((series.signal.name, kind)).or_default();
        }
        self.rows.extend(series.present(now).map(|seen| Row {
            signal: series.signal.name,
            subject: series.subject.clone(),
            seen: *seen,
            band: series.band(seen),
            is_ready: series.is_ready(policy),
            is_active,
        }));
    }

    /// Everything that is exposed at `now`.
    #[must_use]
    pub fn families(&self, now: Instant) -> Vec<Family> {
        let mut families = [&SCORE, &SPIKE, &ACTIVE, &READY, &VALUE, &USUAL, &LOW, &HIGH].map(Family::new);
        for row in self.rows.iter().filter(|row| row.seen.stands_at(now)) {
            let verdict = &row.seen.verdict;
            let values = [
                Some(short(verdict.score)),
                Some(short(verdict.spike_sigmas)),
                Some(u8::from(row.is_active).into()),
                Some(u8::from(row.is_ready).into()),
                Some(verdict.value).filter(|_| self.bands),
                Some(verdict.usual).filter(|_| self.bands),
                row.band.filter(|_| self.bands).map(|(low, _)| low),
                row.band.filter(|_| self.bands).map(|(_, high)| high),
            ];
            for (family, value) in families.iter_mut().zip(values) {
                family.push_some([SmolStr::new_static(row.signal), row.subject.clone()], value);
            }
        }
        let mut anomalies = Family::new(&ANOMALIES);
        for ((signal, kind), count) in &self.counts {
            let labels = [SmolStr::new_static(signal), SmolStr::new_static(kind.name())];
            anomalies.push(labels, *count as f64);
        }
        let mut families = Vec::from(families);
        families.extend([
            Family::single(&SERIES, self.watched as f64),
            Family::single(&LEFT_OUT, self.left_out as f64),
            anomalies,
        ]);
        families
    }
}

/// Without the digits that an f32 has none of.
fn short(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}
