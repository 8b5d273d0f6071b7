//! Maintenance and quiet hours on the calendar of a zone, days with 23 or 25 hours included.

use std::time::Duration;

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

use super::{
    config::{Config, Day, Maintenance, QuietHours, moment, time_of_day},
    matcher::{Matcher, Traits},
};

const DAY: Duration = Duration::from_hours(24);

/// The times of a configuration, read once.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    zone: TimeZone,
    quiet: Option<Quiet>,
    maintenance: Vec<(Matcher, Times)>,
}

#[derive(Debug, Clone)]
struct Quiet {
    start: civil::Time,
    end: civil::Time,
    days: Vec<Day>,
}

#[derive(Debug, Clone)]
enum Times {
    Once(Timestamp, Timestamp),
    Weekly {
        days: Vec<Day>,
        start: civil::Time,
        duration: Duration,
    },
}

impl Calendar {
    /// What cannot be read counts as not given; `Config::validate` has reported it.
    pub(super) fn new(config: &Config, zone: TimeZone) -> Self {
        let times = |one: &Maintenance| Some((one.matching.clone(), Times::new(one, &zone)?));
        Self {
            quiet: Quiet::new(&config.quiet_hours),
            maintenance: config.maintenance.iter().filter_map(times).collect(),
            zone,
        }
    }

    /// When the quiet hours around `at` end; `None` outside of them.
    pub(super) fn quiet_until(&self, at: Timestamp) -> Option<Timestamp> {
        let quiet = self.quiet.as_ref()?;
        let spans = self.days_until(at, 1).filter_map(|date| {
            if !falls_on(&quiet.days, date) {
                return None;
            }
            let last = if quiet.end <= quiet.start {
                date.tomorrow().ok()?
            } else {
                date
            };
            Some((self.moment(date, quiet.start)?, self.moment(last, quiet.end)?))
        });
        spans.filter(|span| within(*span, at)).map(|(_, end)| end).max()
    }

    /// Whether an alert like this is expected at that moment.
    pub(super) fn expects(&self, alert: Traits<'_>, at: Timestamp) -> bool {
        let mut matching = self
            .maintenance
            .iter()
            .filter(|(matcher, _)| matcher.picks(alert));
        matching.any(|(_, times)| self.spans(times, at, 0).iter().any(|span| within(*span, at)))
    }

    /// The next begin or end of a maintenance within a week.
    pub(super) fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let spans = self
            .maintenance
            .iter()
            .flat_map(|(_, times)| self.spans(times, at, 8));
        spans
            .flat_map(|(start, end)| [start, end])
            .filter(|moment| *moment > at)
            .min()
    }

    /// The spans that may hold `at`, and those that begin in so many days after it.
    fn spans(&self, times: &Times, at: Timestamp, ahead: u32) -> Vec<(Timestamp, Timestamp)> {
        match times {
            Times::Once(from, to) => vec![(*from, *to)],
            Times::Weekly {
                days,
                start,
                duration,
            } => {
                // A week at most, as `Config::validate` sees to.
                let back = (1..8).find(|days| DAY * *days >= *duration).unwrap_or(8) + 1;
                let later = DAY * ahead;
                let dates = self.days_until(at + later, back + ahead);
                dates
                    .filter(|date| falls_on(days, *date))
                    .filter_map(|date| self.moment(date, *start))
                    .map(|start| (start, start + *duration))
                    .collect()
            }
        }
    }

    /// The date of `at` and so many before it.
    fn days_until(&self, at: Timestamp, back: u32) -> impl Iterator<Item = civil::Date> {
        let date = self.zone.to_datetime(at).date();
        (0..=back).filter_map(move |days| date.checked_sub(i64::from(days).days()).ok())
    }

    /// A time that the change to summer time skips counts as the one an hour later; of two, the earlier.
    fn moment(&self, date: civil::Date, time: civil::Time) -> Option<Timestamp> {
        self.zone
            .to_ambiguous_timestamp(date.to_datetime(time))
            .compatible()
            .ok()
    }
}

impl Quiet {
    fn new(config: &QuietHours) -> Option<Self> {
        Some(Self {
            start: time_of_day(&config.start)?,
            end: time_of_day(&config.end)?,
            days: config.days.clone(),
        })
    }
}

impl Times {
    fn new(config: &Maintenance, zone: &TimeZone) -> Option<Self> {
        if config.start.is_empty() {
            return Some(Self::Once(moment(&config.from, zone)?, moment(&config.to, zone)?));
        }
        Some(Self::Weekly {
            days: config.days.clone(),
            start: time_of_day(&config.start)?,
            duration: *config.duration,
        })
    }
}

fn falls_on(days: &[Day], date: civil::Date) -> bool {
    days.is_empty() || days.contains(&Day::of(date))
}

fn within((start, end): (Timestamp, Timestamp), at: Timestamp) -> bool {
    start <= at && at < end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(start: &str, end: &str, days: &[Day]) -> Calendar {
        let config = Config {
            quiet_hours: QuietHours {
                start: start.to_owned(),
                end: end.to_owned(),
                days: days.to_vec(),
            },
            ..Config::default()
        };
        Calendar::new(&config, TimeZone::get("Europe/Berlin").expect("a zone"))
    }

    #[test]
    fn quiet_hours_end_by_the_clock_on_the_wall() {
        let night = berlin("22:00", "07:00", &[]);
        let saturday = berlin("22:00", "07:00", &[Day::Sat]);
        let noon = berlin("12:00", "13:00", &[]);
        for (calendar, at, expected) in [
            (
                &night,
                "2026-03-28T23:00:00+01:00",
                Some("2026-03-29T07:00:00+02:00"),
            ),
            (
                &night,
                "2026-10-24T23:00:00+02:00",
                Some("2026-10-25T07:00:00+01:00"),
            ),
            (
                &night,
                "2026-10-25T02:30:00+01:00",
                Some("2026-10-25T07:00:00+01:00"),
            ),
            (&night, "2026-11-02T07:00:00+01:00", None),
            (&night, "2026-11-02T21:59:59+01:00", None),
            (
                &saturday,
                "2026-03-28T23:00:00+01:00",
                Some("2026-03-29T07:00:00+02:00"),
            ),
            (&saturday, "2026-03-29T23:00:00+02:00", None),
            (
                &noon,
                "2026-11-02T12:30:00+01:00",
                Some("2026-11-02T13:00:00+01:00"),
            ),
        ] {
            let stamp = |text: &str| text.parse::<Timestamp>().expect("a moment");
            assert_eq!(calendar.quiet_until(stamp(at)), expected.map(stamp), "{at}");
        }
    }
}
