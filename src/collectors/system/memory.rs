//! Memory and swap: sizes, what is left of them, and the shares in use.

use crate::sample::{Desc, Family, Kind, Missing, Observed, Signal, SubjectKind};

pub(super) const SIZE: Desc = gauge("netkestrel_memory_size_bytes", "Installed memory.");
pub(super) const AVAILABLE: Desc = gauge(
    "netkestrel_memory_available_bytes",
    "Memory available without swapping.",
);
pub(super) const FREE: Desc = gauge("netkestrel_memory_free_bytes", "Memory not used at all.");
pub(super) const SWAP_SIZE: Desc = gauge("netkestrel_swap_size_bytes", "Size of swap.");
pub(super) const SWAP_FREE: Desc = gauge("netkestrel_swap_free_bytes", "Free swap.");
pub(super) const USAGE_SIGNAL: Signal = Signal {
    name: "memory_usage_ratio",
    title: "memory usage",
    subject: SubjectKind::Host,
    help: "Share of memory that is not available to programs, 0 to 1; caches count as available.",
};
pub(super) const SWAP_SIGNAL: Signal = Signal {
    name: "swap_usage_ratio",
    title: "swap usage",
    subject: SubjectKind::Host,
    help: "Share of swap in use, 0 to 1; absent without swap.",
};

/// Memory of the host, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) size: u64,
    /// `None` on kernels that do not tell.
    pub(super) available: Option<u64>,
    pub(super) free: u64,
    pub(super) swap: Option<Swap>,
}

/// Swap, in bytes; a host without swap has one of size 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Swap {
    pub(super) size: u64,
    pub(super) free: u64,
}

const fn gauge(name: &'static str, help: &'static str) -> Desc {
    Desc {
        name,
        kind: Kind::Gauge,
        labels: &[],
        help,
    }
}

impl Memory {
    /// Share that is not available to programs.
    pub(super) fn usage(&self) -> Observed {
        let ratio = self
            .available
            .and_then(|available| used_share(self.size, available));
        ratio.map_or(Observed::Missing(Missing::Unsupported), Observed::Value)
    }

    /// Share of swap in use; `None` when there is no swap to be used.
    pub(super) fn swap_usage(&self) -> Option<f64> {
        self.swap.and_then(|swap| used_share(swap.size, swap.free))
    }
}

fn used_share(size: u64, left: u64) -> Option<f64> {
    (size > 0).then(|| size.saturating_sub(left) as f64 / size as f64)
}

/// Sizes of memory and swap.
pub(super) fn families(memory: &Memory) -> Vec<Family> {
    let mut families = vec![
        Family::single(&SIZE, memory.size as f64),
        Family::single(&FREE, memory.free as f64),
    ];
    if let Some(available) = memory.available {
        families.push(Family::single(&AVAILABLE, available as f64));
    }
    if let Some(swap) = memory.swap {
        families.push(Family::single(&SWAP_SIZE, swap.size as f64));
        families.push(Family::single(&SWAP_FREE, swap.free as f64));
    }
    families
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_known_only_where_the_sizes_are() {
        let memory = Memory {
            size: 1000,
            available: Some(250),
            free: 100,
            swap: Some(Swap { size: 100, free: 90 }),
        };
        assert_eq!(memory.usage(), Observed::Value(0.75));
        assert_eq!(memory.swap_usage(), Some(0.1));
        let old_kernel = Memory {
            available: None,
            swap: Some(Swap { size: 0, free: 0 }),
            ..memory
        };
        assert_eq!(old_kernel.usage(), Observed::Missing(Missing::Unsupported));
        assert_eq!(old_kernel.swap_usage(), None, "no swap is not 0 % of it");
    }
}
