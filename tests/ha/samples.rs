//! What the store holds: samples of each series with their times.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A series and the times of its samples, in milliseconds since 1970, in order.
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) times: Vec<i64>,
}

impl Series {
    /// Those of an export, one in each line; parts of one series are joined.
    pub(crate) fn read(export: &str) -> Vec<Self> {
        let mut found: BTreeMap<BTreeMap<String, String>, Vec<i64>> = BTreeMap::new();
        for line in export.lines() {
            let part: Value = serde_json::from_str(line).expect("JSON");
            let labels = part["metric"].as_object().expect("labels");
            let labels = labels
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
            let times = part["timestamps"].as_array().expect("times");
            let times = times.iter().filter_map(Value::as_i64);
            found.entry(labels.collect()).or_default().extend(times);
        }
        let series = found.into_iter().map(|(labels, mut times)| {
            times.sort_unstable();
            Self { labels, times }
        });
        series.collect()
    }

    /// Whether it has these labels.
    pub(crate) fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels
            .iter()
            .all(|(name, value)| self.labels.get(*name).is_some_and(|has| has == value))
    }

    /// Whether two samples lie within one interval (milliseconds), which begins behind a multiple of its length.
    pub(crate) fn shares(&self, interval: i64) -> bool {
        let intervals: BTreeSet<i64> = self
            .times
            .iter()
            .map(|time| (time - 1).div_euclid(interval))
            .collect();
        intervals.len() < self.times.len()
    }

    /// Longest time between two samples that follow each other, in milliseconds.
    pub(crate) fn longest(&self) -> i64 {
        self.times
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or(0)
    }
}

#[test]
fn intervals_and_distances_are_those_of_the_samples() {
    let series = |times: &[i64]| Series {
        labels: BTreeMap::new(),
        times: times.to_vec(),
    };
    for (times, shares, longest) in [
        (&[1, 1001, 2001][..], false, 1000),
        (&[1, 1000], true, 999),
        (&[1000, 1001], false, 1),
        (&[500, 3500], false, 3000),
        (&[], false, 0),
    ] {
        let series = series(times);
        assert_eq!(
            (series.shares(1000), series.longest()),
            (shares, longest),
            "{times:?}"
        );
    }
}
