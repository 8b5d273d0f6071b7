//! The JSON a webhook receives. Fields are only ever added; a change of meaning raises `version`:
//!
//! `{"version": 1, "key", "host", "text", "kind": "alert" | "digest", "url", "notices": [{"id", "event": "fired" |
//! "raised" | "reminder" | "resolved" | "flapping", "at", "alert", "rule", "subject", "signal", "title", "severity",
//! "state", "value", "threshold", "since", "resolved_at", "behind", "explanation"}]}`. `key` is the same when a message comes
//! twice; `threshold` of the rule `anomaly`, which has none, is the usual value; times are RFC 3339 in UTC; values are in the signal's unit; `text` is one line, escaped as Slack wants it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::super::{Message, Sender, Story, plain, words};
use crate::{
    alerts::{News, Notice},
    figures,
    rules::Severity,
};

/// A digest names this many alerts in its text.
const NAMED: usize = 5;
/// Longest explanation in the text.
const WHY: usize = 200;

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    key: &'a str,
    host: &'a str,
    text: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    notices: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    event: &'static str,
    at: Timestamp,
    alert: &'a str,
    rule: &'a str,
    subject: &'a str,
    signal: &'a str,
    title: &'a str,
    severity: &'static str,
    state: &'static str,
    value: f64,
    threshold: f64,
    since: Timestamp,
    resolved_at: Option<Timestamp>,
    /// Devices that can be reached only through the subject.
    behind: usize,
    explanation: &'a str,
}

/// The body of one message.
pub(super) fn render(message: &Message, sender: &Sender) -> Vec<u8> {
    let (kind, notices) = match &message.story {
        Story::One(notices) => ("alert", notices),
        Story::Digest(notices) => ("digest", notices),
    };
    let text = match &message.story {
        Story::One(notices) => line(notices, sender),
        Story::Digest(notices) => summary(notices, sender),
    };
    let body = Body {
        version: 1,
        key: &message.key,
        host: &sender.host,
        text: escaped(&text),
        kind,
        url: &sender.external_url,
        notices: notices.iter().map(item).collect(),
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

fn item(notice: &Notice) -> Item<'_> {
    let alert = &notice.alert;
    Item {
        id: &notice.id,
        event: event(notice.news),
        at: notice.at,
        alert: &alert.id,
        rule: &alert.rule,
        subject: &alert.subject,
        signal: &alert.signal,
        title: &alert.title,
        severity: alert.severity.name(),
        state: alert.state.name(),
        value: alert.value,
        threshold: alert.threshold,
        since: alert.since,
        resolved_at: alert.resolved_at,
        behind: alert.behind,
        explanation: &alert.explanation,
    }
}

fn event(news: News) -> &'static str {
    match news {
        News::Fired => "fired",
        News::Raised { .. } => "raised",
        News::Reminder => "reminder",
        News::Resolved => "resolved",
        News::Flapping { .. } => "flapping",
    }
}

/// News about one alert in one line: the sentence of the mails, and why.
fn line(notices: &[Notice], sender: &Sender) -> String {
    let Some(last) = notices.last() else {
        return String::new();
    };
    let alert = &last.alert;
    let sentence = words::sentence(notices, last, &sender.host, &sender.timezone);
    let more = match last.news {
        News::Raised { from } => format!(", was {}", from.name()),
        News::Reminder => format!(", for {} now", figures::since(lasts(last))),
        _ => String::new(),
    };
    if words::is_over(alert) {
        return sentence;
    }
    let why = plain::name(&alert.explanation, WHY);
    format!("{sentence}{more}: {why}")
}

/// How long the alert had lasted at that time.
fn lasts(notice: &Notice) -> Duration {
    let time = notice.at.duration_since(words::began(&notice.alert));
    time.try_into().unwrap_or_default()
}

/// A storm in one line.
fn summary(notices: &[Notice], sender: &Sender) -> String {
    let mut counts = Vec::new();
    let is_over = |notice: &&Notice| notice.news == News::Resolved;
    for severity in Severity::ALL.into_iter().rev() {
        let of = |notice: &&Notice| !is_over(notice) && notice.alert.severity == severity;
        match notices.iter().filter(of).count() {
            0 => {}
            count => counts.push(format!("{count} {}", severity.name())),
        }
    }
    match notices.iter().filter(is_over).count() {
        0 => {}
        count => counts.push(format!("{count} resolved")),
    }
    let named: Vec<_> = notices.iter().take(NAMED).map(words::headline).collect();
    let more = match notices.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!(
        "[DIGEST] {} alerts on {} ({}): {}{more}",
        notices.len(),
        sender.host,
        counts.join(", "),
        named.join(", ")
    )
}

/// On one line, and without what Slack takes for links and mentions.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
