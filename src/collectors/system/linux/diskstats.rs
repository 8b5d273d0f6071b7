//! /proc/diskstats: traffic of whole disks.

use std::time::Duration;

use smol_str::SmolStr;

use super::source::{Malformed, lines, number, words};
use crate::collectors::system::disks::Disk;

/// The kernel counts in sectors of this size, whatever the disk's own is.
const SECTOR_BYTES: u64 = 512;

/// Devices that are no disks of their own: what goes through them shows at the disk (loop), in memory (ram,
/// zram), or nowhere since decades (fd). device-mapper and md devices stay: they are what mounts name.
const NOT_DISKS: &[&[u8]] = &[b"loop", b"ram", b"zram", b"fd"];

/// Whole disks, without partitions: their traffic is that of their disk, and `sum()` must mean something.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Disk>, Malformed> {
    let mut disks: Vec<Disk> = Vec::new();
    let mut whole: &[u8] = b"";
    for (line, content) in lines(text) {
        let mut words = words(content).skip(2);
        let Some(name) = words.next() else {
            if content.trim_ascii().is_empty() {
                continue;
            }
            return Err(Malformed::in_line(line, "there is no device name"));
        };
        // The kernel lists the partitions of a disk right behind it.
        if is_partition(name, whole) {
            continue;
        }
        whole = name;
        if !NOT_DISKS.iter().any(|kind| is_numbered(name, kind)) {
            disks.push(disk(line, name, words)?);
        }
    }
    Ok(disks)
}

fn disk<'a>(line: usize, name: &[u8], words: impl Iterator<Item = &'a [u8]>) -> Result<Disk, Malformed> {
    let mut words = words;
    // Behind the name: reads, merged, sectors, time; the same for writes; in flight; time with I/O.
    let mut field = |skip: usize, what: &str| {
        let word = words.nth(skip).ok_or_else(|| {
            let detail = format!("there is no field for {what}, the line is too short");
            Malformed::in_line(line, detail)
        })?;
        number(line, what, word)
    };
    let read = field(2, "sectors read")?;
    let written = field(3, "sectors written")?;
    let io_millis = field(2, "time with I/O")?;
    Ok(Disk {
        name: SmolStr::new(String::from_utf8_lossy(name)),
        read_bytes: read.saturating_mul(SECTOR_BYTES),
        written_bytes: written.saturating_mul(SECTOR_BYTES),
        io_time: Some(Duration::from_millis(io_millis)),
    })
}

/// Whether `name` is a partition of `disk`: `sda1` of `sda`, `nvme0n1p2` of `nvme0n1`.
fn is_partition(name: &[u8], disk: &[u8]) -> bool {
    let Some(last) = disk.last() else { return false };
    let separator: &[u8] = if last.is_ascii_digit() { b"p" } else { b"" };
    let number = name
        .strip_prefix(disk)
        .and_then(|rest| rest.strip_prefix(separator));
    number.is_some_and(is_digits)
}

fn is_numbered(name: &[u8], kind: &[u8]) -> bool {
    name.strip_prefix(kind).is_some_and(is_digits)
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_belong_to_the_disk_before_them() {
        for (name, disk, expected) in [
            ("sda1", "sda", true),
            ("sdaa", "sda", false),
            ("nvme0n1p2", "nvme0n1", true),
            ("nvme0n11", "nvme0n1", false),
            ("mmcblk0p1", "mmcblk0", true),
            ("mmcblk0boot0", "mmcblk0", false),
            ("md0", "sda", false),
            ("xvda1", "", false),
        ] {
            assert_eq!(
                is_partition(name.as_bytes(), disk.as_bytes()),
                expected,
                "{name} of {disk}"
            );
        }
    }

    #[test]
    fn only_whole_disks_are_shown() {
        let line = |name: &str| format!(" 8 0 {name} 1 2 3 4 5 6 7 8 9 10 11\n");
        let names = [
            "loop0",
            "loop0p1",
            "sda",
            "sda1",
            "sda2",
            "nvme0n1",
            "nvme0n1p1",
            "zram0",
            "ram1",
            "fd0",
            "dm-0",
            "md127",
            "xvda1",
        ];
        let text: String = names.iter().map(|name| line(name)).collect();
        let disks = parse(text.as_bytes()).expect("well-formed");
        let shown: Vec<_> = disks.iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!(
            shown,
            ["sda", "nvme0n1", "dm-0", "md127", "xvda1"],
            "xvda1 has no disk"
        );
        let first = &disks[0];
        assert_eq!((first.read_bytes, first.written_bytes), (3 * 512, 7 * 512));
        assert_eq!(first.io_time, Some(Duration::from_millis(10)));
    }
}
