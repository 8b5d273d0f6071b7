//! `test-email`: real mails through the real path, about a made-up alert that says so.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use smol_str::{SmolStr, format_smolstr};

use super::{
    answer::{Answer, Exit},
    check_config::refusal,
    flags::Flags,
};
use crate::{
    alerts::{Alert, Audience, News, Notice, Peak, State},
    app::chain,
    clock::Clock,
    config::Config,
    notifiers::{
        Context, Failure, Message, Point, Sender, Story, Surroundings,
        email::{Email, Transcript},
    },
    rules::{Direction, Severity},
    sample::SubjectKind,
};

/// What to send.
#[derive(clap::Args)]
pub(super) struct Request {
    /// Severity of the made-up alert
    #[arg(long, value_enum, default_value = "all")]
    severity: Which,
    /// Address to send to instead of the configured recipients
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    to: Option<String>,
}

/// One severity, or a mail for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    Low,
    Medium,
    High,
    Critical,
    All,
}

impl Which {
    fn severities(self) -> Vec<Severity> {
        match self {
            Self::Low => vec![Severity::Low],
            Self::Medium => vec![Severity::Medium],
            Self::High => vec![Severity::High],
            Self::Critical => vec![Severity::Critical],
            Self::All => Severity::ALL.to_vec(),
        }
    }
}

pub(super) fn answer(flags: &Flags, request: &Request) -> Answer {
    let loaded = match flags.load() {
        Ok(loaded) => loaded,
        Err(error) => return refusal(&error),
    };
    if let Some(complaint) = lacking(&loaded.config, request) {
        return Answer::failure(Exit::UsersFault, complaint);
    }
    let messages = messages(&loaded.config, request, Clock::System.now().wall);
    if messages.is_empty() {
        let why = "nobody hears of this severity: every recipient has a higher `min_severity`; or name one with --to";
        return Answer::failure(Exit::UsersFault, why);
    }
    let email = match notifier(&loaded.config) {
        Ok(email) => email,
        Err(complaint) => return Answer::failure(Exit::UsersFault, complaint),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let (results, transcript) = runtime.block_on(email.send_and_record(&messages));
            report(&messages, &results, &transcript)
        }
        Err(error) => Answer::failure(Exit::WorldsFault, format_args!("failed to start: {error}")),
    }
}

fn parse_address(text: &str) -> Result<String, &'static str> {
    let parsed = text.parse::<lettre::Address>();
    parsed
        .map(|address| address.to_string())
        .map_err(|_| "accepted: a mail address, such as `ops@example.org`")
}

/// What the configuration lacks for mail.
fn lacking(config: &Config, request: &Request) -> Option<&'static str> {
    let email = config.notifiers.email.in_force();
    if email.server.is_empty() {
        return Some("no mail server is configured: set `notifiers.email.server` (or SMTP_SERVER)");
    }
    (email.recipients.is_empty() && request.to.is_none()).then_some(
        "no recipient is configured: set `notifiers.email.recipients` (or ALERT_RECIPIENTS), or name one with --to",
    )
}

fn notifier(config: &Config) -> Result<Email, String> {
    let zone = match config.timezone.as_str() {
        "system" => TimeZone::system(),
        name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
    };
    let sender = Sender {
        host: sysinfo::System::host_name().unwrap_or_else(|_| "localhost".to_owned()),
        external_url: config.external_url.clone(),
        timezone: zone,
    };
    Email::new(&config.notifiers.email, sender, Arc::new(Sample), Clock::System)
        .map_err(|error| chain(&error))
}

fn messages(config: &Config, request: &Request, now: Timestamp) -> Vec<Message> {
    let settings = config.notifiers.email.in_force();
    let mut messages = Vec::new();
    for severity in request.severity.severities() {
        let configured = settings.recipients.iter();
        let heard = configured.filter(|recipient| severity >= recipient.min_severity);
        let recipients = match &request.to {
            Some(address) => vec![address.clone()],
            None => heard.map(|recipient| recipient.address.clone()).collect(),
        };
        let notice = made_up(severity, now);
        messages.extend(recipients.into_iter().map(|recipient| Message {
            recipient,
            key: notice.id.clone(),
            story: Story::One(vec![notice.clone()]),
        }));
    }
    messages
}

/// An alert nobody needs to worry about.
fn made_up(severity: Severity, now: Timestamp) -> Notice {
    let id = format_smolstr!("test-{}-{}", severity.name(), now.as_second());
    let threshold = level(severity);
    let value = threshold + 0.031;
    let alert = Alert {
        id: id.clone(),
        rule: SmolStr::new("test"),
        subject: SmolStr::default(),
        kind: SubjectKind::Host,
        signal: SmolStr::new("cpu_usage_ratio"),
        title: SmolStr::new("TEST: CPU usage"),
        severity,
        worst: severity,
        state: State::Firing,
        since: now - jiff::SignedDuration::from_mins(10),
        fired_at: Some(now),
        resolved_at: None,
        ending: None,
        value,
        threshold,
        when: Direction::Above,
        peak: Peak { value, at: now },
        behind: 0,
        explanation: "This is a test of mail: the alert and its values are made up, nothing is wrong"
            .to_owned(),
        unknown: None,
        acknowledgement: None,
    };
    Notice {
        id: format_smolstr!("{id}.1"),
        news: News::Fired,
        at: now,
        quiet_until: None,
        audience: Audience::Everyone,
        alert,
    }
}

const fn level(severity: Severity) -> f64 {
    match severity {
        Severity::Low => 0.70,
        Severity::Medium => 0.80,
        Severity::High => 0.90,
        Severity::Critical => 0.95,
    }
}

/// What is around the made-up alert: a course that climbs to its value.
struct Sample;

impl Surroundings for Sample {
    fn of(&self, alert: &Alert) -> Context {
        let begin = alert.peak.at - jiff::SignedDuration::from_mins(70);
        let point = |minute: u32| {
            let progress = f64::from(minute) / 70.0;
            let wave = f64::from((minute * 37) % 11) / 11.0 * 0.06;
            let mean = (0.25 + (alert.value - 0.25) * progress.powi(2) + wave - 0.03).min(1.0);
            Point {
                at: begin + jiff::SignedDuration::from_mins(i64::from(minute)),
                min: mean - 0.05,
                mean,
                max: (mean + 0.04).min(1.0),
            }
        };
        Context {
            facts: vec![("Test".to_owned(), "sent by netkestrel test-email".to_owned())],
            advice: "Nothing needs to be done. If this mail reached you and looks right, mail works."
                .to_owned(),
            levels: Severity::ALL.map(|severity| (severity, level(severity))).to_vec(),
            course: (0..=70).map(point).collect(),
        }
    }
}

fn report(messages: &[Message], results: &[Result<(), Failure>], transcript: &Transcript) -> Answer {
    let (mut text, mut failed) = (String::new(), 0);
    for (message, result) in messages.iter().zip(results) {
        let severity = match &message.story {
            Story::One(notices) | Story::Digest(notices) => {
                notices.first().map_or("", |notice| notice.alert.severity.name())
            }
        };
        let outcome = match result {
            Ok(()) => "accepted by the server".to_owned(),
            Err(failure) => {
                failed += 1;
                failure.to_string()
            }
        };
        text += &[severity, " to ", &message.recipient, ": ", &outcome, "\n"].concat();
    }
    if failed == 0 {
        return Answer::fine(text);
    }
    Answer {
        text,
        complaint: format!(
            "The conversation with the server (> we, < the server):\n{transcript}netkestrel: {failed} of {} mails were not sent\n",
            messages.len()
        ),
        exit: Exit::WorldsFault,
    }
}
