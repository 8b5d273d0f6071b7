//! Grafana's variables: which values there are, which are chosen, and how they come into a query.

use serde_json::Value;

use super::{Ask, Shown, escape, items};

/// Characters that Grafana takes for special in a regular expression.
const SPECIAL: &str = "\\$^*{}[]'+?.()|";

/// What the reader of the boards chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// What a board begins with: "All" wherever there is that choice, else the first value.
    All,
    /// The first value of each variable.
    First,
    /// As [`Self::All`], with this typed into every search.
    Typed(&'static str),
}

/// Variables of a board as they come into its queries.
#[derive(Default)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    /// Asks the server for the values of each variable in turn, as later ones depend on earlier ones.
    pub(super) fn choose(board: &Value, shown: Shown, chosen: Chosen, ask: Ask<'_>) -> Self {
        let mut variables = Self::default();
        for variable in items(&board["templating"]["list"]) {
            let name = text(variable, "name");
            let values = match variable["type"].as_str() {
                Some("query") => variables.values(&text(&variable["query"], "query"), shown, ask),
                Some("custom") => text(variable, "query").split(',').map(str::to_owned).collect(),
                Some("textbox") => vec![match chosen {
                    Chosen::Typed(words) => words.to_owned(),
                    Chosen::All | Chosen::First => text(variable, "query"),
                }],
                _ => continue,
            };
            variables.0.push((name, written(variable, &values, chosen)));
        }
        // The longest name first, so that none is taken for the beginning of another.
        variables.0.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        variables
    }

    /// The query with its variables.
    pub(super) fn fill_in(&self, query: &str) -> String {
        self.0.iter().fold(query.to_owned(), |query, (name, value)| {
            query
                .replace(&format!("${{{name}}}"), value)
                .replace(&format!("${name}"), value)
        })
    }

    /// `label_values(SELECTOR, LABEL)`.
    fn values(&self, query: &str, shown: Shown, ask: Ask<'_>) -> Vec<String> {
        let inner = query.trim_start_matches("label_values(").trim_end_matches(')');
        let (selector, label) = inner.rsplit_once(", ").expect("a selector and a label");
        let selector = escape(&self.fill_in(selector));
        let Shown { from, to, .. } = shown;
        let path = format!("/api/v1/label/{label}/values?match%5B%5D={selector}&start={from}&end={to}");
        let (status, body) = ask(&path);
        assert_eq!(status, 200, "{query}: {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let values = items(&answer["data"]).iter().filter_map(Value::as_str);
        values.map(str::to_owned).collect()
    }
}

/// What stands for the choice in a query.
fn written(variable: &Value, values: &[String], chosen: Chosen) -> String {
    let many = variable["multi"] == true || variable["includeAll"] == true;
    if !many {
        let value = values.first().map_or("", String::as_str);
        return value.replace('\\', "\\\\").replace('\'', "\\'");
    }
    let all = chosen != Chosen::First && variable["includeAll"] == true;
    if let (true, Some(all)) = (all, variable["allValue"].as_str()) {
        return all.to_owned();
    }
    let values = if all {
        values
    } else {
        &values[..values.len().min(1)]
    };
    let escaped: Vec<String> = values.iter().map(|value| pattern(value)).collect();
    match escaped.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join("|")),
    }
}

/// A value as a regular expression inside a string of a query.
fn pattern(value: &str) -> String {
    let escaped = |c: char| match c {
        '\\' => "\\\\\\\\".to_owned(),
        c if SPECIAL.contains(c) => format!("\\\\{c}"),
        c => c.to_string(),
    };
    value.chars().map(escaped).collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn values_are_written_as_grafana_writes_them() {
    let variable = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let values = ["a.b".to_owned(), "c".to_owned()];
    let listed = variable(r#"{"multi": true, "includeAll": true, "allValue": null}"#);
    let any = variable(r#"{"multi": true, "includeAll": true, "allValue": ".+"}"#);
    let single = variable(r#"{"multi": false, "includeAll": false}"#);
    for (variable, chosen, expected) in [
        (&listed, Chosen::All, "(a\\\\.b|c)"),
        (&listed, Chosen::First, "a\\\\.b"),
        (&any, Chosen::All, ".+"),
        (&single, Chosen::All, "a.b"),
    ] {
        assert_eq!(written(variable, &values, chosen), expected);
    }
}
