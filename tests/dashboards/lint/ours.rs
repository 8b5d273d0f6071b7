//! Our own rules: what file provisioning of Grafana needs, and what readers of the boards may expect.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Rule,
    read::{list, panels, targets, text, texts, variables},
};
use crate::{names::exported, promql::selections, source};

pub(super) const RULES: &[(&str, Rule)] = &[
    ("uid", uid),
    ("classic-form", classic_form),
    ("schema-version", schema_version),
    ("refresh", refresh),
    ("tag", tag),
    ("panel-ids", panel_ids),
    ("grid", grid),
    ("panel-types", panel_types),
    ("no-value", no_value),
    ("empty-cells", empty_cells),
    ("ref-ids", ref_ids),
    ("sources", sources),
    ("variables", variables_are_used_and_defined),
    ("links", links),
    ("metrics", metrics),
    ("colors", colors),
];

/// Panels that every Grafana has.
const TYPES: &[&str] = &[
    "alertlist",
    "bargauge",
    "gauge",
    "heatmap",
    "stat",
    "state-timeline",
    "status-history",
    "table",
    "timeseries",
];

fn uid(board: &Value) -> Vec<String> {
    let uid = text(&board["uid"]);
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    either(!uid.is_empty() && uid.len() <= 40 && uid.chars().all(legal), uid)
}

/// Neither an export for others nor the newer form, which file provisioning of Grafana 12 refuses.
fn classic_form(board: &Value) -> Vec<String> {
    let keys = [
        "__inputs",
        "__requires",
        "apiVersion",
        "kind",
        "spec",
        "version",
        "iteration",
    ];
    let mut found: Vec<String> = keys
        .iter()
        .filter(|key| board.get(**key).is_some())
        .map(|key| (*key).to_owned())
        .collect();
    found.extend((!board["id"].is_null()).then(|| "id".to_owned()));
    found.extend(
        board["timepicker"]
            .get("time_options")
            .map(|_| "time_options".to_owned()),
    );
    found
}

fn schema_version(board: &Value) -> Vec<String> {
    either(board["schemaVersion"] == 42, board["schemaVersion"].to_string())
}

fn refresh(board: &Value) -> Vec<String> {
    either(board["refresh"].is_string(), board["refresh"].to_string())
}

fn tag(board: &Value) -> Vec<String> {
    either(
        list(&board["tags"]).contains(&"netkestrel".into()),
        "no tag".into(),
    )
}

fn panel_ids(board: &Value) -> Vec<String> {
    let rows = list(&board["panels"])
        .iter()
        .filter(|panel| panel["type"] == "row");
    let mut seen = BTreeSet::new();
    panels(board)
        .into_iter()
        .chain(rows)
        .filter(|panel| panel["id"].as_u64().is_none_or(|id| id == 0 || !seen.insert(id)))
        .map(|panel| text(&panel["title"]))
        .collect()
}

/// Inside 24 columns, and no two in the same place.
fn grid(board: &Value) -> Vec<String> {
    let rows = list(&board["panels"])
        .iter()
        .filter(|panel| panel["type"] == "row");
    let mut taken = BTreeSet::new();
    let mut wrong = Vec::new();
    for panel in panels(board).into_iter().chain(rows) {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap_or_default();
        let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
        let cells = (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line)));
        let free = cells.filter(|cell| !taken.insert(*cell)).count() == 0;
        if w == 0 || h == 0 || x + w > 24 || !free {
            wrong.push(text(&panel["title"]));
        }
    }
    wrong
}

fn panel_types(board: &Value) -> Vec<String> {
    let kinds = panels(board).into_iter().map(|panel| text(&panel["type"]));
    kinds.filter(|kind| !TYPES.contains(&kind.as_str())).collect()
}

/// A sentence instead of "No data".
fn no_value(board: &Value) -> Vec<String> {
    let sentence = |panel: &Value| {
        let words = text(&panel["fieldConfig"]["defaults"]["noValue"]);
        words.split(' ').count() >= 3 && words.ends_with(['.', '?'])
    };
    let wrong = panels(board).into_iter().filter(|panel| !sentence(panel));
    wrong.map(|panel| text(&panel["title"])).collect()
}

/// In a table that sentence would stand in every cell without a value.
fn empty_cells(board: &Value) -> Vec<String> {
    let filled = |panel: &Value| {
        let first = &panel["fieldConfig"]["overrides"][0];
        let all = first["matcher"]["options"] == "/.*/";
        panel["type"] == "table"
            && !(all && first["properties"][0]["id"] == "noValue" && first["properties"][0]["value"] == "")
    };
    let wrong = panels(board).into_iter().filter(|panel| filled(panel));
    wrong.map(|panel| text(&panel["title"])).collect()
}

fn ref_ids(board: &Value) -> Vec<String> {
    let unique = |panel: &Value| {
        let ids: Vec<String> = list(&panel["targets"])
            .iter()
            .map(|one| text(&one["refId"]))
            .collect();
        let all: BTreeSet<&String> = ids.iter().collect();
        all.len() == ids.len() && !ids.contains(&String::new())
    };
    let wrong = panels(board).into_iter().filter(|panel| !unique(panel));
    wrong.map(|panel| text(&panel["title"])).collect()
}

/// Every data source is the one that was chosen, but for Grafana's own.
fn sources(board: &Value) -> Vec<String> {
    fn uids(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(source) = fields.get("datasource").filter(|source| source.is_object()) {
                    found.push(text(&source["uid"]));
                }
                fields.values().for_each(|value| uids(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| uids(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    uids(board, &mut found);
    found.retain(|uid| !["${datasource}", "-- Grafana --"].contains(&uid.as_str()));
    found
}

fn variables_are_used_and_defined(board: &Value) -> Vec<String> {
    let defined: BTreeSet<String> = variables(board).iter().map(|one| text(&one["name"])).collect();
    let used: BTreeSet<String> = texts(board).into_iter().flat_map(used_in).collect();
    defined.symmetric_difference(&used).cloned().collect()
}

/// Names behind dollar signs, without Grafana's own, which begin with two underscores.
fn used_in(words: &str) -> Vec<String> {
    let after = words.split('$').skip(1);
    let names = after.map(|rest| {
        let rest = rest.trim_start_matches('{');
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    names
        .filter(|name| !name.starts_with("__") && !name.is_empty())
        .collect()
}

/// Links to boards lead to boards that exist, and the list of boards finds them.
fn links(board: &Value) -> Vec<String> {
    let known: BTreeSet<String> = source::boards().into_iter().map(|(_, board)| board.uid).collect();
    let addresses = texts(board).into_iter().filter(|words| words.starts_with("/d/"));
    let mut wrong: Vec<String> = addresses
        .map(|address| {
            address[3..]
                .split(['?', '/'])
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .filter(|uid| !known.contains(uid))
        .collect();
    let lists = list(&board["links"])
        .iter()
        .filter(|link| link["type"] == "dashboards");
    let found = lists.filter(|link| link["tags"] == board["tags"]).count();
    wrong.extend((found != 1).then(|| "no list of all boards".to_owned()));
    wrong
}

/// Every metric is one that is exported, histograms in their classic form.
fn metrics(board: &Value) -> Vec<String> {
    let annotations = list(&board["annotations"]["list"])
        .iter()
        .map(|one| text(&one["expr"]));
    let queries = targets(board)
        .into_iter()
        .map(|(_, target)| text(&target["expr"]));
    let labels = variables(board).iter().map(|one| {
        let query = text(&one["query"]["query"]);
        let inner = query.trim_start_matches("label_values(");
        inner
            .rsplit_once(", ")
            .map_or(String::new(), |(selector, _)| selector.to_owned())
    });
    let exported = exported();
    let all = queries
        .chain(annotations)
        .chain(labels)
        .filter(|query| !query.is_empty());
    let selected = all.flat_map(|query| selections(&query).unwrap_or_default());
    selected
        .map(|one| one.metric)
        .filter(|metric| !exported.contains(metric))
        .collect()
}

/// Colours of Grafana's palette, or written out: names of CSS break some panels.
fn colors(board: &Value) -> Vec<String> {
    let hues = ["red", "orange", "yellow", "green", "blue", "purple"];
    let shades = ["dark-", "semi-dark-", "light-", "super-light-"];
    let known = |color: &str| {
        let hue = shades
            .iter()
            .find_map(|shade| color.strip_prefix(shade))
            .unwrap_or(color);
        hues.contains(&hue) || color.starts_with('#') || color.starts_with("rgba(")
    };
    let mut found = Vec::new();
    named(board, &["color", "fixedColor", "iconColor"], &mut found);
    found.retain(|color| !known(color));
    found
}

/// Texts under these keys, at any depth.
fn named(value: &Value, keys: &[&str], found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let text = value.as_str().filter(|_| keys.contains(&key.as_str()));
                found.extend(text.map(str::to_owned));
                named(value, keys, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, keys, found)),
        _ => {}
    }
}

fn either(fine: bool, complaint: String) -> Vec<String> {
    if fine { Vec::new() } else { vec![complaint] }
}
