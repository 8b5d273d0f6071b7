use std::time::Duration;

use super::*;
use crate::{
    durable::volatile::Volatile,
    history::uptime::Standing,
    sample::{Observed, Reading, Signal, SubjectKind},
};

const UP: Signal = Signal {
    name: "device_up",
    title: "reachability",
    subject: SubjectKind::Device,
    help: "For tests.",
};
const HOLD: Hold = Hold {
    interval: Duration::from_mins(1),
    timeout: Duration::from_secs(5),
};

fn start() -> Now {
    Now {
        instant: Instant::now(),
        wall: "2026-11-25T12:00:00Z".parse().expect("a time"),
    }
}

fn open(disk: &Volatile, now: Now) -> Book {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Book::open(disk, Path::new("/d"), Shared::default(), (None, HOLD), now)
}

fn run(at: Now, up: f64) -> Batch {
    Batch {
        collector: "devices",
        scope: Scope::Whole,
        at,
        elapsed: Some(HOLD.interval),
        readings: vec![Reading {
            signal: &UP,
            subject: "router".into(),
            observed: Observed::Value(up),
        }],
        changes: Vec::new(),
        health: Vec::new(),
    }
}

fn minutes(count: u32) -> Duration {
    HOLD.interval * count
}

fn standings(disk: &Volatile) -> Vec<(String, &'static str)> {
    let ledger = read(disk, Path::new("/d"), Ledger::with_causes(None)).expect("readable");
    let standings = ledger.standings("router").into_iter();
    standings
        .map(|(at, standing, _)| (at.to_string(), standing.map_or("mixed", Standing::name)))
        .collect()
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    let (disk, now) = (Volatile::default(), start());
    let mut book = open(&disk, now);
    book.observe(&run(now, 1.0)).expect("written");
    book.observe(&run(now.after(minutes(1)), 0.0)).expect("written");
    disk.crash();
    let expected = [
        ("2026-11-25T12:00:00Z".to_owned(), "up"),
        ("2026-11-25T12:01:00Z".to_owned(), "down"),
    ];
    assert_eq!(standings(&disk), expected);
    // The next life knows nothing of the time since the last sign of life.
    let _ = open(&disk, now.after(minutes(9)));
    let (at, standing) = standings(&disk).pop().expect("more");
    assert_eq!((&*at, standing), ("2026-11-25T12:01:00Z", "unknown"));
}

#[test]
fn what_the_disk_does_not_take_waits_for_it() {
    let (disk, now) = (Volatile::default(), start());
    let mut book = open(&disk, now);
    book.observe(&run(now, 1.0)).expect("written");
    disk.refuse(Some(io::ErrorKind::StorageFull));
    book.observe(&run(now.after(minutes(1)), 0.0)).expect_err("full");
    disk.refuse(None);
    book.observe(&run(now.after(minutes(2)), 1.0)).expect("written");
    let times: Vec<_> = standings(&disk)
        .into_iter()
        .map(|(_, standing)| standing)
        .collect();
    assert_eq!(times, ["up", "down", "up"]);
}

#[test]
fn damage_costs_its_line_and_a_newer_version_stays_untouched() {
    let (disk, now) = (Volatile::default(), start());
    let mut book = open(&disk, now);
    book.observe(&run(now, 1.0)).expect("written");
    let path = "/d/transitions.jsonl";
    let mut bytes = disk.content(path);
    bytes.extend_from_slice(b"{\"t\":\"2026-11-25T12:00:30Z\",\"chan\n");
    disk.put(path, &bytes);
    let mut book = open(&disk, now.after(minutes(1)));
    book.observe(&run(now.after(minutes(2)), 0.0)).expect("written");
    let names: Vec<_> = standings(&disk)
        .into_iter()
        .map(|(_, standing)| standing)
        .collect();
    assert_eq!(names, ["down"]);

    let newer = b"{\"netkestrel\":\"history/transitions\",\"version\":2}\n{}\n";
    disk.put(path, newer);
    let mut book = open(&disk, now);
    book.observe(&run(now, 1.0)).expect_err("newer");
    assert_eq!(disk.content(path), newer);
}

#[test]
fn a_clean_up_condenses_what_is_old_and_keeps_the_rest() {
    let (disk, now) = (Volatile::default(), start());
    let mut book = open(&disk, now);
    let mut at = now;
    for minute in 0..40 {
        book.observe(&run(at, f64::from(minute % 2))).expect("written");
        at = at.after(minutes(1));
    }
    let later = now.after(Duration::from_hours(24 * 50));
    let before = disk.content("/d/transitions.jsonl").len();
    book.not_below = 100;
    book.observe(&run(later, 1.0)).expect("written");
    let after = disk.content("/d/transitions.jsonl").len();
    assert!(after * 4 < before, "{before} to {after} bytes");
    let ledger = read(&disk, Path::new("/d"), Ledger::with_causes(None)).expect("readable");
    let day = Duration::from_hours(24);
    let midnight: Timestamp = "2026-11-25T00:00:00Z".parse().expect("a time");
    let sums = ledger.sums("router", (midnight, midnight + day), later.wall);
    // Twenty minutes each, the last one with what is credited behind it.
    assert_eq!(
        (sums.seconds(Standing::Down), sums.seconds(Standing::Up)),
        (1200.0, 1205.0)
    );
}

#[test]
fn figures_vanish_when_runs_are_missing() {
    let (disk, now) = (Volatile::default(), start());
    let mut book = open(&disk, now);
    book.observe(&run(now, 1.0)).expect("written");
    let state = book.shared.lock();
    let series = |at: Instant| -> usize {
        let families = state.figures.families(HOLD, at);
        families.iter().map(|family| family.points.len()).sum()
    };
    // At its first moment nothing is known yet, which is a coverage of none and no uptime.
    assert_eq!(series(now.instant), 5);
    assert_eq!(series(now.instant + minutes(10)), 0);
}

#[test]
fn windows_that_nobody_wants_are_no_metrics_and_objectives_stay() {
    let (disk, now) = (Volatile::default(), start());
    let mut book = open(&disk, now);
    book.shared.set_objectives([("router".into(), 0.5)].into());
    book.shared.set_exposed(Exposed::Nothing);
    for minute in 0..2 {
        book.observe(&run(now.after(minutes(minute)), 1.0))
            .expect("written");
    }
    let families = book
        .shared
        .lock()
        .figures
        .families(HOLD, now.instant + minutes(1));
    let shown: Vec<_> = families
        .iter()
        .filter(|family| !family.points.is_empty())
        .map(|family| family.desc.name)
        .collect();
    assert_eq!(
        shown,
        [
            "netkestrel_device_slo_ratio",
            "netkestrel_device_slo_budget_seconds"
        ]
    );
}

#[test]
fn an_objective_has_a_budget_once_something_is_known() {
    let (disk, now) = (Volatile::default(), start());
    let mut book = open(&disk, now);
    book.shared.set_objectives([("router".into(), 0.5)].into());
    for (minute, up) in [(0, 1.0), (1, 1.0), (2, 0.0), (3, 0.0)] {
        book.observe(&run(now.after(minutes(minute)), up))
            .expect("written");
    }
    let state = book.shared.lock();
    let families = state.figures.families(HOLD, now.instant + minutes(3));
    let values: Vec<_> = families
        .iter()
        .filter(|family| family.desc.name.contains("slo"))
        .flat_map(|family| family.points.iter().map(|point| format!("{:?}", point.value)))
        .collect();
    // Two minutes up and one down: of a minute and a half, half a minute is left.
    assert_eq!(values, ["Number(0.5)", "Number(30.0)"]);
}
