//! One transform of the value and everything that is looked at in it. Each view sees another kind of oddity: a value,
//! a level that lasts, a jump, an hour unlike itself, an unknown course.

use serde::{Deserialize, Serialize};

use super::{
    calendar::Place,
    envelope::{Envelope, Measure, Surprise},
    memory::Tick,
    profile::{Profile, Usual},
    recent::{Change, LONG, Recent, SHORT},
    shapes::Shapes,
};

const HOUR: f32 = 3600.0;
/// Age at which a view is half believed; views of the usual day have fewer values of each kind.
const HALF_BELIEVED: f32 = 50.0 * HOUR;
const HALF_BELIEVED_SEASON: f32 = 250.0 * HOUR;
/// Weight of a new value in the running mean from which jumps are measured.
const BASELINE_WEIGHT: f64 = 0.01;
/// Weight of a new distance from the usual of the hour: about the last 16.
const HOUR_LEVEL_WEIGHT: f32 = 2.0 / (SHORT as f32 + 1.0);
/// Weight of a new value in the usual size of values.
const SIZE_WEIGHT: f32 = 0.001;
/// Share of the usual size that is always added to a scale.
const FLOOR: f32 = 1e-3;
/// New shapes are told by halves: they are many in a noisy series.
const SHAPE_SHARE: f32 = 0.5;

/// What a view looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The value itself.
    Value,
    /// Mean of the last 16 values.
    ShortLevel,
    /// Mean of the last 64 values.
    LongLevel,
    /// Distance from the running mean.
    Jump,
    /// Distance from the usual of this hour.
    Hour,
    /// Mean distance from the usual of the hour over the last 16 values.
    HourLevel,
    /// Distance of the last three values from every sequence known.
    Shape,
}

const VIEWS: usize = 7;

/// How a lane sees values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Transform {
    /// As they are: for series that add.
    Plain,
    /// By their size, so that twice is as far at night as at noon: for series that multiply. Far below `knee` they are
    /// as they are.
    Logarithm {
        /// Always above 0.
        knee: f32,
    },
}

impl Transform {
    /// The lanes of a series in which differences below `least` do not matter; where none is known the knee is 1.
    pub(super) fn lanes(least: f32) -> [Self; 2] {
        let knee = if least > 0.0 { least } else { 1.0 };
        [Self::Plain, Self::Logarithm { knee }]
    }

    pub(super) fn of(self, value: f32) -> f64 {
        let value = f64::from(value);
        match self {
            Self::Plain => value,
            Self::Logarithm { knee } => (value.abs() / f64::from(knee)).ln_1p().copysign(value),
        }
    }

    /// How a small `change` of values of this usual `size` looks here.
    pub(super) fn small(self, change: f32, size: f32) -> f32 {
        match self {
            Self::Plain => change,
            Self::Logarithm { knee } => change / (knee + size),
        }
    }
}

/// A sample as all lanes see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) value: f32,
    pub(super) tick: Tick,
    pub(super) place: Place,
    pub(super) change: Change,
    /// Differences below this are of no interest to anyone, in the unit of the value.
    pub(super) least: f32,
    /// Usual size of values.
    pub(super) size: f32,
}

/// Everything known about one transform.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Lane {
    short: f64,
    long: f64,
    baseline: f64,
    size: f32,
    profile: Profile,
    hour_level: f32,
    shapes: Shapes,
    views: [Envelope; VIEWS],
}

impl Lane {
    pub(super) const fn new() -> Self {
        Self {
            short: 0.0,
            long: 0.0,
            baseline: 0.0,
            size: 0.0,
            profile: Profile::new(),
            hour_level: 0.0,
            shapes: Shapes::new(),
            views: [Envelope::new(); VIEWS],
        }
    }

    /// Usual size of values.
    pub(super) const fn size(&self) -> f32 {
        self.size
    }

    /// The usual value at this place: that of the hour when it is known, else the running mean.
    pub(super) fn usual(&self, place: &Place) -> (f32, Usual) {
        let lately = (self.baseline as f32, Usual::Lately);
        self.profile.usual(place).unwrap_or(lately)
    }

    /// What is remembered of a view.
    pub(super) const fn envelope(&self, view: View) -> &Envelope {
        &self.views[view as usize]
    }

    /// The next value follows on nothing.
    pub(super) fn interrupt(&mut self) {
        self.short = 0.0;
        self.long = 0.0;
        self.shapes.interrupt();
    }

    /// Looks at a sample in every way, tells each surprise, and learns the sample.
    pub(super) fn look(
        &mut self,
        transform: Transform,
        sample: &Sample,
        recent: &Recent,
        tell: &mut impl FnMut(View, Surprise),
    ) {
        let value = transform.of(sample.value);
        let tick = &sample.tick;
        let weight = (SIZE_WEIGHT * tick.pace).max(1.0 / tick.samples as f32);
        self.size += weight * (value.abs() as f32 - self.size);
        let measure = Measure {
            ignored: transform.small(sample.least, sample.size),
            floor: FLOOR * self.size + 1e-9,
            half_believed: HALF_BELIEVED,
        };
        self.slide(transform, sample, recent);
        self.levels(value, sample, measure, tell);
        self.season(value, sample, measure, tell);
        self.course(value, tick, measure, tell);
    }

    /// The value, its means, and its distance from the running mean.
    fn levels(
        &mut self,
        value: f64,
        sample: &Sample,
        measure: Measure,
        tell: &mut impl FnMut(View, Surprise),
    ) {
        let tick = &sample.tick;
        self.judge(View::Value, value as f32, tick, measure, tell);
        // A mean of fewer values is no level: after a pause it would be a single value.
        let filled = usize::from(sample.change.filled);
        if filled >= SHORT {
            let mean = (self.short / SHORT as f64) as f32;
            self.judge(View::ShortLevel, mean, tick, measure, tell);
        }
        if filled >= LONG {
            let mean = (self.long / LONG as f64) as f32;
            self.judge(View::LongLevel, mean, tick, measure, tell);
        }
        if tick.samples > 1 {
            let jump = (value - self.baseline) as f32;
            self.judge(View::Jump, jump, tick, measure, tell);
        }
        let weight = BASELINE_WEIGHT.max(1.0 / f64::from(tick.samples));
        self.baseline += weight * (value - self.baseline);
    }

    /// The distance from what is usual for the hour and the day of the week.
    fn season(
        &mut self,
        value: f64,
        sample: &Sample,
        measure: Measure,
        tell: &mut impl FnMut(View, Surprise),
    ) {
        let tick = &sample.tick;
        if let Some((usual, _)) = self.profile.usual(&sample.place) {
            let measure = Measure {
                half_believed: HALF_BELIEVED_SEASON,
                ..measure
            };
            let off = (value - f64::from(usual)) as f32;
            self.hour_level += HOUR_LEVEL_WEIGHT * (off - self.hour_level);
            self.judge(View::Hour, off, tick, measure, tell);
            self.judge(View::HourLevel, self.hour_level, tick, measure, tell);
        }
        self.profile.learn(value, &sample.place, tick, self.size);
    }

    /// The last three values as a sequence.
    fn course(&mut self, value: f64, tick: &Tick, measure: Measure, tell: &mut impl FnMut(View, Surprise)) {
        if let Some(distance) = self.shapes.distance(value, tick, measure.ignored) {
            // The distance has no unit; what is too small to count was left out of it.
            let measure = Measure {
                ignored: 0.0,
                floor: FLOOR,
                ..measure
            };
            let halve = &mut |view, surprise: Surprise| {
                let size = surprise.size * SHAPE_SHARE;
                tell(view, Surprise { size, ..surprise });
            };
            self.judge(View::Shape, distance, tick, measure, halve);
        }
    }

    fn judge(
        &mut self,
        view: View,
        seen: f32,
        tick: &Tick,
        measure: Measure,
        tell: &mut impl FnMut(View, Surprise),
    ) {
        tell(view, self.views[view as usize].judge(seen, tick, measure));
    }

    /// Moves both sums on by one value. They are taken anew each time the ring comes round, so that what rounding and
    /// one huge value left in them does not stay.
    fn slide(&mut self, transform: Transform, sample: &Sample, recent: &Recent) {
        if sample.change.round {
            self.short = recent.last(SHORT).map(|value| transform.of(value)).sum();
            self.long = recent.last(LONG).map(|value| transform.of(value)).sum();
            return;
        }
        let leaving = |value: Option<f32>| value.map_or(0.0, |value| transform.of(value));
        let value = transform.of(sample.value);
        self.short += value - leaving(sample.change.short);
        self.long += value - leaving(sample.change.long);
    }
}
