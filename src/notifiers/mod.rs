//! Where alerts are told: mail, Alertmanager, webhooks. Today only the settings; nothing is sent yet.

pub mod alertmanager;
pub mod email;
mod url;
pub mod webhook;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problems;

/// Settings of all notifiers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Mail over SMTP.
    pub email: email::Config,
    /// Prometheus Alertmanager.
    pub alertmanager: alertmanager::Config,
    /// HTTP endpoints that receive alerts as JSON.
    pub webhook: webhook::Config,
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, problems: &mut Problems) {
        problems.within("email", |p| self.email.validate(p));
        problems.within("alertmanager", |p| self.alertmanager.validate(p));
        problems.within("webhook", |p| self.webhook.validate(p));
    }
}
