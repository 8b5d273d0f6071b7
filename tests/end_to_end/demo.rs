//! The demo: a week of a made-up network becomes blocks of a real Prometheus, and every query of every dashboard shows
//! something of it, within the last hours and over the whole week.
//!
//! Samples before the last day are five minutes apart here, the largest distance there is; they are a minute apart
//! unless somebody says so.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use super::{
    backfill::make_blocks,
    dashboards::assert_shown,
    panels::{Chosen, Shown, answers},
    support::{
        http::escape,
        netkestrel::{Place, Setup},
        prometheus::{Prometheus, value},
        requirement::{Need, can_run, servers},
    },
};

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

#[test]
fn every_query_of_every_dashboard_shows_something_of_the_demo() {
    let name = "every_query_of_every_dashboard_shows_something_of_the_demo";
    if !can_run(name, &[Need::Promtool, Need::Prometheus]) {
        return;
    }
    let setup = Setup::new(Place::Here, "{}\n");
    let past = setup.data_dir().join("past");
    let output = format!("--output={}", past.display());
    let made = setup
        .command(&["demo", "--once", "--step=5m", &output])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    assert!(made.stdout.is_empty() && made.stderr.is_empty(), "{made:?}");

    let server = newest();
    let fill = |data: &Path| load(&server, &past, data);
    let prometheus = Prometheus::start_filled(&server, &[], fill);
    let end = value(&prometheus.query("max(max_over_time(timestamp(up)[1h:10s]))")[0]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    for range in [6.0 * HOUR, 7.0 * DAY] {
        let shown = Shown {
            from: end - range,
            to: end,
            scrape: 15.0,
        };
        let all = answers(&folder, shown, Chosen::All, &|path| prometheus.get(path));
        assert!(all.len() > 150, "only {} queries", all.len());
        assert_shown(all.iter());
    }
    assert_it_is_a_week(&prometheus, end);
    assert_it_is_a_story(&prometheus, end);
}

/// The newest server: the demo is made for the one of the stack.
fn newest() -> PathBuf {
    let servers = servers();
    let newest = servers.iter().find(|server| server.ends_with("current"));
    newest.or(servers.first()).expect("asked for before").clone()
}

/// Each file is a block, so two can be made at a time.
fn load(server: &Path, past: &Path, data: &Path) {
    let entries = fs::read_dir(past).unwrap();
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let (files, rest): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|path| path.extension().is_some_and(|ending| ending == "om"));
    assert!(files.len() >= 84, "{} blocks of two hours", files.len());
    assert_eq!(rest, [past.join("written")]);
    thread::scope(|scope| {
        for files in files.chunks(files.len().div_ceil(2)) {
            scope.spawn(move || {
                for file in files {
                    let made = make_blocks(server, file, data);
                    assert!(made.status.success(), "{made:?}");
                    fs::remove_file(file).unwrap();
                }
            });
        }
    });
}

/// The value of a query at the end of the past.
fn at(prometheus: &Prometheus, end: f64, query: &str) -> f64 {
    let (status, body) = prometheus.get(&format!("/api/v1/query?time={end}&query={}", escape(query)));
    assert_eq!(status, 200, "{query}: {body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    answer["data"]["result"].get(0).map_or(0.0, value)
}

fn assert_it_is_a_week(prometheus: &Prometheus, end: f64) {
    let at = |query: &str| at(prometheus, end, query);
    let last_day = at("count_over_time(up[1d])");
    assert!(
        (2879.0..=2881.0).contains(&last_day),
        "{last_day} scrapes in the last day"
    );
    let windows = at("count_over_time((count_over_time(up[301s]))[7d:5m])");
    assert!(
        (2015.0..=2017.0).contains(&windows),
        "{windows} of 2016 times of five minutes have a scrape"
    );
    let devices = at("count(netkestrel_device_status)");
    assert!((devices - 20.0).abs() < 0.5, "{devices} devices");
    assert!(at("scrape_samples_scraped") > 1000.0);
}

fn assert_it_is_a_story(prometheus: &Prometheus, end: f64) {
    for told in [
        // Outages, of which some are over.
        "sum(increase(netkestrel_device_status_changes_total[7d])) > 20",
        "sum(increase(netkestrel_alerts_fired_total[7d])) > 15",
        "sum(increase(netkestrel_alerts_resolved_total[7d])) > 12",
        "max_over_time(netkestrel_alert_state{rule=\"device_down\",subject=\"heating\"}[5d]) == 3",
        "netkestrel_alert_state{rule=\"device_down\",subject=\"ap-hall\"} == 3",
        "netkestrel_alert_state{rule=\"rtt\",subject=\"ap-attic\"} == 2",
        "netkestrel_alert_state{rule=\"device_down\",subject=\"camera-gate\"} == 2",
        "netkestrel_alert_state{rule=\"disk\",subject=\"/srv\"} == 3",
        // Traffic as never before.
        "max_over_time(sum(rate(netkestrel_network_receive_bytes_total[10m]))[7d:5m]) > 40e6",
        "max_over_time(netkestrel_alert_state{rule=\"bandwidth\",severity=\"high\"}[3d]) == 2",
        "max_over_time(netkestrel_alert_state{rule=\"link_down\"}[5h]) == 2",
        "max_over_time(netkestrel_alert_state{rule=\"rtt\",subject=\"branch-office\"}[2d]) == 2",
        "max_over_time(netkestrel_alert_state{rule=\"loss\",subject=\"ap-garden\"}[1d]) == 2",
        "max_over_time(netkestrel_alert_state{rule=\"cpu\"}[2d]) == 2",
        // The disk will be full within days.
        "predict_linear(netkestrel_filesystem_avail_bytes{mountpoint=\"/srv\"}[1d], 3 * 86400) < 0",
    ] {
        assert!(
            at(prometheus, end, &format!("count({told})")) > 0.0,
            "not so: {told}"
        );
    }
}

#[test]
fn the_demo_goes_on_in_the_present() {
    let demo = Setup::new(Place::Here, "{}\n").start_as(&["demo"]);
    let page = demo.client.get("/metrics").text().to_owned();
    let shown = |series: &str| page.lines().any(|line| line.starts_with(series));
    for series in [
        "netkestrel_network_receive_bytes_total{interface=\"wg0\"}",
        "netkestrel_filesystem_avail_bytes{disk=\"/dev/sda1\",mountpoint=\"/srv\",fstype=\"xfs\"}",
        "netkestrel_device_info{device=\"solar\",group=\"building\"",
        "netkestrel_alert_state{rule=\"device_down\",severity=\"high\",subject=\"ap-hall\"} 3",
        "netkestrel_alert_state{rule=\"disk\",severity=\"medium\",subject=\"/srv\"} 3",
    ] {
        assert!(shown(series), "{series}\n{page}");
    }
}
