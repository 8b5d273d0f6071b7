//! One SMTP connection, command by command: connect, protect, log in, then message after message. Every step ends
//! in time, which lettre alone does not see to.

use std::time::Duration;

use lettre::{
    Address,
    transport::smtp::{
        self,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Quit, Rcpt, Rset},
        extension::{ClientId, Extension, MailParameter},
        response::Response,
    },
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    super::{Failure, Reason},
    config::{Config, Tls},
    refusal::{Step, failure, late, transient},
    transcript::Transcript,
};

/// Longest waits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For the answer to one command.
    pub command: Duration,
    /// For the answer to the text of a message, while the server may look for viruses and spam.
    pub text: Duration,
    /// For one call with all its messages.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            command: Duration::from_secs(30),
            text: Duration::from_mins(5),
            whole: Duration::from_mins(8),
        }
    }
}

/// Where and how to connect.
pub(super) struct Route<'a> {
    pub(super) config: &'a Config,
    pub(super) tls: Option<&'a TlsParameters>,
    pub(super) hello: ClientId,
    pub(super) limits: Limits,
    pub(super) deadline: Instant,
}

/// A letter ready to go.
pub(super) struct Parcel {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) bytes: Vec<u8>,
}

/// Bounds steps in time and writes down what was said.
struct Steps<'a> {
    limits: Limits,
    deadline: Instant,
    transcript: &'a mut Transcript,
}

impl Steps<'_> {
    async fn run<T>(
        &mut self,
        step: Step,
        limit: Duration,
        work: impl Future<Output = Result<T, smtp::Error>>,
    ) -> Result<T, Failure> {
        let start = Instant::now();
        let until = self.deadline.min(start + limit);
        let outcome = timeout_at(until, work).await;
        let outcome = match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => failure(step, &error),
            Err(_) => late(step, start.elapsed().as_secs_f32().round()),
        };
        self.transcript.heard(&outcome);
        Err(outcome)
    }
}

/// A connection that is ready for messages.
pub(super) struct Session<'a> {
    connection: AsyncSmtpConnection,
    steps: Steps<'a>,
    /// Whether the connection can carry another message.
    pub(super) usable: bool,
}

impl<'a> Session<'a> {
    /// Connects, protects the connection as configured, and logs in where there is a user.
    pub(super) async fn open(
        route: &Route<'_>,
        transcript: &'a mut Transcript,
    ) -> Result<Session<'a>, Failure> {
        let config = route.config;
        let mut steps = Steps {
            limits: route.limits,
            deadline: route.deadline,
            transcript,
        };
        steps.transcript.note(format_args!(
            "connecting to {} port {}",
            config.server, config.port
        ));
        let connection = match (config.tls_mode(), route.tls) {
            (Tls::Tls, Some(tls)) => steps.connect_protected(route, tls.clone()).await?,
            (Tls::Tls, None) => return Err(transient(Reason::Tls, Step::Tls, "no TLS settings")),
            _ => steps.connect_plain(route).await?,
        };
        let mut session = Session {
            connection,
            steps,
            usable: true,
        };
        session.hear_abilities();
        session.protect(route).await?;
        session.log_in(config).await?;
        Ok(session)
    }

    fn hear_abilities(&mut self) {
        let abilities = self.connection.server_info().to_string();
        self.steps.transcript.heard(format_args!("250 {abilities}"));
    }

    async fn protect(&mut self, route: &Route<'_>) -> Result<(), Failure> {
        let mode = route.config.tls_mode();
        let offered = self.connection.can_starttls();
        match (mode, offered, route.tls) {
            (Tls::Starttls | Tls::StarttlsOpportunistic, true, Some(tls)) => {
                self.steps.transcript.said("STARTTLS");
                let limit = self.steps.limits.command;
                let upgrade = self.connection.starttls(tls.clone(), &route.hello);
                self.steps.run(Step::Tls, limit, upgrade).await?;
                self.steps.transcript.note("the connection is encrypted");
                self.hear_abilities();
                Ok(())
            }
            (Tls::Starttls, ..) => Err(self.give_up(
                Reason::Tls,
                Step::Tls,
                "the server does not offer STARTTLS; nothing was sent. `tls: none` would send unencrypted",
            )),
            _ => Ok(()),
        }
    }

    fn give_up(&mut self, reason: Reason, step: Step, why: &str) -> Failure {
        self.steps.transcript.note(why);
        self.usable = false;
        transient(reason, step, why)
    }

    async fn log_in(&mut self, config: &Config) -> Result<(), Failure> {
        if config.user.is_empty() {
            return Ok(());
        }
        if !self.connection.is_encrypted() && config.tls_mode() != Tls::None {
            let why = "the connection is not encrypted, so the password was not sent";
            return Err(self.give_up(Reason::Auth, Step::Auth, why));
        }
        let offered = [Mechanism::Plain, Mechanism::Login];
        let Some(mechanism) = self.connection.server_info().get_auth_mechanism(&offered) else {
            let why =
                "the server offers neither AUTH PLAIN nor AUTH LOGIN; remove `user` for mail without a login";
            return Err(self.give_up(Reason::Auth, Step::Auth, why));
        };
        self.steps
            .transcript
            .said(format_args!("AUTH {mechanism} (credentials not shown)"));
        let credentials = Credentials::new(config.user.clone(), config.password.reveal().to_owned());
        let limit = self.steps.limits.command;
        let mechanisms = [mechanism];
        let login = self.connection.auth(&mechanisms, &credentials);
        let answer = self.steps.run(Step::Auth, limit, login).await?;
        self.steps.transcript.heard(spelled(&answer));
        Ok(())
    }

    /// Sends one message. Afterwards the session may no longer be usable.
    pub(super) async fn send(&mut self, parcel: &Parcel) -> Result<(), Failure> {
        let outcome = self.deliver(parcel).await;
        if outcome.is_err() && self.usable {
            self.command(Step::Envelope, Rset, "RSET").await.ok();
        }
        outcome
    }

    async fn deliver(&mut self, parcel: &Parcel) -> Result<(), Failure> {
        let parameters = self.parameters(parcel)?;
        let mail = Mail::new(Some(parcel.from.clone()), parameters);
        self.command(Step::Envelope, &mail, mail.to_string()).await?;
        let rcpt = Rcpt::new(parcel.to.clone(), Vec::new());
        self.command(Step::Envelope, &rcpt, rcpt.to_string()).await?;
        self.command(Step::Envelope, Data, "DATA").await?;
        let text = Dotted(&parcel.bytes);
        let told = format!("({} bytes of text)", parcel.bytes.len());
        self.command(Step::Text, text, told).await
    }

    /// Addresses beyond ASCII need a server that knows them.
    fn parameters(&self, parcel: &Parcel) -> Result<Vec<MailParameter>, Failure> {
        if [&parcel.from, &parcel.to]
            .iter()
            .all(|address| AsRef::<str>::as_ref(*address).is_ascii())
        {
            return Ok(Vec::new());
        }
        if self
            .connection
            .server_info()
            .supports_feature(Extension::SmtpUtfEight)
        {
            return Ok(vec![MailParameter::SmtpUtfEight]);
        }
        Err(Failure::Permanent {
            reason: Reason::Rejected,
            detail: "failed to hand over the address: the server takes only ASCII".to_owned(),
        })
    }

    async fn command(
        &mut self,
        step: Step,
        command: impl std::fmt::Display,
        told: impl std::fmt::Display,
    ) -> Result<(), Failure> {
        self.steps.transcript.said(told);
        let start = Instant::now();
        let limit = match step {
            Step::Text => self.steps.limits.text,
            _ => self.steps.limits.command,
        };
        let until = self.steps.deadline.min(start + limit);
        let outcome = match timeout_at(until, self.connection.command(command)).await {
            Ok(Ok(answer)) => {
                self.steps.transcript.heard(spelled(&answer));
                return Ok(());
            }
            Ok(Err(error)) => {
                let closes = error.status().is_none_or(|code| code.to_string() == "421");
                self.usable &= !closes;
                failure(step, &error)
            }
            Err(_) => {
                self.usable = false;
                late(step, start.elapsed().as_secs_f32().round())
            }
        };
        self.steps.transcript.heard(&outcome);
        Err(outcome)
    }

    /// Says goodbye to a server that still listens; its answer is not worth a long wait.
    pub(super) async fn close(mut self) {
        if self.usable {
            self.steps.limits.command = self.steps.limits.command.min(Duration::from_secs(2));
            self.command(Step::Envelope, Quit, "QUIT").await.ok();
        }
    }
}

impl Steps<'_> {
    /// Without Nagle's algorithm, which costs 40 ms per message.
    async fn connect_plain(&mut self, route: &Route<'_>) -> Result<AsyncSmtpConnection, Failure> {
        let until = self.deadline.min(Instant::now() + self.limits.connect);
        let target = (route.config.server.as_str(), route.config.port);
        let stream = match timeout_at(until, TcpStream::connect(target)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.unreached(transient(Reason::Connect, Step::Connect, error))),
            Err(_) => return Err(self.unreached(late(Step::Connect, self.limits.connect.as_secs_f32()))),
        };
        stream.set_nodelay(true).ok();
        let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &route.hello);
        self.run(Step::Greeting, self.limits.command, greeting).await
    }

    async fn connect_protected(
        &mut self,
        route: &Route<'_>,
        tls: TlsParameters,
    ) -> Result<AsyncSmtpConnection, Failure> {
        let target = (route.config.server.as_str(), route.config.port);
        let wait = Some(self.limits.connect);
        let connecting = AsyncSmtpConnection::connect_tokio1(target, wait, &route.hello, Some(tls), None);
        self.run(Step::ConnectProtected, self.limits.command, connecting)
            .await
    }

    fn unreached(&mut self, failure: Failure) -> Failure {
        self.transcript.note(&failure);
        failure
    }
}

/// A text as it travels: dots at the begin of lines doubled, and the final dot. One write for all of it, as a second
/// small one would wait for the acknowledgement of the first.
struct Dotted<'a>(&'a [u8]);

impl std::fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(self.0);
        for line in text.trim_end_matches("\r\n").split("\r\n") {
            let dot = if line.starts_with('.') { "." } else { "" };
            write!(f, "{dot}{line}\r\n")?;
        }
        f.write_str(".\r\n")
    }
}

fn spelled(answer: &Response) -> String {
    let lines: Vec<_> = answer.message().collect();
    format!("{} {}", answer.code(), lines.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_a_dot_are_protected() {
        for (text, sent) in [
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            (".x", "..x\r\n.\r\n"),
            ("a\r\n\r\n", "a\r\n.\r\n"),
        ] {
            assert_eq!(Dotted(text.as_bytes()).to_string(), sent, "{text:?}");
        }
    }
}
