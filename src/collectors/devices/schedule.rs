//! When which device is asked: checks spread evenly over the interval, the probes of a check a second apart, and
//! quick re-probes while a device keeps silent. Pure.

use std::time::{Duration, Instant};

use super::probe::DeviceId;

/// Probes of one check, and re-probes, follow each other at this distance (or closer if the interval is short).
const GAP: Duration = Duration::from_secs(1);
/// After the start every device is asked within this time, or two milliseconds per device if that is longer.
const OPENING: Duration = Duration::from_secs(1);

/// The timing all devices share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Time between two checks of a device, start to start.
    pub(super) interval: Duration,
    /// Probes of one check.
    pub(super) probes: u32,
    /// Misses in a row until down.
    pub(super) failures: u32,
    /// Time until an unanswered probe is a miss.
    pub(super) timeout: Duration,
    /// The moment that phases count from.
    pub(super) epoch: Instant,
}

impl Plan {
    /// Distance of the probes of one check.
    fn gap(&self) -> Duration {
        GAP.min(self.interval / self.probes.max(1))
    }

    /// Where in the interval a device has its place: multiples of the golden ratio stay evenly spread however many
    /// devices there are, and a device keeps its place when others come and go.
    fn phase(&self, device: DeviceId) -> Duration {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        self.interval.mul_f64((f64::from(device.0) * GOLDEN).fract())
    }

    /// The first regular check of `device` after `now`.
    pub(super) fn next_check(&self, device: DeviceId, now: Instant) -> Instant {
        let first = self.epoch + self.phase(device);
        let Some(gone) = now.checked_duration_since(first) else {
            return first;
        };
        let passed = gone.as_nanos() / self.interval.as_nanos().max(1);
        let into = gone.as_nanos() - passed * self.interval.as_nanos();
        now + self
            .interval
            .saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(u64::MAX)))
    }

    /// When a device that is new at `now` is asked for the first time, the `index`th of `count` new ones.
    pub(super) fn opening(&self, index: usize, count: usize, now: Instant) -> Instant {
        let devices = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let spread = (Duration::from_millis(2) * devices)
            .max(OPENING)
            .min(self.interval);
        now + spread.mul_f64(index as f64 / f64::from(devices))
    }
}

/// The earliest moment for a question out of turn, to a device that was asked last at `before`.
pub(super) fn out_of_turn(before: Option<Instant>, now: Instant) -> Instant {
    before.map_or(now, |before| now.max(before + GAP))
}

/// How far a device is in its round of questions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    next: Instant,
    check: Instant,
    left: u32,
}

/// What the schedule must know about a device to decide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    /// Probes sent since the last answered one.
    pub(super) unanswered: u64,
    /// Whether the device is known to be down, or out of reach.
    pub(super) down: bool,
}

/// Whether it is time to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Ask,
    Wait,
}

impl Turn {
    /// A device whose first check is at `first`.
    pub(super) fn new(first: Instant) -> Self {
        Self {
            next: first,
            check: first,
            left: 0,
        }
    }

    /// When to look at the device again.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Decides at `now`, which is [`next`](Self::next) or later, and sets when to look again. Checks that were
    /// slept through are left out, not caught up with.
    pub(super) fn step(&mut self, device: DeviceId, plan: &Plan, silence: Silence, now: Instant) -> Step {
        if now >= self.check {
            self.left = plan.probes.max(1);
            self.check = plan.next_check(device, now);
        }
        let suspected = !silence.down && (1..u64::from(plan.failures)).contains(&silence.unanswered);
        if self.left == 0 && !suspected {
            self.next = self.check;
            return Step::Wait;
        }
        self.left = self.left.saturating_sub(1);
        let pause = if self.left > 0 { plan.gap() } else { GAP };
        self.next = self.check.min(now + pause);
        Step::Ask
    }

    /// Asks at `at`, unless a question comes sooner anyway.
    pub(super) fn hasten(&mut self, at: Instant) {
        self.left = self.left.max(1);
        self.next = self.next.min(at);
    }

    /// Moves a question that cannot be asked yet.
    pub(super) fn postpone(&mut self, until: Instant) {
        self.next = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId(0);

    fn plan(interval: u64, probes: u32, failures: u32) -> Plan {
        Plan {
            interval: Duration::from_secs(interval),
            probes,
            failures,
            timeout: Duration::from_secs(5),
            epoch: Instant::now(),
        }
    }

    /// Milliseconds after the start at which questions are asked, until `end` seconds.
    fn asked(plan: Plan, end: u64, silence: impl Fn(u64, u64) -> Silence) -> Vec<u64> {
        let mut turn = Turn::new(plan.epoch);
        let mut times = Vec::new();
        while turn.next() < plan.epoch + Duration::from_secs(end) {
            let now = turn.next();
            let at = u64::try_from((now - plan.epoch).as_millis()).expect("short");
            if turn.step(DEVICE, &plan, silence(times.len() as u64, at), now) == Step::Ask {
                times.push(at);
            }
        }
        times
    }

    #[test]
    fn questions_come_when_they_should() {
        let answered = |_, _| Silence {
            unanswered: 0,
            down: false,
        };
        let dead = |sent, at| Silence {
            unanswered: sent,
            down: at >= 7_000,
        };
        let rows: [(&str, Vec<u64>, Vec<u64>); 6] = [
            (
                "a healthy device: three a check",
                asked(plan(120, 3, 3), 121, answered),
                vec![0, 1_000, 2_000, 120_000],
            ),
            (
                "one probe a check",
                asked(plan(60, 1, 3), 61, answered),
                vec![0, 60_000],
            ),
            (
                "silent: re-probes a second apart until there are enough",
                asked(plan(120, 1, 3), 119, dead),
                vec![0, 1_000, 2_000],
            ),
            (
                "more failures than probes",
                asked(plan(120, 3, 5), 119, dead),
                vec![0, 1_000, 2_000, 3_000, 4_000],
            ),
            (
                "probes share a short interval",
                asked(plan(1, 2, 3), 2, answered),
                vec![0, 500, 1_000, 1_500],
            ),
            (
                "a regular check replaces the re-probe",
                asked(plan(1, 1, 3), 3, dead),
                vec![0, 1_000, 2_000],
            ),
        ];
        for (why, times, expected) in rows {
            assert_eq!(times, expected, "{why}");
        }
    }

    #[test]
    fn an_answer_to_a_re_probe_ends_the_suspicion() {
        let silence = |sent, _| Silence {
            unanswered: u64::from(sent == 1),
            down: false,
        };
        assert_eq!(asked(plan(120, 1, 3), 119, silence), [0, 1_000]);
    }

    #[test]
    fn devices_are_spread_over_the_interval() {
        let plan = plan(120, 1, 3);
        let mut phases: Vec<_> = (0..1_000).map(|id| plan.phase(DeviceId(id))).collect();
        phases.sort_unstable();
        let largest = phases
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .max()
            .expect("many");
        assert!(
            largest < Duration::from_millis(350),
            "120 s over 1000 devices, largest hole {largest:?}"
        );
    }

    #[test]
    fn a_long_sleep_is_not_caught_up_with() {
        let plan = plan(60, 1, 3);
        let mut turn = Turn::new(plan.epoch);
        let healthy = Silence {
            unanswered: 0,
            down: false,
        };
        let late = plan.epoch + Duration::from_secs(3_605);
        assert_eq!(turn.step(DEVICE, &plan, healthy, late), Step::Ask);
        assert_eq!(turn.step(DEVICE, &plan, healthy, turn.next()), Step::Wait);
        assert_eq!(turn.next() - plan.epoch, Duration::from_mins(61));
    }

    #[test]
    fn new_devices_are_asked_soon() {
        let plan = plan(120, 3, 3);
        for (count, last) in [(1, 0), (4, 750), (1_000, 1_998)] {
            let at = plan.opening(count - 1, count, plan.epoch) - plan.epoch;
            assert_eq!(at.as_millis(), last, "the last of {count}");
        }
    }
}
