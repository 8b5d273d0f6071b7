//! Asks a server every query of the dashboards, the way Grafana does: variables filled in from the server, steps that
//! follow from the time shown. The server may be a Prometheus or anything that speaks its API, with any data in it.

mod interval;
mod variables;

use std::{fs, path::Path};

use serde_json::Value;

pub(crate) use self::variables::Chosen;
use self::{interval::Span, variables::Variables};

/// Sends a GET for a path with its query string to the server; gives the status and the body.
pub(crate) type Ask<'a> = &'a dyn Fn(&str) -> (u16, String);

/// The time shown, in seconds since 1970, and the scrape interval that the data source is told, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) scrape: f64,
}

/// What a server had to say to one query.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Board, panel and letter of the query, such as `netkestrel-network: Packets: A`.
    pub(crate) place: String,
    /// The query as it was sent.
    pub(crate) query: String,
    /// Number of series with at least one value that is a number.
    pub(crate) series: usize,
    /// Why the answer cannot be used, or what the server warns of.
    pub(crate) complaint: Option<String>,
}

/// The answers to all queries of all panels and annotations of the dashboards in the folder.
pub(crate) fn answers(folder: &Path, shown: Shown, chosen: Chosen, ask: Ask<'_>) -> Vec<Answer> {
    let entries = fs::read_dir(folder).expect("the folder of dashboards is readable");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    let mut answers = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        let board: Value = serde_json::from_str(&text).expect("a dashboard is JSON");
        let variables = Variables::choose(&board, shown, chosen, ask);
        let of_board = queries(&board).into_iter();
        answers.extend(of_board.map(|query| query.send(&variables, shown, ask)));
    }
    answers
}

/// A query of a panel.
struct Query {
    place: String,
    text: String,
    instant: bool,
    /// Smallest step of the panel, such as `1d`.
    step: Option<String>,
}

impl Query {
    fn send(self, variables: &Variables, shown: Shown, ask: Ask<'_>) -> Answer {
        let span = Span::new(shown, self.step.as_deref());
        let query = span.fill_in(&variables.fill_in(&self.text));
        let path = if self.instant {
            format!("/api/v1/query?query={}&time={}", escape(&query), shown.to)
        } else {
            let (start, end, step) = (span.start, span.end, span.step);
            format!(
                "/api/v1/query_range?query={}&start={start}&end={end}&step={step}",
                escape(&query)
            )
        };
        let (status, body) = ask(&path);
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        Answer {
            place: self.place,
            series: answer["data"]["result"]
                .as_array()
                .map_or(0, |result| count(result)),
            complaint: complaint(status, &answer, &body),
            query,
        }
    }
}

fn queries(board: &Value) -> Vec<Query> {
    let title = |value: &Value| value["title"].as_str().unwrap_or_default().to_owned();
    let uid = board["uid"].as_str().unwrap_or_default();
    let mut found = Vec::new();
    let all = items(&board["panels"])
        .iter()
        .flat_map(|panel| std::iter::once(panel).chain(items(&panel["panels"])));
    for panel in all {
        for target in items(&panel["targets"]) {
            found.push(Query {
                place: format!(
                    "{uid}: {}: {}",
                    title(panel),
                    target["refId"].as_str().unwrap_or_default()
                ),
                text: target["expr"].as_str().unwrap_or_default().to_owned(),
                instant: target["instant"] == true,
                step: panel["interval"].as_str().map(str::to_owned),
            });
        }
    }
    for annotation in items(&board["annotations"]["list"]) {
        if let Some(text) = annotation["expr"].as_str() {
            found.push(Query {
                place: format!(
                    "{uid}: annotation: {}",
                    annotation["name"].as_str().unwrap_or_default()
                ),
                text: text.to_owned(),
                instant: false,
                step: None,
            });
        }
    }
    found
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Series that have a number among their values.
fn count(result: &[Value]) -> usize {
    let is_number = |pair: &Value| {
        let number = pair[1].as_str().and_then(|text| text.parse::<f64>().ok());
        number.is_some_and(|number| !number.is_nan())
    };
    let shows =
        |series: &&Value| is_number(&series["value"]) || items(&series["values"]).iter().any(is_number);
    result.iter().filter(shows).count()
}

fn complaint(status: u16, answer: &Value, body: &str) -> Option<String> {
    let said = |key: &str| (!items(&answer[key]).is_empty()).then(|| format!("{key}: {}", answer[key]));
    let refused = (status != 200 || answer["status"] != "success").then(|| format!("{status}: {body}"));
    refused.or_else(|| said("warnings")).or_else(|| said("infos"))
}

/// Text as part of a query string.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
