//! Every query of every dashboard, asked of a real Prometheus that scrapes the program: first while all is well, then
//! after a device died and mails could not be delivered.

use std::{
    fmt::Write,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use tempfile::TempDir;

use crate::requirement::show;

use super::{
    backfill::make_blocks,
    panels::{Answer, Chosen, Shown, answers},
    support::{
        fakes::{mail_server, web_server},
        netkestrel::{Netkestrel, Place, Setup},
        prometheus::{Job, Prometheus},
        requirement::{Need, can_run, servers},
        traffic::unix_time,
        usual::learn,
    },
};

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// What shows something only when something is wrong, or happened. Everything else has to show something always.
const ONLY_WHEN_WRONG: &[&str] = &[
    "netkestrel-alerts: Alerts: A",
    "netkestrel-alerts: Alerts: B",
    "netkestrel-alerts: Failures: A",
    "netkestrel-alerts: Fired: A",
    "netkestrel-alerts: How they went: A",
    "netkestrel-alerts: Last delivered: A",
    "netkestrel-device: Its alerts: A",
    "netkestrel-device: Its alerts: B",
    "netkestrel-devices: All devices: G",
    "netkestrel-devices: Changes between up and down: A",
    "netkestrel-overview: Alerts: A",
    "netkestrel-overview: Alerts: B",
    "netkestrel-self: Duration of deliveries: A",
    ": annotation: Alerts",
    ": annotation: Devices that changed",
    ": annotation: Reloads of the configuration",
];

/// What only an interface of hardware tells.
const NEEDS_HARDWARE: &[&str] = &[
    "netkestrel-network: Interfaces: B",
    "netkestrel-network: Utilisation: A",
    "netkestrel-network: Utilisation: B",
];

#[test]
fn every_query_of_every_dashboard_has_an_answer() {
    let name = "every_query_of_every_dashboard_has_an_answer";
    if !can_run(name, &[Need::Root, Need::Prometheus]) {
        return;
    }
    let sysfs = warm();
    let mortal = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = setup(sysfs.path(), mortal.local_addr().unwrap());
    // What is usual and what is not needs more of a past than this.
    learn(
        &setup,
        10,
        &[("cpu_usage_ratio", "", 1e-4), ("memory_usage_ratio", "", 1e-3)],
    );
    let netkestrel = setup.start();
    // Queries have to bear a second host that knows nothing of devices.
    let other_setup = Setup::new(Place::Here, "collectors: {devices: {enabled: false}}\n");
    let other = other_setup.start();
    let job = |name, of: &Netkestrel| Job {
        name,
        target: of.client.address(),
    };
    let jobs = [job("netkestrel", &netkestrel), job("other", &other)];
    let server = servers().into_iter().next().expect("asked for before");
    let past = |data: &Path| remember(&server, &jobs[0], data);
    let mut prometheus = Prometheus::start_filled(&server, &jobs, past);
    prometheus.wait_for("count(count_over_time(netkestrel_device_up[1m]) >= 8) == 2");
    prometheus.wait_for("sum(increase(netkestrel_collector_runs_total{collector=\"devices\"}[1m])) > 2");

    let calm = ask(&prometheus, Chosen::All);
    assert!(calm.len() > 150, "only {} queries", calm.len());
    let hardware = prometheus.query("netkestrel_network_info{kind=~\"physical|wireless\"}");
    if hardware.is_empty() {
        show(
            "REDUCED",
            name,
            "this machine has no interface of hardware, whose speed is known",
        );
    }
    let may_be_empty = |answer: &Answer| {
        is_among(answer, ONLY_WHEN_WRONG) || (hardware.is_empty() && is_among(answer, NEEDS_HARDWARE))
    };
    assert_shown(calm.iter().filter(|answer| !may_be_empty(answer)));
    assert_unrefused(&ask(&prometheus, Chosen::First));

    drop(mortal);
    netkestrel.process.signal(rustix::process::Signal::HUP);
    // So long ago that a chart of an hour has a point behind it.
    for happened in [
        "netkestrel_alert_state{rule=\"device_down\",subject=\"shed\"} offset 6s == 2",
        "increase(netkestrel_notifications_failed_total{integration=\"email\"}[1m] offset 6s) > 0",
        "increase(netkestrel_notification_duration_seconds_count[1m] offset 6s) > 0",
        "changes(netkestrel_config_last_reload_success_timestamp_seconds[1m] offset 6s) > 0",
    ] {
        prometheus.wait_for(happened);
    }
    let troubled = ask(&prometheus, Chosen::All);
    for place in ONLY_WHEN_WRONG {
        let found = troubled.iter().any(|answer| answer.place.ends_with(place));
        assert!(found, "there is no query {place}");
    }
    assert_shown(troubled.iter().filter(|answer| is_among(answer, ONLY_WHEN_WRONG)));
    assert_unrefused(&troubled);
    let searched = ask(&prometheus, Chosen::Typed("SHE"));
    assert_unrefused(&searched);
    for place in [
        "netkestrel-alerts: Alerts: A",
        "netkestrel-devices: All devices: A",
    ] {
        let (all, found) = (series(&troubled, place), series(&searched, place));
        assert!(
            0 < found && found < all,
            "{place}: {found} of {all} have to do with the shed"
        );
    }
}

/// How many series the query at that place has.
fn series(answers: &[Answer], place: &str) -> usize {
    let answer = answers.iter().find(|answer| answer.place == place);
    answer.map_or(0, |answer| answer.series)
}

fn is_among(answer: &Answer, places: &[&str]) -> bool {
    places.iter().any(|place| answer.place.ends_with(place))
}

fn ask(prometheus: &Prometheus, chosen: Chosen) -> Vec<Answer> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    let now = unix_time();
    let shown = Shown {
        from: now - HOUR,
        to: now,
        scrape: 1.0,
    };
    answers(&folder, shown, chosen, &|path| prometheus.get(path))
}

pub(super) fn assert_shown<'a>(answers: impl Iterator<Item = &'a Answer>) {
    let bad = answers.filter(|answer| answer.series == 0 || answer.complaint.is_some());
    let bad: Vec<String> = bad
        .map(|answer| {
            let complaint = answer.complaint.as_deref().unwrap_or("nothing");
            format!("{}\n  {}\n  {complaint}", answer.place, answer.query)
        })
        .collect();
    assert!(
        bad.is_empty(),
        "{} queries show nothing:\n{}",
        bad.len(),
        bad.join("\n")
    );
}

fn assert_unrefused(answers: &[Answer]) {
    let bad: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.complaint.is_some())
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

/// Two devices, one of which dies with its listener; a rule that always fires for the other, which the board for one
/// device shows first; a mail server that refuses one recipient.
fn setup(sysfs: &Path, mortal: SocketAddr) -> Setup {
    let configuration = format!(
        "collectors:\n  paths: {{sysfs: {}}}\n  network: {{interval: 1s}}\n  system: {{interval: 1s}}\n  devices:\n    \
         interval: 1s\n    timeout: 500ms\n    targets:\n      \
         - {{name: attic, address: 127.0.0.2, group: lab}}\n      \
         - {{name: shed, address: 127.0.0.1, group: core, check: tcp, port: {}}}\n\
         rules: [{{name: answers, signal: ping_rtt_seconds, levels: {{low: 0.000000001}}, include: [attic]}}]\n\
         notifiers:\n  email:\n    server: 127.0.0.1\n    port: {}\n    tls: none\n    \
         from: netkestrel@example.org\n    \
         recipients: [{{address: ops@example.org}}, {{address: refused@example.org}}]\n  \
         webhook: {{urls: ['http://{}/']}}\n",
        sysfs.display(),
        mortal.port(),
        mail_server().port(),
        web_server(),
    );
    Setup::new(Place::Here, &configuration)
}

/// A sysfs of a machine with a sensor, and with a speed for each interface, which virtual machines do not tell.
fn warm() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sensor = folder.path().join("class/hwmon/hwmon0");
    fs::create_dir_all(&sensor).unwrap();
    for (file, content) in [
        ("name", "coretemp\n"),
        ("temp1_label", "Core 0\n"),
        ("temp1_input", "41000\n"),
    ] {
        fs::write(sensor.join(file), content).unwrap();
    }
    for interface in fs::read_dir("/sys/class/net").unwrap() {
        let entry = folder
            .path()
            .join("class/net")
            .join(interface.unwrap().file_name());
        fs::create_dir_all(&entry).unwrap();
        fs::write(entry.join("speed"), "1000\n").unwrap();
    }
    folder
}

/// What the server is to remember from before: traffic around this time a day and a week ago, an alert a day ago, and a
/// start of the program within the hour shown.
fn remember(server: &Path, job: &Job, data: &Path) {
    let labels = format!("job=\"{}\",instance=\"{}\"", job.name, job.target);
    let now = unix_time();
    let mut text = String::new();
    for direction in ["receive", "transmit"] {
        let name = format!("netkestrel_network_{direction}_bytes");
        writeln!(text, "# TYPE {name} counter").unwrap();
        for days in [7.0, 1.0] {
            for second in -120..300_i32 {
                let at = now - days * DAY + f64::from(second);
                let value = 1000 * (second + 200);
                writeln!(
                    text,
                    "{name}_total{{{labels},interface=\"near\"}} {value} {at:.3}"
                )
                .unwrap();
            }
        }
    }
    text.push_str("# TYPE netkestrel_alerts_fired counter\n");
    for second in -60..60_i32 {
        let at = now - DAY + f64::from(second);
        let labels = format!("{labels},rule=\"cpu\",severity=\"medium\"");
        writeln!(
            text,
            "netkestrel_alerts_fired_total{{{labels}}} {} {at:.3}",
            2 + second / 30
        )
        .unwrap();
    }
    text.push_str("# TYPE process_start_time_seconds gauge\n");
    for second in 0..60_i32 {
        let at = now - HOUR / 2.0 + f64::from(second);
        let started = 1 + second / 30;
        writeln!(text, "process_start_time_seconds{{{labels}}} {started} {at:.3}").unwrap();
    }
    text.push_str("# EOF\n");
    let file = data.with_extension("om");
    fs::write(&file, text).unwrap();
    let made = make_blocks(server, &file, data);
    assert!(made.status.success(), "{made:?}");
}
