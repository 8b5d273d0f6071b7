//! Times and steps as people write them in addresses and on the command line.

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp, Zoned,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

use crate::units::HumanDuration;

/// A text that is no time or no step. Its words follow the name of what it was given for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATime {
    /// It has no form that is known.
    #[error("given `{text}`; accepted: {accepted}")]
    Form {
        /// What was given.
        text: String,
        /// What would be understood.
        accepted: &'static str,
    },
    /// Clocks went forward over it.
    #[error(
        "given `{text}`, which no clock showed in {zone}: clocks went forward then; accepted: a time before or after"
    )]
    Skipped {
        /// What was given.
        text: String,
        /// Where.
        zone: String,
    },
}

const TIMES: &str = "RFC 3339 such as 2026-11-25T11:00:00Z, a local date or time such as 2026-11-25 or \
                     2026-11-25T12:00, Unix seconds, `now`, or a span back such as -24h";

/// Reads RFC 3339 (`2026-11-25T11:00:00Z`), Unix seconds (`1795604400.5`), `now`, a time relative to `now` such as
/// `-24h` or `now-24h`, and what clocks in `zone` show: `2026-11-25`, which is its first moment, `2026-11-25T12:00` and
/// `2026-11-25 12:00`. A local time that comes twice, as clocks go back, is the first of the two.
pub fn parse_time(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, NotATime> {
    let plain = text.trim();
    if plain == "now" {
        return Ok(now);
    }
    let absolute = relative(plain, now)
        .or_else(|| unix(plain))
        .or_else(|| plain.parse().ok());
    if let Some(time) = absolute {
        return Ok(time);
    }
    local(plain, zone)?.ok_or_else(|| NotATime::Form {
        text: text.to_owned(),
        accepted: TIMES,
    })
}

/// What clocks show. `None` where it is no such text, also with a zone of its own that is not understood here.
fn local(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, NotATime> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 't' | ' ');
    if !text.chars().all(plain) {
        return Ok(None);
    }
    if let Some(date) = date(text) {
        return Ok(date.to_zoned(zone.clone()).ok().as_ref().map(Zoned::timestamp));
    }
    let Ok(time) = text.parse::<DateTime>() else {
        return Ok(None);
    };
    let moment = zone.to_ambiguous_timestamp(time);
    if matches!(moment.offset(), AmbiguousOffset::Gap { .. }) {
        return Err(NotATime::Skipped {
            text: text.to_owned(),
            zone: zone.iana_name().unwrap_or("the configured zone").to_owned(),
        });
    }
    Ok(moment.earlier().ok())
}

/// A date alone, as a time without seconds would be one as well.
fn date(text: &str) -> Option<Date> {
    let has_time = text.contains([':', ' ', 'T', 't']);
    (!has_time).then(|| text.parse().ok()).flatten()
}

/// Reads `30s`, `5m` or a number of seconds.
pub fn parse_step(text: &str) -> Result<Duration, NotATime> {
    let plain = text.trim();
    let step = HumanDuration::parse(plain).ok().map(|duration| *duration);
    let step = step.or_else(|| Duration::try_from_secs_f64(plain.parse().ok()?).ok());
    step.filter(|step| !step.is_zero()).ok_or_else(|| NotATime::Form {
        text: text.to_owned(),
        accepted: "a span such as 30s or 5m, or a number of seconds",
    })
}

fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let span = text.strip_prefix("now").unwrap_or(text).strip_prefix('-')?;
    let span = HumanDuration::parse(span).ok()?;
    now.checked_sub(SignedDuration::try_from(*span).ok()?).ok()
}

fn unix(text: &str) -> Option<Timestamp> {
    let seconds: f64 = text.parse().ok()?;
    let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(since).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_all_their_forms() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("now", "2026-11-25T12:00:00Z"),
            ("-24h", "2026-11-24T12:00:00Z"),
            ("now-30m", "2026-11-25T11:30:00Z"),
            ("2026-11-25T12:00:00+01:00", "2026-11-25T11:00:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("1.5", "1970-01-01T00:00:01.5Z"),
            ("-1", "1969-12-31T23:59:59Z"),
        ] {
            let time = parse_time(text, now, &TimeZone::UTC).expect(text);
            assert_eq!(time.to_string(), expected, "{text}");
        }
        for text in [
            "",
            "yesterday",
            "24h",
            "2026-11",
            "2026-11-25T",
            "2026-02-30",
            "2026-11-25 12:00[Europe/Berlin]",
            "2026-11-25+01:00",
            "12:00",
            "nan",
            "inf",
            "1e300",
            "-999999999h",
        ] {
            let error = parse_time(text, now, &TimeZone::UTC).expect_err(text).to_string();
            assert!(
                error.starts_with(&format!("given `{text}`; accepted: RFC 3339")),
                "{error}"
            );
        }
    }

    #[test]
    fn what_clocks_show_is_read_in_their_zone() {
        let zone = |name: &str| TimeZone::get(name).expect(name);
        let berlin = zone("Europe/Berlin");
        for (text, expected) in [
            ("2026-11-03", "2026-11-02T23:00:00Z"),
            ("2026-07-03", "2026-07-02T22:00:00Z"),
            ("2026-11-03T14:00", "2026-11-03T13:00:00Z"),
            ("2026-11-03 14:00", "2026-11-03T13:00:00Z"),
            ("2026-11-03 14:00:30.5", "2026-11-03T13:00:30.5Z"),
            (" 2026-11-03t14:00 ", "2026-11-03T13:00:00Z"),
            // Comes twice, as clocks go back.
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
        ] {
            let time = parse_time(text, Timestamp::UNIX_EPOCH, &berlin).expect(text);
            assert_eq!(time.to_string(), expected, "{text}");
        }
        let error = parse_time("2026-03-29T02:30", Timestamp::UNIX_EPOCH, &berlin).expect_err("skipped");
        assert_eq!(
            error.to_string(),
            "given `2026-03-29T02:30`, which no clock showed in Europe/Berlin: clocks went forward then; accepted: a \
             time before or after"
        );
        // Midnight itself is skipped there.
        let time = parse_time("2026-04-24", Timestamp::UNIX_EPOCH, &zone("Africa/Cairo")).expect("a day");
        assert_eq!(time.to_string(), "2026-04-23T22:00:00Z");
    }

    #[test]
    fn steps_are_spans_above_zero() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("90", 90)] {
            assert_eq!(parse_step(text).expect(text).as_secs(), seconds);
        }
        for text in ["", "0", "0s", "-5", "nan", "x"] {
            assert!(parse_step(text).is_err(), "{text}");
        }
    }
}
