//! Turns measurements into tables for people and into bars that are passed or missed.

use std::{fmt, process::ExitCode};

/// Smallest, middle and largest of repeated measurements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    min: f64,
    /// The middle one: what bars judge, as one bad slice must not decide.
    pub(crate) median: f64,
    max: f64,
}

impl Spread {
    /// Of at least one value; of none it is not a number, which passes no bar.
    pub(crate) fn of(values: &[f64]) -> Self {
        Self {
            min: quantile(values, 0.0),
            median: quantile(values, 0.5),
            max: quantile(values, 1.0),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(0);
        write!(
            f,
            "{:.digits$} / {:.digits$} / {:.digits$}",
            self.min, self.median, self.max
        )
    }
}

/// The value below which the share `q` of the values lies, by the nearest rank.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among values in memory"
)]
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

/// Prints a title and the head of a table.
pub(crate) fn table(title: &str, columns: &[&str]) {
    println!("\n### {title}\n");
    row(columns);
    row(&vec!["---"; columns.len()]);
}

/// Prints one row of a table.
pub(crate) fn row<S: AsRef<str>>(cells: &[S]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    println!("| {} |", cells.join(" | "));
}

/// Everything that is judged in one run.
#[derive(Debug, Default)]
pub(crate) struct Bars {
    rows: Vec<Bar>,
}

#[derive(Debug)]
struct Bar {
    what: String,
    value: f64,
    limit: Limit,
}

#[derive(Debug)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Bars {
    /// Judges that `value` does not exceed `limit`.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, value: f64, limit: f64) {
        self.judge(what, value, Limit::AtMost(limit));
    }

    /// Judges that `value` reaches `limit`.
    pub(crate) fn at_least(&mut self, what: impl Into<String>, value: f64, limit: f64) {
        self.judge(what, value, Limit::AtLeast(limit));
    }

    /// Prints the verdicts; a miss, or no verdict at all, is a failure.
    pub(crate) fn conclude(&self) -> ExitCode {
        table("Bars", &["what", "measured", "bar", "verdict"]);
        for bar in &self.rows {
            bar.print();
        }
        if !self.rows.is_empty() && self.rows.iter().all(Bar::passed) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn judge(&mut self, what: impl Into<String>, value: f64, limit: Limit) {
        let what = what.into();
        self.rows.push(Bar { what, value, limit });
    }
}

impl Bar {
    fn passed(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.value <= limit,
            Limit::AtLeast(limit) => self.value >= limit,
        }
    }

    fn print(&self) {
        let limit = match self.limit {
            Limit::AtMost(limit) => format!("≤ {limit:.3}"),
            Limit::AtLeast(limit) => format!("≥ {limit:.3}"),
        };
        let verdict = if self.passed() { "PASS" } else { "MISS" };
        row(&[self.what.as_str(), &format!("{:.3}", self.value), &limit, verdict]);
    }
}
