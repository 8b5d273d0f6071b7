//! Reads a line of history by signal and subject without building it in memory: each leaf is handed over as it comes,
//! and signals that nobody wants are skipped unread.

use std::{fmt, marker::PhantomData, time::Duration};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use smol_str::SmolStr;

/// What stands in a line beside its leaves.
pub(super) struct Head {
    pub(super) at: Timestamp,
    /// Of a summary: time of the last record in it.
    pub(super) to: Option<Timestamp>,
    pub(super) elapsed: Option<Duration>,
}

/// Which leaves are wanted.
pub(super) trait Wanted: Copy {
    fn signal(&self, name: &str) -> bool;
    fn subject(&self, name: &str) -> bool;
}

/// All leaves are wanted.
#[derive(Clone, Copy)]
pub(super) struct Every;

impl Wanted for Every {
    fn signal(&self, _: &str) -> bool {
        true
    }
    fn subject(&self, _: &str) -> bool {
        true
    }
}

/// A line whose leaves are of type `V`.
pub(super) struct Nested<V, W, F> {
    wanted: W,
    take: F,
    leaf: PhantomData<fn() -> V>,
}

impl<'de, V, W, F> Nested<V, W, F>
where
    V: Deserialize<'de>,
    W: Wanted,
    F: FnMut(&SmolStr, SmolStr, V),
{
    /// Reads a line and hands over its wanted leaves. Where it fails, some may have been handed over already.
    pub(super) fn read(line: &'de [u8], wanted: W, take: F) -> Result<Head, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        let nested = Self {
            wanted,
            take,
            leaf: PhantomData,
        };
        let head = deserializer.deserialize_map(nested)?;
        deserializer.end()?;
        Ok(head)
    }
}

impl<'de, V, W, F> Visitor<'de> for Nested<V, W, F>
where
    V: Deserialize<'de>,
    W: Wanted,
    F: FnMut(&SmolStr, SmolStr, V),
{
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of history")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Head, A::Error> {
        let (mut at, mut to, mut elapsed, mut read) = (None, None, None, false);
        while let Some(key) = map.next_key::<SmolStr>()? {
            match key.as_str() {
                "t" => at = Some(map.next_value()?),
                "to" => to = Some(map.next_value()?),
                "e" => {
                    let seconds = map.next_value()?;
                    elapsed = Some(Duration::try_from_secs_f64(seconds).map_err(A::Error::custom)?);
                }
                "r" => {
                    map.next_value_seed(Signals(&mut self))?;
                    read = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !read {
            return Err(A::Error::missing_field("r"));
        }
        let at = at.ok_or_else(|| A::Error::missing_field("t"))?;
        Ok(Head { at, to, elapsed })
    }
}

struct Signals<'a, V, W, F>(&'a mut Nested<V, W, F>);

impl<'de, V, W, F> DeserializeSeed<'de> for Signals<'_, V, W, F>
where
    V: Deserialize<'de>,
    W: Wanted,
    F: FnMut(&SmolStr, SmolStr, V),
{
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V, W, F> Visitor<'de> for Signals<'_, V, W, F>
where
    V: Deserialize<'de>,
    W: Wanted,
    F: FnMut(&SmolStr, SmolStr, V),
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("readings by signal")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(signal) = map.next_key::<SmolStr>()? {
            if self.0.wanted.signal(&signal) {
                map.next_value_seed(Subjects(self.0, &signal))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Subjects<'a, V, W, F>(&'a mut Nested<V, W, F>, &'a SmolStr);

impl<'de, V, W, F> DeserializeSeed<'de> for Subjects<'_, V, W, F>
where
    V: Deserialize<'de>,
    W: Wanted,
    F: FnMut(&SmolStr, SmolStr, V),
{
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V, W, F> Visitor<'de> for Subjects<'_, V, W, F>
where
    V: Deserialize<'de>,
    W: Wanted,
    F: FnMut(&SmolStr, SmolStr, V),
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("readings by subject")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(subject) = map.next_key::<SmolStr>()? {
            if self.0.wanted.subject(&subject) {
                let leaf = map.next_value()?;
                (self.0.take)(self.1, subject, leaf);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
