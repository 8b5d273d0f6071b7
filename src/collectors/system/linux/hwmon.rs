//! Temperatures from /sys/class/hwmon.
//!
//! Sensors are looked for on interval runs only; scrapes read the ones that are known.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use smol_str::{SmolStr, format_smolstr};

use super::source::Source;
use crate::collectors::{
    Error,
    system::{
        snapshot::{Part, Purpose, settle},
        temperatures::Temperature,
    },
};

const MILLIDEGREES: f64 = 1000.0;

/// The sensors found so far.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    known: Option<Vec<Sensor>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Sensor {
    name: SmolStr,
    input: PathBuf,
}

/// A chip as sysfs shows it, before names are made unique.
struct Chip {
    name: String,
    /// The device it sits on, which unlike `hwmonN` keeps its name over restarts.
    device: String,
    /// Label and file of each temperature.
    inputs: Vec<(String, PathBuf)>,
}

impl Sensors {
    /// Every sensor with its temperature. A sensor that refuses to be read sleeps or is switched off; that is
    /// no failure, it only has no temperature now. One that tells nonsense has none either, and is a failure.
    pub(super) fn read(
        &mut self,
        root: &Path,
        purpose: Purpose,
        source: &mut Source,
        failures: &mut Vec<Error>,
    ) -> Part<Vec<Temperature>> {
        if purpose == Purpose::Interval || self.known.is_none() {
            self.known = Some(settle(find(root, source), failures)?);
        }
        let known = self.known.as_deref().unwrap_or_default();
        let temperature = |sensor: &Sensor| Temperature {
            sensor: sensor.name.clone(),
            celsius: sensor
                .celsius(source)
                .and_then(|told| settle(told, failures).ok()),
        };
        Ok(known.iter().map(temperature).collect())
    }
}

impl Sensor {
    /// What it tells now; `None` when it refuses to be read.
    fn celsius(&self, source: &mut Source) -> Option<Result<f64, Error>> {
        let text = source.line(&self.input).ok()?;
        Some(celsius(text).ok_or_else(|| Error::Parse {
            what: self.input.display().to_string(),
            detail: format!(
                "line 1: the temperature is `{}`, not a number",
                String::from_utf8_lossy(text)
            ),
        }))
    }
}

fn celsius(millidegrees: &[u8]) -> Option<f64> {
    let value: i64 = str::from_utf8(millidegrees).ok()?.parse().ok()?;
    Some(value as f64 / MILLIDEGREES)
}

/// Looks for sensors below `root`; a system without that folder has none.
fn find(root: &Path, source: &mut Source) -> Result<Vec<Sensor>, Error> {
    let mut folders = match entries(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|source| Error::Read {
            path: root.to_owned(),
            source,
        })?,
    };
    folders.sort();
    let chips = folders.iter().filter_map(|folder| chip(folder, source));
    Ok(named(chips.collect()))
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// A chip with at least one temperature; one that vanishes while it is looked at has none.
fn chip(folder: &Path, source: &mut Source) -> Option<Chip> {
    let mut files = entries(folder).ok()?;
    files.sort();
    let mut text = |path: &Path| {
        let line = source.line(path).ok()?;
        Some(String::from_utf8_lossy(line).into_owned()).filter(|line| !line.is_empty())
    };
    let inputs: Vec<_> = files
        .into_iter()
        .filter_map(|path| {
            let file = path.file_name()?.to_str()?;
            let number = file.strip_prefix("temp")?.strip_suffix("_input")?;
            let label = text(&folder.join(format!("temp{number}_label")));
            Some((label.unwrap_or_else(|| format!("temp{number}")), path))
        })
        .collect();
    let own_name = folder.file_name()?.to_string_lossy().into_owned();
    let device = fs::read_link(folder.join("device")).ok();
    let device = device.and_then(|link| Some(link.file_name()?.to_string_lossy().into_owned()));
    (!inputs.is_empty()).then(|| Chip {
        name: text(&folder.join("name")).unwrap_or_else(|| own_name.clone()),
        device: device.unwrap_or(own_name),
        inputs,
    })
}

/// `coretemp Core 0`; with two chips of a name, `nvme@nvme0 Composite`; with two equal labels on one chip, the
/// number of the input behind it.
fn named(chips: Vec<Chip>) -> Vec<Sensor> {
    let names: Vec<_> = chips.iter().map(|chip| chip.name.clone()).collect();
    let mut used = HashSet::new();
    let mut sensors = Vec::new();
    for chip in chips {
        let alone = names.iter().filter(|name| **name == chip.name).count() == 1;
        let place = if alone {
            chip.name
        } else {
            format!("{}@{}", chip.name, chip.device)
        };
        for (label, input) in chip.inputs {
            let mut name = format_smolstr!("{place} {label}");
            if used.contains(&name) {
                let file = input.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                name = format_smolstr!("{name} {}", file.unwrap_or_default());
            }
            if used.insert(name.clone()) {
                sensors.push(Sensor { name, input });
            }
        }
    }
    sensors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_where_they_can_and_unique_always() {
        let chip = |name: &str, device: &str, labels: &[&str]| Chip {
            name: name.to_owned(),
            device: device.to_owned(),
            inputs: (1..)
                .zip(labels)
                .map(|(n, label)| ((*label).to_owned(), PathBuf::from(format!("temp{n}_input"))))
                .collect(),
        };
        let sensors = named(vec![
            chip("coretemp", "coretemp.0", &["Core 0", "Core 0"]),
            chip("nvme", "nvme0", &["Composite"]),
            chip("nvme", "nvme1", &["Composite"]),
            chip("nvme", "nvme1", &["Composite"]),
        ]);
        let names: Vec<_> = sensors.iter().map(|sensor| sensor.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "coretemp Core 0",
                "coretemp Core 0 temp2_input",
                "nvme@nvme0 Composite",
                "nvme@nvme1 Composite",
                "nvme@nvme1 Composite temp1_input",
            ]
        );
    }

    #[test]
    fn temperatures_are_in_thousandths_and_may_be_below_zero() {
        for (text, expected) in [
            (&b"42000"[..], Some(42.0)),
            (b"-5500", Some(-5.5)),
            (b"", None),
            (b"4.2", None),
        ] {
            assert_eq!(celsius(text), expected);
        }
    }
}
