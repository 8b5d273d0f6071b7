//! Which filesystems are shown, each once, and how their space can be asked for.

use std::path::{Path, PathBuf};

use smol_str::{SmolStr, ToSmolStr};

use super::mountinfo::{Device, Entry, Tree};
use crate::collectors::system::{config::Config, selection};

/// Types whose `statvfs` is answered from memory and cannot wait for another host or program. Anything else,
/// and anything mounted below it, is asked on a thread of its own. An overlay belongs here as it is answered by
/// its upper layer, which the kernel does not accept on a network filesystem.
const LOCAL: &[&str] = &[
    "bcachefs", "btrfs", "cramfs", "devtmpfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfs",
    "hfsplus", "iso9660", "jfs", "minix", "msdos", "nilfs2", "ntfs3", "overlay", "proc", "ramfs", "reiserfs",
    "rootfs", "squashfs", "sysfs", "tmpfs", "udf", "ufs", "vfat", "xfs", "zfs",
];

/// A filesystem to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) disk: SmolStr,
    /// As the host sees it.
    pub(super) mountpoint: SmolStr,
    pub(super) fstype: SmolStr,
    /// Where we see it.
    pub(super) path: PathBuf,
    pub(super) read_only: bool,
    pub(super) access: Access,
    pub(super) device: Device,
}

/// How a filesystem can be asked for its space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Answers at once.
    Prompt,
    /// Depends on another host or program, which may never answer.
    MayHang,
    /// Cannot be asked: what we see at its path is another filesystem, whose space is not to be mistaken for its
    /// own. It is shown with `device_error`, as a disk that nobody watches should be noticed; those who hide it on
    /// purpose can exclude it.
    Hidden,
}

/// The mounts of the host, and where we see them.
#[derive(Debug)]
pub(super) struct Sight<'a> {
    /// Our own mounts.
    own: Tree,
    /// The mounts of process 1; `None` where it is not known to see what we see.
    host: Option<Tree>,
    /// Where we see the host's root.
    root: &'a Path,
    /// Whether `own` tells about the paths below `root`. It does not when links lead there.
    own_tells: bool,
}

impl<'a> Sight<'a> {
    /// What the tables of our own process and of process 1 tell.
    ///
    /// The latter says how mounts are outside of our sandbox, such as that of a systemd unit, where all are
    /// read-only. Without a root of the host given, that holds only if both have the same folder of the same device
    /// as their root: after `chroot`, and in a container that shares no more than process numbers, process 1 sees
    /// other things at the same paths.
    pub(super) fn new(own: Tree, of_process_1: Option<Tree>, root: &'a Path) -> Self {
        let at_root = |tree: &Tree, root: &Path| {
            let last = tree.way_to(root).last().copied();
            last.map(|entry| (entry.device, entry.folder.clone()))
        };
        let seen = at_root(&own, root);
        let same = |host: &Tree| seen.is_some() && seen == at_root(host, Path::new("/"));
        let host = of_process_1.filter(|host| root != Path::new("/") || same(host));
        Self {
            own_tells: host.as_ref().is_none_or(same),
            own,
            host,
            root,
        }
    }

    /// The filesystems to show: what is reachable on the host and chosen, each device once.
    pub(super) fn select(&self, config: &Config) -> Vec<Mount> {
        let table = self.host.as_ref().unwrap_or(&self.own);
        let mounts = table.entries().iter().filter_map(|entry| {
            let mountpoint = self.on_host(entry)?;
            let shown = selection::shows(config, &mountpoint.to_string_lossy(), &entry.fstype);
            (shown && table.reaches(entry)).then(|| self.mount(entry, &mountpoint))
        });
        each_device_once(mounts)
    }

    /// Where the host sees a mount; `None` for what a container has besides the host's.
    fn on_host(&self, entry: &Entry) -> Option<PathBuf> {
        match self.host {
            Some(_) => Some(entry.mountpoint.clone()),
            None => Some(Path::new("/").join(entry.mountpoint.strip_prefix(self.root).ok()?)),
        }
    }

    fn mount(&self, entry: &Entry, mountpoint: &Path) -> Mount {
        let path = self.root.join(mountpoint.strip_prefix("/").unwrap_or(mountpoint));
        let way = match &self.host {
            Some(host) if !self.own_tells => host.way_to(&entry.mountpoint),
            _ => self.own.way_to(&path),
        };
        Mount {
            disk: entry.source.clone(),
            mountpoint: mountpoint.to_string_lossy().to_smolstr(),
            fstype: entry.fstype.clone(),
            access: access(&way, entry.device),
            path,
            read_only: entry.read_only,
            device: entry.device,
        }
    }
}

fn access(way: &[&Entry], device: Device) -> Access {
    match way.last() {
        Some(last) if last.device == device => {
            let prompt = way.iter().all(|entry| LOCAL.contains(&entry.fstype.as_str()));
            if prompt { Access::Prompt } else { Access::MayHang }
        }
        _ => Access::Hidden,
    }
}

/// Bind mounts and subvolumes repeat the space of their device: the one that can be written and is nearest to
/// the root stands for all. Exports of one server may share a device number and still differ in space.
fn each_device_once(mounts: impl Iterator<Item = Mount>) -> Vec<Mount> {
    let mut kept: Vec<Mount> = Vec::new();
    for mount in mounts {
        let same = kept
            .iter_mut()
            .find(|earlier| earlier.device == mount.device && earlier.disk == mount.disk);
        match same {
            None => kept.push(mount),
            Some(earlier) if rank(&mount) < rank(earlier) => *earlier = mount,
            Some(_) => {}
        }
    }
    kept
}

fn rank(mount: &Mount) -> (bool, bool, usize) {
    let hidden = mount.access == Access::Hidden;
    (mount.read_only, hidden, mount.mountpoint.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(table: &str) -> Tree {
        Tree::parse(table.as_bytes()).expect("well-formed")
    }

    fn shown(own: &str, of_process_1: Option<&str>, root: &str) -> Vec<(String, PathBuf, Access)> {
        Sight::new(tree(own), of_process_1.map(tree), Path::new(root))
            .select(&Config::default())
            .into_iter()
            .map(|mount| (mount.mountpoint.to_string(), mount.path, mount.access))
            .collect()
    }

    fn expected(mounts: &[(&str, &str, Access)]) -> Vec<(String, PathBuf, Access)> {
        mounts
            .iter()
            .map(|(mountpoint, path, access)| ((*mountpoint).to_owned(), PathBuf::from(path), *access))
            .collect()
    }

    #[test]
    fn a_container_sees_the_mounts_of_the_host_under_their_own_names() {
        let of_host = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv rw - xfs /dev/sdb1 rw\n";
        let of_container = "11 9 0:50 / / rw - overlay overlay rw\n\
                            12 11 8:1 / /host ro - ext4 /dev/sda1 rw\n\
                            13 12 8:2 / /host/srv ro - xfs /dev/sdb1 rw\n\
                            14 11 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n";
        let without_srv: String = of_container
            .split_inclusive('\n')
            .filter(|line| !line.contains("srv"))
            .collect();
        let elsewhere = "11 9 0:50 / / rw - overlay overlay rw\n";
        let (root, srv) = (
            ("/", "/host/", Access::Prompt),
            ("/srv", "/host/srv", Access::Prompt),
        );
        let hidden = ("/srv", "/host/srv", Access::Hidden);
        for (own, of_process_1, mounts, why) in [
            (of_container, Some(of_host), [root, srv], "the table of process 1"),
            (
                of_container,
                None,
                [root, srv],
                "our own table, without what is not the host's",
            ),
            (
                &without_srv,
                Some(of_host),
                [root, hidden],
                "mounted after the container was made",
            ),
            (
                elsewhere,
                Some(of_host),
                [root, srv],
                "links lead to the root, and our own table cannot tell",
            ),
        ] {
            assert_eq!(shown(own, of_process_1, "/host"), expected(&mounts), "{why}");
        }
    }

    #[test]
    fn process_1_counts_only_if_it_has_the_same_root() {
        let of_host = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv rw - xfs /dev/sdb1 rw\n";
        let (root, srv) = (("/", "/", Access::Prompt), ("/srv", "/srv", Access::Prompt));
        let data = ("/data", "/data", Access::Prompt);
        for (own, mounts, why) in [
            (
                "11 9 8:1 / / ro - ext4 /dev/sda1 rw\n12 11 8:2 / /srv ro - xfs /dev/sdb1 rw\n",
                &[root, srv][..],
                "a sandbox",
            ),
            ("11 9 0:50 / / rw - overlay overlay rw\n", &[root], "a container"),
            (
                "11 9 8:1 /jail / rw - ext4 /dev/sda1 rw\n",
                &[root],
                "another folder of the same device",
            ),
            (
                "11 9 8:3 / /data rw - ext4 /dev/sdc1 rw\n",
                &[data],
                "the root is no mount at all",
            ),
        ] {
            assert_eq!(shown(own, Some(of_host), "/"), expected(mounts), "{why}");
        }
    }

    #[test]
    fn another_filesystem_at_the_same_path_is_not_mistaken_for_it() {
        let of_host = "1 0 8:1 / / rw - btrfs /dev/sda1 rw,subvol=/\n2 1 8:2 / /home rw - ext4 /dev/sdb1 rw\n\
                       3 1 8:3 / /new rw - ext4 /dev/sdc1 rw\n4 1 8:4 / /srv rw - ext4 /dev/sdd1 rw\n";
        let own = "11 9 8:1 / / ro - btrfs /dev/sda1 rw,subvol=/\n12 11 8:2 / /home ro - ext4 /dev/sdb1 rw\n\
                   13 12 0:70 / /home ro - tmpfs tmpfs ro\n14 11 8:4 /part /srv ro - ext4 /dev/sdd1 rw\n";
        let mounts = [
            ("/", "/", Access::Prompt),
            ("/home", "/home", Access::Hidden),
            ("/new", "/new", Access::Hidden),
            ("/srv", "/srv", Access::Prompt),
        ];
        assert_eq!(
            shown(own, Some(of_host), "/"),
            expected(&mounts),
            "/home is covered, /new never came here, /srv is a part of the same filesystem"
        );
    }

    #[test]
    fn each_device_is_shown_once_where_it_can_be_written() {
        let table = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:1 /nix /nix/store ro - ext4 /dev/sda1 rw\n\
                     3 1 8:1 /docker /var/lib/docker rw - ext4 /dev/sda1 rw\n4 1 0:50 / /a rw - zfs tank/a rw\n\
                     5 1 0:51 / /b rw - zfs tank/b rw\n6 5 8:2 / /b rw - ext4 /dev/sdb1 rw\n\
                     7 1 0:60 / /m rw - nfs nas:/m rw\n8 1 0:60 / /n rw - nfs nas:/n rw\n";
        let mountpoints: Vec<_> = shown(table, None, "/")
            .into_iter()
            .map(|(mountpoint, ..)| mountpoint)
            .collect();
        assert_eq!(
            mountpoints,
            ["/", "/a", "/b", "/m", "/n"],
            "and /b only as what was mounted last"
        );
    }

    #[test]
    fn what_depends_on_others_may_hang_and_so_may_all_below_it() {
        let table = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / /mnt rw - nfs4 nas:/x rw\n\
                     3 2 8:2 / /mnt/inner rw - ext4 /dev/sdb1 rw\n4 1 8:3 / /mnt2 rw - ext4 /dev/sdc1 rw\n\
                     5 1 8:4 / /odd rw - newfs /dev/sdd1 rw\n6 1 0:41 / /boot rw - autofs systemd-1 rw\n\
                     7 6 8:5 / /boot rw - vfat /dev/sde1 rw\n";
        let mounts = [
            ("/", "/", Access::Prompt),
            ("/mnt", "/mnt", Access::MayHang),
            ("/mnt/inner", "/mnt/inner", Access::MayHang),
            ("/mnt2", "/mnt2", Access::Prompt),
            ("/odd", "/odd", Access::MayHang),
            ("/boot", "/boot", Access::Prompt),
        ];
        assert_eq!(shown(table, None, "/"), expected(&mounts));
    }
}
