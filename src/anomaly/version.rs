//! The version of a saved detector: a number that is written and, when it is read, must be the same. What another
//! version means by its fields is not known, so it is not guessed.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// To be raised with every change of what is saved or of what it means.
const PRESENT: u32 = 1;

/// Stands for the present version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(PRESENT)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            PRESENT => Ok(Self),
            other => Err(D::Error::custom(format_args!(
                "this was saved by version {other} of the detector, and this is version {PRESENT}"
            ))),
        }
    }
}
