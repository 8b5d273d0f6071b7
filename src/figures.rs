//! Values in the words and units people use: Mbps, percent, milliseconds. Pages, mails and explanations of rules
//! all take them from here, so that one value reads the same everywhere.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::sample::Missing;

/// The unit of a signal, told by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `_ratio`: shown in percent.
    Ratio,
    /// `_bytes_per_second`: shown in Mbps.
    BytesPerSecond,
    /// `_bytes`.
    Bytes,
    /// `_seconds`.
    Seconds,
    /// `_celsius`.
    Celsius,
    /// `_per_second`: packets, errors and the like.
    PerSecond,
    /// `_up`: 1 or 0.
    Up,
    /// A number without unit.
    Number,
}

impl Unit {
    /// The unit of the signal of this name.
    #[must_use]
    pub fn of(signal: &str) -> Self {
        let units = [
            ("_ratio", Self::Ratio),
            ("_bytes_per_second", Self::BytesPerSecond),
            ("_bytes", Self::Bytes),
            ("_seconds", Self::Seconds),
            ("_celsius", Self::Celsius),
            ("_per_second", Self::PerSecond),
            ("_up", Self::Up),
        ];
        let found = units.into_iter().find(|(end, _)| signal.ends_with(end));
        found.map_or(Self::Number, |(_, unit)| unit)
    }

    /// `value` with its unit, as people read it.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Ratio => percent(value),
            Self::BytesPerSecond => rate(value),
            Self::Bytes => size(value),
            Self::Seconds => span(Duration::try_from_secs_f64(value).unwrap_or_default()),
            Self::Celsius => celsius(value),
            Self::PerSecond => format!("{}/s", number(value)),
            Self::Up if value >= 0.5 => "up".to_owned(),
            Self::Up => "down".to_owned(),
            Self::Number => number(value),
        }
    }
}

/// A number with at most two decimals.
#[must_use]
pub fn number(value: f64) -> String {
    format!("{value:.2}")
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// Degrees Celsius.
#[must_use]
pub fn celsius(degrees: f64) -> String {
    format!("{degrees:.0} °C")
}

/// A share in percent.
#[must_use]
pub fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// Bytes per second in Mbps.
#[must_use]
pub fn rate(bytes_per_second: f64) -> String {
    let mbps = bytes_per_second * 8.0 / 1e6;
    match mbps {
        small if small < 10.0 => format!("{small:.3} Mbps"),
        medium if medium < 1_000.0 => format!("{medium:.1} Mbps"),
        large => format!("{large:.0} Mbps"),
    }
}

/// Bytes with a decimal prefix.
#[must_use]
pub fn size(bytes: f64) -> String {
    let scales = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let scale = scales.into_iter().find(|(scale, _)| bytes >= *scale);
    scale.map_or_else(
        || format!("{bytes:.0} B"),
        |(scale, unit)| format!("{:.1} {unit}", bytes / scale),
    )
}

/// A short span, such as a round trip or a duration.
#[must_use]
pub fn span(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 1.0 => format!("{:.2} ms", short * 1e3),
        medium if medium < 120.0 => format!("{} s", (medium * 100.0).round() / 100.0),
        _ => since(time),
    }
}

/// A long span in its two largest units.
#[must_use]
pub fn since(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A moment as short as it can be told beside `now`: `14:02` today, `Nov 24 14:02` in the last or next half year, the
/// date else.
#[must_use]
pub fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let days = at.date().duration_until(now.date()).as_hours().abs() / 24;
    let form = match days {
        0 => "%H:%M",
        1..=182 => "%b %-d %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    at.strftime(form).to_string()
}

/// Why there is no value.
#[must_use]
pub fn missing(reason: Missing) -> &'static str {
    match reason {
        Missing::FirstReading => "needs a second reading",
        Missing::CounterReset => "counter was reset",
        Missing::ReadFailed => "could not be read",
        Missing::Unsupported => "not told by the system",
        Missing::NoPermission => "no permission",
        Missing::NameResolution => "name does not resolve",
        Missing::LocalNetwork => "our own network is down",
        Missing::ParentDown => "what it is reached through is down",
        Missing::NoSample => "nothing measured yet",
        Missing::Paused => "paused in the configuration",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_signal_tells_its_unit() {
        for (signal, value, expected) in [
            ("cpu_usage_ratio", 0.931, "93.1 %"),
            ("network_total_bytes_per_second", 12_500_000.0, "100.0 Mbps"),
            ("network_receive_errors_per_second", 2.5, "2.5/s"),
            ("ping_rtt_seconds", 0.012, "12.00 ms"),
            ("temperature_celsius", 71.2, "71 °C"),
            ("load1_per_core", 1.25, "1.25"),
            ("device_up", 0.0, "down"),
        ] {
            assert_eq!(Unit::of(signal).show(value), expected, "{signal}");
        }
    }

    #[test]
    fn spans_are_shown_in_the_units_people_use() {
        let spans = [
            (0.000_25, "0.25 ms"),
            (0.5, "500.00 ms"),
            (30.0, "30 s"),
            (2.5, "2.5 s"),
            (300.0, "5 min 0 s"),
        ];
        for (seconds, expected) in spans {
            assert_eq!(span(Duration::from_secs_f64(seconds)), expected);
        }
    }

    #[test]
    fn a_moment_is_told_as_short_as_it_can_be() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let time = |text: &str| text.parse::<Timestamp>().expect(text);
        let now = time("2026-11-25T12:00:00Z");
        for (at, expected) in [
            ("2026-11-25T13:02:59Z", "14:02"),
            ("2026-11-24T23:00:00Z", "00:00"),
            ("2026-11-24T22:59:00Z", "Nov 24 23:59"),
            ("2026-11-26T01:00:00Z", "Nov 26 02:00"),
            ("2026-07-01T10:00:00Z", "Jul 1 12:00"),
            ("2025-11-25T13:02:59Z", "2025-11-25 14:02"),
        ] {
            assert_eq!(moment(time(at), now, &zone), expected);
        }
    }
}
