//! A panel of a source becomes one of Grafana: its queries, its options, how its fields look. Only options that
//! Grafana 12 writes itself when it saves such a panel.

use serde_json::{Map, Value, json};

use super::{
    board::datasource,
    field::{defaults, empty_cells, limits, matched, properties},
    query::expand,
    source::{Kind, Panel, Query, Shared},
};

/// The panel without its place.
pub(crate) fn panel(panel: &Panel, shared: &Shared) -> Value {
    let mut json = json!({
        "datasource": datasource(),
        "description": panel.description,
        "fieldConfig": {"defaults": defaults(panel, shared), "overrides": overrides(panel, shared)},
        "gridPos": {},
        "id": 0,
        "options": options(panel),
        "targets": targets(panel, shared),
        "title": panel.title,
        "transparent": false,
        "type": type_of(panel.kind)
    });
    let fields = json.as_object_mut().expect("an object");
    if let Some(step) = &panel.step {
        fields.insert("interval".into(), step.as_str().into());
    }
    if panel.kind == Kind::Table {
        fields.insert("transformations".into(), columns(panel));
    }
    if panel.kind == Kind::Rules {
        fields.remove("targets");
    }
    json
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Stat => "stat",
        Kind::Gauge => "gauge",
        Kind::Bars => "bargauge",
        Kind::Chart => "timeseries",
        Kind::Table => "table",
        Kind::Timeline => "state-timeline",
        Kind::History => "status-history",
        Kind::Heatmap => "heatmap",
        Kind::Rules => "alertlist",
    }
}

/// Identifier of the query at that place: A, B, C.
fn letter(index: usize) -> String {
    let offset = u8::try_from(index).expect("few queries");
    char::from(b'A' + offset).to_string()
}

fn targets(panel: &Panel, shared: &Shared) -> Vec<Value> {
    let instant = match panel.kind {
        Kind::Table | Kind::Gauge | Kind::Bars => true,
        Kind::Stat => !panel.trend,
        _ => false,
    };
    let format = match panel.kind {
        Kind::Table => "table",
        Kind::Heatmap => "heatmap",
        _ => "time_series",
    };
    let target = |letter: String, query: &str, name: &str| {
        json!({
            "datasource": datasource(),
            "editorMode": "code",
            "expr": query,
            "format": format,
            "instant": instant,
            "legendFormat": if panel.kind == Kind::Table { "" } else { name },
            "range": !instant,
            "refId": letter
        })
    };
    let own = panel.queries.iter().enumerate();
    let own = own.map(|(index, query)| target(letter(index), &expand(&query.text, shared), &query.name));
    let limits = panel.limits.iter().enumerate().map(|(index, (signal, factor))| {
        let series = format!("netkestrel_rule_threshold{{@,signal=\"{signal}\"}}");
        let scaled = if (factor - 1.0).abs() < f64::EPSILON {
            format!("max by (rule, severity) ({series})")
        } else {
            format!("max by (rule, severity) ({series}) * {factor}")
        };
        let letter = letter(panel.queries.len() + index);
        target(letter, &expand(&scaled, shared), "limit {{severity}} ({{rule}})")
    });
    own.chain(limits).collect()
}

fn overrides(panel: &Panel, shared: &Shared) -> Vec<Value> {
    let mut overrides = Vec::new();
    if panel.kind == Kind::Table {
        overrides.push(empty_cells());
    }
    for (index, query) in panel.queries.iter().enumerate() {
        let matcher = match panel.kind {
            Kind::Table => ("byName", query.name.clone()),
            _ => ("byFrameRefID", letter(index)),
        };
        overrides.extend(matched(matcher, properties(&query.field, panel.kind, shared)));
    }
    for (title, field) in &panel.columns {
        overrides.extend(matched(
            ("byName", title.clone()),
            properties(field, panel.kind, shared),
        ));
    }
    if !panel.limits.is_empty() {
        overrides.extend(limits());
    }
    overrides
}

/// Rows of one table out of the results of all queries, without what is not asked for, in the order of the source.
fn columns(panel: &Panel) -> Value {
    let labels = panel.labels.iter().cloned();
    let single = panel.queries.len() == 1;
    let values = panel.queries.iter().enumerate().map(|(index, query)| {
        let field = if single {
            "Value".into()
        } else {
            format!("Value #{}", letter(index))
        };
        (field, query.name.clone())
    });
    let columns: Vec<(String, String)> = labels.chain(values).collect();
    let (shown, hidden): (Vec<_>, Vec<_>) = columns.into_iter().partition(|(_, title)| !title.is_empty());
    let mut names: Map<String, Value> = shown
        .iter()
        .map(|(field, title)| (field.clone(), title.as_str().into()))
        .collect();
    // Where one query alone has a result, Grafana leaves its letter out.
    if let Some(Query { name, .. }) = panel.queries.first().filter(|query| !query.name.is_empty()) {
        names.insert("Value".into(), name.as_str().into());
    }
    let places: Map<String, Value> = shown
        .iter()
        .enumerate()
        .map(|(index, (field, _))| (field.clone(), index.into()))
        .collect();
    let excluded = hidden.into_iter().map(|(field, _)| field);
    let excluded: Map<String, Value> = std::iter::once("Time".to_owned())
        .chain(excluded)
        .map(|field| (field, true.into()))
        .collect();
    json!([
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {
            "excludeByName": excluded,
            "includeByName": {},
            "indexByName": places,
            "renameByName": names
        }}
    ])
}

fn options(panel: &Panel) -> Value {
    match panel.kind {
        Kind::Stat => json!({
            "colorMode": if panel.trend { "value" } else { "background" },
            "graphMode": if panel.trend { "area" } else { "none" },
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": reduce(),
            "showPercentChange": false,
            "textMode": "value_and_name",
            "wideLayout": true
        }),
        Kind::Gauge => json!({
            "minVizHeight": 75,
            "minVizWidth": 75,
            "orientation": "auto",
            "reduceOptions": reduce(),
            "showThresholdLabels": false,
            "showThresholdMarkers": true,
            "sizing": "auto"
        }),
        Kind::Bars => json!({
            "displayMode": "basic",
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false},
            "maxVizHeight": 300,
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": reduce(),
            "showUnfilled": true,
            "sizing": "auto",
            "valueMode": "color"
        }),
        Kind::Chart => json!({
            "legend": legend(),
            "tooltip": {"hideZeros": false, "mode": "multi", "sort": "desc"}
        }),
        Kind::Table => table(panel),
        Kind::Timeline => json!({
            "alignValue": "left",
            "legend": legend(),
            "mergeValues": true,
            "perPage": 20,
            "rowHeight": 0.9,
            "showValue": "never",
            "tooltip": {"hideZeros": false, "mode": "single", "sort": "none"}
        }),
        Kind::History => json!({
            "colWidth": 0.9,
            "legend": legend(),
            "perPage": 20,
            "rowHeight": 0.9,
            "showValue": "never",
            "tooltip": {"hideZeros": false, "mode": "single", "sort": "none"}
        }),
        Kind::Heatmap => heatmap(panel),
        Kind::Rules => rules(),
    }
}

fn legend() -> Value {
    json!({"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true})
}

fn reduce() -> Value {
    json!({"calcs": ["lastNotNull"], "fields": "", "values": false})
}

fn table(panel: &Panel) -> Value {
    let sort = panel.sort.iter().map(|title| {
        let column = title.trim_start_matches('-');
        json!({"desc": column.len() < title.len(), "displayName": column})
    });
    json!({
        "cellHeight": "sm",
        "enablePagination": true,
        "showHeader": true,
        "sortBy": sort.collect::<Vec<_>>()
    })
}

fn heatmap(panel: &Panel) -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": false,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": true},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": false, "yHistogram": false},
        "yAxis": {"axisPlacement": "left", "reverse": false, "unit": panel.unit}
    })
}

/// Rules of Prometheus and their alerts. This panel names its data source by name and asks for no query.
fn rules() -> Value {
    json!({
        "alertInstanceLabelFilter": "{severity=~\"${severity:pipe}\"}",
        "alertName": "$search",
        "dashboardAlerts": false,
        "datasource": "Prometheus",
        "groupBy": [],
        "groupMode": "default",
        "maxItems": 20,
        "sortOrder": 1,
        "stateFilter": {"error": true, "firing": true, "noData": false, "normal": false, "pending": true},
        "viewMode": "list"
    })
}
