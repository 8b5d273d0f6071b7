//! What the store has of both Prometheus.

use std::{
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::Value;

use super::{
    HOSTS, OUTAGE, PROMETHEUS, SURVIVOR, get,
    panels::{Answer, Chosen, Shown, answers},
    samples::Series,
    say,
    shipped::INTERVAL,
};

/// Its queries leave out what is newer, in seconds, as that may still be coming in.
const LATENCY: f64 = 35.0;

/// No two samples of a series share a scrape interval, and no distance between those of what was scraped all the time
/// exceeds two, although one of the two Prometheus was away.
pub(crate) fn holds_one_sample_of_each_interval(url: &str) {
    let all = export(url);
    let shared: Vec<_> = all.iter().filter(|series| series.shares(INTERVAL)).collect();
    assert!(
        shared.is_empty(),
        "{} of {} series have two samples of one interval, such as {:?}",
        shared.len(),
        all.len(),
        shared[0].labels
    );
    let instance = format!("127.0.0.1:{}", HOSTS[SURVIVOR]);
    let survivor = [("job", "netkestrel"), ("instance", &instance)];
    let scraped: Vec<_> = all
        .iter()
        .filter(|series| is_scraped(series, &survivor))
        .collect();
    assert!(scraped.len() > 300, "only {} series", scraped.len());
    let longest = scraped
        .iter()
        .max_by_key(|series| series.longest())
        .expect("there are some");
    say(&format!(
        "{} series of the host that lived, {} samples in all; the longest distance is {:.3} of {:.0} s",
        scraped.len(),
        all.iter().map(|series| series.times.len()).sum::<usize>(),
        longest.longest() as f64 / 1000.0,
        INTERVAL as f64 / 1000.0
    ));
    assert!(longest.longest() <= 2 * INTERVAL, "{:?}", longest.labels);
    both_wrote(url, &instance);
}

/// Alerts come and go as the host fares, and what is recorded as the rules have it.
fn is_scraped(series: &Series, labels: &[(&str, &str)]) -> bool {
    const PASSING: [&str; 3] = ["ALERTS", "netkestrel_alert_state", "netkestrel_anomaly_"];
    let name = series.labels.get("__name__").map_or("", String::as_str);
    let is_passing = PASSING.iter().any(|start| name.starts_with(start));
    series.has(labels) && !is_passing && !name.contains(':')
}

/// Without this nothing of it would say anything: one Prometheus was away for as long, and the store was given more
/// samples than it shows.
fn both_wrote(url: &str, instance: &str) {
    let written = metric(url, "vm_rows_inserted_total{type=\"promremotewrite\"}");
    let shown: usize = export(url).iter().map(|series| series.times.len()).sum();
    let query = format!("up%7Binstance%3D%22{instance}%22%7D%5B20m%5D");
    let away = PROMETHEUS.map(|port| {
        let answer = get(&format!("http://127.0.0.1:{port}/api/v1/query?query={query}")).expect("an answer");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let values = answer["data"]["result"][0]["values"].as_array().expect("samples");
        let times: Vec<f64> = values.iter().filter_map(|value| value[0].as_f64()).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
    });
    say(&format!(
        "the store was given {written} samples and shows {shown}; the longest distance in either Prometheus is {away:.1?} s"
    ));
    assert!(
        written > 1.4 * shown as f64,
        "{written} samples were given, {shown} are shown"
    );
    assert!(Duration::from_secs_f64(away[1]) >= OUTAGE, "{away:?}");
}

fn export(url: &str) -> Vec<Series> {
    let matching = "match%5B%5D=%7B__name__%21%3D%22%22%7D";
    Series::read(&get(&format!("{url}/api/v1/export?{matching}")).expect("an export"))
}

/// What the server says of itself.
fn metric(url: &str, name: &str) -> f64 {
    let page = get(&format!("{url}/metrics")).expect("metrics");
    let value = page.lines().find_map(|line| line.strip_prefix(name));
    let value = value.and_then(|value| value.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in the metrics of {url}"))
}

/// Every query of every dashboard is understood by the store, and has an answer there where it has one in Prometheus.
pub(crate) fn answers_what_prometheus_answers(store: &str) {
    let now = now() - LATENCY;
    let prometheus = ask(&format!("http://127.0.0.1:{}", PROMETHEUS[0]), now);
    let store = ask(store, now);
    let mut wrong = Vec::new();
    for (expected, found) in prometheus.iter().zip(&store) {
        assert_eq!(expected.place, found.place);
        if found.complaint.is_some() || (expected.series > 0 && found.series == 0) {
            wrong.push(format!(
                "{}: {} series instead of {}: {:?}\n  {}",
                found.place, found.series, expected.series, found.complaint, found.query
            ));
        }
    }
    let shown = |answers: &[Answer]| answers.iter().filter(|answer| answer.series > 0).count();
    let differ = prometheus
        .iter()
        .zip(&store)
        .filter(|(one, other)| one.series != other.series);
    let differ: Vec<String> = differ
        .map(|(one, other)| format!("{} ({} and {})", one.place, one.series, other.series))
        .collect();
    say(&format!(
        "of {} queries of the dashboards {} show something in Prometheus, {} in the store; another number of series: {}",
        store.len(),
        shown(&prometheus),
        shown(&store),
        differ.join(", ")
    ));
    assert!(
        shown(&prometheus) > 100,
        "only {} show something",
        shown(&prometheus)
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn ask(url: &str, now: f64) -> Vec<Answer> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    let shown = Shown {
        from: now - 600.0,
        to: now,
        scrape: INTERVAL as f64 / 1000.0,
    };
    answers(&folder, shown, Chosen::All, &|path| {
        let mut answer = ureq::get(format!("{url}{path}"))
            .config()
            .http_status_as_error(false)
            .build()
            .call()
            .expect("an answer");
        let body = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), body)
    })
}

/// Now, in seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with the times of other processes"
)]
fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs_f64()
}
