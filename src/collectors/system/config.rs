//! Settings of the system collector: how often it runs and which filesystems it shows.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{pattern::Filter, problem::Problems, units::HumanDuration};

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Settings of the system collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the collector runs.
    pub enabled: bool,
    /// Time between two interval runs, at least 1s. Scrapes read the sources themselves.
    pub interval: HumanDuration,
    /// Which mount points to show.
    /// Mounts that this process cannot see, such as those that systemd's `ProtectHome=yes` hides, are shown with
    /// `device_error`: exclude them where that is intended.
    pub mounts: Filter,
    /// Which filesystem types to show. Without `include`: those that store data of their own; not pseudo
    /// filesystems, memory (tmpfs), read-only images (squashfs) and the layers of containers (overlay).
    pub fstypes: Filter,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: HumanDuration::secs(60),
            mounts: Filter::default(),
            fstypes: Filter::default(),
        }
    }
}

impl Config {
    pub(in crate::collectors) fn validate(&self, problems: &mut Problems) {
        if *self.interval < SHORTEST_INTERVAL {
            problems.push(
                "interval",
                format_args!("`{}` is too short: 1s is the shortest interval", self.interval),
            );
        }
        problems.within("mounts", |p| complain(&self.mounts, p));
        problems.within("fstypes", |p| complain(&self.fstypes, p));
    }
}

fn complain(filter: &Filter, problems: &mut Problems) {
    for (list, position, complaint) in filter.complaints() {
        problems.within(list, |p| p.at_index(position, |p| p.push("", complaint)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_reported_with_its_path() {
        let config = Config {
            interval: HumanDuration(Duration::from_millis(500)),
            mounts: Filter {
                include: vec!["/".to_owned(), String::new()],
                ..Filter::default()
            },
            fstypes: Filter {
                exclude: vec!["^fuse".to_owned(), "fuse.*".to_owned()],
                ..Filter::default()
            },
            ..Config::default()
        };
        let mut problems = Problems::new();
        config.validate(&mut problems);
        let found: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
        assert_eq!(found, ["interval", "mounts.include[1]", "fstypes.exclude[0]"]);
    }

    #[test]
    fn the_defaults_are_valid() {
        let mut problems = Problems::new();
        Config::default().validate(&mut problems);
        assert_eq!(problems.into_vec(), []);
    }
}
