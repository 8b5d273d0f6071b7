//! Mounted filesystems: space, inodes, and whether they can be written and read at all.

use smol_str::SmolStr;

use crate::sample::{Desc, Family, Kind, Missing, Observed, Signal, SubjectKind};

pub(super) const SIZE: Desc = gauge("netkestrel_filesystem_size_bytes", "Size of the filesystem.");
pub(super) const AVAIL: Desc = gauge(
    "netkestrel_filesystem_avail_bytes",
    "Space available to unprivileged users.",
);
pub(super) const FREE: Desc = gauge("netkestrel_filesystem_free_bytes", "Free space.");
pub(super) const FILES: Desc = gauge("netkestrel_filesystem_files", "Inodes of the filesystem.");
pub(super) const FILES_FREE: Desc = gauge("netkestrel_filesystem_files_free", "Free inodes.");
pub(super) const READONLY: Desc = gauge(
    "netkestrel_filesystem_readonly",
    "Whether the filesystem is mounted read-only.",
);
pub(super) const DEVICE_ERROR: Desc = gauge(
    "netkestrel_filesystem_device_error",
    "Whether reading the filesystem failed or timed out.",
);
pub(super) const USAGE_SIGNAL: Signal = Signal {
    name: "filesystem_usage_ratio",
    title: "disk usage",
    subject: SubjectKind::Mount,
    help: "Share of the space of a writable filesystem in use, 0 to 1, as df shows it.",
};
pub(super) const INODES_SIGNAL: Signal = Signal {
    name: "filesystem_inodes_usage_ratio",
    title: "inode usage",
    subject: SubjectKind::Mount,
    help: "Share of the inodes of a writable filesystem in use, 0 to 1.",
};
/// Not read of the system: whoever remembers how filesystems filled tells it.
pub(super) const FULL_SIGNAL: Signal = Signal {
    name: "filesystem_full_seconds",
    title: "time until full",
    subject: SubjectKind::Mount,
    help: "Time until a writable filesystem is full, as it filled over the last weeks, or over the last hours where it never filled like that before; a year stands for more and for never.",
};

const fn gauge(name: &'static str, help: &'static str) -> Desc {
    Desc {
        name,
        kind: Kind::Gauge,
        labels: &["disk", "mountpoint", "fstype"],
        help,
    }
}

/// Space of a filesystem, in bytes, and its inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) size: u64,
    /// What unprivileged users can still fill.
    pub(super) avail: u64,
    /// Including what is reserved for root; `None` where the system does not tell.
    pub(super) free: Option<u64>,
    /// `None` on filesystems that do not count inodes.
    pub(super) inodes: Option<Inodes>,
}

/// Inodes of a filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inodes {
    pub(super) all: u64,
    pub(super) free: u64,
}

/// A mounted filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filesystem {
    pub(super) disk: SmolStr,
    pub(super) mountpoint: SmolStr,
    pub(super) fstype: SmolStr,
    /// Whether nobody can write to it, however we see it.
    pub(super) read_only: bool,
    /// `None` when it did not answer, answered with an error, or cannot be asked as we do not see it.
    pub(super) space: Option<Space>,
}

impl Space {
    /// Share in use of what unprivileged users can have, as df computes it: the reserve of root is neither used
    /// nor available.
    pub(super) fn usage(&self) -> Option<f64> {
        let used = self.size.saturating_sub(self.free.unwrap_or(self.avail));
        let all = used.saturating_add(self.avail);
        (all > 0).then(|| used as f64 / all as f64)
    }

    fn inodes_usage(&self) -> Option<f64> {
        let inodes = self.inodes.filter(|inodes| inodes.all > 0)?;
        Some(inodes.all.saturating_sub(inodes.free) as f64 / inodes.all as f64)
    }
}

impl Filesystem {
    /// Share of its space in use; `None` for a filesystem nobody can fill because it is read-only: an image
    /// that is 100 % full is no trouble.
    pub(super) fn usage(&self) -> Option<Observed> {
        self.observe(|space| space.usage().ok_or(Missing::Unsupported))
    }

    /// Share of its inodes in use; `None` for one that is read-only or does not count inodes.
    pub(super) fn inodes_usage(&self) -> Option<Observed> {
        let counts = self.space.is_none_or(|space| space.inodes.is_some());
        counts.then(|| self.observe(|space| space.inodes_usage().ok_or(Missing::Unsupported)))?
    }

    fn observe(&self, share: impl FnOnce(&Space) -> Result<f64, Missing>) -> Option<Observed> {
        let share = match &self.space {
            Some(space) => share(space),
            None => Err(Missing::ReadFailed),
        };
        (!self.read_only).then(|| share.map_or_else(Observed::Missing, Observed::Value))
    }
}

/// Space, inodes and state of every filesystem.
pub(super) fn families(filesystems: &[Filesystem]) -> Vec<Family> {
    let [mut size, mut avail, mut free] = [&SIZE, &AVAIL, &FREE].map(Family::new);
    let [mut files, mut files_free] = [&FILES, &FILES_FREE].map(Family::new);
    let [mut readonly, mut device_error] = [&READONLY, &DEVICE_ERROR].map(Family::new);
    for filesystem in filesystems {
        let labels = || {
            [
                filesystem.disk.clone(),
                filesystem.mountpoint.clone(),
                filesystem.fstype.clone(),
            ]
        };
        readonly.push(labels(), flag(filesystem.read_only));
        device_error.push(labels(), flag(filesystem.space.is_none()));
        let Some(space) = &filesystem.space else { continue };
        size.push(labels(), space.size as f64);
        avail.push(labels(), space.avail as f64);
        free.push_some(labels(), space.free.map(|bytes| bytes as f64));
        if let Some(inodes) = &space.inodes {
            files.push(labels(), inodes.all as f64);
            files_free.push(labels(), inodes.free as f64);
        }
    }
    vec![size, avail, free, files, files_free, readonly, device_error]
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_follows_df_and_spares_what_nobody_can_fill() {
        let space = Space {
            size: 1000,
            avail: 300,
            free: Some(400),
            inodes: Some(Inodes { all: 10, free: 4 }),
        };
        let filesystem = |read_only, space| Filesystem {
            disk: "/dev/sda1".into(),
            mountpoint: "/".into(),
            fstype: "ext4".into(),
            read_only,
            space,
        };
        let no_inodes = Space {
            inodes: None,
            ..space
        };
        let empty = Space {
            size: 0,
            avail: 0,
            free: Some(0),
            inodes: None,
        };
        let missing = |why| Some(Observed::Missing(why));
        for (filesystem, usage, inodes, why) in [
            (
                filesystem(false, Some(space)),
                Some(Observed::Value(600.0 / 900.0)),
                Some(Observed::Value(0.6)),
                "the reserve of root does not count",
            ),
            (filesystem(true, Some(space)), None, None, "read-only"),
            (
                filesystem(false, Some(no_inodes)),
                Some(Observed::Value(600.0 / 900.0)),
                None,
                "inodes are not counted",
            ),
            (
                filesystem(false, None),
                missing(Missing::ReadFailed),
                missing(Missing::ReadFailed),
                "it does not answer",
            ),
            (
                filesystem(false, Some(empty)),
                missing(Missing::Unsupported),
                None,
                "it has no size",
            ),
        ] {
            assert_eq!(
                (filesystem.usage(), filesystem.inodes_usage()),
                (usage, inodes),
                "{why}"
            );
        }
    }
}
