//! What a detector promises, on series made for each promise.

#![expect(clippy::float_cmp, reason = "what is no surprise is exactly zero")]

use super::*;
use crate::{
    anomaly::{Usual, policy::Policy},
    figures::Unit,
};

const DAY: i64 = 86_400;
/// A Monday, at midnight.
const MONDAY: i64 = 1_795_392_000;

/// Numbers that look like noise, between -1 and 1; the same in each run.
fn noise(number: i64) -> f64 {
    let mut bits = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits >> 11) as f64 / (1_u64 << 52) as f64) - 1.0
}

/// 10 Mbps at night, 30 by day, a tenth of it noise, on weekends half.
fn traffic(unix: i64) -> f64 {
    let hour = unix.rem_euclid(DAY) / 3600;
    let level = if (8..20).contains(&hour) { 30.0 } else { 10.0 };
    let share = if (unix - MONDAY).rem_euclid(7 * DAY) >= 5 * DAY {
        0.5
    } else {
        1.0
    };
    level * share * (1.0 + 0.1 * noise(unix)) * 125_000.0
}

/// A detector that saw `days` of traffic every five minutes, and the time that follows.
fn after(days: i64) -> (Detector, i64) {
    let mut detector = Detector::new(12_500.0);
    let end = MONDAY + days * DAY;
    for unix in (MONDAY..end).step_by(300) {
        detector.update(Moment::local(unix), traffic(unix));
    }
    (detector, end)
}

fn judge(detector: &mut Detector, unix: i64, value: f64) -> Verdict {
    detector.update(Moment::local(unix), value).expect("a number")
}

#[test]
fn a_detector_fits_into_4_kb() {
    assert!(size_of::<Detector>() <= 4096, "{}", size_of::<Detector>());
}

#[test]
fn the_explanation_says_what_is_usual_and_since_when() {
    let mut detector = Detector::new(12_500.0);
    let two = MONDAY + 22 * DAY + 14 * 3600;
    for unix in (MONDAY..two).step_by(300) {
        judge(&mut detector, unix, 1.252e6 * (1.0 + 0.001 * noise(unix)));
    }
    let verdict = judge(&mut detector, two, 42.1e6 / 8.0);
    assert!(verdict.score > 0.8, "{verdict:?}");
    assert_eq!(
        verdict.explain("download", Unit::BytesPerSecond, Moment::local(two)),
        "download 42.1 Mbps, 4.2× the usual for Tuesday 14:00 (10.0), highest in 22 days"
    );
}

#[test]
fn what_is_usual_is_said_as_well_as_it_is_known() {
    for (days, usual_of) in [(3, Usual::Lately), (8, Usual::Hour), (16, Usual::Weekday)] {
        let (mut detector, unix) = after(days);
        let verdict = judge(&mut detector, unix, traffic(unix));
        assert_eq!(verdict.usual_of, usual_of, "after {days} days");
    }
}

#[test]
fn an_event_is_told_once_and_again_when_it_grows() {
    let (mut detector, unix) = after(10);
    let scores: Vec<f32> = [100.0, 100.0, 100.0, 100.0, 900.0]
        .iter()
        .zip(0..)
        .map(|(mbps, number)| judge(&mut detector, unix + 300 * number, mbps * 125_000.0).score)
        .collect();
    let told: Vec<bool> = scores.iter().map(|score| *score >= 0.5).collect();
    assert_eq!(told, [true, false, false, false, true], "{scores:?}");
}

#[test]
fn traffic_that_stops_is_found_at_once_also_at_night() {
    for hour in [3, 12] {
        let (mut detector, midnight) = after(24);
        let zero = midnight + hour * 3600;
        for unix in (midnight..zero).step_by(300) {
            judge(&mut detector, unix, traffic(unix));
        }
        let verdict = judge(&mut detector, zero, 0.0);
        assert!(verdict.score >= 0.5, "at {hour}: {verdict:?}");
        let text = verdict.explain("download", Unit::BytesPerSecond, Moment::local(zero));
        assert!(
            text.starts_with("download 0.000 Mbps instead of the usual for Thursday"),
            "{text}"
        );
        assert!(text.ends_with("lowest in 24 days"), "{text}");
    }
}

#[test]
fn a_daily_job_is_found_on_its_first_day_and_silent_from_its_third() {
    let mut detector = Detector::new(0.01);
    let mut found = [0; 16];
    for (day, found) in (0..).zip(&mut found) {
        for second in (0..DAY).step_by(60) {
            let job = day >= 10 && (7_200..9_000).contains(&second);
            let unix = MONDAY + day * DAY + second;
            let usage = if job { 0.8 } else { 0.2 };
            let verdict = judge(&mut detector, unix, usage + 0.02 * noise(unix));
            *found += i32::from(verdict.score >= Policy::default().shown);
        }
    }
    assert_eq!(found[10], 1, "{found:?}");
    assert_eq!(found[12..], [0; 4], "{found:?}");
}

#[test]
fn a_flat_series_is_silent_until_a_change_that_matters() {
    let mut detector = Detector::new(0.01);
    for number in 0..20_000 {
        let verdict = judge(&mut detector, MONDAY + number * 60, 0.5);
        assert!(verdict.score == 0.0 && verdict.spike_sigmas == 0.0, "{verdict:?}");
    }
    let after = MONDAY + 20_000 * 60;
    assert_eq!(judge(&mut detector, after, 0.505).score, 0.0);
    assert!(judge(&mut detector, after + 60, 0.7).score >= 0.5);
}

#[test]
fn the_unit_of_a_value_makes_no_difference() {
    let (mut bytes, mut bits) = (Detector::new(12_500.0), Detector::new(100_000.0));
    for unix in (MONDAY..MONDAY + 12 * DAY).step_by(300) {
        let value = traffic(unix) * if unix % 7_000 == 0 { 3.0 } else { 1.0 };
        let scores = (
            judge(&mut bytes, unix, value).score,
            judge(&mut bits, unix, 8.0 * value).score,
        );
        assert!((scores.0 - scores.1).abs() < 1e-3, "{scores:?}");
    }
}

#[test]
fn what_is_no_number_changes_nothing() {
    let (detector, unix) = after(1);
    let mut other = detector.clone();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(other.update(Moment::local(unix), value), None);
    }
    assert_eq!(
        serde_json::to_string(&other).expect("saved"),
        serde_json::to_string(&detector).expect("saved")
    );
}

#[test]
fn huge_values_leave_numbers_and_saveable_state() {
    let mut detector = Detector::new(0.0);
    let values = [0.0, 1.0, f64::MAX, -f64::MAX, 1e-300, 1e18, 2.0];
    for (number, value) in (0..).zip(values.iter().cycle().take(2_000)) {
        let verdict = judge(&mut detector, MONDAY + number * 300, *value);
        assert!((0.0..=1.0).contains(&verdict.score), "{verdict:?}");
    }
    let saved = serde_json::to_string(&detector).expect("saved");
    serde_json::from_str::<Detector>(&saved).expect("restored");
}

#[test]
fn a_step_over_a_pause_or_a_reset_is_no_spike() {
    let (detector, unix) = after(5);
    let spike = |detector: &mut Detector, unix| judge(detector, unix, 5e7).spike_sigmas;
    assert!(spike(&mut detector.clone(), unix) > 5.0);
    assert_eq!(spike(&mut detector.clone(), unix + 2 * DAY), 0.0);
    let mut reset = detector;
    reset.interrupt();
    assert_eq!(spike(&mut reset, unix), 0.0);
}

#[test]
fn a_long_pause_makes_no_alarm_by_itself_and_keeps_the_memory() {
    let (mut detector, unix) = after(10);
    let begin = unix + 4 * DAY;
    for unix in (begin..begin + DAY).step_by(300) {
        let verdict = judge(&mut detector, unix, traffic(unix));
        assert!(verdict.score < 0.5, "{verdict:?}");
    }
    assert!(judge(&mut detector, begin + DAY, 126.0 * 125_000.0).score > 0.5);
}

#[test]
fn saved_and_restored_anywhere_it_says_the_same() {
    let (mut detector, unix) = after(9);
    let saved = serde_json::to_string(&detector).expect("saved");
    let mut restored: Detector = serde_json::from_str(&saved).expect("restored");
    for unix in (unix..unix + 20 * DAY).step_by(300) {
        let value = traffic(unix) * if unix % 7 == 0 { 3.0 } else { 1.0 };
        assert_eq!(
            judge(&mut detector, unix, value),
            judge(&mut restored, unix, value)
        );
    }
}

#[test]
fn the_state_of_another_version_is_refused() {
    let saved = serde_json::to_string(&Detector::new(0.0)).expect("saved");
    let newer = saved.replacen("\"version\":1", "\"version\":2", 1);
    let error = serde_json::from_str::<Detector>(&newer).expect_err("is newer");
    assert!(
        error
            .to_string()
            .starts_with("this was saved by version 2 of the detector, and this is version 1"),
        "{error}"
    );
}

#[test]
fn a_clock_that_is_put_back_harms_nothing() {
    let (mut detector, unix) = after(10);
    for shift in [-3_600, -40 * DAY, 0, i64::MIN / 2, i64::MAX / 2] {
        for number in 0..100 {
            judge(
                &mut detector,
                unix + shift + number * 300,
                traffic(unix + number * 300),
            );
        }
    }
}
