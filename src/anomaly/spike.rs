//! The second track: a step that is large beside the steps before it, whether or not its end was seen before. It is told
//! in usual steps, for marks on curves; nobody is woken by it.
//!
//! A step counts as much as it does in the lane where it is smaller: traffic that comes in bursts makes huge steps every
//! hour as they are, and none by their size.

use serde::{Deserialize, Serialize};

use super::lane::Transform;

/// Weight of a new step in the usual step: that of the last 500.
const WEIGHT: f64 = 0.002;
/// The usual step is known after this many.
const ENOUGH: u32 = 20;
/// No step makes the usual step larger than if it were this many of them: one burst must not hide the next.
const CLIP: f64 = 8.0;

/// The usual steps of a series.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Spike {
    before: f32,
    follows: bool,
    steps: u32,
    /// Mean square of the steps in each lane.
    squares: [f64; 2],
}

impl Spike {
    pub(super) const fn new() -> Self {
        Self {
            before: 0.0,
            follows: false,
            steps: 0,
            squares: [0.0; 2],
        }
    }

    /// The step to `value` in usual steps. A usual step is `least` at least; `size` is the usual size of values.
    pub(super) fn sigmas(&mut self, value: f32, least: f32, size: f32) -> f32 {
        let before = std::mem::replace(&mut self.before, value);
        if !std::mem::replace(&mut self.follows, true) {
            return 0.0;
        }
        let known = self.steps > ENOUGH;
        self.steps = self.steps.saturating_add(1);
        let weight = WEIGHT.max(1.0 / f64::from(self.steps));
        let mut sigmas = f64::MAX;
        for (square, lane) in self.squares.iter_mut().zip(Transform::lanes(least)) {
            let step = lane.of(value) - lane.of(before);
            let usual = square.sqrt().max(lane.small(least, size).into()) + 1e-9;
            sigmas = sigmas.min(step.abs() / usual);
            let learnt = if known { step.abs().min(CLIP * usual) } else { step };
            *square += weight * (learnt * learnt - *square);
        }
        if known { sigmas as f32 } else { 0.0 }
    }

    /// The next value follows on nothing.
    pub(super) const fn interrupt(&mut self) {
        self.follows = false;
    }
}
