//! A made-up host as a reading finds it.

use std::{sync::Arc, time::Duration};

use super::{
    Config, ReadHost,
    cpu::{Core, Cpu, IDLE, IOWAIT, Time, Times},
    disks::Disk,
    filesystems::{Filesystem, Inodes, Space},
    host::Os,
    load::Load,
    memory::{Memory, Swap},
    snapshot::{Purpose, Snapshot},
    temperatures::Temperature,
};
use crate::collectors::{
    Outcome,
    demo::{CPUS, DISKS, MOUNTS, World},
};

/// Ticks in a second, as most kernels count them.
const TICKS: f64 = 100.0;
const MEMORY: f64 = 16.0 * 1024.0 * 1024.0 * 1024.0;
const SWAP: f64 = 4.0 * 1024.0 * 1024.0 * 1024.0;
/// Places among the modes of [`Times`].
const USER: usize = 0;
const SYSTEM: usize = 2;

/// Reads a made-up host.
pub(super) struct MadeUp(pub(super) Arc<World>);

impl ReadHost for MadeUp {
    fn read(&mut self, _config: &Arc<Config>, _purpose: Purpose) -> Outcome<Snapshot> {
        let (now, totals) = self.0.counters();
        let gauges = self.0.gauges(now);
        let [one, five, fifteen] = gauges.load;
        let mounts = MOUNTS.iter().zip(gauges.full);
        let disks = DISKS.iter().zip(totals.disks);
        let sensors = ["coretemp: Package", "nvme: Composite"]
            .into_iter()
            .zip(gauges.celsius);
        let booted = self.0.booted();
        Outcome::ok(Snapshot {
            cpu: Ok(cpus(&totals.cpus)),
            load: Ok(Load { one, five, fifteen }),
            memory: Ok(Memory {
                size: whole(MEMORY),
                available: Some(whole(MEMORY * (1.0 - gauges.memory))),
                free: whole(MEMORY * (1.0 - gauges.memory) * 0.3),
                swap: Some(Swap {
                    size: whole(SWAP),
                    free: whole(SWAP * (1.0 - gauges.swap)),
                }),
            }),
            filesystems: Ok(mounts
                .map(|(fixed, full)| Filesystem {
                    disk: fixed.disk.into(),
                    mountpoint: fixed.mountpoint.into(),
                    fstype: fixed.fstype.into(),
                    read_only: false,
                    space: Some(Space {
                        size: whole(fixed.size),
                        avail: whole(fixed.size * (1.0 - full)),
                        free: Some(whole(fixed.size * (1.0 - full))),
                        inodes: Some(Inodes {
                            all: whole(fixed.size / 16_384.0),
                            free: whole(fixed.size / 16_384.0 * (1.0 - full / 4.0)),
                        }),
                    }),
                })
                .collect()),
            disks: Ok(disks
                .map(|(name, counted)| Disk {
                    name: (*name).into(),
                    read_bytes: whole(counted.read),
                    written_bytes: whole(counted.written),
                    io_time: Some(Duration::from_secs_f64(counted.busy)),
                })
                .collect()),
            temperatures: Ok(sensors
                .map(|(sensor, celsius)| Temperature {
                    sensor: sensor.into(),
                    celsius: Some((celsius * 10.0).round() / 10.0),
                })
                .collect()),
            boot_time: Ok(booted.unsigned_abs()),
            uptime: Ok(now.unix_seconds() - booted as f64),
            os: Some(Arc::new(Os {
                id: "demo".into(),
                name: "A made-up host".into(),
                version_id: "1".into(),
                kernel: "6.12.0".into(),
                architecture: "x86_64".into(),
            })),
        })
    }
}

fn cpus(counted: &[[f64; 4]; CPUS]) -> Cpu {
    let times = |[user, system, idle, waiting]: [f64; 4]| {
        let mut times = Times::default();
        for (mode, seconds) in [(USER, user), (SYSTEM, system), (IDLE, idle), (IOWAIT, waiting)] {
            times.0[mode] = whole(seconds * TICKS);
        }
        times
    };
    let mut all = [0.0; 4];
    for one in counted {
        all.iter_mut().zip(one).for_each(|(sum, seconds)| *sum += seconds);
    }
    Cpu {
        logical: CPUS,
        time: Time::Counted {
            cores: counted
                .iter()
                .enumerate()
                .map(|(number, one)| Core {
                    name: smol_str::format_smolstr!("{number}"),
                    times: times(*one),
                })
                .collect(),
            all: times(all),
            ticks_per_second: TICKS,
        },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes and counters are positive and far below the limit"
)]
fn whole(number: f64) -> u64 {
    number as u64
}
