//! Chance that is always the same: numbers that look random and follow from their arguments.

/// A number from 0 to 1.
pub(super) fn unit(key: u64, index: u64) -> f64 {
    // SplitMix64, whose output is even for consecutive inputs.
    let mut bits = key
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(index)
        .wrapping_add(1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let bits = (bits ^ (bits >> 31)) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// A number from -1 to 1 that changes smoothly with time, about once in `period` seconds.
pub(super) fn chance(key: u64, at: f64, period: f64) -> f64 {
    let place = at / period;
    let part = place - place.floor();
    let (before, after) = (knot(key, place.floor()), knot(key, place.floor() + 1.0));
    let part = part * part * (3.0 - 2.0 * part);
    before + (after - before) * part
}

fn knot(key: u64, index: f64) -> f64 {
    unit(key, index.to_bits()) * 2.0 - 1.0
}

#[test]
fn numbers_are_even() {
    let mean = (0..10_000).map(|index| unit(7, index)).sum::<f64>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.02, "{mean}");
    let mean = (0..10_000)
        .map(|index| chance(7, f64::from(index) * 60.0, 60.0))
        .sum::<f64>()
        / 10_000.0;
    assert!(mean.abs() < 0.03, "{mean}");
}
