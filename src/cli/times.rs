//! Flags that name a stretch of time, in all forms in which people write times.

use jiff::{Timestamp, tz::TimeZone};

use super::answer::{Answer, Exit};
use crate::history::parse_time;

/// From when to when.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Times {
    /// Begin: a local date or time such as `2026-11-25` or `2026-11-25T14:00`, RFC 3339, seconds since 1970, or a time back such as `-24h`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// End, in the same forms; a date alone is its first moment
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
}

/// A stretch of time; `None` is open.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl Times {
    /// The stretch that is meant, where local times are those of `zone`. An end before the begin is refused.
    pub(super) fn range(&self, now: Timestamp, zone: &TimeZone) -> Result<Range, Answer> {
        let refuse = |text: String| Answer::failure(Exit::UsersFault, text);
        let read = |flag: &str, text: &Option<String>| {
            let moment = text
                .as_deref()
                .map(|text| parse_time(text, now, zone))
                .transpose();
            moment.map_err(|error| refuse(format!("{flag}: {error}")))
        };
        let range = Range {
            from: read("--from", &self.from)?,
            to: read("--to", &self.to)?,
        };
        match (range.from, range.to) {
            (Some(from), Some(to)) if from > to => Err(refuse(format!(
                "--from: given {}, which is later than --to, {}; accepted: an earlier time",
                full(from, zone),
                full(to, zone)
            ))),
            _ => Ok(range),
        }
    }
}

/// A moment in full, as clocks in `zone` show it.
pub(super) fn full(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}
