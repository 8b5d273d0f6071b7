//! Why people's wishes about alerts could not be met.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{AlertId, State};

/// Why a wish could not be met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No active alert has that name.
    #[error("find an active alert named `{id}`{}", near.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?")))]
    NoAlert {
        /// What was given.
        id: String,
        /// The name most like it.
        near: Option<AlertId>,
    },
    /// The alert cannot be taken on as it stands.
    #[error("acknowledge `{id}`: it is {}; only an alert that fires can be acknowledged", state.name())]
    NotFiring {
        /// Which alert.
        id: AlertId,
        /// How it stands.
        state: State,
    },
    /// Nobody took the alert on.
    #[error("take back the acknowledgement of `{id}`: nobody acknowledged it")]
    NotAcknowledged {
        /// Which alert.
        id: AlertId,
    },
    /// No silence has that name.
    #[error("find a silence named `{id}`")]
    NoSilence {
        /// What was given.
        id: String,
    },
    /// The silence makes no sense.
    #[error("silence: {}", reasons.join("; "))]
    BadSilence {
        /// What is wrong with it.
        reasons: Vec<String>,
    },
    /// The silence would end before it begins or has ended already.
    #[error("silence until {ends}: accepted: a moment in the future and after its start")]
    SilenceOver {
        /// When it ends.
        ends: Timestamp,
    },
    /// There are too many silences.
    #[error("add a silence: there are {limit} already; remove some first")]
    TooManySilences {
        /// How many there may be.
        limit: usize,
    },
    /// There is such a silence already.
    #[error("add the silence `{id}`: there is one of that name already")]
    SilenceExists {
        /// Its name.
        id: SmolStr,
    },
}
