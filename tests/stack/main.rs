//! `docker compose up` with the shipped files: what a user of the stack sees, on a real engine with real servers.
//!
//! No registry of images is asked: scripts/fetch-stack makes images of Debian's packages, on which the shipped
//! Dockerfile is built, and the output says what they stand in for. Without an engine the test is skipped by name.

#![cfg(target_os = "linux")]

#[path = "../requirement/mod.rs"]
mod requirement;

mod docker;
mod lan;
mod mailbox;

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use self::{docker::Stack, lan::Lan, mailbox::Mailbox};

const TEST: &str = "the_stack_watches_the_host_and_tells";
/// Whether this version sends its alerts to Alertmanager.
const PUSHES_ALERTS: bool = true;
/// The largest image that still counts as small.
const LARGEST: u64 = 40_000_000;
const UP: &[&str] = &["up", "--detach", "--wait", "--wait-timeout", "240"];
/// Quick enough for a test.
const QUICK: &str =
    "DEVICE_PING_INTERVAL=1\nPING_TIMEOUT_SECONDS=1\nNETWORK_CHECK_INTERVAL=2\nSYSTEM_CHECK_INTERVAL=2\n";

/// Ports of the stack on 127.0.0.1.
#[derive(Clone, Copy)]
struct Ports {
    netkestrel: u16,
    prometheus: u16,
}

const USUAL: Ports = Ports {
    netkestrel: 10_980,
    prometheus: 9090,
};
const OTHERS: Ports = Ports {
    netkestrel: 21_980,
    prometheus: 21_090,
};
const OTHER_PORTS: &str = "PORT_NETKESTREL=21980\nPORT_PROMETHEUS=21090\nPORT_ALERTMANAGER=21093\nPORT_MAIL=21825\nPORT_SMTP=21025\n";
/// The real mail server, and its page that nobody looks at.
const REAL_SMTP: (u16, u16) = (21_587, 21_588);

#[test]
fn the_stack_watches_the_host_and_tells() {
    let Some(python) = can_run() else { return };
    let (lan, caught) = (Lan::new(), Mailbox::new());
    let stack = Stack::new(caught.folder());
    say(&format!("{}; replaced: {}", docker::versions(), stack.replaced));

    stack.configure(&format!("{QUICK}MONITORED_DEVICES={}\n", lan::DEVICE));
    stack.compose(&["build", "netkestrel"]);
    stack.compose(UP);
    the_image_is_small_and_has_one_capability(&stack);
    prometheus_reaches_netkestrel(USUAL);
    the_hosts_interfaces_and_mounts_are_shown(&lan);

    lan.set_answering(false);
    one_mail_is_caught(&caught);
    if PUSHES_ALERTS {
        alertmanager_knows_what_it_was_told(&stack);
    }
    what_is_remembered_outlives_the_containers(&stack, &caught);

    let real = Mailbox::with_server(&python, REAL_SMTP.0, REAL_SMTP.1);
    lan.set_answering(true);
    stack.compose(&["down"]);
    stack.configure(&format!(
        "{QUICK}{OTHER_PORTS}MONITORED_DEVICES={}\nALERT_COOLDOWN_MINUTES=0\nSMTP_SERVER=127.0.0.1\nSMTP_PORT={}\n\
         SMTP_TLS=none\nEMAIL_USER=\nALERT_RECIPIENTS=ops@example.org\n",
        lan::DEVICE,
        REAL_SMTP.0
    ));
    let before = caught.count();
    stack.compose(UP);
    real_mails_come_from_both(&stack, &lan, &real);
    assert_eq!(caught.count(), before, "caught as well: {:?}", caught.subjects());
}

/// The Python of the mail servers; `None`, with the reason said, where something is missing.
fn can_run() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/test-venv/bin/python");
    if let Err(missing) = docker::ready() {
        match missing {
            // Not what the scripts install: everything else is tested all the same.
            docker::Missing::Engine => {
                requirement::show("SKIPPED", TEST, "needs a Docker engine that answers");
            }
            docker::Missing::StandIns => {
                requirement::skip(TEST, "needs what scripts/fetch-stack makes for the engine");
            }
        }
        return None;
    }
    let lacks_root = !rustix::process::geteuid().is_root() || !PathBuf::from("/sys/class/net").exists();
    if lacks_root || !python.exists() {
        requirement::skip(TEST, "needs root and Python with aiosmtpd in target/test-venv");
        return None;
    }
    Some(python)
}

fn the_image_is_small_and_has_one_capability(stack: &Stack) {
    let image = docker::image();
    let (size, user) = (image["Size"].as_u64().expect("a size"), &image["Config"]["User"]);
    let process = stack.inspect("netkestrel")["State"]["Pid"]
        .as_u64()
        .expect("it runs");
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let (permitted, effective, bounding) = (field("CapPrm:"), field("CapEff:"), field("CapBnd:"));
    say(&format!(
        "image of {:.1} MB, user {user}, capabilities permitted {permitted}, effective {effective}, bounding {bounding}",
        size as f64 / 1e6
    ));
    assert!(size < LARGEST, "{size}");
    assert_eq!(user, "10980:10980");
    assert!(field("Uid:").starts_with("10980\t10980"), "{status}");
    // CAP_NET_RAW is number 13; it is raised only while a socket is opened.
    assert_eq!(
        (permitted.as_str(), bounding.as_str()),
        ("0000000000002000", "0000000000002000")
    );
    assert_eq!(effective, "0000000000000000");
}

fn prometheus_reaches_netkestrel(ports: Ports) {
    // By its instance: one that had another port is remembered for a while.
    let query = format!(
        "up%7Bjob%3D%22netkestrel%22%2Cinstance%3D%22127.0.0.1:{}%22%7D",
        ports.netkestrel
    );
    let url = format!("http://127.0.0.1:{}/api/v1/query?query={query}", ports.prometheus);
    eventually("the target is up", Duration::from_secs(90), || {
        let answer: Value = serde_json::from_str(&get(&url)?).ok()?;
        (answer["data"]["result"][0]["value"][1] == "1").then_some(())
    });
}

fn the_hosts_interfaces_and_mounts_are_shown(lan: &Lan) {
    let interfaces = || -> BTreeSet<String> {
        let entries = fs::read_dir("/sys/class/net").expect("readable");
        let names = entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"));
        // A file of the bonding driver lies among them.
        names.filter(|name| name != "bonding_masters").collect()
    };
    // Others may add interfaces meanwhile: what was there before and after is shown.
    let before = interfaces();
    let page = metrics(USUAL);
    let lasting: BTreeSet<String> = before.intersection(&interfaces()).cloned().collect();
    let shown = labels(&page, "netkestrel_network_up", "interface");
    assert!(shown.is_superset(&lasting), "{shown:?} of {lasting:?}");
    assert!(shown.contains(lan.interface()), "{shown:?}");

    let root = rustix::fs::statvfs("/").expect("there");
    let size = value(&page, "netkestrel_filesystem_size_bytes", "mountpoint=\"/\"");
    assert_eq!(size, Some((root.f_blocks * root.f_frsize) as f64));
    let mounts = labels(&page, "netkestrel_filesystem_size_bytes", "mountpoint");
    let inside = |mount: &&String| mount.starts_with("/host") || mount.starts_with("/etc/");
    assert_eq!(mounts.iter().find(inside), None, "{mounts:?}");
    let readable = value(&page, "netkestrel_filesystem_readonly", "mountpoint=\"/\"");
    assert_eq!(readable, Some(0.0), "as the host sees it");
}

fn one_mail_is_caught(caught: &Mailbox) {
    let mail = eventually("a mail about the device", Duration::from_mins(1), || {
        caught.about(&[lan::DEVICE, "down"]).into_iter().next()
    });
    assert_eq!(caught.about(&[lan::DEVICE]).len(), 1, "{:?}", caught.subjects());
    let words = mail.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("X-Envelope-To: caught@localhost"), "{mail}");
    assert!(
        words.contains("This mail was only caught by 127.0.0.1, nobody has received it"),
        "{mail}"
    );
    let page = get(&format!("http://127.0.0.1:{}/", USUAL.netkestrel)).expect("a page");
    assert!(
        page.contains("Mails are only caught") && page.contains("http://localhost:8025/"),
        "{page}"
    );
}

/// The alert that NetKestrel pushed.
fn alertmanager_knows_what_it_was_told(stack: &Stack) {
    eventually("the alert in Alertmanager", Duration::from_secs(30), || {
        let subject = format!("subject={}", lan::DEVICE);
        let found = amtool(
            stack,
            &["alert", "query", "--output=json", "origin=netkestrel", &subject],
        );
        let found: Value = serde_json::from_str(&found).ok()?;
        (found.as_array()?.len() == 1).then_some(())
    });
}

fn what_is_remembered_outlives_the_containers(stack: &Stack, caught: &Mailbox) {
    let note = |words: &[&str]| {
        let all = [
            &["exec", "-T", "netkestrel", "/usr/bin/netkestrel", "alerts"],
            words,
        ]
        .concat();
        stack.compose(&all)
    };
    note(&[
        "silence",
        "--subject",
        "printer",
        "--for",
        "2h",
        "--note",
        "toner",
    ]);
    let silence = [
        "silence",
        "add",
        "alertname=Printer",
        "--comment=toner",
        "--author=me",
        "--duration=2h",
    ];
    let id = amtool(stack, &silence).trim().to_owned();
    let alert = device_alert();
    let oldest = oldest_record();

    stack.compose(&["down"]);
    stack.compose(UP);
    prometheus_reaches_netkestrel(USUAL);

    assert!(note(&["silences"]).contains("printer"));
    assert!(amtool(stack, &["silence", "query", "--quiet"]).contains(&id));
    assert_eq!(oldest_record(), oldest);
    let again = device_alert();
    assert_eq!((&again["id"], &again["since"]), (&alert["id"], &alert["since"]));
    assert_eq!(caught.about(&[lan::DEVICE]).len(), 1, "{:?}", caught.subjects());
}

fn real_mails_come_from_both(stack: &Stack, lan: &Lan, real: &Mailbox) {
    prometheus_reaches_netkestrel(OTHERS);
    eventually("the device answers", Duration::from_secs(30), || {
        let label = format!("device=\"{}\"", lan::DEVICE);
        (value(&metrics(OTHERS), "netkestrel_device_up", &label) == Some(1.0)).then_some(())
    });
    lan.set_answering(false);
    let mail = eventually("a real mail about the device", Duration::from_mins(1), || {
        real.about(&[lan::DEVICE, "is down"]).into_iter().next()
    });
    assert!(mail.contains("X-Envelope-To: ops@example.org"), "{mail}");
    assert!(!mail.contains("only caught"), "{mail}");

    stack.compose(&["stop", "netkestrel"]);
    let mail = eventually("a mail of Alertmanager", Duration::from_mins(5), || {
        let mut mails = real.about(&["NetKestrel on"]).into_iter();
        mails.find(|mail| mail.contains("NetKestrelDown"))
    });
    assert!(mail.contains("X-Envelope-To: ops@example.org"), "{mail}");
}

fn amtool(stack: &Stack, words: &[&str]) -> String {
    let tool = [
        "exec",
        "-T",
        "alertmanager",
        "amtool",
        "--alertmanager.url=http://127.0.0.1:9093",
    ];
    stack.compose(&[&tool, words].concat())
}

/// What the API says about the device's one alert.
fn device_alert() -> Value {
    let url = format!(
        "http://127.0.0.1:{}/api/v1/alerts?rule=device_down&subject={}",
        USUAL.netkestrel,
        lan::DEVICE
    );
    let answer: Value = serde_json::from_str(&get(&url).expect("an answer")).expect("JSON");
    let alerts = answer["alerts"].as_array().expect("a list");
    assert_eq!(alerts.len(), 1, "{answer}");
    assert_eq!(alerts[0]["state"], "firing");
    alerts[0].clone()
}

/// When the history of devices begins, as the metrics say it.
fn oldest_record() -> String {
    let page = metrics(USUAL);
    let mut found = samples(&page, "netkestrel_history_oldest_record_timestamp_seconds");
    let line = found.find(|line| line.contains("kind=\"devices\""));
    line.expect("there is a record").to_owned()
}

fn metrics(ports: Ports) -> String {
    get(&format!("http://127.0.0.1:{}/metrics", ports.netkestrel)).expect("metrics")
}

/// Value of the first sample of that name whose labels contain `label`.
fn value(page: &str, name: &str, label: &str) -> Option<f64> {
    let line = samples(page, name).find(|line| line.contains(label))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// All values of a label of that metric.
fn labels(page: &str, name: &str, label: &str) -> BTreeSet<String> {
    let start = format!("{label}=\"");
    let of = |line: &str| line.split(&start).nth(1)?.split('"').next().map(str::to_owned);
    samples(page, name).filter_map(of).collect()
}

fn samples<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    page.lines()
        .filter(move |line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')))
}

/// The body; `None` where nobody answers with 200.
fn get(url: &str) -> Option<String> {
    ureq::get(url).call().ok()?.body_mut().read_to_string().ok()
}

/// Waits for what other processes do, and gives up with a failure.
#[expect(
    clippy::disallowed_methods,
    reason = "servers in containers tell nobody when they are ready"
)]
fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < within, "still waiting for: {what}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// A line of the log that is shown for a test that passes, too.
fn say(words: &str) {
    requirement::show("STACK", TEST, words);
}
