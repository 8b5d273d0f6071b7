//! What becomes of findings: one alert per rule and subject. Today only the settings; no alert is raised yet.

mod alert;
mod notice;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    alert::{Acknowledgement, Alert, AlertId, Ending, Peak, State, Unknown},
    notice::{News, Notice, Transition},
};
use crate::{problem::Problems, units::HumanDuration};

/// How often people hear of the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Time after a message in which the same rule and subject send no other, unless the severity rises.
    pub cooldown: HumanDuration,
    /// Time between reminders while an alert lasts; `0s` sends none.
    pub reminder: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cooldown: HumanDuration::secs(15 * 60),
            reminder: HumanDuration::secs(24 * 60 * 60),
        }
    }
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, problems: &mut Problems) {
        if !self.reminder.is_zero() && self.reminder < self.cooldown {
            problems.push(
                "reminder",
                format_args!(
                    "given `{}`; accepted: at least the cooldown of `{}`, or `0s` for none",
                    self.reminder, self.cooldown
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_comes_no_sooner_than_the_cooldown_or_never() {
        for (reminder, problems) in [(0, 0), (60, 1), (900, 0)] {
            let config = Config {
                reminder: HumanDuration::secs(reminder),
                ..Config::default()
            };
            let mut found = Problems::new();
            config.validate(&mut found);
            assert_eq!(found.into_vec().len(), problems, "reminder {reminder} s");
        }
    }
}
