//! Short forms in queries: `{@}` for the matchers of the scrape target, `%name argument%` for a shared expression.

use super::source::Shared;

/// The query as Prometheus and Grafana read it.
pub(crate) fn expand(query: &str, shared: &Shared) -> String {
    let mut expanded = String::new();
    // Every second part stands between two signs.
    for (index, part) in query.split('%').enumerate() {
        if index % 2 == 0 {
            expanded.push_str(part);
        } else {
            expanded.push_str(&call(part, shared));
        }
    }
    let expanded = expanded.replace("{@", &format!("{{{}", shared.selector));
    // What a missing argument left behind.
    let tidy = expanded.replace(",}", "}").replace(" ]", "]").replace(" )", ")");
    tidy.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn call(part: &str, shared: &Shared) -> String {
    let (name, arguments) = part.split_once(' ').unwrap_or((part, ""));
    let expression = shared.expressions.get(name);
    let expression = expression.unwrap_or_else(|| panic!("no expression {name}"));
    let mut arguments = arguments.split(';').map(str::trim);
    let first = arguments.next().unwrap_or_default();
    let second = arguments.next().unwrap_or_default();
    // Variables of Grafana begin with a letter or an underscore, never with a digit.
    expression.replace("$1", first).replace("$2", second)
}
