//! Records as OpenMetrics with a timestamp on every sample, for `promtool tsdb create-blocks-from openmetrics`.
//!
//! Every signal becomes a gauge: of the name of the live gauge with the same meaning where there is one, otherwise of
//! its own name. Samples stand by series and in the order of time, as promtool drops what goes back. All of them are
//! held in memory, 16 bytes each; what history keeps bounds them.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    io::{self, Write},
};

use smol_str::SmolStr;

use super::Error;
use crate::{
    history::Record,
    sample::{Observed, Signal, SubjectKind},
};

/// Signals whose gauge has a name of its own. Three live families are histograms, with which a gauge of the same
/// name would mix: the mean rates say so in their names, and the mean round-trip time of an interval joins the gauge of
/// the last one.
const NAMES: [(&str, &str); 4] = [
    ("network_interface_up", "netkestrel_network_up"),
    (
        "network_receive_bytes_per_second",
        "netkestrel_network_receive_mean_bytes_per_second",
    ),
    (
        "network_transmit_bytes_per_second",
        "netkestrel_network_transmit_mean_bytes_per_second",
    ),
    ("ping_rtt_seconds", "netkestrel_ping_last_rtt_seconds"),
];

/// Units that OpenMetrics wants named when a name ends in them.
const UNITS: [&str; 4] = ["bytes", "celsius", "ratio", "seconds"];

/// What makes exported samples join the scraped ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Label `job`, as the scrape configuration has it.
    pub job: String,
    /// Label `instance`, as Prometheus gives it: the target's host and port.
    pub instance: String,
}

impl fmt::Display for Labels {
    /// As they stand between the braces of a series.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (instance, job) = (escape(&self.instance), escape(&self.job));
        write!(f, "instance=\"{instance}\",job=\"{job}\"")
    }
}

type Series = BTreeMap<SmolStr, BTreeMap<SmolStr, Vec<(i64, f64)>>>;

/// Writes all plausible values, and `# EOF`. `signals` tells help texts and what subjects are.
pub fn write_openmetrics(
    records: impl IntoIterator<Item = io::Result<Record>>,
    signals: &[&Signal],
    labels: &Labels,
    out: &mut impl Write,
) -> Result<(), Error> {
    for (signal, by_subject) in collect(records)? {
        let known = signals.iter().find(|known| known.name == signal).copied();
        write_family(&signal, known, by_subject, labels, out)?;
    }
    out.write_all(b"# EOF\n")?;
    Ok(out.flush()?)
}

/// The samples by signal and subject, times in milliseconds.
fn collect(records: impl IntoIterator<Item = io::Result<Record>>) -> Result<Series, Error> {
    let mut series = Series::new();
    for record in records {
        let record = record.map_err(Error::Read)?;
        let at = record.at.as_millisecond();
        for seen in record.readings {
            if let Observed::Value(value) = seen.observed {
                let by_subject = series.entry(seen.signal).or_default();
                by_subject.entry(seen.subject).or_default().push((at, value));
            }
        }
    }
    Ok(series)
}

fn write_family(
    signal: &str,
    known: Option<&Signal>,
    by_subject: BTreeMap<SmolStr, Vec<(i64, f64)>>,
    labels: &Labels,
    out: &mut impl Write,
) -> io::Result<()> {
    let name = metric(signal);
    writeln!(out, "# TYPE {name} gauge")?;
    if let Some(unit) = UNITS.iter().find(|unit| name.ends_with(&format!("_{unit}"))) {
        writeln!(out, "# UNIT {name} {unit}")?;
    }
    let help = known.map_or("A signal that this version no longer knows.", |known| known.help);
    writeln!(out, "# HELP {name} {}", escape(help))?;
    for (subject, mut samples) in by_subject {
        // The sort is stable and the last of a moment counts: what was written later knew better.
        samples.sort_by_key(|(at, _)| *at);
        let head = head(&name, known, &subject, labels);
        for (index, (at, value)) in samples.iter().enumerate() {
            if samples.get(index + 1).is_none_or(|(next, _)| next != at) {
                write_sample(&head, *at, *value, out)?;
            }
        }
    }
    Ok(())
}

fn write_sample(head: &str, at: i64, value: f64, out: &mut impl Write) -> io::Result<()> {
    let (seconds, millis) = (at.div_euclid(1000), at.rem_euclid(1000));
    writeln!(out, "{head} {value} {seconds}.{millis:03}")
}

/// Name and labels of a series.
fn head(name: &str, known: Option<&Signal>, subject: &str, labels: &Labels) -> String {
    let mut text = format!("{name}{{{labels}");
    if !subject.is_empty() {
        let label = known.map_or("subject", |known| label(known.subject));
        let _ = write!(text, ",{label}=\"{}\"", escape(subject));
    }
    text.push('}');
    text
}

/// The label that live series have for such a subject.
const fn label(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Host => "subject",
        SubjectKind::Interface => "interface",
        SubjectKind::Mount => "mountpoint",
        SubjectKind::Disk => "disk",
        SubjectKind::Sensor => "sensor",
        SubjectKind::Device => "device",
    }
}

fn metric(signal: &str) -> String {
    let own = NAMES.iter().find(|(name, _)| *name == signal);
    own.map_or_else(
        || {
            let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
            format!("netkestrel_{}", signal.replace(|c| !fine(c), "_"))
        },
        |(_, metric)| (*metric).to_owned(),
    )
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Record;

    const CPU: Signal = Signal {
        name: "cpu_usage_ratio",
        title: "CPU usage",
        subject: SubjectKind::Host,
        help: "Share of time.",
    };
    const RTT: Signal = Signal {
        name: "ping_rtt_seconds",
        title: "round-trip time",
        subject: SubjectKind::Device,
        help: "Mean round-trip time.",
    };

    fn written(lines: &[&str]) -> String {
        let records = lines
            .iter()
            .map(|text| Ok(Record::decode(text.as_bytes()).expect("a record")));
        let labels = Labels {
            job: "netkestrel".to_owned(),
            instance: "h:1".to_owned(),
        };
        let mut out = Vec::new();
        write_openmetrics(records, &[&CPU, &RTT], &labels, &mut out).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn series_stand_together_and_in_order_without_what_cannot_be_right() {
        let text = written(&[
            r#"{"t":"2026-11-25T11:00:30.5Z","r":{"cpu_usage_ratio":{"":0.5},"ping_rtt_seconds":{"a\"b":0.25,"c":"no_sample"}}}"#,
            r#"{"t":"2026-11-25T11:00:00Z","r":{"cpu_usage_ratio":{"":0.25},"ping_rtt_seconds":{"a\"b":{"implausible":9}}}}"#,
            r#"{"t":"2026-11-25T11:00:00Z","r":{"cpu_usage_ratio":{"":0.75}}}"#,
        ]);
        assert_eq!(
            text,
            "# TYPE netkestrel_cpu_usage_ratio gauge\n\
             # UNIT netkestrel_cpu_usage_ratio ratio\n\
             # HELP netkestrel_cpu_usage_ratio Share of time.\n\
             netkestrel_cpu_usage_ratio{instance=\"h:1\",job=\"netkestrel\"} 0.75 1795604400.000\n\
             netkestrel_cpu_usage_ratio{instance=\"h:1\",job=\"netkestrel\"} 0.5 1795604430.500\n\
             # TYPE netkestrel_ping_last_rtt_seconds gauge\n\
             # UNIT netkestrel_ping_last_rtt_seconds seconds\n\
             # HELP netkestrel_ping_last_rtt_seconds Mean round-trip time.\n\
             netkestrel_ping_last_rtt_seconds{instance=\"h:1\",job=\"netkestrel\",device=\"a\\\"b\"} 0.25 1795604430.500\n\
             # EOF\n"
        );
    }

    #[test]
    fn nothing_is_still_a_whole_exposition() {
        assert_eq!(written(&[]), "# EOF\n");
    }
}
