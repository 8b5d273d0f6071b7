//! CPUs, memory, disks and sensors of the made-up host.

use super::{
    Totals, bustle, chance,
    story::{FILLING, LEAK, RUNAWAYS},
};

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// What does not change about a mounted filesystem.
#[derive(Debug)]
pub(in crate::collectors) struct Mount {
    pub(in crate::collectors) disk: &'static str,
    pub(in crate::collectors) mountpoint: &'static str,
    pub(in crate::collectors) fstype: &'static str,
    /// In bytes.
    pub(in crate::collectors) size: f64,
}

/// The filesystems of the host.
pub(in crate::collectors) const MOUNTS: [Mount; 3] = [
    Mount {
        disk: "/dev/nvme0n1p2",
        mountpoint: "/",
        fstype: "ext4",
        size: 96.0 * GIB,
    },
    Mount {
        disk: "/dev/nvme0n1p3",
        mountpoint: "/home",
        fstype: "ext4",
        size: 360.0 * GIB,
    },
    Mount {
        disk: "/dev/sda1",
        mountpoint: "/srv",
        fstype: "xfs",
        size: 3700.0 * GIB,
    },
];

/// What goes up and down.
#[derive(Debug, Clone, Copy)]
pub(in crate::collectors) struct Gauges {
    /// Load averages over 1, 5 and 15 minutes.
    pub(in crate::collectors) load: [f64; 3],
    /// Share of memory in use, and of swap.
    pub(in crate::collectors) memory: f64,
    pub(in crate::collectors) swap: f64,
    /// Share in use of each of [`MOUNTS`].
    pub(in crate::collectors) full: [f64; MOUNTS.len()],
    /// Degrees of the CPU and of the disk.
    pub(in crate::collectors) celsius: [f64; 2],
}

/// Adds `step` seconds around `at` to the counters of CPUs and disks.
pub(super) fn count(totals: &mut Totals, at: f64, hour: f64, step: f64) {
    for (index, seconds) in totals.cpus.iter_mut().enumerate() {
        let busy = (cpu(at, hour) + 0.05 * chance(40 + index as u64, at, 120.0)).clamp(0.01, 0.99);
        let waiting = (1.0 - busy) * 0.01;
        let shares = [busy * 0.78, busy * 0.22, 1.0 - busy - waiting, waiting];
        for (total, share) in seconds.iter_mut().zip(shares) {
            *total += share * step;
        }
    }
    for (index, disk) in totals.disks.iter_mut().enumerate() {
        let key = 50 + index as u64;
        let busy = bustle(hour) * (1.0 + 0.5 * chance(key, at, 300.0));
        disk.read += (0.1e6 + 3e6 * busy) * step;
        disk.written += (0.3e6 + 2e6 * busy) * step;
        disk.busy += (0.01 + 0.2 * busy).min(1.0) * step;
    }
}

/// Share of the CPUs in use.
fn cpu(at: f64, hour: f64) -> f64 {
    let wild = RUNAWAYS.iter().find(|(when, _)| when.age(at).is_some());
    if let Some((_, share)) = wild {
        return share + 0.02 * chance(38, at, 60.0);
    }
    0.06 + 0.4 * bustle(hour) * (1.0 + 0.3 * chance(39, at, 600.0))
}

/// What goes up and down, at that time.
pub(super) fn gauges(at: f64, hour: f64) -> Gauges {
    // The average over some minutes is about the value in their middle.
    let load = [30.0, 150.0, 450.0].map(|ago| cpu(at - ago, hour) * 4.4);
    let leak = LEAK.share(at).unwrap_or_default();
    let filling = FILLING.share(at).unwrap_or_default();
    let now = cpu(at, hour);
    Gauges {
        load,
        memory: 0.46 + 0.08 * bustle(hour) + 0.4 * leak + 0.01 * chance(60, at, 1200.0),
        swap: 0.02 + 0.3 * leak,
        full: [
            0.41 + 0.01 * chance(61, at, 43_200.0),
            0.58 + 0.02 * filling + 0.003 * chance(62, at, 7200.0),
            0.60 + 0.37 * filling,
        ],
        celsius: [
            38.0 + 34.0 * now + chance(63, at, 300.0),
            36.0 + 5.0 * bustle(hour) + 0.5 * chance(64, at, 900.0),
        ],
    }
}
