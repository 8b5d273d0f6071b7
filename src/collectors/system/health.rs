//! Judges how CPU, memory and disks fare against their limits.

use super::filesystems::Filesystem;
use crate::{
    collectors::{HealthLimits, Limit},
    sample::{ComponentHealth, Health, Observed},
};

/// Health of the three components; `None` where it cannot be told.
///
/// The disk component is the fullest filesystem that can be written: a full read-only image is as it should be.
/// One that does not answer has no fullness; it shows in its own `device_error`, and the others still count.
pub(super) fn judge(
    limits: &HealthLimits,
    cpu: Observed,
    memory: Observed,
    filesystems: &[Filesystem],
) -> Vec<ComponentHealth> {
    let fullest = filesystems
        .iter()
        .filter_map(|filesystem| filesystem.usage()?.value())
        .max_by(f64::total_cmp);
    let component = |component, limit: &Limit, ratio: Option<f64>| ComponentHealth {
        component,
        health: ratio.map(|ratio| grade(limit, ratio)),
    };
    vec![
        component("cpu", &limits.cpu, cpu.value()),
        component("memory", &limits.memory, memory.value()),
        component("disk", &limits.disk, fullest),
    ]
}

fn grade(limit: &Limit, ratio: f64) -> Health {
    if ratio >= limit.critical {
        Health::Critical
    } else if ratio >= limit.warning {
        Health::Warning
    } else {
        Health::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::{super::filesystems::Space, *};
    use crate::sample::Missing;

    fn filesystem(used: u64, read_only: bool) -> Filesystem {
        Filesystem {
            disk: "/dev/sda1".into(),
            mountpoint: "/".into(),
            fstype: "ext4".into(),
            read_only,
            space: Some(Space {
                size: 100,
                avail: 100 - used,
                free: Some(100 - used),
                inodes: None,
            }),
        }
    }

    #[test]
    fn limits_are_reached_when_met() {
        let limits = HealthLimits::default();
        for (ratio, expected) in [
            (0.0, Health::Ok),
            (0.79, Health::Ok),
            (0.80, Health::Warning),
            (0.90, Health::Critical),
        ] {
            let health = judge(&limits, Observed::Value(ratio), Observed::Value(0.0), &[]);
            assert_eq!(health[0].health, Some(expected), "{ratio}");
        }
    }

    #[test]
    fn what_was_not_seen_is_unknown() {
        let unseen = Observed::Missing(Missing::FirstReading);
        let mut silent = filesystem(99, false);
        silent.space = None;
        let health = judge(&HealthLimits::default(), unseen, unseen, &[silent]);
        assert!(health.iter().all(|component| component.health.is_none()));
    }

    #[test]
    fn the_fullest_writable_filesystem_decides() {
        let filesystems = [
            filesystem(10, false),
            filesystem(91, false),
            filesystem(100, true),
        ];
        let zero = Observed::Value(0.0);
        let health = judge(&HealthLimits::default(), zero, zero, &filesystems);
        assert_eq!(health[2].component, "disk");
        assert_eq!(health[2].health, Some(Health::Warning));
    }
}
