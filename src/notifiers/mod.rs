//! Where alerts are told: mail, Alertmanager, webhooks.
//!
//! Adding one: a file with a `Config` that is a `Section`, and one line in the `notifiers!` list.

mod context;
mod message;
mod url;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    context::{Context, Point, Sender, Surroundings},
    message::{Failure, Message, Notifier, Reason, Story},
};
use crate::problem::Problems;

/// Settings of one notifier.
trait Section {
    /// Reports what the schema alone cannot tell.
    fn validate(&self, problems: &mut Problems);

    /// What a user may have overlooked, though it is accepted.
    fn notes(&self) -> Vec<String> {
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
        }
    };
}

notifiers! {
    email: "Mail over SMTP.",
    alertmanager: "Prometheus Alertmanager.",
    webhook: "HTTP endpoints that receive alerts as JSON.",
}
