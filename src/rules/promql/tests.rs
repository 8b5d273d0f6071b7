use super::*;
use crate::{
    rules::{Levels, built_in},
    sample::SubjectKind,
};

const LOAD: Signal = Signal {
    name: "load1_per_core",
    title: "load",
    subject: SubjectKind::Host,
    help: "Load.",
};
const SPACE: Signal = Signal {
    name: "filesystem_usage_ratio",
    title: "disk usage",
    subject: SubjectKind::Mount,
    help: "Usage.",
};

fn file(rules: Vec<Rule>) -> String {
    let around = Surroundings {
        signals: &[&LOAD, &SPACE],
        interval_of: &|_| Duration::from_mins(1),
        scrape_interval: Duration::from_secs(15),
    };
    rule_file(rules, &around)
}

fn rule(name: &str, signal: &str) -> Rule {
    Rule {
        levels: Levels::new(&[(Severity::Low, 2.5)]),
        ..Rule::new(name, signal)
    }
}

#[test]
fn a_level_is_an_alert_that_lasts_until_its_clear_value() {
    let text = file(vec![Rule {
        clear: Some(2.0),
        ..rule("busy", "load1_per_core")
    }]);
    let expected = "\n      - alert: netkestrel_busy
        expr: |-
          subject:netkestrel_signal:load1_per_core >= 2.5
          or
          last_over_time(subject:netkestrel_signal:load1_per_core[6h]) > 2
            and on (job, instance, subject) ALERTS{alertname=\"netkestrel_busy\", severity=\"low\", alertstate=\"firing\"}
            and on (job, instance) last_over_time(netkestrel_build_info[3m])
        labels: {severity: low, rule: busy, signal: load1_per_core}
        annotations:
          summary: \"The load of {{ $labels.instance }} is {{ $value | humanize }}; the level is 2.5\"
          description: \"Load. Told at once at 2.5 or above; over at 2 or below.\"\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn names_with_odd_characters_stay_names() {
    let text = file(vec![Rule {
        include: vec!["/a.b*".to_owned(), "C:\\?".to_owned()],
        exclude: vec!["/a\"".to_owned()],
        advice: "See {{ this }}: \"it\"".to_owned(),
        ..rule("space", "filesystem_usage_ratio")
    }]);
    for expected in [
        r#"filesystem_usage_ratio{subject=~"/a\\.b.*|C:\\\\.", subject!~"/a\""} >= 2.5"#,
        r#"runbook: "See {{ \"{{\" }} this }}: \"it\"""#,
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_rule_that_cannot_be_told_is_named() {
    let text = file(vec![rule("moon", "phase_of_the_moon")]);
    assert!(
        text.contains("# Rule moon is missing: no metric tells phase_of_the_moon."),
        "{text}"
    );
}

#[test]
fn what_explains_comes_first() {
    let explained = Rule {
        unless: vec!["space".to_owned()],
        ..rule("busy", "load1_per_core")
    };
    let text = file(vec![explained, rule("space", "filesystem_usage_ratio")]);
    let place = |name: &str| text.find(&format!("- alert: netkestrel_{name}"));
    assert!(place("space") < place("busy"), "{text}");
    assert!(
        text.contains("ALERTS{alertname=\"netkestrel_space\", alertstate=\"firing\"}"),
        "{text}"
    );
}

#[test]
fn every_built_in_rule_can_be_told() {
    for rule in built_in() {
        let value = signals::value(&rule.signal, HumanDuration::secs(60));
        assert!(value.is_some(), "{}", rule.signal);
    }
}
