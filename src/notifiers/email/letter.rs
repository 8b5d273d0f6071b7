//! A message for one recipient as bytes ready for the server: headers that let programs thread and sort, a text
//! part, and an HTML part with its chart.

use std::sync::Arc;

use jiff::Timestamp;
use lettre::{
    Address,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue, InvalidHeaderName},
    },
};

use super::{chart, session::Parcel, view};
use crate::{
    alerts::{News, Notice},
    clock::Clock,
    notifiers::{Context, Message, Sender, Story, Surroundings, plain},
};

/// Why a mail could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("failed to use the recipient's address")]
    Recipient(#[from] lettre::address::AddressError),
    #[error("failed to fill in the template")]
    Template(#[from] minijinja::Error),
    #[error("failed to assemble the mail")]
    Assemble(#[from] lettre::error::Error),
    #[error("failed to name a header")]
    Header(#[from] InvalidHeaderName),
    #[error("failed to find anything to tell")]
    Nothing,
}

/// Where mails are written: all that they share.
pub(super) struct Desk {
    pub(super) from: Address,
    /// The host's name as a domain.
    pub(super) host: String,
    pub(super) sender: Sender,
    pub(super) surroundings: Arc<dyn Surroundings>,
    pub(super) clock: Clock,
    /// What mails say of themselves when they are only caught; else empty.
    pub(super) caught: String,
}

/// The parts of a mail before they are put together.
struct Parts {
    subject: String,
    text: String,
    html: String,
    chart: Option<Vec<u8>>,
    thread: Option<Thread>,
    severity: &'static str,
}

/// Where a mail stands in the thread of its alert.
struct Thread {
    alert: String,
    is_first: bool,
}

impl Desk {
    /// May block: facts are asked for and the chart is drawn.
    pub(super) fn write(&self, message: &Message) -> Result<Parcel, Error> {
        let to: Address = message.recipient.parse()?;
        let now = self.clock.now().wall;
        let parts = match &message.story {
            Story::One(notices) => self.about_one(notices, now)?,
            Story::Digest(notices) => self.about_many(notices)?,
        };
        let bytes = self.assemble(message, &to, parts, now)?;
        Ok(Parcel {
            from: self.from.clone(),
            to,
            bytes,
        })
    }

    fn about_one(&self, notices: &[Notice], now: Timestamp) -> Result<Parts, Error> {
        let last = notices.last().ok_or(Error::Nothing)?;
        let context = self.surroundings.of(&last.alert);
        let chart = self.chart(last, &context, now);
        let mut view = view::one(notices, last, &context, &self.sender, now);
        if chart.is_some() {
            view = view.with_chart();
        }
        view.caught.clone_from(&self.caught);
        let is_first = notices.first().is_some_and(|first| first.news == News::Fired);
        Ok(Parts {
            text: view.text()?,
            html: view.html()?,
            subject: view.subject,
            chart,
            thread: Some(Thread {
                alert: plain::identifier(&last.alert.id),
                is_first,
            }),
            severity: last.alert.severity.name(),
        })
    }

    fn about_many(&self, notices: &[Notice]) -> Result<Parts, Error> {
        let worst = notices
            .iter()
            .map(|notice| notice.alert.severity)
            .max()
            .ok_or(Error::Nothing)?;
        let mut view = view::digest(notices, &self.sender);
        view.caught.clone_from(&self.caught);
        Ok(Parts {
            text: view.text()?,
            html: view.html()?,
            subject: view.subject,
            chart: None,
            thread: None,
            severity: worst.name(),
        })
    }

    fn chart(&self, last: &Notice, context: &Context, now: Timestamp) -> Option<Vec<u8>> {
        let alert = &last.alert;
        let drawing = chart::Drawing {
            course: &context.course,
            levels: &context.levels,
            unit: crate::figures::Unit::of(&alert.signal),
            since: alert.since,
            until: alert.resolved_at,
            worst: alert.peak.value,
            now,
            zone: &self.sender.timezone,
        };
        chart::png(&drawing)
    }

    fn assemble(
        &self,
        message: &Message,
        to: &Address,
        parts: Parts,
        now: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let who = plain::fingerprint(&message.recipient.to_lowercase());
        let id = |left: &str| format!("<{left}.{who:016x}@{}>", self.host);
        let mut builder = lettre::Message::builder()
            .from(Mailbox::new(Some("NetKestrel".to_owned()), self.from.clone()))
            .to(Mailbox::new(None, to.clone()))
            .subject(parts.subject)
            .date(now.into())
            .message_id(Some(id(&plain::identifier(&message.key))));
        if let Some(thread) = &parts.thread {
            // The root is a name alone, so that the thread holds together whichever mail arrives.
            let root = id(&format!("thread.{}", thread.alert));
            builder = builder.references(root.clone());
            if !thread.is_first {
                builder = builder.in_reply_to(root);
            }
        }
        for (name, value) in [
            ("List-Id", format!("<alerts.{}>", self.host)),
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("Precedence", "bulk".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
            ("X-NetKestrel-Severity", parts.severity.to_owned()),
        ] {
            builder = builder.raw_header(HeaderValue::new(
                HeaderName::new_from_ascii(name.to_owned())?,
                value,
            ));
        }
        let html = SinglePart::html(parts.html);
        let alternative = MultiPart::alternative().singlepart(SinglePart::plain(parts.text));
        let body = match parts.chart {
            None => alternative.singlepart(html),
            Some(png) => alternative.multipart(MultiPart::related().singlepart(html).singlepart(inline(png))),
        };
        Ok(builder.multipart(body)?.formatted())
    }
}

fn inline(png: Vec<u8>) -> SinglePart {
    let kind = ContentType::parse("image/png").unwrap_or(ContentType::TEXT_PLAIN);
    Attachment::new_inline_with_name(view::CHART.to_owned(), "chart.png".to_owned()).body(png, kind)
}
