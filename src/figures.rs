//! Values in the words and units people use: Mbps, percent, milliseconds.

use std::time::Duration;

use crate::{sample::Missing, web::Measure};

/// Any measure.
pub(super) fn measured(measure: Measure) -> String {
    match measure {
        Measure::Ratio(ratio) => percent(ratio),
        Measure::Bytes(bytes) => size(bytes),
        Measure::BytesPerSecond(bytes) => rate(bytes),
        Measure::Time(time) => since(time),
        Measure::Celsius(degrees) => format!("{degrees:.0} °C"),
        Measure::Number(number) => format!("{number:.2}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        Measure::Missing(reason) => missing(reason).to_owned(),
    }
}

/// A share in percent.
pub(super) fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// Bytes per second in Mbps.
pub(super) fn rate(bytes_per_second: f64) -> String {
    let mbps = bytes_per_second * 8.0 / 1e6;
    match mbps {
        small if small < 10.0 => format!("{small:.3} Mbps"),
        medium if medium < 1_000.0 => format!("{medium:.1} Mbps"),
        large => format!("{large:.0} Mbps"),
    }
}

/// Bytes with a decimal prefix.
pub(super) fn size(bytes: f64) -> String {
    let scales = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let scale = scales.into_iter().find(|(scale, _)| bytes >= *scale);
    scale.map_or_else(
        || format!("{bytes:.0} B"),
        |(scale, unit)| format!("{:.1} {unit}", bytes / scale),
    )
}

/// A short span, such as a round trip or a duration.
pub(super) fn span(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 1.0 => format!("{:.2} ms", short * 1e3),
        medium if medium < 120.0 => format!("{} s", (medium * 100.0).round() / 100.0),
        _ => since(time),
    }
}

/// A long span in its two largest units.
pub(super) fn since(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Why there is no value.
pub(super) fn missing(reason: Missing) -> &'static str {
    match reason {
        Missing::FirstReading => "needs a second reading",
        Missing::CounterReset => "counter was reset",
        Missing::ReadFailed => "could not be read",
        Missing::Unsupported => "not told by the system",
        Missing::NoPermission => "no permission",
        Missing::NameResolution => "name does not resolve",
        Missing::LocalNetwork => "our own network is down",
        Missing::NoSample => "nothing measured yet",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_in_the_units_people_use() {
        let rows = [
            (Measure::Ratio(0.123_4), "12.3 %"),
            (Measure::Bytes(999.0), "999 B"),
            (Measure::Bytes(16.4e9), "16.4 GB"),
            (Measure::BytesPerSecond(12_500_000.0), "100.0 Mbps"),
            (Measure::BytesPerSecond(125.0), "0.001 Mbps"),
            (Measure::BytesPerSecond(1.25e9), "10000 Mbps"),
            (Measure::Time(Duration::from_secs(90)), "1 min 30 s"),
            (Measure::Time(Duration::from_hours(50)), "2 d 2 h"),
            (Measure::Celsius(41.6), "42 °C"),
            (Measure::Number(0.5), "0.5"),
            (Measure::Number(4.0), "4"),
            (Measure::Missing(Missing::FirstReading), "needs a second reading"),
        ];
        for (measure, expected) in rows {
            assert_eq!(measured(measure), expected, "{measure:?}");
        }
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
}
