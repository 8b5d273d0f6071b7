//! What a rule says that is possible, and yet hardly meant: levels on the wrong side of up and down, devices that are
//! not there.

use super::{Config, Direction, Rule};
use crate::{
    figures::Unit,
    pattern::matches,
    sample::{Signal, SubjectKind},
};

impl Config {
    /// Notes about own rules that are on. `signals` are those that rules can name, `devices` the names of all that are
    /// configured.
    #[must_use]
    pub fn notes(&self, signals: &[&Signal], devices: &[&str]) -> Vec<String> {
        let rules = self.0.iter().filter(|rule| rule.enabled);
        let notes = rules.flat_map(|rule| {
            let is_of_devices = signals
                .iter()
                .any(|signal| signal.name == rule.signal && signal.subject == SubjectKind::Device);
            let devices = is_of_devices.then(|| rule.misses(devices)).flatten();
            [rule.is_upside_down(), devices]
        });
        notes.flatten().collect()
    }
}

impl Rule {
    /// A signal that is 1 or 0 is compared so that it never tells an outage.
    fn is_upside_down(&self) -> Option<String> {
        if Unit::of(&self.signal) != Unit::Up {
            return None;
        }
        let first = self.levels.first()?;
        let fires = match self.when {
            Direction::Above if first > 1.0 => "never",
            Direction::Above if first > 0.0 => "while it is up",
            Direction::Below if first < 0.0 => "never",
            Direction::Below if first < 1.0 => return None,
            Direction::Above | Direction::Below => "always",
        };
        Some(format!(
            "rule `{}` fires {fires}: `{}` is 1 while it is up and 0 while it is down; to hear of an outage write \
             `when: below` and a level of 0.5",
            self.name, self.signal
        ))
    }

    /// Entries of `include` that match none of the devices.
    fn misses(&self, devices: &[&str]) -> Option<String> {
        let matches_none = |entry: &&String| !devices.iter().any(|name| matches(entry, name));
        let missed: Vec<String> = self
            .include
            .iter()
            .filter(matches_none)
            .map(|entry| format!("`{entry}`"))
            .collect();
        (!missed.is_empty()).then(|| {
            format!(
                "rule `{}` includes {}, which no listed device is called",
                self.name,
                missed.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Levels, Severity, built_in};

    const UP: Signal = Signal {
        name: "device_up",
        title: "reachability",
        subject: SubjectKind::Device,
        help: "",
    };

    fn notes(rule: Rule) -> Vec<String> {
        Config::from(vec![rule]).notes(&[&UP], &["router", "nas"])
    }

    fn rule(when: Direction, level: f64) -> Rule {
        Rule {
            when,
            levels: Levels::new(&[(Severity::High, level)]),
            ..Rule::new("down", "device_up")
        }
    }

    #[test]
    fn levels_that_never_tell_an_outage_are_noted() {
        use Direction::{Above, Below};
        for (when, level, fires) in [
            (Above, 0.5, Some("while it is up")),
            (Above, 1.0, Some("while it is up")),
            (Above, 2.0, Some("never")),
            (Above, 0.0, Some("always")),
            (Below, 0.5, None),
            (Below, 0.0, None),
            (Below, 1.0, Some("always")),
            (Below, -1.0, Some("never")),
        ] {
            let found = notes(rule(when, level));
            let begin = fires.map(|fires| format!("rule `down` fires {fires}: `device_up` is 1 while"));
            assert_eq!(found.len(), begin.iter().len(), "{when:?} {level}");
            assert!(
                found
                    .iter()
                    .zip(begin)
                    .all(|(note, begin)| note.starts_with(&begin)),
                "{found:?}"
            );
        }
        let cpu = Rule {
            signal: "cpu_usage_ratio".to_owned(),
            ..rule(Above, 0.5)
        };
        assert_eq!(notes(cpu), [""; 0]);
        assert_eq!(Config::from(built_in()).notes(&[&UP], &[]), [""; 0]);
    }

    #[test]
    fn devices_that_are_not_there_are_noted() {
        let include = ["r*", "nsa", "printer"].map(str::to_owned).into();
        let rule = Rule {
            include,
            ..rule(Direction::Below, 0.5)
        };
        assert_eq!(
            notes(rule),
            ["rule `down` includes `nsa`, `printer`, which no listed device is called"]
        );
    }
}
