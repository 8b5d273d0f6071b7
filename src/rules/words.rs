//! Why a rule says what it says, in one plain sentence without a full stop. The subject is not named: whoever shows
//! the sentence says what it is about.

use std::time::Duration;

use super::{
    Direction,
    climb::{Rung, Stand},
};
use crate::{
    figures::{self, Unit},
    sample::{Signal, SubjectKind},
};

/// A level was passed for long enough: `CPU usage is 93.1 %, above 90 % for 10 min`.
pub(super) fn firing(signal: &Signal, value: f64, stand: &Stand) -> String {
    let lasts = lasting(stand.lasts);
    match Unit::of(signal.name) {
        Unit::Up if stand.rung.is_passed(value) => format!("{}{lasts}", state(signal, value)),
        Unit::Up => format!("{} again, but not for sure yet", state(signal, value)),
        unit if stand.rung.is_passed(value) => {
            format!("{}{lasts}", measured(signal, unit, value, &stand.rung))
        }
        unit => format!(
            "{} is {}, no longer {} {} but not back at {} yet",
            signal.title,
            unit.show(value),
            side(stand.rung.when),
            limit(unit, stand.rung.level),
            limit(unit, stand.rung.clear),
        ),
    }
}

/// A level is passed, but not for long enough: `CPU usage is 93.1 %, above 90 % for 2 min of 10 min`.
pub(super) fn pending(signal: &Signal, value: f64, stand: &Stand, hold: Duration) -> String {
    let what = match Unit::of(signal.name) {
        Unit::Up => state(signal, value),
        unit => measured(signal, unit, value, &stand.rung),
    };
    if stand.lasts.as_secs() == 0 {
        return format!("{what}, not yet for {}", time(hold));
    }
    format!("{what} for {} of {}", time(stand.lasts), time(hold))
}

/// Nobody understands a threshold of 0.5 on something that is up or down.
fn state(signal: &Signal, value: f64) -> String {
    let word = Unit::Up.show(value);
    match signal.subject {
        SubjectKind::Device if word == "down" => "no answer".to_owned(),
        SubjectKind::Device => "answers".to_owned(),
        _ => format!("{} is {word}", signal.title),
    }
}

fn measured(signal: &Signal, unit: Unit, value: f64, rung: &Rung) -> String {
    let (shown, level) = (unit.show(value), limit(unit, rung.level));
    let side = if tidy(&shown) == level {
        "at the level of"
    } else {
        side(rung.when)
    };
    format!("{} is {shown}, {side} {level}", signal.title)
}

const fn side(when: Direction) -> &'static str {
    match when {
        Direction::Above => "above",
        Direction::Below => "below",
    }
}

fn lasting(lasts: Duration) -> String {
    if lasts.as_secs() == 0 {
        String::new()
    } else {
        format!(" for {}", time(lasts))
    }
}

/// A level or a clear value as people write it: `90 %`, not `90.0 %`.
#[must_use]
pub fn limit(unit: Unit, value: f64) -> String {
    tidy(&unit.show(value))
}

/// A time without the part that says nothing: `10 min`, not `10 min 0 s`.
#[must_use]
pub fn time(time: Duration) -> String {
    // A reading that comes a moment early would show as 9 min 59 s.
    let whole = Duration::from_secs((time + Duration::from_millis(500)).as_secs());
    let text = figures::since(whole);
    let idle = [" 0 s", " 0 min", " 0 h"];
    let short = idle.into_iter().find_map(|end| text.strip_suffix(end));
    short.map_or_else(|| text.clone(), str::to_owned)
}

fn tidy(text: &str) -> String {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    format!("{number} {unit}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::rules::Severity;

    const fn signal(name: &'static str, title: &'static str, subject: SubjectKind) -> Signal {
        Signal {
            name,
            title,
            subject,
            help: "",
        }
    }

    const CPU: Signal = signal("cpu_usage_ratio", "CPU usage", SubjectKind::Host);
    const UP: Signal = signal("device_up", "reachability", SubjectKind::Device);
    const LINK: Signal = signal("network_link_up", "link", SubjectKind::Interface);

    fn stand(level: f64, clear: f64, when: Direction, lasts: u64) -> Stand {
        Stand {
            rung: Rung {
                severity: Severity::High,
                level,
                clear,
                when,
            },
            lasts: Duration::from_secs(lasts),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_finding_says_why_in_words_of_people() {
        use Direction::{Above, Below};
        for (signal, value, stand, expected) in [
            (
                &CPU,
                0.931,
                stand(0.9, 0.85, Above, 600),
                "CPU usage is 93.1 %, above 90 % for 10 min",
            ),
            (
                &CPU,
                0.9,
                stand(0.9, 0.85, Above, 0),
                "CPU usage is 90.0 %, at the level of 90 %",
            ),
            (
                &CPU,
                0.87,
                stand(0.9, 0.85, Above, 600),
                "CPU usage is 87.0 %, no longer above 90 % but not back at 85 % yet",
            ),
            (
                &CPU,
                0.01,
                stand(0.02, 0.05, Below, 65),
                "CPU usage is 1.0 %, below 2 % for 1 min 5 s",
            ),
            (&UP, 0.0, stand(0.5, 0.5, Below, 0), "no answer"),
            (&UP, 0.0, stand(0.5, 0.5, Below, 12), "no answer for 12 s"),
            (&LINK, 0.0, stand(0.5, 0.5, Below, 60), "link is down for 1 min"),
        ] {
            assert_eq!(firing(signal, value, &stand), expected);
        }
    }

    #[test]
    fn a_pending_one_says_how_long_of_how_long() {
        let hold = Duration::from_mins(10);
        for (lasts, expected) in [
            (0, "CPU usage is 85.0 %, above 80 %, not yet for 10 min"),
            (120, "CPU usage is 85.0 %, above 80 % for 2 min of 10 min"),
        ] {
            let stand = stand(0.8, 0.75, Direction::Above, lasts);
            assert_eq!(pending(&CPU, 0.85, &stand, hold), expected);
        }
    }
}
