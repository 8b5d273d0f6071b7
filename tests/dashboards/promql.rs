//! What a query selects: each selector with its matchers, its range, and the functions around it.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use promql_parser::parser::{Expr, VectorSelector, parse};

/// Stands for `$__rate_interval` while a query is parsed; nobody writes such a time.
pub(crate) const RATE_INTERVAL: Duration = Duration::from_secs(1237);
/// Stands for `$__range`, likewise.
pub(crate) const RANGE: Duration = Duration::from_secs(4327);

/// A selector of a query.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// Name of the metric; empty without one.
    pub(crate) metric: String,
    /// Labels and the values they are matched with.
    pub(crate) matchers: Vec<(String, String)>,
    /// Time in square brackets.
    pub(crate) range: Option<Duration>,
    /// The function whose argument it is.
    pub(crate) function: Option<&'static str>,
}

/// All selectors of a query with Grafana's variables in it.
///
/// # Errors
/// When it is no query.
pub(crate) fn selections(query: &str) -> Result<Vec<Selection>, String> {
    type Known = HashMap<String, Result<Vec<Selection>, String>>;
    // Each rule asks for each query, and the parser is slow.
    thread_local! { static KNOWN: RefCell<Known> = RefCell::default(); }
    KNOWN.with_borrow_mut(|known| {
        let found = known.entry(query.to_owned());
        found.or_insert_with(|| read(query)).clone()
    })
}

fn read(query: &str) -> Result<Vec<Selection>, String> {
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    let plain = query
        .replace("$__rate_interval", &seconds(RATE_INTERVAL))
        .replace("$__range", &seconds(RANGE))
        .replace("$__interval", "1m");
    let mut found = Vec::new();
    walk(&parse(&plain)?, None, &mut found);
    Ok(found)
}

fn walk(expr: &Expr, function: Option<&'static str>, found: &mut Vec<Selection>) {
    match expr {
        Expr::Aggregate(aggregate) => {
            walk(&aggregate.expr, None, found);
            if let Some(param) = &aggregate.param {
                walk(param, None, found);
            }
        }
        Expr::Unary(unary) => walk(&unary.expr, None, found),
        Expr::Binary(binary) => {
            walk(&binary.lhs, None, found);
            walk(&binary.rhs, None, found);
        }
        Expr::Paren(paren) => walk(&paren.expr, function, found),
        Expr::Subquery(subquery) => walk(&subquery.expr, None, found),
        Expr::Call(call) => {
            for argument in &call.args.args {
                walk(argument, Some(call.func.name), found);
            }
        }
        Expr::VectorSelector(selector) => found.push(selection(selector, None, function)),
        Expr::MatrixSelector(matrix) => found.push(selection(&matrix.vs, Some(matrix.range), function)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn selection(
    selector: &VectorSelector,
    range: Option<Duration>,
    function: Option<&'static str>,
) -> Selection {
    let matchers = selector.matchers.matchers.iter();
    Selection {
        metric: selector.name.clone().unwrap_or_default(),
        matchers: matchers
            .map(|one| (one.name.clone(), one.value.clone()))
            .collect(),
        range,
        function,
    }
}

#[test]
fn selectors_are_found_wherever_they_stand() {
    let query = "sum by (a) (rate(x_total{job=~\"$job\"}[$__rate_interval])) / on (a) (max_over_time(y[$__range:]) > 0) or -z offset 1d";
    let found = selections(query).expect("PromQL");
    let told: Vec<_> = found
        .iter()
        .map(|one| (one.metric.as_str(), one.range, one.function))
        .collect();
    assert_eq!(
        told,
        [
            ("x_total", Some(RATE_INTERVAL), Some("rate")),
            ("y", None, None),
            ("z", None, None)
        ]
    );
    assert_eq!(found[0].matchers, [("job".to_owned(), "$job".to_owned())]);
    assert!(selections("sum(").is_err());
}
