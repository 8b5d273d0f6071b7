//! One alarm for one event: after a surprise only a much larger one is told, until the first is some hours old. What was
//! too small to be an alarm does not hold back the first that is one, such as in a decline that begins slowly.

use serde::{Deserialize, Serialize};

const SLOTS: usize = 10;
/// Ten of these are eight hours.
const SLOT_SECONDS: i64 = 2_880;
/// A surprise is told again when it is this many times the largest of the last hours.
const ESCALATION: f32 = 2.0;
/// Surprise that is an alarm: it makes a score of one half.
pub(super) const ALARM: f32 = 0.06;

/// The largest surprises of the last hours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hold {
    largest: [f32; SLOTS],
    slot: u8,
    since: i64,
    begun: bool,
}

impl Hold {
    pub(super) const fn new() -> Self {
        Self {
            largest: [0.0; SLOTS],
            slot: 0,
            since: 0,
            begun: false,
        }
    }

    /// What of `surprise` is to be told, and remembers it. `watched` as in [`super::memory::Tick`].
    pub(super) fn pass(&mut self, surprise: f32, watched: i64) -> f32 {
        let held = self.largest.iter().copied().fold(0.0, f32::max);
        let slot = usize::from(self.slot) % SLOTS;
        self.largest[slot] = self.largest[slot].max(surprise);
        self.advance(watched);
        let first_alarm = surprise >= ALARM && held < ALARM;
        if surprise > ESCALATION * held || first_alarm {
            surprise
        } else {
            0.0
        }
    }

    fn advance(&mut self, watched: i64) {
        if !self.begun {
            self.begun = true;
            self.since = watched;
        }
        let slots = ((watched - self.since) / SLOT_SECONDS)
            .unsigned_abs()
            .min(SLOTS as u64);
        for _ in 0..slots {
            self.slot = ((usize::from(self.slot) + 1) % SLOTS) as u8;
            self.largest[usize::from(self.slot)] = 0.0;
        }
        if slots > 0 {
            self.since = watched;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURS: i64 = 3_600;

    #[test]
    fn of_an_event_one_alarm_passes_and_what_is_much_larger() {
        for (surprises, told) in [
            (&[(0, 0.1), (1, 0.19), (2, 0.39)][..], &[true, false, true][..]),
            (&[(0, 0.1), (8, 0.1), (9, 0.1)], &[true, false, true]),
            // What is no alarm yet does not hold back the first, and is told once itself.
            (
                &[(0, 0.05), (1, 0.05), (2, 0.07), (3, 0.08)],
                &[true, false, true, false],
            ),
        ] {
            let mut hold = Hold::new();
            let passed: Vec<bool> = surprises
                .iter()
                .map(|(hour, surprise)| hold.pass(*surprise, hour * HOURS) > 0.0)
                .collect();
            assert_eq!(passed, told, "{surprises:?}");
        }
    }
}
