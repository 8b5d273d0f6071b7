//! What the detector says about one sample, with everything that an explanation needs.

use super::{envelope::Side, lane::View, profile::Usual};

/// Judgement of a sample by what was seen before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The value that was judged.
    pub value: f64,
    /// Novelty from 0 to 1; 0.5 is worth showing. Told once for an event: while it lasts only what is much odder is told
    /// again, the rest is 0.
    pub score: f32,
    /// What the score is made of, without holding back: for curves. 0 inside of everything seen, without upper bound.
    pub surprise: f32,
    /// The step from the sample before in usual steps, for marks on curves; 5 is a lot.
    pub spike_sigmas: f32,
    /// What surprised most.
    pub oddity: Option<(View, Side)>,
    /// The usual value at this time, in the unit of the value.
    pub usual: f64,
    /// What it is the usual of.
    pub usual_of: Usual,
    /// Lowest and highest value in memory before this one; `None` before there are twenty.
    pub seen: Option<(f64, f64)>,
    /// Since when nothing was as high or as low; only known of what surprises.
    pub record: Option<Record>,
    /// Seconds that the series was watched, pauses left out.
    pub watched: i64,
    /// Samples judged so far, this one included.
    pub samples: u32,
}

/// That a value is the highest or lowest for some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Highest or lowest.
    pub side: Side,
    /// Seconds for which nothing was beyond it; to the borders of blocks of 2.75 days.
    pub seconds: i64,
}

impl Verdict {
    /// How many times the usual the value is; `None` where that means nothing, as beside zero.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let ratio = self.value / self.usual;
        (self.usual > 0.0 && ratio > 0.0 && ratio.is_finite()).then_some(ratio)
    }
}
