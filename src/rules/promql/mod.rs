//! Rules as a rule file of Prometheus, for those who let Prometheus judge instead of NetKestrel's own engine.
//!
//! A signal becomes a recorded series, a rule one alert per level. What stays the same: levels, `for`, the clear value
//! (an alert that fires goes on until its last known value is back there), subjects, `unless`, and that a subject is
//! gone after three intervals. What does not:
//! - All passed levels fire side by side; Alertmanager is to inhibit the lower ones.
//! - A moment without a value breaks a hold off instead of pausing it, and what fires ends after six hours without one.
//! - Prometheus sees what it scrapes: while NetKestrel does not run, alerts end after three intervals.
//! - There is no cooldown, no flapping, no maintenance and no acknowledgement; Alertmanager has silences.

mod selector;
mod signals;
mod words;

use std::{
    collections::BTreeSet,
    fmt::{Display, Write as _},
    time::Duration,
};

use self::selector::quoted;
use super::{Direction, Rule, Severity, chain, climb::Rung};
use crate::{sample::Signal, units::HumanDuration};

/// For how long a value that is not there any more is the last known one.
const KNOWN: &str = "6h";

/// The start of every line of a block of text in the file.
const INDENT: &str = "          ";

/// Columns of a comment.
const WIDTH: usize = 110;

/// What the rules run on.
pub struct Surroundings<'s> {
    /// Every signal there is.
    pub signals: &'s [&'s Signal],
    /// Time between two runs of the collector that reads a signal.
    pub interval_of: &'s dyn Fn(&str) -> Duration,
    /// Time between two scrapes.
    pub scrape_interval: Duration,
}

/// A rule file that judges as `rules` do. A rule whose signal no metric tells is named in a comment.
#[must_use]
pub fn rule_file(rules: Vec<Rule>, around: &Surroundings<'_>) -> String {
    // Prometheus evaluates a group in its order, so what explains comes before what it explains.
    let rules = chain::in_order(rules);
    let mut text = head(around);
    let mut recorded = BTreeSet::new();
    let mut alerts = String::new();
    for rule in &rules {
        let known = around.signals.iter().find(|signal| signal.name == rule.signal);
        let Some(judged) = known.and_then(|signal| Judged::new(signal, around)) else {
            let _ = writeln!(
                alerts,
                "\n      # Rule {} is missing: no metric tells {}.",
                rule.name, rule.signal
            );
            continue;
        };
        if recorded.insert(judged.signal.name) {
            text.push_str(&judged.record());
        }
        for rung in Rung::ladder(rule) {
            alerts.push_str(&judged.alert(rule, &rung));
        }
    }
    if rules.is_empty() {
        text.push_str("      []\n");
    }
    text + &alerts
}

fn head(around: &Surroundings<'_>) -> String {
    format!(
        "# The rules of NetKestrel for Prometheus, written by `netkestrel rules prometheus` for a scrape interval of {}.\n\
         # For those who do not run NetKestrel's own engine: with both, everything is told twice.\n\
         # Levels of one rule fire side by side; let Alertmanager inhibit the lower ones. There is no cooldown and no\n\
         # flapping, and what fires ends when NetKestrel is not scraped for three intervals of the collector.\n\
         groups:\n  - name: netkestrel-thresholds\n    rules:\n",
        HumanDuration(around.scrape_interval),
    )
}

/// A signal in the words of Prometheus.
struct Judged<'s> {
    signal: &'s Signal,
    value: String,
    label: Option<&'static str>,
    exists: String,
}

impl<'s> Judged<'s> {
    fn new(signal: &'s Signal, around: &Surroundings<'_>) -> Option<Self> {
        let interval = (around.interval_of)(signal.name);
        // Two readings of the collector, and enough scrapes for a rate.
        let window = (interval * 2).max(around.scrape_interval * 4);
        let gone = (interval * 3).max(around.scrape_interval * 4);
        let (label, series, condition) = signals::subject(signal.subject);
        Some(Self {
            signal,
            value: signals::value(signal.name, HumanDuration(window))?,
            label,
            exists: format!("last_over_time({series}[{}]){condition}", HumanDuration(gone)),
        })
    }

    fn series(&self) -> String {
        format!("subject:netkestrel_signal:{}", self.signal.name)
    }

    fn record(&self) -> String {
        let named = match self.label {
            None => self.value.clone(),
            Some(label) => format!(
                "label_replace(\n{},\n  \"subject\", \"$1\", \"{label}\", \"(.*)\"\n)",
                indented(&self.value, "  ")
            ),
        };
        let mut text = comment(&format!(
            "{} {}",
            self.signal.help,
            signals::difference(self.signal.name)
        ));
        let _ = write!(
            text,
            "      - record: {}\n        expr: |-\n{}\n",
            self.series(),
            indented(&named, INDENT)
        );
        text
    }

    fn alert(&self, rule: &Rule, rung: &Rung) -> String {
        let name = alert_name(&rule.name);
        let severity = rung.severity.name();
        let mut text = format!(
            "\n      - alert: {name}\n        expr: |-\n{}\n",
            indented(&self.condition(rule, rung), INDENT)
        );
        if !rule.hold.is_zero() {
            let _ = writeln!(text, "        for: {}", rule.hold);
        }
        let _ = write!(
            text,
            "        labels: {{severity: {severity}, rule: {}, signal: {}}}\n        annotations:\n",
            rule.name, rule.signal
        );
        for (key, value) in words::annotations(rule, rung, self.signal) {
            let _ = writeln!(text, "          {key}: {}", quoted(&value));
        }
        text
    }

    fn condition(&self, rule: &Rule, rung: &Rung) -> String {
        let series = format!("{}{}", self.series(), selector::of_subjects(rule));
        let (passed, holds) = match rung.when {
            Direction::Above => (">=", ">"),
            Direction::Below => ("<=", "<"),
        };
        let subject = self.label.map_or_else(String::new, |label| format!(", {label}"));
        let firing = firing(std::slice::from_ref(&rule.name), Some(rung.severity));
        let condition = format!(
            "{series} {passed} {}\nor\nlast_over_time({series}[{KNOWN}]) {holds} {}\n  \
             and on (job, instance, subject) {firing}\n  and on (job, instance{subject}) {}",
            rung.level, rung.clear, self.exists,
        );
        if rule.unless.is_empty() {
            return condition;
        }
        format!(
            "(\n{}\n)\nunless on (job, instance, subject)\n  {}",
            indented(&condition, "  "),
            self::firing(&rule.unless, None)
        )
    }
}

/// No name that Prometheus' own alerts have.
fn alert_name(rule: &str) -> String {
    format!("netkestrel_{rule}")
}

/// Alerts of these rules that fire, as Prometheus tells of them.
fn firing(rules: &[String], severity: Option<Severity>) -> String {
    let names: Vec<String> = rules.iter().map(|rule| alert_name(rule)).collect();
    let operator = if names.len() == 1 { "=" } else { "=~" };
    let severity = severity.map_or_else(String::new, |severity| {
        format!(", severity=\"{}\"", severity.name())
    });
    format!(
        "ALERTS{{alertname{operator}\"{}\"{severity}, alertstate=\"firing\"}}",
        names.join("|")
    )
}

/// A comment above a rule, in lines that fit a page.
fn comment(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        if line.len() + word.len() > WIDTH {
            let _ = writeln!(lines, "      #{line}");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + "      #" + &line + "\n"
}

fn indented(text: &str, indent: impl Display) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{indent}{line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
