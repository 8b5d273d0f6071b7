//! Settings of the system collector: how often it runs and which filesystems it shows.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{problem::Problems, units::HumanDuration};

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Settings of the system collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the collector runs.
    pub enabled: bool,
    /// Time between two interval runs, at least 1s. Scrapes read the sources themselves.
    pub interval: HumanDuration,
    /// Which mount points to show. Globs: `*` is any text, also across `/`; `?` is any one character.
    pub mounts: Filter,
    /// Which filesystem types to show. Without `include`: those that store data of their own; not pseudo
    /// filesystems, memory (tmpfs), read-only images (squashfs) and the layers of containers (overlay).
    pub fstypes: Filter,
}

/// What to show: globs in which `*` is any text and `?` is any one character.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Show only what matches one of these; empty leaves the choice to NetKestrel.
    pub include: Vec<String>,
    /// Leave out what matches one of these, even when it is included.
    pub exclude: Vec<String>,
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
        problems.within("mounts", |p| self.mounts.validate(p));
        problems.within("fstypes", |p| self.fstypes.validate(p));
    }
}

impl Filter {
    fn validate(&self, problems: &mut Problems) {
        for (key, globs) in [("include", &self.include), ("exclude", &self.exclude)] {
            for (index, _) in globs.iter().enumerate().filter(|(_, glob)| glob.is_empty()) {
                problems.within(key, |p| {
                    p.at_index(index, |p| {
                        p.push("", "is empty and matches nothing: write a glob such as `/mnt/*`");
                    });
                });
            }
        }
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
            ..Config::default()
        };
        let mut problems = Problems::new();
        config.validate(&mut problems);
        let found: Vec<_> = problems
            .into_vec()
            .into_iter()
            .map(|p| format!("{}: {}", p.path, p.message))
            .collect();
        assert_eq!(
            found,
            [
                "interval: `500ms` is too short: 1s is the shortest interval",
                "mounts.include[1]: is empty and matches nothing: write a glob such as `/mnt/*`",
            ]
        );
    }

    #[test]
    fn the_defaults_are_valid() {
        let mut problems = Problems::new();
        Config::default().validate(&mut problems);
        assert_eq!(problems.into_vec(), []);
    }
}
