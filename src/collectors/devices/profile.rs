//! How much is exposed of each device. Ten thousand devices with every series are more than many servers like to keep.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::account::BOUNDS;

/// How much is exposed of each device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metrics {
    /// Everything, about forty series.
    #[default]
    Full,
    /// Status, facts, probes, failures of all reasons together and the mean round-trip time: eight series, at most
    /// 600 bytes. Rules and recording rules lack nothing; some panels stay empty.
    Lean,
}

impl Metrics {
    /// Upper bounds of the classic buckets of round-trip times, in seconds; there is one without bound behind them.
    pub(super) fn bounds(self) -> &'static [f64] {
        match self {
            Self::Full => BOUNDS,
            Self::Lean => &[],
        }
    }
}
