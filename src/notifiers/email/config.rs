//! Settings of mail: the server, the account, and who receives what.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::error;

use super::{
    super::{Notifier, Section, Setting},
    Catcher, Email, Unusable,
};
use crate::{alerts::Notice, problem::Problems, rules::Severity, units::Secret};

/// How mail leaves this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name or address of the SMTP server; empty means that no mail is sent.
    pub server: String,
    /// Port of the SMTP server.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// How the connection is protected; without it, `tls` on port 465 and `starttls` on every other.
    pub tls: Option<Tls>,
    /// File with certificates (PEM) of an authority of your own, trusted besides the public ones; empty means none.
    pub ca_file: String,
    /// Whether the server must prove who it is; `false` accepts any certificate, also a forged one.
    pub verify_certificate: bool,
    /// Account to log in with; empty means without a login.
    pub user: String,
    /// Password of the account. Better kept in `password_file`, or written as `${SMTP_PASSWORD}`.
    pub password: Secret,
    /// File that holds the password, relative to the folder of this file.
    pub password_file: String,
    /// Sender's address; empty means `user` where that is an address, else `netkestrel@` and the host's name.
    pub from: String,
    /// Who receives mail, and from which severity on.
    pub recipients: Vec<Recipient>,
    /// Server that keeps mails instead of sending them, used while `server` is empty.
    pub catcher: Catcher,
}

/// How an SMTP connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Not at all.
    None,
    /// Must switch to TLS after connecting, or no mail is sent.
    Starttls,
    /// Switches to TLS where the server offers it.
    StarttlsOpportunistic,
    /// TLS from the first byte.
    Tls,
}

/// One person or list that receives mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Mail address.
    pub address: String,
    /// Least severity this recipient hears of.
    #[serde(default)]
    pub min_severity: Severity,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: String::new(),
            port: 587,
            tls: None,
            ca_file: String::new(),
            verify_certificate: true,
            user: String::new(),
            password: Secret::default(),
            password_file: String::new(),
            from: String::new(),
            recipients: Vec::new(),
            catcher: Catcher::default(),
        }
    }
}

impl Section for Config {
    fn validate(&self, problems: &mut Problems) {
        validate_server(&self.server, problems);
        problems.within("catcher", |p| self.catcher.validate(p));
        self.validate_login(problems);
        if !self.from.is_empty() && !is_address(&self.from) {
            problems.push("from", not_an_address(&self.from));
        }
        problems.within("recipients", |p| {
            let mut seen = HashSet::new();
            for (index, recipient) in self.recipients.iter().enumerate() {
                p.at_index(index, |p| recipient.validate(&mut seen, p));
            }
        });
    }

    fn build(&self, setting: &Setting) -> Vec<Arc<dyn Notifier>> {
        if !self.is_enabled() {
            return Vec::new();
        }
        let (sender, surroundings) = (setting.sender.clone(), Arc::clone(&setting.surroundings));
        match Email::new(self, sender, surroundings, setting.clock) {
            Ok(email) => vec![Arc::new(email)],
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                let why = format!("{error}{}", cause.unwrap_or_default());
                error!(error = why, "mail cannot be set up; it waits for better settings");
                let config = self.in_force().into_owned();
                vec![Arc::new(Unusable { config, why })]
            }
        }
    }

    fn notes(&self) -> Vec<String> {
        if let Some(catcher) = self.caught() {
            return vec![catcher.notice()];
        }
        let mut notes = Vec::new();
        match (self.server.is_empty(), self.recipients.is_empty()) {
            (true, false) => {
                notes.push("there are recipients of mail, but `notifiers.email.server` is empty".to_owned());
            }
            (false, true) => {
                notes.push("there is a mail server, but `notifiers.email.recipients` is empty".to_owned());
            }
            _ => notes.extend(self.exposures()),
        }
        notes
    }
}

impl Config {
    /// Who hears of a notice: by the worst severity, so that whoever heard of a grave alert hears of its end.
    pub(super) fn addresses_for(&self, notice: &Notice) -> Vec<String> {
        let heard = |recipient: &&Recipient| notice.alert.worst >= recipient.min_severity;
        let recipients = self.recipients.iter().filter(heard);
        recipients.map(|recipient| recipient.address.clone()).collect()
    }

    /// Whether mail is sent, or at least caught.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        let settings = self.in_force();
        !settings.server.is_empty() && !settings.recipients.is_empty()
    }

    /// Who catches mails, while they are only caught.
    #[must_use]
    pub fn caught(&self) -> Option<&Catcher> {
        (self.server.is_empty() && !self.catcher.server.is_empty()).then_some(&self.catcher)
    }

    /// These settings, or those for the catcher while mails are only caught.
    #[must_use]
    pub fn in_force(&self) -> Cow<'_, Self> {
        match self.caught() {
            Some(catcher) => Cow::Owned(catcher.instead_of(self)),
            None => Cow::Borrowed(self),
        }
    }

    /// How the connection is protected: what was given, or what the port implies.
    #[must_use]
    pub fn tls_mode(&self) -> Tls {
        let implied = if self.port == 465 { Tls::Tls } else { Tls::Starttls };
        self.tls.unwrap_or(implied)
    }

    /// What weakens the protection of the connection, though it was asked for.
    #[must_use]
    pub fn exposures(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.is_enabled() {
            return notes;
        }
        if self.tls_mode() == Tls::None {
            if !self.user.is_empty() {
                let note = "the mail password would travel unencrypted: `notifiers.email.tls` is `none`";
                notes.push(note.to_owned());
            }
        } else if !self.verify_certificate {
            let note = "any mail server is believed: `notifiers.email.verify_certificate` is `false`; prefer `ca_file`";
            notes.push(note.to_owned());
        }
        notes
    }

    fn validate_login(&self, problems: &mut Problems) {
        if self.password.reveal() == Secret::HIDDEN {
            problems.push(
                "password",
                "given the mark that `print-config` writes in place of a password; accepted: the password itself, or `password_file`",
            );
        } else if self.server.is_empty() {
            return;
        }
        if self.user.is_empty() && !self.password.is_empty() {
            problems.push(
                "user",
                "is empty though there is a password; accepted: the account to log in with",
            );
        }
        if !self.user.is_empty() && self.password.is_empty() && self.password_file.is_empty() {
            problems.push(
                "password",
                "is missing though there is a `user`; accepted: `password`, `password_file`, or no `user` for mail without a login",
            );
        }
    }
}

impl Recipient {
    /// Adds the address to those `seen` before.
    fn validate(&self, seen: &mut HashSet<String>, problems: &mut Problems) {
        if !is_address(&self.address) {
            problems.push("address", not_an_address(&self.address));
        } else if !seen.insert(self.address.to_lowercase()) {
            problems.push(
                "address",
                format_args!("`{}` is given twice; accepted: each address once", self.address),
            );
        }
    }
}

/// Reports a `server` that is more than a host.
pub(super) fn validate_server(server: &str, problems: &mut Problems) {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == '@';
    let is_ip = server.parse::<std::net::IpAddr>().is_ok();
    if server.contains(odd) || (server.contains(':') && !is_ip) {
        problems.push(
            "server",
            format_args!(
                "given `{}`; accepted: a host name or an address alone, such as `smtp.example.org`; the port belongs in `port`",
                server.escape_debug()
            ),
        );
    }
}

/// One `@` with something on both sides, and nothing that could break a mail header.
fn is_address(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | ':' | '"');
    match text.split_once('@') {
        Some((local, domain)) => {
            let plain = !local.is_empty() && !domain.contains('@') && !text.contains(odd);
            plain && text.parse::<lettre::Address>().is_ok()
        }
        None => false,
    }
}

fn not_an_address(text: &str) -> String {
    format!(
        "given `{}`; accepted: a mail address, such as `ops@example.org`",
        text.escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(config: &Config) -> Vec<String> {
        let mut problems = Problems::new();
        config.validate(&mut problems);
        problems.into_vec().into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn the_port_implies_the_protection_unless_it_is_given() {
        for (port, given, expected) in [
            (465, None, Tls::Tls),
            (587, None, Tls::Starttls),
            (25, None, Tls::Starttls),
            (465, Some(Tls::None), Tls::None),
        ] {
            let config = Config {
                port,
                tls: given,
                ..Config::default()
            };
            assert_eq!(config.tls_mode(), expected, "{port} {given:?}");
        }
    }

    #[test]
    fn addresses_cannot_carry_headers() {
        for (text, fine) in [
            ("ops@example.org", true),
            ("ops+pager@localhost", true),
            ("ops", false),
            ("@example.org", false),
            ("ops@", false),
            ("a@b@c", false),
            ("ops@example.org\r\nBcc: all@example.org", false),
            ("Ops <ops@example.org>", false),
        ] {
            assert_eq!(is_address(text), fine, "{text:?}");
        }
    }

    #[test]
    fn a_login_needs_both_halves_once_there_is_a_server() {
        let server = |server: &str, user: &str, password: &str| Config {
            server: server.to_owned(),
            user: user.to_owned(),
            password: Secret::new(password),
            ..Config::default()
        };
        for (config, expected) in [
            (server("", "me", ""), vec![]),
            (server("smtp", "me", ""), vec!["password"]),
            (server("smtp", "", "pw"), vec!["user"]),
            (server("smtp", "me", "pw"), vec![]),
            (server("smtp:25", "", ""), vec!["server"]),
            (server("::1", "", ""), vec![]),
            (server("", "me", Secret::HIDDEN), vec!["password"]),
        ] {
            assert_eq!(problems(&config), expected, "{config:?}");
        }
    }

    #[test]
    fn mail_that_goes_nowhere_is_noted() {
        let mut config = Config::default();
        assert_eq!(config.notes(), [""; 0]);
        config.server = "smtp.example.org".to_owned();
        assert!(config.notes()[0].contains("recipients` is empty"));
        config.recipients.push(Recipient {
            address: "ops@example.org".to_owned(),
            min_severity: Severity::Low,
        });
        assert_eq!(config.notes(), [""; 0]);
        config.verify_certificate = false;
        assert!(config.notes()[0].contains("believed"));
        config.server.clear();
        assert!(config.notes()[0].contains("server` is empty"));
    }
}
