//! Series as hosts and networks make them, with a fixed seed each: what is stationary must stay quiet, and what is put
//! into it is known.

use std::f64::consts::TAU;

/// A Monday, at midnight.
pub(crate) const BEGIN: i64 = 1_795_392_000;
pub(crate) const DAY: i64 = 86_400;

/// Kinds of stationary series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White noise.
    Noise,
    /// A processor's load, which moves slowly around its mean.
    Cpu,
    /// A wave by day with noise.
    Daily,
    /// The same, on weekends lower.
    Weekly,
    /// Traffic whose logarithm is a daily wave with noise.
    LogNormal,
    /// Traffic in bursts without a typical size.
    Pareto,
    /// Hardly ever more than zero.
    Errors,
    /// Round-trip times with an outlier now and then.
    Ping,
    /// Always the same.
    Flat,
    /// A disk that fills steadily.
    Filling,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Noise,
        Self::Cpu,
        Self::Daily,
        Self::Weekly,
        Self::LogNormal,
        Self::Pareto,
        Self::Errors,
        Self::Ping,
        Self::Flat,
        Self::Filling,
    ];
}

/// A generator of uniform and normal numbers (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// Between 0 and 1, neither included.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 12) as f64 / (1_u64 << 52) as f64 + 1e-16
    }

    /// With mean 0 and deviation 1.
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (TAU * self.uniform()).cos()
    }
}

/// One series on its way.
pub(crate) struct Series {
    kind: Kind,
    pub(crate) random: Random,
    slow: f64,
}

impl Series {
    pub(crate) fn new(kind: Kind, seed: u64) -> Self {
        let random = Random::new(seed * 64 + kind as u64);
        Self {
            kind,
            random,
            slow: 0.0,
        }
    }

    /// The value at `unix`; to be asked in order.
    pub(crate) fn next(&mut self, unix: i64) -> f64 {
        let wave = 1.0 + 0.6 * (TAU * (hour(unix) / 24.0 - 0.3)).sin();
        let weekend = (unix - BEGIN).rem_euclid(7 * DAY) >= 5 * DAY;
        let share = if weekend { 0.6 } else { 1.0 };
        let random = &mut self.random;
        match self.kind {
            Kind::Noise => 50.0 + 5.0 * random.normal(),
            Kind::Cpu => {
                self.slow = 0.98 * self.slow + 0.2 * random.normal();
                30.0 + 5.0 * self.slow
            }
            Kind::Daily => (20.0 * wave + 3.0 * random.normal()).max(0.0),
            Kind::Weekly => (20.0 * wave * share + 3.0 * random.normal()).max(0.0),
            Kind::LogNormal => (1.5 + wave * share + 0.8 * random.normal()).exp(),
            Kind::Pareto => 0.05 / random.uniform().sqrt(),
            Kind::Errors if random.uniform() < 0.002 => 1.0 + (5.0 * random.uniform()).floor(),
            Kind::Errors => 0.0,
            Kind::Ping if random.uniform() < 0.001 => 20.0 + 60.0 * random.uniform(),
            Kind::Ping => 20.0 + 1.5 * random.normal().abs(),
            Kind::Flat => 42.0,
            Kind::Filling => {
                let days = (unix - BEGIN) as f64 / DAY as f64;
                40.0 + 0.3 * days + 0.05 * random.normal()
            }
        }
    }
}

/// Hour of the day, with fractions.
pub(crate) fn hour(unix: i64) -> f64 {
    unix.rem_euclid(DAY) as f64 / 3600.0
}
