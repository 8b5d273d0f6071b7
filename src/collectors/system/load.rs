//! Load averages.

use crate::sample::{Desc, Family, Kind, Signal, SubjectKind};

pub(super) const LOAD1: Desc = gauge("netkestrel_load1", "Load average over 1 minute.");
pub(super) const LOAD5: Desc = gauge("netkestrel_load5", "Load average over 5 minutes.");
pub(super) const LOAD15: Desc = gauge("netkestrel_load15", "Load average over 15 minutes.");
pub(super) const PER_CORE_SIGNAL: Signal = Signal {
    name: "load1_per_core",
    title: "load per core",
    subject: SubjectKind::Host,
    help: "Load average over 1 minute for each logical CPU; above 1 work waits.",
};

/// Tasks that ran or waited, averaged over a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    pub(super) one: f64,
    pub(super) five: f64,
    pub(super) fifteen: f64,
}

const fn gauge(name: &'static str, help: &'static str) -> Desc {
    Desc {
        name,
        kind: Kind::Gauge,
        labels: &[],
        help,
    }
}

/// The three averages.
pub(super) fn families(load: &Load) -> Vec<Family> {
    vec![
        Family::single(&LOAD1, load.one),
        Family::single(&LOAD5, load.five),
        Family::single(&LOAD15, load.fifteen),
    ]
}
