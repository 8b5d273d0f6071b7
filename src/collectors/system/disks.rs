//! Disk traffic: bytes and busy time since boot, and their rates between two runs.

use std::time::Duration;

use smol_str::SmolStr;

use crate::sample::{Desc, Family, Kind, Missing, Observed, Reading, Signal, SubjectKind};

pub(super) const READ: Desc = counter("netkestrel_disk_read_bytes_total", "Bytes read from the disk.");
pub(super) const WRITTEN: Desc = counter(
    "netkestrel_disk_written_bytes_total",
    "Bytes written to the disk.",
);
pub(super) const IO_TIME: Desc = counter(
    "netkestrel_disk_io_time_seconds_total",
    "Seconds the disk spent doing I/O.",
);
pub(super) const READ_SIGNAL: Signal = Signal {
    name: "disk_read_bytes_per_second",
    title: "disk reads",
    subject: SubjectKind::Disk,
    help: "Bytes read from the disk per second.",
};
pub(super) const WRITTEN_SIGNAL: Signal = Signal {
    name: "disk_written_bytes_per_second",
    title: "disk writes",
    subject: SubjectKind::Disk,
    help: "Bytes written to the disk per second.",
};
pub(super) const IO_TIME_SIGNAL: Signal = Signal {
    name: "disk_io_time_ratio",
    title: "disk busy time",
    subject: SubjectKind::Disk,
    help: "Share of the time in which the disk had something to do, 0 to 1.",
};

const fn counter(name: &'static str, help: &'static str) -> Desc {
    Desc {
        name,
        kind: Kind::Counter,
        labels: &["disk"],
        help,
    }
}

/// Counters of a disk since boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) name: SmolStr,
    pub(super) read_bytes: u64,
    pub(super) written_bytes: u64,
    /// Time with I/O in flight; `None` where the system does not tell.
    pub(super) io_time: Option<Duration>,
}

/// Counters of every disk.
pub(super) fn families(disks: &[Disk]) -> Vec<Family> {
    let [mut read, mut written, mut io_time] = [&READ, &WRITTEN, &IO_TIME].map(Family::new);
    for disk in disks {
        read.push([disk.name.clone()], disk.read_bytes as f64);
        written.push([disk.name.clone()], disk.written_bytes as f64);
        io_time.push_some([disk.name.clone()], disk.io_time.map(|time| time.as_secs_f64()));
    }
    vec![read, written, io_time]
}

/// Rates of every disk since `before`, which was read `elapsed` earlier; `None` on the first run.
pub(super) fn rates(before: Option<(&[Disk], Duration)>, after: &[Disk]) -> Vec<Reading> {
    let mut readings = Vec::with_capacity(after.len() * 3);
    for disk in after {
        let earlier = before.and_then(|(disks, elapsed)| {
            let same = disks.iter().find(|earlier| earlier.name == disk.name)?;
            Some((same, elapsed))
        });
        let mut push = |signal, observed| {
            readings.push(Reading {
                signal,
                subject: disk.name.clone(),
                observed,
            });
        };
        let bytes = |of: fn(&Disk) -> u64| rate(earlier, disk, |disk| of(disk) as f64);
        push(&READ_SIGNAL, bytes(|disk| disk.read_bytes));
        push(&WRITTEN_SIGNAL, bytes(|disk| disk.written_bytes));
        if disk.io_time.is_some() {
            push(&IO_TIME_SIGNAL, io_time_share(earlier, disk));
        }
    }
    readings
}

/// The kernel counts whole milliseconds at a moment of its own, so a busy disk may seem to work a little more
/// than all the time.
fn io_time_share(earlier: Option<(&Disk, Duration)>, disk: &Disk) -> Observed {
    let seconds = |disk: &Disk| disk.io_time.unwrap_or_default().as_secs_f64();
    match rate(earlier, disk, seconds) {
        Observed::Value(share) => Observed::Value(share.min(1.0)),
        other => other,
    }
}

fn rate(earlier: Option<(&Disk, Duration)>, disk: &Disk, of: impl Fn(&Disk) -> f64) -> Observed {
    let Some((before, elapsed)) = earlier else {
        return Observed::Missing(Missing::FirstReading);
    };
    let difference = of(disk) - of(before);
    if difference < 0.0 {
        Observed::Missing(Missing::CounterReset)
    } else if elapsed.is_zero() {
        Observed::Missing(Missing::NoSample)
    } else {
        Observed::Value(difference / elapsed.as_secs_f64())
    }
}

/// Readings of the disks known before, when this run could not read them.
pub(super) fn missing(known: &[Disk], why: Missing) -> Vec<Reading> {
    let of_disk = |disk: &Disk| {
        let subject = disk.name.clone();
        let busy = disk.io_time.map(|_| &IO_TIME_SIGNAL);
        let signals = [&READ_SIGNAL, &WRITTEN_SIGNAL].into_iter().chain(busy);
        signals.map(move |signal| Reading {
            signal,
            subject: subject.clone(),
            observed: Observed::Missing(why),
        })
    };
    known.iter().flat_map(of_disk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str, bytes: u64, millis: u64) -> Disk {
        Disk {
            name: name.into(),
            read_bytes: bytes,
            written_bytes: bytes * 2,
            io_time: Some(Duration::from_millis(millis)),
        }
    }

    #[test]
    fn rates_need_a_reading_before_and_counters_that_grow() {
        let ten = Duration::from_secs(10);
        let missing = Observed::Missing;
        for (before, after, expected, why) in [
            (
                None,
                disk("sda", 1000, 0),
                [missing(Missing::FirstReading); 3],
                "the first run",
            ),
            (
                Some(disk("sdb", 0, 0)),
                disk("sda", 1000, 0),
                [missing(Missing::FirstReading); 3],
                "a new disk",
            ),
            (
                Some(disk("sda", 1000, 500)),
                disk("sda", 2000, 3000),
                [
                    Observed::Value(100.0),
                    Observed::Value(200.0),
                    Observed::Value(0.25),
                ],
                "a steady flow",
            ),
            (
                Some(disk("sda", 1000, 500)),
                disk("sda", 10, 10_501),
                [
                    missing(Missing::CounterReset),
                    missing(Missing::CounterReset),
                    Observed::Value(1.0),
                ],
                "another disk of the same name; busy a millisecond more than all the time",
            ),
        ] {
            let before = before.map(|disk| [disk]);
            let readings = rates(before.as_ref().map(|disks| (disks.as_slice(), ten)), &[after]);
            let observed: Vec<_> = readings.iter().map(|reading| reading.observed).collect();
            assert_eq!(observed, expected, "{why}");
        }
    }

    #[test]
    fn no_time_between_two_readings_is_no_rate() {
        let disks = [disk("sda", 0, 0)];
        let readings = rates(Some((&disks, Duration::ZERO)), &disks);
        assert!(
            readings
                .iter()
                .all(|r| r.observed == Observed::Missing(Missing::NoSample))
        );
    }
}
