//! A mail catcher, such as Mailpit: a server that keeps mails and shows them instead of sending them. It stands in
//! while no mail server is named; notes, page and mails then say that nobody receives them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{Config, Recipient, Tls, validate_server};
use crate::{problem::Problems, rules::Severity, units::Secret};

/// Who mails are addressed to while nobody is named.
const NOBODY: &str = "caught@localhost";

/// A server that only keeps mails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Catcher {
    /// Name or address of the mail catcher; empty means none.
    pub server: String,
    /// Port on which it takes mails, without TLS.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Where people read what it caught, such as `http://localhost:8025/`; empty means nowhere.
    pub page: String,
}

impl Default for Catcher {
    fn default() -> Self {
        Self {
            server: String::new(),
            port: 1025,
            page: String::new(),
        }
    }
}

impl Catcher {
    pub(super) fn validate(&self, problems: &mut Problems) {
        validate_server(&self.server, problems);
        let is_web = self.page.starts_with("http://") || self.page.starts_with("https://");
        if !self.page.is_empty() && !is_web {
            problems.push(
                "page",
                "this is not a web address; accepted: `http://HOST` or `https://HOST` with port and path",
            );
        }
    }

    /// What it means to whoever looks at the page or the log.
    #[must_use]
    pub fn notice(&self) -> String {
        format!(
            "Mails are only caught by {}, nobody receives them: no mail server is named \
             (`notifiers.email.server`, or SMTP_SERVER).",
            self.server
        )
    }

    /// The same to whoever reads a mail that was caught.
    pub(super) fn remark(&self) -> String {
        format!(
            "This mail was only caught by {}, nobody has received it: no mail server is named \
             (SMTP_SERVER, or `notifiers.email.server`).",
            self.server
        )
    }

    /// The settings by which it is given mails.
    pub(super) fn instead_of(&self, config: &Config) -> Config {
        let mut caught = Config {
            server: self.server.clone(),
            port: self.port,
            tls: Some(Tls::None),
            ca_file: String::new(),
            user: String::new(),
            password: Secret::default(),
            password_file: String::new(),
            ..config.clone()
        };
        if caught.recipients.is_empty() {
            caught.recipients.push(Recipient {
                address: NOBODY.to_owned(),
                min_severity: Severity::Low,
            });
        }
        caught
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifiers::Section as _;

    fn with_catcher() -> Config {
        Config {
            user: "me@example.org".to_owned(),
            password: Secret::new("hunter2"),
            catcher: Catcher {
                server: "127.0.0.1".to_owned(),
                ..Catcher::default()
            },
            ..Config::default()
        }
    }

    #[test]
    fn it_stands_in_until_a_server_is_named() {
        let mut config = with_catcher();
        assert!(config.is_enabled() && config.caught().is_some());
        let caught = config.in_force();
        assert_eq!((caught.server.as_str(), caught.port), ("127.0.0.1", 1025));
        assert_eq!(caught.tls_mode(), Tls::None);
        assert!(caught.user.is_empty() && caught.password.is_empty());
        assert_eq!(caught.recipients[0].address, NOBODY);
        assert!(config.notes()[0].contains("nobody receives them"));

        config.server = "smtp.example.org".to_owned();
        assert!(!config.is_enabled() && config.caught().is_none());
        assert_eq!(config.in_force().server, "smtp.example.org");
        assert_eq!(config.in_force().tls_mode(), Tls::Starttls);
        assert!(config.notes()[0].contains("recipients` is empty"));
    }

    #[test]
    fn those_who_are_named_are_told_to_the_catcher_as_well() {
        let mut config = with_catcher();
        config.recipients.push(Recipient {
            address: "ops@example.org".to_owned(),
            min_severity: Severity::High,
        });
        assert_eq!(config.in_force().recipients, config.recipients);
    }
}
