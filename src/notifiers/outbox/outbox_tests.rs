use std::io;

use super::{super::fixture::*, *};
use crate::{alerts::News, clock::Clock, durable::volatile::Volatile};

const PATH: &str = "/d/outbox.jsonl";

fn now() -> Now {
    Now {
        instant: Clock::System.now().instant,
        wall: origin(),
    }
}

fn open(disk: &Volatile) -> Outbox {
    open_with(disk, Limits::default())
}

fn open_with(disk: &Volatile, limits: Limits) -> Outbox {
    Outbox::open(&shared(disk), Path::new(PATH), limits, now())
}

fn shared(disk: &Volatile) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn mail(recipients: &[&str]) -> Vec<Arc<dyn Notifier>> {
    vec![Fake::new("email", recipients)]
}

fn waiting(outbox: &Outbox) -> Vec<String> {
    let keys = outbox.entries().map(|entry| &entry.key);
    keys.map(|key| format!("{} {}", key.notice, key.recipient))
        .collect()
}

fn keys(outbox: &Outbox) -> Vec<Key> {
    outbox.entries().map(|entry| entry.key.clone()).collect()
}

fn sent(outbox: &mut Outbox) {
    let keys = keys(outbox);
    outbox.record(vec![(keys, Ok(()))], now());
}

#[test]
fn what_was_offered_survives_a_crash_and_is_queued_once() {
    let disk = Volatile::default();
    let notices = [notice("a", 1, News::Fired), notice("b", 1, News::Fired)];
    let mut outbox = open(&disk);
    outbox
        .offer(&notices, &mail(&["x", "y"]), now())
        .expect("durable");
    disk.crash();
    let mut outbox = open(&disk);
    assert_eq!(waiting(&outbox), ["a.1 x", "a.1 y", "b.1 x", "b.1 y"]);
    outbox
        .offer(&notices, &mail(&["x", "y"]), now())
        .expect("durable");
    assert_eq!(outbox.entries().count(), 4, "offered again");
    sent(&mut outbox);
    disk.crash();
    let mut outbox = open(&disk);
    outbox
        .offer(&notices, &mail(&["x", "y", "z"]), now())
        .expect("durable");
    assert_eq!(
        waiting(&outbox),
        ["a.1 z", "b.1 z"],
        "only who has not heard of it"
    );
}

#[test]
fn what_failed_or_was_given_up_does_not_come_back() {
    let disk = Volatile::default();
    let mut outbox = open(&disk);
    outbox
        .offer(&[notice("a", 1, News::Fired)], &mail(&["x", "y"]), now())
        .expect("durable");
    let keys = keys(&outbox);
    let Answer::Fail(failure) = permanent() else {
        panic!("is a failure")
    };
    outbox.record(vec![(vec![keys[0].clone()], Err(failure))], now());
    outbox.give_up(vec![keys[1].clone()], Why::Expired, now());
    disk.crash();
    assert_eq!(waiting(&open(&disk)), [""; 0]);
    let text = String::from_utf8(disk.content(PATH)).expect("text");
    assert!(text.contains("550 no such user"), "the reason is kept: {text}");
}

#[test]
fn a_full_disk_costs_durability_only_while_it_is_full() {
    let disk = Volatile::default();
    let mut outbox = open(&disk);
    outbox
        .offer(&[notice("a", 1, News::Fired)], &mail(&["x"]), now())
        .expect("durable");
    disk.limit(Some(10));
    let notices = [notice("b", 1, News::Fired)];
    let refused = outbox.offer(&notices, &mail(&["x"]), now());
    assert_eq!(refused, Err(Error::NotDurable));
    assert_eq!(waiting(&outbox), ["a.1 x", "b.1 x"], "delivered all the same");
    let again = outbox.offer(&notices, &mail(&["x"]), now());
    assert_eq!(again, Err(Error::NotDurable));
    disk.limit(None);
    outbox
        .offer(&notices, &mail(&["x"]), now())
        .expect("durable again");
    assert_eq!(outbox.entries().count(), 2);
    disk.crash();
    assert_eq!(waiting(&open(&disk)), ["a.1 x", "b.1 x"]);
}

#[test]
fn the_file_stays_small_however_much_passes_through() {
    let disk = Volatile::default();
    let limits = Limits {
        remembered: 5,
        ..Limits::default()
    };
    let mut outbox = open_with(&disk, limits).with_slack(4_000);
    for number in 0..200 {
        outbox
            .offer(&[notice("a", number, News::Fired)], &mail(&["x"]), now())
            .expect("durable");
        if number < 198 {
            sent(&mut outbox);
        }
    }
    let size = disk.content(PATH).len();
    assert!(size < 12_000, "{size} bytes");
    disk.crash();
    let mut outbox = open_with(&disk, limits);
    assert_eq!(waiting(&outbox), ["a.198 x", "a.199 x"]);
    outbox
        .offer(&[notice("a", 197, News::Fired)], &mail(&["x"]), now())
        .expect("durable");
    assert_eq!(
        outbox.entries().count(),
        2,
        "what is over is remembered across clean-ups"
    );
}

#[test]
fn a_full_queue_gives_up_old_reminders_first() {
    let limits = Limits {
        capacity: 2,
        ..Limits::default()
    };
    let mut outbox = Outbox::in_memory(limits);
    let notices = [
        notice("a", 1, News::Fired),
        notice("b", 1, News::Reminder),
        notice("c", 1, News::Fired),
        notice("d", 1, News::Fired),
    ];
    outbox.offer(&notices, &mail(&["x"]), now()).expect("taken");
    assert_eq!(waiting(&outbox), ["c.1 x", "d.1 x"]);
    let text = format!("{:?}", outbox.metrics().families());
    assert!(text.contains("dropped_total"), "{text}");
}

#[test]
fn what_is_too_old_is_given_up_but_not_because_a_clock_jumped() {
    let disk = Volatile::default();
    let mut outbox = open(&disk);
    outbox
        .offer(&[notice("a", 1, News::Fired)], &mail(&["x"]), now())
        .expect("durable");
    let later = |hours: u64| now().after(Duration::from_secs(hours * 3600));
    let jumped = Now {
        wall: later(24 * 365).wall,
        ..now()
    };
    outbox.expire(jumped);
    assert_eq!(outbox.entries().count(), 1, "only the wall clock moved");
    outbox.expire(later(24 * 7 - 1));
    assert_eq!(outbox.entries().count(), 1);
    // Read back after two weeks: it still gets an hour.
    let mut reopened = Outbox::open(&shared(&disk), Path::new(PATH), Limits::default(), later(24 * 14));
    reopened.expire(later(24 * 14));
    assert_eq!(reopened.entries().count(), 1);
    reopened.expire(later(24 * 14 + 2));
    assert_eq!(reopened.entries().count(), 0);
}

#[test]
fn damage_is_set_aside_and_a_newer_version_is_left_alone() {
    let disk = Volatile::default();
    let mut outbox = open(&disk);
    outbox
        .offer(&[notice("a", 1, News::Fired)], &mail(&["x"]), now())
        .expect("durable");
    let damaged = [disk.content(PATH), b"no json\n".to_vec()].concat();
    disk.put(PATH, &damaged);
    let mut outbox = open(&disk);
    assert_eq!(waiting(&outbox), ["a.1 x"]);
    assert_eq!(disk.content("/d/outbox.jsonl.damaged.1"), damaged);
    sent(&mut outbox);
    assert_eq!(waiting(&open(&disk)), [""; 0]);

    let newer = b"{\"netkestrel\":\"outbox\",\"version\":9}\nwhatever\n";
    disk.put(PATH, newer);
    let mut outbox = open(&disk);
    outbox
        .offer(&[notice("a", 2, News::Fired)], &mail(&["x"]), now())
        .expect("offering it again would not help");
    assert_eq!(outbox.entries().count(), 1, "told from memory");
    assert_eq!(disk.content(PATH), newer);
}

#[test]
fn a_disk_that_refuses_to_write_never_loses_what_is_in_memory() {
    let disk = Volatile::default();
    let mut outbox = open(&disk);
    disk.refuse(Some(io::ErrorKind::ReadOnlyFilesystem));
    let offered = outbox.offer(&[notice("a", 1, News::Fired)], &mail(&["x"]), now());
    assert_eq!(offered, Err(Error::NotDurable));
    sent(&mut outbox);
    disk.refuse(None);
    outbox
        .offer(&[notice("a", 1, News::Fired)], &mail(&["x"]), now())
        .expect("told already, and now on disk too");
    disk.crash();
    let mut outbox = open(&disk);
    outbox
        .offer(&[notice("a", 1, News::Fired)], &mail(&["x"]), now())
        .expect("durable");
    assert_eq!(outbox.entries().count(), 0, "told once");
}

#[test]
fn who_was_told_nothing_as_it_was_suppressed_is_remembered_until_told_or_over() {
    for slack in [0, 1_000_000] {
        let disk = Volatile::default();
        let mut outbox = open(&disk).with_slack(slack);
        let fired = [notice("a", 1, News::Fired), notice("b", 1, News::Fired)];
        outbox.offer(&fired, &mail(&["x"]), now()).expect("durable");
        outbox.withhold(keys(&outbox), now());
        assert_eq!(waiting(&outbox), [""; 0]);
        disk.crash();

        let mut outbox = open(&disk).with_slack(slack);
        let untold = |outbox: &Outbox| {
            let mut ids: Vec<AlertId> = outbox.untold(&keys(outbox)).into_iter().collect();
            ids.sort_unstable();
            ids
        };
        let reminded = notice("a", 2, News::Reminder);
        outbox.offer(&[reminded], &mail(&["x"]), now()).expect("durable");
        sent(&mut outbox);
        let over = [notice("a", 3, News::Resolved), notice("b", 2, News::Resolved)];
        outbox.offer(&over, &mail(&["x", "y"]), now()).expect("durable");
        assert_eq!(untold(&outbox), ["b"], "x heard of a by its reminder");
        let of: Vec<Key> = keys(&outbox)
            .into_iter()
            .filter(|key| key.alert() == "b" && key.recipient == "x")
            .collect();
        outbox.withhold(of, now());
        assert_eq!(waiting(&outbox), ["a.3 x", "a.3 y", "b.2 y"]);
        assert_eq!(untold(&outbox), [""; 0]);
        assert_eq!(outbox.metrics().suppressed(), 1);
    }
}

#[test]
fn a_reminder_that_is_suppressed_leaves_known_what_was_told() {
    let mut outbox = open(&Volatile::default());
    let first = notice("a", 1, News::Fired);
    outbox.offer(&[first], &mail(&["x"]), now()).expect("durable");
    sent(&mut outbox);
    let again = notice("a", 2, News::Reminder);
    outbox.offer(&[again], &mail(&["x"]), now()).expect("durable");
    outbox.withhold(keys(&outbox), now());
    let over = notice("a", 3, News::Resolved);
    outbox.offer(&[over], &mail(&["x"]), now()).expect("durable");
    assert!(outbox.untold(&keys(&outbox)).is_empty());
}
