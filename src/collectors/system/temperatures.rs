//! Temperatures of the sensors the operating system knows.

use smol_str::SmolStr;

use crate::sample::{Desc, Family, Kind, Missing, Observed, Reading, Signal, SubjectKind};

pub(super) const TEMPERATURE: Desc = Desc {
    name: "netkestrel_temperature_celsius",
    kind: Kind::Gauge,
    labels: &["sensor"],
    help: "Temperature the sensor reports; absent while it reports none.",
};
pub(super) const TEMPERATURE_SIGNAL: Signal = Signal {
    name: "temperature_celsius",
    title: "temperature",
    subject: SubjectKind::Sensor,
    help: "Temperature the sensor reports.",
};

/// A sensor and what it reported.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Temperature {
    /// Unique among all sensors.
    pub(super) sensor: SmolStr,
    /// `None` while the sensor reports nothing, such as one in a device that sleeps.
    pub(super) celsius: Option<f64>,
}

/// Temperature of every sensor that reports one.
pub(super) fn families(temperatures: &[Temperature]) -> Vec<Family> {
    let mut family = Family::new(&TEMPERATURE);
    for temperature in temperatures {
        family.push_some([temperature.sensor.clone()], temperature.celsius);
    }
    vec![family]
}

/// One reading per sensor.
pub(super) fn readings(temperatures: &[Temperature]) -> Vec<Reading> {
    let reading = |temperature: &Temperature| Reading {
        signal: &TEMPERATURE_SIGNAL,
        subject: temperature.sensor.clone(),
        observed: temperature
            .celsius
            .map_or(Observed::Missing(Missing::ReadFailed), Observed::Value),
    };
    temperatures.iter().map(reading).collect()
}
