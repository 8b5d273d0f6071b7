//! Decides which mounts are shown: the user's patterns, or else those that store data of their own.

use super::config::Config;

/// Filesystem types that are left out unless `fstypes.include` names them.
///
/// Beyond the kernel's pseudo filesystems these are memory (tmpfs, ramfs: their content is in the memory
/// metrics already, and `/run/user/UID` comes and goes with every login) and read-only images, which are
/// 100 % full by construction and would keep every rule about full filesystems firing.
const NO_STORAGE: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cramfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "functionfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "fuse.squashfuse",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "resctrl",
    "romfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];

/// An overlay shows the space of the filesystem below it. As the root it is all a container or a live system
/// has; elsewhere it is a container's layer and would repeat its disk once per container. The second is the kind of
/// engines that run without root.
const OVERLAYS: &[&str] = &["overlay", "fuse.fuse-overlayfs"];

/// Whether the filesystem of type `fstype` at `mountpoint` is shown.
pub(super) fn shows(config: &Config, mountpoint: &str, fstype: &str) -> bool {
    let stores = || !NO_STORAGE.contains(&fstype) && (!OVERLAYS.contains(&fstype) || mountpoint == "/");
    config.mounts.passes(mountpoint) && config.fstypes.passes_or(fstype, stores)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Filter;

    #[test]
    fn mounts_are_chosen_by_patterns_or_by_what_they_store() {
        let filter = |include: &[&str], exclude: &[&str]| Filter {
            include: include.iter().map(ToString::to_string).collect(),
            exclude: exclude.iter().map(ToString::to_string).collect(),
        };
        let config = |mounts, fstypes| Config {
            mounts,
            fstypes,
            ..Config::default()
        };
        let none = || filter(&[], &[]);
        for (config, mountpoint, fstype, expected, why) in [
            (config(none(), none()), "/", "ext4", true, "a disk"),
            (config(none(), none()), "/srv", "nfs4", true, "a remote disk"),
            (config(none(), none()), "/tmp", "tmpfs", false, "memory"),
            (
                config(none(), none()),
                "/snap/core/1",
                "squashfs",
                false,
                "an image",
            ),
            (config(none(), none()), "/", "overlay", true, "a container's root"),
            (
                config(none(), none()),
                "/var/x",
                "overlay",
                false,
                "another container's layer",
            ),
            (
                config(none(), none()),
                "/var/x",
                "fuse.fuse-overlayfs",
                false,
                "the same without root",
            ),
            (
                config(none(), filter(&["tmpfs"], &[])),
                "/tmp",
                "tmpfs",
                true,
                "asked for",
            ),
            (
                config(none(), filter(&["tmpfs"], &[])),
                "/",
                "ext4",
                false,
                "not among the included",
            ),
            (
                config(filter(&["/srv*"], &[]), none()),
                "/",
                "ext4",
                false,
                "not among the included",
            ),
            (
                config(filter(&[], &["/boot*"]), none()),
                "/boot/efi",
                "vfat",
                false,
                "excluded",
            ),
            (
                config(filter(&["*"], &["/a"]), none()),
                "/a",
                "ext4",
                false,
                "exclude wins",
            ),
        ] {
            assert_eq!(
                shows(&config, mountpoint, fstype),
                expected,
                "{mountpoint}: {why}"
            );
        }
    }
}
