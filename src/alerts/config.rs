//! Settings of alerts: how often people hear of the same thing, and when they are left alone.

use jiff::{Timestamp, civil, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::matcher::Matcher;
use crate::{problem::Problems, units::HumanDuration};

/// Longest weekly maintenance.
const WEEK: HumanDuration = HumanDuration::secs(7 * 24 * 60 * 60);

/// How often people hear of the same thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Time after a message in which the same rule and subject send no other, unless the severity rises.
    pub cooldown: HumanDuration,
    /// Time between reminders while an alert lasts; `0s` sends none.
    pub reminder: HumanDuration,
    /// When an alert comes and goes so often that one message stands for all.
    pub flapping: Flapping,
    /// When mail below critical waits.
    pub quiet_hours: QuietHours,
    /// Times in which alerts of some rules and subjects are expected and not told.
    pub maintenance: Vec<Maintenance>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cooldown: HumanDuration::secs(15 * 60),
            reminder: HumanDuration::secs(24 * 60 * 60),
            flapping: Flapping::default(),
            quiet_hours: QuietHours::default(),
            maintenance: Vec::new(),
        }
    }
}

/// When an alert comes and goes so often that one message stands for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Flapping {
    /// How often it must begin to fire; 0 switches this off.
    #[schemars(range(max = 1_000))]
    pub times: u32,
    /// Within this time. It is calm again once nothing changed for half of it.
    pub within: HumanDuration,
}

impl Default for Flapping {
    fn default() -> Self {
        Self {
            times: 5,
            within: HumanDuration::secs(60 * 60),
        }
    }
}

/// When mail below critical waits, in the configured time zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuietHours {
    /// Time of day at which they begin, such as `22:00`; empty means never.
    pub start: String,
    /// Time of day at which they end, such as `07:00`, on the next day when it is before the start.
    pub end: String,
    /// Days on which they begin; empty means every day.
    pub days: Vec<Day>,
}

/// A time in which alerts are expected: once, by `from` and `to`, or weekly, by `days`, `start` and `duration`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// What it is called.
    pub name: String,
    /// Which alerts are expected.
    #[serde(rename = "match")]
    pub matching: Matcher,
    /// When it begins, once: `2026-12-24T18:00` in the configured zone, or with an offset.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// When it ends, once.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Days on which it begins, weekly; empty means every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// Time of day at which it begins, weekly, such as `02:00`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// How long it lasts, weekly.
    #[serde(default = "an_hour")]
    pub duration: HumanDuration,
}

const fn an_hour() -> HumanDuration {
    HumanDuration::secs(60 * 60)
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// The day of a date.
    #[must_use]
    pub fn of(date: civil::Date) -> Self {
        match date.weekday() {
            civil::Weekday::Monday => Self::Mon,
            civil::Weekday::Tuesday => Self::Tue,
            civil::Weekday::Wednesday => Self::Wed,
            civil::Weekday::Thursday => Self::Thu,
            civil::Weekday::Friday => Self::Fri,
            civil::Weekday::Saturday => Self::Sat,
            civil::Weekday::Sunday => Self::Sun,
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
        problems.within("flapping", |p| self.flapping.validate(p));
        problems.within("quiet_hours", |p| self.quiet_hours.validate(p));
        problems.within("maintenance", |p| {
            for (index, maintenance) in self.maintenance.iter().enumerate() {
                p.at_index(index, |p| maintenance.validate(p));
            }
        });
    }
}

impl Flapping {
    fn validate(&self, problems: &mut Problems) {
        if self.times == 1 {
            problems.push("times", "given 1; accepted: at least 2, or 0 for never");
        }
        if self.times > 0 && self.within.is_zero() {
            problems.push("within", "given `0s`; accepted: more than `0s`");
        }
    }
}

impl QuietHours {
    fn validate(&self, problems: &mut Problems) {
        for (key, given, other) in [("start", &self.start, &self.end), ("end", &self.end, &self.start)] {
            if given.is_empty() && !other.is_empty() {
                problems.push(key, "is missing; accepted: a time of day, such as `22:00`");
            } else if !given.is_empty() {
                time_of_day_or_problem(key, given, problems);
            }
        }
        if !self.start.is_empty() && self.start == self.end {
            problems.push(
                "end",
                format_args!("given `{}`; accepted: another time than the start", self.end),
            );
        }
    }
}

impl Maintenance {
    fn validate(&self, problems: &mut Problems) {
        problems.within("match", |p| self.matching.validate(p));
        let is_once = !self.from.is_empty() || !self.to.is_empty();
        match (is_once, self.start.is_empty()) {
            (true, true) => self.validate_once(problems),
            (false, false) => {
                time_of_day_or_problem("start", &self.start, problems);
                if self.duration.is_zero() || self.duration > WEEK {
                    problems.push(
                        "duration",
                        format_args!("given `{}`; accepted: more than `0s`, at most `168h`", self.duration),
                    );
                }
            }
            (true, false) => problems.push("", "is given both once and weekly; accepted: `from` and `to`, or `start` with `duration` and `days`"),
            (false, true) => problems.push("", "has no time; accepted: `from` and `to`, or `start` with `duration` and `days`"),
        }
    }

    fn validate_once(&self, problems: &mut Problems) {
        let mut moments = Vec::new();
        for (key, given) in [("from", &self.from), ("to", &self.to)] {
            match moment(given, &TimeZone::UTC) {
                Some(moment) => moments.push(moment),
                None => problems.push(
                    key,
                    format_args!(
                        "given `{}`; accepted: a moment, such as `2026-12-24T18:00` or `2026-12-24T18:00:00+01:00`",
                        given.escape_debug()
                    ),
                ),
            }
        }
        if let [from, to] = moments[..]
            && to <= from
        {
            problems.push(
                "to",
                format_args!("given `{}`; accepted: after `{}`", self.to, self.from),
            );
        }
    }
}

/// A time of day as people write it.
pub(super) fn time_of_day(text: &str) -> Option<civil::Time> {
    let is_plain = text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    is_plain.then(|| text.parse().ok()).flatten()
}

/// A moment as people write it: local time in `zone`, or with its own offset.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let local: civil::DateTime = text.parse().ok()?;
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

fn time_of_day_or_problem(key: &str, given: &str, problems: &mut Problems) {
    if time_of_day(given).is_none() {
        problems.push(
            key,
            format_args!(
                "given `{}`; accepted: a time of day, such as `22:00`",
                given.escape_debug()
            ),
        );
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

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, is_fine) in [
            ("22:00", true),
            ("07:00:30", true),
            ("7:00", false),
            ("24:00", false),
            ("", false),
        ] {
            assert_eq!(time_of_day(text).is_some(), is_fine, "{text}");
        }
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let local = moment("2026-12-24T18:00", &berlin).expect("local");
        assert_eq!(moment("2026-12-24T18:00:00+01:00", &berlin), Some(local));
        assert_eq!(moment("tomorrow", &berlin), None);
    }
}
