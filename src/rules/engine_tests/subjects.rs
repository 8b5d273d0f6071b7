//! Several rules and subjects: what explains what, who is gone, and what a reload keeps.

use super::*;

fn loss(hold: u64) -> Rule {
    Rule {
        hold: HumanDuration::secs(hold),
        levels: Levels::new(&[(Severity::Medium, 0.2)]),
        unless: vec!["device_down".to_owned()],
        ..Rule::new("loss", "ping_loss_ratio")
    }
}

#[test]
fn what_another_rule_explains_is_silent_and_begins_anew() {
    // The order of the rules does not matter.
    let mut bench = Bench::new(vec![loss(60), down()]);
    let mut at = |seconds, up, loss| {
        let found = bench.judge(seconds, Scope::Whole, device("nas", up, loss));
        shorts(&found).join(", ")
    };
    assert_eq!(at(0, 1.0, 0.5), "device_down nas clear, loss nas pending:medium");
    assert_eq!(at(60, 1.0, 0.5), "device_down nas clear, loss nas firing:medium");
    assert_eq!(
        at(120, 0.0, 1.0),
        "device_down nas firing:high, loss nas explained:device_down"
    );
    assert_eq!(
        at(180, 1.0, 0.5),
        "device_down nas clear, loss nas pending:medium"
    );
    assert_eq!(at(240, 1.0, 0.5), "device_down nas clear, loss nas firing:medium");
}

#[test]
fn a_subject_that_is_paused_is_not_covered_until_it_goes_on() {
    let mut bench = Bench::new(vec![loss(60), down()]);
    let mut at = |seconds, up, loss| {
        let readings = vec![reading(&UP, "nas", up), reading(&LOSS, "nas", loss)];
        shorts(&bench.judge(seconds, Scope::Whole, readings)).join(", ")
    };
    let paused = Observed::Missing(Missing::Paused);
    assert_eq!(
        at(0, Observed::Value(0.0), Observed::Value(1.0)),
        "device_down nas firing:high, loss nas explained:device_down"
    );
    assert_eq!(
        at(60, paused, paused),
        "device_down nas not covered, loss nas not covered"
    );
    assert_eq!(
        at(120, Observed::Value(1.0), Observed::Value(0.5)),
        "device_down nas clear, loss nas pending:medium"
    );
}

#[test]
fn what_is_read_in_a_maintenance_window_is_judged() {
    let mut bench = Bench::new(vec![down()]);
    let found = bench.judge(0, Scope::Whole, vec![reading(&UP, "nas", Observed::Excused(0.0))]);
    assert_eq!(shorts(&found), ["device_down nas firing:high"]);
}

#[test]
fn a_rule_explains_only_its_own_subject() {
    let mut bench = Bench::new(vec![down(), loss(0)]);
    let both = [device("a", 0.0, 1.0), device("b", 1.0, 1.0)].concat();
    let found = bench.judge(0, Scope::Whole, both);
    assert!(
        shorts(&found).contains(&"loss b firing:medium".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_subject_that_is_absent_three_times_is_gone_once() {
    let mut bench = Bench::new(vec![down()]);
    let other = || device("b", 1.0, 0.0);
    bench.judge(0, Scope::Whole, [device("a", 0.0, 1.0), other()].concat());
    let mut about_a = |seconds, scope, readings| {
        let found = bench.judge(seconds, scope, readings);
        shorts(&found)
            .into_iter()
            .filter(|line| line.contains(" a "))
            .collect::<Vec<_>>()
    };
    assert_eq!(about_a(60, Scope::Whole, other()), [""; 0]);
    for _ in 0..5 {
        assert_eq!(
            about_a(61, Scope::News, other()),
            [""; 0],
            "news tell of no absence"
        );
    }
    assert_eq!(about_a(120, Scope::Whole, other()), [""; 0]);
    assert_eq!(about_a(180, Scope::Whole, vec![]), ["device_down a gone"]);
    assert_eq!(about_a(240, Scope::Whole, other()), [""; 0]);
}

#[test]
fn a_missing_reading_is_no_absence() {
    let mut bench = Bench::new(vec![down()]);
    for round in 0..6 {
        let found = bench.judge(round * 60, Scope::Whole, vec![reading(&UP, "a", MISSING)]);
        assert_eq!(shorts(&found), ["device_down a unknown"]);
    }
}

#[test]
fn batches_of_other_collectors_say_nothing_about_a_subject() {
    let mut bench = Bench::new(vec![down()]);
    bench.judge(0, Scope::Whole, device("a", 0.0, 1.0));
    for second in 1..9 {
        let found = bench.engine.judge(&Batch {
            collector: "other",
            scope: Scope::Whole,
            at: bench.at(second),
            elapsed: None,
            readings: Vec::new(),
            changes: Vec::new(),
            health: Vec::new(),
        });
        assert_eq!(found, []);
    }
}

#[test]
fn a_run_that_is_told_after_younger_news_changes_nothing() {
    let mut bench = Bench::new(vec![down()]);
    let only_up = |up| vec![reading(&UP, "a", Observed::Value(up))];
    bench.judge(0, Scope::Whole, only_up(1.0));
    assert_eq!(
        shorts(&bench.judge(61, Scope::News, only_up(0.0))),
        ["device_down a firing:high"]
    );
    assert_eq!(bench.judge(60, Scope::Whole, only_up(1.0)), []);
    assert_eq!(
        shorts(&bench.judge(120, Scope::Whole, only_up(0.0))),
        ["device_down a firing:high"]
    );
}

#[test]
fn a_reload_keeps_what_is_unchanged_and_drops_the_rest() {
    let advised = Rule {
        advice: "Turn it off and on.".to_owned(),
        ..cpu(60)
    };
    for (sentence, rules, expected) in [
        ("the same rule goes on", vec![down(), cpu(60)], "firing:medium"),
        ("other advice is no other rule", vec![advised], "firing:medium"),
        ("a changed rule begins anew", vec![cpu(61)], "pending:medium"),
        ("a rule that is gone finds nothing", vec![down()], ""),
        (
            "nor does one that is switched off",
            vec![Rule {
                enabled: false,
                ..cpu(60)
            }],
            "",
        ),
    ] {
        let mut bench = Bench::new(vec![cpu(60)]);
        bench.cpu(0, Observed::Value(0.85));
        assert_eq!(bench.cpu(60, Observed::Value(0.85)), "firing:medium");
        bench.engine.apply(rules);
        assert_eq!(bench.cpu(120, Observed::Value(0.85)), expected, "{sentence}");
    }
}

#[test]
fn what_fired_before_a_restart_goes_on() {
    let mut bench = Bench::new(vec![cpu(600), down()]);
    let fired = |rule: &str, subject: &str, signal, severity| Resumed {
        rule: rule.into(),
        subject: subject.into(),
        firing: Some(severity),
        since: Timestamp::UNIX_EPOCH,
        signal,
        collector: "test",
    };
    let fired = [
        fired("cpu", "", &CPU, Severity::Medium),
        fired("device_down", "a", &UP, Severity::High),
        fired("no_such_rule", "", &CPU, Severity::High),
    ];
    let now = bench.at(0);
    bench.engine.resume(fired, now);
    assert_eq!(
        bench.cpu(0, Observed::Value(0.78)),
        "firing:medium",
        "within the clear distance"
    );
    assert_eq!(
        bench.cpu(60, Observed::Value(0.95)),
        "firing:medium",
        "a rise waits"
    );
    let found = bench.judge(120, Scope::Whole, vec![reading(&CPU, "", Observed::Value(0.5))]);
    assert_eq!(shorts(&found), ["cpu  clear", "device_down a gone"]);
}

#[test]
fn a_rule_judges_only_the_subjects_it_selects() {
    let rule = Rule {
        include: vec!["core-*".to_owned()],
        exclude: vec!["core-lab".to_owned()],
        ..down()
    };
    let mut bench = Bench::new(vec![rule]);
    let all = ["core-a", "core-lab", "other"].map(|name| reading(&UP, name, Observed::Value(0.0)));
    let found = bench.judge(0, Scope::Whole, all.to_vec());
    assert_eq!(shorts(&found), ["device_down core-a firing:high"]);
}

#[test]
fn evaluations_are_counted_and_thresholds_shown() {
    let mut bench = Bench::new(vec![cpu(0), down()]);
    assert_eq!(
        bench.engine.families().len(),
        3,
        "no last evaluation before the first"
    );
    bench.cpu(0, Observed::Value(0.1));
    bench.cpu(60, Observed::Value(f64::NAN));
    let families = bench.engine.families();
    let values = |name: &str| {
        let family = families
            .iter()
            .find(|family| family.desc.name == name)
            .expect(name);
        let points = family.points.iter();
        points
            .map(|point| format!("{:?} {:?}", point.labels, point.value))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        values("netkestrel_rule_threshold"),
        [
            r#"["cpu", "cpu_usage_ratio", "medium"] Number(0.8)"#,
            r#"["cpu", "cpu_usage_ratio", "high"] Number(0.9)"#,
            r#"["device_down", "device_up", "high"] Number(0.5)"#,
        ]
    );
    assert_eq!(
        values("netkestrel_alert_rule_evaluations_total"),
        ["[] Number(2.0)"]
    );
    assert_eq!(
        values("netkestrel_alert_rule_evaluation_failures_total"),
        ["[] Number(1.0)"]
    );
    assert!(families.iter().all(|family| METRICS.contains(&family.desc)));
}
