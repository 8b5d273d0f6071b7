//! Parts of a dashboard.

use serde_json::Value;

/// All panels but the headers of rows, also those of collapsed rows.
pub(crate) fn panels(board: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    for panel in list(&board["panels"]) {
        if panel["type"] == "row" {
            found.extend(list(&panel["panels"]));
        } else {
            found.push(panel);
        }
    }
    found
}

/// All queries of the panels, each with the title of its panel.
pub(crate) fn targets(board: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for panel in panels(board) {
        let targets = list(&panel["targets"]).iter();
        found.extend(targets.map(|target| (text(&panel["title"]), target)));
    }
    found
}

/// The variables.
pub(crate) fn variables(board: &Value) -> &[Value] {
    list(&board["templating"]["list"])
}

/// The variable of that name.
pub(crate) fn variable<'a>(board: &'a Value, name: &str) -> Option<&'a Value> {
    variables(board).iter().find(|variable| variable["name"] == name)
}

/// The items of a list; none where there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text; empty where there is none.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Every text below the value, also in lists and objects.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
