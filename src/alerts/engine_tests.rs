//! What scenarios do not show: wishes that cannot be met, metrics, limits, and notices until they are handed over.

use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};

use super::*;
use crate::{
    clock::Now,
    rules::{Breach, Direction, Finding, Severity, Verdict},
    sample::{Family, Signal, SubjectKind, Value},
};

static LOSS: Signal = Signal {
    name: "ping_loss_ratio",
    title: "Packet loss",
    subject: SubjectKind::Device,
    help: "",
};

fn start() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_second(1_800_000_000).expect("a moment"),
    }
}

fn engine(now: Now) -> Engine {
    Engine::new(Config::default(), TimeZone::UTC, None, now)
}

fn firing(subject: &str, severity: Severity, at: Now) -> Finding {
    let breach = Breach {
        behind: 0,
        severity,
        value: 0.9,
        threshold: 0.5,
        when: Direction::Above,
        since: at.wall,
        explanation: "Packet loss is 90 %, above 50 %".to_owned(),
    };
    finding(subject, Verdict::Firing(breach), at)
}

fn finding(subject: &str, verdict: Verdict, at: Now) -> Finding {
    Finding {
        rule: "loss".into(),
        subject: subject.into(),
        signal: &LOSS,
        at,
        verdict,
    }
}

fn value(families: &[Family], name: &str, labels: &[&str]) -> Option<f64> {
    let family = families.iter().find(|family| family.desc.name == name)?;
    let point = family
        .points
        .iter()
        .find(|point| point.labels.iter().eq(labels))?;
    match point.value {
        Value::Number(number) => Some(number),
        Value::Histogram(_) => None,
    }
}

#[test]
fn wishes_that_cannot_be_met_say_why() {
    let now = start();
    let mut engine = engine(now);
    engine.apply(&[firing("nas", Severity::High, now)], now);
    let id = engine.alerts().next().expect("an alert").id.clone();
    let near = format!("{id}x");
    assert_eq!(
        engine
            .acknowledge(&near, "ann", "", now)
            .expect_err("is unknown")
            .to_string(),
        format!("find an active alert named `{near}`; did you mean `{id}`?")
    );
    let error = engine
        .unacknowledge(&id, "ann", now)
        .expect_err("is not acknowledged");
    assert!(matches!(error, Error::NotAcknowledged { .. }), "{error}");
    engine.apply(&[finding("nas", Verdict::Clear { value: 0.0 }, now)], now);
    let error = engine.acknowledge(&id, "ann", "", now).expect_err("is over");
    assert!(
        matches!(
            error,
            Error::NotFiring {
                state: State::Resolved,
                ..
            }
        ),
        "{error}"
    );
    let error = engine.unsilence("silence-0", now).expect_err("there is none");
    assert!(matches!(error, Error::NoSilence { .. }), "{error}");
}

#[test]
fn silences_that_make_no_sense_are_refused() {
    let now = start();
    let mut engine = engine(now);
    let hour = Duration::from_hours(1);
    let some: Matcher = serde_json::from_str(r#"{"rule":["loss"]}"#).expect("a matcher");
    let foreign: Matcher = serde_json::from_str(r#"{"rule":["^loss"]}"#).expect("a matcher");
    for (matching, span) in [
        (Matcher::default(), (now.wall, now.wall + hour)),
        (foreign, (now.wall, now.wall + hour)),
        (some.clone(), (now.wall - hour, now.wall)),
        (some.clone(), (now.wall + hour, now.wall + hour)),
    ] {
        let silence = Silence::new(matching, span, "ann", "");
        engine.silence(silence, now).expect_err("makes no sense");
    }
    let silence = Silence::new(some, (now.wall, now.wall + hour), "ann", "");
    engine.silence(silence.clone(), now).expect("makes sense");
    let error = engine.silence(silence, now).expect_err("is there already");
    assert!(matches!(error, Error::SilenceExists { .. }), "{error}");
    engine.tick(now.after(hour));
    assert_eq!(engine.silences(), [], "a silence that is over is forgotten");
}

#[test]
fn notices_are_kept_until_they_are_handed_over() {
    let now = start();
    let mut engine = engine(now);
    let outcome = engine.apply(&[firing("nas", Severity::High, now)], now);
    let saved = engine.saved().clone();
    assert_eq!(saved.outgoing, outcome.notices);
    let mut again = Engine::new(Config::default(), TimeZone::UTC, Some(saved), now);
    assert_eq!(
        again.apply(&[firing("nas", Severity::High, now)], now),
        Outcome::default()
    );
    assert_eq!(
        again.saved().outgoing,
        outcome.notices,
        "offered again after a restart"
    );
    let before = again.revision();
    again.handed_over(&[outcome.notices[0].id.clone()]);
    assert_eq!(again.saved().outgoing, []);
    assert_ne!(again.revision(), before);
}

#[test]
fn metrics_follow_the_alerts() {
    let now = start();
    let mut engine = engine(now);
    let loss = InForce {
        name: "loss".into(),
        severities: vec![Severity::High, Severity::Critical],
    };
    engine.rules_in_force(&[loss], now);
    let zero = engine.families();
    for reason in Reason::ALL {
        let name = "netkestrel_alert_notifications_suppressed_total";
        assert_eq!(value(&zero, name, &[reason.name()]), Some(0.0));
    }
    assert_eq!(value(&zero, "netkestrel_alerts_firing", &["critical"]), Some(0.0));
    assert_eq!(
        value(&zero, "netkestrel_alerts_fired_total", &["loss", "high"]),
        Some(0.0)
    );
    assert_eq!(
        value(&zero, "netkestrel_alerts_fired_total", &["loss", "low"]),
        None,
        "the rule has no such level"
    );

    engine.apply(&[firing("nas", Severity::High, now)], now);
    let labels = ["loss", "high", "nas"];
    let fired = engine.families();
    assert_eq!(value(&fired, "netkestrel_alerts_firing", &["high"]), Some(1.0));
    assert_eq!(value(&fired, "netkestrel_alert_state", &labels), Some(2.0));
    assert_eq!(
        value(&fired, "netkestrel_alert_active_since_timestamp_seconds", &labels),
        Some(1_800_000_000.0)
    );
    engine.apply(&[finding("nas", Verdict::Gone, now)], now);
    let over = engine.families();
    assert_eq!(value(&over, "netkestrel_alert_state", &labels), None);
    assert_eq!(
        value(&over, "netkestrel_alerts_fired_total", &["loss", "high"]),
        Some(1.0)
    );
    assert_eq!(
        value(&over, "netkestrel_alerts_resolved_total", &["loss", "high"]),
        Some(1.0)
    );
}

#[test]
fn what_is_over_is_bounded_and_names_are_never_given_twice() {
    let now = start();
    let mut engine = engine(now);
    let mut names = std::collections::HashSet::new();
    // Every second one has the start of the one before, as when a clock is set back.
    for round in 0..1_100 {
        let at = now.after(Duration::from_millis(round / 2));
        engine.apply(&[firing("nas", Severity::High, at)], at);
        names.insert(engine.alerts().next().expect("an alert").id.clone());
        engine.apply(&[finding("nas", Verdict::Clear { value: 0.0 }, at)], at);
        let told: Vec<_> = engine
            .saved()
            .outgoing
            .iter()
            .map(|notice| notice.id.clone())
            .collect();
        engine.handed_over(&told);
    }
    assert_eq!(engine.alerts().count(), 1_000);
    assert_eq!(names.len(), 1_100);
}

#[test]
fn what_is_done_with_is_forgotten() {
    let now = start();
    let mut engine = engine(now);
    engine.apply(&[firing("nas", Severity::High, now)], now);
    engine.apply(&[finding("nas", Verdict::Clear { value: 0.0 }, now)], now);
    assert!(engine.next_tick(now).is_some());
    engine.tick(now.after(Duration::from_hours(2)));
    assert_eq!(engine.next_tick(now), None);
    assert!(engine.saved().tracks.is_empty());
}
