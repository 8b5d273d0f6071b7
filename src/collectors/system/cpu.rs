//! CPU time by mode, the share of it in use between two runs, and the number of CPUs.

use smol_str::SmolStr;

use crate::sample::{Desc, Family, Kind, Missing, Observed, Signal, SubjectKind};

pub(super) const SECONDS: Desc = Desc {
    name: "netkestrel_cpu_seconds_total",
    kind: Kind::Counter,
    labels: &["cpu", "mode"],
    help: "Seconds each CPU spent in each mode.",
};
pub(super) const USAGE: Desc = Desc {
    name: "netkestrel_cpu_usage_ratio",
    kind: Kind::Gauge,
    labels: &[],
    help: "Share of all CPU time in use over the last sampling interval, 0 to 1.",
};
pub(super) const LOGICAL: Desc = Desc {
    name: "netkestrel_cpu_logical_cores",
    kind: Kind::Gauge,
    labels: &[],
    help: "Number of logical CPUs.",
};
pub(super) const USAGE_SIGNAL: Signal = Signal {
    name: "cpu_usage_ratio",
    title: "CPU usage",
    subject: SubjectKind::Host,
    help: "Share of all CPU time in use, 0 to 1; waiting for disks counts as idle.",
};

/// Modes in the order of [`Times`]. Together they are all the time of a CPU: guests run within `user` and
/// `nice`, so they have no mode of their own.
pub(super) const MODES: [&str; 8] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];
pub(super) const IDLE: usize = 3;
pub(super) const IOWAIT: usize = 4;

/// Clock ticks since boot in each of [`MODES`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Times(pub(super) [u64; MODES.len()]);

/// Counters of one CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Core {
    /// Its number.
    pub(super) name: SmolStr,
    pub(super) times: Times,
}

/// What the operating system tells about CPU time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Time {
    /// Counters of each CPU and their sum, which survives CPUs that are switched off.
    Counted {
        cores: Vec<Core>,
        all: Times,
        ticks_per_second: f64,
    },
    /// Only the share in use since the run before.
    #[cfg_attr(
        all(target_os = "linux", not(test)),
        expect(dead_code, reason = "Linux counts by mode")
    )]
    Shared(Observed),
}

/// CPUs as read once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cpu {
    pub(super) logical: usize,
    pub(super) time: Time,
}

impl Times {
    fn idle(&self) -> u64 {
        self.0[IDLE].saturating_add(self.0[IOWAIT])
    }

    fn busy(&self) -> u64 {
        let all = self.0.iter().fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
        all.saturating_sub(self.idle())
    }
}

/// Share of CPU time in use between two readings; `before` is `None` on the first.
pub(super) fn usage(before: Option<&Times>, after: &Times) -> Observed {
    let Some(before) = before else {
        return Observed::Missing(Missing::FirstReading);
    };
    let busy = after.busy().checked_sub(before.busy());
    let idle = after.idle().checked_sub(before.idle());
    let (Some(busy), Some(idle)) = (busy, idle) else {
        return Observed::Missing(Missing::CounterReset);
    };
    match busy.saturating_add(idle) {
        0 => Observed::Missing(Missing::NoSample),
        all => Observed::Value(busy as f64 / all as f64),
    }
}

/// Number of CPUs and their time by mode.
pub(super) fn families(cpu: &Cpu) -> Vec<Family> {
    let mut families = vec![Family::single(&LOGICAL, cpu.logical as f64)];
    if let Time::Counted {
        cores,
        ticks_per_second,
        ..
    } = &cpu.time
    {
        let mut seconds = Family::new(&SECONDS);
        seconds.points.reserve_exact(cores.len() * MODES.len());
        for core in cores {
            for (mode, ticks) in MODES.into_iter().zip(core.times.0) {
                let labels = [core.name.clone(), SmolStr::new_static(mode)];
                seconds.push(labels, ticks as f64 / ticks_per_second);
            }
        }
        families.push(seconds);
    }
    families
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_a_share_or_says_why_not() {
        let times = |user, idle, iowait| Times([user, 0, 0, idle, iowait, 0, 0, 0]);
        let base = times(100, 1000, 50);
        for (before, after, expected, why) in [
            (
                None,
                base,
                Observed::Missing(Missing::FirstReading),
                "nothing to compare with",
            ),
            (
                Some(base),
                times(125, 1075, 50),
                Observed::Value(0.25),
                "a quarter in use",
            ),
            (
                Some(base),
                times(125, 1000, 125),
                Observed::Value(0.25),
                "waiting is idle",
            ),
            (
                Some(base),
                times(200, 1000, 50),
                Observed::Value(1.0),
                "fully in use",
            ),
            (Some(base), times(100, 1100, 50), Observed::Value(0.0), "idle"),
            (
                Some(base),
                times(90, 2000, 50),
                Observed::Missing(Missing::CounterReset),
                "busy time fell",
            ),
            (
                Some(base),
                times(200, 900, 50),
                Observed::Missing(Missing::CounterReset),
                "idle time fell",
            ),
            (
                Some(base),
                base,
                Observed::Missing(Missing::NoSample),
                "no time passed",
            ),
            (
                Some(base),
                times(u64::MAX, u64::MAX, u64::MAX),
                Observed::Missing(Missing::CounterReset),
                "absurd counters do not overflow",
            ),
        ] {
            assert_eq!(usage(before.as_ref(), &after), expected, "{why}");
        }
    }
}
