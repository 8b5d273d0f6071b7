//! Mail over SMTP: who hears of a notice, what the mail says, and how it reaches the server.

mod catcher;
mod chart;
mod config;
mod letter;
mod refusal;
mod session;
mod transcript;
mod view;

use std::{fs, sync::Arc, time::Duration};

use lettre::{
    Address,
    transport::smtp::{
        client::{Certificate, TlsParameters},
        extension::ClientId,
    },
};
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use tracing::debug;

pub use self::{
    catcher::Catcher,
    config::{Config, Recipient, Tls},
    session::Limits,
    transcript::Transcript,
};
use self::{
    letter::Desk,
    session::{Parcel, Route, Session},
};
use super::{Failure, Message, Notifier, Reason, Sender, Sending, Surroundings, plain};
use crate::{alerts::Notice, clock::Clock};

/// Why mail cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sender's address is none.
    #[error("failed to use `{0}` as the sender's address")]
    From(String, #[source] lettre::address::AddressError),
    /// The certificates cannot be read.
    #[error("failed to read the certificates in {0}")]
    ReadCertificates(String, #[source] std::io::Error),
    /// The certificates are none, or TLS cannot be set up with them.
    #[error("failed to set up TLS to {0}")]
    Tls(String, #[source] lettre::transport::smtp::Error),
    /// The file holds no certificate.
    #[error("failed to find a certificate (PEM) in {0}")]
    NoCertificate(String),
}

/// Facts and chart of one mail take no longer.
const LONGEST_WRITING: Duration = Duration::from_secs(10);

fn out_of_time() -> Failure {
    Failure::Transient {
        reason: Reason::Timeout,
        detail: "failed to send in time".to_owned(),
    }
}

/// Stands for mail that cannot be set up, such as with certificates that cannot be read: what it is to send waits for
/// settings that are better.
pub(super) struct Unusable {
    pub(super) config: Config,
    pub(super) why: String,
}

impl Notifier for Unusable {
    fn integration(&self) -> &'static str {
        "email"
    }

    fn recipients(&self, notice: &Notice) -> Vec<String> {
        self.config.addresses_for(notice)
    }

    fn waits_for_quiet_hours(&self) -> bool {
        true
    }

    fn send<'a>(&'a self, messages: &'a [Message]) -> Sending<'a> {
        let failure = Failure::Transient {
            reason: Reason::Other,
            detail: self.why.clone(),
        };
        Box::pin(async move { vec![Err(failure); messages.len()] })
    }
}

/// Sends mail.
pub struct Email {
    config: Config,
    tls: Option<TlsParameters>,
    hello: ClientId,
    desk: Arc<Desk>,
    limits: Limits,
}

impl Email {
    /// Reads the certificates and prepares everything that does not change between messages.
    pub fn new(
        config: &Config,
        sender: Sender,
        surroundings: Arc<dyn Surroundings>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let caught = config.caught().map(Catcher::remark).unwrap_or_default();
        let config = &*config.in_force();
        let host = plain::domain(&sender.host);
        let from = sender_address(config, &host)?;
        let tls = match config.tls_mode() {
            Tls::None => None,
            _ => Some(tls_parameters(config)?),
        };
        Ok(Self {
            config: config.clone(),
            tls,
            hello: ClientId::Domain(host.clone()),
            desk: Arc::new(Desk {
                from,
                host,
                sender,
                surroundings,
                clock,
                caught,
            }),
            limits: Limits::default(),
        })
    }

    /// The same with other limits of time.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Like [`Notifier::send`], with the conversation written down.
    pub async fn send_and_record(&self, messages: &[Message]) -> (Vec<Result<(), Failure>>, Transcript) {
        let mut transcript = Transcript::default();
        let deadline = Instant::now() + self.limits.whole;
        let mut results = Vec::with_capacity(messages.len());
        while results.len() < messages.len() {
            let rest = messages.get(results.len()..).unwrap_or_default();
            let done = self.send_over_one(rest, deadline, &mut transcript).await;
            // Where the server took no position on anything, another connection would not help the rest.
            let answered = |result: &Result<(), Failure>| !matches!(result, Err(Failure::Transient { .. }));
            let helps = done.iter().any(answered) && Instant::now() < deadline;
            let last = done.last().cloned();
            results.extend(done);
            if !helps {
                // A refusal for good concerns its own message alone.
                let rest = match last {
                    Some(Err(failure @ Failure::Transient { .. })) => failure,
                    _ => out_of_time(),
                };
                results.resize(messages.len(), Err(rest));
            }
        }
        debug!(conversation = %transcript, "sent mail");
        (results, transcript)
    }

    /// Sends as many as one connection carries; at least one result.
    async fn send_over_one(
        &self,
        messages: &[Message],
        deadline: Instant,
        transcript: &mut Transcript,
    ) -> Vec<Result<(), Failure>> {
        let route = Route {
            config: &self.config,
            tls: self.tls.as_ref(),
            hello: self.hello.clone(),
            limits: self.limits,
            deadline,
        };
        let mut session = match Session::open(&route, transcript).await {
            Ok(session) => session,
            Err(failure) => return vec![Err(failure)],
        };
        let mut results = Vec::new();
        for message in messages {
            let result = match self.write(message, deadline).await {
                Ok(parcel) => session.send(&parcel).await,
                Err(failure) => Err(failure),
            };
            results.push(result);
            if !session.usable {
                break;
            }
        }
        session.close().await;
        results
    }

    /// On a thread for blocking work: facts are asked for and the chart is drawn. A disk that hangs must not hold up
    /// what the server has accepted already.
    async fn write(&self, message: &Message, deadline: Instant) -> Result<Parcel, Failure> {
        let (desk, message) = (Arc::clone(&self.desk), message.clone());
        let until = deadline.min(Instant::now() + LONGEST_WRITING);
        let written = spawn_blocking(move || desk.write(&message));
        match timeout_at(until, written).await {
            Ok(Ok(Ok(parcel))) => Ok(parcel),
            Ok(Ok(Err(error))) => Err(unwritten(&error)),
            Ok(Err(error)) => Err(unwritten(&error)),
            Err(_) => Err(out_of_time()),
        }
    }
}

impl Notifier for Email {
    fn integration(&self) -> &'static str {
        "email"
    }

    fn recipients(&self, notice: &Notice) -> Vec<String> {
        self.config.addresses_for(notice)
    }

    fn waits_for_quiet_hours(&self) -> bool {
        true
    }

    fn send<'a>(&'a self, messages: &'a [Message]) -> Sending<'a> {
        Box::pin(async { self.send_and_record(messages).await.0 })
    }
}

fn unwritten(error: &dyn std::error::Error) -> Failure {
    Failure::Permanent {
        reason: Reason::Other,
        detail: format!("failed to write the mail: {error}"),
    }
}

fn sender_address(config: &Config, host: &str) -> Result<Address, Error> {
    let text = match (config.from.as_str(), config.user.as_str()) {
        ("", user) if user.parse::<Address>().is_ok() => user.to_owned(),
        ("", _) => format!("netkestrel@{host}"),
        (from, _) => from.to_owned(),
    };
    text.parse().map_err(|error| Error::From(text, error))
}

fn tls_parameters(config: &Config) -> Result<TlsParameters, Error> {
    let failed = |error| Error::Tls(config.server.clone(), error);
    let mut builder = TlsParameters::builder(config.server.clone());
    if !config.ca_file.is_empty() {
        let file = || config.ca_file.clone();
        let pem = fs::read(&config.ca_file).map_err(|error| Error::ReadCertificates(file(), error))?;
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(Error::NoCertificate(file()));
        }
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(failed)?);
    }
    if !config.verify_certificate {
        builder = builder
            .dangerous_accept_invalid_certs(true)
            .dangerous_accept_invalid_hostnames(true);
    }
    builder.build().map_err(failed)
}
