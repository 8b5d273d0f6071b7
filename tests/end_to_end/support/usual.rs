//! A state of the watch for anomalies, as if the program had run for weeks.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use netkestrel::{
    anomaly::{Config, Store, Watch},
    clock::{Clock, Now},
    collectors,
    durable::Os,
    sample::{Batch, Observed, Reading, Scope},
};

use super::netkestrel::Setup;

const DAY: i64 = 86_400;
const STEP: i64 = 300;

/// A signal, its subject, and the value around which it was, a tenth more or less.
pub(crate) type Usual<'a> = (&'a str, &'a str, f64);

/// Lets the program of `setup` know that these series were as usual for so many days, until now.
pub(crate) fn learn(setup: &Setup, days: i64, usual: &[Usual<'_>]) {
    let signals = collectors::signals();
    let mut watch = Watch::new(Config::default(), TimeZone::system(), None, &signals);
    let now = Clock::System.now();
    let end = now.wall.as_second();
    for number in 0..days * DAY / STEP {
        let reading = |(place, (name, subject, value)): (i64, &Usual<'_>)| Reading {
            signal: signals.iter().find(|signal| signal.name == *name).unwrap(),
            subject: (*subject).into(),
            observed: Observed::Value(value * (1.0 + 0.1 * wave(number * 7 + place))),
        };
        watch.learn(&Batch {
            collector: "network",
            scope: Scope::Whole,
            at: Now {
                instant: now.instant,
                wall: Timestamp::from_second(end - days * DAY + number * STEP).unwrap(),
            },
            elapsed: Some(Duration::from_secs(STEP.unsigned_abs())),
            readings: (0..).zip(usual).map(reading).collect(),
            changes: Vec::new(),
            health: Vec::new(),
        });
    }
    std::fs::create_dir_all(setup.data_dir()).unwrap();
    let store = Store::new(Arc::new(Os), &setup.data_dir());
    store.save(&watch.saved()).unwrap();
}

/// Between -1 and 1, and never the same way again.
fn wave(number: i64) -> f64 {
    (number as f64 * 1.234_567).sin()
}
