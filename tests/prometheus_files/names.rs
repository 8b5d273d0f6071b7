//! Names of metrics in a text, compared with what the program exports.

use std::collections::BTreeSet;

use netkestrel::sample::{Desc, Kind};

/// What begins like a metric of the program.
const PREFIXES: &[&str] = &["netkestrel_", "process_"];

/// Names in `text` that look like a metric of the program, or like a recorded series (`level:metric:operations`), and
/// are neither exported by `catalogue` nor among the `others`.
pub(crate) fn unknown(text: &str, catalogue: &[&Desc], others: &BTreeSet<String>) -> BTreeSet<String> {
    let known: BTreeSet<String> = catalogue.iter().flat_map(|desc| exposed(desc)).collect();
    let is_ours =
        |word: &&str| PREFIXES.iter().any(|prefix| word.starts_with(prefix)) || word.contains(":netkestrel_");
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(is_ours)
        .filter(|word| !known.contains(*word) && !others.contains(*word))
        .map(str::to_owned)
        .collect()
}

fn exposed(desc: &Desc) -> Vec<String> {
    let name = desc.name.to_owned();
    match desc.kind {
        Kind::Histogram(_) => ["_bucket", "_sum", "_count", ""]
            .iter()
            .map(|suffix| format!("{name}{suffix}"))
            .collect(),
        Kind::Counter | Kind::Gauge | Kind::Info => vec![name],
    }
}
