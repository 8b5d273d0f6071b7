//! What is watched for anomalies, and from when on one is shown.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    policy::Policy,
    signals::{Watched, by_default, watchable, watched},
};
use crate::{
    problem::{Problems, nearest},
    units::Ratio,
};

/// Settings of the watch for anomalies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `false` watches for none.
    pub enabled: bool,
    /// Signals that are watched, each for every interface, disk or device that has it.
    pub signals: Vec<String>,
    /// How many series are watched at most; each takes 4 kB of memory. 1 to 10000.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_series: usize,
    /// Novelty from which an anomaly is shown, 0 to 1.
    pub shown: Ratio,
    /// Whether the value, what is usual and the range of everything seen are exposed, for bands in dashboards: four
    /// metrics more of each series.
    pub bands: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            signals: by_default().map(str::to_owned).collect(),
            max_series: 512,
            shown: Ratio(0.5),
            bands: true,
        }
    }
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, problems: &mut Problems) {
        let mut seen = HashSet::new();
        problems.within("signals", |problems| {
            for (index, name) in self.signals.iter().enumerate() {
                let place = format!("[{index}]");
                if watched(name).is_none() {
                    problems.push(&place, unknown(name));
                } else if !seen.insert(name) {
                    problems.push(
                        &place,
                        format_args!("`{name}` is given twice; accepted: each signal once"),
                    );
                }
            }
        });
    }

    /// The row of a signal that is to be watched.
    pub(super) fn watched(&self, signal: &str) -> Option<&'static Watched> {
        let wanted = self.signals.iter().any(|name| name == signal);
        wanted.then(|| watched(signal)).flatten()
    }

    /// When an anomaly is shown and mailed.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a score is f32, and so is what it is compared with"
    )]
    pub(super) fn policy(&self) -> Policy {
        Policy {
            shown: self.shown.0 as f32,
            ..Policy::default()
        }
    }
}

fn unknown(given: &str) -> String {
    let known: Vec<&str> = watchable().collect();
    let near = nearest(given, &known);
    let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "`{}` cannot be watched for anomalies; accepted: {}{hint}",
        given.escape_debug(),
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_cannot_be_watched_or_is_named_twice_is_a_problem() {
        let config = Config {
            signals: ["cpu_usage_ratio", "device_up", "cpu_usage_ratio"]
                .map(str::to_owned)
                .into(),
            ..Config::default()
        };
        let mut problems = Problems::new();
        config.validate(&mut problems);
        let found = problems.into_vec();
        let paths: Vec<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["signals[1]", "signals[2]"]);
        assert!(found[0].message.starts_with("`device_up` cannot be watched"));
        assert_eq!(
            found[1].message,
            "`cpu_usage_ratio` is given twice; accepted: each signal once"
        );
    }

    #[test]
    fn what_is_watched_by_default_is_fine() {
        let mut problems = Problems::new();
        Config::default().validate(&mut problems);
        assert_eq!(problems.into_vec(), []);
    }
}
