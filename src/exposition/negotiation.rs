//! Chooses the exposition format from an `Accept` header.
//! A client is never refused: what we cannot read or do not serve ends in the plain text format.

/// How an exposition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// Prometheus text, version 0.0.4: what everything understands.
    Text,
    /// OpenMetrics text, version 1.0.0.
    OpenMetrics,
    /// Length-delimited Prometheus protobuf: the one form that carries native histograms.
    Protobuf,
}

/// How a client wants names escaped that are not legal in the old scheme. Ours always are, so every scheme
/// leaves them as they are; the answer only has to repeat the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// Anything UTF-8.
    AllowUtf8,
    /// Illegal characters become `_`.
    Underscores,
    /// Dots become `_dot_`.
    Dots,
    /// Illegal characters become their code point.
    Values,
}

/// What was agreed with the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// How the exposition is written.
    pub syntax: Syntax,
    /// The escaping scheme the client named, if it did.
    pub escaping: Option<Escaping>,
}

impl Format {
    /// The format for clients that do not care.
    pub const DEFAULT: Self = Self {
        syntax: Syntax::Text,
        escaping: None,
    };

    /// The exact `Content-Type`; Prometheus 3 refuses a page whose type it does not know.
    #[must_use]
    pub fn content_type(self) -> String {
        let mut text = match self.syntax {
            Syntax::Text => "text/plain; version=0.0.4; charset=utf-8",
            Syntax::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Syntax::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
        .to_owned();
        if let Some(escaping) = self.escaping {
            text.push_str("; escaping=");
            text.push_str(escaping.as_str());
        }
        text
    }
}

impl Escaping {
    fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    /// A scheme we do not know is answered with the one that is always right for our names.
    fn parse(text: &str) -> Self {
        [Self::AllowUtf8, Self::Dots, Self::Values]
            .into_iter()
            .find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
            .unwrap_or(Self::Underscores)
    }
}

/// The format with the highest quality among those the client accepts and we serve; the first one on a tie.
#[must_use]
pub fn negotiate(accept: Option<&str>) -> Format {
    let mut best: Option<(f32, Format)> = None;
    for range in weighted(accept.unwrap_or_default()) {
        let Some(format) = served(&range).filter(|_| range.quality > 0.0) else {
            continue;
        };
        if best.is_none_or(|(quality, _)| range.quality > quality) {
            best = Some((range.quality, format));
        }
    }
    best.map_or(Format::DEFAULT, |(_, format)| format)
}

/// One element of an `Accept` or `Accept-Encoding` header.
pub(super) struct Weighted<'a> {
    /// The media range or coding.
    pub(super) name: &'a str,
    /// From 0, not wanted, to 1.
    pub(super) quality: f32,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Weighted<'_> {
    fn parameter(&self, key: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
        found.map(|(_, value)| *value)
    }
}

/// Splits a header into its elements; one whose quality is not a number from 0 to 1 is skipped.
pub(super) fn weighted(header: &str) -> impl Iterator<Item = Weighted<'_>> {
    header.split(',').filter_map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let parameters: Vec<_> = parts
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
            .collect();
        let mut range = Weighted {
            name,
            quality: 1.0,
            parameters,
        };
        if let Some(quality) = range.parameter("q") {
            range.quality = quality.parse().ok().filter(|q| (0.0..=1.0).contains(q))?;
        }
        Some(range)
    })
}

fn served(range: &Weighted<'_>) -> Option<Format> {
    let is = |name: &str| range.name.eq_ignore_ascii_case(name);
    let version = range.parameter("version");
    let syntax = if is("application/openmetrics-text") {
        matches!(version, None | Some("1.0.0")).then_some(Syntax::OpenMetrics)
    } else if is("text/plain") {
        matches!(version, None | Some("0.0.4")).then_some(Syntax::Text)
    } else if is("application/vnd.google.protobuf") {
        let family = range.parameter("proto") == Some("io.prometheus.client.MetricFamily");
        let delimited = range.parameter("encoding") == Some("delimited");
        (family && delimited).then_some(Syntax::Protobuf)
    } else {
        (is("*/*") || is("text/*")).then_some(Syntax::Text)
    }?;
    Some(Format {
        syntax,
        escaping: range.parameter("escaping").map(Escaping::parse),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const OPEN_METRICS_UTF8: &str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
    const PROTOBUF: &str =
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

    #[test]
    fn what_real_clients_send_gets_the_type_they_understand() {
        let rows = [
            ("nothing", "", TEXT),
            ("curl", "*/*", TEXT),
            (
                "Firefox",
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
                TEXT,
            ),
            (
                "Prometheus 3.14",
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OPEN_METRICS_UTF8,
            ),
            (
                "Prometheus 3.5 with native histograms",
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                 application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                PROTOBUF,
            ),
            (
                "Prometheus 2.42",
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OPEN_METRICS,
            ),
            (
                "Prometheus 2.42 with native histograms: no quality means 1",
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                 application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                PROTOBUF,
            ),
            ("VictoriaMetrics", "text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT),
            (
                "Telegraf, which names old versions",
                "application/openmetrics-text;version=0.0.1",
                TEXT,
            ),
        ];
        for (client, accept, expected) in rows {
            assert_eq!(negotiate(Some(accept)).content_type(), expected, "{client}");
        }
        assert_eq!(negotiate(None), Format::DEFAULT);
    }

    #[test]
    fn odd_headers_are_read_to_the_letter_and_never_refused() {
        let rows = [
            (
                "quality 0 excludes",
                "application/openmetrics-text;q=0, text/plain;q=0.1",
                TEXT,
            ),
            (
                "a tie goes to the first",
                "text/plain, application/openmetrics-text",
                TEXT,
            ),
            (
                "no version means ours",
                "application/openmetrics-text",
                OPEN_METRICS,
            ),
            (
                "names ignore case",
                "Application/OpenMetrics-Text; Version=1.0.0 ; Q=0.9, */*;q=0.1",
                OPEN_METRICS,
            ),
            (
                "values may be quoted",
                "application/openmetrics-text; version=\"1.0.0\"",
                OPEN_METRICS,
            ),
            (
                "only names we do not serve",
                "text/plain;version=1.0.0, image/png",
                TEXT,
            ),
            (
                "protobuf needs its parameters",
                "application/vnd.google.protobuf",
                TEXT,
            ),
            (
                "protobuf as text is not served",
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                TEXT,
            ),
            (
                "a quality that is no number skips the range",
                "application/openmetrics-text;q=NaN",
                TEXT,
            ),
            (
                "a quality above 1 skips the range",
                "application/openmetrics-text;q=7, */*",
                TEXT,
            ),
            ("garbage", ";;,=,;q=,\u{fffd}", TEXT),
            (
                "an unknown escaping scheme is answered with underscores",
                "application/openmetrics-text;escaping=rot13",
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
            ),
        ];
        for (case, accept, expected) in rows {
            assert_eq!(negotiate(Some(accept)).content_type(), expected, "{case}");
        }
    }
}
