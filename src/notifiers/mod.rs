//! Where alerts are told: mail, webhooks and Alertmanager. A persistent outbox feeds delivery, which alone decides when
//! to try again; each notifier only sends. Alertmanager is told how alerts stand, and asked before anyone else is told.
//!
//! Adding one: a file with a `Config` that is a `Section`, and one line in the `notifiers!` list.

mod context;
mod delivery;
#[cfg(test)]
mod fixture;
mod http;
mod message;
mod metrics;
mod outbox;
mod plain;
mod url;
mod words;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    alertmanager::Alertmanagers,
    context::{Context, Point, Sender, Surroundings},
    delivery::{Asking, Delivery, Gate, OutboxHandle},
    message::{Failure, Message, Notifier, Reason, Sending, Story},
    metrics::METRICS,
    outbox::{Error, Limits, Outbox},
};
use crate::{clock::Clock, problem::Problems};

/// What notifiers are built with besides their settings.
pub struct Setting {
    /// Who sends.
    pub sender: Sender,
    /// Tells what is around an alert.
    pub surroundings: Arc<dyn Surroundings>,
    /// Source of time.
    pub clock: Clock,
}

/// Settings of one notifier.
trait Section {
    /// Reports what the schema alone cannot tell.
    fn validate(&self, problems: &mut Problems);

    /// What a user may have overlooked, though it is accepted.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The notifiers that these settings ask for. One that cannot be set up is there all the same, so that what it
    /// is to send waits.
    fn build(&self, setting: &Setting) -> Vec<Arc<dyn Notifier>> {
        let _ = setting;
        Vec::new()
    }
}

/// Declares the modules of the notifiers and their configuration section, one line per notifier.
macro_rules! notifiers {
    ($($name:ident: $what:literal),* $(,)?) => {
        $(pub mod $name;)*

        /// Settings of all notifiers.
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $(#[doc = $what]
            pub $name: $name::Config,)*
        }

        impl Config {
            /// Reports what the schema alone cannot tell.
            pub fn validate(&self, problems: &mut Problems) {
                $(problems.within(stringify!($name), |p| self.$name.validate(p));)*
            }

            /// What a user may have overlooked, though it is accepted.
            #[must_use]
            pub fn notes(&self) -> Vec<String> {
                [$(self.$name.notes()),*].concat()
            }

            /// The notifiers that are asked for.
            #[must_use]
            pub fn build(&self, setting: &Setting) -> Vec<Arc<dyn Notifier>> {
                [$(self.$name.build(setting)),*].concat()
            }
        }
    };
}

notifiers! {
    email: "Mail over SMTP.",
    alertmanager: "Prometheus Alertmanager.",
    webhook: "HTTP endpoints that receive alerts as JSON.",
}
