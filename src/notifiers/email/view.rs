//! A story as the templates see it: every text ready, nothing left to decide.

use std::sync::OnceLock;

use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use crate::{
    alerts::{Alert, Notice},
    notifiers::{Context, Sender, plain, words},
    rules::Severity,
};

/// Alerts a digest lists; of the rest it gives the number.
const LISTED: usize = 50;

/// Longest fact and advice.
const FACT: usize = 200;
const ADVICE: usize = 1000;

/// One line of a table: name and value.
type Fact = (String, String);

/// What a mail shows.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub(super) subject: String,
    /// That it is only caught; else empty.
    pub(super) caught: String,
    colour: &'static str,
    badge: String,
    headline: String,
    place: String,
    explanation: String,
    facts: Vec<Fact>,
    advice: String,
    timeline: Vec<Fact>,
    alerts: Vec<Row>,
    unlisted: usize,
    link: String,
    chart: Option<&'static str>,
    chart_alt: String,
    footer: String,
}

/// One alert of a digest.
#[derive(Debug, Serialize)]
struct Row {
    colour: &'static str,
    badge: String,
    what: String,
    when: String,
}

/// Name of the template that is escaped.
const HTML: &str = "mail.html";

/// Content-ID of the chart.
pub(super) const CHART: &str = "chart";

/// News about one alert.
pub(super) fn one(
    notices: &[Notice],
    last: &Notice,
    context: &Context,
    sender: &Sender,
    now: Timestamp,
) -> View {
    let (alert, zone) = (&last.alert, &sender.timezone);
    let mut facts = values(alert, sender);
    facts.extend(
        context
            .facts
            .iter()
            .map(|(name, value)| (plain::name(name, 40), plain::name(value, FACT))),
    );
    let timeline = notices
        .iter()
        .map(|notice| (words::moment(notice.at, zone), words::news(notice)));
    View {
        subject: format!(
            "{}{}",
            words::sentence(notices, last, &sender.host, zone),
            words::delay(last, now)
        ),
        caught: String::new(),
        colour: words::colour(severity(alert)),
        badge: words::badge(alert),
        headline: words::headline(last),
        place: format!("{}{}", words::place(alert, &sender.host), words::delay(last, now)),
        explanation: plain::name(&alert.explanation, FACT),
        facts,
        advice: if words::is_over(alert) {
            String::new()
        } else {
            plain::name(&context.advice, ADVICE)
        },
        timeline: if notices.len() > 1 {
            timeline.collect()
        } else {
            Vec::new()
        },
        alerts: Vec::new(),
        unlisted: 0,
        link: link(sender, &alert.id),
        chart: None,
        chart_alt: format!(
            "{} over time, peak {}",
            words::watched(alert),
            words::shown(alert, alert.peak.value)
        ),
        footer: footer(sender, &format!("rule {}", plain::name(&alert.rule, 60))),
    }
}

/// A storm.
pub(super) fn digest(notices: &[Notice], sender: &Sender) -> View {
    let mut sorted: Vec<_> = notices.iter().collect();
    sorted.sort_by_key(|notice| std::cmp::Reverse(severity(&notice.alert)));
    let gravest = sorted.first().and_then(|notice| severity(&notice.alert));
    let badge = gravest.map_or("RESOLVED".to_owned(), |severity| severity.name().to_uppercase());
    let host = plain::name(&sender.host, 60);
    let count = notices.len();
    View {
        subject: format!("[{badge}] {count} alerts on {host}"),
        caught: String::new(),
        colour: words::colour(gravest),
        badge,
        headline: format!("{count} alerts within a short time"),
        place: format!("on {host}"),
        explanation: counts(notices),
        facts: Vec::new(),
        advice: String::new(),
        timeline: Vec::new(),
        alerts: sorted
            .iter()
            .take(LISTED)
            .map(|notice| row(notice, sender))
            .collect(),
        unlisted: count.saturating_sub(LISTED),
        link: link(sender, ""),
        chart: None,
        chart_alt: String::new(),
        footer: footer(
            sender,
            "many alerts came within a short time, so they are told in one mail",
        ),
    }
}

impl View {
    /// The same with a chart beside it.
    pub(super) fn with_chart(self) -> Self {
        Self {
            chart: Some(CHART),
            ..self
        }
    }

    /// The part for programs that show HTML.
    pub(super) fn html(&self) -> Result<String, minijinja::Error> {
        templates().get_template(HTML)?.render(Serde(self))
    }

    /// The part for all others.
    pub(super) fn text(&self) -> Result<String, minijinja::Error> {
        let text = templates().get_template("mail.txt")?.render(Serde(self))?;
        Ok(plain::wrapped(&text, 76))
    }
}

fn templates() -> &'static Environment<'static> {
    static TEMPLATES: OnceLock<Environment<'static>> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.unwrap_or_default());
        environment.set_auto_escape_callback(|name| {
            if name == HTML {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        for (name, source) in [
            (HTML, include_str!("templates/mail.html")),
            ("mail.txt", include_str!("templates/mail.txt")),
        ] {
            environment
                .add_template(name, source)
                .expect("a test renders every template");
        }
        environment
    })
}

fn severity(alert: &Alert) -> Option<Severity> {
    (!words::is_over(alert)).then_some(alert.severity)
}

/// What the alert itself knows.
fn values(alert: &Alert, sender: &Sender) -> Vec<Fact> {
    let zone = &sender.timezone;
    let fact = |name: &str, value: String| Some((name.to_owned(), value));
    let end = alert.resolved_at;
    let measured = !words::is_up_or_down(alert);
    [
        fact("Value", words::shown(alert, alert.value)),
        words::limit(alert).and_then(|limit| fact("Alerts when", limit)),
        words::is_anomaly(alert)
            .then(|| words::shown(alert, alert.threshold))
            .and_then(|usual| fact("Usually", usual)),
        fact(
            if end.is_some() { "From" } else { "Since" },
            words::moment(words::began(alert), zone),
        ),
        end.and_then(|end| fact("Until", words::moment(end, zone))),
        words::lasted(alert).and_then(|time| fact("Lasted", crate::figures::since(time))),
        (measured && end.is_some())
            .then(|| {
                format!(
                    "{} at {}",
                    words::shown(alert, alert.peak.value),
                    words::clock(alert.peak.at, zone)
                )
            })
            .and_then(|peak| fact("Peak", peak)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn row(notice: &Notice, sender: &Sender) -> Row {
    let alert = &notice.alert;
    Row {
        colour: words::colour(severity(alert)),
        badge: words::badge(alert),
        what: words::headline(notice),
        when: words::clock(notice.at, &sender.timezone),
    }
}

fn counts(notices: &[Notice]) -> String {
    let of = |wanted: Option<Severity>| {
        notices
            .iter()
            .filter(|notice| severity(&notice.alert) == wanted)
            .count()
    };
    let mut parts: Vec<_> = Severity::ALL
        .iter()
        .rev()
        .map(|one| (of(Some(*one)), one.name()))
        .chain([(of(None), "resolved")])
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    parts.dedup();
    parts.join(", ")
}

/// Where people look on: the page, at this alert, if it can be reached from elsewhere.
fn link(sender: &Sender, alert: &str) -> String {
    let base = sender.external_url.trim_end_matches('/');
    let is_web = base.starts_with("http://") || base.starts_with("https://");
    match (is_web, alert) {
        (false, _) => String::new(),
        (true, "") => format!("{base}/"),
        (true, alert) => format!("{base}/#{}", plain::identifier(alert)),
    }
}

fn footer(sender: &Sender, why: &str) -> String {
    format!(
        "NetKestrel on {} sent this because your address is a recipient in its configuration ({why}).",
        plain::name(&sender.host, 60)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_alert_on_the_page() {
        let sender = |external_url: &str| Sender {
            host: "box".to_owned(),
            external_url: external_url.to_owned(),
            timezone: jiff::tz::TimeZone::UTC,
        };
        for (external_url, alert, expected) in [
            (
                "https://m.example.org/net/",
                "cpu-1",
                "https://m.example.org/net/#cpu-1",
            ),
            ("https://m.example.org", "", "https://m.example.org/"),
            ("", "cpu-1", ""),
        ] {
            assert_eq!(link(&sender(external_url), alert), expected);
        }
    }
}
