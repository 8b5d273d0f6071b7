//! Stories of one device: what comes in at which second, and what it makes of it.

use super::*;
use crate::{clock::Clock, collectors::devices::probe::Answer};

const LIMITS: Limits = Limits {
    failures: 3,
    loss: 0.2,
    round_trip: Duration::from_secs(1),
};

#[derive(Clone, Copy)]
enum Seen {
    Answer(u64),
    Miss,
    Unreachable,
    OldMiss,
    NoRoute,
    Busy,
}
use Seen::{Answer as A, Busy, Miss as M, NoRoute, OldMiss, Unreachable};

/// Plays `story` on a new device, one line a second, and returns it with the time of its end.
fn play(story: &[Seen]) -> (Machine, Now) {
    let start = Clock::System.now();
    let mut machine = Machine::new(start);
    let mut now = start;
    let unsent = |reason| {
        Outcome::Unsent(Unsent {
            reason,
            detail: String::new(),
        })
    };
    for seen in story {
        let outcome = match *seen {
            A(millis) => Outcome::Answered(Answer {
                round_trip: Duration::from_millis(millis),
                hop_limit: Some(64),
            }),
            Unreachable => Outcome::Missed(Miss::Unreachable(None)),
            M | OldMiss => Outcome::Missed(Miss::Timeout),
            NoRoute => unsent(UnsentReason::NoRoute),
            Busy => unsent(UnsentReason::Send),
        };
        if matches!(seen, OldMiss) {
            machine.missed_before_answer(&LIMITS, now);
        } else {
            machine.apply(&outcome, &LIMITS, now);
        }
        now = now.after(Duration::from_secs(1));
    }
    (machine, now)
}

#[test]
fn the_status_follows_the_outcomes() {
    use Status::{Degraded, Down, Unknown, Up};
    let rows: [(&str, &[Seen], Status, &str); 20] = [
        ("nothing yet", &[], Unknown, "not probed yet"),
        ("one answer is enough", &[A(1)], Up, ""),
        ("a miss says little", &[M], Unknown, "not probed yet"),
        ("never answered", &[M, M, M], Down, "no answer in time"),
        (
            "an explanation outlives the silence after it",
            &[Unreachable, M, M, M],
            Down,
            "unreachable",
        ),
        (
            "but not an answer",
            &[Unreachable, A(1), M, M, M],
            Down,
            "no answer in time",
        ),
        ("suspicion", &[A(1), M, M], Up, ""),
        ("outage", &[A(1), M, M, M], Down, "no answer in time"),
        (
            "an answer ends the suspicion",
            &[A(1), A(1), A(1), A(1), M, A(1), M, M],
            Up,
            "",
        ),
        ("one answer ends the outage", &[M, M, M, M, A(1)], Up, ""),
        (
            "the outage's misses are no loss afterwards",
            &[M, M, M, A(1), A(1)],
            Up,
            "",
        ),
        ("one lost probe is not worth a word", &[A(1), M, A(1)], Up, ""),
        (
            "loss above the limit",
            &[A(1), M, A(1), M, A(1)],
            Degraded,
            "40 % of the last probes lost",
        ),
        (
            "a late miss counts as loss",
            &[A(1), A(1), OldMiss, OldMiss],
            Degraded,
            "50 % of the last probes lost",
        ),
        (
            "slow on average",
            &[A(900), A(1_300)],
            Degraded,
            "answers take 1100 ms on average",
        ),
        ("not slow on average", &[A(1), A(1_300)], Up, ""),
        (
            "loss and slowness pass",
            &[
                A(1),
                M,
                A(1),
                M,
                A(1),
                A(1),
                A(1),
                A(1),
                A(1),
                A(1),
                A(1),
                A(1),
                A(1),
            ],
            Up,
            "",
        ),
        (
            "no route says nothing about the device",
            &[A(1), NoRoute],
            Unknown,
            "this host has no route",
        ),
        ("one full buffer is nothing", &[A(1), Busy, Busy], Up, ""),
        (
            "but three are",
            &[A(1), Busy, Busy, Busy],
            Unknown,
            "the probe could not be sent",
        ),
    ];
    for (why, story, status, reason) in rows {
        let (machine, _) = play(story);
        assert_eq!(
            (machine.status(), machine.cause().to_string().as_str()),
            (status, reason),
            "{why}"
        );
    }
}

#[test]
fn changes_are_counted_between_up_and_down() {
    let rows: [(&str, &[Seen], u64, Option<u64>); 7] = [
        ("the first status is no change", &[A(1)], 0, None),
        ("up to down", &[A(1), M, M, M], 1, Some(3)),
        ("and back", &[A(1), M, M, M, A(1)], 2, Some(4)),
        ("degraded is up", &[A(1), M, A(1), M, A(1)], 0, None),
        (
            "unknown in between changes nothing",
            &[A(1), NoRoute, A(1)],
            0,
            None,
        ),
        ("down after unknown", &[A(1), NoRoute, M, M, M], 1, Some(4)),
        ("a suspicion is no change", &[A(1), M, M, A(1)], 0, None),
    ];
    for (why, story, count, second) in rows {
        let (machine, end) = play(story);
        let (changes, at) = machine.changes();
        let ago = at.map(|at| story.len() as u64 - (end.instant - at.instant).as_secs());
        assert_eq!((changes, ago), (count, second), "{why}");
    }
}

#[test]
fn time_counts_as_observed_and_as_up() {
    let rows: [(&str, &[Seen], u64, u64); 6] = [
        ("unknown is not observed", &[M, M], 0, 0),
        ("up", &[A(1), A(1), A(1)], 3, 3),
        ("held back while suspected", &[A(1), A(1), M, M], 2, 2),
        ("credited after an answer", &[A(1), A(1), M, M, A(1)], 5, 5),
        ("downtime from the first miss", &[A(1), A(1), M, M, M, M], 6, 2),
        (
            "not observed without a route",
            &[A(1), NoRoute, NoRoute, A(1)],
            2,
            2,
        ),
    ];
    for (why, story, observed, up) in rows {
        let (machine, end) = play(story);
        let seconds = |time: Duration| time.as_secs();
        let (seen, good) = machine.uptime(end);
        assert_eq!((seconds(seen), seconds(good)), (observed, up), "{why}");
    }
}

#[test]
fn the_loss_of_the_last_check_looks_at_its_probes_only() {
    let (machine, _) = play(&[M, A(1), A(1), M, A(1)]);
    assert_eq!(machine.recent_loss(1), Some(0.0));
    assert_eq!(machine.recent_loss(2), Some(0.5));
    assert_eq!(machine.recent_loss(100), Some(0.4));
    assert_eq!(play(&[]).0.recent_loss(3), None);
}
