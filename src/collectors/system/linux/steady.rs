//! Evens out small corrections in the kernel's counters of CPU time.

use super::stat::Stat;
use crate::collectors::system::cpu::{Core, IDLE, IOWAIT, Times};

/// Counters that never step back by the small amounts by which the kernel corrects them.
///
/// Idle and iowait time are estimates which the kernel revises downwards by some ticks; a scraper would take
/// that for a restart and count all time since boot once more.
#[derive(Debug, Default)]
pub(super) struct Steady {
    all: Times,
    cores: Vec<Core>,
}

impl Steady {
    /// Largest step back that is a correction; beyond it the CPU's counters restarted.
    const CORRECTION_SECONDS: u64 = 3;

    /// Holds idle and iowait time at their last value where the kernel corrected them downwards.
    pub(super) fn settle(&mut self, stat: &mut Stat, ticks_per_second: u64) {
        let most = Self::CORRECTION_SECONDS.saturating_mul(ticks_per_second);
        hold(&self.all, &mut stat.all, most);
        for (place, core) in stat.cores.iter_mut().enumerate() {
            let same_place = self.cores.get(place).filter(|before| before.name == core.name);
            let before = same_place.or_else(|| self.cores.iter().find(|before| before.name == core.name));
            if let Some(before) = before {
                hold(&before.times, &mut core.times, most);
            }
        }
        self.all = stat.all;
        self.cores.clone_from(&stat.cores);
    }
}

fn hold(before: &Times, times: &mut Times, most: u64) {
    for mode in [IDLE, IOWAIT] {
        let (old, new) = (before.0[mode], &mut times.0[mode]);
        if *new < old && old - *new <= most {
            *new = old;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_back_are_held_and_large_ones_are_a_restart() {
        let core = |name: &str, idle| Core {
            name: name.into(),
            times: Times([0, 0, 0, idle, 0, 0, 0, 0]),
        };
        let mut steady = Steady::default();
        let mut settled = |cores: &[Core]| {
            let mut stat = Stat {
                all: cores[0].times,
                cores: cores.to_vec(),
                boot_time: 0,
            };
            steady.settle(&mut stat, 100);
            assert!(
                stat.all.0[IDLE] >= cores[0].times.0[IDLE],
                "the sum is held like its parts"
            );
            stat.cores
                .iter()
                .map(|core| core.times.0[IDLE])
                .collect::<Vec<_>>()
        };
        assert_eq!(settled(&[core("0", 1000), core("1", 2000)]), [1000, 2000]);
        assert_eq!(
            settled(&[core("0", 990), core("1", 1000)]),
            [1000, 1000],
            "3 s is the limit"
        );
        assert_eq!(settled(&[core("1", 1100)]), [1100], "a CPU went away");
        assert_eq!(
            settled(&[core("0", 5), core("1", 1099)]),
            [5, 1100],
            "and came back from zero"
        );
    }
}
