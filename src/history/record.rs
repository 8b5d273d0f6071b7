//! One line of history: an interval run of a collector with all that was seen. Lines are written by hand, as that is
//! done on every run, and read by serde, which refuses what it does not know: such a line is damage.

use std::{fmt::Write as _, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Unexpected, Visitor},
};
use smol_str::SmolStr;

use super::nested::{Every, Nested};
use crate::{
    clock::Now,
    sample::{Batch, Missing, Observed, Reading, Scope, Signal},
};

/// One interval run.
///
/// On disk a record is one line of JSON, by signal and then by subject; the host's subject is empty. A number is a
/// value; `{"implausible": 9e12}` is one that cannot be right, `{"excused": 0.0}` one of a time that does not count; a
/// word such as `"counter_reset"` says why there is none. Times are kept to the millisecond, values exactly.
///
/// ```json
/// {"t":"2026-11-25T11:00:00.123Z","e":30.0,"r":{"network_receive_bytes_per_second":{"eth0":1250.5,"eth1":"first_reading"}}}
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When the sources were read (`t`).
    pub at: Timestamp,
    /// Time since the run before (`e`, in seconds); `None` on the first.
    pub elapsed: Option<Duration>,
    /// Everything that was seen (`r`).
    pub readings: Vec<Seen>,
}

/// One signal of one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Name of the signal; also one that this version no longer knows.
    pub signal: SmolStr,
    /// Which interface, mount, disk, sensor or device; empty for the host.
    pub subject: SmolStr,
    /// What was seen.
    pub observed: Observed,
}

impl Record {
    /// Reads one line.
    pub fn decode(line: &[u8]) -> Result<Self, serde_json::Error> {
        let mut readings = Vec::new();
        let head = Nested::read(line, Every, |signal: &SmolStr, subject, Form(observed)| {
            let signal = signal.clone();
            readings.push(Seen {
                signal,
                subject,
                observed,
            });
        })?;
        Ok(Self {
            at: head.at,
            elapsed: head.elapsed,
            readings,
        })
    }

    /// The line of this record, with its line break.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut seen: Vec<_> = self.readings.iter().map(Item::of_record).collect();
        line(self.at, self.elapsed, &mut seen)
    }

    /// The batch this record was made of, for what replays it at `now`. Signals that are not among `signals` are left
    /// out; health is not recorded. The monotonic clock is set back by as much as the record is old.
    #[must_use]
    pub fn batch(&self, collector: &'static str, signals: &[&'static Signal], now: Now) -> Batch {
        let age = Duration::try_from(now.wall.duration_since(self.at)).unwrap_or_default();
        let readings = self.readings.iter().filter_map(|seen| {
            let signal = *signals.iter().find(|signal| signal.name == seen.signal)?;
            Some(Reading {
                signal,
                subject: seen.subject.clone(),
                observed: seen.observed,
            })
        });
        Batch {
            collector,
            scope: Scope::Whole,
            at: Now {
                instant: now.instant.checked_sub(age).unwrap_or(now.instant),
                wall: self.at,
            },
            elapsed: self.elapsed,
            readings: readings.collect(),
            changes: Vec::new(),
            health: Vec::new(),
        }
    }
}

/// The line that records a batch, with its line break.
#[must_use]
pub fn encode(batch: &Batch) -> Vec<u8> {
    let mut seen: Vec<_> = batch.readings.iter().map(Item::of_batch).collect();
    line(batch.at.wall, batch.elapsed, &mut seen)
}

/// A reading, wherever it comes from.
pub(super) struct Item<'a> {
    pub(super) signal: &'a str,
    pub(super) subject: &'a SmolStr,
    pub(super) observed: Observed,
}

impl<'a> Item<'a> {
    pub(super) fn of_batch(reading: &'a Reading) -> Self {
        Self {
            signal: reading.signal.name,
            subject: &reading.subject,
            observed: reading.observed,
        }
    }

    pub(super) fn of_record(seen: &'a Seen) -> Self {
        Self {
            signal: &seen.signal,
            subject: &seen.subject,
            observed: seen.observed,
        }
    }
}

fn line(at: Timestamp, elapsed: Option<Duration>, seen: &mut [Item<'_>]) -> Vec<u8> {
    // Readings of one signal come together, in the order of their subjects as they were given.
    seen.sort_by_key(|item| item.signal);
    let mut text = String::with_capacity(64 + seen.len() * 32);
    // Writing to a string cannot fail.
    let _ = write!(text, "{{\"t\":\"{at:.3}\",");
    if let Some(elapsed) = elapsed {
        let _ = write!(text, "\"e\":{:?},", elapsed.as_secs_f64());
    }
    text.push_str("\"r\":{");
    let mut last = None;
    for item in seen {
        if last == Some(item.signal) {
            text.push(',');
        } else {
            text.push_str(if last.is_some() { "}," } else { "" });
            quote(&mut text, item.signal);
            text.push_str(":{");
            last = Some(item.signal);
        }
        quote(&mut text, item.subject);
        text.push(':');
        observed(&mut text, item.observed);
    }
    text.push_str(if last.is_some() { "}}}\n" } else { "}}\n" });
    text.into_bytes()
}

/// Writes a string of JSON.
pub(super) fn quote(text: &mut String, plain: &str) {
    if plain
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
    {
        text.push('"');
        text.push_str(plain);
        text.push('"');
    } else {
        text.push_str(&serde_json::Value::from(plain).to_string());
    }
}

fn observed(text: &mut String, observed: Observed) {
    let _ = match observed {
        Observed::Value(value) if value.is_finite() => write!(text, "{value:?}"),
        Observed::Implausible(value) if value.is_finite() => write!(text, "{{\"implausible\":{value:?}}}"),
        Observed::Excused(value) if value.is_finite() => write!(text, "{{\"excused\":{value:?}}}"),
        Observed::Missing(why) => write!(text, "\"{}\"", word(why)),
        // JSON has no such number, and it is none.
        Observed::Value(_) | Observed::Implausible(_) | Observed::Excused(_) => {
            write!(text, "\"{}\"", word(Missing::NoSample))
        }
    };
}

const fn word(why: Missing) -> &'static str {
    match why {
        Missing::FirstReading => "first_reading",
        Missing::CounterReset => "counter_reset",
        Missing::ReadFailed => "read_failed",
        Missing::Unsupported => "unsupported",
        Missing::NoPermission => "no_permission",
        Missing::NameResolution => "name_resolution",
        Missing::LocalNetwork => "local_network",
        Missing::ParentDown => "parent_down",
        Missing::NoSample => "no_sample",
        Missing::Paused => "paused",
    }
}

/// How an observation is written.
pub(super) struct Form(pub(super) Observed);

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = Form;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, an implausible or excused number, or why there is none")
            }
            fn visit_f64<E>(self, value: f64) -> Result<Form, E> {
                Ok(Form(Observed::Value(value)))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Form, E> {
                Ok(Form(Observed::Value(value as f64)))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Form, E> {
                Ok(Form(Observed::Value(value as f64)))
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Form, E> {
                let why = Missing::deserialize(serde::de::value::StrDeserializer::<E>::new(word))?;
                Ok(Form(Observed::Missing(why)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
                match map.next_entry::<SmolStr, f64>()? {
                    Some((key, value)) if key == "implausible" => Ok(Form(Observed::Implausible(value))),
                    Some((key, value)) if key == "excused" => Ok(Form(Observed::Excused(value))),
                    _ => Err(A::Error::invalid_value(Unexpected::Map, &self)),
                }
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

/// The `t` of a line of history; `None` when it does not begin with one.
pub(super) fn time_of(line: &[u8]) -> Option<Timestamp> {
    quoted(line.strip_prefix(br#"{"t":""#)?).map(|(time, _)| time)
}

/// The `to` of a line that sums records up.
pub(super) fn end_of(line: &[u8]) -> Option<Timestamp> {
    let (_, rest) = quoted(line.strip_prefix(br#"{"t":""#)?)?;
    quoted(rest.strip_prefix(br#"","to":""#)?).map(|(time, _)| time)
}

fn quoted(text: &[u8]) -> Option<(Timestamp, &[u8])> {
    let end = text.iter().take(40).position(|byte| *byte == b'"')?;
    let (time, rest) = text.split_at_checked(end)?;
    Some((std::str::from_utf8(time).ok()?.parse().ok()?, rest))
}

/// Time as files keep it: whole milliseconds, cut off.
pub(super) fn kept(at: Timestamp) -> Timestamp {
    let excess = at.as_nanosecond().rem_euclid(1_000_000);
    at.checked_sub(SignedDuration::from_nanos_i128(excess))
        .unwrap_or(at)
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
