//! Runs of collectors that do as they are told, under a deadline.

use std::sync::mpsc;

use super::*;
use crate::{
    clock::Clock,
    sample::{Observed, Scope, Signal},
};

/// A collector whose runs do what the test says.
struct Scripted {
    scrape: Box<dyn Fn() -> Outcome<Vec<Family>> + Send + Sync>,
}

impl Collect for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }
    fn enabled(&self) -> bool {
        true
    }
    fn interval(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn scrape(&self, _: Now) -> Outcome<Vec<Family>> {
        (self.scrape)()
    }
    fn sample(&self, at: Now) -> Outcome<Batch> {
        let health = vec![ComponentHealth {
            component: "cpu",
            health: Some(Health::Warning),
        }];
        Outcome::ok(Batch {
            collector: "scripted",
            scope: Scope::Whole,
            at,
            elapsed: None,
            readings: Vec::new(),
            changes: Vec::new(),
            health,
        })
    }
}

fn guarded(scrape: impl Fn() -> Outcome<Vec<Family>> + Send + Sync + 'static) -> Guarded {
    Guarded::new(Arc::new(Scripted {
        scrape: Box::new(scrape),
    }))
}

/// Name and value of each series about runs that is not zero.
fn told(guarded: &Guarded, now: Now) -> Vec<(&'static str, f64)> {
    let numbers = guarded.families(now).into_iter().flat_map(|family| {
        let name = family.desc.name.trim_start_matches("netkestrel_collector_");
        family
            .points
            .into_iter()
            .filter_map(move |point| match point.value {
                crate::sample::Value::Number(value) if value != 0.0 => Some((name, value)),
                _ => None,
            })
    });
    numbers
        .filter(|(name, _)| !["duration_seconds", "interval_seconds"].contains(name))
        .collect()
}

#[tokio::test]
async fn a_panic_costs_only_the_run() {
    let guarded = guarded(|| panic!("on purpose"));
    let now = Clock::System.now();
    assert!(guarded.scrape(now, Duration::from_secs(5)).await.is_empty());
    assert!(
        guarded.scrape(now, Duration::from_secs(5)).await.is_empty(),
        "and not the next one"
    );
    assert_eq!(
        told(&guarded, now),
        [("runs_total", 2.0), ("failures_total", 2.0)]
    );
}

/// A collector whose scrapes say when they begin and end when told to.
fn held() -> (Arc<Guarded>, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (begun, beginnings) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let guarded = guarded(move || {
        let _ = begun.send(());
        let _ = held.lock().expect("not poisoned").recv();
        Outcome::ok(Vec::new())
    });
    (Arc::new(guarded), beginnings, release)
}

#[tokio::test(start_paused = true)]
async fn a_run_that_hangs_is_cut_off_and_no_second_one_starts() {
    let (guarded, beginnings, release) = held();
    let now = Clock::System.now();
    let hanging = tokio::spawn({
        let guarded = Arc::clone(&guarded);
        async move { guarded.scrape(now, HANGS_AFTER).await }
    });
    tokio::task::yield_now().await;
    tokio::time::advance(HANGS_AFTER).await;
    assert!(hanging.await.expect("no panic").is_empty());
    // Time stands still: waiting for anything would never end.
    assert!(guarded.scrape(now, HANGS_AFTER).await.is_empty());
    assert_eq!(
        told(&guarded, now),
        [
            ("runs_total", 1.0),
            ("failures_total", 1.0),
            ("timeouts_total", 1.0),
            ("missed_runs_total", 1.0)
        ]
    );
    drop(release);
    drop(guarded);
    assert_eq!(beginnings.iter().count(), 1);
}

#[tokio::test]
async fn an_impatient_scrape_costs_no_other_its_answer() {
    let (guarded, beginnings, release) = held();
    let now = Clock::System.now();
    guarded.scrape(now, Duration::from_millis(1)).await;
    let patient = tokio::spawn({
        let guarded = Arc::clone(&guarded);
        async move { guarded.scrape(now, Duration::from_secs(30)).await }
    });
    tokio::task::yield_now().await;
    guarded.scrape(now, Duration::from_millis(1)).await;
    release.send(()).expect("the first run waits");
    release.send(()).expect("the second run will wait");
    patient.await.expect("no panic");
    assert_eq!(beginnings.try_iter().count(), 2);
    let expected = [
        ("success", 1.0),
        ("runs_total", 2.0),
        ("failures_total", 1.0),
        ("timeouts_total", 1.0),
        ("missed_runs_total", 1.0),
    ];
    assert_eq!(told(&guarded, now), expected);
}

#[tokio::test]
async fn overlapping_runs_take_turns() {
    let (guarded, beginnings, release) = held();
    let now = Clock::System.now();
    let scrape = |guarded: Arc<Guarded>| async move { guarded.scrape(now, Duration::from_secs(30)).await };
    let first = tokio::spawn(scrape(Arc::clone(&guarded)));
    let begun = tokio::task::spawn_blocking(move || beginnings.recv().map(|()| beginnings));
    let beginnings = begun.await.expect("no panic").expect("the first run began");
    let second = tokio::spawn(scrape(Arc::clone(&guarded)));
    release.send(()).expect("the first run waits");
    release.send(()).expect("the second run will wait");
    first.await.expect("no panic");
    second.await.expect("no panic");
    assert_eq!(
        beginnings.try_recv(),
        Ok(()),
        "the second run began after the first"
    );
    assert_eq!(told(&guarded, now), [("success", 1.0), ("runs_total", 2.0)]);
}

#[tokio::test]
async fn what_could_be_read_is_served_beside_a_failure() {
    static DESC: Desc = Desc {
        name: "netkestrel_load1",
        kind: Kind::Gauge,
        labels: &[],
        help: "Load average over 1 minute.",
    };
    let guarded = guarded(|| Outcome {
        data: vec![Family::single(&DESC, 0.5)],
        failures: vec![Error::Library {
            call: "read the temperatures",
            detail: "no sensor".to_owned(),
        }],
    });
    let now = Clock::System.now();
    assert_eq!(guarded.scrape(now, Duration::from_secs(5)).await.len(), 1);
    assert_eq!(
        told(&guarded, now),
        [("runs_total", 1.0), ("failures_total", 1.0)]
    );
}

#[test]
fn readings_of_devices_are_not_kept() {
    const HOST: Signal = Signal {
        name: "uplink_up",
        title: "uplink",
        subject: SubjectKind::Host,
        help: "For tests.",
    };
    const DEVICE: Signal = Signal {
        name: "device_up",
        subject: SubjectKind::Device,
        ..HOST
    };
    let reading = |signal| Reading {
        signal,
        subject: SmolStr::default(),
        observed: Observed::Value(1.0),
    };
    let outcome = Scripted {
        scrape: Box::new(|| Outcome::ok(Vec::new())),
    }
    .sample(Clock::System.now());
    let mut batch = outcome.data;
    batch.readings = vec![reading(&HOST)];
    let of_host = Arc::new(batch.clone());
    assert!(
        Arc::ptr_eq(&without_devices(&of_host), &of_host),
        "nothing to leave out"
    );
    batch.readings.push(reading(&DEVICE));
    let kept = without_devices(&Arc::new(batch));
    assert_eq!(
        (&kept.readings, &kept.health),
        (&of_host.readings, &of_host.health)
    );
}

#[tokio::test]
async fn health_vanishes_after_three_missed_intervals() {
    let guarded = guarded(|| Outcome::ok(Vec::new()));
    let now = Clock::System.now();
    guarded
        .sample(now, Duration::from_secs(5))
        .await
        .expect("a batch");
    let health_at = |seconds| {
        let told = told(&guarded, now.after(Duration::from_secs(seconds)));
        told.into_iter()
            .find(|(name, _)| *name == "netkestrel_health_status")
    };
    assert_eq!(health_at(90), Some(("netkestrel_health_status", 1.0)));
    assert_eq!(health_at(91), None);
}
