//! docker-compose.ha.yml with three hosts: two Prometheus, two Alertmanagers and a store, of which single ones die.
//!
//! The services are started with the commands, environments and files that the compose files name, on the ports they
//! name, in a network of the test's own. Programs of Debian's packages stand in for the images; what else is replaced is
//! in the tables below, and the output says it. Grafana is left out: its queries are asked of its data source.

#![cfg(target_os = "linux")]

#[path = "../requirement/mod.rs"]
mod requirement;

#[path = "../panels/mod.rs"]
#[expect(dead_code, reason = "other tests choose more values")]
mod panels;

#[path = "../stack/mailbox.rs"]
#[expect(dead_code, reason = "the test of the stack reads more of it")]
mod mailbox;

mod alerts;
mod compose;
mod device;
mod room;
mod samples;
mod shipped;
mod store;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use self::{
    alerts::{Peer, wait_for_cluster},
    compose::{Compose, Settings},
    device::Device,
    mailbox::Mailbox,
    room::{Network, Running},
    shipped::Shipped,
};

const TEST: &str = "each_alert_is_one_mail_and_no_sample_is_missing_while_servers_die";
/// Port of each host's NetKestrel; all hosts share one loopback.
const HOSTS: [u16; 3] = [10_980, 10_981, 10_982];
/// The host that lives through the whole test.
const SURVIVOR: usize = 2;
const QUICK: [(&str, &str); 4] = [
    ("DEVICE_PING_INTERVAL", "2"),
    ("PING_TIMEOUT_SECONDS", "1"),
    ("NETWORK_CHECK_INTERVAL", "5"),
    ("SYSTEM_CHECK_INTERVAL", "5"),
];
/// Addresses of the two Prometheus and of the mail catcher's page.
const PROMETHEUS: [u16; 2] = [9090, 9091];
const CATCHER: (u16, u16) = (1025, 8025);
/// Two minutes, in the scale of the intervals.
const OUTAGE: Duration = Duration::from_secs(120 / shipped::FASTER);
/// Longer than an Alertmanager waits for more alerts (15 s), and then for its peer (15 s).
const WORD_OF_THE_OTHER: Duration = Duration::from_secs(35);
/// The longest that a stopped NetKestrel goes untold.
const TOLD: Duration = Duration::from_mins(2);

#[test]
fn each_alert_is_one_mail_and_no_sample_is_missing_while_servers_die() {
    let Some(python) = can_run() else { return };
    let network = Network::new();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let shipped = Shipped::copy_to(folder.path());
    say(&format!(
        "{}; replaced: {}",
        shipped::versions(),
        shipped.replaced
    ));
    network.run(|| play(&Stack::new(folder.path(), &shipped), &python));
}

/// The Python of the mail server; `None`, with the reason said, where something is missing.
fn can_run() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, program) in [
        ("alertmanager", "prometheus-alertmanager"),
        ("store", "victoria-metrics"),
    ] {
        let servers = root.join("target/servers");
        if let Ok(why) = fs::read_to_string(servers.join(name).with_extension("unavailable")) {
            requirement::show("REDUCED", TEST, why.trim());
            return None;
        }
        if !servers.join(name).join(program).exists() {
            requirement::skip(TEST, &format!("needs {program} in target/servers/{name}"));
            return None;
        }
    }
    let python = root.join("target/test-venv/bin/python");
    let servers = root.join("target/servers/current/prometheus");
    if !rustix::process::geteuid().is_root() || !python.exists() || !servers.exists() {
        requirement::skip(
            TEST,
            "needs root, Prometheus in target/servers/current, and Python with aiosmtpd in target/test-venv",
        );
        return None;
    }
    Some(python)
}

fn play(stack: &Stack<'_>, python: &Path) {
    let mails = Mailbox::with_server(python, CATCHER.0, CATCHER.1);
    let mut devices = HOSTS.map(|_| Some(Device::new()));
    let mut hosts: Vec<Option<Running>> = (0..HOSTS.len())
        .map(|host| Some(stack.start_host(host, devices[host].as_ref().expect("it lives"))))
        .collect();
    let _store = stack.start("store");
    let _first_alertmanager = stack.start("alertmanager");
    let _first = stack.start("prometheus");
    let second = stack.start("prometheus-2");
    for prometheus in PROMETHEUS {
        all_hosts_are_up(prometheus);
    }
    let peers = [Peer(9093), Peer(9095)];

    // One Prometheus dies, and returns.
    drop(second);
    let died = Instant::now();
    devices[SURVIVOR] = None;
    peers[0].wait_for_device(SURVIVOR);
    wait_until(died + OUTAGE);
    let _second = stack.start("prometheus-2");
    all_hosts_are_up(PROMETHEUS[1]);

    // One Alertmanager has been dead all the time.
    hosts[0].take().expect("it runs").stop();
    wait_for_mail(&mails, 0);

    let _second_alertmanager = stack.start("alertmanager-2");
    wait_for_cluster(&peers);
    devices[1] = None;
    for peer in &peers {
        peer.wait_for_device(SURVIVOR);
        peer.wait_for_device(1);
    }
    hosts[1].take().expect("it runs").stop();
    wait_for_mail(&mails, 1);
    wait_until(Instant::now() + WORD_OF_THE_OTHER);

    each_is_told_once(&mails);
    store::answers_what_prometheus_answers(&stack.store_url());
    store::holds_one_sample_of_each_interval(&stack.store_url());
}

/// The services of the compose files.
struct Stack<'a> {
    folder: &'a Path,
    compose: Compose,
    shipped: &'a Shipped,
}

impl<'a> Stack<'a> {
    fn new(folder: &'a Path, shipped: &'a Shipped) -> Self {
        Self {
            folder,
            compose: Compose::read(&shipped.folder),
            shipped,
        }
    }

    fn start(&self, name: &'static str) -> Running {
        let mut service = self.compose.service(name, &Settings::new());
        if name.starts_with("prometheus") {
            service
                .words
                .extend(self.shipped.flag_of_prometheus.map(str::to_owned));
        }
        if name == "store" {
            // Its image starts it.
            service.words.insert(0, "victoria-metrics".to_owned());
        }
        Running::start(name, &service, self.folder)
    }

    /// NetKestrel on that host, which watches the device alone.
    fn start_host(&self, host: usize, device: &Device) -> Running {
        let name = ["host-0", "host-1", "host-2"][host];
        let configuration = self.folder.join(format!("{name}.config"));
        fs::create_dir_all(&configuration).expect("our own folder");
        let text = format!(
            "collectors:\n  devices:\n    default_gateway: false\n    \
             targets: [{{name: {}, address: 127.0.0.1, check: tcp, port: {}}}]\n",
            device_of(host),
            device.port()
        );
        fs::write(configuration.join("netkestrel.yml"), text).expect("our own folder");
        let mut settings: Settings = QUICK.map(|(name, value)| (name, value.to_owned())).into();
        settings.insert("PORT_NETKESTREL", HOSTS[host].to_string());
        settings.insert("CONFIG_FOLDER", configuration.display().to_string());
        let mut service = self.compose.service("netkestrel", &settings);
        // What its image says.
        service.words = ["/build/netkestrel", "run"].map(str::to_owned).into();
        let data = ("NETKESTREL_DATA_DIR", "/var/lib/netkestrel");
        service.environment.push((data.0.to_owned(), data.1.to_owned()));
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).expect("our own folder");
        let mut running = Running::start(name, &service, &folder);
        running.wait(&format!("http://127.0.0.1:{}/-/ready", HOSTS[host]));
        running
    }

    /// The address of Grafana's data source on the store.
    fn store_url(&self) -> String {
        let text =
            fs::read_to_string(self.shipped.folder.join("grafana/ha/datasources.yml")).expect("readable");
        let sources: Value = serde_yaml::from_str(&text).expect("YAML");
        let sources = sources["datasources"].as_array().expect("a list");
        let default = sources.iter().find(|source| source["isDefault"] == true);
        let url = default.expect("one is the default")["url"]
            .as_str()
            .expect("text");
        let environment = self.compose.service("grafana", &Settings::new()).environment;
        environment.iter().fold(url.to_owned(), |url, (name, value)| {
            url.replace(&format!("${{{name}}}"), value)
        })
    }
}

/// Name of the device that the host watches.
fn device_of(host: usize) -> String {
    format!("shed-{host}")
}

fn all_hosts_are_up(prometheus: u16) {
    let url =
        format!("http://127.0.0.1:{prometheus}/api/v1/query?query=sum%28up%7Bjob%3D%22netkestrel%22%7D%29");
    eventually("all hosts are up", Duration::from_mins(1), || {
        get(&url)?.contains("\"3\"]").then_some(())
    });
}

fn down(host: usize) -> String {
    format!("NetKestrel on 127.0.0.1:{} does not answer", HOSTS[host])
}

fn wait_for_mail(mails: &Mailbox, host: usize) {
    let start = Instant::now();
    let mail = eventually("a mail that NetKestrel is down", TOLD, || {
        mails.about(&["[HIGH]", &down(host)]).pop()
    });
    assert!(
        mail.contains("NetKestrelDown") && mail.contains("What usually helps"),
        "{mail}"
    );
    say(&format!(
        "host {host} was told to be down after {:.0} s",
        start.elapsed().as_secs_f64()
    ));
}

/// Mails about the two hosts that were stopped come from Alertmanager, those about devices from NetKestrel.
fn each_is_told_once(mails: &Mailbox) {
    let subjects = mails.subjects();
    say(&format!("mails: {subjects:?}"));
    let about = |words: &str| subjects.iter().filter(|subject| subject.contains(words)).count();
    for host in [0, 1] {
        assert_eq!(about(&down(host)), 1, "{subjects:#?}");
    }
    assert_eq!(about("does not answer"), 2, "{subjects:#?}");
    // A dead Alertmanager is nothing that NetKestrel failed at.
    assert_eq!(about("A notification"), 0, "{subjects:#?}");
    for host in [1, SURVIVOR] {
        assert_eq!(about(&device_of(host)), 1, "{subjects:#?}");
    }
}

/// The body; `None` where nobody answers with 200.
fn get(url: &str) -> Option<String> {
    ureq::get(url)
        .config()
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .call()
        .ok()?
        .body_mut()
        .with_config()
        .limit(200_000_000)
        .read_to_string()
        .ok()
}

/// Waits for what other processes do, and gives up with a failure.
#[expect(
    clippy::disallowed_methods,
    reason = "servers tell nobody when they are ready"
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

/// Lets time pass: an outage has a length, and that a mail does not come shows with time alone.
#[expect(clippy::disallowed_methods, reason = "it is time itself that is tested")]
fn wait_until(end: Instant) {
    thread::sleep(end.saturating_duration_since(Instant::now()));
}

/// A line of the log that is shown for a test that passes, too.
fn say(words: &str) {
    requirement::show("HA", TEST, words);
}
