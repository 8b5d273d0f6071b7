//! A source becomes a dashboard of Grafana: variables, links, annotations, and the grid on which panels stand.

use serde_json::{Value, json};

use super::{
    panel,
    query::expand,
    source::{Board, Panel, Row, Shared, Variable},
};

/// Columns of the grid.
const COLUMNS: u64 = 24;

/// The dashboard as Grafana reads it from a file.
pub(crate) fn dashboard(board: &Board, shared: &Shared) -> Value {
    let mut panels = Grid::default();
    for row in &board.rows {
        panels.add(row, shared);
    }
    json!({
        "annotations": {"list": annotations(shared)},
        "description": board.description,
        "editable": false,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": links(shared),
        "panels": panels.panels,
        "preload": false,
        "refresh": "30s",
        "schemaVersion": 42,
        "tags": ["netkestrel"],
        "templating": {"list": variables(board, shared)},
        "time": {"from": board.from, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": board.title,
        "uid": board.uid,
        "weekStart": ""
    })
}

/// Reference to the data source that the reader chose.
pub(crate) fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// Panels from left to right and from top to bottom, in the order of the source.
#[derive(Default)]
struct Grid {
    panels: Vec<Value>,
    id: u64,
    y: u64,
}

impl Grid {
    fn add(&mut self, row: &Row, shared: &Shared) {
        let header = row.title.as_ref().map(|title| {
            self.id += 1;
            self.y += 1;
            json!({
                "collapsed": row.collapsed,
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": self.y - 1},
                "id": self.id,
                "panels": [],
                "title": title,
                "type": "row"
            })
        });
        let panels = self.place(&row.panels, shared);
        match header {
            Some(mut header) if row.collapsed => {
                header["panels"] = panels.into();
                self.panels.push(header);
            }
            header => {
                self.panels.extend(header);
                self.panels.extend(panels);
            }
        }
    }

    fn place(&mut self, panels: &[Panel], shared: &Shared) -> Vec<Value> {
        let (mut x, mut height, mut placed) = (0, 0, Vec::new());
        for panel in panels {
            if x + panel.width > COLUMNS {
                self.y += height;
                (x, height) = (0, 0);
            }
            self.id += 1;
            let mut json = panel::panel(panel, shared);
            json["gridPos"] = json!({"h": panel.height, "w": panel.width, "x": x, "y": self.y});
            json["id"] = self.id.into();
            placed.push(json);
            x += panel.width;
            height = height.max(panel.height);
        }
        self.y += height;
        placed
    }
}

fn annotations(shared: &Shared) -> Vec<Value> {
    let built_in = json!({
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": true,
        "hide": true,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard"
    });
    let ours = shared.annotations.iter().map(|annotation| {
        json!({
            "datasource": datasource(),
            "enable": annotation.shown,
            "expr": expand(&annotation.query, shared),
            "hide": false,
            "iconColor": annotation.color,
            "name": annotation.name,
            "textFormat": annotation.text,
            "titleFormat": annotation.title
        })
    });
    std::iter::once(built_in).chain(ours).collect()
}

fn links(shared: &Shared) -> Vec<Value> {
    let boards = json!({
        "asDropdown": true,
        "icon": "external link",
        "includeVars": true,
        "keepTime": true,
        "tags": ["netkestrel"],
        "targetBlank": false,
        "title": "NetKestrel",
        "tooltip": "All boards of NetKestrel",
        "type": "dashboards",
        "url": ""
    });
    let more = shared.top.iter().map(|link| {
        // A range of time belongs to this board and its variables; pages of Grafana know neither.
        let range = link.url.starts_with('?');
        json!({
            "asDropdown": false,
            "icon": if range { "dashboard" } else { "bell" },
            "includeVars": range,
            "keepTime": false,
            "tags": [],
            "targetBlank": false,
            "title": link.title,
            "tooltip": "",
            "type": "link",
            "url": link.url
        })
    });
    std::iter::once(boards).chain(more).collect()
}

fn variables(board: &Board, shared: &Shared) -> Vec<Value> {
    let source = json!({
        "current": {"selected": true, "text": "default", "value": "default"},
        "hide": 0,
        "includeAll": false,
        "label": "Data source",
        "multi": false,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
        "type": "datasource"
    });
    let named = ["job", "instance"].into_iter();
    let named = named.chain(board.variables.iter().map(String::as_str));
    let others = named.map(|name| {
        let variable = shared.variables.get(name);
        variable_json(
            name,
            variable.unwrap_or_else(|| panic!("no variable {name}")),
            shared,
        )
    });
    std::iter::once(source).chain(others).collect()
}

fn variable_json(listed: &str, variable: &Variable, shared: &Shared) -> Value {
    let mut json = json!({
        "hide": 0,
        "label": variable.label,
        "name": variable.name.as_deref().unwrap_or(listed),
        "skipUrlSync": false
    });
    let Value::Object(more) = (match &variable.query {
        Some(query) => from_query(variable, &expand(query, shared)),
        None if variable.values.is_empty() => json!({
            "current": {"selected": true, "text": "", "value": ""},
            "options": [{"selected": true, "text": "", "value": ""}],
            "query": "",
            "type": "textbox"
        }),
        None => from_values(variable),
    }) else {
        unreachable!("each is an object")
    };
    json.as_object_mut().expect("an object").extend(more);
    json
}

fn from_query(variable: &Variable, query: &str) -> Value {
    let current = if variable.single { json!({}) } else { all() };
    json!({
        "allValue": variable.all,
        "current": current,
        "datasource": datasource(),
        "definition": query,
        "includeAll": !variable.single,
        "multi": !variable.single,
        "options": [],
        // 1 is "label values" in the query editor.
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        // When the range of time changes, too.
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "type": "query"
    })
}

fn from_values(variable: &Variable) -> Value {
    json!({
        "allValue": variable.all,
        "current": all(),
        "includeAll": true,
        "multi": true,
        "options": [],
        "query": variable.values.join(","),
        "type": "custom"
    })
}

fn all() -> Value {
    json!({"selected": true, "text": ["All"], "value": ["$__all"]})
}
