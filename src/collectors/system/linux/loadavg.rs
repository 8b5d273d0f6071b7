//! /proc/loadavg and /proc/uptime: one line of numbers each.

use super::source::{Malformed, fraction, words};
use crate::collectors::system::load::Load;

/// The three averages at the start of /proc/loadavg.
pub(super) fn parse(text: &[u8]) -> Result<Load, Malformed> {
    let mut words = words(text);
    let mut average = |what: &str| fraction(1, what, words.next().unwrap_or_default());
    Ok(Load {
        one: average("the 1-minute load")?,
        five: average("the 5-minute load")?,
        fifteen: average("the 15-minute load")?,
    })
}

/// Seconds since boot, the first number of /proc/uptime.
pub(super) fn uptime(text: &[u8]) -> Result<f64, Malformed> {
    fraction(1, "the uptime", words(text).next().unwrap_or_default())
}
