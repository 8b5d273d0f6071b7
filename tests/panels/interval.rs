//! Grafana's times: the step between two points of a chart, and the variables that follow from it.

use super::Shown;

/// Points of a chart at most: about the width of a panel in pixels.
const POINTS: f64 = 1000.0;
const DAY: f64 = 86_400.0;
/// A step up to the first number becomes the second (seconds).
const ROUND: &[(f64, f64)] = &[
    (1.5, 1.0),
    (3.5, 2.0),
    (7.5, 5.0),
    (12.5, 10.0),
    (17.5, 15.0),
    (25.0, 20.0),
    (45.0, 30.0),
    (90.0, 60.0),
    (210.0, 120.0),
    (450.0, 300.0),
    (750.0, 600.0),
    (1050.0, 900.0),
    (1500.0, 1200.0),
    (2700.0, 1800.0),
    (5400.0, 3600.0),
    (9000.0, 7200.0),
    (16_200.0, 10_800.0),
    (32_400.0, 21_600.0),
    (DAY, 43_200.0),
    (7.0 * DAY, DAY),
];

/// The times of one query, in seconds.
pub(super) struct Span {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) step: f64,
    scrape: f64,
    range: f64,
}

impl Span {
    /// The time shown in whole steps; `smallest` is the panel's own smallest step, such as `1d`.
    pub(super) fn new(shown: Shown, smallest: Option<&str>) -> Self {
        let scrape = smallest.map_or(shown.scrape, seconds);
        let range = shown.to - shown.from;
        let step = round(range / POINTS).max(scrape);
        Self {
            start: (shown.from / step).floor() * step,
            end: (shown.to / step).floor() * step,
            step,
            scrape,
            range,
        }
    }

    /// The query with its times.
    pub(super) fn fill_in(&self, query: &str) -> String {
        let rate = (self.step + self.scrape).max(4.0 * self.scrape);
        query
            .replace("$__rate_interval", &format!("{rate}s"))
            .replace("$__interval", &format!("{}s", self.step))
            .replace("$__range", &format!("{}s", self.range.round()))
    }
}

fn round(step: f64) -> f64 {
    let found = ROUND.iter().find(|(limit, _)| step < *limit);
    found.map_or(7.0 * DAY, |(_, rounded)| *rounded)
}

fn seconds(text: &str) -> f64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => DAY,
        other => panic!("a step in {other}"),
    };
    number.parse::<f64>().expect("a number of units") * unit
}

#[test]
fn steps_follow_from_the_time_shown() {
    let shown = |hours: f64| Shown {
        from: 1_000_000.0 - hours * 3600.0,
        to: 1_000_000.0,
        scrape: 15.0,
    };
    for (hours, smallest, step, rate) in [
        (1.0, None, 15.0, "60s"),
        (6.0, None, 20.0, "60s"),
        (168.0, None, 600.0, "615s"),
        (720.0, None, 1800.0, "1815s"),
        (720.0, Some("1d"), DAY, "345600s"),
    ] {
        let span = Span::new(shown(hours), smallest);
        assert!((span.step - step).abs() < 0.1, "{hours} h: {}", span.step);
        assert!((span.start % step).abs() < 0.1, "{hours} h: {}", span.start);
        let filled = span.fill_in("[$__rate_interval] [$__interval] [$__range]");
        assert_eq!(filled, format!("[{rate}] [{step}s] [{}s]", hours * 3600.0));
    }
}
