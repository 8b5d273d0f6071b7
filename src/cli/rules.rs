//! `rules`: what is in force, and why. As a table where the terminal is wide enough, as blocks where it is not; or as
//! a rule file for Prometheus.

mod prometheus;

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    Form, Output,
    answer::Answer,
    check_config::refusal,
    flags::{Flagged, Flags},
    table::{Side, table},
};
use crate::{
    figures::Unit,
    rules::{Direction, Explained, Origin, Rule, limit, time},
};

/// What to do.
#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// List the rules in force, and where each comes from
    List(Flagged<Output>),
    /// Write the rules in force as a rule file for Prometheus, for those who let it judge instead
    Prometheus(Flagged<prometheus::Request>),
}

pub(super) fn answer(outer: Flags, action: Action) -> Answer {
    let asked = match action {
        Action::List(asked) => asked,
        Action::Prometheus(asked) => return prometheus::answer(outer, asked),
    };
    let (output, flags) = asked.split(outer);
    let config = match flags.load() {
        Ok(loaded) => loaded.config,
        Err(error) => return refusal(&error),
    };
    let rules = config.rules.explain();
    let unusual = if config.anomalies.enabled { UNUSUAL } else { "" };
    match output.format {
        Form::Text => Answer::fine(text(&rules, terminal_width()) + unusual),
        Form::Json => Answer::fine(format!("{:#}\n", json(&rules))),
    }
}

/// What is said below the rules of the one that has no levels.
const UNUSUAL: &str = "\nBeside them `anomaly` tells what is unlike anything before, as `anomalies` in the configuration \
                       says.\n";

/// Columns where there is no terminal: nothing has to fit.
fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(usize::MAX, |(width, _)| usize::from(width.0))
}

const COLUMNS: [&str; 7] = ["RULE", "SIGNAL", "LEVELS", "FOR", "CLEARS AT", "SUBJECTS", "WHY"];

type Row = [String; COLUMNS.len()];

fn text(rules: &[Explained], width: usize) -> String {
    let rows: Vec<Row> = rules.iter().map(row).collect();
    let columns = table(COLUMNS.map(|name| (name, Side::Left)), &rows);
    if columns.lines().all(|line| line.chars().count() <= width) {
        return columns;
    }
    let blocks: Vec<String> = rows.iter().map(block).collect();
    blocks.join("\n")
}

fn block([name, facts @ ..]: &Row) -> String {
    let mut block = format!("{name}\n");
    for (column, fact) in COLUMNS.iter().skip(1).zip(facts) {
        let _ = writeln!(block, "  {:<10}{fact}", column.to_lowercase());
    }
    block
}

fn row(one: &Explained) -> Row {
    let rule = &one.rule;
    let unit = Unit::of(&rule.signal);
    let clears = rule.clear.or(rule.levels.first());
    let side = match rule.when {
        Direction::Above => "",
        Direction::Below => "below ",
    };
    let levels: Vec<String> = rule
        .levels
        .iter()
        .map(|(severity, level)| match unit {
            Unit::Up => format!("{} when {}", severity.name(), bad_state(rule)),
            _ => format!("{} {side}{}", severity.name(), limit(unit, level)),
        })
        .collect();
    [
        rule.name.clone(),
        or_dash(rule.signal.clone()),
        or_dash(levels.join(", ")),
        if rule.hold.is_zero() {
            "at once".to_owned()
        } else {
            time(*rule.hold)
        },
        match (unit, clears) {
            (_, None) => "-".to_owned(),
            (Unit::Up, _) => if bad_state(rule) == "down" { "up" } else { "down" }.to_owned(),
            (unit, Some(clear)) => limit(unit, clear),
        },
        subjects(rule),
        why(one),
    ]
}

fn bad_state(rule: &Rule) -> &'static str {
    match rule.when {
        Direction::Below => "down",
        Direction::Above => "up",
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn subjects(rule: &Rule) -> String {
    let mut text = match rule.include.as_slice() {
        [] => "all".to_owned(),
        include => include.join(", "),
    };
    for (word, names) in [(" but ", &rule.exclude), (" unless ", &rule.unless)] {
        if !names.is_empty() {
            text.push_str(word);
            text.push_str(&names.join(", "));
        }
    }
    // Names come from a file that may hold anything.
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

fn why(one: &Explained) -> String {
    let origin = match &one.origin {
        Origin::BuiltIn => "built-in".to_owned(),
        Origin::Own => "your file".to_owned(),
        Origin::Replaced => "your file, not the built-in one".to_owned(),
        Origin::Moved { by } => format!("built-in, moved by {by}"),
    };
    if one.enabled {
        origin
    } else {
        format!("off ({origin})")
    }
}

fn json(rules: &[Explained]) -> Value {
    let rules = rules.iter().map(|one| {
        let mut value = json!(one.rule);
        if let Some(keys) = value.as_object_mut() {
            keys.insert("origin".to_owned(), json!(one.origin));
            keys.insert("why".to_owned(), why(one).into());
        }
        value
    });
    json!({ "rules": rules.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Config, Levels, Severity};

    fn rules() -> Vec<Explained> {
        let own = Rule {
            levels: Levels::new(&[(Severity::Low, 0.7)]),
            include: vec!["/data".to_owned(), "/srv/*".to_owned()],
            exclude: vec!["/srv/tmp".to_owned()],
            ..Rule::new("disk_data", "filesystem_usage_ratio")
        };
        let off = Rule {
            enabled: false,
            ..Rule::new("loss", "")
        };
        let mut config = Config::from(vec![own, off]);
        config.move_built_in("bandwidth", 1_250_000.0, "BANDWIDTH_THRESHOLD_MBPS");
        config.explain()
    }

    fn cells(line: &str) -> Vec<&str> {
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect()
    }

    #[test]
    fn a_wide_terminal_shows_a_table_in_the_units_of_people() {
        let text = text(&rules(), usize::MAX);
        let row = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).expect(name);
            cells(line)
        };
        for expected in [
            [
                "cpu",
                "cpu_usage_ratio",
                "medium 80 %, high 90 %",
                "10 min",
                "75 %",
                "all",
                "built-in",
            ],
            [
                "bandwidth",
                "network_total_bytes_per_second",
                "medium 10 Mbps, high 20 Mbps",
                "1 min",
                "9 Mbps",
                "all",
                "built-in, moved by BANDWIDTH_THRESHOLD_MBPS",
            ],
            [
                "device_down",
                "device_up",
                "high when down",
                "at once",
                "up",
                "all",
                "built-in",
            ],
            [
                "loss",
                "-",
                "-",
                "at once",
                "-",
                "all",
                "off (your file, not the built-in one)",
            ],
            [
                "disk_data",
                "filesystem_usage_ratio",
                "low 70 %",
                "at once",
                "70 %",
                "/data, /srv/* but /srv/tmp",
                "your file",
            ],
        ] {
            assert_eq!(row(expected[0]), expected);
        }
    }

    #[test]
    fn a_narrow_terminal_shows_blocks() {
        let text = text(&rules(), 80);
        assert!(text.starts_with("cpu\n  signal    cpu_usage_ratio\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn json_tells_the_rule_and_its_origin() {
        let value = json(&rules());
        assert_eq!(value["rules"][0]["name"], "cpu");
        assert_eq!(value["rules"][0]["origin"]["kind"], "built_in");
        let rules = value["rules"].as_array().expect("a list");
        let moved = rules.iter().find(|rule| rule["name"] == "bandwidth");
        let origin = &moved.expect("is built in")["origin"];
        assert_eq!(origin["by"], "BANDWIDTH_THRESHOLD_MBPS");
    }
}
