//! Errors of a conversation into failures with a reason. What a reload or time can mend is transient: a refused
//! login too, since a wrong password is corrected in the configuration and the mail must not be lost meanwhile.

use lettre::transport::smtp;

use super::super::{Failure, Reason};

/// What was being done when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Reaching the server.
    Connect,
    /// Reaching it with TLS from the first byte, its greeting and its abilities.
    ConnectProtected,
    /// Its greeting and its abilities, unprotected.
    Greeting,
    /// Protecting the connection.
    Tls,
    /// Logging in.
    Auth,
    /// Naming sender and recipient, and announcing the text.
    Envelope,
    /// Handing the text over.
    Text,
}

impl Step {
    const fn doing(self) -> &'static str {
        match self {
            Self::Connect | Self::ConnectProtected | Self::Greeting => "reach the mail server",
            Self::Tls => "protect the connection to the mail server",
            Self::Auth => "log in to the mail server",
            Self::Envelope => "hand over sender and recipient",
            Self::Text => "hand over the text",
        }
    }

    const fn reason(self) -> Reason {
        match self {
            Self::Tls => Reason::Tls,
            Self::Auth => Reason::Auth,
            Self::Connect | Self::ConnectProtected | Self::Greeting | Self::Envelope | Self::Text => {
                Reason::Connect
            }
        }
    }

    /// Which setting may be wrong when the server says nothing that can be understood.
    const fn doubt(self) -> &'static str {
        match self {
            Self::Greeting => {
                "; if the port expects TLS from the first byte, as 465 does, `tls: tls` is the right setting"
            }
            Self::ConnectProtected => {
                "; the port does not speak TLS from the first byte: `tls: starttls` is the right setting for most"
            }
            Self::Connect | Self::Tls | Self::Auth | Self::Envelope | Self::Text => "",
        }
    }
}

/// A failure worth another attempt.
pub(super) fn transient(reason: Reason, step: Step, why: impl std::fmt::Display) -> Failure {
    let detail = format!("failed to {}: {why}", step.doing());
    Failure::Transient { reason, detail }
}

/// The server did not answer in time.
pub(super) fn late(step: Step, seconds: f32) -> Failure {
    let doubt = if step == Step::Greeting { step.doubt() } else { "" };
    transient(
        Reason::Timeout,
        step,
        format_args!("no answer within {seconds} s{doubt}"),
    )
}

/// What lettre says became of `step`.
pub(super) fn failure(step: Step, error: &smtp::Error) -> Failure {
    let Some(code) = error.status().map(|code| code.to_string()) else {
        let reason = match step.reason() {
            _ if error.is_tls() || mentions_certificate(error) => Reason::Tls,
            reason => reason,
        };
        let text = spelled(error);
        // The plain greeting of a server where TLS was expected.
        let is_no_tls = step == Step::ConnectProtected && text.contains("InvalidContentType");
        let doubt = if step == Step::Greeting || is_no_tls {
            step.doubt()
        } else {
            ""
        };
        return transient(reason, step, format_args!("{text}{doubt}"));
    };
    let answer = error_text(error);
    if step == Step::Auth {
        return transient(
            Reason::Auth,
            step,
            format_args!("{code} {answer}{}", advice(&code, &answer)),
        );
    }
    if error.is_permanent() && matches!(step, Step::Envelope | Step::Text) && code != "530" {
        let detail = format!("failed to {}: {code} {answer}", step.doing());
        return Failure::Permanent {
            reason: Reason::Rejected,
            detail,
        };
    }
    let reason = match code.as_str() {
        // 450 and 452 are about the mailbox, 421 is about us.
        "421" => Reason::RateLimited,
        "530" => Reason::Auth,
        _ => Reason::Rejected,
    };
    transient(reason, step, format_args!("{code} {answer}"))
}

/// Google and others want a password made for the program.
fn advice(code: &str, answer: &str) -> &'static str {
    let lower = answer.to_lowercase();
    let google = code == "534"
        || ["5.7.8", "5.7.9", "application-specific", "gsmtp", "google"]
            .iter()
            .any(|mark| lower.contains(mark));
    if google {
        "; providers such as Google want an app password here, not the one of the account"
    } else {
        ""
    }
}

fn mentions_certificate(error: &smtp::Error) -> bool {
    let text = spelled(error);
    ["certificate", "Certificate", "handshake", "TLS", "tls"]
        .iter()
        .any(|word| text.contains(word))
}

fn error_text(error: &smtp::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(String::new, |source| plain(&source.to_string()))
}

fn spelled(error: &smtp::Error) -> String {
    plain(&error.to_string())
}

/// One line, no control characters, of bearable length.
fn plain(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(400).collect::<String>().trim().to_owned()
}
