//! What a dashboard must be like: the rules of Grafana's dashboard-linter under their names, and our own.

mod grafana;
mod ours;
pub(crate) mod read;

use serde_json::Value;

use super::made;

/// A rule: what it complains of in a dashboard.
type Rule = fn(&Value) -> Vec<String>;

fn rules() -> Vec<(&'static str, Rule)> {
    [grafana::RULES, ours::RULES].concat()
}

#[test]
fn every_dashboard_keeps_every_rule() {
    let mut complaints = Vec::new();
    for (board, json) in made() {
        for (rule, check) in rules() {
            let found = check(&json).into_iter();
            complaints.extend(found.map(|complaint| format!("{board}: {rule}: {complaint}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn identifiers_and_titles_are_unique() {
    for key in ["uid", "title"] {
        let mut found: Vec<String> = made().iter().map(|(_, json)| read::text(&json[key])).collect();
        found.sort();
        let count = found.len();
        found.dedup();
        assert_eq!(found.len(), count, "{found:?}");
    }
}

/// One mistake per row: the rule that has to see it, where it is made in the network board, and the wrong value in JSON.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "template-datasource-rule",
        "/templating/list/0/name",
        r#""source""#,
    ),
    ("template-job-rule", "/templating/list/1/multi", "false"),
    ("template-instance-rule", "/templating/list/2/allValue", r#"".*""#),
    (
        "template-label-promql-rule",
        "/templating/list/3/query/query",
        r#""label_values(up{, job)""#,
    ),
    (
        "template-on-time-change-reload-rule",
        "/templating/list/3/refresh",
        "1",
    ),
    (
        "panel-datasource-rule",
        "/panels/0/datasource/uid",
        r#""netkestrel-prometheus""#,
    ),
    ("panel-title-description-rule", "/panels/0/description", r#""""#),
    (
        "panel-units-rule",
        "/panels/1/fieldConfig/defaults/unit",
        r#""Mbps""#,
    ),
    ("panel-no-targets-rule", "/panels/1/targets", "[]"),
    ("target-promql-rule", EXPR, r#""sum(""#),
    (
        "target-rate-interval-rule",
        EXPR,
        r#""rate(netkestrel_cpu_seconds_total{@}[5m])""#,
    ),
    (
        "target-job-rule",
        EXPR,
        r#""netkestrel_load1{instance=~\"$instance\"}""#,
    ),
    (
        "target-instance-rule",
        EXPR,
        r#""netkestrel_load1{job=~\"$job\"}""#,
    ),
    (
        "target-counter-agg-rule",
        EXPR,
        r#""netkestrel_cpu_seconds_total{@}""#,
    ),
    ("uneditable-dashboard-rule", "/editable", "true"),
    ("uid", "/uid", r#""NetKestrel Network""#),
    (
        "classic-form",
        "/apiVersion",
        r#""dashboard.grafana.app/v1beta1""#,
    ),
    ("schema-version", "/schemaVersion", "41"),
    ("refresh", "/refresh", "false"),
    ("tag", "/tags", "[]"),
    ("panel-ids", "/panels/1/id", "1"),
    ("grid", "/panels/1/gridPos/w", "23"),
    ("grid", "/panels/1/gridPos/y", "0"),
    ("panel-types", "/panels/1/type", r#""graph""#),
    ("no-value", "/panels/1/fieldConfig/defaults/noValue", r#""none""#),
    (
        "empty-cells",
        "/panels/0/fieldConfig/overrides/0/properties/0/value",
        r#""none""#,
    ),
    ("ref-ids", "/panels/1/targets/1/refId", r#""A""#),
    ("sources", "/panels/1/targets/0/datasource/uid", r#""x""#),
    (
        "variables",
        EXPR,
        r#""netkestrel_network_up{@,interface=~\"$nic\"}""#,
    ),
    ("variables", "/templating/list/3/name", r#""unused""#),
    ("links", "/links/0/tags", r#"["else"]"#),
    ("links", "/links/1/url", r#""/d/netkestrel-nothing""#),
    ("metrics", EXPR, r#""netkestrel_interface_up{@}""#),
    (
        "metrics",
        EXPR,
        r#""rate(netkestrel_ping_rtt_seconds{@}[$__rate_interval])""#,
    ),
    (
        "colors",
        "/panels/1/fieldConfig/defaults/thresholds/steps/0/color",
        r#""gray""#,
    ),
];
/// Place of a query.
const EXPR: &str = "/panels/1/targets/0/expr";

#[test]
fn every_rule_sees_the_mistake_it_is_for() {
    let (_, good) = made()
        .into_iter()
        .find(|(name, _)| name == "network")
        .expect("there is such a board");
    for (rule, place, wrong) in MISTAKES {
        let wrong = wrong.replace("{@", r#"{job=~\"$job\",instance=~\"$instance\""#);
        let wrong: Value = serde_json::from_str(&wrong).expect("JSON");
        let mut bad = good.clone();
        match bad.pointer_mut(place) {
            Some(value) => *value = wrong.clone(),
            None => bad[place.trim_start_matches('/')] = wrong.clone(),
        }
        let rules = rules();
        let (_, check) = rules.iter().find(|(name, _)| name == rule).expect("a rule");
        assert!(!check(&bad).is_empty(), "{rule} does not see {place} = {wrong}");
    }
    for (rule, _) in rules() {
        assert!(MISTAKES.iter().any(|row| row.0 == rule), "{rule} has no row");
    }
}
