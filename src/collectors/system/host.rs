//! Facts of the host: when it started, which operating system it runs.

use smol_str::SmolStr;

use crate::sample::{Desc, Family, Kind, Signal, SubjectKind};

pub(super) const BOOT_TIME: Desc = Desc {
    name: "netkestrel_boot_time_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "Unix time of the last boot.",
};
pub(super) const OS: Desc = Desc {
    name: "netkestrel_os_info",
    kind: Kind::Info,
    labels: &["id", "name", "version_id", "kernel", "architecture"],
    help: "Constant 1 with facts of the operating system.",
};
pub(super) const UPTIME_SIGNAL: Signal = Signal {
    name: "uptime_seconds",
    title: "uptime",
    subject: SubjectKind::Host,
    help: "Seconds since the last boot.",
};

/// Which operating system the host runs; what it does not tell is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Os {
    /// Short name for programs, such as `debian`.
    pub(super) id: SmolStr,
    /// Name for people, such as `Debian GNU/Linux`.
    pub(super) name: SmolStr,
    /// Version, such as `12`; empty for systems without versions.
    pub(super) version_id: SmolStr,
    /// Release of the kernel.
    pub(super) kernel: SmolStr,
    /// Instruction set, such as `x86_64`.
    pub(super) architecture: SmolStr,
}

/// The moment of the last boot, in Unix seconds.
pub(super) fn boot_time(seconds: u64) -> Family {
    Family::single(&BOOT_TIME, seconds as f64)
}

/// The operating system as labels.
pub(super) fn os(os: &Os) -> Family {
    let mut family = Family::new(&OS);
    let Os {
        id,
        name,
        version_id,
        kernel,
        architecture,
    } = os.clone();
    family.push([id, name, version_id, kernel, architecture], 1.0);
    family
}
