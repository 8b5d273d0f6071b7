//! The readable sources of the dashboards, `grafana/source/*.yml`: one file per board, and `shared.yml` for what they
//! have in common. Unknown keys are errors, so that a misspelt one does not pass as a default.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// What all boards share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shared {
    /// Matchers that stand for `@` in `{@}`: the scrape target of every selector.
    pub(crate) selector: String,
    /// Expressions by name, with `$1` and `$2` for arguments; a query names them as `%name argument; argument%`.
    pub(crate) expressions: BTreeMap<String, String>,
    /// Variables by the name under which boards list them.
    pub(crate) variables: BTreeMap<String, Variable>,
    /// Words and colours for values: `[value, word, colour]`.
    pub(crate) mappings: BTreeMap<String, Vec<(Value, String, String)>>,
    /// Addresses that cells lead to, by name.
    pub(crate) links: BTreeMap<String, Link>,
    /// Events drawn over every chart.
    pub(crate) annotations: Vec<Annotation>,
    /// Buttons on top of every board, besides the list of boards.
    pub(crate) top: Vec<Link>,
}

/// A variable of a board.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    /// Name in queries; without it, the name in the list.
    pub(crate) name: Option<String>,
    pub(crate) label: String,
    /// Where its values come from; with neither `query` nor `values` it is a text that is typed in.
    pub(crate) query: Option<String>,
    #[serde(default)]
    pub(crate) values: Vec<String>,
    /// What "All" stands for; without it, for the list of all values.
    pub(crate) all: Option<String>,
    /// Whether exactly one value is chosen.
    #[serde(default)]
    pub(crate) single: bool,
}

/// A place to go to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) title: String,
    pub(crate) url: String,
}

/// Events drawn over every chart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Annotation {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) color: String,
    /// Whether it is shown until someone switches it off.
    #[serde(default)]
    pub(crate) shown: bool,
}

/// A dashboard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Board {
    pub(crate) title: String,
    pub(crate) uid: String,
    pub(crate) description: String,
    /// Start of the time shown at first.
    #[serde(default = "six_hours")]
    pub(crate) from: String,
    /// Variables besides the data source, the job and the instance.
    #[serde(default)]
    pub(crate) variables: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// Panels that belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// Without it the row has no header.
    pub(crate) title: Option<String>,
    /// Whether it has to be opened first; until then nothing is queried for it.
    #[serde(default)]
    pub(crate) collapsed: bool,
    pub(crate) panels: Vec<Panel>,
}

/// A panel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) kind: Kind,
    /// Of 24 columns.
    #[serde(default = "half")]
    pub(crate) width: u64,
    #[serde(default = "usual_height")]
    pub(crate) height: u64,
    /// What it says when there is nothing to show.
    pub(crate) no_data: String,
    #[serde(default)]
    pub(crate) unit: String,
    /// How all its values look.
    #[serde(default)]
    pub(crate) field: Field,
    /// Smallest step between two points.
    pub(crate) step: Option<String>,
    /// A stat with a line of how the value came about.
    #[serde(default)]
    pub(crate) trend: bool,
    /// Columns of a table that are labels: `[label, title]`, before those of the queries.
    #[serde(default)]
    pub(crate) labels: Vec<(String, String)>,
    /// Looks of the columns of labels, by title.
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, Field>,
    /// Title of the column by which a table is sorted at first; `-` before it: the largest first.
    pub(crate) sort: Option<String>,
    #[serde(default)]
    pub(crate) queries: Vec<Query>,
    /// Signals whose limits are drawn as dashed lines, each with the factor from its unit to that of the panel.
    #[serde(default)]
    pub(crate) limits: Vec<(String, f64)>,
}

/// Form of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Stat,
    Gauge,
    Bars,
    Chart,
    Table,
    Timeline,
    History,
    Heatmap,
    Rules,
}

/// A query, and how its values look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    #[serde(rename = "query")]
    pub(crate) text: String,
    /// Name of its series, with `{{label}}` for labels. In a table: title of its column, which is not shown when empty.
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) field: Field,
}

/// How values look.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) unit: Option<String>,
    pub(crate) decimals: Option<u64>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    /// Words for values, a name in `mappings`.
    pub(crate) map: Option<String>,
    /// Colour of small values, then a value and the colour from there on, and so forth.
    #[serde(default)]
    pub(crate) steps: Vec<Value>,
    pub(crate) color: Option<String>,
    /// Below the axis.
    #[serde(default)]
    pub(crate) below: bool,
    #[serde(default)]
    pub(crate) stack: bool,
    /// The area down to the series of this name is filled.
    pub(crate) fill_to: Option<String>,
    /// Bars instead of a line.
    #[serde(default)]
    pub(crate) bars: bool,
    /// A cell of a table: `background` or `text` takes the colour, `bar` is a small gauge.
    pub(crate) cell: Option<String>,
    pub(crate) width: Option<u64>,
    /// Names in `links`.
    #[serde(default)]
    pub(crate) links: Vec<String>,
}

fn six_hours() -> String {
    "now-6h".into()
}

const fn half() -> u64 {
    12
}

const fn usual_height() -> u64 {
    8
}

/// Folder `grafana` of the project.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("grafana")
}

/// What all boards share.
pub(crate) fn shared() -> Shared {
    read("shared.yml")
}

/// All boards, each with the name of its file without the ending.
pub(crate) fn boards() -> Vec<(String, Board)> {
    let entries = fs::read_dir(folder().join("source")).expect("grafana/source is readable");
    let is_board = |name: &String| {
        let ending = Path::new(name).extension();
        ending.is_some_and(|ending| ending == "yml") && name != "shared.yml"
    };
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(is_board)
        .collect();
    names.sort();
    let board = |name: String| {
        let board = read(&name);
        (name.trim_end_matches(".yml").to_owned(), board)
    };
    names.into_iter().map(board).collect()
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let text = fs::read_to_string(folder().join("source").join(name)).expect("readable");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("grafana/source/{name}: {error}"))
}
