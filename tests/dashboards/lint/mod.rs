//! What a dashboard must be like: the rules of Grafana's dashboard-linter under their names, and our own.

mod grafana;
mod ours;
pub(crate) mod read;

use serde_json::{Value, json};

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

/// One mistake per row: the rule that has to see it, where it is made in the network board, and the wrong value.
#[test]
fn every_rule_sees_the_mistake_it_is_for() {
    let (_, good) = made()
        .into_iter()
        .find(|(name, _)| name == "network")
        .expect("there is such a board");
    let no_job = "sum(netkestrel_load1{instance=~\"$instance\"})";
    let no_instance = "sum(netkestrel_load1{job=~\"$job\"})";
    let target = |query: &str| query.replace("{@", "{job=~\"$job\",instance=~\"$instance\"");
    let rows: Vec<(&str, &str, Value)> = vec![
        (
            "template-datasource-rule",
            "/templating/list/0/name",
            json!("source"),
        ),
        ("template-job-rule", "/templating/list/1/multi", json!(false)),
        (
            "template-instance-rule",
            "/templating/list/2/allValue",
            json!(".*"),
        ),
        (
            "template-label-promql-rule",
            "/templating/list/3/query/query",
            json!("label_values(up{, job)"),
        ),
        (
            "template-on-time-change-reload-rule",
            "/templating/list/3/refresh",
            json!(1),
        ),
        (
            "panel-datasource-rule",
            "/panels/0/datasource/uid",
            json!("netkestrel-prometheus"),
        ),
        ("panel-title-description-rule", "/panels/0/description", json!("")),
        (
            "panel-units-rule",
            "/panels/1/fieldConfig/defaults/unit",
            json!("Mbps"),
        ),
        ("panel-no-targets-rule", "/panels/1/targets", json!([])),
        ("target-promql-rule", "/panels/1/targets/0/expr", json!("sum(")),
        (
            "target-rate-interval-rule",
            "/panels/1/targets/0/expr",
            json!(target("rate(netkestrel_cpu_seconds_total{@}[5m])")),
        ),
        ("target-job-rule", "/panels/1/targets/0/expr", json!(no_job)),
        (
            "target-instance-rule",
            "/panels/1/targets/0/expr",
            json!(no_instance),
        ),
        (
            "target-counter-agg-rule",
            "/panels/1/targets/0/expr",
            json!(target("netkestrel_cpu_seconds_total{@}")),
        ),
        ("uneditable-dashboard-rule", "/editable", json!(true)),
        ("uid", "/uid", json!("NetKestrel Network")),
        (
            "classic-form",
            "/apiVersion",
            json!("dashboard.grafana.app/v1beta1"),
        ),
        ("schema-version", "/schemaVersion", json!(41)),
        ("refresh", "/refresh", json!(false)),
        ("tag", "/tags", json!([])),
        ("panel-ids", "/panels/1/id", json!(1)),
        ("grid", "/panels/1/gridPos/w", json!(23)),
        ("grid", "/panels/1/gridPos/y", json!(0)),
        ("panel-types", "/panels/1/type", json!("graph")),
        (
            "no-value",
            "/panels/1/fieldConfig/defaults/noValue",
            json!("none"),
        ),
        (
            "empty-cells",
            "/panels/0/fieldConfig/overrides/0/properties/0/value",
            json!("none"),
        ),
        ("ref-ids", "/panels/1/targets/1/refId", json!("A")),
        ("sources", "/panels/1/targets/0/datasource/uid", json!("x")),
        (
            "variables",
            "/panels/1/targets/0/expr",
            json!(target("netkestrel_network_up{@,interface=~\"$nic\"}")),
        ),
        ("variables", "/templating/list/3/name", json!("unused")),
        ("links", "/links/0/tags", json!(["else"])),
        ("links", "/links/1/url", json!("/d/netkestrel-nothing")),
        (
            "metrics",
            "/panels/1/targets/0/expr",
            json!(target("netkestrel_interface_up{@}")),
        ),
        (
            "metrics",
            "/panels/1/targets/0/expr",
            json!(target("rate(netkestrel_ping_rtt_seconds{@}[$__rate_interval])")),
        ),
        (
            "colors",
            "/panels/1/fieldConfig/defaults/thresholds/steps/0/color",
            json!("gray"),
        ),
    ];
    for (rule, place, wrong) in &rows {
        let mut bad = good.clone();
        match bad.pointer_mut(place) {
            Some(value) => *value = wrong.clone(),
            None => bad[place.trim_start_matches('/')] = wrong.clone(),
        }
        let check = rules()
            .into_iter()
            .find(|(name, _)| name == rule)
            .expect("a rule")
            .1;
        assert!(!check(&bad).is_empty(), "{rule} does not see {place} = {wrong}");
    }
    for (rule, _) in rules() {
        assert!(rows.iter().any(|row| row.0 == rule), "{rule} has no row");
    }
}
