//! How the values of a panel look: defaults for all of its fields, and overrides for some.

use serde_json::{Map, Value, json};

use super::source::{Field, Kind, Panel, Shared};

/// Colours of limits by severity.
const LIMITS: [(&str, &str); 4] = [
    ("low", "yellow"),
    ("medium", "orange"),
    ("high", "red"),
    ("critical", "dark-red"),
];

/// What holds for all fields of the panel.
pub(crate) fn defaults(panel: &Panel, shared: &Shared) -> Value {
    let mut defaults = json!({
        "color": {"mode": color_mode(panel)},
        "custom": custom(panel.kind),
        "mappings": [],
        "noValue": panel.no_data,
        "thresholds": {"mode": "absolute", "steps": [{"color": neutral(panel.kind), "value": null}]}
    });
    let fields = defaults.as_object_mut().expect("an object");
    if !panel.unit.is_empty() {
        fields.insert("unit".into(), panel.unit.as_str().into());
    }
    for (id, value) in properties(&panel.field, panel.kind, shared) {
        match id.strip_prefix("custom.") {
            Some(id) => fields["custom"][id] = value,
            None => {
                fields.insert(id, value);
            }
        }
    }
    defaults
}

/// What the source says about some fields, by Grafana's names of properties.
pub(crate) fn properties(field: &Field, kind: Kind, shared: &Shared) -> Map<String, Value> {
    let mut found = Map::new();
    let mut set = |id: &str, value: Option<Value>| {
        found.extend(value.map(|value| (id.to_owned(), value)));
    };
    set("unit", field.unit.as_deref().map(Value::from));
    set("decimals", field.decimals.map(Value::from));
    set("min", field.min.map(Value::from));
    set("max", field.max.map(Value::from));
    set("mappings", field.map.as_ref().map(|name| mappings(name, shared)));
    let steps = (!field.steps.is_empty()).then(|| steps(&field.steps));
    set("thresholds", steps);
    let color = |color: &str| json!({"fixedColor": color, "mode": "fixed"});
    set("color", field.color.as_deref().map(color));
    if field.below {
        set("custom.transform", Some("negative-Y".into()));
    }
    if field.stack {
        set("custom.stacking", Some(json!({"group": "A", "mode": "normal"})));
        set("custom.fillOpacity", Some(40.into()));
    }
    if let Some(name) = &field.fill_to {
        set("custom.fillBelowTo", Some(name.as_str().into()));
    }
    if field.bars {
        set("custom.drawStyle", Some("bars".into()));
        set("custom.fillOpacity", Some(60.into()));
    }
    if kind == Kind::Table {
        set("custom.cellOptions", field.cell.as_deref().map(cell));
        set("custom.width", field.width.map(Value::from));
    }
    let links: Vec<Value> = field.links.iter().map(|name| link(name, shared)).collect();
    set("links", (!links.is_empty()).then(|| links.into()));
    found
}

/// Override for the fields that the matcher finds; none when there is nothing to say.
pub(crate) fn matched((id, options): (&str, String), properties: Map<String, Value>) -> Option<Value> {
    let list: Vec<Value> = properties
        .into_iter()
        .map(|(id, value)| json!({"id": id, "value": value}))
        .collect();
    (!list.is_empty()).then(|| json!({"matcher": {"id": id, "options": options}, "properties": list}))
}

/// A cell without a value is empty: the sentence for no data is for a table without rows.
pub(crate) fn empty_cells() -> Value {
    json!({
        "matcher": {"id": "byRegexp", "options": "/.*/"},
        "properties": [{"id": "noValue", "value": ""}]
    })
}

/// Dashed lines for the limits of rules, in the colours of their severities.
pub(crate) fn limits() -> impl Iterator<Item = Value> {
    LIMITS.into_iter().map(|(severity, color)| {
        json!({
            "matcher": {"id": "byRegexp", "options": format!("/^limit {severity} /")},
            "properties": [
                {"id": "color", "value": {"fixedColor": color, "mode": "fixed"}},
                {"id": "custom.lineStyle", "value": {"dash": [10, 10], "fill": "dash"}},
                {"id": "custom.fillOpacity", "value": 0},
                {"id": "custom.stacking", "value": {"group": "limits", "mode": "none"}}
            ]
        })
    })
}

fn color_mode(panel: &Panel) -> &'static str {
    match panel.kind {
        Kind::Chart => "palette-classic",
        _ => "thresholds",
    }
}

/// Colour of a value about which nothing is said.
fn neutral(kind: Kind) -> &'static str {
    match kind {
        Kind::Stat | Kind::Bars => "blue",
        _ => "green",
    }
}

fn custom(kind: Kind) -> Value {
    let hidden = json!({"legend": false, "tooltip": false, "viz": false});
    match kind {
        Kind::Chart => json!({
            "axisBorderShow": false,
            "axisCenteredZero": false,
            "axisColorMode": "text",
            "axisLabel": "",
            "axisPlacement": "auto",
            "barAlignment": 0,
            "drawStyle": "line",
            "fillOpacity": 10,
            "gradientMode": "none",
            "hideFrom": hidden,
            "insertNulls": false,
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "pointSize": 5,
            "scaleDistribution": {"type": "linear"},
            "showPoints": "auto",
            "spanNulls": false,
            "stacking": {"group": "A", "mode": "none"},
            "thresholdsStyle": {"mode": "off"}
        }),
        Kind::Table => json!({
            "align": "auto",
            "cellOptions": {"type": "auto"},
            "filterable": true,
            "inspect": false
        }),
        Kind::Timeline => json!({
            "fillOpacity": 80,
            "hideFrom": hidden,
            "insertNulls": false,
            "lineWidth": 0,
            "spanNulls": false
        }),
        Kind::History => json!({"fillOpacity": 80, "hideFrom": hidden, "lineWidth": 1}),
        Kind::Heatmap => json!({"hideFrom": hidden, "scaleDistribution": {"type": "linear"}}),
        Kind::Stat | Kind::Gauge | Kind::Bars | Kind::Rules => json!({}),
    }
}

fn mappings(name: &str, shared: &Shared) -> Value {
    let words = shared
        .mappings
        .get(name)
        .unwrap_or_else(|| panic!("no mapping {name}"));
    let options: Map<String, Value> = words
        .iter()
        .enumerate()
        .map(|(index, (value, text, color))| {
            let key = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (key, json!({"color": color, "index": index, "text": text}))
        })
        .collect();
    json!([{"options": options, "type": "value"}])
}

/// A colour, then pairs of a value and the colour from there on.
fn steps(steps: &[Value]) -> Value {
    let mut list = vec![json!({"color": steps[0], "value": null})];
    for pair in steps[1..].chunks(2) {
        list.push(json!({"color": pair[1], "value": pair[0]}));
    }
    json!({"mode": "absolute", "steps": list})
}

fn cell(form: &str) -> Value {
    match form {
        "background" => json!({"mode": "basic", "type": "color-background"}),
        "text" => json!({"type": "color-text"}),
        "bar" => json!({"mode": "basic", "type": "gauge", "valueDisplayMode": "text"}),
        other => panic!("no form of a cell: {other}"),
    }
}

fn link(name: &str, shared: &Shared) -> Value {
    let link = shared.links.get(name).unwrap_or_else(|| panic!("no link {name}"));
    json!({"targetBlank": false, "title": link.title, "url": link.url})
}
