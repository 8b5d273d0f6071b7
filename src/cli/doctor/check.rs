//! One finding of the doctor, and how a list of them is printed.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// Columns of the verdict and of the name, each with its gap.
const VERDICT_WIDTH: usize = 6;
const NAME_WIDTH: usize = 15;
/// Text narrower than this is worse than lines that the terminal breaks.
const NARROWEST: usize = 30;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Something is missing or unwise; NetKestrel runs.
    Warn,
    /// NetKestrel cannot do what it is configured to do.
    Fail,
    /// Not checked, and `found` says why.
    Skipped,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skipped => "-",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Ok => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Fail => AnsiColor::Red.on_default().bold(),
            Self::Skipped => Style::new().dimmed(),
        }
    }
}

/// What was checked, how it went, what was found and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What was checked, in one or two words.
    pub(super) name: &'static str,
    /// How it went.
    pub(super) verdict: Verdict,
    /// What was seen.
    pub(super) found: String,
    /// What to do, as a sentence.
    pub(super) advice: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, found.into(), None)
    }

    pub(super) fn warn(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, found.into(), Some(advice.into()))
    }

    pub(super) fn fail(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, found.into(), Some(advice.into()))
    }

    pub(super) fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self::new(name, Verdict::Skipped, why.into(), None)
    }

    fn new(name: &'static str, verdict: Verdict, found: String, advice: Option<String>) -> Self {
        Self {
            name,
            verdict,
            found,
            advice,
        }
    }
}

/// A table for a terminal of `width` columns, and a line that sums it up.
pub(super) fn render_text(checks: &[Check], width: usize) -> String {
    let indent = VERDICT_WIDTH + NAME_WIDTH;
    let room = width.saturating_sub(indent).max(NARROWEST);
    let mut text = String::new();
    for (check, next) in checks.iter().zip(checks.iter().skip(1).map(Some).chain([None])) {
        let style = check.verdict.style();
        let word = check.verdict.word();
        let mut lines = wrap(&check.found, room).into_iter();
        let first = lines.next().unwrap_or_default();
        let gap = " ".repeat(VERDICT_WIDTH - word.len());
        let _ = writeln!(
            text,
            "{style}{word}{style:#}{gap}{:NAME_WIDTH$}{first}",
            check.name
        );
        let advice = check
            .advice
            .iter()
            // Advice for several checks in a row stands below the last of them.
            .filter(|advice| next.and_then(|next| next.advice.as_ref()) != Some(*advice))
            .flat_map(|advice| wrap(&format!("→ {advice}"), room));
        for line in lines.chain(advice) {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
    }
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let _ = writeln!(
        text,
        "\n{} ok, {} to look at, {} failed",
        count(Verdict::Ok),
        count(Verdict::Warn),
        count(Verdict::Fail)
    );
    text
}

/// The same as JSON: `ok` is false when something failed.
pub(super) fn render_json(checks: &[Check]) -> String {
    let ok = checks.iter().all(|check| check.verdict != Verdict::Fail);
    format!("{:#}\n", serde_json::json!({"ok": ok, "checks": checks}))
}

/// Breaks every line of `text` between words so that none is longer than `width`, as far as the words allow.
fn wrap(text: &str, width: usize) -> Vec<String> {
    text.lines().flat_map(|line| wrap_line(line, width)).collect()
}

fn wrap_line(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines
            .last_mut()
            .expect("the list begins with one line and only grows");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_keeps_to_the_width() {
        let checks = [
            Check::ok("clock", "synchronised"),
            Check::fail(
                "data directory",
                "/var/lib/netkestrel belongs to someone else",
                "Give it away with chown.",
            ),
        ];
        let text = anstream::adapter::strip_str(&render_text(&checks, 55)).to_string();
        assert_eq!(
            text,
            "ok    clock          synchronised\n\
             FAIL  data directory /var/lib/netkestrel belongs to\n\
             \u{20}                    someone else\n\
             \u{20}                    → Give it away with chown.\n\
             \n\
             1 ok, 0 to look at, 1 failed\n"
        );
    }

    #[test]
    fn each_line_of_what_was_found_begins_a_line() {
        let text = render_text(&[Check::skipped("mail", "one mistake\nanother one")], 80);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(text.starts_with(
            "-     mail           one mistake\n\
             \u{20}                    another one\n"
        ));
    }

    #[test]
    fn advice_that_several_checks_share_is_given_once() {
        let checks = ["ping IPv4", "ping IPv6"].map(|name| Check::fail(name, "no socket", "Mend it."));
        assert_eq!(render_text(&checks, 80).matches("Mend it.").count(), 1);
    }

    #[test]
    fn json_says_whether_something_failed() {
        for (check, ok) in [
            (Check::warn("a", "b", "c"), true),
            (Check::skipped("a", "b"), true),
            (Check::fail("a", "b", "c"), false),
        ] {
            let value: serde_json::Value = serde_json::from_str(&render_json(&[check])).expect("JSON");
            assert_eq!(value["ok"], ok);
        }
    }
}
