//! /proc/mounts: what is mounted where, reduced to the filesystems that are shown, each once.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use smol_str::SmolStr;

use super::source::{Malformed, lines};
use crate::collectors::system::{config::Config, selection};

/// Types whose `statvfs` is answered from memory and cannot wait for another host or program. Anything else,
/// and anything mounted below it, is asked on a thread of its own. An overlay belongs here as it is answered by
/// its upper layer, which the kernel does not accept on a network filesystem.
const LOCAL: &[&str] = &[
    "bcachefs", "btrfs", "cramfs", "devtmpfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfs",
    "hfsplus", "iso9660", "jfs", "minix", "msdos", "nilfs2", "ntfs3", "overlay", "proc", "ramfs", "reiserfs",
    "rootfs", "squashfs", "sysfs", "tmpfs", "udf", "ufs", "vfat", "xfs", "zfs",
];

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    device: Vec<u8>,
    mountpoint: Vec<u8>,
    fstype: String,
    read_only: bool,
}

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
    pub(super) wait: Wait,
}

/// Whether asking a filesystem for its space can take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Answered at once.
    Never,
    /// Depends on another host or program, which may never answer.
    Possible,
}

/// Reads the table; spaces and the like in names are written as octal numbers.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Entry>, Malformed> {
    lines(text)
        .filter(|(_, content)| !content.is_empty())
        .map(|(line, content)| entry(line, content))
        .collect()
}

fn entry(line: usize, content: &[u8]) -> Result<Entry, Malformed> {
    let mut fields = content.split(|byte| *byte == b' ');
    let mut field = |what: &str| {
        fields
            .next()
            .ok_or_else(|| Malformed::in_line(line, format!("there is no {what}")))
    };
    let device = unescape(field("device")?);
    let mountpoint = unescape(field("mount point")?);
    let fstype = field("filesystem type")?;
    let options = field("list of options")?;
    if mountpoint.first() != Some(&b'/') {
        let shown = String::from_utf8_lossy(&mountpoint);
        return Err(Malformed::in_line(
            line,
            format!("the mount point is `{shown}`, not an absolute path"),
        ));
    }
    Ok(Entry {
        device,
        mountpoint,
        fstype: String::from_utf8_lossy(fstype).into_owned(),
        read_only: options.split(|byte| *byte == b',').next() == Some(b"ro"),
    })
}

/// Replaces `\040` by the byte of that octal number; anything else stays as it is.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        if let (b'\\', Some((digits, behind))) = (*first, tail.split_at_checked(3))
            && let Some(byte) = octal(digits)
        {
            plain.push(byte);
            rest = behind;
        } else {
            plain.push(*first);
            rest = tail;
        }
    }
    plain
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    u8::from_str_radix(digits, 8).ok().filter(|_| plain)
}

/// Where the table comes from, which decides what its mount points mean.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'a> {
    /// The host's own table; its root is mounted at this path here.
    Host(&'a Path),
    /// Our own table in a container; what is mounted at and below this path is the host's.
    Container(&'a Path),
}

/// The filesystems to show: what is visible and chosen, each device once.
pub(super) fn select(entries: Vec<Entry>, view: View<'_>, config: &Config) -> Vec<Mount> {
    let mounts = visible(entries.into_iter().filter_map(|entry| locate(entry, view)));
    let slow: Vec<PathBuf> = mounts
        .iter()
        .filter(|mount| !LOCAL.contains(&mount.fstype.as_str()))
        .map(|mount| mount.path.clone())
        .collect();
    let chosen = mounts
        .into_iter()
        .filter(|mount| selection::shows(config, &mount.mountpoint, &mount.fstype))
        .map(|mut mount| {
            if slow.iter().any(|path| mount.path.starts_with(path)) {
                mount.wait = Wait::Possible;
            }
            mount
        });
    each_device_once(chosen)
}

/// Translates a line of the table into a mount point of the host and a path of ours.
fn locate(entry: Entry, view: View<'_>) -> Option<Mount> {
    let seen = PathBuf::from(OsString::from_vec(entry.mountpoint));
    let (on_host, path) = match view {
        View::Host(root) => {
            let path = root.join(seen.strip_prefix("/").unwrap_or(&seen));
            (seen, path)
        }
        View::Container(root) => (Path::new("/").join(seen.strip_prefix(root).ok()?), seen),
    };
    Some(Mount {
        disk: SmolStr::new(String::from_utf8_lossy(&entry.device)),
        mountpoint: SmolStr::new(on_host.to_string_lossy()),
        fstype: SmolStr::new(entry.fstype),
        path,
        read_only: entry.read_only,
        wait: Wait::Never,
    })
}

/// Of several mounts at one mount point only the last can be seen.
fn visible(mounts: impl Iterator<Item = Mount>) -> Vec<Mount> {
    let mut visible: Vec<Mount> = Vec::new();
    for mount in mounts {
        visible.retain(|earlier| earlier.mountpoint != mount.mountpoint);
        visible.push(mount);
    }
    visible
}

/// Bind mounts and subvolumes repeat the space of their device: the one that can be written and is nearest to
/// the root stands for all. Sources that are only words (`tmpfs`, `overlay`) name no device.
fn each_device_once(mounts: impl Iterator<Item = Mount>) -> Vec<Mount> {
    let mut kept: Vec<Mount> = Vec::new();
    for mount in mounts {
        let names_device = mount.disk.contains(['/', ':']);
        let same = kept
            .iter_mut()
            .find(|earlier| names_device && earlier.disk == mount.disk && earlier.fstype == mount.fstype);
        match same {
            None => kept.push(mount),
            Some(earlier) if rank(&mount) < rank(earlier) => *earlier = mount,
            Some(_) => {}
        }
    }
    kept
}

fn rank(mount: &Mount) -> (bool, usize) {
    (mount.read_only, mount.mountpoint.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &str, view: View<'_>) -> Vec<(String, PathBuf)> {
        let entries = parse(table.as_bytes()).expect("well-formed");
        select(entries, view, &Config::default())
            .into_iter()
            .map(|mount| (mount.mountpoint.to_string(), mount.path))
            .collect()
    }

    #[test]
    fn names_are_unescaped() {
        for (escaped, plain) in [
            (r"/mnt/my\040disk", "/mnt/my disk"),
            (r"/a\134b", r"/a\b"),
            (r"/a\09", r"/a\09"),
            (r"/a\+12", r"/a\+12"),
            (r"/a\777", r"/a\777"),
            (r"/end\", r"/end\"),
        ] {
            assert_eq!(unescape(escaped.as_bytes()), plain.as_bytes(), "{escaped}");
        }
    }

    #[test]
    fn a_container_sees_the_mounts_of_the_host_under_their_own_names() {
        let root = Path::new("/host");
        let of_host = "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /srv xfs rw 0 0\n";
        let both = vec![
            ("/".to_owned(), PathBuf::from("/host/")),
            ("/srv".to_owned(), PathBuf::from("/host/srv")),
        ];
        assert_eq!(shown(of_host, View::Host(root)), both, "the table of process 1");
        let of_container = "overlay / overlay rw 0 0\n/dev/sda1 /host ext4 ro 0 0\n/dev/sdb1 /host/srv xfs ro 0 0\n/dev/sda1 /etc/hosts ext4 rw 0 0\n";
        let ours = shown(of_container, View::Container(root));
        assert_eq!(
            ours,
            [
                ("/".to_owned(), PathBuf::from("/host")),
                ("/srv".to_owned(), PathBuf::from("/host/srv"))
            ],
            "our own table: what is not below the host's root is not the host's"
        );
    }

    #[test]
    fn each_device_is_shown_once_where_it_can_be_written() {
        let table = "/dev/sda1 /nix/store ext4 ro 0 0\n/dev/sda1 /var/lib/docker ext4 rw 0 0\n\
                     /dev/sda1 / ext4 rw 0 0\ntank/a /a zfs rw 0 0\ntank/b /b zfs rw 0 0\n\
                     /dev/sdb1 /b ext4 rw 0 0\n";
        let mountpoints: Vec<_> = shown(table, View::Host(Path::new("/")))
            .into_iter()
            .map(|(mountpoint, _)| mountpoint)
            .collect();
        assert_eq!(
            mountpoints,
            ["/", "/a", "/b"],
            "and /b only as what was mounted last"
        );
    }

    #[test]
    fn what_depends_on_others_may_wait_and_so_may_all_below_it() {
        let table = "/dev/sda1 / ext4 rw 0 0\nnas:/x /mnt nfs4 rw 0 0\n/dev/sdb1 /mnt/inner ext4 rw 0 0\n\
                     /dev/sdc1 /mnt2 ext4 rw 0 0\n/dev/sdd1 /odd newfs rw 0 0\n";
        let entries = parse(table.as_bytes()).expect("well-formed");
        let waits: Vec<_> = select(entries, View::Host(Path::new("/")), &Config::default())
            .into_iter()
            .map(|mount| (mount.mountpoint.to_string(), mount.wait))
            .collect();
        let expected = [
            ("/", Wait::Never),
            ("/mnt", Wait::Possible),
            ("/mnt/inner", Wait::Possible),
            ("/mnt2", Wait::Never),
            ("/odd", Wait::Possible),
        ];
        assert_eq!(
            waits,
            expected.map(|(mountpoint, wait)| (mountpoint.to_owned(), wait))
        );
    }
}
