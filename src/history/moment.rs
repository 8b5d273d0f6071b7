//! Times and steps as people write them in addresses and on the command line.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::units::HumanDuration;

/// A text that is no time or no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}; {hint}")]
pub struct NotATime {
    text: String,
    what: &'static str,
    hint: &'static str,
}

/// Reads RFC 3339 (`2026-11-25T11:00:00Z`), Unix seconds (`1795604400.5`), `now`, or a time relative to `now` such as
/// `-24h` or `now-24h`.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, NotATime> {
    let time = match text.trim() {
        "now" => Some(now),
        text => relative(text, now)
            .or_else(|| unix(text))
            .or_else(|| text.parse().ok()),
    };
    time.ok_or_else(|| NotATime {
        text: text.to_owned(),
        what: "time",
        hint: "use RFC 3339 such as 2026-11-25T11:00:00Z, Unix seconds, `now` or a span back such as -24h",
    })
}

/// Reads `30s`, `5m` or a number of seconds.
pub fn parse_step(text: &str) -> Result<Duration, NotATime> {
    let plain = text.trim();
    let step = HumanDuration::parse(plain).ok().map(|duration| *duration);
    let step = step.or_else(|| Duration::try_from_secs_f64(plain.parse().ok()?).ok());
    step.filter(|step| !step.is_zero()).ok_or_else(|| NotATime {
        text: text.to_owned(),
        what: "step",
        hint: "use a span such as 30s or 5m",
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
            assert_eq!(parse_time(text, now).expect(text).to_string(), expected, "{text}");
        }
        for text in [
            "",
            "yesterday",
            "24h",
            "2026-11-25",
            "nan",
            "inf",
            "1e300",
            "-999999999h",
        ] {
            assert!(parse_time(text, now).is_err(), "{text}");
        }
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
