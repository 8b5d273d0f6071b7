//! The rules of Grafana's dashboard-linter, under its names. (Those on logs have no meaning here.)

use serde_json::Value;

use super::{
    Rule,
    read::{list, panels, targets, text, variable, variables},
};
use crate::promql::{RANGE, RATE_INTERVAL, Selection, selections};

pub(super) const RULES: &[(&str, Rule)] = &[
    ("template-datasource-rule", template_datasource),
    ("template-job-rule", template_job),
    ("template-instance-rule", template_instance),
    ("template-label-promql-rule", template_label_promql),
    (
        "template-on-time-change-reload-rule",
        template_on_time_change_reload,
    ),
    ("panel-datasource-rule", panel_datasource),
    ("panel-title-description-rule", panel_title_description),
    ("panel-units-rule", panel_units),
    ("panel-no-targets-rule", panel_no_targets),
    ("target-promql-rule", target_promql),
    ("target-rate-interval-rule", target_rate_interval),
    ("target-job-rule", target_job),
    ("target-instance-rule", target_instance),
    ("target-counter-agg-rule", target_counter_agg),
    ("uneditable-dashboard-rule", uneditable),
];

/// The units in use; each is an identifier that Grafana knows.
const UNITS: &[&str] = &[
    "Bps",
    "bool_yes_no",
    "bps",
    "bytes",
    "celsius",
    "cps",
    "dateTimeFromNow",
    "decbytes",
    "dtdurations",
    "none",
    "ops",
    "percentunit",
    "pps",
    "reqps",
    "s",
    "short",
];

fn template_datasource(board: &Value) -> Vec<String> {
    let sources: Vec<&Value> = variables(board)
        .iter()
        .filter(|one| one["type"] == "datasource")
        .collect();
    let fine = |one: &Value| {
        one["name"] == "datasource" && one["label"] == "Data source" && one["query"] == "prometheus"
    };
    complain(!(sources.len() == 1 && fine(sources[0])), || {
        format!("{sources:?}")
    })
}

fn template_job(board: &Value) -> Vec<String> {
    template(board, "job", "Job")
}

fn template_instance(board: &Value) -> Vec<String> {
    template(board, "instance", "Instance")
}

fn template(board: &Value, name: &str, label: &str) -> Vec<String> {
    let found = variable(board, name);
    let fine = found.is_some_and(|found| {
        found["datasource"]["uid"] == "${datasource}"
            && found["type"] == "query"
            && found["label"] == label
            && found["multi"] == true
            && found["allValue"] == ".+"
    });
    complain(!fine, || format!("{found:?}"))
}

fn template_label_promql(board: &Value) -> Vec<String> {
    let queries = variables(board).iter().filter(|one| one["type"] == "query");
    queries
        .filter_map(|one| {
            let query = text(&one["query"]["query"]);
            let inner = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'));
            let selector = inner
                .and_then(|inner| inner.rsplit_once(", "))
                .map(|(selector, _)| selector);
            let fine =
                selector.is_some_and(|selector| selections(selector).is_ok_and(|found| found.len() == 1));
            (!fine).then_some(query)
        })
        .collect()
}

fn template_on_time_change_reload(board: &Value) -> Vec<String> {
    let queries = variables(board).iter().filter(|one| one["type"] == "query");
    let stale = queries.filter(|one| one["refresh"] != 2);
    stale.map(|one| text(&one["name"])).collect()
}

fn panel_datasource(board: &Value) -> Vec<String> {
    titles(board, |panel| panel["datasource"]["uid"] != "${datasource}")
}

fn panel_title_description(board: &Value) -> Vec<String> {
    titles(board, |panel| {
        text(&panel["title"]).is_empty() || text(&panel["description"]).len() < 10
    })
}

/// As the linter does, this lets a panel pass whose values are all words; a list of rules has no values.
fn panel_units(board: &Value) -> Vec<String> {
    titles(board, |panel| {
        let unit = text(&panel["fieldConfig"]["defaults"]["unit"]);
        let words = !list(&panel["fieldConfig"]["defaults"]["mappings"]).is_empty();
        let overrides = list(&panel["fieldConfig"]["overrides"]).iter();
        let properties = overrides.flat_map(|one| list(&one["properties"]));
        let mut units = properties
            .filter(|one| one["id"] == "unit")
            .map(|one| text(&one["value"]));
        panel["type"] != "alertlist"
            && (!(words || UNITS.contains(&unit.as_str()))
                || units.any(|unit| !UNITS.contains(&unit.as_str())))
    })
}

fn panel_no_targets(board: &Value) -> Vec<String> {
    titles(board, |panel| {
        panel["type"] != "alertlist" && list(&panel["targets"]).is_empty()
    })
}

fn target_promql(board: &Value) -> Vec<String> {
    let wrong = |(title, target): (String, &Value)| {
        let error = selections(&text(&target["expr"])).err()?;
        Some(format!("{title}: {error}"))
    };
    targets(board).into_iter().filter_map(wrong).collect()
}

/// `increase` may also count over the time shown, or over whole days.
fn target_rate_interval(board: &Value) -> Vec<String> {
    const DAY: std::time::Duration = std::time::Duration::from_hours(24);
    selected(board, |one| match one.function {
        Some("rate" | "irate") => one.range != Some(RATE_INTERVAL),
        Some("increase") => ![Some(RATE_INTERVAL), Some(RANGE), Some(DAY)].contains(&one.range),
        _ => false,
    })
}

fn target_job(board: &Value) -> Vec<String> {
    selected(board, |one| !has(one, "job", "$job"))
}

fn target_instance(board: &Value) -> Vec<String> {
    selected(board, |one| !has(one, "instance", "$instance"))
}

fn target_counter_agg(board: &Value) -> Vec<String> {
    selected(board, |one| {
        let counted = matches!(one.function, Some("rate" | "irate" | "increase")) && one.range.is_some();
        one.metric.ends_with("_total") && !counted
    })
}

fn uneditable(board: &Value) -> Vec<String> {
    complain(board["editable"] != false, || "it can be edited".into())
}

fn has(selection: &Selection, label: &str, value: &str) -> bool {
    selection
        .matchers
        .iter()
        .any(|(name, matched)| name == label && matched == value)
}

/// Titles of the panels about which there is something to say.
fn titles(board: &Value, wrong: impl Fn(&Value) -> bool) -> Vec<String> {
    let panels = panels(board).into_iter().filter(|panel| wrong(panel));
    panels.map(|panel| text(&panel["title"])).collect()
}

/// Selectors in queries about which there is something to say.
fn selected(board: &Value, wrong: impl Fn(&Selection) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for (title, target) in targets(board) {
        let found = selections(&text(&target["expr"])).unwrap_or_default();
        let found = found.into_iter().filter(|one| wrong(one));
        complaints.extend(found.map(|one| format!("{title}: {one:?}")));
    }
    complaints
}

fn complain(wrong: bool, what: impl FnOnce() -> String) -> Vec<String> {
    if wrong { vec![what()] } else { Vec::new() }
}
