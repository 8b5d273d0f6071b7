//! One series from sample to verdict.

use serde::{Deserialize, Serialize};

use super::{
    calendar::{Calendar, Place},
    envelope::{Side, Surprise},
    hold::{ALARM, Hold},
    lane::{Lane, Sample, Transform, View},
    memory::Memory,
    moment::Moment,
    recent::Recent,
    spike::Spike,
    verdict::{Record, Verdict},
    version::Version,
};

/// Nothing is scored before this many samples.
const WARM_UP: u32 = 20;
/// Larger values are told as this; their squares still are numbers.
const LARGEST: f64 = 1e18;

/// What is known about one series. Its size is fixed, below 4 KB, and it owns nothing else.
///
/// It is saved and restored by serde as it is: numbers survive exactly in JSON, and a restored detector says what the
/// saved one would have said. A state of another version is refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    version: Version,
    least: f32,
    memory: Memory,
    recent: Recent,
    calendar: Calendar,
    lanes: [Lane; 2],
    hold: Hold,
    spike: Spike,
}

impl Detector {
    /// A detector that knows nothing yet. `least` is the smallest difference that matters to anyone, in the unit of the
    /// value; without it the first change of a flat series, however small, is a record. 0 is none.
    #[must_use]
    pub const fn new(least: f32) -> Self {
        Self {
            version: Version,
            least,
            memory: Memory::new(),
            recent: Recent::new(),
            calendar: Calendar::new(),
            lanes: [Lane::new(), Lane::new()],
            hold: Hold::new(),
            spike: Spike::new(),
        }
    }

    /// Judges a value by those before it, then learns it. `None` for what is no number, which changes nothing: what was
    /// not seen is not zero.
    pub fn update(&mut self, at: Moment, value: f64) -> Option<Verdict> {
        if !value.is_finite() {
            return None;
        }
        let tick = self.memory.tick(at.unix());
        if tick.after_pause {
            self.interrupt();
        }
        // Extremes are kept as f32, and a value must not be beyond itself by what rounding took away.
        let rounded = value.clamp(-LARGEST, LARGEST) as f32;
        let sample = Sample {
            value: rounded,
            tick,
            place: self.calendar.note(at),
            change: self.recent.push(rounded),
            least: self.least,
            size: self.lanes[0].size(),
        };
        let mut verdict = self.before(value, &sample.place);
        verdict.spike_sigmas = self.spike.sigmas(rounded, self.least, sample.size);
        let before = *self.lanes[0].envelope(View::Value);
        let (surprise, oddity) = self.look(&sample);
        let told = self.hold.pass(surprise, tick.watched);
        verdict.surprise = surprise;
        verdict.oddity = oddity;
        if tick.samples >= WARM_UP {
            verdict.score = told / (told + ALARM);
        }
        if oddity.is_some() {
            let side = if value >= verdict.usual {
                Side::High
            } else {
                Side::Low
            };
            let blocks = before.unmatched(rounded, side);
            verdict.record = blocks.checked_sub(1).map(|back| Record {
                side,
                seconds: self.memory.reach(back),
            });
        }
        Some(verdict)
    }

    /// Takes note that what follows does not follow on what came before, as after the reset of a counter: the next step
    /// is none.
    pub fn interrupt(&mut self) {
        self.recent.interrupt();
        for lane in &mut self.lanes {
            lane.interrupt();
        }
        self.spike.interrupt();
    }

    /// What was known before the sample was judged.
    fn before(&self, value: f64, place: &Place) -> Verdict {
        let [plain, _] = &self.lanes;
        let (usual, usual_of) = plain.usual(place);
        let seen = plain.envelope(View::Value).range();
        Verdict {
            value,
            score: 0.0,
            surprise: 0.0,
            spike_sigmas: 0.0,
            oddity: None,
            usual: usual.into(),
            usual_of,
            seen: seen.map(|(low, high)| (low.into(), high.into())),
            record: None,
            watched: self.memory.watched(),
            samples: self.memory.samples(),
        }
    }

    /// Lets both lanes look. Their surprises are combined so that the largest decides and those that agree add a
    /// little.
    fn look(&mut self, sample: &Sample) -> (f32, Option<(View, Side)>) {
        let (mut sum, mut largest, mut oddity) = (0.0, 0.0, None);
        let mut tell = |view: View, surprise: Surprise| {
            sum += surprise.size.powi(4);
            if surprise.size > largest {
                largest = surprise.size;
                oddity = Some((view, surprise.side));
            }
        };
        let transforms = Transform::lanes(self.least);
        for (lane, transform) in self.lanes.iter_mut().zip(transforms) {
            lane.look(transform, sample, &self.recent, &mut tell);
        }
        (f32::sqrt(f32::sqrt(sum)), oddity)
    }
}

#[cfg(test)]
#[path = "detector_tests.rs"]
mod tests;
