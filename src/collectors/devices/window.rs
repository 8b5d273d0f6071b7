//! How the last ten probes of a device ended: what loss and round-trip time are judged by. Small, as there may be tens
//! of thousands. Pure.

use std::time::Duration;

/// How many ends it holds.
pub(super) const LENGTH: usize = 10;
/// Round-trip times are kept in steps of this many nanoseconds.
const STEP: u32 = 100;
/// Stands for a probe that was missed.
const LOST: u32 = u32::MAX;

/// A ring of ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// In steps; the oldest is at `next` once it is full.
    ends: [u32; LENGTH],
    next: u8,
    len: u8,
}

impl Window {
    /// Takes the end of the newest probe in: its round-trip time, or none when it was missed.
    pub(super) fn push(&mut self, end: Option<Duration>) {
        let steps = |time: Duration| {
            let steps = time.as_nanos() / u128::from(STEP);
            u32::try_from(steps).unwrap_or(LOST).min(LOST - 1)
        };
        if let Some(place) = self.ends.get_mut(usize::from(self.next)) {
            *place = end.map_or(LOST, steps);
        }
        self.next = if usize::from(self.next) + 1 == LENGTH {
            0
        } else {
            self.next + 1
        };
        if self.len() < LENGTH {
            self.len += 1;
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many are held.
    pub(super) fn len(&self) -> usize {
        self.len.into()
    }

    /// How many of the newest `count` were missed.
    pub(super) fn lost(&self, count: usize) -> usize {
        self.newest_first().take(count).filter(|end| *end == LOST).count()
    }

    /// Mean round-trip time of those that were answered; zero without any.
    pub(super) fn mean(&self) -> Duration {
        let answered = || self.newest_first().filter(|end| *end != LOST);
        let sum: u64 = answered().map(u64::from).sum();
        let count = answered().count().max(1) as u64;
        Duration::from_nanos(sum * u64::from(STEP) / count)
    }

    fn newest_first(&self) -> impl Iterator<Item = u32> {
        let (old, new) = self.ends.split_at(usize::from(self.next).min(LENGTH));
        old.iter().rev().chain(new.iter().rev()).copied().take(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ten_count() {
        let mut window = Window::default();
        assert_eq!(
            (window.len(), window.lost(LENGTH), window.mean()),
            (0, 0, Duration::ZERO)
        );
        window.push(None);
        (1..=12).for_each(|millis| window.push(Some(Duration::from_millis(millis))));
        assert_eq!(
            (window.len(), window.lost(LENGTH)),
            (10, 0),
            "the miss is long gone"
        );
        assert_eq!(window.mean(), Duration::from_micros(7_500), "of 3 to 12 ms");
        window.push(None);
        window.push(Some(Duration::from_hours(24)));
        assert_eq!((window.lost(1), window.lost(2), window.lost(LENGTH)), (0, 1, 1));
        assert!(window.mean() > Duration::from_secs(40), "a long time is no miss");
        window.clear();
        assert_eq!((window.len(), window.lost(LENGTH)), (0, 0));
    }
}
