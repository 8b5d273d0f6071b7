//! The four JSON files of the Python system, each an array of records, as records and transitions of ours.
//!
//! | file | becomes |
//! | --- | --- |
//! | `network_data.json` | `bandwidth`: both directions of the interface `all` and the host's total; anomalies become transitions of the rule `anomaly` |
//! | `system_data.json` | `system`: CPU, memory and the filesystem `/` |
//! | `device_data.json` | `devices`: state and round-trip time, grouped into runs |
//! | `alert_data.json` | `alerts`: one transition each |
//!
//! A file is taken as a whole or not at all. Times are cut to milliseconds, the resolution of history.

mod alerts;
mod complaint;
mod devices;
mod network;
mod runs;
mod system;
mod times;

use std::collections::HashMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::de::DeserializeOwned;
use serde_json::Value;
use smol_str::SmolStr;

use self::{complaint::Field, times::NoTime};
use crate::{
    history::{Record, Seen, Stream},
    sample::{Missing, Observed},
};

/// Which of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `network_data.json`.
    Network,
    /// `system_data.json`.
    System,
    /// `device_data.json`.
    Device,
    /// `alert_data.json`.
    Alert,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Network, Self::System, Self::Device, Self::Alert];

    /// Name of the file.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Network => "network_data.json",
            Self::System => "system_data.json",
            Self::Device => "device_data.json",
            Self::Alert => "alert_data.json",
        }
    }

    /// The kind of the file of this name; a copy such as `network_data.old.json` or `network_data_1.json` is the same.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let stem = |kind: &Self| kind.file().trim_end_matches(".json");
        Self::ALL.into_iter().find(|kind| name.starts_with(stem(kind)))
    }

    /// Where its records go.
    #[must_use]
    pub const fn stream(self) -> Stream {
        match self {
            Self::Network => Stream::Bandwidth,
            Self::System => Stream::System,
            Self::Device => Stream::Devices,
            Self::Alert => Stream::Alerts,
        }
    }
}

/// What the files themselves do not tell.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The zone in which the Python system ran.
    pub zone: TimeZone,
    /// Names that devices have by now, by their address; a device that is not in it is called by its address.
    pub names: HashMap<String, SmolStr>,
}

/// What a file held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// Records in the file.
    pub read: usize,
    /// Records of the stream, in the order of time.
    pub records: Vec<Record>,
    /// Transitions for the stream `alerts`, in the order of time.
    pub transitions: Vec<Value>,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is torn or holds something else: which record, in which line, and what is expected there.
    #[error("{0}; nothing of the file was taken")]
    Content(String),
}

/// Reads a whole file.
pub fn read(kind: Kind, content: &[u8], origin: &Origin) -> Result<Imported, Error> {
    // Windows tools like to put one in front.
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    match kind {
        Kind::Network => network::read(content, origin),
        Kind::System => system::read(content, origin),
        Kind::Device => devices::read(content, origin),
        Kind::Alert => alerts::read(content, origin),
    }
}

/// A record of any of the files.
trait Timed: DeserializeOwned {
    /// Values of a record, for complaints.
    const FIELDS: &'static [Field];

    /// Its local time.
    fn timestamp(&self) -> &str;
}

/// All records with their times, in the order of time.
fn parse<T: Timed>(content: &[u8], origin: &Origin) -> Result<Vec<(Timestamp, T)>, Error> {
    let records: Vec<T> = serde_json::from_slice(content)
        .map_err(|error| Error::Content(complaint::of::<T>(content, T::FIELDS, &error)))?;
    let texts: Vec<&str> = records.iter().map(Timed::timestamp).collect();
    let moments = times::instants(&texts, &origin.zone).map_err(|NoTime { record, text }| {
        let place = complaint::place(content, record);
        Error::Content(format!(
            "{place}: `timestamp`: given `{text}`; accepted: a local time such as `2025-08-12T14:03:21`"
        ))
    })?;
    let mut timed: Vec<(Timestamp, T)> = moments.into_iter().zip(records).collect();
    timed.sort_by_key(|(at, _)| *at);
    Ok(timed)
}

fn seen(signal: &str, subject: impl Into<SmolStr>, observed: Observed) -> Seen {
    Seen {
        signal: signal.into(),
        subject: subject.into(),
        observed,
    }
}

/// A value, or that it could not be read.
fn observed(value: Option<f64>) -> Observed {
    value.map_or(Observed::Missing(Missing::ReadFailed), Observed::Value)
}
