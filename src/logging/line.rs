//! Turns one event into one line, as logfmt or as JSON with the same keys. Whatever a value holds, it cannot
//! begin a new line, forge another key or send commands to a terminal.
//!
//! Written here because the libraries at hand let C1 control characters through (logfmt) or repeat the key
//! `target`, which is a word of ours (JSON).

use std::{
    fmt::{Debug, Write as _},
    io::Write as _,
};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, Scope},
};

use super::Format;
use crate::clock::Clock;

/// Keys that every line begins with; a field of the same name is written as `field_NAME`.
const RESERVED: [&str; 4] = ["ts", "level", "module", "msg"];

/// Layer that writes a line per event.
pub(super) struct Lines {
    format: Format,
    queue: NonBlocking,
    clock: Clock,
}

impl Lines {
    pub(super) fn new(format: Format, queue: NonBlocking) -> Self {
        Self {
            format,
            queue,
            clock: Clock::System,
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.0.extend(outer.0.clone());
            }
        }
        event.record(&mut fields);
        let mut line = match self.format {
            Format::Logfmt => logfmt(&self.head(event, &mut fields), &fields),
            Format::Json => json(self.head(event, &mut fields), fields),
        };
        line.push('\n');
        // A full queue is counted by the queue.
        let _ = self.queue.clone().write_all(line.as_bytes());
    }
}

impl Lines {
    /// The reserved keys of `event`; takes the message out of its fields.
    fn head(&self, event: &Event<'_>, fields: &mut Fields) -> Fields {
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let message = fields.0.shift_remove("message").unwrap_or_default();
        let values = [
            // Three digits always, so that lines sort and align.
            format!("{:.3}", self.clock.now().wall).into(),
            level.into(),
            event.metadata().target().into(),
            message,
        ];
        Fields(RESERVED.map(str::to_owned).into_iter().zip(values).collect())
    }
}

/// Fields of an event or span, in the order in which they were given.
#[derive(Debug, Default, Clone)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        let key = if RESERVED.contains(&name) {
            format!("field_{name}")
        } else {
            name.to_owned()
        };
        self.0.insert(key, value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    /// An error is only understood with its causes.
    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.set(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}"));
    }
}

fn json(mut head: Fields, fields: Fields) -> String {
    head.0.extend(fields.0);
    Value::Object(head.0).to_string()
}

fn logfmt(head: &Fields, fields: &Fields) -> String {
    let mut line = String::with_capacity(160);
    for (key, value) in head.0.iter().chain(&fields.0) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(key);
        line.push('=');
        match value {
            Value::String(text) => push_text(&mut line, text),
            other => line.push_str(&other.to_string()),
        }
    }
    line
}

/// Writes `text` bare when it is one harmless word, else quoted with everything unprintable escaped.
fn push_text(line: &mut String, text: &str) {
    let bare = !text.is_empty()
        && text
            .chars()
            .all(|c| !matches!(c, ' ' | '=' | '"' | '\\') && is_plain(c));
    if bare {
        line.push_str(text);
        return;
    }
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            // `'` needs no escape inside double quotes.
            c if c != '\\' && is_plain(c) => line.push(c),
            c => line.extend(c.escape_debug()),
        }
    }
    line.push('"');
}

/// Whether a character shows as itself: no control, no line or paragraph separator, nothing that turns the
/// direction of the text around.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_value_stays_one_value_on_one_line() {
        for (value, written) in [
            ("plain", "plain"),
            ("eth0.100@if5", "eth0.100@if5"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=b", "\"a=b\""),
            ("say \"hi\"", "\"say \\\"hi\\\"\""),
            ("back\\slash", "\"back\\\\slash\""),
            ("line\nlevel=error", "\"line\\nlevel=error\""),
            ("\r\t\0", "\"\\r\\t\\0\""),
            ("\u{1b}[31mred", "\"\\u{1b}[31mred\""),
            ("\u{9b}31mred", "\"\\u{9b}31mred\""),
            ("\u{2028}x", "\"\\u{2028}x\""),
            ("evil\u{202e}txt", "\"evil\\u{202e}txt\""),
            ("don't", "don't"),
            ("Küche größer 日本", "\"Küche größer 日本\""),
        ] {
            let mut line = String::new();
            push_text(&mut line, value);
            assert_eq!(line, written, "{value:?}");
        }
    }

    /// What is written for the events of `emit`.
    fn lines(format: Format, emit: impl FnOnce()) -> String {
        use tracing_subscriber::layer::SubscriberExt as _;

        let kept = Kept::default();
        let (writer, guard) = tracing_appender::non_blocking(kept.clone());
        let subscriber = tracing_subscriber::registry().with(Lines {
            format,
            queue: writer,
            clock: Clock::System,
        });
        tracing::subscriber::with_default(subscriber, emit);
        drop(guard);
        let bytes = kept.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[derive(Default, Clone)]
    struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read links")]
    struct Outer(#[source] io::Error);

    fn emit() {
        let error = Outer(io::Error::other("no\nbuffer"));
        let span = tracing::info_span!("run", collector = "network");
        let _inside = span.enter();
        tracing::warn!(
            target: "netkestrel::test",
            target = "router",
            level = 3,
            error = &error as &dyn std::error::Error,
            up = false,
            "probe failed"
        );
    }

    #[test]
    fn logfmt_keeps_order_causes_and_our_own_key_target() {
        let text = lines(Format::Logfmt, emit);
        let (stamp, rest) = text.split_once(' ').expect("several pairs");
        let stamp = stamp.strip_prefix("ts=").expect("the time comes first");
        assert!(stamp.parse::<jiff::Timestamp>().is_ok() && stamp.len() == "2026-01-01T00:00:00.000Z".len());
        assert_eq!(
            rest,
            "level=warn module=netkestrel::test msg=\"probe failed\" collector=network target=router \
             field_level=3 error=\"failed to read links: no\\nbuffer\" up=false\n"
        );
    }

    #[test]
    fn json_is_one_object_with_the_same_keys() {
        let text = lines(Format::Json, emit);
        assert_eq!(text.lines().count(), 1);
        let object: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "ts",
                "level",
                "module",
                "msg",
                "collector",
                "target",
                "field_level",
                "error",
                "up"
            ]
        );
        assert_eq!(object["error"], "failed to read links: no\nbuffer");
        assert_eq!(
            (&object["up"], &object["field_level"]),
            (&Value::from(false), &Value::from(3))
        );
    }
}
