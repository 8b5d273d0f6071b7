//! A verdict in words: what was seen, how it compares with the usual, and what is odd about it.

use std::fmt::Write as _;

use super::{
    envelope::Side,
    lane::View,
    moment::Moment,
    profile::Usual,
    verdict::{Record, Verdict},
};
use crate::figures::Unit;

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
/// Ratios between these are not worth a word.
const ABOUT_USUAL: std::ops::Range<f64> = 0.95..1.05;
/// Beyond this a ratio says no more than that.
const MOST: f64 = 1_000.0;

impl Verdict {
    /// The sentence that stands wherever the anomaly does: `download 42.1 Mbps, 4.2× the usual for Tuesday 14:00 (10.0),
    /// highest in 22 days`. `title` says what the value is, `at` when it was.
    #[must_use]
    pub fn explain(&self, title: &str, unit: Unit, at: Moment) -> String {
        let value = unit.show(self.value);
        let mut text = format!("{title} {value}");
        let usual = bare(&unit.show(self.usual), &value);
        let of = self.usual_time(at);
        // Text takes all that is written.
        let _ = match self.ratio() {
            Some(ratio) if ABOUT_USUAL.contains(&ratio) => write!(text, ", about the usual {of} ({usual})"),
            Some(ratio) => write!(text, ", {} the usual {of} ({usual})", times(ratio)),
            None => write!(text, " instead of the usual {of} ({usual})"),
        };
        if let Some(oddity) = self.oddity_in_words() {
            let _ = write!(text, ", {oddity}");
        }
        text
    }

    fn usual_time(&self, at: Moment) -> String {
        match self.usual_of {
            Usual::Lately => "of late".to_owned(),
            Usual::Hour => format!("for {:02}:00", at.hour()),
            Usual::Weekday => {
                let day = WEEKDAYS.get(at.weekday()).copied().unwrap_or_default();
                format!("for {day} {:02}:00", at.hour())
            }
        }
    }

    fn oddity_in_words(&self) -> Option<String> {
        if let Some(Record { side, seconds }) = self.record {
            let superlative = match side {
                Side::High => "highest",
                Side::Low => "lowest",
            };
            return Some(format!("{superlative} in {}", long(seconds)));
        }
        let (view, side) = self.oddity?;
        let (beyond, direction) = match side {
            Side::High => ("higher", "upward"),
            Side::Low => ("lower", "downward"),
        };
        let ever = long(self.watched);
        Some(match view {
            View::Value => format!("{beyond} than anything in {ever}"),
            View::ShortLevel | View::LongLevel => {
                format!("for a while {beyond} than ever in {ever}")
            }
            View::Jump => format!("the largest jump {direction} in {ever}"),
            View::Hour => format!("never as much {beyond} than usual in {ever}"),
            View::HourLevel => format!("never as long {beyond} than usual in {ever}"),
            View::Shape => format!("a course not seen in {ever}"),
        })
    }
}

/// `figure` without its unit when the other one ends in the same.
fn bare(figure: &str, other: &str) -> String {
    match (figure.rsplit_once(' '), other.rsplit_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => number.to_owned(),
        _ => figure.to_owned(),
    }
}

fn times(ratio: f64) -> String {
    match ratio {
        small if small < 0.095 => format!("{small:.2}×"),
        medium if medium < 9.95 => format!("{medium:.1}×"),
        large if large <= MOST => format!("{large:.0}×"),
        _ => format!("over {MOST:.0}×"),
    }
}

/// A span as people count it.
fn long(seconds: i64) -> String {
    let (one, many, length) = match seconds {
        short if short < 7_200 => ("minute", "minutes", 60),
        medium if medium < 172_800 => ("hour", "hours", 3_600),
        _ => ("day", "days", 86_400),
    };
    let count = seconds / length;
    format!("{count} {}", if count == 1 { one } else { many })
}
