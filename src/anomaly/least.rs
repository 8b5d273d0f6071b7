//! The smallest difference that matters to anyone, by the unit of a signal. It keeps a flat series from crying over its
//! first wrinkle, and it is what small and large mean in the lane of logarithms.

use crate::figures::Unit;

/// The smallest difference of interest, in the unit of the value; 0 where none is known.
#[must_use]
pub const fn least(unit: Unit) -> f32 {
    match unit {
        // A percent.
        Unit::Ratio => 0.01,
        // 0.1 Mbps.
        Unit::BytesPerSecond => 12_500.0,
        Unit::Bytes => 1e6,
        Unit::Seconds => 0.001,
        Unit::Celsius | Unit::PerSecond => 1.0,
        Unit::Up | Unit::Number => 0.0,
    }
}
