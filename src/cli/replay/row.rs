//! One row of a recorded series: a time as people and programs write it, and a value.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::anomaly::Moment;

/// Later than this in seconds is the far future; such numbers are milliseconds.
const FAR: f64 = 1e11;

/// What is wrong with a row.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mistake {
    #[error(
        "`{0}` is no time; accepted: 2026-11-25 14:00:00 (local), 2026-11-25T14:00:00Z, seconds since 1970"
    )]
    Time(String),
    #[error("`{0}` is no number")]
    Value(String),
    #[error("the row has no column `{0}`")]
    Short(&'static str),
}

/// Reads a time. One without zone is what the clock on the wall showed; any other has its hour of the day in `zone`.
pub(super) fn time(text: &str, zone: &TimeZone) -> Result<Moment, Mistake> {
    let text = text.trim();
    let instant = text.parse::<Timestamp>().ok().or_else(|| unix(text));
    if let Some(at) = instant {
        return Ok(Moment::new(at, zone));
    }
    let local = text.parse::<DateTime>().ok();
    let at = local.and_then(|local| TimeZone::UTC.to_timestamp(local).ok());
    let at = at.ok_or_else(|| Mistake::Time(text.to_owned()))?;
    Ok(Moment::local(at.as_second()))
}

/// Reads a value; an empty one and `NaN` are missing.
pub(super) fn value(text: &str) -> Result<Option<f64>, Mistake> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let value: f64 = text.parse().map_err(|_| Mistake::Value(text.to_owned()))?;
    Ok((!value.is_nan()).then_some(value))
}

fn unix(text: &str) -> Option<Timestamp> {
    let number: f64 = text.parse().ok()?;
    let seconds = if number.abs() > FAR { number / 1e3 } else { number };
    let since = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(since).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_and_programs_write_them() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        for (text, unix, hour) in [
            ("2014-04-01 00:00:00", 1_396_310_400, 0),
            ("2014-04-01T06:30", 1_396_333_800, 6),
            (" 2014-04-01 06:30:00.5 ", 1_396_333_800, 6),
            ("2014-04-01T06:30:00Z", 1_396_333_800, 8),
            ("2014-04-01T08:30:00+02:00", 1_396_333_800, 8),
            ("1396333800", 1_396_333_800, 8),
            ("1396333800.25", 1_396_333_800, 8),
            ("1396333800250", 1_396_333_800, 8),
        ] {
            let moment = time(text, &zone).expect(text);
            assert_eq!((moment.unix(), moment.hour()), (unix, hour), "{text}");
        }
        for text in ["", "yesterday", "25/11/2026", "nan", "1e300"] {
            assert_eq!(time(text, &zone), Err(Mistake::Time(text.to_owned())));
        }
    }

    #[test]
    fn a_value_may_be_missing() {
        assert_eq!(value(" 1.5 "), Ok(Some(1.5)));
        assert_eq!(value(""), Ok(None));
        assert_eq!(value("NaN"), Ok(None));
        assert_eq!(value("1,5"), Err(Mistake::Value("1,5".to_owned())));
    }
}
