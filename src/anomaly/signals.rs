//! Which signals are watched, what each of them measures, and how small a difference of it is none.

use super::least;
use crate::figures::Unit;

/// A signal that can be watched.
#[derive(Debug, PartialEq)]
pub(super) struct Watched {
    /// Its name.
    pub(super) name: &'static str,
    /// What it measures: what agrees with another signal of the same source says nothing new.
    pub(super) source: Source,
    /// Whether it is watched unless somebody says otherwise.
    by_default: bool,
    /// The smallest difference of interest where it is not that of the unit.
    least: Option<f32>,
}

/// What a signal measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Receiving,
    Transmitting,
    Bandwidth,
    Faults,
    Processor,
    Memory,
    Disks,
    Space,
    Heat,
    Delay,
    Loss,
}

impl Watched {
    const fn usual(name: &'static str, source: Source) -> Self {
        Self {
            name,
            source,
            by_default: true,
            least: None,
        }
    }

    const fn on_demand(name: &'static str, source: Source) -> Self {
        Self {
            by_default: false,
            ..Self::usual(name, source)
        }
    }

    const fn above(self, least: f32) -> Self {
        Self {
            least: Some(least),
            ..self
        }
    }

    /// The smallest difference that matters to anyone, in the unit of the signal.
    pub(super) fn least(&self) -> f32 {
        self.least.unwrap_or_else(|| least(Unit::of(self.name)))
    }
}

/// Ten packets a second are about the 0.1 Mbps that matter of bytes.
const PACKETS: f32 = 10.0;
/// Less than this, any system writes all day.
const DISK_BYTES: f32 = 1e6;

/// All of them. What is up or down is left to rules, as it has no level; the utilisation of a link repeats its rates.
const ALL: &[Watched] = &[
    Watched::usual("network_receive_bytes_per_second", Source::Receiving),
    Watched::usual("network_transmit_bytes_per_second", Source::Transmitting),
    Watched::usual("network_receive_packets_per_second", Source::Receiving).above(PACKETS),
    Watched::usual("network_transmit_packets_per_second", Source::Transmitting).above(PACKETS),
    Watched::usual("cpu_usage_ratio", Source::Processor),
    Watched::usual("memory_usage_ratio", Source::Memory),
    Watched::usual("disk_read_bytes_per_second", Source::Disks).above(DISK_BYTES),
    Watched::usual("disk_written_bytes_per_second", Source::Disks).above(DISK_BYTES),
    Watched::usual("ping_rtt_seconds", Source::Delay),
    Watched::usual("ping_loss_ratio", Source::Loss),
    Watched::on_demand("network_total_bytes_per_second", Source::Bandwidth),
    Watched::on_demand("network_receive_errors_per_second", Source::Faults),
    Watched::on_demand("network_transmit_errors_per_second", Source::Faults),
    Watched::on_demand("network_receive_drops_per_second", Source::Faults),
    Watched::on_demand("network_transmit_drops_per_second", Source::Faults),
    Watched::on_demand("load1_per_core", Source::Processor).above(0.1),
    Watched::on_demand("swap_usage_ratio", Source::Memory),
    Watched::on_demand("disk_io_time_ratio", Source::Disks),
    Watched::on_demand("filesystem_usage_ratio", Source::Space),
    Watched::on_demand("filesystem_inodes_usage_ratio", Source::Space),
    Watched::on_demand("temperature_celsius", Source::Heat),
    Watched::on_demand("ping_jitter_seconds", Source::Delay),
];

/// The signal of this name, if it can be watched.
pub(super) fn watched(name: &str) -> Option<&'static Watched> {
    ALL.iter().find(|one| one.name == name)
}

/// The names of all signals that can be watched.
pub fn watchable() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|one| one.name)
}

/// The names of those that are watched unless somebody says otherwise.
pub(super) fn by_default() -> impl Iterator<Item = &'static str> {
    ALL.iter().filter(|one| one.by_default).map(|one| one.name)
}
