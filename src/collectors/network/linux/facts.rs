//! What only sysfs tells about an interface: speed, duplex and whether it radiates. Asking for the speed takes a
//! lock of the kernel and may reach the hardware, so answers are remembered while the link stays the same.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use smol_str::SmolStr;

/// Sysfs counts in 10⁶ bit/s.
const BYTES_PER_MEGABIT: f64 = 125_000.0;

/// Facts of one hardware interface.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LinkFacts {
    /// Link speed in bytes per second.
    pub(super) speed: Option<f64>,
    /// `full`, `half`, or empty when unknown.
    pub(super) duplex: SmolStr,
}

/// The folder of sysfs with an entry per interface.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder below sysfs mounted at `sysfs`.
    pub(super) fn below(sysfs: &str) -> Self {
        Self(Path::new(sysfs).join("class/net"))
    }

    /// Reads speed and duplex of the interface `name`; what cannot be read is unknown.
    pub(super) fn link(&self, name: &[u8]) -> LinkFacts {
        let read = |file| fs::read_to_string(self.entry(name).join(file)).unwrap_or_default();
        LinkFacts {
            speed: speed(&read("speed")),
            duplex: duplex(&read("duplex")),
        }
    }

    /// Whether the interface `name` radiates.
    pub(super) fn is_wireless(&self, name: &[u8]) -> bool {
        let entry = self.entry(name);
        ["phy80211", "wireless"]
            .iter()
            .any(|file| entry.join(file).exists())
    }

    /// Whether a device stands behind the interface `name`, for kernels that do not tell over netlink.
    pub(super) fn has_device(&self, name: &[u8]) -> bool {
        self.entry(name).join("device").exists()
    }

    fn entry(&self, name: &[u8]) -> PathBuf {
        self.0.join(OsStr::from_bytes(name))
    }
}

/// Drivers that do not know say -1, 0 or the same as an unsigned number.
fn speed(text: &str) -> Option<f64> {
    let megabits: i64 = text.trim().parse().ok()?;
    let known = megabits > 0 && megabits < i64::from(i32::MAX);
    known.then_some(megabits as f64 * BYTES_PER_MEGABIT)
}

fn duplex(text: &str) -> SmolStr {
    match text.trim() {
        "full" => SmolStr::new_static("full"),
        "half" => SmolStr::new_static("half"),
        _ => SmolStr::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_speed_is_no_speed() {
        for (text, expected) in [
            ("1000\n", Some(125_000_000.0)),
            ("10\n", Some(1_250_000.0)),
            ("400000", Some(50_000_000_000.0)),
            ("-1\n", None),
            ("0\n", None),
            ("4294967295\n", None),
            ("", None),
            ("fast", None),
        ] {
            assert_eq!(speed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn only_two_words_are_a_duplex() {
        for (text, expected) in [
            ("full\n", "full"),
            ("half\n", "half"),
            ("unknown\n", ""),
            ("", ""),
        ] {
            assert_eq!(duplex(text), expected, "{text:?}");
        }
    }

    #[test]
    fn facts_come_from_the_folder_given() {
        let sysfs = tempfile::tempdir().expect("a temporary folder");
        let entry = sysfs.path().join("class/net/eth0");
        fs::create_dir_all(entry.join("phy80211")).expect("a folder");
        fs::write(entry.join("speed"), "2500\n").expect("a file");
        fs::write(entry.join("duplex"), "half\n").expect("a file");
        let folder = Folder::below(sysfs.path().to_str().expect("UTF-8"));
        let facts = folder.link(b"eth0");
        assert_eq!(
            (facts.speed, facts.duplex.as_str()),
            (Some(312_500_000.0), "half")
        );
        assert!(folder.is_wireless(b"eth0"));
        assert_eq!(folder.link(b"gone"), LinkFacts::default());
        assert!(!folder.is_wireless(b"gone"));
    }
}
